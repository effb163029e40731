//! The lines of a multi-line value.

use memchr::memmem;
use zeroize::Zeroizing;

use super::Parts;
use crate::redact::encoding::Form;
use crate::redact::ordinary::is_ordinary;

/// The minimum length of an identifying line, in bytes, without surrounding white space.
const LINE_LEN_MIN: usize = 8;
/// Lines around and above the body of a PEM file.
const PEM_FRAME: [&[u8]; 4] = [b"-----BEGIN", b"-----END", b"Proc-Type:", b"---- BEGIN"];

/// The trimmed lines of a value that are not empty.
fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// Whether a value has several lines.
pub(super) fn are_several(value: &[u8]) -> bool {
    lines(value).nth(1).is_some()
}

/// Emits the lines that identify the value.
pub(super) fn identifying(value: &[u8], parts: &mut Parts<'_>) {
    lines(value).filter(|line| tells(line)).for_each(|line| parts.text(Form::Line, line));
}

/// Emits the lines of the PEM blocks in a settings file.
pub(super) fn pem_blocks(value: &[u8], parts: &mut Parts<'_>) {
    let mut is_inside = false;
    for line in lines(value) {
        if line.starts_with(b"-----BEGIN ") {
            is_inside = true;
        } else if line.starts_with(b"-----END ") {
            is_inside = false;
        } else if is_inside && tells(line) {
            parts.text(Form::Line, line);
        }
    }
}

/// Emits a one-line value with its written line ends turned into real ones.
pub(super) fn joined(value: &[u8], parts: &mut Parts<'_>) {
    if let Some(plain) = with_line_ends(value) {
        parts.secret(Form::JoinedLines, &plain);
    } else if let Some((pem, body)) = flat_pem(value) {
        parts.secret(Form::JoinedLines, &pem);
        parts.text(Form::Line, &value[body]);
    }
}

/// The length of a line of a PEM file (RFC 7468).
const PEM_LINE_LEN: usize = 64;
/// The shortest body of a PEM file, in characters.
const PEM_BODY_LEN_MIN: usize = 40;

/// A PEM file in one line, as settings of CI systems keep it, with its lines restored; and the
/// place of its body. The line ends may have become blanks, or nothing.
fn flat_pem(value: &[u8]) -> Option<(Zeroizing<Vec<u8>>, std::ops::Range<usize>)> {
    let label = memmem::find(value.strip_prefix(b"-----BEGIN ")?, b"-----")?;
    let start = b"-----BEGIN ".len() + label + b"-----".len();
    let end = start + memmem::find(&value[start..], b"-----END ")?;
    let is_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/= \t".contains(byte);
    if end - start < PEM_BODY_LEN_MIN || !value[start..end].iter().all(is_body) {
        return None;
    }
    let mut pem = Zeroizing::new(Vec::with_capacity(value.len() + (end - start) / PEM_LINE_LEN + 4));
    pem.extend_from_slice(&value[..start]);
    let body = value[start..end].iter().filter(|byte| !byte.is_ascii_whitespace());
    for (at, &byte) in body.enumerate() {
        if at % PEM_LINE_LEN == 0 {
            pem.push(b'\n');
        }
        pem.push(byte);
    }
    pem.push(b'\n');
    pem.extend_from_slice(&value[end..]);
    pem.push(b'\n');
    Some((pem, start..end))
}

/// A one-line value with its written line ends turned into real ones, as in `KEY="-----BEGIN
/// ...-----\nMII...\n"`.
fn with_line_ends(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let ends = memmem::Finder::new(b"\\n");
    ends.find(value)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some(end) = ends.find(rest) {
        let line = &rest[..end];
        plain.extend_from_slice(line.strip_suffix(b"\\r").unwrap_or(line));
        plain.push(b'\n');
        rest = &rest[end + 2..];
    }
    plain.extend_from_slice(rest);
    Some(plain)
}

/// Whether a line identifies the value that contains it.
fn tells(line: &[u8]) -> bool {
    line.len() >= LINE_LEN_MIN
        && !PEM_FRAME.iter().any(|frame| line.starts_with(frame))
        && !line.windows(2).all(|pair| pair[0] == pair[1])
        && line.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        && !is_ordinary(line)
        && !is_bare_key(line)
        && !line.starts_with(b"# ")
}

/// `clusters:` or `- cluster:`, a YAML key with its value on the lines below.
fn is_bare_key(line: &[u8]) -> bool {
    let Some(key) = line.strip_suffix(b":") else { return false };
    let key = key.strip_prefix(b"- ").unwrap_or(key);
    key.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'))
}
