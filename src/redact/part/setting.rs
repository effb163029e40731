//! Credentials in settings: connection strings (`Server=h;Password=p;`, `host=h password='p'`,
//! `a=b&sig=c`), dotenv and YAML lines.

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::Parts;
use super::key::is_credential;
use crate::redact::encoding::{Form, core};

/// Finds the settings of a value, separated by `;`, else by `&`, else by lines or blanks.
pub(super) fn settings(value: &[u8], parts: &mut Parts<'_>) {
    let Some(first) = value.iter().position(|&byte| byte == b'=' || byte == b':') else { return };
    if value.contains(&b'\n') {
        for line in value.split(|byte| matches!(byte, b'\r' | b'\n')) {
            take(line, b'=', parts);
            take(line, b':', parts);
        }
    } else if value.contains(&b';') {
        split(value, b";", |setting| take(setting, b'=', parts));
    } else if value[first..].contains(&b'&') {
        query(value, Form::ConnectionString, parts);
    } else {
        split(value, b" \t", |setting| take(setting, b'=', parts));
    }
}

/// Finds the credentials in a query: `?user=u&password=p`. Each verbatim, decoded, and with blanks
/// for `+`.
pub(super) fn query(query: &[u8], form: Form, parts: &mut Parts<'_>) {
    for pair in query.split(|byte| matches!(byte, b'?' | b'&' | b'#' | b';')) {
        let Some((key, value)) = cut(pair, b'=') else { continue };
        if is_credential(key, value) {
            parts.secret(form, value);
            decoded(value, |plain| parts.secret(form, plain));
            if value.contains(&b'+') {
                let mut blanks = Zeroizing::new(value.to_vec());
                blanks.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
                parts.secret(form, &blanks);
                decoded(&blanks, |plain| parts.secret(form, plain));
            }
        }
    }
}

/// Calls `take` with the percent-decoded text, if that differs.
pub(super) fn decoded(text: &[u8], take: impl FnOnce(&[u8])) {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(percent_decode(text));
    if *plain != text {
        take(&plain);
    }
}

/// Splits at separators outside of quotes. Quotes begin after a `=`, and a doubled or escaped one
/// does not end them.
fn split(text: &[u8], separators: &[u8], mut each: impl FnMut(&[u8])) {
    let (mut start, mut quote, mut before) = (0, None, b' ');
    for (at, &byte) in text.iter().enumerate() {
        match quote {
            Some(open) if byte == open && before != b'\\' => quote = None,
            Some(_) => {}
            // A doubled quote ends one quoted stretch and begins the next.
            None if matches!(byte, b'"' | b'\'') && (before == b'=' || before == byte) => quote = Some(byte),
            None if separators.contains(&byte) => {
                each(&text[start..at]);
                start = at + 1;
            }
            None => {}
        }
        before = byte;
    }
    each(&text[start..]);
}

/// Emits the value of one setting, if it is a credential: without its quotes, and with the quotes
/// in it unescaped.
fn take(setting: &[u8], separator: u8, parts: &mut Parts<'_>) {
    let Some((key, value)) = cut(setting, separator) else { return };
    let value = value.trim_ascii();
    let value = value.strip_suffix(b",").unwrap_or(value);
    let inner = core(value);
    if !is_credential(key, inner) {
        return;
    }
    parts.secret(Form::ConnectionString, value);
    if let (Some(&quote @ (b'"' | b'\'')), true) = (value.first(), inner.len() < value.len()) {
        for undo in [quote, b'\\'] {
            parts.secret(Form::ConnectionString, &undone(inner, undo, quote));
        }
    }
}

/// Unescapes a quoted text with doubled or backslash-escaped quotes.
fn undone(text: &[u8], undo: u8, quote: u8) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        if byte == undo && (next == Some(quote) || next == Some(undo)) {
            plain.extend(bytes.next());
        } else {
            plain.push(byte);
        }
    }
    plain
}

/// A setting's key and value. A key is a word that may contain dots, dashes and blanks.
fn cut(setting: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = setting.iter().position(|&byte| byte == separator)?;
    let (key, value) = (setting[..at].trim_ascii(), &setting[at + 1..]);
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b" ._-\"'/:$[]{".contains(byte);
    (!key.is_empty() && key.iter().all(is_key)).then_some((key, value))
}
