//! Stand-ins for the texts of Docker's records in the redactor that searches the rest of each
//! record.
//!
//! A text is JSON, and was searched in its decoded form. In the record's bytes, a secret that ends
//! in a backslash ends within an escape, and its mask would leave half an escape: invalid JSON, or
//! a record without an end. So the redactor gets as many bytes of a value that is in no needle,
//! which it releases at once, and the text then replaces them.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Format;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::PieceBuf;
use crate::redact::wiped::append;

/// The bytes behind the stand-ins, in order.
pub(super) struct Hidden {
    /// None, if every such byte is in some needle: the redactor then gets the text itself.
    stand_in: Option<u8>,
    bytes: Zeroizing<Vec<u8>>,
    /// The number of restored bytes.
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

    /// Restores the hidden text in this output from `from` on; outputs follow each other.
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

    /// Frees memory.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Zeroizing::default();
        }
    }
}
