//! A value of one line that holds more than the credential: `Bearer X`, `Header: X`, `user:X`,
//! `X1,X2`, `user/X@host`.

use super::Parts;
use crate::redact::credential::may_be_credential;
use crate::redact::credential::name::{Meaning, meaning};
use crate::redact::credential::setting::is_setting;
use crate::redact::encoding::Form;
use crate::redact::ordinary::is_ordinary;
use crate::redact::secret::{UNGUESSABLE_LEN_MIN, VALUE_LEN_MIN};

/// The most digits of a port.
const PORT_LEN_MAX: usize = 5;
/// The number of colons in a line of a pgpass file: `host:port:database:user:password`.
const PGPASS_COLONS: usize = 4;

/// Emits the credentials in a value that is a secret as a whole.
pub(super) fn within(value: &[u8], parts: &mut Parts<'_>) {
    let is_collection = matches!(value, [b'{' | b'[' | b'<', ..]);
    if is_collection || value.contains(&b'\n') || memchr::memmem::find(value, b"://").is_some() {
        return;
    }
    let is_at_host = at_host(value, parts);
    if !is_at_host && let Some(separator) = separator(value) {
        let items = value.split(|byte| *byte == separator);
        items.for_each(|item| parts.secret(Form::Credential, item.trim_ascii()));
    }
    if is_at_host && value.starts_with(b"jdbc:") {
        return;
    }
    // `user:X` is read as such, too: X may have any character.
    let Some(colon) = memchr::memchr(b':', value) else { return };
    let (name, rest) = (&value[..colon], &value[colon + 1..]);
    if let Some(blank) = rest.strip_prefix(b" ") {
        // `Header: X`, and not a sentence.
        let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        let credential = blank.trim_ascii();
        if is_name && !credential.contains(&b' ') {
            labelled(name, credential, parts);
        }
        return;
    }
    let mut fields = value.iter().enumerate().filter(|(at, byte)| **byte == b':' && !is_escaped(value, *at));
    if fields.clone().count() == PGPASS_COLONS
        && let Some((last, _)) = fields.next_back()
    {
        parts.secret(Form::Credential, &value[last + 1..]);
    }
    if !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(byte)) {
        labelled(name, rest, parts);
    }
}

fn is_escaped(value: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| value[before] == b'\\')
}

/// A credential behind a name that may have any meaning but that of a description.
fn labelled(name: &[u8], credential: &[u8], parts: &mut Parts<'_>) {
    // A port, an address, a time.
    let is_number = credential.iter().all(|byte| byte.is_ascii_digit() || b".:".contains(byte))
        && (credential.len() <= PORT_LEN_MAX || !credential.iter().all(u8::is_ascii_digit));
    if meaning(name) != Meaning::Description
        && may_be_credential(b"", credential)
        && !is_number
        && !is_ordinary(credential)
    {
        parts.secret(Form::Credential, credential);
    }
}

/// The separator of a value that is a list of credentials.
fn separator(value: &[u8]) -> Option<u8> {
    let is_separator = |byte: &&u8| matches!(byte, b',' | b';' | b'|');
    let separator = *value.iter().find(is_separator).or_else(|| value.iter().find(|byte| **byte == b' '))?;
    value.split(|byte| *byte == separator).map(<[u8]>::trim_ascii).all(is_item).then_some(separator)
}

/// Whether a text may be one of a list of credentials: it is long, without blanks, and mixes
/// letters and digits. A separator in a password is hardly between two such texts.
fn is_item(item: &[u8]) -> bool {
    item.len() >= UNGUESSABLE_LEN_MIN
        && item.iter().all(|byte| byte.is_ascii_graphic() && !b"=,;|".contains(byte))
        && item.iter().any(u8::is_ascii_digit)
        && item.iter().any(u8::is_ascii_alphabetic)
}

/// Emits the items of `["X1", "X2"]`.
pub(super) fn array(value: &[u8], parts: &mut Parts<'_>) {
    let Some(inner) = value.strip_prefix(b"[").and_then(|value| value.strip_suffix(b"]")) else { return };
    let items = || {
        inner.split(|byte| *byte == b',').map(|item| {
            let item = item.trim_ascii();
            item.strip_prefix(b"\"").and_then(|item| item.strip_suffix(b"\"")).unwrap_or(item)
        })
    };
    let is_plain = |item: &[u8]| is_item(item) && !item.iter().any(|byte| b"\"\\{}[]".contains(byte));
    if items().all(is_plain) {
        items().for_each(|item| parts.secret(Form::Credential, item));
    }
}

/// Emits the credentials of lines `user:X`, as in a htpasswd file, if all lines are such.
pub(super) fn lines(value: &[u8], parts: &mut Parts<'_>) {
    let lines = || {
        value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty() && line[0] != b'#')
    };
    let pair = |line: &[u8]| {
        let colon = memchr::memchr(b':', line)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._@-".contains(byte);
        let is_user = colon > 0 && line[..colon].iter().all(is_name) && meaning(&line[..colon]) == Meaning::Other;
        (is_user && !line.contains(&b' ')).then_some(colon)
    };
    if lines().all(|line| pair(line).is_some()) {
        for line in lines() {
            let credential = &line[pair(line).unwrap_or_default() + 1..];
            if !is_setting(b"user", credential) {
                parts.secret(Form::Credential, credential);
            }
        }
    }
}

/// `user/password@host`, as in connect strings of Oracle, and `user:password@host`. Returns whether
/// the value is one of these.
fn at_host(value: &[u8], parts: &mut Parts<'_>) -> bool {
    let Some(at) = memchr::memrchr(b'@', value) else { return false };
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-:/[](),=".contains(byte);
    let host = &value[at + 1..];
    if host.is_empty() || !host.iter().all(is_host) {
        return false;
    }
    // A driver may be before the user: `jdbc:oracle:thin:user/password@host`.
    let slash = memchr::memchr(b'/', &value[..at]);
    let colon = memchr::memchr(b':', &value[..at]);
    let start = match (slash, colon) {
        (Some(slash), Some(colon)) if colon < slash && !value.starts_with(b"jdbc:") => colon,
        (Some(slash), _) => slash,
        (None, Some(colon)) => colon,
        (None, None) => return false,
    };
    let user = &value[..start];
    let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-:$#".contains(byte);
    let password = &value[start + 1..at];
    let password = password.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(password);
    let is_found =
        !user.is_empty() && user.iter().all(is_user) && password.len() >= VALUE_LEN_MIN && !password.contains(&b' ');
    if is_found {
        parts.secret(Form::Credential, password);
    }
    is_found
}
