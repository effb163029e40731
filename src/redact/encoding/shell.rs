//! Shell quoting, without the enclosing quotes: these remain beside the mask.
//!
//! Written by hand: a crate writes one form that a shell accepts, but the needles are all forms
//! that shells and libraries write.

use super::Form;
use super::form_writer::FormWriter;
use super::unit::push_octal;

/// The characters that bash's `printf %q` escapes with a backslash. (`~` and `#` only at the
/// beginning, where the backslash remains beside the mask.)
const BASH: &[u8] = b" \t!\"$&'()*,;<>?[\\]^`{|}";
/// The characters that zsh's `printf %q` escapes in a script.
const ZSH: &[u8] = b" \t\"#$&'()*;<>?[\\]^`{|}";
/// The characters that Ruby's Shellwords keeps, besides letters, digits and newlines. Its backslash
/// precedes whole characters.
const SHELLWORDS_KEEP: &[u8] = b"_-.,:+/@";

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    // Single quotes: `set -x`, `${x@Q}`, jq's @sh, PHP; and Python's shlex.quote.
    writer.row_and_in_json(Form::Shell, |value, out| single_quote(value, b"'\\''", out));
    writer.row_and_in_json(Form::Shell, |value, out| single_quote(value, b"'\"'\"'", out));
    // Backslashes: `printf %q` of bash and of zsh, Ruby's Shellwords.
    writer.row(Form::Shell, |value, out| backslash(value, out, |byte| BASH.contains(&byte)));
    writer.row(Form::Shell, |value, out| backslash(value, out, |byte| ZSH.contains(&byte)));
    writer.row(Form::Shell, |value, out| backslash(value, out, shellwords));
    // Double quotes, without and with history.
    writer.row(Form::Shell, |value, out| backslash(value, out, |byte| b"$`\"\\".contains(&byte)));
    writer.row(Form::Shell, |value, out| backslash(value, out, |byte| b"$`\"\\!".contains(&byte)));
    if writer.controls || writer.wide {
        for octal in [false, true] {
            for escape in [Some(b'E'), Some(b'e'), None] {
                writer.row(Form::Shell, |value, out| dollar_quote(value, escape, octal, out));
            }
        }
    }
}

fn shellwords(byte: u8) -> bool {
    let is_continuation = byte & 0xc0 == 0x80;
    !byte.is_ascii_alphanumeric() && !is_continuation && byte != b'\n' && !SHELLWORDS_KEEP.contains(&byte)
}

fn single_quote(value: &[u8], quote: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'\'' => out.extend_from_slice(quote),
            _ => out.push(*byte),
        }
    }
}

fn backslash(value: &[u8], out: &mut Vec<u8>, escaped: impl Fn(u8) -> bool) {
    for &byte in value {
        if !byte.is_ascii_alphanumeric() && escaped(byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// `$'...'`, bash's notation for a value with control characters. Characters outside of ASCII are
/// octal where the locale cannot print them.
fn dollar_quote(value: &[u8], escape: Option<u8>, octal: bool, out: &mut Vec<u8>) {
    for &byte in value {
        let name = match byte {
            0x07 => Some(b'a'),
            0x08 => Some(b'b'),
            b'\t' => Some(b't'),
            b'\n' => Some(b'n'),
            0x0b => Some(b'v'),
            0x0c => Some(b'f'),
            b'\r' => Some(b'r'),
            0x1b => escape,
            b'\'' | b'\\' => Some(byte),
            _ => None,
        };
        match name {
            Some(name) => out.extend([b'\\', name]),
            None if byte.is_ascii_control() || octal && !byte.is_ascii() => {
                out.push(b'\\');
                push_octal(byte, out);
            }
            None => out.push(byte),
        }
    }
}
