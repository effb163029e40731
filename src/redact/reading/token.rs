//! The effect of the end of a reading on the next byte, which may double the last one, or end a
//! line within a long token.

/// The number of token characters before a line end that read as one token with the next line.
/// Encoders wrap at 60 columns or more.
pub(crate) const TOKEN_RUN_MIN: u8 = 40;

/// Whether this is a character of base64 in either alphabet.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
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

/// The end of a reading, as far as the next byte is read by it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before {
    /// The last byte of the reading.
    pub(super) byte: Option<u8>,
    /// The number of token characters at its end, up to [`TOKEN_RUN_MIN`].
    pub(super) run: u8,
}

impl Before {
    /// After more bytes, none of which is dropped.
    pub(crate) fn then(self, bytes: &[u8]) -> Before {
        let Some(&last) = bytes.last() else { return self };
        let most = usize::from(TOKEN_RUN_MIN);
        let run = bytes.iter().rev().take(most).take_while(|&&byte| is_token(byte)).count();
        let earlier = if run == bytes.len() { usize::from(self.run) } else { 0 };
        Before { byte: Some(last), run: (run + earlier).min(most) as u8 }
    }
}
