//! Escapes in the strings of JSON.

/// An escape at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonEscape {
    /// The character; U+FFFD for a lone surrogate.
    pub(crate) character: char,
    /// The length of the escape, in bytes.
    pub(crate) len: usize,
}

impl JsonEscape {
    /// The longest escape, in bytes: a surrogate pair.
    pub(crate) const LEN_MAX: usize = 12;

    /// Parses the escape at the beginning of these bytes; `None` if they begin with no valid
    /// escape.
    pub(crate) fn parse(bytes: &[u8]) -> Option<JsonEscape> {
        if bytes.first() != Some(&b'\\') {
            return None;
        }
        let character = match bytes.get(1)? {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            &byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'u' => return unicode(bytes),
            _ => return None,
        };
        Some(JsonEscape { character, len: 2 })
    }
}

fn unicode(bytes: &[u8]) -> Option<JsonEscape> {
    let code = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
    };
    let first = code(0)?;
    if let Some(second) =
        code(6).filter(|second| (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(second))
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some(JsonEscape { character: char::from_u32(code)?, len: JsonEscape::LEN_MAX });
    }
    Some(JsonEscape { character: char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), len: 6 })
}
