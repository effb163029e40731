//! The fields of a form: `multipart/form-data` in a locked and wiped body.
//!
//! All forms of the console have this type. Fields are slices of the body, so a value is not copied
//! while it is parsed. The form of axum, and the crate multer, copy fields to memory that is not
//! wiped.

use std::ops::Range;

use memchr::memmem;
use zeroize::Zeroizing;

use crate::sys::locked;

/// The most fields of a form.
const FIELDS_MAX: usize = 32;
/// The longest head of a field, in bytes.
const HEAD_LEN_MAX: usize = 1024;
/// The longest boundary between fields, in bytes (RFC 2046).
const BOUNDARY_LEN_MAX: usize = 70;

/// A form.
#[derive(Default)]
pub(super) struct Form {
    body: Zeroizing<Vec<u8>>,
    fields: Vec<(String, Range<usize>)>,
}

impl Form {
    /// Reads the fields of a body. `None` if it is no form, or has a field twice.
    pub(super) fn parse(content_type: &str, body: Zeroizing<Vec<u8>>) -> Option<Form> {
        let boundary = boundary(content_type)?;
        let line = format!("\r\n--{boundary}");
        let mut at = body.strip_prefix(&line.as_bytes()[2..]).map(|_| line.len() - 2)?;
        let mut fields: Vec<(String, Range<usize>)> = Vec::new();
        while !body[at..].starts_with(b"--") {
            at += body[at..].strip_prefix(b"\r\n").map(|_| 2)?;
            let head = &body[at..body.len().min(at + HEAD_LEN_MAX)];
            let head_len = memmem::find(head, b"\r\n\r\n")?;
            let name = name(std::str::from_utf8(&head[..head_len]).ok()?)?;
            let start = at + head_len + 4;
            let len = memmem::find(&body[start..], line.as_bytes())?;
            if fields.len() == FIELDS_MAX || fields.iter().any(|(known, _)| *known == name) {
                return None;
            }
            fields.push((name, start..start + len));
            at = start + len + line.len();
        }
        Some(Form { body, fields })
    }

    /// The bytes of a field; none if it is missing.
    pub(super) fn bytes(&self, name: &str) -> &[u8] {
        self.fields.iter().find(|(found, _)| found == name).map_or(&[], |(_, range)| &self.body[range.clone()])
    }

    /// The text of a field, without white space around it. A field that is not UTF-8 counts as
    /// empty: browsers send none.
    pub(super) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap_or_default().trim()
    }

    /// The bytes of an area for several lines, which end as they were typed: browsers send CR LF.
    pub(super) fn lines(&self, name: &str) -> Zeroizing<Vec<u8>> {
        let bytes = self.bytes(name);
        let mut lines = locked::buffer(bytes.len());
        lines.extend((0..bytes.len()).filter(|at| !bytes[*at..].starts_with(b"\r\n")).map(|at| bytes[at]));
        lines
    }

    /// Whether a box is checked.
    pub(super) fn is_checked(&self, name: &str) -> bool {
        !self.bytes(name).is_empty()
    }

    /// Whether a form was sent at all.
    pub(super) fn is_sent(&self) -> bool {
        !self.fields.is_empty()
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    let named = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let boundary = named.trim_matches('"');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    let is_one = (1..=BOUNDARY_LEN_MAX).contains(&boundary.len()) && boundary.bytes().all(is_plain);
    (kind.trim().eq_ignore_ascii_case("multipart/form-data") && is_one).then_some(boundary)
}

/// The name of a field from its head.
fn name(head: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, disposition) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    let rest = disposition.trim().strip_prefix("form-data;")?;
    let name = rest.split(';').find_map(|part| part.trim().strip_prefix("name=\""))?.strip_suffix('"')?;
    let is_plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
    (!name.is_empty() && name.bytes().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x";

    fn parsed(body: &str) -> Option<Form> {
        Form::parse(TYPE, Zeroizing::new(body.as_bytes().to_vec()))
    }

    #[test]
    fn fields_are_the_bytes_between_boundaries() {
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a;b\"\r\nContent-Type: text/plain\r\n\r\n\r\n--y\r\n\n\r\n";
        let form = parsed(&(part("name", " a b ") + file + &part("box", "on") + "--x--\r\n")).expect("a form");
        assert_eq!((form.text("name"), form.bytes("name")), ("a b", &b" a b "[..]));
        assert_eq!(form.bytes("file"), b"\r\n--y\r\n\n");
        assert!(form.is_checked("box") && !form.is_checked("other") && form.is_sent());
        assert!(!parsed("--x--\r\n").expect("an empty form").is_sent());
        assert!(parsed(&(part("a", "1") + &part("a", "2") + "--x--")).is_none(), "twice");
        assert!(parsed(&((0..40).map(|_| part("a", "1")).collect::<String>() + "--x--")).is_none());
    }

    #[test]
    fn anything_else_is_no_form() {
        for body in [
            "",
            "--x",
            "--x\r\n",
            "--y--",
            "--x\r\n\r\n\r\n--x--",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb",
            "--x\r\nContent-Disposition: form-data; name=\"A B\"\r\n\r\nb\r\n--x--",
            "--x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nb\r\n--x--",
        ] {
            assert!(parsed(body).is_none(), "{body:?}");
        }
        let long = format!("--x\r\n{}\r\n\r\nb\r\n--x--", "A: b\r\n".repeat(HEAD_LEN_MAX));
        assert!(parsed(&long).is_none());
        for content_type in ["", "text/plain; boundary=x", "multipart/form-data", "multipart/form-data; boundary="] {
            assert!(Form::parse(content_type, Zeroizing::new(b"--x--".to_vec())).is_none(), "{content_type}");
        }
    }
}
