//! The parts of a value that give it away by themselves: lines, passwords in URLs, credentials in
//! JSON and in connection strings.
//!
//! The search covers a part in all of its [`forms`]; a line only in readable ones, since base64 and
//! hex do not preserve lines. Parts that half of all logs contain are left out: a URL's scheme,
//! host and user name, braces, BEGIN and END of PEM, and the value of a key that does not name
//! credentials, unless the value is long and looks random.
//!
//! Cost: linear in the value's length; values are split [`DEPTH_MAX`] levels deep. For a value
//! longer than [`FULL_LEN_MAX`], the search covers its parts verbatim and in plain JSON only.

mod json;
mod key;
mod line;
mod setting;
mod url;

use super::encoding::{FULL_LEN_MAX, Form, core, forms, likeliest_forms, text_forms};
use super::secret::VALUE_LEN_MIN;

/// The maximum depth of splitting: the lines of a key in a JSON string in a settings line are at
/// the third level.
const DEPTH_MAX: u32 = 3;

/// Calls `emit` with every form of every identifying part of `value`, and the length of the part
/// itself. Duplicates are possible.
///
/// An ordinary word (see [`is_ordinary`](super::ordinary::is_ordinary)) can be among them, if it is
/// used as a password.
pub(crate) fn parts(value: &[u8], emit: &mut dyn FnMut(Form, &[u8], usize)) {
    Parts { depth: DEPTH_MAX, all_forms: value.len() <= FULL_LEN_MAX, emit }.of(value);
}

/// Splits values, and emits the parts.
struct Parts<'a> {
    depth: u32,
    /// Whether the value is short enough for its parts to have all forms.
    all_forms: bool,
    emit: &'a mut dyn FnMut(Form, &[u8], usize),
}

impl Parts<'_> {
    fn of(&mut self, value: &[u8]) {
        let value = core(value);
        if json::is_json(value) {
            json::leaves(value, self);
            return;
        }
        line::lines(value, self);
        url::urls(value, self);
        setting::settings(value, self);
    }

    /// A string or a number in JSON. If it is not a credential itself, it may contain some.
    fn leaf(&mut self, key: &[u8], leaf: &[u8]) {
        if key::is_credential(key, leaf) {
            self.secret(Form::JsonLeaf, leaf);
        } else {
            url::urls(leaf, self);
            setting::settings(leaf, self);
        }
    }

    /// A part that is itself a secret, with all of its forms and its own parts.
    fn secret(&mut self, form: Form, part: &[u8]) {
        if part.len() < VALUE_LEN_MIN {
            return;
        }
        let write = if self.all_forms { forms } else { likeliest_forms };
        let len = core(part).len();
        write(part, &mut |_, bytes| (self.emit)(form, bytes, len));
        if self.depth > 1 {
            Parts { depth: self.depth - 1, all_forms: self.all_forms, emit: &mut *self.emit }.of(part);
        }
    }

    /// A part that is text, with its readable forms.
    fn text(&mut self, form: Form, part: &[u8]) {
        let write = if self.all_forms { text_forms } else { likeliest_forms };
        write(part, &mut |_, bytes| (self.emit)(form, bytes, part.len()));
    }
}
