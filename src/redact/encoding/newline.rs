//! The whole of a multi-line value, with other line ends.

use super::Form;
use super::form_writer::FormWriter;

/// The separators of lines: a terminal's CRLF, plain LF, a blank, and nothing.
const LINE_ENDS: [(Form, &[u8]); 4] =
    [(Form::Crlf, b"\r\n"), (Form::Crlf, b"\n"), (Form::JoinedLines, b" "), (Form::JoinedLines, b"")];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    if writer.value.contains(&b'\n') {
        for (form, line_end) in LINE_ENDS {
            writer.row(form, |value, out| {
                for (index, line) in value.split(|&byte| byte == b'\n').enumerate() {
                    if index > 0 {
                        out.extend_from_slice(line_end);
                    }
                    out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                }
            });
        }
    }
    writer.row(Form::JoinedLines, write_words);
}

/// The output of `echo $VALUE`: the words, with one blank between them.
fn write_words(value: &[u8], out: &mut Vec<u8>) {
    for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}
