//! Escapes in the strings of JSON (RFC 8259, section 7).

/// An escape at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonEscape {
    /// The character; U+FFFD for a lone surrogate.
    pub character: char,
    /// Whether it is half of a character in UTF-16, without the other half.
    pub is_lone: bool,
    /// The length of the escape, in bytes.
    pub len: usize,
}

impl JsonEscape {
    /// The longest escape, in bytes: a surrogate pair.
    pub const LEN_MAX: usize = 12;

    /// Parses the escape at the beginning of these bytes; `None` if they begin with no valid
    /// escape.
    pub fn parse(bytes: &[u8]) -> Option<JsonEscape> {
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
        Some(JsonEscape { character, is_lone: false, len: 2 })
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
        return Some(JsonEscape { character: char::from_u32(code)?, is_lone: false, len: JsonEscape::LEN_MAX });
    }
    let character = char::from_u32(first);
    Some(JsonEscape {
        character: character.unwrap_or(char::REPLACEMENT_CHARACTER),
        is_lone: character.is_none(),
        len: 6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_parsed_with_their_lengths() {
        let parsed = |text: &str| JsonEscape::parse(text.as_bytes()).map(|escape| (escape.character, escape.len));
        for (text, escape) in [
            (r"\n", Some(('\n', 2))),
            (r"\/x", Some(('/', 2))),
            (r"\u00e9x", Some(('é', 6))),
            (r"\ud83d\ude00", Some(('\u{1f600}', 12))),
            (r"\ud83d\u0041", Some(('\u{fffd}', 6))),
            (r"\ude00", Some(('\u{fffd}', 6))),
            (r"\u+0e9", None),
            (r"\u00e", None),
            (r"\x41", None),
            ("n", None),
            ("\\", None),
            ("", None),
        ] {
            assert_eq!(parsed(text), escape, "{text}");
        }
        let is_lone = |text: &str| JsonEscape::parse(text.as_bytes()).expect("an escape").is_lone;
        assert!(is_lone(r"\ud83d") && is_lone(r"\ude00") && !is_lone(r"\ufffd") && !is_lone(r"\ud83d\ude00"));
    }
}
