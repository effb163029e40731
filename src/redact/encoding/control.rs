//! Control characters in rsyslog's notation: a newline is `#012`.

use super::Form;
use super::form_writer::FormWriter;
use super::unit::push_octal;

/// The characters escaped with rsyslog's default settings, without EscapeControlCharacterTab, and
/// with Escape8BitCharactersOnReceive.
const ESCAPED: [fn(u8) -> bool; 3] =
    [|byte| byte < 0x20, |byte| byte < 0x20 && byte != b'\t', |byte| byte < 0x20 || !byte.is_ascii()];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    for escaped in ESCAPED {
        writer.row(Form::ControlOctal, |value, out| {
            for &byte in value {
                if escaped(byte) {
                    out.push(b'#');
                    push_octal(byte, out);
                } else {
                    out.push(byte);
                }
            }
        });
    }
}
