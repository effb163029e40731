//! The syntax of JSON (RFC 8259) in a line, as far as masks need it: where its values are.

use std::ops::Range;

use crate::redact::json_escape::JsonEscape;

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 256;

/// The kind of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    String,
    /// A number, `true`, `false` or `null`.
    Word,
    /// An object or an array.
    Container,
}

/// A value or a key, with its quotes or brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// All values and keys of a text, in order of their beginnings, outer ones first. `None`: the text
/// is no JSON, or nested more deeply than 256 levels. Cost: linear.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Node>> {
    let mut reader = Reader { text, at: 0, nodes: Vec::new(), open: Vec::new() };
    reader.blanks();
    loop {
        if !reader.value()? {
            continue;
        }
        // Behind a value: the next one, or the ends of containers.
        while !reader.open.is_empty() {
            reader.blanks();
            if !reader.close()? {
                break;
            }
        }
        if reader.open.is_empty() {
            reader.blanks();
            return (reader.at == text.len()).then_some(reader.nodes);
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The numbers of the open containers.
    open: Vec<usize>,
}

impl Reader<'_> {
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn add(&mut self, kind: Kind, end: usize) {
        self.nodes.push(Node { range: self.at..end, kind });
        self.at = end;
    }

    /// Reads a value. Returns false if a container has begun that is not empty.
    fn value(&mut self) -> Option<bool> {
        match self.next()? {
            b'"' => self.add(Kind::String, string_end(self.text, self.at)?),
            bracket @ (b'{' | b'[') => {
                let number = self.nodes.len();
                self.nodes.push(Node { range: self.at..self.at, kind: Kind::Container });
                self.at += 1;
                self.blanks();
                if self.next() == Some(bracket + 2) {
                    self.at += 1;
                    self.nodes[number].range.end = self.at;
                    return Some(true);
                }
                self.open.push(number);
                self.key()?;
                return (self.open.len() <= DEPTH_MAX).then_some(false);
            }
            _ => self.add(Kind::Word, self.at + word_len(&self.text[self.at..])?),
        }
        Some(true)
    }

    /// Reads a comma, and in an object the next key; returns false. Or reads the end of the
    /// container.
    fn close(&mut self) -> Option<bool> {
        let number = *self.open.last()?;
        let next = self.next()?;
        self.at += 1;
        if next == b',' {
            self.blanks();
            self.key()?;
            return Some(false);
        }
        self.nodes[number].range.end = self.at;
        self.open.pop();
        // The brackets that end are two characters behind those that begin.
        (next == self.text[self.nodes[number].range.start] + 2).then_some(true)
    }

    /// Reads a key and its colon, in an object.
    fn key(&mut self) -> Option<()> {
        let number = *self.open.last()?;
        if self.text[self.nodes[number].range.start] == b'[' {
            return Some(());
        }
        self.add(Kind::Key, string_end(self.text, self.at)?);
        self.blanks();
        let colon = self.next()?;
        self.at += 1;
        self.blanks();
        (colon == b':').then_some(())
    }
}

/// The end of the string that begins here.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    (text.get(start) == Some(&b'"')).then_some(())?;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += JsonEscape::parse(&text[at..])?.len,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// The escapes in a string.
pub(super) fn escapes(text: &[u8], string: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = string.start;
    std::iter::from_fn(move || {
        at += memchr::memchr(b'\\', &text[at..string.end])?;
        let escape = at..at + JsonEscape::parse(&text[at..])?.len;
        at = escape.end;
        Some(escape)
    })
}

/// The length of the number or name at the beginning of these bytes.
fn word_len(text: &[u8]) -> Option<usize> {
    for name in [&b"true"[..], b"false", b"null"] {
        if text.starts_with(name) {
            return Some(name.len());
        }
    }
    let digits = |at: usize| text[at.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut len = usize::from(text.first() == Some(&b'-'));
    let whole = digits(len);
    if whole == 0 || whole > 1 && text[len] == b'0' {
        return None;
    }
    len += whole;
    if text.get(len) == Some(&b'.') {
        len += 1 + Some(digits(len + 1)).filter(|digits| *digits > 0)?;
    }
    if matches!(text.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        len += 1 + sign + Some(digits(len + 1 + sign)).filter(|digits| *digits > 0)?;
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found() {
        let text = r#" {"a": [1, -2.5e+3, true], "b\u0041\"": {}, "c": "x"} "#;
        let nodes = parse(text.as_bytes()).expect("it is JSON");
        let all: Vec<&str> = nodes.iter().map(|node| &text[node.range.clone()]).collect();
        let (whole, list) = (text.trim(), "[1, -2.5e+3, true]");
        let wanted = [whole, "\"a\"", list, "1", "-2.5e+3", "true", r#""b\u0041\"""#, "{}", "\"c\"", "\"x\""];
        assert_eq!(all, wanted);
        assert_eq!(escapes(text.as_bytes(), nodes[6].range.clone()).count(), 2);
    }

    /// Any text, made of parts of JSON: it is parsed if and only if serde_json does.
    #[test]
    fn json_is_what_a_parser_takes() {
        const PARTS: [&str; 22] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\\",
            "\\n",
            "\\u00e9",
            "0",
            "12",
            "-",
            ".5",
            "e3",
            "true",
            "null",
            " ",
            "\t",
            "\u{1}",
            "\\ud83d\\ude00",
        ];
        let config = proptest::test_runner::Config { failure_persistence: None, cases: 4000, ..Default::default() };
        proptest::proptest!(config, |(parts in proptest::collection::vec(0..PARTS.len(), 0..12))| {
            let text: String = parts.into_iter().map(|part| PARTS[part]).collect();
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            proptest::prop_assert_eq!(parse(text.as_bytes()).is_some(), is_json, "{:?}", text);
        });
        for text in
            ["[[[{\"a\":[{}]}]]]", "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":[[],[]]}", "[1}", "{\"a\":1]", "[1,]", "{}{}"]
        {
            let is_json = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(parse(text.as_bytes()).is_some(), is_json, "{text}");
        }
        let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&deep(DEPTH_MAX)).is_some() && parse(&deep(DEPTH_MAX + 2)).is_none());
    }
}
