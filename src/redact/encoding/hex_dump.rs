//! Hex dumps with offsets and a column of text, of the value by itself.
//!
//! A dump of the value alone is one fixed text, so it is one needle: from its first digit to its
//! last character, with all offsets between. A program may also have dumped the newline that `echo`
//! adds, which changes the last row.
//!
//! The plain reading finds a value at any place of a dump that begins a line: see
//! [`dump`](super::super::reading::dump). These forms are for a dump behind something else in its
//! line, such as a quote or the time of a log, where that reading does not look. There, a value
//! within a longer dump is not covered. Each of its 16 places in the rows of 16 bytes cuts it
//! otherwise, and the offsets and the text around it are unknown, so that no needle reaches across
//! two rows. Needles for the parts of rows would be 57 for a value of 40 bytes, in each of the
//! styles, and those for the text among them would have no context.

use super::form_writer::FormWriter;
use super::unit::{LOWER, push_hex};
use super::{FULL_LEN_MAX, Form};

/// The number of bytes in a row.
const ROW_LEN: usize = 16;

/// A program's layout.
struct Layout {
    /// The text between the last character of a row and the next row's offset.
    row_end: &'static [u8],
    /// The text between an offset of 8 digits and the first byte.
    offset_end: &'static [u8],
    /// The text after the byte with this number in a row, unless it is the last.
    between: fn(usize) -> &'static [u8],
    /// The width of a whole row's digits.
    width: usize,
    /// The text before the first character.
    text_start: &'static [u8],
}

const LAYOUTS: [Layout; 2] = [
    // xxd
    Layout {
        row_end: b"\n",
        offset_end: b": ",
        between: |index| if index % 2 == 1 { b" " } else { b"" },
        width: 39,
        text_start: b"  ",
    },
    // hexdump -C
    Layout {
        row_end: b"|\n",
        offset_end: b"  ",
        between: |index| if index == 7 { b"  " } else { b" " },
        width: 48,
        text_start: b"  |",
    },
];

/// The dumps of the value, with and without a newline after it.
pub(super) fn rows(writer: &mut FormWriter<'_>) {
    if writer.value.len() > FULL_LEN_MAX {
        return;
    }
    for layout in &LAYOUTS {
        for after in [&b""[..], b"\n"] {
            writer.row(Form::HexDump, |value, out| write(value, after, layout, out));
        }
    }
}

/// Writes the dump from the first digit to the last character of the value.
fn write(value: &[u8], after: &[u8], layout: &Layout, out: &mut Vec<u8>) {
    for (number, row) in value.chunks(ROW_LEN).enumerate() {
        if number > 0 {
            out.extend_from_slice(layout.row_end);
            push_hex((number * ROW_LEN) as u32, 8, LOWER, out);
            out.extend_from_slice(layout.offset_end);
        }
        let start = out.len();
        let is_last = (number + 1) * ROW_LEN >= value.len();
        let after = if is_last && row.len() < ROW_LEN { after } else { b"" };
        for (index, &byte) in row.iter().chain(after).enumerate() {
            if index > 0 {
                out.extend_from_slice((layout.between)(index - 1));
            }
            push_hex(byte.into(), 2, LOWER, out);
        }
        out.resize(start + layout.width, b' ');
        out.extend_from_slice(layout.text_start);
        out.extend(row.iter().map(|byte| if matches!(byte, b' '..=b'~') { *byte } else { b'.' }));
    }
}
