//! The classes of a block of text, one bit a byte.

/// The number of bytes that are classified at once.
pub(super) const BLOCK_LEN: usize = 64;

/// A set of ASCII bytes of which no two have the same low half: each at the index of its low half,
/// so that one lookup and one comparison test sixteen bytes or more.
pub(super) type Lookup = [u8; 16];

/// A row without a byte: no ASCII byte equals it.
const NONE: u8 = 0xff;

/// The lookup for these bytes.
pub(super) const fn lookup(bytes: &[u8]) -> Lookup {
    let (mut table, mut at) = ([NONE; 16], 0);
    while at < bytes.len() {
        let row = (bytes[at] & 15) as usize;
        assert!(bytes[at] < 0x80 && table[row] == NONE, "two bytes with the same low half");
        table[row] = bytes[at];
        at += 1;
    }
    table
}

/// Whether the byte is in the set.
pub(super) fn is_in(table: &Lookup, byte: u8) -> bool {
    table[usize::from(byte & 15)] == byte
}

/// The bytes of a block in each class, one bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    /// The bytes with which an escape can begin, and line ends.
    pub(super) marks: u64,
    /// The characters that are read as one if they are doubled.
    pub(super) doubled: u64,
    /// Control characters up to CR. Of the marks, the line ends are.
    pub(super) low: u64,
    /// ASCII above the blank: all token characters, and more.
    pub(super) printed: u64,
}

/// The end of the block before: the classes on which the candidates of a block depend.
#[derive(Clone, Copy, Default)]
pub(super) struct Earlier {
    pub(super) printed: u64,
    pub(super) doubled: u64,
}

/// The number of printed bytes before a line end that may be a trigger.
const RUN: u32 = super::token::TOKEN_RUN_MIN as u32;

impl Block {
    pub(super) fn of_next(self) -> Earlier {
        Earlier { printed: self.printed, doubled: self.doubled }
    }

    /// The bytes that may begin an escape.
    #[inline(always)]
    pub(super) fn escapes(self) -> u64 {
        self.marks & !self.low
    }

    /// The bytes that may be triggers. Without a branch for the line end that most blocks of a log
    /// have: half of all blocks mispredicted it.
    #[inline(always)]
    pub(super) fn candidates(self, earlier: Earlier, wants: Wanted) -> u64 {
        let doubled = self.doubled & (self.doubled << 1 | earlier.doubled >> 63);
        // Of CR and LF, and of empty lines, the first line end decides.
        let line_ends = self.marks & self.low;
        let line_ends = line_ends & !(line_ends << 1);
        // Is there a blank or the like among the bytes before the first one?
        let blanks = u128::from(!self.printed) << 64 | u128::from(!earlier.printed);
        let first = line_ends.trailing_zeros() & 63;
        let window = (blanks >> (first + 64 - RUN)) as u64 & ((1 << RUN) - 1);
        let is_wrap = window == 0 || line_ends & line_ends.wrapping_sub(1) != 0;
        let wraps = if is_wrap { line_ends } else { 0 };
        self.escapes() & wants.escapes | wraps & wants.wraps | doubled & wants.doubled
    }
}

/// Which candidates are wanted: all bits or none.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) escapes: u64,
    pub(super) wraps: u64,
    pub(super) doubled: u64,
}

/// The classes of a block, byte by byte.
pub(super) fn classify(marks: &Lookup, doubled: &Lookup, bytes: &[u8; BLOCK_LEN]) -> Block {
    let mut block = Block::default();
    for (bit, &byte) in bytes.iter().enumerate() {
        block.marks |= u64::from(is_in(marks, byte)) << bit;
        block.doubled |= u64::from(is_in(doubled, byte)) << bit;
        block.low |= u64::from(byte <= b'\r') << bit;
        block.printed |= u64::from((b'!'..0x80).contains(&byte)) << bit;
    }
    block
}
