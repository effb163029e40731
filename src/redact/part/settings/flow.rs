//! Reads what stands between brackets: JSON, flow collections of YAML, arrays of PHP and Ruby, the
//! arguments of a call.

use super::block::line_end;
use super::{Edge, Settings};
use crate::redact::part::written::{Style, Written};

/// A word between separators.
#[derive(Clone, Copy)]
struct Word<'t> {
    written: Written<'t>,
    is_bare: bool,
}

/// A text between brackets.
pub(super) struct Flow {
    pub end: usize,
    /// Whether the brackets match.
    pub is_matched: bool,
    /// Whether the brackets match, and there is a string or a key between them.
    pub is_structured: bool,
}

impl<'t> Settings<'t> {
    /// Reads from an opening bracket to its closing one, or to the end of the text.
    pub(super) fn flow(&mut self, start: usize) -> Flow {
        let text = self.text;
        let mut at = start;
        let mut depth = 0_usize;
        let mut key: Option<&'t [u8]> = None;
        let mut word: Option<Word<'t>> = None;
        let mut is_structured = false;
        // The quotes that no other one closes. Each is searched for once.
        let mut unclosed = [false; 256];
        while let Some(&byte) = text.get(at) {
            match byte {
                b'{' | b'[' | b'(' => {
                    self.open_bracket(byte, key.take(), word.take(), depth == 0);
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' | b')' => {
                    self.flush(&mut key, &mut word);
                    self.close();
                    depth -= 1;
                    at += 1;
                    if depth == 0 {
                        return Flow { end: at, is_matched: true, is_structured };
                    }
                }
                // `<<"X">>`, a binary of Erlang.
                b'<' | b'>' if text[at..].starts_with(&[byte; 2]) => at += 2,
                b':' | b'=' | b'>' | b',' if byte != b',' || self.is_tuple(key, word, &text[at + 1..]) => {
                    if let (None, Some(found)) = (key, word) {
                        key = Some(found.written.text);
                        word = None;
                        is_structured = true;
                    }
                    at += 1;
                }
                b',' | b';' | b'\n' => {
                    if byte != b'\n' || word.is_some() {
                        self.flush(&mut key, &mut word);
                    }
                    at += 1;
                }
                b'#' | b'/' if is_comment(&text[at..]) => at = line_end(text, at),
                _ if byte.is_ascii_whitespace() => at += 1,
                b'"' | b'\'' | b'`' if !unclosed[usize::from(byte)] => match Written::quoted(&text[at..]) {
                    Some((written, len)) => {
                        if word.is_some() {
                            self.flush(&mut key, &mut word);
                        }
                        word = Some(Word { written, is_bare: false });
                        is_structured = true;
                        at += len;
                    }
                    None => unclosed[usize::from(byte)] = true,
                },
                _ => {
                    let len = bare_len(&text[at..], key.is_some(), self.is_in_list());
                    if word.is_some() {
                        self.flush(&mut key, &mut word);
                    }
                    let style = if key.is_some() { Style::Bare } else { Style::Word };
                    word = Some(Word { written: Written::bare(&text[at..at + len], style), is_bare: true });
                    at += len;
                }
            }
        }
        self.flush(&mut key, &mut word);
        (0..depth).for_each(|_| self.close());
        Flow { end: at, is_matched: false, is_structured: false }
    }

    /// Opens a group in brackets, named by the key or the word before it.
    fn open_bracket(&mut self, bracket: u8, key: Option<&'t [u8]>, word: Option<Word<'t>>, is_first: bool) {
        let before = word.map(|word| word.written.text);
        // `array(` of PHP, and a word before all brackets.
        let is_array = before.is_some_and(|word| is_first || word == b"array");
        let name = key.or(before.filter(|_| !is_array)).or_else(|| self.first_argument());
        self.open(name.unwrap_or_default(), Edge::Bracket(bracket));
        if let Some(frame) = self.frames.last_mut().filter(|_| is_array) {
            // Its items are no arguments.
            frame.items = 2;
        }
    }

    fn flush(&mut self, key: &mut Option<&'t [u8]>, word: &mut Option<Word<'t>>) {
        let key = key.take();
        if let Some(Word { written, is_bare }) = word.take() {
            // A bare word alone may be a type or a name of code, unless it is in a list of
            // credentials.
            if key.is_some() || !is_bare || written.text.iter().any(u8::is_ascii_digit) || self.is_in_list() {
                self.leaf(key.unwrap_or_default(), written);
            }
        }
    }

    /// The first one of two arguments: `define('PASSWORDS', ['a', 'b'])`.
    fn first_argument(&self) -> Option<&'t [u8]> {
        let frame = self.frames.last().filter(|frame| frame.edge == Edge::Bracket(b'(') && frame.items == 1)?;
        frame.name.map(|index| self.leaves[index].written.text)
    }

    /// Whether a word before a comma is the key of a string: `{password, <<"X">>}` in Erlang.
    fn is_tuple(&self, key: Option<&[u8]>, word: Option<Word<'_>>, rest: &[u8]) -> bool {
        let is_first = self.frames.last().is_some_and(|frame| frame.edge == Edge::Bracket(b'{') && frame.items == 0);
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"<<").unwrap_or(rest);
        is_first && key.is_none() && word.is_some() && matches!(rest, [b'"' | b'\'', ..])
    }

    fn is_in_list(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.edge == Edge::Bracket(b'['))
    }
}

/// The longest call that is a value, in bytes.
const CALL_LEN_MAX: usize = 256;

/// The length of a call in one line, such as `env('KEY', 'X')`, or 0.
fn call_len(text: &[u8]) -> usize {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.:\\".contains(byte);
    let name = text.iter().take_while(is_name).count();
    if name == 0 || text.get(name) != Some(&b'(') || &text[..name] == b"array" {
        return 0;
    }
    let line = &text[..line_end(text, 0).min(CALL_LEN_MAX)];
    let mut at = name + 1;
    while let Some(&byte) = line.get(at) {
        at += match byte {
            b')' => return at + 1,
            b'(' | b'[' | b'{' => return 0,
            b'"' | b'\'' => Written::quoted(&line[at..]).map_or(line.len(), |(_, len)| len),
            _ => 1,
        };
    }
    0
}

/// A comment to the end of the line.
fn is_comment(text: &[u8]) -> bool {
    text.starts_with(b"# ") || text.starts_with(b"//")
}

/// The length of a word without quotes, at least 1. A value, and an item of a list, may contain
/// the characters that end a key.
fn bare_len(text: &[u8], is_value: bool, is_item: bool) -> usize {
    let is_blank = |at: usize| text.get(at + 1).is_some_and(u8::is_ascii_whitespace);
    let ends = |at: usize| match text[at] {
        b',' | b'{' | b'}' | b'[' | b']' | b'\n' => true,
        b'(' if is_value => text[..at] == *b"array",
        b')' | b'(' | b'"' | b'\'' | b';' => !is_value && !is_item,
        b'=' => !is_value && (!is_item || is_blank(at) || text.get(at + 1) == Some(&b'>')),
        b':' => !is_value && !is_item || is_blank(at),
        _ => false,
    };
    let len = (1..text.len()).find(|at| ends(*at)).unwrap_or(text.len()).max(1);
    if is_value { len.max(call_len(text)) } else { len }
}
