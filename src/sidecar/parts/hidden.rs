//! The texts of Docker's records, on their way through the redactor that searches the rest of each.
//!
//! A text is JSON, and was searched in its decoded form. In the record's bytes a secret that ends
//! in a backslash ends within an escape, and its mask would leave half of one: no JSON, or a record
//! that does not end. So the redactor gets as many bytes of a kind that is in no needle instead,
//! which it gives out at once, and the text is put back in their place.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Format;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::PieceBuf;
use crate::redact::wiped::append;

/// The bytes that stand-ins stand for, in their order.
pub(super) struct Hidden {
    /// None, if each such byte is in some needle: the redactor gets the text itself then.
    stand_in: Option<u8>,
    bytes: Zeroizing<Vec<u8>>,
    /// So many of them are back.
    back: usize,
}

impl Hidden {
    pub(super) fn new(set: &NeedleSet, format: Format) -> Hidden {
        let stand_in = if format == Format::Docker { set.absent_byte() } else { None };
        Hidden { stand_in, bytes: Zeroizing::default(), back: 0 }
    }

    /// Hides the text within a record, and bytes around it that look like a stand-in.
    pub(super) fn hide(&mut self, record: &mut [u8], text: Range<usize>) {
        let Some(stand_in) = self.stand_in else { return };
        let looks = |bytes: &[u8]| memchr::memchr_iter(stand_in, bytes).count();
        append(&mut self.bytes, &vec![stand_in; looks(&record[..text.start])]);
        append(&mut self.bytes, &record[text.clone()]);
        append(&mut self.bytes, &vec![stand_in; looks(&record[text.end..])]);
        record[text].fill(stand_in);
    }

    /// Puts back the hidden text in this output from `from` on, which goes on where the last one ended.
    pub(super) fn restore(&mut self, output: &mut PieceBuf, from: usize) {
        let Some(stand_in) = self.stand_in else { return };
        let Hidden { bytes, back, .. } = self;
        output.fill_in(from, stand_in, |len| {
            let hidden = bytes[*back..].get(..len).expect("each stand-in stands for a byte");
            *back += len;
            hidden
        });
        if self.back == self.bytes.len() {
            self.bytes.clear();
            self.back = 0;
        }
    }

    /// Gives memory back.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Zeroizing::default();
        }
    }
}
