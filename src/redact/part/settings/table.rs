//! Reads tables and records: fields below a line with their names, as browsers and password
//! managers export them (RFC 4180); keys and values with their lengths on lines of their own, as
//! Subversion keeps them; and lines whose columns have a fixed meaning.

use super::Settings;
use super::block::line_end;
use crate::redact::credential::name::names_credential;
use crate::redact::credential::setting::is_setting;
use crate::redact::credential::{colon_of_pair, is_mixed_word};
use crate::redact::part::written::{Style, Written};

/// The maximum number of columns of a table.
const COLUMNS_MAX: usize = 64;
/// The beginning of the file of the secrets of `pppd`, a comment.
const CHAP: [&[u8]; 3] = [b"client", b"server", b"secret"];

impl<'t> Settings<'t> {
    /// Reads a table with names in its first line. Returns whether the text is one; if not, nothing
    /// was read.
    pub(super) fn table(&mut self) -> bool {
        let Some((names, separator, mut at)) = columns(self.text) else { return false };
        if fields(self.text, at, separator).is_none_or(|(row, _)| row.len() != names.len()) {
            return false;
        }
        self.structured += 1;
        while let Some((row, end)) = fields(self.text, at, separator) {
            self.structured += 1;
            self.open(b"", super::Edge::Section);
            for (name, field) in names.iter().zip(row) {
                self.leaf(name.text, field);
            }
            self.close();
            at = end;
        }
        true
    }

    /// Reads `K 8`, a key, `V 17` and a value, each on a line of its own. Returns the end.
    pub(super) fn record(&mut self, content: &[u8], end: usize) -> Option<usize> {
        let text = self.text;
        let is_head = |line: &[u8], letter: &[u8]| {
            let digits = line.strip_prefix(letter).and_then(|line| line.strip_prefix(b" "));
            digits.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        };
        if !is_head(content, b"K") {
            return None;
        }
        let line = |before: usize| text.get(before + 1..line_end(text, before + 1));
        let key = line(end)?;
        let head_end = end + 1 + key.len();
        let head = line(head_end)?;
        let value = line(head_end + 1 + head.len()).filter(|_| is_head(head, b"V"))?;
        self.leaf(key, Written::bare(value, Style::Bare));
        self.structured += 4;
        Some(head_end + head.len() + value.len() + 3)
    }

    /// Reads a line of words whose places say that one is a credential: `host user:X` of Postfix,
    /// `URL user X` of davfs2, `client server X` of pppd. Returns whether it is one of these.
    pub(super) fn columns(&mut self, content: &'t [u8]) -> bool {
        let mut words = content.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let words: [Option<&'t [u8]>; 4] = std::array::from_fn(|_| words.next());
        let credential = match words {
            [Some(host), Some(pair), None, _] if is_host(host) => colon_of_pair(pair).map(|colon| &pair[colon + 1..]),
            [Some(place), Some(_), Some(word), None] if is_place(place) => Some(word),
            [Some(_), Some(_), Some(word), _] if self.is_chap => Some(word),
            _ => None,
        };
        let Some(credential) = credential.filter(|word| !is_setting(b"word", word)) else { return false };
        let written = Written::quoted(credential).map(|(written, _)| written);
        self.leaf(b"password", written.unwrap_or(Written::bare(credential, Style::Word)));
        self.structured += 1;
        true
    }

    /// Reads a line of credentials alone, also behind the number of an entry: the first line of a
    /// file of `pass`, recovery codes. Returns whether it is one. Without any setting around them,
    /// the lines are those of a key.
    pub(super) fn alone(&mut self, content: &'t [u8]) -> bool {
        let words = || {
            let words = content.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).enumerate();
            words.filter(|(at, word)| *at > 0 || !is_number_of_entry(word)).map(|(_, word)| word)
        };
        let are_all = self.frames.len() == 1 && words().next().is_some() && words().all(is_lone);
        if are_all {
            self.lone.extend(words().map(|word| Written::bare(word, Style::Word)));
        }
        are_all
    }
}

/// Whether a text begins with the head of the file of the secrets of `pppd`.
pub(super) fn is_chap(text: &[u8]) -> bool {
    let first = text[..line_end(text, 0)].strip_prefix(b"#").unwrap_or_default();
    first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(CHAP.len()).eq(CHAP)
}

/// `1.`, `1)`.
fn is_number_of_entry(word: &[u8]) -> bool {
    matches!(word, [digits @ .., b'.' | b')'] if digits.iter().all(u8::is_ascii_digit))
}

/// Whether a word alone in its line may be a credential, and no pattern, option or path.
fn is_lone(word: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/=!@#%&*".contains(byte);
    is_mixed_word(word) && word.iter().all(is_plain) && word[0].is_ascii_alphanumeric() && !is_setting(b"word", word)
}

/// `[smtp.example.test]:587`, `smtp.example.test`, `@example.test`.
fn is_host(word: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:@[]".contains(byte);
    word.contains(&b'.') && word.iter().all(is_plain) && !word.ends_with(b":")
}

/// A URL or a path.
fn is_place(word: &[u8]) -> bool {
    let schemes = [&b"http://"[..], b"https://"];
    word.starts_with(b"/") || schemes.iter().any(|scheme| word.starts_with(scheme))
}

/// The names of the columns, their separator, and the end of their line.
fn columns(text: &[u8]) -> Option<(Vec<Written<'_>>, u8, usize)> {
    let head = &text[..line_end(text, 0)];
    let separator = [b',', b';', b'\t'].into_iter().find(|separator| head.contains(separator))?;
    let (names, end) = fields(text, 0, separator)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-()/.".contains(byte);
    let are_names = names.iter().all(|name| name.text.first().is_some_and(u8::is_ascii_alphabetic))
        && names.iter().all(|name| name.text.iter().all(is_plain));
    (are_names && names.len() > 1 && names.iter().any(|name| names_credential(name.text)))
        .then_some((names, separator, end))
}

/// The fields of the line at this offset, and the beginning of the next one. A field in quotes may
/// have newlines.
fn fields(text: &[u8], start: usize, separator: u8) -> Option<(Vec<Written<'_>>, usize)> {
    let (mut at, mut fields) = (start, Vec::new());
    if start >= text.len() || text[start..line_end(text, start)].trim_ascii().is_empty() {
        return None;
    }
    loop {
        let (written, len) = match Written::quoted(&text[at..]).filter(|_| text[at] == b'"') {
            Some(quoted) => quoted,
            None => {
                let rest = &text[at..line_end(text, at)];
                let len = memchr::memchr(separator, rest).unwrap_or(rest.len());
                (Written::bare(&rest[..len], Style::Word), len)
            }
        };
        fields.push(written);
        at += len;
        match text.get(at) {
            Some(&byte) if byte == separator && fields.len() < COLUMNS_MAX => at += 1,
            Some(b'\r' | b'\n') => return Some((fields, line_end(text, at) + 1)),
            None => return Some((fields, at)),
            Some(_) => return None,
        }
    }
}
