//! The parts of a value that give it away by themselves: lines, passwords in URLs, credentials in
//! settings of any format, credentials behind a scheme or a name, and what an encoded value decodes
//! to.
//!
//! The search covers a part in all of its [forms](part_forms); a line only in readable ones, since
//! base64 and hex do not preserve lines. Parts that half of all logs contain are left out: a URL's
//! scheme, host and user name, braces, BEGIN and END of PEM, the lines of a settings file, and the
//! value of a key that does not name credentials, unless the value is long and looks random.
//!
//! Cost: linear in the value's length; credentials are split [`DEPTH_MAX`] levels deep, and
//! settings within settings [`LEVEL_MAX`] levels. For a value longer than [`FULL_LEN_MAX`], the
//! search covers its parts in readable forms only.

mod credential;
mod encoded;
mod line;
mod settings;
#[cfg(test)]
mod tests;
mod url;
mod written;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use super::credential::looks_random;
use super::credential::name::{Meaning, meaning};
use super::credential::setting::{is_host, is_setting};
use super::encoding::{FULL_LEN_MAX, Form, byte_forms, core, part_forms, text_forms};
use super::secret::VALUE_LEN_MIN;
use settings::Settings;
use written::Style;

/// The maximum depth of splitting: a Secret of Kubernetes with the logins of Docker has base64 of
/// JSON with base64 of a user and a password, which is at the fourth level.
const DEPTH_MAX: u32 = 4;
/// The maximum depth of settings within the values of settings.
const LEVEL_MAX: u32 = 4;

/// Calls `emit` with every form of every identifying part of `value`, and the length of the part
/// itself. Duplicates are possible. The name of the value says how to read a list: those in
/// `API_KEYS` are all credentials.
///
/// An ordinary word (see [`is_ordinary`](super::ordinary::is_ordinary)) can be among them, if it is
/// used as a password.
pub(crate) fn parts(name: &[u8], value: &[u8], emit: &mut dyn FnMut(Form, &[u8], usize)) {
    let all_forms = value.len() <= FULL_LEN_MAX;
    each(name, value, &mut |form, part, kind| {
        let write = match kind {
            _ if !all_forms => text_forms,
            PartKind::Secret => part_forms,
            PartKind::Text => text_forms,
            PartKind::Bytes => byte_forms,
        };
        let len = if kind == PartKind::Secret { core(part).len() } else { part.len() };
        write(part, &mut |_, bytes| emit(form, bytes, len));
    });
}

/// Whether a value with this name is a list of names and credentials, whatever the names are.
fn ends_in_pairs(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    name.ends_with(b"COOKIE") || name.ends_with(b"HEADERS")
}

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartKind {
    /// A secret by itself, with all forms.
    Secret,
    /// A text in the value, with its readable forms.
    Text,
    /// Bytes that are no text, such as a key, with the forms in which programs write these.
    Bytes,
}

/// Calls `emit` with each part, without its forms.
fn each(name: &[u8], value: &[u8], emit: &mut dyn FnMut(Form, &[u8], PartKind)) {
    // The name of a file says little of its entries.
    let is_collection = meaning(name) == Meaning::Collection || ends_in_pairs(name);
    let is_collection = is_collection && !core(value).contains(&b'\n');
    let meaning = if is_collection { Meaning::Collection } else { Meaning::Other };
    let mut split = HashMap::new();
    Parts { depth: DEPTH_MAX, level: LEVEL_MAX, meaning, split: &mut split, emit }.of_secret(value, true);
}

/// Splits values, and emits the parts.
struct Parts<'a> {
    /// The levels of credentials in credentials that are left.
    depth: u32,
    /// The levels of settings in settings that are left.
    level: u32,
    /// The meaning of the value's own name.
    meaning: Meaning,
    /// The hashes of the parts that were split, each with the levels of credentials that were left:
    /// a list of words has the same parts by many ways.
    split: &'a mut HashMap<u64, u32>,
    emit: &'a mut dyn FnMut(Form, &[u8], PartKind),
}

impl Parts<'_> {
    /// Splits a value that is secret as a whole. `is_labelled`: it may have more before the
    /// credential.
    fn of_secret(&mut self, value: &[u8], is_labelled: bool) {
        let value = core(value);
        let is_settings = self.settings(value);
        let are_several = line::are_several(value);
        if are_several {
            if is_settings {
                line::pem_blocks(value, self);
            } else {
                line::identifying(value, self);
            }
            credential::lines(value, self);
        } else {
            line::joined(value, self);
            credential::token(value, self);
            if is_labelled {
                credential::within(value, self);
                credential::array(value, self);
            }
        }
        // The escapes of a whole file are those of its values.
        if !is_settings || !are_several && !matches!(value.first(), Some(b'{' | b'[' | b'<')) {
            encoded::decode(value, self);
        }
    }

    /// Splits a value that is none, but may have credentials in it.
    fn of_plain(&mut self, value: &[u8]) {
        if self.level > 0 && !is_sentence(value) {
            let is_whole = self.settings(value);
            if is_whole || line::are_several(value) {
                line::pem_blocks(value, self);
            }
        }
    }

    /// Emits the credentials in the URLs and the settings of a value. Returns whether it is a
    /// settings file as a whole.
    fn settings(&mut self, value: &[u8]) -> bool {
        if !value.iter().any(|byte| b"=:<{[(@ \n".contains(byte)) {
            return false;
        }
        if is_url(value) {
            url::urls(value, self);
            return false;
        }
        let settings = Settings::read(value, self.meaning);
        let form = if matches!(value.first(), Some(b'{' | b'[')) { Form::JsonLeaf } else { Form::ConnectionString };
        for leaf in &settings.leaves {
            if leaf.is_credential {
                leaf.written.readings(&mut |reading| {
                    self.secret(form, reading);
                    if leaf.is_pair {
                        credential::within(reading, self);
                    }
                    if leaf.is_base64 {
                        encoded::decode_base64(reading, self);
                    }
                });
            } else if leaf.written.text.len() < value.len() {
                let level = self.level.saturating_sub(1);
                let (split, emit) = (&mut *self.split, &mut *self.emit);
                let mut inner = Parts { depth: self.depth, level, meaning: Meaning::Other, split, emit };
                leaf.written.likely_readings(&mut |reading| {
                    if looks_random(reading) {
                        inner.secret(form, reading);
                    } else {
                        inner.of_plain(reading);
                    }
                    if leaf.written.style == Style::Bare {
                        url::urls(reading, &mut inner);
                    }
                });
            }
        }
        let is_line = !value.contains(&b'\n') && !matches!(value.first(), Some(b'{' | b'[' | b'<'));
        if is_line || settings.leaves.is_empty() || !settings.is_settings() {
            url::urls(value, self);
        }
        settings.is_settings()
    }

    /// A part that is itself a secret, with all of its forms and its own parts.
    fn secret(&mut self, form: Form, part: &[u8]) {
        if part.len() < VALUE_LEN_MIN {
            return;
        }
        (self.emit)(form, part, PartKind::Secret);
        if self.depth > 1 && self.is_to_split(part, form) {
            let (split, emit) = (&mut *self.split, &mut *self.emit);
            Parts { depth: self.depth - 1, level: LEVEL_MAX, meaning: Meaning::Other, split, emit }
                .of_secret(part, form == Form::Decoded);
        }
    }

    /// Whether a part was not split with as many levels left.
    fn is_to_split(&mut self, part: &[u8], form: Form) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(part);
        hasher.write_u8(u8::from(form == Form::Decoded));
        let most = self.split.entry(hasher.finish()).or_default();
        let is_more = self.depth > *most;
        *most = self.depth.max(*most);
        is_more
    }

    /// A part that is no text.
    fn bytes(&mut self, form: Form, part: &[u8]) {
        (self.emit)(form, part, PartKind::Bytes);
    }

    /// A part that is text, with its readable forms.
    fn text(&mut self, form: Form, part: &[u8]) {
        (self.emit)(form, part, PartKind::Text);
    }
}

/// Whether a value that may be any text has a credential under a name that says so, or a private
/// key.
#[allow(dead_code, reason = "a library without sources does not ask")]
pub(crate) fn has_named_credential(value: &[u8]) -> bool {
    if memchr::memmem::find(value, b"PRIVATE KEY-----").is_some() {
        return true;
    }
    if !value.iter().any(|byte| b"=:<{[( \n".contains(byte)) || is_sentence(value) {
        return false;
    }
    Settings::read(value, Meaning::Other).leaves.iter().any(|leaf| {
        let text = leaf.written.likely_text();
        leaf.is_named && text.len() >= VALUE_LEN_MIN && !is_setting(b"value", text)
    })
}

/// Whether a value is `user:password@host`, of which the host has a point or a port.
#[allow(dead_code, reason = "a library without sources does not ask")]
pub(crate) fn is_user_at_host(value: &[u8]) -> bool {
    let Some((login, host)) = memchr::memrchr(b'@', value).map(|at| (&value[..at], &value[at + 1..])) else {
        return false;
    };
    let Some((user, password)) = memchr::memchr(b':', login).map(|at| (&login[..at], &login[at + 1..])) else {
        return false;
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    is_host(host) && !user.is_empty() && user.iter().all(is_name) && !is_setting(b"value", password)
}

/// Whether a value of a setting is text with a colon in it, such as `invalid password: try again`,
/// and no setting: letters and blanks behind the colon, more than one word in all.
fn is_sentence(value: &[u8]) -> bool {
    let Some(colon) = memchr::memmem::find(value, b": ") else { return false };
    let is_prose = |byte: &u8| byte.is_ascii_alphabetic() || b" ,.!?'()-".contains(byte);
    value[..colon].iter().all(is_prose)
        && value[colon + 1..].iter().all(is_prose)
        && value.iter().filter(|byte| **byte == b' ').count() > 1
}

/// Whether a value is a URL, and nothing else.
fn is_url(value: &[u8]) -> bool {
    let scheme = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte)).count();
    let has_blank = value.iter().any(u8::is_ascii_whitespace);
    scheme > 0 && value[scheme..].starts_with(b"://") && !has_blank
}
