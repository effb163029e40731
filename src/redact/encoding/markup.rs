//! XML and HTML, with entities by name, in decimal and in hex.

use super::Form;
use super::form_writer::FormWriter;
use super::unit::{LOWER, UPPER, Unit, push_hex, units};

/// The entity of each character that some program escapes; others stay.
type Entities = &'static [(char, &'static str)];

const NAMED: [Entities; 9] = [
    // Django, and Python's html.escape.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#x27;")],
    // Ruby, .NET, lodash, jq's @html from 1.7 on.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")],
    // Go, Jinja.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&#34;"), ('\'', "&#39;")],
    // PHP.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#039;")],
    // XML with all of its named entities, jq's @html up to 1.6, PHP with ENT_HTML5.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&apos;")],
    // XML attributes.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")],
    // XML text.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")],
    // React, and others that add the slash.
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#x27;"), ('/', "&#x2F;")],
    // Mustache, Handlebars.
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
        ('/', "&#x2F;"),
        ('`', "&#x60;"),
        ('=', "&#x3D;"),
    ],
];

/// The number of these that combine with numbers for other characters.
const WITH_NUMBERS: usize = 7;

/// The notation of a number.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    None,
    Decimal,
    HexLower,
    HexUpper,
}

const NUMBERS: [Number; 3] = [Number::Decimal, Number::HexLower, Number::HexUpper];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    for entities in NAMED {
        writer.row(Form::Xml, |value, out| write(value, entities, Number::None, Number::None, out));
    }
    for number in NUMBERS {
        writer.row(Form::Xml, |value, out| write_numbers(value, number, out));
    }
    if writer.controls || writer.wide {
        rows_with_numbers(writer);
    }
}

/// Names for the five characters, and numbers for others.
fn rows_with_numbers(writer: &mut FormWriter<'_>) {
    for entities in &NAMED[..WITH_NUMBERS] {
        for number in NUMBERS {
            for (spaces, wide) in [(Number::None, number), (number, Number::None), (number, number)] {
                writer.row(Form::Xml, |value, out| write(value, entities, spaces, wide, out));
            }
        }
    }
}

/// Writes line ends and tabs as numbers, as in attributes, and characters outside of ASCII as
/// numbers, as in an ASCII document.
fn write(value: &[u8], entities: Entities, spaces: Number, wide: Number, out: &mut Vec<u8>) {
    units(value).for_each(|unit| match unit {
        Unit::Char(c) if c.is_ascii_alphanumeric() => out.push(c as u8),
        Unit::Char(c @ ('\t' | '\n' | '\r')) => push(c, spaces, out),
        Unit::Char(c) if c.is_ascii() => match entities.iter().find(|(escaped, _)| *escaped == c) {
            Some((_, entity)) => out.extend_from_slice(entity.as_bytes()),
            None => out.push(c as u8),
        },
        Unit::Char(c) => push(c, wide, out),
        Unit::Stray(byte) => out.push(byte),
    });
}

/// Writes numbers for the five characters as well.
fn write_numbers(value: &[u8], number: Number, out: &mut Vec<u8>) {
    units(value).for_each(|unit| match unit {
        Unit::Char(c) if c.is_ascii_alphanumeric() => out.push(c as u8),
        Unit::Char(c) if matches!(c, '&' | '<' | '>' | '"' | '\'') || c.is_ascii_control() || !c.is_ascii() => {
            push(c, number, out);
        }
        _ => unit.copy(out),
    });
}

fn push(c: char, number: Number, out: &mut Vec<u8>) {
    match number {
        Number::None => return Unit::Char(c).copy(out),
        Number::Decimal => {
            out.extend(b"&#");
            push_decimal(c.into(), out);
        }
        Number::HexLower | Number::HexUpper => {
            out.extend(b"&#x");
            push_hex(c.into(), 1, if number == Number::HexLower { LOWER } else { UPPER }, out);
        }
    }
    out.push(b';');
}

fn push_decimal(number: u32, out: &mut Vec<u8>) {
    if number >= 10 {
        push_decimal(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}
