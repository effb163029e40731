//! The encodings of a value, one row each.
//!
//! The search covers a value itself, and its forms as written by the programs that handle it on its
//! way into a log. Each kind has a file: `binary` (base64, hex, decimal), `hex_dump`, `wide`
//! (UTF-16), `percent`, `json`, `literal` (string literals), `markup`, `shell`, `doubled`,
//! `control` (rsyslog) and `newline`. Where one form contains another, the shorter one suffices: it
//! masks the identifying part, and leaves a quote, a backslash or a NUL beside it.
//!
//! All forms derive from the value without surrounding white space, byte order mark and one pair of
//! quotes, so they match the value with and without these. Cost: linear in the value's length, with
//! 20 passes for letters and digits and some 120 for text with every kind of character. Values over
//! 16 KiB get only seven forms, and values that are not UTF-8 fewer than others. A secret of 40
//! characters has 28 forms if it is all letters and digits, 32 with a few others, and 74 if it is
//! random printable ASCII. The forms of letters and digits total some 110 times their length.
//!
//! Not covered: a form of a form (base64 of base64, JSON three levels deep), except for JSON around
//! the likely ones; other letter case, UTF-32, another Unicode normalisation, a value written
//! backwards; a value within a longer hex dump with offsets (`curl --trace`; see `hex_dump`); a
//! list of numbers over several lines; base64 wrapped at other widths than 64 and 76 columns, or
//! wrapped with other text before the value; colour codes and line breaks within a value; a value
//! that is not UTF-8 after a decoder has put U+FFFD into it; named entities other than the five of
//! XML.

mod binary;
mod control;
mod doubled;
mod form_writer;
mod hex_dump;
mod json;
mod json_string;
mod literal;
mod markup;
mod newline;
mod percent;
mod shell;
mod unit;
mod wide;

use super::secret::VALUE_LEN_MIN;
use form_writer::FormWriter;

/// The longest value with all forms, in bytes. Longer ones only get the value itself, standard
/// base64, lower-case hex, RFC 3986 percent-encoding and plain JSON. The needles of such a value
/// total at most 16 times its length (1, 4, 2, 3 and 6), and those of each level of its parts 7
/// times; for random printable text it is less than 16 times with all parts.
pub(super) const FULL_LEN_MAX: usize = 16 << 10;

/// The derivation of a needle from its secret's value, as named in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// The value itself.
    Value,
    /// The value without surrounding white space, byte order mark, or one pair of quotes.
    Trimmed,
    /// Base64 with `+` and `/`.
    Base64,
    /// Base64 with `-` and `_`.
    Base64Url,
    /// Two hex digits for each byte.
    Hex,
    /// Hex digits with `:`, `-`, a blank or `, 0x` between bytes.
    HexSeparated,
    /// A hex dump with offsets and a column of text.
    HexDump,
    /// A list of decimal numbers, one for each byte.
    Decimal,
    /// UTF-16, in either byte order.
    Utf16,
    /// Percent-encoding, as in URLs and forms.
    Percent,
    /// The inside of a JSON string.
    Json,
    /// The inside of a JSON string within a JSON string, or of another form within one.
    JsonInJson,
    /// A string literal of C, Python, Go, Rust, JavaScript and others.
    CEscape,
    /// XML or HTML with entities.
    Xml,
    /// Quoted for a shell.
    Shell,
    /// Quotes doubled, as in SQL and CSV.
    DoubledQuote,
    /// Each `$` as `$$`.
    DollarDoubled,
    /// Control characters as `#012`, as in rsyslog's output.
    ControlOctal,
    /// Lines that end in CRLF where the value has LF, or the reverse.
    Crlf,
    /// Lines joined by a blank, by nothing, or by a written `\n`.
    JoinedLines,
    /// A line of a multi-line value.
    Line,
    /// The password in a URL, or a token in its place.
    UrlPassword,
    /// User name, password and host of a URL.
    UrlAuthority,
    /// A credential in the path or the query of a URL.
    UrlParameter,
    /// A string in a JSON value.
    JsonLeaf,
    /// The value of a key in a connection string or a settings file.
    ConnectionString,
    /// A credential behind a scheme or a name: `Bearer X`, `user:X`; or one of a list.
    Credential,
    /// What an encoded value decodes to.
    Decoded,
}

impl Form {
    /// The name in reports: lower case, words joined by `-`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Value => "value",
            Form::Trimmed => "trimmed",
            Form::Base64 => "base64",
            Form::Base64Url => "base64url",
            Form::Hex => "hex",
            Form::HexSeparated => "hex-separated",
            Form::HexDump => "hex-dump",
            Form::Decimal => "decimal",
            Form::Utf16 => "utf-16",
            Form::Percent => "percent",
            Form::Json => "json",
            Form::JsonInJson => "json-in-json",
            Form::CEscape => "c-escape",
            Form::Xml => "xml",
            Form::Shell => "shell",
            Form::DoubledQuote => "doubled-quote",
            Form::DollarDoubled => "dollar-doubled",
            Form::ControlOctal => "control-octal",
            Form::Crlf => "crlf",
            Form::JoinedLines => "joined-lines",
            Form::Line => "line",
            Form::UrlPassword => "url-password",
            Form::UrlAuthority => "url-authority",
            Form::UrlParameter => "url-parameter",
            Form::JsonLeaf => "json-leaf",
            Form::ConnectionString => "connection-string",
            Form::Credential => "credential",
            Form::Decoded => "decoded",
        }
    }
}

/// Calls `emit` with every form of a whole `value`, likeliest first, with few duplicates.
///
/// The first two, the value and the trimmed value, have any length; all others have at least
/// [`UNGUESSABLE_LEN_MIN`] bytes.
pub(crate) fn forms(value: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    part_forms(value, emit);
    hex_dump::rows(&mut FormWriter::new(core(value), emit));
}

/// Like [`forms`], for a part of a value, which programs dump only within the value.
pub(super) fn part_forms(value: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, value);
    let core = core(value);
    if core.len() < value.len() {
        emit(Form::Trimmed, core);
    }
    let mut writer = FormWriter::new(core, emit);
    binary::base64(&mut writer);
    binary::hex(&mut writer);
    if core.len() > FULL_LEN_MAX {
        percent::likeliest(&mut writer);
        json::likeliest(&mut writer);
        return;
    }
    binary::decimal(&mut writer);
    wide::rows(&mut writer);
    text_rows(&mut writer);
    newline::rows(&mut writer);
}

/// Calls `emit` with `text` and its readable forms: not base64, numbers and UTF-16.
pub(super) fn text_forms(text: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, text);
    text_rows(&mut FormWriter::new(text, emit));
}

/// Calls `emit` with the numbers, in hex and decimal, of `bytes` that are no text. The value that
/// they were decoded from has the base64. The bytes themselves are none: among some hundred random
/// ones, each mask would begin or end as one does.
pub(super) fn byte_forms(bytes: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    let mut writer = FormWriter::new(bytes, emit);
    binary::hex(&mut writer);
    binary::decimal(&mut writer);
}

/// Calls `emit` with `text` and its JSON form.
pub(super) fn likeliest_forms(text: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, text);
    json::likeliest(&mut FormWriter::new(text, emit));
}

fn text_rows(writer: &mut FormWriter<'_>) {
    if writer.is_plain() {
        return;
    }
    if !writer.text {
        binary_rows(writer);
        return;
    }
    json::rows(writer);
    percent::rows(writer);
    shell::rows(writer);
    literal::rows(writer);
    markup::rows(writer);
    doubled::rows(writer);
    control::rows(writer);
}

/// The forms of a value that is not UTF-8. Few programs write it in other ways, and each form is
/// long.
fn binary_rows(writer: &mut FormWriter<'_>) {
    json::likeliest(writer);
    percent::likeliest(writer);
    shell::rows(writer);
    literal::rows(writer);
}

/// The value without the characters that people and files put around it. Keeps them if fewer than
/// [`VALUE_LEN_MIN`] bytes would remain.
pub(super) fn core(value: &[u8]) -> &[u8] {
    let trimmed = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value).trim_ascii();
    let bare = match trimmed {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner.trim_ascii(),
        _ => trimmed,
    };
    [bare, trimmed].into_iter().find(|core| core.len() >= VALUE_LEN_MIN).unwrap_or(value)
}
