//! The plain reading: what stays of a text when escapes are undone.
//!
//! A value that a program has written in another spelling stands in no raw text. Its spellings are
//! too many to list: programs escape different characters, mix styles, and write each other's
//! output. So the text is read a second time, with every escape of [`rule`]'s table undone, to the
//! third depth; then doubled quotes and the like read as one, and the end of a line within a long
//! run of base64 as nothing. The needles of a value are brought to the same shape.
//!
//! Each byte of the reading knows the *stretch* of the text that it came from. An occurrence in the
//! reading covers the text from the stretch of its first byte to that of its last. The definition
//! is [`naive::plain`](super::naive::plain).
//!
//! The two readings differ only beside an escape. The first level finds these places; there, the
//! [search](super::search) reads on until both readings agree again.

mod block;
pub(crate) mod bytes;
pub(crate) mod join;
pub(crate) mod level;
pub(crate) mod rule;
pub(crate) mod token;
pub(crate) mod trigger;
#[cfg(target_arch = "x86_64")]
mod x86;

use zeroize::Zeroizing;

use bytes::Bytes;
use join::Joining;
use level::Level;
use token::Before;
use trigger::Joints;

/// The plain reading of a whole text, if it differs.
pub(crate) fn of(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let joints = Joints::all();
    if trigger::first(&joints, text, 0, Before::default()) == text.len() {
        return None;
    }
    let (mut one, mut other) = (Bytes::default(), Bytes::default());
    let [mut first, mut second, mut third] = [Level::at(0), Level::at(0), Level::at(0)];
    first.read_text(&joints, text, 0, true, &mut one);
    second.read(&joints, &mut one, true, &mut other);
    third.read(&joints, &mut other, true, &mut one);
    Joining::behind(Before::default()).read(&joints, &mut one, &mut other);
    Some(other.bytes).filter(|read| other.breaks.is_empty() && **read != *text)
}
