//! Redaction of the program's own text: messages, reports, status, labels of metrics. It contains
//! names of files and of secrets, which may hold a secret, so it passes through the current set
//! like any other text.
//!
//! Only whole needles are masked. Otherwise a message that ends in a partial match would reveal, by
//! being masked or not, how much of a name matches a secret.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use super::finder::Finder;
use super::needle::NeedleSet;
use super::region::Region;
use super::text::{Written, written_out};

/// A reader's interpretation of a text, besides the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A message: an [escaped](super::text::shown) character stands for the original one.
    Message,
    /// The text of a JSON string, encoded on output.
    Json,
    /// The value of a Prometheus label, encoded on output.
    Label,
}

/// The maximum number of searches, since a mask may create another match.
const ROUNDS_MAX: usize = 3;

/// Masks every finding in the text: verbatim, escaped, or in the form that `reading` will give it.
///
/// ```
/// # use std::sync::Arc;
/// # use hushlog::{NeedleSet, Secret, redact::message::{Reading, redact}};
/// let set = Arc::new(NeedleSet::builder().secret(Secret::new("KEY", b"pa\nss-X9Q2".to_vec())).build()?);
/// assert_eq!(redact(&set, r"found 1 in ./pa\nss-X9Q2.log", Reading::Message), "found 1 in ./[REDACTED:KEY].log");
/// # Ok::<(), hushlog::BuildError>(())
/// ```
#[must_use]
pub fn redact<'a>(set: &Arc<NeedleSet>, text: &'a str, reading: Reading) -> Cow<'a, str> {
    let views: &[fn(&str) -> View] = match reading {
        Reading::Message => &[View::read_back],
        Reading::Json => &[View::read_back, View::json],
        Reading::Label => &[View::read_back, View::label],
    };
    let mut text = Cow::Borrowed(text);
    if set.is_empty() {
        return text;
    }
    for _ in 0..ROUNDS_MAX {
        let mut findings = find(set, &text, text.as_bytes(), |range| range);
        for view in views {
            findings.extend(view(&text).find(set, &text));
        }
        if findings.is_empty() {
            return text;
        }
        text = Cow::Owned(mask(set, &text, findings));
    }
    // A mask that becomes a secret when encoded: rather lose the whole text.
    Cow::Owned(String::new())
}

/// A text in another form, with the position in the text for each byte.
struct View {
    bytes: Vec<u8>,
    /// For each byte, the range in the text that it stands for.
    from: Vec<(usize, usize)>,
    /// Whether the form differs from the text.
    differs: bool,
}

impl View {
    fn new(len: usize) -> View {
        View { bytes: Vec::with_capacity(len), from: Vec::with_capacity(len), differs: false }
    }

    fn add(&mut self, bytes: &[u8], from: (usize, usize)) {
        self.bytes.extend_from_slice(bytes);
        self.from.resize(self.bytes.len(), from);
    }

    /// The text with its escapes undone.
    fn read_back(text: &str) -> View {
        let mut view = View::new(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let written = written_out(&text[at..]);
            view.differs |= written.is_some();
            let (written, len) = written.unwrap_or((Written::Char(c), c.len_utf8()));
            match written {
                Written::Char(c) => view.add(c.encode_utf8(&mut [0; 4]).as_bytes(), (at, at + len)),
                Written::Byte(byte) => view.add(&[byte], (at, at + len)),
            }
            at += len;
        }
        view
    }

    /// Builds a view with a function that encodes a character, or returns `None` to keep it.
    fn encoded(text: &str, encode: impl Fn(char) -> Option<String>) -> View {
        let mut view = View::new(text.len());
        for (at, c) in text.char_indices() {
            let from = (at, at + c.len_utf8());
            match encode(c) {
                Some(encoded) => view.add(encoded.as_bytes(), from),
                None => view.add(c.encode_utf8(&mut [0; 4]).as_bytes(), from),
            }
            view.differs |= view.bytes.len() != from.1 || matches!(c, '\\' | '"');
        }
        view
    }

    fn json(text: &str) -> View {
        View::encoded(text, json_escape)
    }

    fn label(text: &str) -> View {
        View::encoded(text, label_escape)
    }

    fn find(&self, set: &Arc<NeedleSet>, text: &str) -> Vec<Finding> {
        if !self.differs {
            return Vec::new();
        }
        find(set, text, &self.bytes, |(start, end)| (self.from[start].0, self.from[end - 1].1))
    }
}

/// A range of the text to mask, and the needle that names it.
type Finding = (Range<usize>, usize);

/// The regions found in `view`; `from` maps positions of the view to the text.
fn find(
    set: &Arc<NeedleSet>,
    text: &str,
    view: &[u8],
    from: impl Fn((usize, usize)) -> (usize, usize),
) -> Vec<Finding> {
    let mut finder = Finder::new(Arc::clone(set));
    let mut regions: Vec<_> = finder.push(view).collect();
    regions.extend(finder.finish(false));
    let finding = |region: &Region| {
        let range = region.range();
        let (mut start, mut end) = from((range.start as usize, range.end as usize));
        // A secret may end within a character; the mask covers the whole character.
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        (start..end, region.needle())
    };
    regions.iter().map(finding).collect()
}

/// Masks the union of the findings. In one view a secret may be found only in part: without the
/// control character at its end, which the plain reading drops.
fn mask(set: &Arc<NeedleSet>, text: &str, mut findings: Vec<Finding>) -> String {
    findings.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
    findings.dedup_by(|(next, _), (range, _)| {
        let joins = next.start <= range.end;
        range.end = if joins { range.end.max(next.end) } else { range.end };
        joins
    });
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    let mut replacement = Vec::new();
    for (range, needle) in findings {
        replacement.clear();
        range.clone().for_each(|byte| set.write_mask(needle, byte == range.start, &mut replacement));
        masked.push_str(&text[at..range.start]);
        masked.push_str(&String::from_utf8_lossy(&replacement));
        at = range.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// The JSON escape of a character, if any: where JSON requires it, and for characters that must not
/// be shown.
#[must_use]
pub fn json_escape(c: char) -> Option<String> {
    Some(match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        c if super::text::is_hidden(c) => {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        _ => return None,
    })
}

/// The escape of a character in a Prometheus label, if any. The format has none for characters that
/// must not be shown.
#[must_use]
pub fn label_escape(c: char) -> Option<String> {
    Some(match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        c if super::text::is_hidden(c) => char::REPLACEMENT_CHARACTER.to_string(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::redact::message::{Reading, json_escape, redact};
    use crate::redact::needle::NeedleSet;
    use crate::redact::secret::Secret;
    use crate::redact::text::shown;

    fn set(secrets: &[(&str, &[u8])]) -> Arc<NeedleSet> {
        let secrets = secrets.iter().map(|(name, value)| Secret::new(*name, value.to_vec()));
        Arc::new(secrets.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build().unwrap())
    }

    #[test]
    fn a37_a_message_shows_no_secret_however_it_is_written() {
        for value in [
            &b"hunter2-prod-key"[..],
            b"hunter2\nprod\x1bkey",
            b"hunter2\\prod\\\\key",
            b"hun\xffter2\x80key",
            "hunter2\u{202e}key\u{e0041}".as_bytes(),
            b"\"hunter2\"prod'key",
            b"hunter2\nkey\x1b",
        ] {
            let set = set(&[("KEY", value)]);
            let before = format!("found 1 in ./{}.log (KEY 1)", shown(value));
            assert_eq!(redact(&set, &before, Reading::Message), "found 1 in ./[REDACTED:KEY].log (KEY 1)");
            let raw = format!("./{}.log", String::from_utf8_lossy(value));
            if std::str::from_utf8(value).is_ok() {
                assert_eq!(redact(&set, &raw, Reading::Message), "./[REDACTED:KEY].log");
            }
        }
    }

    #[test]
    fn a37_text_that_encodes_to_a_secret_is_masked_before() {
        let set = set(&[("KEY", br"hunter2\\prod-key")]);
        let text = "x hunter2\\prod-key y";
        assert_eq!(redact(&set, text, Reading::Message), "x [REDACTED:KEY] y");
        assert_eq!(redact(&set, text, Reading::Json), "x [REDACTED:KEY] y");
        assert_eq!(redact(&set, text, Reading::Label), "x [REDACTED:KEY] y");
    }

    #[test]
    fn a37_another_secrets_name_is_masked() {
        let set = set(&[("KEY", b"hunter2-prod-key"), ("hunter2-prod-key", b"correct-horse-42")]);
        let text = "masked 2 places (hunter2-prod-key 1, KEY 1); correct-horse-42";
        let masked = redact(&set, text, Reading::Json);
        assert!(!masked.contains("hunter2-prod-key") && !masked.contains("correct-horse"), "{masked}");
    }

    #[test]
    fn a37_a_partial_match_is_not_masked() {
        let set = set(&[("KEY", b"hunter2-prod-key")]);
        let text = "not searched: ./hunter2-prod-ke";
        assert_eq!(redact(&set, text, Reading::Message), text);
    }

    #[test]
    fn a37_json_stays_json() {
        let config = proptest::test_runner::Config { failure_persistence: None, ..Default::default() };
        proptest::proptest!(config, |(text: String, value in "[a-z]{3}[a-z\"\\\\\n]{4,9}[a-z]{3}", at: proptest::sample::Index)| {
            let set = set(&[("K\"E\\Y", value.as_bytes())]);
            let at = (0..=text.len()).rev().filter(|at| text.is_char_boundary(*at)).nth(at.index(text.chars().count() + 1)).unwrap();
            let text = format!("{}{value}{}", &text[..at], &text[at..]);
            let masked = redact(&set, &text, Reading::Json);
            let json: String = masked.chars().map(|c| json_escape(c).unwrap_or(c.to_string())).collect();
            assert!(!json.contains(&value) && !masked.contains(&value));
        });
    }
}
