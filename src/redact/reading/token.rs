//! The effect of the end of a reading on the next bytes, which may double the last one, end a line
//! within a long token, or be the offset at the beginning of a dump's next line.

use super::rest::{Rest, Undecided};

/// The number of token characters before a line end that read as one token with the next line.
/// Encoders wrap at 60 columns or more.
pub(crate) const TOKEN_RUN_MIN: u8 = 40;

/// Whether this is a character of base64 in either alphabet.
#[inline]
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/') | (byte == b'=') | (byte == b'_') | (byte == b'-')
}

/// Whether all of these are token characters. No branch, so that it becomes vector instructions.
#[inline]
pub(super) fn are_tokens(bytes: &[u8; TOKEN_RUN_MIN as usize]) -> bool {
    bytes.iter().fold(true, |are_tokens, &byte| are_tokens & is_token(byte))
}

/// Whether the second of two adjacent bytes only doubles the first: two quotes of any kind, and two
/// equal characters of those that templates and shells double.
pub(crate) fn doubles(before: u8, byte: u8) -> bool {
    match byte {
        b'"' | b'\'' => matches!(before, b'"' | b'\''),
        b'$' | b'%' | b'{' | b'}' => before == byte,
        _ => false,
    }
}

/// The length of the offset of a dump's line at the beginning of these bytes, or 0: 4 to 8
/// hexadecimal digits, a colon and a blank. `curl --trace-ascii` begins each line so, and breaks
/// lines after 64 bytes.
pub(crate) fn offset(rest: Rest<'_>) -> Result<usize, Undecided> {
    let digits = rest.bytes.iter().take(OFFSET_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_offset = (OFFSET_DIGITS_MIN..=OFFSET_DIGITS_MAX).contains(&digits);
    match rest.bytes[digits..] {
        [] if digits <= OFFSET_DIGITS_MAX && !rest.is_last => Err(Undecided),
        [b':'] if is_offset && !rest.is_last => Err(Undecided),
        [b':', b' ', ..] if is_offset => Ok(digits + 2),
        _ => Ok(0),
    }
}

/// The fewest and the most digits of an offset.
const OFFSET_DIGITS_MIN: usize = 4;
const OFFSET_DIGITS_MAX: usize = 8;

/// The end of a reading, as far as the next byte is read by it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before {
    /// The last byte of the reading.
    pub(super) byte: Option<u8>,
    /// The number of token characters at its end, up to [`TOKEN_RUN_MIN`].
    pub(super) run: u8,
}

impl Before {
    /// Before a line end that is a trigger, and stands behind this byte.
    pub(crate) fn wrapped_line_end(byte: u8) -> Before {
        Before { byte: Some(byte), run: TOKEN_RUN_MIN }
    }

    /// After more bytes, none of which is dropped.
    pub(crate) fn then(self, bytes: &[u8]) -> Before {
        let Some(&last) = bytes.last() else { return self };
        let most = usize::from(TOKEN_RUN_MIN);
        let run = bytes.iter().rev().take(most).take_while(|&&byte| is_token(byte)).count();
        let earlier = if run == bytes.len() { usize::from(self.run) } else { 0 };
        Before { byte: Some(last), run: (run + earlier).min(most) as u8 }
    }
}
