//! The ways a value gets written, one row each.
//!
//! A value is searched for as it is, and as the programs write it that handle it on its way into a log. The rows of one kind
//! stand in one file: `binary` (base64, hex), `percent`, `json`, `literal` (string literals), `markup`, `shell`, `doubled`,
//! `control` (rsyslog) and `newline`. Where one form is part of another, the shorter one is enough: it masks what tells, and
//! leaves a quote or a backslash beside it.
//!
//! All forms come from the value without surrounding white space, byte order mark and one pair of quotes, so that they cover the
//! value with and without these. Cost: linear in the value's length, with 8 passes for letters and digits and some 100 for text
//! with everything in it; values over 16 KiB get seven forms only, and values that are not UTF-8 fewer than others. A secret of 40
//! characters has 16 forms if it is all letters and digits, 20 with a few others, and 50 if it is random printable ASCII.
//!
//! Not covered: a form of a form (base64 of base64, JSON three deep), except for JSON around the likely ones; other letter case,
//! UTF-16, another Unicode normalisation, a value written backwards or as decimal bytes; hex dumps with offsets (`xxd`,
//! `hexdump -C`); base64 broken at other widths than 64 and 76 columns, or broken when something stands before the value; colour
//! codes and line breaks within a value; a value that is not UTF-8 after a decoder has put U+FFFD into it; named entities other
//! than the five of XML.

mod binary;
mod control;
mod doubled;
mod json;
mod literal;
mod markup;
mod newline;
mod percent;
mod sheet;
mod shell;

use super::secret::VALUE_LEN_MIN;
use sheet::Sheet;

/// Values longer than this get the value itself, standard base64, lower-case hex, RFC 3986 percent-encoding and plain JSON only, in
/// bytes. Such a value comes to needles of 16 times its length at most (1, 4, 2, 3 and 6), and each level of its parts to 7 times;
/// random printable text comes to less than 16 times with all of its parts.
pub(super) const FULL_LEN_MAX: usize = 16 << 10;

/// How a needle is derived from its secret's value, as reports name it.
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
    /// Hex digits with `:` or a blank between bytes.
    HexSeparated,
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
    /// Control characters as `#012`, as rsyslog writes them.
    ControlOctal,
    /// Lines that end in CRLF where the value has LF, or the other way round.
    Crlf,
    /// Lines joined by a blank, by nothing, or by a written `\n`.
    JoinedLines,
    /// A line of a value that has several.
    Line,
    /// The password in a URL, or a token in its place.
    UrlPassword,
    /// User name, password and host of a URL.
    UrlAuthority,
    /// A credential in the path or the query of a URL.
    UrlParameter,
    /// A string in a JSON value.
    JsonLeaf,
    /// The value of a key in a connection string or a file of settings.
    ConnectionString,
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
        }
    }
}

/// Calls `emit` with every way `value` gets written, likeliest first; few come twice.
///
/// The first two, the value and the trimmed value, are as long as they are; all others have [`TELLING_LEN_MIN`] bytes or more.
pub(crate) fn forms(value: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, value);
    let core = core(value);
    if core.len() < value.len() {
        emit(Form::Trimmed, core);
    }
    let mut sheet = Sheet::new(core, emit);
    binary::base64(&mut sheet);
    binary::hex(&mut sheet);
    if core.len() > FULL_LEN_MAX {
        percent::likeliest(&mut sheet);
        json::likeliest(&mut sheet);
        return;
    }
    text_rows(&mut sheet);
    newline::rows(&mut sheet);
}

/// Calls `emit` with `text` and the ways it gets written in which its characters can still be read: not base64 and hex.
pub(super) fn text_forms(text: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, text);
    text_rows(&mut Sheet::new(text, emit));
}

/// Calls `emit` with `text` and the JSON of it.
pub(super) fn likeliest_forms(text: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, text);
    json::likeliest(&mut Sheet::new(text, emit));
}

fn text_rows(sheet: &mut Sheet<'_>) {
    if sheet.is_plain() {
        return;
    }
    if !sheet.text {
        binary_rows(sheet);
        return;
    }
    json::rows(sheet);
    percent::rows(sheet);
    shell::rows(sheet);
    literal::rows(sheet);
    markup::rows(sheet);
    doubled::rows(sheet);
    control::rows(sheet);
}

/// What is not UTF-8 is written by few programs in more ways than these, and comes to many bytes in each.
fn binary_rows(sheet: &mut Sheet<'_>) {
    json::likeliest(sheet);
    percent::likeliest(sheet);
    shell::rows(sheet);
    literal::rows(sheet);
}

/// The value without what people and files put around it. What would leave fewer than [`VALUE_LEN_MIN`] bytes stays.
pub(super) fn core(value: &[u8]) -> &[u8] {
    let trimmed = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value).trim_ascii();
    let bare = match trimmed {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner.trim_ascii(),
        _ => trimmed,
    };
    [bare, trimmed].into_iter().find(|core| core.len() >= VALUE_LEN_MIN).unwrap_or(value)
}
