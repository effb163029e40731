//! Placeholders for the texts of Docker's records in the redactor that searches the rest of each
//! record.
//!
//! A text is JSON, and was searched in its decoded form. In the record's bytes, a secret that ends
//! in a backslash ends within an escape, and its mask would leave half an escape: invalid JSON, or
//! a record without an end. So the redactor gets as many bytes of a value that is in no needle,
//! which it releases at once, and the text then replaces them.

use std::ops::Range;

use zeroize::Zeroizing;

use super::record::RecordFormat;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::PieceBuf;
use crate::redact::wiped::append;

/// The bytes behind the placeholders, in order.
pub(super) struct Placeholders {
    /// None, if every such byte is in some needle: the redactor then gets the text itself.
    placeholder: Option<u8>,
    bytes: Zeroizing<Vec<u8>>,
    /// The number of restored bytes.
    back: usize,
}

impl Placeholders {
    pub(super) fn new(set: &NeedleSet, format: RecordFormat) -> Placeholders {
        let placeholder = if format == RecordFormat::Docker { set.absent_byte() } else { None };
        Placeholders { placeholder, bytes: Zeroizing::default(), back: 0 }
    }

    /// Hides the text within a record, and bytes around it that look like a placeholder.
    pub(super) fn hide(&mut self, record: &mut [u8], text: Range<usize>) {
        let Some(placeholder) = self.placeholder else { return };
        let looks = |bytes: &[u8]| memchr::memchr_iter(placeholder, bytes).count();
        append(&mut self.bytes, &vec![placeholder; looks(&record[..text.start])]);
        append(&mut self.bytes, &record[text.clone()]);
        append(&mut self.bytes, &vec![placeholder; looks(&record[text.end..])]);
        record[text].fill(placeholder);
    }

    /// Restores the hidden text in this output from `from` on; outputs follow each other.
    pub(super) fn restore(&mut self, output: &mut PieceBuf, from: usize) {
        let Some(placeholder) = self.placeholder else { return };
        let Placeholders { bytes, back, .. } = self;
        output.fill_in(from, placeholder, |len| {
            let hidden = bytes[*back..].get(..len).expect("each placeholder replaces a byte");
            *back += len;
            hidden
        });
        if self.back == self.bytes.len() {
            self.bytes.clear();
            self.back = 0;
        }
    }

    /// Frees memory.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Zeroizing::default();
        }
    }
}
