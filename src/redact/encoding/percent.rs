//! Percent-encoding. Programs agree on letters and digits, and on little else.

use super::Form;
use super::form_writer::FormWriter;
use super::unit::{Digits, LOWER, UPPER, push_hex};

/// The characters kept besides letters and digits, and whether a blank becomes `+`.
struct Style {
    keep: &'static [u8],
    plus: bool,
}

/// RFC 3986: Python's `quote(safe='')`, PHP's `rawurlencode`, jq's `@uri` from 1.7 on.
const RFC3986: Style = Style { keep: b"-._~", plus: false };

const STYLES: [Style; 10] = [
    RFC3986,
    // curl's --data-urlencode (in lower case in a URL), Python's quote_plus and urlencode, Go's
    // QueryEscape.
    Style { keep: b"-._~", plus: true },
    // Python's quote.
    Style { keep: b"-._~/", plus: false },
    // JavaScript's encodeURIComponent, Perl's uri_escape, jq's `@uri` up to 1.6.
    Style { keep: b"-._~!*'()", plus: false },
    // JavaScript's encodeURI.
    Style { keep: b"-._~!*'();/?:@&=+$,#", plus: false },
    // JavaScript's URLSearchParams, Java's URLEncoder, Ruby's encode_www_form, HTML forms.
    Style { keep: b"-._*", plus: true },
    // PHP's urlencode.
    Style { keep: b"-._", plus: true },
    // .NET's HttpUtility.
    Style { keep: b"-._!*()", plus: true },
    // Go's PathEscape.
    Style { keep: b"-._~$&+=:@", plus: false },
    // Go's url.UserPassword.
    Style { keep: b"-._~$&+,;=", plus: false },
];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    for digits in [UPPER, LOWER] {
        for style in &STYLES {
            writer.row(Form::Percent, |value, out| write(value, style, digits, out));
        }
    }
}

pub(super) fn likeliest(writer: &mut FormWriter<'_>) {
    writer.row(Form::Percent, |value, out| write(value, &RFC3986, UPPER, out));
}

fn write(value: &[u8], style: &Style, digits: Digits, out: &mut Vec<u8>) {
    for &byte in value {
        if byte.is_ascii_alphanumeric() || style.keep.contains(&byte) {
            out.push(byte);
        } else if byte == b' ' && style.plus {
            out.push(b'+');
        } else {
            out.push(b'%');
            push_hex(byte.into(), 2, digits, out);
        }
    }
}
