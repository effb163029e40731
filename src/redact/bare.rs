//! Quotes around the mask of a bare value of JSON.
//!
//! A secret may be a number, a list of numbers, an object or an array. JSON has these without
//! quotes, as in `{"pin":884422}`, where a mask alone would be a syntax error to the line's parser.
//! In the place of such a value, a mask has quotes: `{"pin":"[REDACTED:PIN]"}`. In JSON within a
//! string of JSON, they have as many backslashes as the quotes of the key.
//!
//! The place is known by the output before it, so that no byte waits: the value of a key, or an
//! element of a list that is one.

use super::needle_list::NeedleList;

/// The number of bytes of output that decide, at most.
pub(crate) const CONTEXT_LEN: usize = 128;

/// A quote in three levels of strings of JSON.
const QUOTE: &[u8] = b"\\\\\\\\\\\\\\\"";

/// White space in JSON.
const BLANKS: &[u8] = b" \t\r\n";

/// Whether quotes beside a mask cannot form a needle with any text beside them.
pub(super) fn is_safe(needles: &NeedleList) -> bool {
    !needles.iter().any(conflicts)
}

/// Whether JSON could have this needle without quotes.
pub(super) fn may_be_bare(needle: &[u8]) -> bool {
    let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE,".contains(byte) || BLANKS.contains(byte);
    match needle {
        [b'{', .., b'}'] | [b'[', .., b']'] => true,
        [b'0'..=b'9' | b'-', .., b'0'..=b'9'] => needle.iter().all(is_number),
        _ => false,
    }
}

/// Whether the needle could begin with a closing quote, or end with an opening one where
/// [`quote_behind`] sets one.
fn conflicts(needle: &[u8]) -> bool {
    let is_quote = |byte: &u8| QUOTE.contains(byte);
    let rest = needle.trim_suffix_by(is_quote);
    needle.first().is_some_and(is_quote)
        || rest.len() < needle.len() && rest.last().is_none_or(|last| b":,[".contains(last) || BLANKS.contains(last))
}

/// The quote for both sides of a mask behind this output, if a bare value stands there.
pub(super) fn quote_behind(before: &[u8]) -> Option<&'static [u8]> {
    let before = &before[before.len().saturating_sub(CONTEXT_LEN)..];
    match trimmed(before).split_last()? {
        (b':', key) => quote_of_key(key),
        (b'[' | b',', _) => {
            let begins = |at: &usize| before[*at] == b'[' && are_elements(&before[at + 1..]);
            let key_of = |at: usize| quote_of_key(trimmed(&before[..at]).strip_suffix(b":")?);
            (0..before.len()).rev().filter(begins).find_map(key_of)
        }
        _ => None,
    }
}

/// The quote that ends this key, with its backslashes.
fn quote_of_key(key: &[u8]) -> Option<&'static [u8]> {
    let key = trimmed(key).strip_suffix(b"\"")?;
    let backslashes = key.len() - key.trim_suffix_by(|&byte| byte == b'\\').len();
    matches!(backslashes, 0 | 1 | 3 | 7).then(|| quote(backslashes + 1))
}

/// The quote with this length.
pub(super) fn quote(len: usize) -> &'static [u8] {
    &QUOTE[QUOTE.len() - len..]
}

/// Whether these bytes are numbers, words and whole strings.
fn are_elements(bytes: &[u8]) -> bool {
    let mut is_in_string = false;
    bytes.iter().all(|byte| {
        is_in_string ^= *byte == b'"';
        is_in_string || byte.is_ascii_alphanumeric() || b"\"\\+-.,".contains(byte) || BLANKS.contains(byte)
    }) && !is_in_string
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_suffix_by(|byte| BLANKS.contains(byte))
}

/// A slice without the bytes at its end for which something holds.
trait TrimSuffix {
    fn trim_suffix_by(&self, is_trimmed: impl Fn(&u8) -> bool) -> &Self;
}

impl TrimSuffix for [u8] {
    fn trim_suffix_by(&self, is_trimmed: impl Fn(&u8) -> bool) -> &[u8] {
        &self[..self.iter().rposition(|byte| !is_trimmed(byte)).map_or(0, |last| last + 1)]
    }
}

/// The end of the output so far, for the next mask: at most [`CONTEXT_LEN`] bytes.
#[derive(Default)]
pub(super) struct OutputEnd(Vec<u8>);

impl OutputEnd {
    /// The end after these further pieces of output, which are given last first.
    pub(super) fn behind<'a>(&'a self, pieces: impl Iterator<Item = &'a [u8]>) -> OutputEnd {
        let (mut taken, mut room) = (Vec::new(), CONTEXT_LEN);
        for piece in pieces.chain([&self.0[..]]) {
            let end = &piece[piece.len().saturating_sub(room)..];
            taken.push(end);
            room -= end.len();
            if room == 0 {
                break;
            }
        }
        taken.reverse();
        OutputEnd(taken.concat())
    }

    /// Takes back the last bytes.
    pub(super) fn take_back(&mut self, len: usize) {
        self.0.truncate(self.0.len().saturating_sub(len));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_set_where_a_value_of_json_stands_bare() {
        for (before, quote) in [
            (r#"{"pin":"#, Some("\"")),
            ("{\"a\":1,\"pin\" :\t ", Some("\"")),
            ("{\"pin\":\n  ", Some("\"")),
            (r#"{"log":"{\"pin\":"#, Some("\\\"")),
            (r#"{"log":"{\"log\":\"{\\\"pin\\\":"#, Some("\\\\\\\"")),
            (r#"{"pins":["#, Some("\"")),
            (r#"{"pins":["[REDACTED:PIN]", "#, Some("\"")),
            (r#"{"pins":[1, true, "a, b]", -2.5e3,"#, Some("\"")),
            (r#"{"log":"{\"pins\":[\"x\","#, Some("\\\"")),
            (r#"{"pins":[1],"#, None),
            (r#"{"pins":[1], "n":{"#, None),
            (r#"{"pins":[{"a":1},"#, None),
            (r#"{"pin":""#, None),
            (r#"{"pin":"a","#, None),
            (r#"{"pin":1"#, None),
            (r#""pin":-"#, None),
            ("pin: ", None),
            ("[", None),
            ("a, ", None),
            (r#"\\"pin":"#, Some("\"")),
            (r#"\\\\\"pin\\":"#, None),
            ("", None),
        ] {
            assert_eq!(quote_behind(before.as_bytes()), quote.map(str::as_bytes), "{before}");
        }
        let far = |len: usize| format!("\"pin\":{}", " ".repeat(len));
        assert_eq!(quote_behind(far(CONTEXT_LEN - 2).as_bytes()), Some(&b"\""[..]));
        assert_eq!(quote_behind(far(CONTEXT_LEN - 1).as_bytes()), None);
    }

    #[test]
    fn numbers_lists_objects_and_arrays_may_be_bare() {
        for (needle, may) in [
            ("884422", true),
            ("-12.5e3", true),
            ("122, 107,45", true),
            (r#"{"a":1}"#, true),
            ("[1]", true),
            ("12ab", false),
            ("ab12", false),
            ("12,", false),
            ("{a", false),
            ("\"hunter2\"", false),
            ("", false),
        ] {
            assert_eq!(may_be_bare(needle.as_bytes()), may, "{needle}");
        }
    }

    #[test]
    fn a_needle_that_a_quote_completes_forbids_quotes() {
        let conflicting = |needle: &str| conflicts(needle.as_bytes());
        assert!(["\"id\": 4", "\\x4711", "pin\": \"", "[\\\"", "\"", ":\\"].into_iter().all(conflicting));
        assert!(!["token=\"", "884422", "a\"b\"c", "{\"a\":1}"].into_iter().any(conflicting));
    }
}
