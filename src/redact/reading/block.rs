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

/// The byte below all token characters.
pub(super) const BELOW_TOKENS: u8 = b'*';

/// The bytes of a block in each class, one bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    /// The bytes with which an escape can begin, and line ends.
    pub(super) marks: u64,
    /// The characters that are read as one if they are doubled.
    pub(super) doubled: u64,
    /// Control characters up to CR. Of the marks, the line ends are.
    pub(super) low: u64,
    /// ASCII from `+` on: all token characters, and more.
    pub(super) high: u64,
}

/// The text before a block, as far as the candidates of the block depend on it.
#[derive(Clone, Copy)]
pub(super) struct Earlier {
    /// The bytes that are not high, the last one in the highest bit.
    pub(super) blanks: u64,
    /// 1 if the last byte is a doubled character, else 0.
    pub(super) doubled: u64,
}

/// The highest bits: those of the bytes before a line end that may be a trigger.
const WINDOW: u64 = !(u64::MAX >> super::token::TOKEN_RUN_MIN);

impl Block {
    /// The bytes that may begin an escape.
    #[inline(always)]
    pub(super) fn escapes(self) -> u64 {
        self.marks & !self.low
    }

    /// The bytes that may be triggers, and the state before the next block.
    ///
    /// Without a branch for the line end that every second block of a log has: half of these were
    /// mispredicted. Positions by `lzcnt` took longer than the two shifts, since LLVM made them
    /// `bsr`.
    #[inline(always)]
    pub(super) fn candidates(self, earlier: Earlier, wants: Wanted) -> (u64, Earlier) {
        let doubled = self.doubled & (self.doubled << 1 | earlier.doubled);
        // Of CR and LF, and of empty lines, the first line end decides.
        let line_ends = self.marks & self.low;
        let line_ends = line_ends & !(line_ends << 1);
        let (blanks, first) = (!self.high, line_ends.trailing_zeros() & 63);
        let window = (blanks << 1 << (63 - first) | earlier.blanks >> first) & WINDOW;
        let others = line_ends & line_ends.wrapping_sub(1);
        let wraps = line_ends & (!any(window) | any(others));
        let candidates = self.escapes() & wants.escapes | wraps & wants.wraps | doubled & wants.doubled;
        (candidates, Earlier { blanks, doubled: self.doubled >> 63 })
    }
}

/// All bits if any of these is set, else none.
#[inline(always)]
fn any(bits: u64) -> u64 {
    ((bits | bits.wrapping_neg()) as i64 >> 63) as u64
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
        block.high |= u64::from((BELOW_TOKENS + 1..0x80).contains(&byte)) << bit;
    }
    block
}
