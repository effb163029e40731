//! Colour codes within a masked region: they come out behind its mask, so that a terminal does not
//! keep the colour of a secret.
//!
//! A code is a sequence SGR of ECMA-48, `ESC [ 1 ; 31 m`. It says nothing about the secret unless
//! bytes of it are also a needle's: a code that an occurrence in the text itself touches stays
//! masked. Nor may a code form a needle with the text behind it. Whether it could depends on the
//! needles alone, since a decision by that text would tell a guesser how a secret goes on.

use super::reading::rule::ESC;

/// The longest code, in bytes.
pub(super) const CODE_LEN_MAX: usize = 32;

/// The most bytes of codes behind one mask. Of more, the last ones come out: they decide how the
/// text behind them looks.
pub(super) const CODES_LEN_MAX: usize = 1 << 10;

/// The end of a string of controls. By itself it does nothing.
const STRING_TERMINATOR: &[u8] = b"\x1b\\";

/// The bytes that keep codes apart from the text behind them. `None`: no codes come out.
pub(super) fn separator<'a>(mut needles: impl Iterator<Item = &'a [u8]> + Clone) -> Option<&'static [u8]> {
    match () {
        () if needles.clone().any(|needle| needle.contains(&ESC)) => None,
        () if !needles.clone().any(begins_as_code_ends) => Some(b""),
        () => (!needles.any(|needle| needle.starts_with(b"\\"))).then_some(STRING_TERMINATOR),
    }
}

/// Whether some code ends in the beginning of this needle.
fn begins_as_code_ends(needle: &[u8]) -> bool {
    ends_params(needle.strip_prefix(b"[").unwrap_or(needle)).is_some()
}

/// The number of parameter characters before the `m` that ends a code.
fn ends_params(bytes: &[u8]) -> Option<usize> {
    let len = bytes.iter().take_while(|byte| is_param(byte)).count();
    (bytes.get(len) == Some(&b'm')).then_some(len)
}

pub(super) fn is_param(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b';' | b':')
}

/// The length of the code at the beginning of these bytes.
pub(super) fn code_len(bytes: &[u8]) -> Option<usize> {
    let len = ends_params(bytes.strip_prefix(b"\x1b[")?)? + 3;
    (len <= CODE_LEN_MAX).then_some(len)
}
