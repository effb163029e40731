//! A fast writer, which writes the same text as the YAML library, byte for byte.
//!
//! The library looks at each character of a sealed value several times, and at each text for a
//! dozen ways to misread it. This writer has rules for the texts that need no quotes in any case,
//! and leaves the others to the library: a text alone, or, for a value of another shape, the whole.

use std::collections::BTreeMap;

use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::Other;
use crate::registry::error::Error;

/// The words that YAML takes for a truth value, a number or nothing (`null`, `true`, `false`,
/// `yes`, `no`, `on`, `off`, `y`, `n`, `inf`, `nan`) begin with one of these, and are no longer.
const WORD_STARTS: &[u8] = b"fintyFINTYoO";
const WORD_LEN_MAX: usize = 5;
/// A time as entries have it; `0` is any digit. YAML 1.1 takes it for a timestamp.
const TIME: &[u8] = b"0000-00-00T00:00:00Z";

/// Writes a value as a document, or as a part of one.
///
/// # Errors
///
/// None known.
pub(in crate::registry) fn write<T: Serialize>(text: &mut String, value: &T) -> Result<(), Error> {
    let before = text.len();
    if value.serialize(Writer { text, place: Place::Root }).is_err() {
        text.truncate(before);
        write_by_library(text, value)?;
    }
    Ok(())
}

/// Writes a value by the YAML library.
fn write_by_library<T: Serialize>(text: &mut String, value: &T) -> Result<(), Error> {
    // Folded lines would make a long default hard to compare between versions of the file.
    let options = serde_yaml::ser_options! { prefer_block_scalars: false };
    serde_yaml::to_fmt_writer_with_options(text, value, options).map_err(|_| Error::Sealing)
}

/// The place of a value, with its indentation.
#[derive(Clone, Copy)]
enum Place {
    /// The whole text.
    Root,
    /// Before the colon of a field.
    Key,
    /// Behind the colon of a field.
    Field(usize),
    /// Behind the dash of a list.
    Item(usize),
    /// In a literal block.
    Block(usize),
}

/// Writes one value.
struct Writer<'a> {
    text: &'a mut String,
    place: Place,
}

impl<'a> Writer<'a> {
    /// Writes a text that stands on one line, as it is.
    fn line(self, line: &str) -> Result<(), Other> {
        match self.place {
            Place::Key => self.text.push_str(line),
            Place::Field(_) => self.text.extend([" ", line, "\n"]),
            _ => return Err(Other),
        }
        Ok(())
    }

    /// Writes a text as the YAML library quotes it.
    fn quoted(self, value: &str) -> Result<(), Other> {
        let mut text = String::new();
        let line = if let Place::Key = self.place {
            write_by_library(&mut text, &BTreeMap::from([(value, 0)])).map_err(Other::custom)?;
            text.strip_suffix(": 0\n")
        } else {
            write_by_library(&mut text, &BTreeMap::from([("k", value)])).map_err(Other::custom)?;
            text.strip_prefix("k: ").and_then(|text| text.strip_suffix('\n'))
        };
        self.line(line.filter(|line| !line.contains('\n')).ok_or(Other)?)
    }

    /// Writes the lines of a literal block. One with an empty line, or that begins or ends in
    /// another way, has another layout.
    fn block(self, value: &str, indent: usize) -> Result<(), Other> {
        let lines = value.strip_suffix('\n').ok_or(Other)?;
        // Without an early end, the loop compares many bytes at once.
        let is_printable = lines.bytes().fold(true, |all, b| all & (matches!(b, b' '..=b'~') | (b == b'\n')));
        if !is_printable {
            return Err(Other);
        }
        self.text.reserve(value.len() * 2);
        for line in lines.split('\n') {
            if line.is_empty() || line.starts_with(' ') {
                return Err(Other);
            }
            push_indent(self.text, indent);
            self.text.push_str(line);
            self.text.push('\n');
        }
        Ok(())
    }

    /// Begins a mapping.
    fn map(self, len: Option<usize>) -> Result<Parts<'a>, Other> {
        let (indent, is_inline) = match (self.place, len.ok_or(Other)?) {
            (Place::Field(indent), 0) => {
                self.text.push_str(" {}\n");
                (indent, false)
            }
            (Place::Field(indent), _) => {
                self.text.push('\n');
                (indent + 2, false)
            }
            (Place::Root, 1..) => (0, false),
            (Place::Item(indent), 1..) => (indent + 2, true),
            _ => return Err(Other),
        };
        Ok(Parts { text: self.text, indent, is_inline })
    }
}

fn push_indent(text: &mut String, indent: usize) {
    const BLANKS: &str = "                ";
    for at in (0..indent).step_by(BLANKS.len()) {
        text.push_str(&BLANKS[..BLANKS.len().min(indent - at)]);
    }
}

/// Whether a text needs no quotes, as a key or a value. Some others need none either.
fn is_plain(text: &str) -> bool {
    let is_usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+' | b'=');
    match text.as_bytes() {
        [first, ..] if !first.is_ascii_alphabetic() => false,
        [first, rest @ ..] if rest.len() < WORD_LEN_MAX && WORD_STARTS.contains(first) => false,
        bytes => !bytes.is_empty() && bytes.iter().copied().all(is_usual),
    }
}

/// Whether a text is a time as entries have it, which needs quotes.
fn is_time(text: &str) -> bool {
    let is_same = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == TIME.len() && text.bytes().zip(TIME).all(is_same)
}

/// Refuses these types: a registry has none of them.
macro_rules! refuse {
    ($($method:ident($($value:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $(_: $value),*) -> Result<$result, Other> {
            Err(Other)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Other;
    type SerializeSeq = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeTuple = Impossible<(), Other>;
    type SerializeTupleStruct = Impossible<(), Other>;
    type SerializeTupleVariant = Impossible<(), Other>;
    type SerializeStructVariant = Impossible<(), Other>;

    fn serialize_bool(self, value: bool) -> Result<(), Other> {
        self.line(if value { "true" } else { "false" })
    }

    fn serialize_u32(self, value: u32) -> Result<(), Other> {
        self.line(&value.to_string())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Other> {
        self.line(&value.to_string())
    }

    fn serialize_str(self, value: &str) -> Result<(), Other> {
        match self.place {
            Place::Block(indent) => self.block(value, indent),
            _ if is_plain(value) => self.line(value),
            Place::Field(_) if is_time(value) => self.line(&format!("\"{value}\"")),
            _ => self.quoted(value),
        }
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Other> {
        value.serialize(self)
    }

    /// Writes a literal block: the registry has no other type of this kind.
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), Other> {
        let Place::Field(indent) = self.place else { return Err(Other) };
        self.text.push_str(" |\n");
        value.serialize(Writer { text: self.text, place: Place::Block(indent + 2) })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'a>, Other> {
        let Place::Field(indent) = self.place else { return Err(Other) };
        self.text.push_str(if len.ok_or(Other)? == 0 { " []\n" } else { "\n" });
        Ok(Parts { text: self.text, indent, is_inline: false })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'a>, Other> {
        self.map(len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Parts<'a>, Other> {
        self.map(Some(len))
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Other> {
        Err(Other)
    }

    refuse! {
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple(usize) -> Impossible<(), Other>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<(), Other>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<(), Other>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<(), Other>;
    }
}

/// The entries of a mapping, or the items of a list.
struct Parts<'a> {
    text: &'a mut String,
    indent: usize,
    /// The first entry stands behind the dash of a list.
    is_inline: bool,
}

impl Parts<'_> {
    fn key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Other> {
        if !std::mem::take(&mut self.is_inline) {
            push_indent(self.text, self.indent);
        }
        key.serialize(Writer { text: self.text, place: Place::Key })?;
        self.text.push(':');
        Ok(())
    }

    fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Other> {
        value.serialize(Writer { text: self.text, place: Place::Field(self.indent) })
    }
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Other;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Other> {
        self.key(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Other> {
        self.value(value)
    }

    fn end(self) -> Result<(), Other> {
        Ok(())
    }
}

impl SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Other> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Other> {
        Ok(())
    }
}

impl SerializeSeq for Parts<'_> {
    type Ok = ();
    type Error = Other;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Other> {
        push_indent(self.text, self.indent);
        self.text.push_str("- ");
        value.serialize(Writer { text: self.text, place: Place::Item(self.indent) })
    }

    fn end(self) -> Result<(), Other> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::LitString;

    use super::*;

    type Map<T> = BTreeMap<String, T>;

    fn slow<T: Serialize>(value: &T) -> String {
        let mut text = String::new();
        write_by_library(&mut text, value).expect("it writes all");
        text
    }

    /// The text of the fast writer alone.
    fn fast<T: Serialize>(value: &T) -> Option<String> {
        let mut text = String::new();
        value.serialize(Writer { text: &mut text, place: Place::Root }).ok().map(|()| text)
    }

    fn is_same<T: Serialize>(value: &T) -> bool {
        let mut text = String::from("# before\n");
        write(&mut text, value).expect("it writes all");
        text.strip_prefix("# before\n") == Some(&slow(value))
    }

    fn map<T, const N: usize>(entries: [(&str, T); N]) -> Map<T> {
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// A list of all texts of up to three of these parts.
    fn texts(parts: &[&str]) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut begin = 0;
        for _ in 0..3 {
            let end = all.len();
            for at in begin..end {
                all.extend(parts.iter().map(|part| format!("{}{part}", all[at])).collect::<Vec<_>>());
            }
            begin = end;
        }
        all
    }

    #[test]
    fn short_texts_are_quoted_as_the_library_quotes_them() {
        let parts = [
            "a", "y", "N", "O", "e", "x", "0", "1", "9", ".", "-", "_", "/", "+", "=", ":", "#", "?", "~", "<", "!",
            "&", "*", "|", ">", "%", "@", "`", ",", "[", "{", "'", "\"", "\\", " ", "\t", "\n", "\r", "\0", "\u{e4}",
            "\u{2028}",
        ];
        // All in one document: each call costs more than the text.
        let all = texts(&parts);
        let values: Vec<Map<&str>> = all.iter().map(|text| map([("k", text.as_str())])).collect();
        assert!(is_same(&map([("all", values)])));
        let keys: Map<u32> = all.iter().zip(0..).map(|(text, number)| (text.clone(), number)).collect();
        assert!(is_same(&keys));
    }

    #[test]
    fn words_and_numbers_are_quoted_as_the_library_quotes_them() {
        let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan", "alice", "bob", "tail"];
        let others = [
            "0400",
            "2e34567234567234",
            "1e5",
            "0x1f",
            "0b1",
            "1_000",
            ".inf",
            "-.5",
            "12:30:45",
            "2027-01-31",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+",
            "2026-01-02 03:04:05Z",
            "9999-99-99T99:99:99Z",
            "<<",
            "---",
            "--- a",
            "a: b",
            "a:",
            "a #b",
            "a#b",
            "MCowBQYDK2VwAyEA+/==",
            "/srv/a b",
            "~/key",
        ];
        for text in words.into_iter().chain(others) {
            for text in [text.to_owned(), text.to_uppercase(), text[..1].to_uppercase() + &text[1..], text.repeat(9)] {
                let found = fast(&map([(text.as_str(), text.as_str())]));
                assert_eq!(found.as_deref(), Some(&*slow(&map([(text.as_str(), text.as_str())]))), "{text}");
            }
        }
    }

    #[test]
    fn blocks_are_those_of_the_library() {
        let is_fast = |text: &str| {
            let value = map([("a", map([("sealed", LitString(text.to_owned()))]))]);
            assert!(is_same(&value), "{text:?}");
            fast(&value).is_some()
        };
        assert!(is_fast("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl+/==\n-----END AGE ENCRYPTED FILE-----\n"));
        let taken =
            texts(&["a", " ", "\n", "-", "# b", "\t", "\r", "\u{e4}"]).iter().filter(|text| is_fast(text)).count();
        assert!(taken > 0, "a line is fast");
    }

    #[test]
    fn nesting_is_that_of_the_library() {
        let empty = Map::<u32>::new();
        assert!(is_same(&empty) && is_same(&Vec::<u32>::new()) && is_same(&"text") && is_same(&Some(1)));
        assert!(is_same(&vec![1, 2]) && is_same(&map([("a", vec![1, 2])])) && is_same(&map([("a", vec![vec![1]])])));
        let item = map([("at", "2026-01-02T03:04:05Z"), ("value", "x")]);
        let lists = map([("one", vec![item.clone()]), ("no", vec![]), ("two", vec![item.clone(), item])]);
        let nested = map([("null", lists.clone()), ("none", Map::new()), ("b", lists)]);
        assert_eq!(fast(&nested), Some(slow(&nested)));
        let deep = map([("a", vec![map([("b", vec![map([("c", map([("d", empty)]))])])])])]);
        assert_eq!(fast(&deep), Some(slow(&deep)));
        assert!(is_same(&map([("a", vec![map([("b", Map::<u32>::new())])])])));
        assert!(is_same(&map([("a", vec![Map::<u32>::new()])])), "an empty item is left to the library");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_texts_are_written_as_the_library_writes_them(
            entries in prop::collection::btree_map(".{0,12}", prop::collection::btree_map("\\PC{0,8}", ".{0,40}", 0..3), 0..4),
            block in "[ -~\n]{0,60}",
        ) {
            prop_assert!(is_same(&entries));
            prop_assert!(is_same(&map([("a", map([("sealed", LitString(block))]))])));
        }
    }
}
