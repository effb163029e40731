//! The plain reading of text in which escapes are plenty and simple: one level, without stretches.

use zeroize::Zeroizing;

use super::rule::{self, GAP_MAX, ReadsAs, Rest};
use super::token::Before;
use super::trigger::{self, Joints};

/// What was read.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    /// The offset in the reading from which on it is the text itself.
    pub(crate) plain_from: usize,
    /// The end of the last escape in the text, or 0.
    pub(crate) differs_until: usize,
    /// The end of the stretch of the last byte.
    pub(crate) end: usize,
}

/// Reads the text into `out`, which is empty. `None` if the levels have to: an escape has no end yet,
/// reads as a part of another, breaks a match, or is followed by something doubled or wrapped.
///
/// `gap` is the number of bytes before the text that were dropped since the last byte of the reading.
pub(crate) fn read(
    joints: &Joints,
    text: &[u8],
    before: Before,
    gap: u64,
    out: &mut Zeroizing<Vec<u8>>,
) -> Option<Read> {
    if out.capacity() < text.len() {
        **out = Vec::with_capacity(text.len());
    }
    let (mut copied, mut at) = (0, 0);
    let mut read = Read { plain_from: 0, differs_until: 0, end: 0 };
    loop {
        at = trigger::first_escape(joints, text, at);
        if at == text.len() {
            break;
        }
        let Some(escape) = rule::escape(Rest { bytes: &text[at..], is_last: false }).ok()? else {
            at += 1;
            continue;
        };
        if at > copied {
            out.extend_from_slice(&text[copied..at]);
            read.end = at;
        }
        at += escape.len;
        match escape.reads_as {
            ReadsAs::Bytes(bytes, len) => {
                out.extend_from_slice(&bytes[..len.into()]);
                read.end = at;
            }
            ReadsAs::Nothing if (at - read.end) as u64 + if read.end == 0 { gap } else { 0 } <= GAP_MAX => {}
            ReadsAs::Nothing | ReadsAs::Break => return None,
        }
        copied = at;
        (read.plain_from, read.differs_until) = (out.len(), at);
    }
    if text.len() > copied {
        out.extend_from_slice(&text[copied..]);
        read.end = text.len();
    }
    let is_one_level = trigger::first(joints, out, 0, before) == out.len();
    (is_one_level && read.end > 0).then_some(read)
}
