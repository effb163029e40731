//! A value as it is written in a settings file, and its readings.
//!
//! A value without quotes ends where the program that reads the file says so: at the end of the
//! line, or at a comment, or before a comma. The kind of the file is not known, so that all of
//! these are readings.

use memchr::memmem;
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::super::credential::name::names_credential;
use super::super::credential::setting::is_setting;
use super::super::credential::{default_of, is_mixed_word};
use super::super::json_escape::JsonEscape;

/// A value, as it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Written<'t> {
    /// Without its quotes.
    pub text: &'t [u8],
    pub style: Style,
}

/// A single quote within single quotes, as shells have it.
const SHELL_QUOTES: [&[u8]; 2] = [b"'\\''", b"'\"'\"'"];

/// The way in which a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// To the end of the line.
    Bare,
    /// To the next separator.
    Word,
    /// In these quotes.
    Quoted(u8),
    /// In braces, in which `}}` means `}`, as in ODBC.
    Braced,
    /// In a query: percent-encoded, with `+` for blanks.
    Query,
    /// With the entities of XML.
    Markup,
}

impl<'t> Written<'t> {
    /// The quoted value at the beginning of a text, and its length with the quotes. A doubled or
    /// escaped quote does not end it.
    pub(super) fn quoted(text: &'t [u8]) -> Option<(Written<'t>, usize)> {
        let &quote @ (b'"' | b'\'' | b'`') = text.first()? else { return None };
        // Three quotes, as in TOML.
        let triple = [quote; 3];
        if text.starts_with(&triple)
            && let Some(len) = memmem::find(&text[3..], &triple)
        {
            return Some((Written { text: &text[3..3 + len], style: Style::Quoted(quote) }, len + 6));
        }
        let mut at = 1;
        loop {
            let found = at + memchr::memchr2(quote, b'\\', &text[at..])?;
            match text[found] {
                b'\\' => at = found + 2,
                // `'it'\''s'`, as in shells.
                _ if shell_quote(&text[found..]) > 0 => at = found + shell_quote(&text[found..]),
                // An empty value is no doubled quote.
                _ if text.get(found + 1) == Some(&quote) && (found > 1 || text.get(found + 2) == Some(&quote)) => {
                    at = found + 2;
                }
                _ => return Some((Written { text: &text[1..found], style: Style::Quoted(quote) }, found + 1)),
            }
            if at > text.len() {
                return None;
            }
        }
    }

    /// A value without quotes.
    pub(super) fn bare(text: &'t [u8], style: Style) -> Written<'t> {
        Written { text: text.trim_ascii(), style }
    }

    /// The text without a comment or a separator behind it.
    pub(super) fn likely_text(&self) -> &'t [u8] {
        if self.style == Style::Bare { without_end(without_comment(self.text)) } else { self.text }
    }

    /// Calls `take` with the likeliest reading; without quotes, also with that without backslashes.
    pub(super) fn likely_readings(&self, take: &mut dyn FnMut(&[u8])) {
        if matches!(self.style, Style::Bare | Style::Word) {
            let text = self.likely_text();
            take(text);
            emit_unescaped(text, take);
            return;
        }
        let mut is_first = true;
        self.readings(&mut |reading| {
            if std::mem::take(&mut is_first) {
                take(reading);
            }
        });
    }

    /// Calls `emit` with each reading, some of them equal.
    pub(super) fn readings(&self, emit: &mut dyn FnMut(&[u8])) {
        let text = self.text;
        match self.style {
            Style::Bare => {
                emit(text);
                let without = without_comment(text);
                for less in [without, without_end(without)].into_iter().filter(|less| less.len() < text.len()) {
                    emit(less);
                }
                emit_unescaped(text, emit);
                emit_operands(text, emit);
                let hash = memchr::memchr(b'#', text).map(|hash| &text[..hash]);
                hash.filter(|before| is_mixed_word(before)).into_iter().for_each(&mut *emit);
            }
            Style::Word => {
                emit(text);
                emit_other(without_end(text), text, emit);
                emit_unescaped(text, emit);
            }
            Style::Quoted(quote @ (b'"' | b'`')) => {
                default_of(text).into_iter().for_each(&mut *emit);
                let json = json_unescaped(text);
                emit(&json);
                emit_other(&undone(text, quote, quote), &json, emit);
                emit_other(&undone(text, b'\\', quote), &json, emit);
            }
            Style::Quoted(quote) => {
                let doubled = undone(text, quote, quote);
                emit(&doubled);
                emit_other(&undone(text, b'\\', quote), &doubled, emit);
                emit_other(text, &doubled, emit);
                if SHELL_QUOTES.iter().any(|quote| memmem::find(text, quote).is_some()) {
                    emit(&without_shell_quotes(text));
                }
            }
            Style::Braced => emit(&undone(text, b'}', b'}')),
            Style::Query => {
                emit(text);
                decoded(text, |plain| emit(plain));
                if text.contains(&b'+') {
                    let mut blanks = Zeroizing::new(text.to_vec());
                    blanks.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
                    emit(&blanks);
                    decoded(&blanks, |plain| emit(plain));
                }
            }
            Style::Markup => {
                emit(&markup_unescaped(text));
            }
        }
    }
}

/// Emits the values of an expression in a program if nothing else is set: the quoted texts of
/// `env('DB_PASSWORD', 'X')`, `process.env.KEY || "X"`, but not the names among them; the default
/// in `${NAME:-X}`.
fn emit_operands(text: &[u8], emit: &mut dyn FnMut(&[u8])) {
    default_of(text).into_iter().for_each(&mut *emit);
    let is_code = |byte: u8| byte.is_ascii_whitespace() || b"(,=|?:".contains(&byte);
    let mut at = 1;
    while let Some(len) = memchr::memchr2(b'"', b'\'', text.get(at..).unwrap_or_default()) {
        let start = at + len;
        let quoted = Written::quoted(&text[start..]).filter(|_| is_code(text[start - 1]));
        let Some((written, len)) = quoted else {
            at = start + 1;
            continue;
        };
        if !names_credential(written.text) && !is_setting(b"operand", written.text) {
            written.readings(emit);
        }
        at = start + len;
    }
}

/// Emits a text without quotes as properties and pgpass files mean it: a backslash makes the next
/// character a part of the value.
fn emit_unescaped(text: &[u8], emit: &mut dyn FnMut(&[u8])) {
    if !text.contains(&b'\\') {
        return;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escapes = byte == b'\\' && after.first().is_some_and(|next| !next.is_ascii_alphanumeric());
        plain.push(if escapes { after[0] } else { byte });
        rest = &after[usize::from(escapes)..];
    }
    emit(&json_unescaped(&plain));
    emit_other(&plain, text, emit);
}

/// The length of a single quote as shells have it within single quotes, or 0.
fn shell_quote(text: &[u8]) -> usize {
    SHELL_QUOTES.iter().find(|quote| text.starts_with(quote)).map_or(0, |quote| quote.len())
}

/// A text in single quotes, with `'\''` and `'"'"'` turned into the quote that they mean.
fn without_shell_quotes(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = (0..rest.len()).find(|at| shell_quote(&rest[*at..]) > 0) {
        plain.extend_from_slice(&rest[..at]);
        plain.push(b'\'');
        rest = &rest[at + shell_quote(&rest[at..])..];
    }
    plain.extend_from_slice(rest);
    plain
}

fn emit_other(text: &[u8], first: &[u8], emit: &mut dyn FnMut(&[u8])) {
    if text != first {
        emit(text);
    }
}

/// The text before a comment: a `#` or `;` after a blank, or a `//` between blanks.
fn without_comment(text: &[u8]) -> &[u8] {
    let begins = |at: &usize| {
        let after = &text[*at..];
        at.checked_sub(1).is_some_and(|before| text[before].is_ascii_whitespace())
            && (after.starts_with(b"#") || after.starts_with(b"; ") || after.starts_with(b"// "))
    };
    (1..text.len()).find(begins).map_or(text, |at| text[..at].trim_ascii_end())
}

/// The text without a separator at its end.
fn without_end(text: &[u8]) -> &[u8] {
    match text {
        [rest @ .., b',' | b';'] => rest.trim_ascii_end(),
        _ => text,
    }
}

/// Calls `take` with the percent-decoded text, if that differs.
pub(super) fn decoded(text: &[u8], take: impl FnOnce(&[u8])) {
    if !text.contains(&b'%') {
        return;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(percent_decode(text));
    if *plain != text {
        take(&plain);
    }
}

/// A quoted text without the doubling or the backslashes of its quotes.
fn undone(text: &[u8], undo: u8, quote: u8) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escapes = byte == undo && after.first().is_some_and(|next| *next == quote || *next == undo);
        plain.push(if escapes { after[0] } else { byte });
        rest = &after[usize::from(escapes)..];
    }
    plain
}

/// The content of a JSON string. An invalid escape stays unchanged.
pub(super) fn json_unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
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

/// The longest entity, in bytes: `&#x10ffff;`.
const ENTITY_LEN_MAX: usize = 10;

/// A text of XML without its entities: the five named ones, and numbers.
fn markup_unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let window = &rest[..rest.len().min(ENTITY_LEN_MAX)];
        let end = memchr::memchr(b';', window);
        let character = end.and_then(|end| entity(&window[1..end]));
        match (character, end) {
            (Some(character), Some(end)) => {
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end + 1..];
            }
            _ => {
                plain.push(b'&');
                rest = &rest[1..];
            }
        }
    }
    plain.extend_from_slice(rest);
    plain
}

fn entity(name: &[u8]) -> Option<char> {
    Some(match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => return char::from_u32(number(digits, 16)?),
        [b'#', digits @ ..] => return char::from_u32(number(digits, 10)?),
        _ => return None,
    })
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}
