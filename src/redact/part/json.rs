//! The strings of a JSON value.
//!
//! Not a parser: it extracts strings with their keys, even from slightly invalid JSON, into buffers
//! that are wiped. Parsers leave copies of their input, and keep one of two equal keys.

use zeroize::Zeroizing;

use super::super::json_escape::JsonEscape;
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
        let len = match JsonEscape::parse(&rest[at..]).filter(|escape| !escape.is_lone) {
            Some(JsonEscape { character, len, .. }) => {
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                len
            }
            None => {
                plain.push(b'\\');
                1
            }
        };
        rest = &rest[at + len..];
    }
    plain.extend_from_slice(rest);
    plain
}
