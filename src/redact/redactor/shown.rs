//! The beginning of held-back bytes that may be shown: see
//! [`release_partial`](super::Redactor::release_partial).

use super::super::reading::rest::Rest;
use super::super::reading::rule::{self, ReadsAs};

/// The length of the beginning of the held-back bytes with `len_max` bytes and the control
/// sequences around them. Of the last `of_text` bytes, which begin a needle as they are, all count.
pub(super) fn shown_len(held: &[u8], of_text: usize, len_max: usize) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < held.len() {
        let end = at + sequence_len(&held[at..]).unwrap_or(0);
        let counted = end.saturating_sub(at.max(held.len() - of_text));
        match () {
            () if end > at && count + counted <= len_max => (at, count) = (end, count + counted),
            () if count < len_max => (at, count) = (at + 1, count + 1),
            () => break,
        }
    }
    at
}

/// The length of the control sequence at the beginning of these bytes, if one ends among them.
fn sequence_len(bytes: &[u8]) -> Option<usize> {
    let escape = bytes.starts_with(&[rule::ESC]).then(|| rule::escape(Rest { bytes, is_last: false }))?;
    let escape = escape.ok().flatten()?;
    (escape.reads_as == ReadsAs::Nothing).then_some(escape.len)
}
