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

/// The sets of bytes that triggers are made of.
#[derive(Clone)]
pub(super) struct Lookups {
    /// The bytes with which an escape can begin.
    pub(super) escapes: Lookup,
    pub(super) line_ends: Lookup,
    /// The characters that are read as one if they are doubled.
    pub(super) doubled: Lookup,
    /// The first two.
    pub(super) marks: Lookup,
}

/// The byte below all token characters.
pub(super) const BELOW_TOKENS: u8 = b'*';

/// The bytes of a block in each class, one bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    pub(super) escapes: u64,
    pub(super) line_ends: u64,
    pub(super) doubled: u64,
    /// Zeros, the digit.
    pub(super) zeros: u64,
    /// ASCII from `+` on without the dot: all token characters, and more. With the dot, a third of
    /// the line ends that passed were behind none.
    pub(super) high: u64,
}

/// The text before a block, as far as the candidates of the block depend on it.
#[derive(Clone, Copy)]
pub(super) struct Earlier {
    /// The bytes that are not high, the last one in the highest bit.
    pub(super) blanks: u64,
    /// 1 if the last byte is a doubled character, else 0.
    pub(super) doubled: u64,
    /// 1 if the last byte ends a line, else 0.
    pub(super) line_end: u64,
}

impl Earlier {
    /// Any text: with it, more bytes are candidates.
    pub(super) const UNKNOWN: Earlier = Earlier { blanks: 0, doubled: 1, line_end: 1 };
}

/// The highest bits: those of the bytes before a line end that may be a trigger.
const WINDOW: u64 = !(u64::MAX >> super::token::TOKEN_RUN_MIN);

impl Block {
    pub(super) fn of_next(self) -> Earlier {
        Earlier { blanks: !self.high, doubled: self.doubled >> 63, line_end: self.line_ends >> 63 }
    }

    /// The bytes that may be triggers, and the state before the next block.
    #[inline(always)]
    pub(super) fn candidates(self, earlier: Earlier, wants: Wanted) -> (u64, Earlier) {
        let doubled = self.doubled & (self.doubled << 1 | earlier.doubled);
        // Of CR and LF, and of empty lines, the first line end decides.
        let line_ends = self.line_ends & !(self.line_ends << 1);
        let first = line_ends.trailing_zeros() & 63;
        let window = (!self.high << 1 << (63 - first) | earlier.blanks >> first) & WINDOW;
        let is_wrap = window == 0 || line_ends & line_ends.wrapping_sub(1) != 0;
        let wraps = if is_wrap { line_ends } else { 0 };
        let escapes = self.escapes | self.zeros & (self.line_ends << 1 | earlier.line_end);
        let candidates = escapes & wants.escapes | wraps & wants.wraps | doubled & wants.doubled;
        (candidates, self.of_next())
    }
}

/// The offset behind the first line ends of a block, or behind the block if it has none: a dump may
/// begin there.
#[inline(always)]
pub(super) fn behind_line_ends(line_ends: u64) -> usize {
    (line_ends << 1 & !line_ends).trailing_zeros() as usize
}

/// Which candidates are wanted: all bits or none.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) escapes: u64,
    pub(super) wraps: u64,
    pub(super) doubled: u64,
}

/// The classes of a block, byte by byte.
pub(super) fn classify(lookups: &Lookups, bytes: &[u8; BLOCK_LEN]) -> Block {
    let mut block = Block::default();
    for (bit, &byte) in bytes.iter().enumerate() {
        block.escapes |= u64::from(is_in(&lookups.escapes, byte)) << bit;
        block.line_ends |= u64::from(is_in(&lookups.line_ends, byte)) << bit;
        block.doubled |= u64::from(is_in(&lookups.doubled, byte)) << bit;
        block.zeros |= u64::from(byte == b'0') << bit;
        block.high |= u64::from((BELOW_TOKENS + 1..0x80).contains(&byte) && byte != b'.') << bit;
    }
    block
}
