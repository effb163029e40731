//! UTF-16, in both byte orders.

use super::FULL_LEN_MAX;
use super::Form;
use super::form_writer::FormWriter;

/// Splits a unit of UTF-16 into bytes.
type Order = fn(u16) -> [u8; 2];
const ORDERS: [Order; 2] = [u16::to_le_bytes, u16::to_be_bytes];

/// The value in UTF-16, also with other line ends, without the NUL at its end or beginning. For
/// text of characters below U+0100 that leaves one needle for both orders.
pub(super) fn rows(writer: &mut FormWriter<'_>) {
    if !writer.text || writer.value.len() > FULL_LEN_MAX {
        return;
    }
    let is_one_line = !writer.value.contains(&b'\n');
    let line_ends = [None, Some("\r\n"), Some("\n")];
    for line_end in &line_ends[..if is_one_line { 1 } else { line_ends.len() }] {
        for order in ORDERS {
            writer.row(Form::Utf16, |value, out| write(value, order, *line_end, out));
        }
    }
}

fn write(value: &[u8], order: Order, line_end: Option<&str>, out: &mut Vec<u8>) {
    let mut chars = value.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).peekable();
    while let Some(c) = chars.next() {
        match (c, line_end) {
            ('\r', Some(_)) if chars.peek() == Some(&'\n') => {}
            ('\n', Some(line_end)) => line_end.chars().for_each(|c| push(c, order, out)),
            _ => push(c, order, out),
        }
    }
    if out.last() == Some(&0) {
        out.pop();
    }
}

fn push(c: char, order: Order, out: &mut Vec<u8>) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let bytes = order(*unit);
        out.extend_from_slice(if out.is_empty() && bytes[0] == 0 { &bytes[1..] } else { &bytes });
    }
}
