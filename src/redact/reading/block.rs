//! The classes of a block of text, one bit a byte.

use super::token::TOKEN_RUN_MIN;

/// The number of bytes that are classified at once.
pub(super) const BLOCK_LEN: usize = 64;

/// The classes of a byte, as bits.
pub(super) const ESCAPE: u8 = 1;
pub(super) const LINE_END: u8 = 2;
pub(super) const TOKEN: u8 = 4;
pub(super) const DOUBLED: u8 = 8;

/// The bytes of a block in each class, one bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    pub(super) escape: u64,
    pub(super) line_end: u64,
    pub(super) token: u64,
    pub(super) doubled: u64,
}

/// What the candidates of a block depend on: the bytes of the block before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Earlier {
    pub(super) token: u64,
    pub(super) doubled: u64,
}

impl Block {
    pub(super) fn of_next(self) -> Earlier {
        Earlier { token: self.token, doubled: self.doubled }
    }

    /// The bytes that may be triggers: of those that end a line, the ones behind token characters at
    /// some of the distances up to [`TOKEN_RUN_MIN`].
    #[inline(always)]
    pub(super) fn candidates(self, earlier: Earlier, wants: Wanted) -> u64 {
        let back = |now: u64, before: u64, by: u32| now << by | before >> (64 - by);
        let token = |by| back(self.token, earlier.token, by);
        let wrap = self.line_end & token(1) & token(14) & token(27) & token(u32::from(TOKEN_RUN_MIN));
        let double = self.doubled & back(self.doubled, earlier.doubled, 1);
        self.escape & wants.escapes | wrap & wants.wraps | double & wants.doubled
    }
}

/// Which candidates are wanted: all bits or none.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) escapes: u64,
    pub(super) wraps: u64,
    pub(super) doubled: u64,
}
