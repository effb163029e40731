//! The writer shared by the rows of all encodings.

use std::hash::{DefaultHasher, Hasher as _};

use zeroize::Zeroizing;

use super::super::secret::UNGUESSABLE_LEN_MIN;
use super::Form;
use super::json_string::{self, Style};

/// The maximum number of bytes that a row makes of one: a control character in JSON in JSON,
/// `\\u001b`.
const GROWTH_MAX: usize = 7;
/// The maximum number of bytes that a row adds to that: the last line of a hex dump is filled up.
const FILL_MAX: usize = 96;

/// The maximum length of a row of a value of this length.
fn row_len_max(value_len: usize) -> usize {
    value_len * GROWTH_MAX + FILL_MAX
}

/// The value to encode, and the buffers that all rows share.
///
/// The buffers hold secrets. They are reserved for the longest form, so that they never move and
/// leave a copy behind, and they are wiped.
pub(super) struct FormWriter<'a> {
    pub(super) value: &'a [u8],
    /// Whether the value is UTF-8.
    pub(super) text: bool,
    /// Whether the value has control characters.
    pub(super) controls: bool,
    /// Whether the value has characters outside of ASCII.
    pub(super) wide: bool,
    line: Zeroizing<Vec<u8>>,
    around: Zeroizing<Vec<u8>>,
    emitted: Emitted<'a>,
}

/// The forms emitted so far, to suppress duplicates from different rows. Two forms of one value
/// count as equal if their 64-bit hashes are.
struct Emitted<'a> {
    hashes: Vec<u64>,
    emit: &'a mut dyn FnMut(Form, &[u8]),
}

impl Emitted<'_> {
    fn emit(&mut self, form: Form, bytes: &[u8]) {
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
            controls: value.iter().any(u8::is_ascii_control),
            wide: !value.is_ascii(),
            line: Zeroizing::new(Vec::with_capacity(row_len_max(value.len()))),
            around: Zeroizing::new(Vec::new()),
            emitted: Emitted { hashes: Vec::new(), emit },
        }
    }

    /// Whether every row of readable forms would leave the value unchanged.
    pub(super) fn is_plain(&self) -> bool {
        self.value.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    }

    /// Emits one form, the output of `write`, unless it equals the value or is too short to
    /// identify it.
    pub(super) fn row(&mut self, form: Form, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        if self.write(write) {
            self.emitted.emit(form, &self.line);
        }
    }

    /// Emits one form, and also within JSON, as in a log of JSON lines.
    pub(super) fn row_and_in_json(&mut self, form: Form, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        if self.write(write) {
            self.emitted.emit(form, &self.line);
            self.json_around(&json_string::MINIMAL);
        }
    }

    /// Emits one form within JSON, without the form itself.
    pub(super) fn row_in_json(&mut self, outer: &Style, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        if self.write(write) {
            self.json_around(outer);
        }
    }

    /// Emits a form that a row made elsewhere, unless it is too short to identify the value.
    pub(super) fn emit(&mut self, form: Form, bytes: &[u8]) {
        if bytes.len() >= UNGUESSABLE_LEN_MIN {
            self.emitted.emit(form, bytes);
        }
    }

    fn write(&mut self, write: impl FnOnce(&[u8], &mut Vec<u8>)) -> bool {
        self.line.clear();
        write(self.value, &mut self.line);
        debug_assert!(self.line.len() <= row_len_max(self.value.len()), "a row outgrew its buffer");
        self.line.len() >= UNGUESSABLE_LEN_MIN && **self.line != *self.value
    }

    fn json_around(&mut self, style: &Style) {
        self.around.clear();
        self.around.reserve_exact(row_len_max(self.value.len()));
        json_string::write(&self.line, style, &mut self.around);
        debug_assert!(self.around.len() <= row_len_max(self.value.len()), "a row outgrew its buffer");
        if self.around != self.line {
            self.emitted.emit(Form::JsonInJson, &self.around);
        }
    }
}
