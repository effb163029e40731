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
pub(crate) mod quick;
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

/// The plain reading of a whole text, if it differs and nothing in it breaks a match.
pub(crate) fn of(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let read = read(&Joints::all(), text, true)?;
    Some(read.bytes).filter(|bytes| read.breaks.is_empty() && **bytes != *text)
}

/// The plain reading of the beginning of a text, up to what breaks a match; `None` if it does not
/// differ. `is_last`: the text ends here.
pub(crate) fn beginning(joints: &Joints, text: &[u8], is_last: bool) -> Option<Bytes> {
    let mut read = read(joints, text, is_last)?;
    if let Some(&end) = read.breaks.first() {
        read.bytes.truncate(end);
    }
    Some(read)
}

fn read(joints: &Joints, text: &[u8], is_last: bool) -> Option<Bytes> {
    if trigger::first(joints, text, 0, Before::default()) == text.len() {
        return None;
    }
    let (mut one, mut other) = (Bytes::default(), Bytes::default());
    let [mut first, mut second, mut third] = [Level::at(0), Level::at(0), Level::at(0)];
    first.read_text(joints, text, 0, is_last, &mut one);
    second.read(joints, &mut one, is_last, &mut other);
    third.read(joints, &mut other, is_last, &mut one);
    Joining::behind(Before::default()).read(joints, &mut one, &mut other);
    Some(other)
}
