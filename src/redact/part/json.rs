//! The strings of a JSON value.
//!
//! Not a parser: it extracts strings with their keys, even from slightly invalid JSON, into buffers
//! that are wiped. Parsers leave copies of their input, and keep one of two equal keys.

use zeroize::Zeroizing;

use super::Parts;

/// A token of a JSON text. Strings come without their quotes, and with their escapes.
enum Token<'a> {
    Mark(u8),
    Text(&'a [u8]),
    Word(&'a [u8]),
    Bad,
}

/// The tokens of a text, up to the first invalid one.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_ascii_start();
        let (token, len) = match *self.rest.first()? {
            mark @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => (Token::Mark(mark), 1),
            b'"' => match closing_quote(&self.rest[1..]) {
                Some(end) => (Token::Text(&self.rest[1..=end]), end + 2),
                None => (Token::Bad, self.rest.len()),
            },
            _ => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
                match self.rest.iter().take_while(|byte| is_word(byte)).count() {
                    0 => (Token::Bad, self.rest.len()),
                    len => (Token::Word(&self.rest[..len]), len),
                }
            }
        };
        self.rest = &self.rest[len..];
        Some(token)
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Whether a value is an object or an array. Misplaced commas do not matter.
pub(super) fn is_json(value: &[u8]) -> bool {
    if !matches!(value, [b'{', .., b'}'] | [b'[', .., b']']) {
        return false;
    }
    let mut depth = 0_i64;
    let mut strings = 0;
    for token in (Tokens { rest: value }) {
        match token {
            Token::Mark(b'{' | b'[') => depth += 1,
            Token::Mark(b'}' | b']') => depth -= 1,
            Token::Text(_) => strings += 1,
            Token::Bad => return false,
            _ => {}
        }
    }
    depth == 0 && strings > 0
}

/// Emits the strings and numbers that are credentials, and the credentials in the URLs and settings
/// among the others.
pub(super) fn leaves(value: &[u8], parts: &mut Parts<'_>) {
    let mut key: &[u8] = b"";
    let mut tokens = Tokens { rest: value }.peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) if matches!(tokens.peek(), Some(Token::Mark(b':'))) => key = text,
            Token::Text(text) => parts.leaf(key, &unescaped(text)),
            Token::Word(word) if word.iter().all(u8::is_ascii_digit) => parts.leaf(key, word),
            _ => {}
        }
    }
}

/// The content of a JSON string. An invalid escape stays unchanged.
fn unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        plain.extend_from_slice(&rest[..at]);
        rest = unescape(&rest[at + 1..], &mut plain);
    }
    plain.extend_from_slice(rest);
    plain
}

/// Writes the character of an escape, and returns the text after it.
fn unescape<'a>(escape: &'a [u8], plain: &mut Vec<u8>) -> &'a [u8] {
    let named = match escape.first() {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(&same @ (b'"' | b'\\' | b'/')) => same,
        Some(b'u') => return unescape_number(escape, plain),
        _ => {
            plain.push(b'\\');
            return escape;
        }
    };
    plain.push(named);
    &escape[1..]
}

/// `u00e9`, or a surrogate pair: `ud83d\ude00`.
fn unescape_number<'a>(escape: &'a [u8], plain: &mut Vec<u8>) -> &'a [u8] {
    let high = half(escape);
    let low = escape.get(5..).and_then(|rest| rest.strip_prefix(b"\\")).and_then(half);
    let halves = [high, low].map(Option::unwrap_or_default);
    match char::decode_utf16(halves).next() {
        Some(Ok(c)) if high.is_some() => {
            plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            &escape[if c.len_utf16() == 2 { 11 } else { 5 }..]
        }
        _ => {
            plain.push(b'\\');
            escape
        }
    }
}

/// The number in `u00e9`.
fn half(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)? as u16))
}
