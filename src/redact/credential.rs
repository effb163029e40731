//! Recognizes credentials, by the name that they have or by their looks.

pub(crate) mod name;
pub(crate) mod setting;
pub(crate) mod url_path;
mod word_list;

use super::secret::UNGUESSABLE_LEN_MIN;

/// The minimum number of digits of a credential: `pin: 8844` is masked as part of its value only.
const NUMBER_LEN_MIN: usize = 6;
/// Values that state whether there is a credential, and are none.
const SWITCHES: [&[u8]; 16] = [
    b"true",
    b"false",
    b"null",
    b"none",
    b"nil",
    b"yes",
    b"no",
    b"on",
    b"off",
    b"enabled",
    b"disabled",
    b"required",
    b"optional",
    b"undefined",
    b"default",
    b"string",
];

/// Whether a value can be a credential if its name says so. Addresses are searched for credentials
/// of their own.
pub(crate) fn may_be_credential(name: &[u8], value: &[u8]) -> bool {
    let is_digits = value.iter().all(u8::is_ascii_digit);
    let is_count = is_digits && (value.len() < NUMBER_LEN_MIN || name::is_plural(name))
        || !is_digits && value.iter().all(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
    // The seed of a generator of random numbers; the name of a key elsewhere.
    let is_seed = is_digits && name.len() >= 4 && name[name.len() - 4..].eq_ignore_ascii_case(b"seed");
    // `var.db_password` of Terraform.
    let is_reference = [&b"var."[..], b"local.", b"data.", b"module."].iter().any(|start| value.starts_with(start))
        && value.iter().all(|byte| byte.is_ascii_alphabetic() || b"._".contains(byte));
    let is_name = is_reference || value.starts_with(b"alias/") || value.starts_with(b"arn:");
    let is_switch = SWITCHES.iter().any(|word| value.eq_ignore_ascii_case(word));
    let is_url = value.windows(3).any(|mark| mark == b"://");
    // `${DB_PASSWORD}`, `{{ vault.password }}`, `<password>`: another program puts the credential
    // there.
    let is_placeholder = default_of(value).is_none()
        && match value {
            [b'$', b'{' | b'(', .., b'}' | b')'] | [b'{', b'{', .., b'}', b'}'] => true,
            [b'<', b'%', .., b'%', b'>'] | [b'%', b'(', .., b')', b's'] => true,
            // `$DB_PASSWORD`.
            [b'$', first, name @ ..] if first.is_ascii_uppercase() => {
                name.contains(&b'_') && name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
            }
            [b'<', name @ .., b'>'] => name.iter().all(|byte| byte.is_ascii_alphabetic() || b" -_".contains(byte)),
            _ => false,
        };
    !is_count && !is_seed && !is_name && !is_switch && !is_url && !is_placeholder
}

/// The default in `${NAME:-X}` of shells and Compose, also with `-`, `:=`, `=`, and in `${name:X}`
/// of Spring.
pub(crate) fn default_of(value: &[u8]) -> Option<&[u8]> {
    let inner = value.strip_prefix(b"${")?.strip_suffix(b"}")?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    let (name, rest) = inner.split_at(inner.iter().take_while(|byte| is_name(byte)).count());
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let default = rest.strip_prefix(b"-").or(rest.strip_prefix(b"=")).unwrap_or(rest);
    let is_error = default.starts_with(b"?") || default.starts_with(b"+");
    (!name.is_empty() && !default.is_empty() && !is_error && !default.starts_with(b"$")).then_some(default)
}

/// Passwords that say that the name before them is the credential: `TOKEN:x-oauth-basic`.
const NO_PASSWORDS: [&[u8]; 3] = [b"x-oauth-basic", b"x-oauth-token", b"api_token"];

/// Whether a password is none, and the user name before it is the credential.
pub(crate) fn is_no_password(password: &[u8]) -> bool {
    NO_PASSWORDS.contains(&password)
}

/// The colon in `user:X`.
pub(crate) fn colon_of_pair(pair: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', pair)?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._@-".contains(byte);
    let is_user =
        colon > 0 && pair[..colon].iter().all(is_name) && name::meaning(&pair[..colon]) == name::Meaning::Other;
    (is_user && !pair.contains(&b' ')).then_some(colon)
}

/// Whether a text is long, without blanks, and mixes letters and digits, as many credentials do. A
/// separator in a password is hardly between two such texts.
pub(crate) fn is_mixed_word(item: &[u8]) -> bool {
    // The padding of base64.
    let item = item.strip_suffix(b"=").unwrap_or(item);
    let item = item.strip_suffix(b"=").unwrap_or(item);
    item.len() >= UNGUESSABLE_LEN_MIN
        && item.iter().all(|byte| byte.is_ascii_graphic() && !b"=,;|".contains(byte))
        && item.iter().any(u8::is_ascii_digit)
        && item.iter().any(u8::is_ascii_alphabetic)
}

/// The minimum length of a value that looks random, in bytes.
const RANDOM_LEN_MIN: usize = 16;

/// Whether a value looks like the output of a token generator: one long word with digits, in which
/// letters, digits and cases change at least at every fourth place. `my-project-123456`,
/// `MyProject2024` and UUIDs do not.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_.~-".contains(byte);
    value.len() >= RANDOM_LEN_MIN
        && value.iter().all(is_token)
        && value.iter().any(u8::is_ascii_digit)
        && value.windows(2).filter(|pair| changes_class(pair[0], pair[1])).count() * 4 >= value.len()
        && !is_uuid(value)
}

/// Whether letters change to digits, small letters to capitals, or digits to letters. A capital
/// before a small letter begins a word, and is no change.
fn changes_class(a: u8, b: u8) -> bool {
    let digit_and_letter =
        a.is_ascii_digit() && b.is_ascii_alphabetic() || a.is_ascii_alphabetic() && b.is_ascii_digit();
    digit_and_letter || a.is_ascii_lowercase() && b.is_ascii_uppercase()
}

fn is_uuid(value: &[u8]) -> bool {
    let dashes = [8, 13, 18, 23];
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}
