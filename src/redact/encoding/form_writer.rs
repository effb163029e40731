//! The writer shared by the rows of all encodings.

use std::hash::{DefaultHasher, Hasher as _};

use zeroize::Zeroizing;

use super::super::reading;
use super::super::secret::UNGUESSABLE_LEN_MIN;
use super::Form;

/// The maximum number of bytes that a row makes of one: a byte in hex with `, 0x`.
const GROWTH_MAX: usize = 6;
/// The maximum number of bytes that a row adds to that: the last line of a hex dump is filled up.
const FILL_MAX: usize = 96;

/// The maximum length of a row of a value of this length.
fn row_len_max(value_len: usize) -> usize {
    value_len * GROWTH_MAX + FILL_MAX
}

/// The value to encode, and the buffer that all rows share.
///
/// The buffer holds secrets. It is reserved for the longest form, so that it never moves and leaves
/// a copy behind, and it is wiped.
pub(super) struct FormWriter<'a> {
    pub(super) value: &'a [u8],
    /// Whether the value is UTF-8.
    pub(super) text: bool,
    /// Whether the value has characters outside of ASCII.
    pub(super) wide: bool,
    line: Zeroizing<Vec<u8>>,
    emitted: Emitted<'a>,
}

/// The forms emitted so far, to suppress duplicates from different rows. Two forms of one value
/// count as equal if their 64-bit hashes are.
struct Emitted<'a> {
    hashes: Vec<u64>,
    emit: &'a mut dyn FnMut(Form, &[u8]),
}

impl Emitted<'_> {
    /// Emits a form, and its plain reading if that is another.
    fn emit(&mut self, form: Form, bytes: &[u8]) {
        self.emit_one(form, bytes);
        if let Some(read) = reading::of(bytes) {
            self.emit_one(Form::Escaped, &read);
        }
    }

    fn emit_one(&mut self, form: Form, bytes: &[u8]) {
        if bytes.len() < UNGUESSABLE_LEN_MIN {
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        let hash = hasher.finish();
        if !self.hashes.contains(&hash) {
            self.hashes.push(hash);
            (self.emit)(form, bytes);
        }
    }
}

impl<'a> FormWriter<'a> {
    pub(super) fn new(value: &'a [u8], emit: &'a mut dyn FnMut(Form, &[u8])) -> FormWriter<'a> {
        FormWriter {
            value,
            text: std::str::from_utf8(value).is_ok(),
            wide: !value.is_ascii(),
            line: Zeroizing::new(Vec::with_capacity(row_len_max(value.len()))),
            emitted: Emitted { hashes: Vec::new(), emit },
        }
    }

    /// Emits one form, the output of `write`, unless it equals the value or is too short to
    /// identify it.
    pub(super) fn row(&mut self, form: Form, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        self.line.clear();
        write(self.value, &mut self.line);
        debug_assert!(self.line.len() <= row_len_max(self.value.len()), "a row outgrew its buffer");
        if **self.line != *self.value {
            self.emitted.emit(form, &self.line);
        }
    }

    /// Emits a form that a row made elsewhere, unless it is too short to identify the value.
    pub(super) fn emit(&mut self, form: Form, bytes: &[u8]) {
        self.emitted.emit(form, bytes);
    }
}
