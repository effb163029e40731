//! Safe display of foreign text: names, paths and answers of other users, without characters that
//! drive a terminal, reorder a line, or stay invisible.

use std::borrow::Cow;
use std::fmt::Write as _;
#[cfg(unix)]
use std::{os::unix::ffi::OsStrExt, path::Path};

/// Whether a character must never be shown raw: control characters, line and paragraph separators,
/// bidirectional controls, and all characters without a width of their own (joiners, fillers,
/// variation selectors, tags).
///
/// [`char::escape_debug`] was rejected in favour of a list: it also escapes accents, which are
/// common in file names, and passes the fillers of Hangul, which look like blanks.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Bytes as displayable text, without loss: different bytes give different text. Hidden characters,
/// backslashes and bytes that are not UTF-8 are escaped, as `\n`, `\u{202e}`, `\\` and `\xff`.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' { shown.push_str("\\\\") } else { push(&mut shown, c) }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A path as displayable text; see [`shown`].
#[cfg(unix)]
#[must_use]
pub fn path(path: &Path) -> String {
    shown(path.as_os_str().as_bytes())
}

/// A name for masks and tables: U+FFFD replaces hidden characters and bytes that are not UTF-8.
/// Names appear in masks, where a backslash would break the JSON of a log.
#[must_use]
pub fn name(name: &[u8]) -> String {
    let plain = |c: char| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(name).chars().map(plain).collect()
}

/// A line composed of the program's and foreign text, with hidden characters escaped. Backslashes
/// stay, so parts that are already [`shown`] do not change; a newline is escaped, so one message is
/// one line.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push(&mut line, c));
    Cow::Owned(line)
}

/// The beginning of a [`line`](fn@line), of at most `len_max` characters; an ellipsis stands for
/// the rest.
#[must_use]
pub fn beginning(text: &str, len_max: usize) -> String {
    match text.char_indices().nth(len_max) {
        None => line(text).into_owned(),
        Some((at, _)) => format!("{}...", line(&text[..at])),
    }
}

/// Appends a character, escaped if it is hidden.
fn push(text: &mut String, c: char) {
    match c {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c if is_hidden(c) => {
            let _ = write!(text, "{}", c.escape_unicode());
        }
        c => text.push(c),
    }
}

/// The first escaped byte or character of a text: its original, and the length of the escape.
/// `None` if the text begins with no escape.
pub(super) fn written_out(text: &str) -> Option<(Written, usize)> {
    let rest = text.strip_prefix('\\')?;
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok();
    Some(match rest.as_bytes().first()? {
        b'\\' => (Written::Char('\\'), 2),
        b'n' => (Written::Char('\n'), 2),
        b'r' => (Written::Char('\r'), 2),
        b't' => (Written::Char('\t'), 2),
        b'x' => (Written::Byte(u8::try_from(hex(rest.get(1..3)?)?).ok()?), 4),
        b'u' => {
            let digits = rest.strip_prefix("u{")?.split_once('}')?.0;
            let len = digits.len();
            (Written::Char(char::from_u32(hex(digits).filter(|_| len <= 6)?)?), len + 4)
        }
        _ => return None,
    })
}

/// The original of an escape; see [`written_out`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Char(char),
    Byte(u8),
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use crate::redact::text::{Written, beginning, is_hidden, line, name, path, shown, written_out};

    /// The original of a [`shown`] text.
    fn read_back(mut text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(c) = text.chars().next() {
            let (written, len) = written_out(text).unwrap_or((Written::Char(c), c.len_utf8()));
            match written {
                Written::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Written::Byte(byte) => bytes.push(byte),
            }
            text = &text[len..];
        }
        bytes
    }

    #[test]
    fn a41_every_character_is_shown_or_written_out() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let all = [shown(text.as_bytes()), line(&text).into_owned(), name(text.as_bytes()), beginning(&text, 9)];
            for shown in all {
                assert!(!shown.contains(is_hidden), "{c:?} came through in {shown:?}");
            }
            assert_eq!(read_back(&shown(text.as_bytes())), text.as_bytes(), "{c:?}");
        }
    }

    #[test]
    fn a41_bidirectional_and_invisible_characters_are_hidden() {
        let named = "\x00\x1b\n\r\t\x7f\u{85}\u{9b}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                     \u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{fe0f}\u{3164}\u{e0001}\u{e0041}\u{e007f}\u{e0100}";
        assert!(named.chars().all(is_hidden));
        assert!(!" a~\u{e4}a\u{308}\u{20ac}\u{6f22}\u{1f600}\u{fffd}\u{5d0}".contains(is_hidden));
    }

    #[test]
    fn a41_any_bytes_are_shown_without_loss() {
        let config = proptest::test_runner::Config { failure_persistence: None, ..Default::default() };
        proptest::proptest!(config, |(bytes: Vec<u8>, text: String)| {
            for bytes in [&bytes[..], text.as_bytes(), &[text.as_bytes(), &bytes[..]].concat()] {
                let shown = shown(bytes);
                assert!(!shown.contains(is_hidden));
                assert_eq!(read_back(&shown), bytes);
            }
        });
    }

    #[test]
    fn paths_names_and_lines_are_shown() {
        let of = |bytes: &[u8]| path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of("/var/log/it's \"\u{e4}\".log".as_bytes()), "/var/log/it's \"\u{e4}\".log");
        assert_eq!(of(b"a\x1b[2J\nb\x7f\xff\\"), r"a\u{1b}[2J\nb\u{7f}\xff\\");
        assert_eq!(of("r\u{202e}gol".as_bytes()), r"r\u{202e}gol");
        assert_eq!(name(b"a\x1b[2Jb\nc\xff\xe2\x80\xae"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(line("C:\\a\nb"), "C:\\a\\nb");
        assert_eq!((beginning("abc", 3), beginning("a\nbc", 3)), ("abc".into(), "a\\nb...".into()));
    }
}
