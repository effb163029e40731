//! The forms of a value inside of JSON strings: one for each usual writer, and two levels deep.

use super::Form;
use super::form_writer::FormWriter;
use super::json_string::{ASCII, DOTNET, HTML, JQ, MINIMAL, PHP, Style, write};
use super::unit::UPPER;

const STYLES: [Style; 13] = [
    MINIMAL,
    ASCII,
    HTML,
    PHP,
    DOTNET,
    JQ,
    // PHP with JSON_UNESCAPED_UNICODE, Apple's JSONSerialization.
    Style { slash: true, ..MINIMAL },
    // Jackson, RapidJSON.
    Style { digits: UPPER, ..MINIMAL },
    // Jackson with ESCAPE_NON_ASCII.
    Style { ascii: true, digits: UPPER, ..MINIMAL },
    // Flask and Jinja.
    Style { numeric: b"<>&'", del: true, ascii: true, ..MINIMAL },
    // Django.
    Style { numeric: b"<>&", numeric_digits: UPPER, del: true, ascii: true, ..MINIMAL },
    // Gson.
    Style { numeric: b"<>&'=", ..MINIMAL },
    // PHP with all of JSON_HEX_*.
    Style { numeric: b"<>&'\"", numeric_digits: UPPER, slash: true, ascii: true, ..MINIMAL },
];

/// JSON within JSON: inner and outer style.
const NESTED: [(Style, Style); 7] = [
    (MINIMAL, MINIMAL),
    (JQ, MINIMAL),
    (ASCII, MINIMAL),
    (HTML, MINIMAL),
    (MINIMAL, HTML),
    (PHP, PHP),
    (DOTNET, MINIMAL),
];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    for style in &STYLES {
        writer.row(Form::Json, |value, out| write(value, style, out));
    }
    for (inner, outer) in &NESTED {
        writer.row_in_json(outer, |value, out| write(value, inner, out));
    }
}

pub(super) fn likeliest(writer: &mut FormWriter<'_>) {
    for style in [&MINIMAL, &ASCII] {
        writer.row(Form::Json, |value, out| write(value, style, out));
    }
}
