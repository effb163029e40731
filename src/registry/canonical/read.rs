//! A fast reader for the text that hushlog itself writes, many times faster than a YAML parser.
//!
//! It understands the little of YAML that occurs there: mappings and lists in block style, texts
//! that are plain, quoted or literal blocks. Its result is used if and only if writing it again
//! gives the same text, byte by byte. So the reader need not be trusted: a text that it takes in
//! another way than YAML does is left to the YAML parser, as is every text that was changed by
//! hand.

use std::borrow::Cow;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::Other;

/// The deepest nesting. A registry has five levels.
const DEPTH_MAX: usize = 8;

/// Reads a text; `None` if it has anything that this reader does not understand.
pub(in crate::registry) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let mut lines = Lines::new(text)?;
    let node = lines.block(0, 0)?;
    lines.next.is_none().then(|| T::deserialize(node).ok()).flatten()
}

/// A part of a text.
enum Node<'a> {
    Text(Cow<'a, str>),
    Map(Vec<(&'a str, Node<'a>)>),
    List(Vec<Node<'a>>),
}

/// The lines of a text.
struct Lines<'a> {
    rest: std::str::Split<'a, char>,
    /// The indentation of the next line, and its text.
    next: Option<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Option<Lines<'a>> {
        let mut lines = Lines { rest: text.strip_suffix('\n')?.split('\n'), next: None };
        lines.advance();
        Some(lines)
    }

    fn advance(&mut self) {
        self.next = self.rest.next().map(|line| {
            let text = line.trim_start_matches(' ');
            (line.len() - text.len(), text)
        });
    }

    /// The mapping or list at this indentation.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        match self.next? {
            _ if depth > DEPTH_MAX => None,
            (found, text) if found == indent && text.starts_with("- ") => self.list(indent, depth),
            (found, _) if found == indent => self.map(indent, depth),
            _ => None,
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        let mut items = Vec::new();
        while let Some((found, text)) = self.next
            && found == indent
            && let Some(first) = text.strip_prefix("- ")
        {
            // The rest of the item is indented as its first line is behind the mark.
            self.next = Some((indent + 2, first));
            items.push(self.map(indent + 2, depth + 1)?);
        }
        Some(Node::List(items))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        let mut entries = Vec::new();
        while let Some((found, text)) = self.next
            && found == indent
            && !text.starts_with("- ")
        {
            // A name such as `yes` is in quotes.
            let (key, value) = match text.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\":")?,
                None => text.split_once(':')?,
            };
            if !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
                return None;
            }
            self.advance();
            let node = match value {
                "" => match self.next? {
                    (found, text) if found == indent && text.starts_with("- ") => self.list(indent, depth + 1)?,
                    (found, _) if found > indent => self.block(found, depth + 1)?,
                    _ => return None,
                },
                " |" => Node::Text(Cow::Owned(self.literal(indent)?)),
                _ => scalar(value.strip_prefix(' ')?)?,
            };
            entries.push((key, node));
        }
        Some(Node::Map(entries))
    }

    /// A literal block below a key at this indentation. It ends with a line end.
    fn literal(&mut self, indent: usize) -> Option<String> {
        let mut text = String::new();
        while let Some((found, line)) = self.next
            && found > indent
        {
            if found != indent + 2 || line.is_empty() {
                return None;
            }
            text.push_str(line);
            text.push('\n');
            self.advance();
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A text on one line, or an empty mapping or list.
fn scalar(text: &str) -> Option<Node<'_>> {
    if let Some(quoted) = text.strip_prefix('"') {
        return unescaped(quoted.strip_suffix('"')?).map(Node::Text);
    }
    match text {
        "{}" => Some(Node::Map(Vec::new())),
        "[]" => Some(Node::List(Vec::new())),
        "" => None,
        _ if text.starts_with(['\'', '|', '>', '&', '*', '!', '{', '[']) => None,
        _ => Some(Node::Text(Cow::Borrowed(text))),
    }
}

/// The text between double quotes.
fn unescaped(quoted: &str) -> Option<Cow<'_, str>> {
    if !quoted.contains(['\\', '"']) {
        return Some(Cow::Borrowed(quoted));
    }
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => text.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            _ => text.push(c),
        }
    }
    Some(Cow::Owned(text))
}

impl<'de> IntoDeserializer<'de, Other> for Node<'de> {
    type Deserializer = Node<'de>;

    fn into_deserializer(self) -> Node<'de> {
        self
    }
}

impl<'de> Node<'de> {
    fn text(&self) -> Result<&str, Other> {
        match self {
            Node::Text(text) => Ok(text),
            _ => Err(Other),
        }
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Other;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        match self {
            Node::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Node::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Node::Map(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
            Node::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_bool(self.text()?.parse().map_err(Other::custom)?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_u32(self.text()?.parse().map_err(Other::custom)?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_u64(self.text()?.parse().map_err(Other::custom)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Nested = BTreeMap<String, BTreeMap<String, String>>;

    #[test]
    fn the_written_text_is_read() {
        let text = "a:\n  b: plain # text\n  c: \"q \\\"x\\\" \\\\ \\n\"\n  d: |\n    one\n    two\nb: {}\n";
        let read: Nested = read(text).expect("it is read");
        assert_eq!(read["a"]["b"], "plain # text");
        assert_eq!(read["a"]["c"], "q \"x\" \\ \n");
        assert_eq!(read["a"]["d"], "one\ntwo\n");
        assert!(read["b"].is_empty());
        let read: Nested = super::read("\"yes\":\n  \"no\": a\n").expect("it is read");
        assert_eq!(read["yes"]["no"], "a");
        let list: BTreeMap<String, Vec<BTreeMap<String, u32>>> =
            super::read("a:\n- x: 1\n  y: 2\n- x: 3\nb: []\n").expect("it is read");
        assert_eq!((list["a"][0]["y"], list["a"][1]["x"], list["b"].len()), (2, 3, 0));
    }

    #[test]
    fn other_text_is_left_to_the_parser() {
        for text in [
            "",
            "a",
            "a:\n",
            "a:\n  b: c",
            "a:\n  b: 'c'\n",
            "a:\n  b: *c\n",
            "a:\n  b: \"\\u00e4\"\n",
            "a:\n  b: \"c\" d\n",
            "a:\n  b: |-\n    c\n",
            "a:\n  b: |\n    c\n\n    d\n",
            "a:\n  b: |\n      c\n",
            "a:\n  b:\n",
            "a:\n  b: c\n # d\n",
            "a:\n  b: c\n d: e\n",
            "a b:\n  c: d\n",
            "\"a\" :\n  c: d\n",
            "- a\n",
        ] {
            assert!(read::<Nested>(text).is_none(), "{text:?}");
        }
        let deep: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(Lines::new(&deep).expect("lines").block(0, 0).is_none());
    }
}
