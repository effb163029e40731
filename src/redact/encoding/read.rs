//! The plain reading of a value, where that is not the value itself.
//!
//! The value is read like the text, so that one with a backslash or a percent sign of its own is
//! still found in any spelling. A few spellings lose something that no reading brings back; each
//! has a row of its own.

use zeroize::Zeroizing;

use super::super::reading::rule::{DEPTH, ESC};
use super::super::reading::{self, token::doubles};
use super::form_writer::FormWriter;
use super::unit::{LOWER, UPPER, push_hex};
use super::{FULL_LEN_MAX, Form};

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    each_depth(writer, value);
    // Forms and query strings write a blank as `+`.
    if value.contains(&b' ') {
        spelled(writer, value.iter().map(|&byte| if byte == b' ' { b'+' } else { byte }));
    }
    if value.contains(&b'\\') {
        // A shell or a template took the backslashes for its own.
        spelled(writer, value.iter().copied().filter(|&byte| byte != b'\\'));
        backslashes_at_end(writer);
    }
    if value.contains(&ESC) {
        // `htmlentities` of PHP escapes the bracket of a sequence, but not the ESC, which then
        // reads as nothing.
        spelled(writer, value.iter().copied().filter(|&byte| byte != ESC));
    }
    programs(writer);
    if let Some(&last) = [value.last(), value.first()].into_iter().flatten().find(|&&byte| doubles(byte, byte)) {
        // The second of two that the reading takes for one would stay behind the mask. A template
        // doubles both braces: an object in another one ends with two of them, too.
        let are_braces = matches!(last, b'{' | b'}');
        let is_doubled = |byte: u8| byte == last || are_braces && matches!(byte, b'{' | b'}');
        writer.row(Form::Escaped, |value, out| {
            let twice = |&byte: &u8| std::iter::repeat_n(byte, if is_doubled(byte) { 2 } else { 1 });
            out.extend(value.iter().flat_map(twice));
        });
    }
    // A quote at the beginning doubles one that a program puts before the value; a mark at the end
    // escapes the byte behind the value.
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let from = value.iter().take_while(|byte| is_quote(byte)).count();
    let marks = value.iter().rev().take_while(|byte| matches!(byte, b'^' | b'`' | b'\\' | b'%' | b'&' | b'#')).count();
    if from + marks > 0 && from + marks < value.len() {
        writer.row(Form::Escaped, |value, out| out.extend_from_slice(&value[from..value.len() - marks]));
    }
    if writer.wide {
        writer.row(Form::Escaped, latin1);
    }
    // The reading does not undo quoted-printable: nearly every log line has a `=`.
    if value.len() <= FULL_LEN_MAX && (writer.wide || value.contains(&b'=')) {
        writer.row(Form::Escaped, quoted_printable);
    }
    behind_marks(writer);
}

/// Emits the spellings of programs that escape one character in a way of their own: Azure's agent,
/// git's traces, filters of LDAP (RFC 4515).
fn programs(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    if value.len() > FULL_LEN_MAX {
        return;
    }
    let spellings: [(&[u8], &[u8], bool); 3] =
        [(b"%", b"%AZP25", false), (b"!", b"'\\!'", false), (b"*()\\", b"\\", true)];
    for (characters, spelling, is_hex) in spellings {
        if !value.iter().any(|byte| characters.contains(byte)) {
            continue;
        }
        writer.row(Form::Escaped, |value, out| {
            for &byte in value {
                match characters.contains(&byte) {
                    true if is_hex => {
                        out.extend_from_slice(spelling);
                        push_hex(byte.into(), 2, LOWER, out);
                    }
                    true => out.extend_from_slice(spelling),
                    false => out.push(byte),
                }
            }
        });
    }
}

/// Emits a value in another spelling, of at most its own length, and the readings of that.
fn spelled(writer: &mut FormWriter<'_>, bytes: impl Iterator<Item = u8>) {
    // A vector that grows leaves copies behind.
    let mut value = Zeroizing::new(Vec::with_capacity(writer.value.len()));
    value.extend(bytes);
    writer.row(Form::Escaped, |_, out| out.extend_from_slice(&value));
    if value.len() <= FULL_LEN_MAX {
        each_depth(writer, &value);
    }
}

/// Emits the readings of a value. The reading of a text undoes the escapes of encoders first, and
/// those of the value's own only to the depth that is left. It joins doubled characters in any
/// case.
fn each_depth(writer: &mut FormWriter<'_>, value: &[u8]) {
    let mut last = None;
    let least = if value.len() > FULL_LEN_MAX { DEPTH } else { 0 };
    for depth in (least..=DEPTH).rev() {
        let Some(read) = reading::of_depth(value, depth).filter(|read| last.as_ref() != Some(read)) else { continue };
        writer.row(Form::Escaped, |_, out| out.extend_from_slice(&read));
        last = Some(read);
    }
}

/// Emits the rest of a value behind a mark that reads as one escape with its first characters:
/// in JSON, `DOMAIN\nab"c` is `DOMAIN\\nab\"c`, which reads as a newline and `ab"c`.
///
/// A value that programs always write as it is needs no reading.
fn behind_marks(writer: &mut FormWriter<'_>) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    if writer.value.len() > FULL_LEN_MAX || writer.value.iter().all(is_plain) {
        return;
    }
    let own = reading::of(writer.value);
    for mark in *b"\\%&#" {
        writer.row(Form::Escaped, |value, out| {
            out.push(mark);
            out.extend_from_slice(value);
            let read = reading::of(out);
            let taken = read.filter(|read| !read.ends_with(own.as_deref().map_or(value, Vec::as_slice)));
            out.clear();
            out.extend_from_slice(taken.as_deref().map_or(value, Vec::as_slice));
        });
    }
}

/// Emits a value that ends in backslashes as it stands in a string of JSON, and in one within one.
/// The reading drops them; but where only half of an escaped backslash is masked, the rest escapes
/// the quote behind it.
fn backslashes_at_end(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    let own = value.iter().rev().take_while(|&&byte| byte == b'\\').count();
    for more in [own, 3 * own] {
        writer.row(Form::Escaped, |value, out| {
            out.extend_from_slice(value);
            out.extend(std::iter::repeat_n(b'\\', more));
        });
    }
}

/// As mail writes text (RFC 2045, 6.7): `=` and all bytes that are no ASCII text as `=3D`.
fn quoted_printable(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        if matches!(byte, b' '..=b'~' | b'\t') && byte != b'=' {
            out.push(byte);
        } else {
            out.push(b'=');
            push_hex(byte.into(), 2, UPPER, out);
        }
    }
}

/// Each character up to U+00FF as its byte, as Python's `ascii` numbers it and an old log holds it.
fn latin1(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match u8::try_from(c) {
                Ok(byte) => out.push(byte),
                Err(_) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}
