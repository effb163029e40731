//! A position in a file of NAME=VALUE lines, and moves that several dialects share.

use memchr::{memchr, memchr_iter};

use super::Name;

/// The most quotes that may lead nowhere before quotes have to close on their line. Without a
/// limit, each line of a hostile file could be searched to the file's end.
const MISSES_MAX: u32 = 64;

pub(super) struct Scanner<'a> {
    pub(super) file: &'a [u8],
    pub(super) at: usize,
    misses: u32,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(file: &'a [u8]) -> Scanner<'a> {
        Scanner { file, at: 0, misses: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.file.len()
    }

    /// Moves to the next byte that does not stand between statements. Returns whether there is one.
    pub(super) fn next_statement(&mut self, is_between: impl Fn(u8) -> bool) -> bool {
        self.take_while(is_between);
        !self.is_at_end()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.file[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.file.get(self.at).copied()
    }

    /// Takes the next byte.
    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes the next byte if it is this one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn take_while(&mut self, is_taken: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|byte| !is_taken(*byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Takes a name.
    pub(super) fn name(&mut self) -> Option<Name<'a>> {
        let at = self.at;
        let text = self.take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b) || !b.is_ascii());
        Name::new(text, at)
    }

    /// Takes `export` and the blanks behind it. `is_space` decides which bytes these are.
    pub(super) fn skip_export(&mut self, is_space: fn(u8) -> bool) {
        if let Some(rest) = self.rest().strip_prefix(b"export")
            && rest.first().is_some_and(|b| is_space(*b))
        {
            self.at += b"export".len();
            self.take_while(is_space);
        }
    }

    /// The end of the line that holds this position, before its newline.
    pub(super) fn line_end(&self, at: usize) -> usize {
        memchr(b'\n', &self.file[at..]).map_or(self.file.len(), |len| at + len)
    }

    /// Moves behind the next newline.
    pub(super) fn skip_line(&mut self) {
        self.at = (self.line_end(self.at) + 1).min(self.file.len());
    }

    /// Where the search for a closing quote ends: at the end of the file, or of the line if too
    /// many such searches found nothing.
    pub(super) fn horizon(&self) -> usize {
        if self.misses < MISSES_MAX { self.file.len() } else { self.line_end(self.at) }
    }

    /// Notes that a search beyond the line found nothing.
    pub(super) fn miss(&mut self) {
        self.misses += 1;
    }
}

/// Blanks within a line.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// What Go, Python and Ruby take for white space within a line.
pub(super) fn is_wide_blank(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, 0x0b | 0x0c | b'\r')
}

pub(super) fn is_space(byte: u8) -> bool {
    is_wide_blank(byte) || byte == b'\n'
}

/// The lines of a file without their newlines, each with its position.
pub(super) fn lines(file: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let ends = memchr_iter(b'\n', file).chain([file.len()]);
    ends.scan(0, move |start, end| {
        let line = (*start, &file[*start..end]);
        *start = end + 1;
        Some(line)
    })
}

/// A text without white space at both ends, and the number of bytes before it.
pub(super) fn trimmed(text: &[u8]) -> (&[u8], usize) {
    let without = text.trim_ascii_start();
    (without.trim_ascii_end(), text.len() - without.len())
}
