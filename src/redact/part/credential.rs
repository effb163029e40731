//! A value of one line that holds more than the credential: `Bearer X`, `Header: X`, `user:X`,
//! `X1,X2`, `user1:X1,user2:X2`, `user/X@host`.

use super::{Parts, encoded};
use crate::redact::credential::name::{Meaning, meaning};
use crate::redact::credential::setting::is_setting;
use crate::redact::credential::{colon_of_pair, default_of, is_mixed_word, is_no_password, may_be_credential};
use crate::redact::encoding::Form;
use crate::redact::ordinary::is_ordinary;
use crate::redact::secret::VALUE_LEN_MIN;

/// The most digits of a port.
const PORT_LEN_MAX: usize = 5;
/// The longest name of a scheme, in bytes.
const SCHEME_LEN_MAX: usize = 24;
/// The number of colons in a line of a pgpass file: `host:port:database:user:password`.
const PGPASS_COLONS: usize = 4;
/// The shortest id of a key, and the shortest key, in bytes.
const KEY_LEN_MIN: usize = 16;

/// Emits the credentials in a value that is a secret as a whole.
pub(super) fn within(value: &[u8], parts: &mut Parts<'_>) {
    let is_collection = matches!(value, [b'{' | b'[' | b'<', ..]);
    if is_collection
        || is_setting(b"item", value)
        || value.contains(&b'\n')
        || memchr::memmem::find(value, b"://").is_some()
    {
        return;
    }
    let is_at_host = at_host(value, parts);
    if !is_at_host {
        list(value, parts);
        behind_scheme(value, parts);
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
    let colons = || (0..value.len()).filter(|&at| value[at] == b':' && !is_escaped(value, at));
    if let Some(last) = colons().next_back() {
        let is_pgpass = colons().count() == PGPASS_COLONS;
        let is_s3fs = colons().count() == 2 && are_key(&value[colon + 1..last], &value[last + 1..]);
        if is_pgpass || is_s3fs {
            parts.secret(Form::Credential, &value[last + 1..]);
        }
    }
    if !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(byte)) {
        labelled(name, rest, parts);
    }
}

/// Whether these are the id of a key and the key: `BUCKET:AKIAIOSFODNN7EXAMPLE:X` of s3fs.
fn are_key(id: &[u8], key: &[u8]) -> bool {
    let is_id = id.len() >= KEY_LEN_MIN && id.iter().all(u8::is_ascii_alphanumeric) && is_mixed_word(id);
    is_id && key.len() >= KEY_LEN_MIN && is_mixed_word(key)
}

fn is_escaped(value: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| value[before] == b'\\')
}

/// Emits the credential of `Bot X`: behind one word and a blank. `Settings` knows the usual
/// schemes, whose credentials may be any text.
fn behind_scheme(value: &[u8], parts: &mut Parts<'_>) {
    let Some(blank) = memchr::memchr(b' ', value) else { return };
    let (scheme, credential) = (&value[..blank], value[blank..].trim_ascii_start());
    let is_scheme = scheme.len() <= SCHEME_LEN_MAX
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    if is_scheme && is_mixed_word(credential) && !is_setting(b"scheme", credential) {
        parts.secret(Form::Credential, credential);
    }
}

/// Emits the token of `user@realm!name=X`, as Proxmox has it in a header, and X of `{noop}X`, as
/// Spring has it; the default in `${NAME:-X}`.
pub(super) fn token(value: &[u8], parts: &mut Parts<'_>) {
    if let Some(default) = default_of(value) {
        parts.secret(Form::Credential, default);
    }
    if let Some(end) = memchr::memchr(b'}', value).filter(|end| *end + 1 < value.len() && value[0] == b'{')
        && value[1..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_@.".contains(byte))
    {
        parts.secret(Form::Credential, &value[end + 1..]);
    }
    let Some(at) = memchr::memchr2(b'!', b'=', value).filter(|at| value[*at] == b'!') else { return };
    if let Some(equals) = memchr::memchr(b'=', &value[at..]).filter(|_| value[..at].contains(&b'@')) {
        parts.secret(Form::Credential, &value[at + equals + 1..]);
    }
}

/// A credential behind a name that may have any meaning but that of a description.
fn labelled(name: &[u8], credential: &[u8], parts: &mut Parts<'_>) {
    if is_no_password(credential) && !is_setting(b"user", name) {
        parts.secret(Form::Credential, name);
        return;
    }
    // A hash is the second field of a line of `/etc/shadow`.
    let credential = without_fields(credential);
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

/// Emits the items of a list of credentials, or of users with their credentials.
fn list(value: &[u8], parts: &mut Parts<'_>) {
    if let Some(separator) = separator(value) {
        let items = value.split(|byte| *byte == separator);
        items.for_each(|item| {
            parts.secret(Form::Credential, item.trim_ascii());
            encoded::decode(item.trim_ascii(), parts);
        });
    }
    for separator in SEPARATORS {
        let items = || value.split(|byte| *byte == separator).map(<[u8]>::trim_ascii).filter(|item| !item.is_empty());
        if items().nth(1).is_some() && items().all(|item| colon_of_pair(item).is_some()) {
            items().for_each(|item| of_pair(item, parts));
        }
    }
}

/// The separators of lists.
const SEPARATORS: [u8; 4] = [b',', b';', b'|', b' '];

/// The separator of a value that is a list of credentials.
fn separator(value: &[u8]) -> Option<u8> {
    let (blank, others) = SEPARATORS.split_last()?;
    let is_separator = |byte: &&u8| others.contains(byte);
    let separator = *value.iter().find(is_separator).or_else(|| value.iter().find(|byte| *byte == blank))?;
    value.split(|byte| *byte == separator).map(<[u8]>::trim_ascii).all(is_mixed_word).then_some(separator)
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
    let is_plain = |item: &[u8]| is_mixed_word(item) && !item.iter().any(|byte| b"\"\\{}[]".contains(byte));
    if items().all(is_plain) {
        items().for_each(|item| parts.secret(Form::Credential, item));
    }
}

/// Emits the credentials of lines `user:X`, as in a htpasswd file, if all lines are such.
pub(super) fn lines(value: &[u8], parts: &mut Parts<'_>) {
    let lines = || {
        value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty() && line[0] != b'#')
    };
    if lines().all(|line| colon_of_pair(line).is_some()) {
        lines().for_each(|line| of_pair(line, parts));
    }
}

/// A hash as in `/etc/shadow`, without the fields behind it.
fn without_fields(hash: &[u8]) -> &[u8] {
    let end = memchr::memchr(b':', hash).filter(|_| hash.starts_with(b"$"));
    &hash[..end.unwrap_or(hash.len())]
}

/// Emits the credential of `user:X`.
fn of_pair(pair: &[u8], parts: &mut Parts<'_>) {
    let credential = &pair[colon_of_pair(pair).map_or(0, |colon| colon + 1)..];
    let credential = without_fields(credential);
    if !is_setting(b"user", credential) {
        parts.secret(Form::Credential, credential);
    }
}

/// `user/password@host`, as in connect strings of Oracle, and `user:password@host`. Returns whether
/// the value is one of these.
fn at_host(value: &[u8], parts: &mut Parts<'_>) -> bool {
    let Some(at) = memchr::memrchr(b'@', value) else { return false };
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-:/[](),=?&%".contains(byte);
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
