//! The plain reading: a text with its escapes undone.
//!
//! A value that a program has written in another spelling stands in no raw text. Its spellings are
//! too many to list: programs escape different characters, mix styles, and write each other's
//! output. So the text is read a second time, with every escape of [`rule`]'s table and every row
//! of a hex [`dump`] undone, to the fourth depth; then doubled quotes and the like read as one, and
//! the end of a line within a long run of base64 as nothing. The needles of a value are brought to
//! the same shape.
//!
//! Each byte of the reading knows the *stretch* of the text that it came from. An occurrence in the
//! reading covers the text from the stretch of its first byte to that of its last. The definition
//! is [`naive::plain`](super::naive::plain).
//!
//! The two readings differ only beside an escape. The first level finds these places; there, the
//! [search](super::search) reads on until both readings agree again.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod aarch64;
mod block;
pub(crate) mod dump;
mod entity;
mod join;
mod layer;
mod level;
mod quick;
pub(crate) mod reader;
pub(crate) mod rest;
pub(crate) mod rule;
mod run;
pub(crate) mod spelling;
pub(crate) mod token;
pub(crate) mod trigger;
#[cfg(target_arch = "x86_64")]
mod x86;

use zeroize::Zeroizing;

use reader::{Piece, Reader};
use rule::DEPTH;
pub(crate) use run::{Run, run_of};
use token::Before;
use trigger::Joints;

/// The plain reading of a whole text, if it differs and nothing in it breaks a match.
pub(crate) fn of(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    of_depth(text, DEPTH)
}

/// The same with escapes undone to this depth only.
pub(crate) fn of_depth(text: &[u8], depth: usize) -> Option<Zeroizing<Vec<u8>>> {
    read(depth, Joints::all(), text, true, |piece| {
        let differs = piece.breaks().is_empty() && piece.bytes() != text;
        differs.then(|| Zeroizing::new(piece.bytes().to_vec()))
    })?
}

/// The beginning of a reading.
pub(crate) struct Beginning {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    runs: Vec<Run>,
}

impl Beginning {
    /// Where the stretch of the byte at this offset ends.
    pub(crate) fn end_of(&self, at: usize) -> u64 {
        self.runs[run_of(&self.runs, at as u64)].end_of(at as u64)
    }
}

/// The plain reading of the beginning of a text, up to a break of matches; `None` if it does not
/// differ. `is_last`: the text ends here.
pub(crate) fn beginning(joints: &Joints, text: &[u8], is_last: bool) -> Option<Beginning> {
    read(DEPTH, joints, text, is_last, |piece| {
        let len = piece.breaks().first().map_or(piece.bytes().len(), |&at| at as usize);
        let mut runs = Vec::new();
        piece.append_runs(0..len, 0, &mut runs);
        Beginning { bytes: Zeroizing::new(piece.bytes()[..len].to_vec()), runs }
    })
}

/// Calls `with` for the reading of a text, if it may differ.
fn read<T>(depth: usize, joints: &Joints, text: &[u8], is_last: bool, with: impl FnOnce(&Piece<'_>) -> T) -> Option<T> {
    if trigger::first(joints, text, 0, Before::default()) == text.len() {
        return None;
    }
    Some(with(&Reader::to_depth(depth).read(joints, text, 0, is_last)))
}
