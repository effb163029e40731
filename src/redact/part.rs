//! The parts of a value that give it away by themselves: lines, passwords in URLs, credentials in JSON and in connection strings.
//!
//! A part is searched for in all of its [`forms`]; a line only where its characters can still be read, because base64 and hex do
//! not keep lines. What is part of half of all logs is left out: a URL's scheme, host and user name, braces, BEGIN and END of
//! PEM, and whatever a key names that does not name credentials, unless it is long and looks random.
//!
//! Cost: linear in the value's length; values are taken apart [`DEPTH_MAX`] deep. The parts of a value longer than [`FULL_LEN_MAX`] are
//! searched for as they are and in plain JSON only.

mod json;
mod key;
mod line;
mod setting;
mod url;

use super::encoding::{FULL_LEN_MAX, Form, core, forms, likeliest_forms, text_forms};
use super::secret::VALUE_LEN_MIN;

/// How often a part is taken apart again: the lines of a key in a JSON string in a line of settings are at the third level.
const DEPTH_MAX: u32 = 3;

/// Calls `emit` with every telling part of `value`, each written in some form, and how long the
/// part itself is; equal ones may come twice.
///
/// An ordinary word (see [`is_ordinary`](super::ordinary::is_ordinary)) can be among them, if it is used as a password.
pub(crate) fn parts(value: &[u8], emit: &mut dyn FnMut(Form, &[u8], usize)) {
    Parts { depth: DEPTH_MAX, all_forms: value.len() <= FULL_LEN_MAX, emit }.of(value);
}

/// Takes values apart, and hands out what it finds.
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

    /// A string or a number in JSON. Where it is no credential as a whole, it may have some in it.
    fn leaf(&mut self, key: &[u8], leaf: &[u8]) {
        if key::is_credential(key, leaf) {
            self.secret(Form::JsonLeaf, leaf);
        } else {
            url::urls(leaf, self);
            setting::settings(leaf, self);
        }
    }

    /// A part that is a secret in itself, with all ways to write it and with its own parts.
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

    /// A part that is text, with the ways to write it in which it can still be read.
    fn text(&mut self, form: Form, part: &[u8]) {
        let write = if self.all_forms { text_forms } else { likeliest_forms };
        write(part, &mut |_, bytes| (self.emit)(form, bytes, part.len()));
    }
}
