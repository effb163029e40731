//! The forms of a value, one row each.
//!
//! The search covers a value itself in both [readings](super::reading), and its forms in an
//! alphabet of their own: `binary` (base64, hex, decimal), `hex_dump`, `wide` (UTF-16), `newline`
//! (its lines joined otherwise), and `read` (its own plain reading). Where one form contains
//! another, the shorter one suffices: it masks the identifying part, and leaves a quote, a
//! backslash or a NUL beside it.
//!
//! All forms derive from the value without surrounding white space, byte order mark and one pair of
//! quotes, so they match the value with and without these. Cost: linear in the value's length.
//! Values over 16 KiB get only few forms.
//!
//! Not covered: base64 of base64 and the like; other letter case, UTF-32, another Unicode
//! normalization, a value written backwards; a value within a longer hex dump that does not begin
//! a line, or has no column of text (see `hex_dump`); a list of numbers over several lines; other
//! text between the lines of a wrapped value; a value that is not UTF-8 after a decoder has put
//! U+FFFD into it; names of HTML 5 for characters that HTML 4 had no name for, other than ASCII;
//! other spellings of a value with a control sequence that breaks off.

mod binary;
mod form_writer;
mod hex_dump;
mod newline;
mod read;
mod unit;
mod wide;

use super::reading::spelling::Spelling;
use super::secret::VALUE_LEN_MIN;
use form_writer::FormWriter;

/// The longest value with all forms, in bytes. Longer ones only get the value itself, its reading,
/// standard base64 and lower-case hex: needles of at most 11 times its length (1, 4, 4, 2).
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
    /// Any form in a hex dump with offsets and a column of text.
    HexDump,
    /// A list of decimal numbers, one for each byte.
    Decimal,
    /// UTF-16, in either byte order.
    Utf16,
    /// Any form with escapes, which the plain reading undoes.
    Escaped,
    /// Any form with colour codes or other control sequences in it.
    Colour,
    /// Any form with line ends in it, as wrapped base64 has.
    Wrapped,
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
    /// This form in a spelling.
    pub(crate) fn spelled(self, spelling: Spelling) -> Form {
        match spelling {
            Spelling::Own => self,
            Spelling::Wrapped => Form::Wrapped,
            Spelling::Colour => Form::Colour,
            Spelling::Escaped => Form::Escaped,
            Spelling::Dump => Form::HexDump,
        }
    }

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
            Form::Escaped => "escaped",
            Form::Colour => "colour",
            Form::Wrapped => "wrapped",
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
    let core = core(value);
    // Quotes around a value are those of the text around it, too. A mask in place of these would
    // break a string of JSON.
    let is_quoted = core.len() + 2 <= value.len() && is_quoted(value);
    if !is_quoted {
        emit(Form::Value, value);
    }
    if core.len() < value.len() {
        emit(Form::Trimmed, core);
    }
    let mut writer = FormWriter::new(core, emit);
    binary::base64(&mut writer);
    binary::hex(&mut writer);
    read::rows(&mut writer);
    if core.len() > FULL_LEN_MAX {
        return;
    }
    binary::decimal(&mut writer);
    wide::rows(&mut writer);
    newline::rows(&mut writer);
    binary::base64_in_text(&mut writer);
}

/// A value without white space at its ends, also that of Unicode, which a copy from a page may
/// have: no-break space, ideographic space, byte order mark, zero-width space.
fn without_blanks(value: &[u8]) -> &[u8] {
    const WIDE: [&[u8]; 4] = ["\u{a0}".as_bytes(), "\u{3000}".as_bytes(), "\u{feff}".as_bytes(), "\u{200b}".as_bytes()];
    let mut rest = value.trim_ascii();
    while let Some(less) = WIDE.iter().find_map(|blank| rest.strip_prefix(*blank).or(rest.strip_suffix(*blank))) {
        rest = less.trim_ascii();
    }
    rest
}

/// Whether a value has quotes around it.
fn is_quoted(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    matches!(trimmed, [b'"', .., b'"'] | [b'\'', .., b'\'']) && core(value).len() < trimmed.len()
}

/// Calls `emit` with `text` and its readable forms: not base64, numbers and UTF-16.
pub(super) fn text_forms(text: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, text);
    read::rows(&mut FormWriter::new(text, emit));
}

/// Calls `emit` with the numbers, in hex and decimal, of `bytes` that are no text. The value that
/// they were decoded from has the base64. The bytes themselves are none: among some hundred random
/// ones, each mask would begin or end as one does.
pub(super) fn byte_forms(bytes: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    let mut writer = FormWriter::new(bytes, emit);
    binary::hex(&mut writer);
    binary::decimal(&mut writer);
}

/// The value without the characters that people and files put around it. Keeps them if fewer than
/// [`VALUE_LEN_MIN`] bytes would remain.
pub(super) fn core(value: &[u8]) -> &[u8] {
    let trimmed = without_blanks(value);
    // A file of several lines may begin with a quoted name, and end with another quoted text.
    let is_one = |inner: &[u8], quote: u8| !inner.contains(&b'\n') || !inner.contains(&quote);
    let bare = match trimmed {
        [b'"', inner @ .., b'"'] if is_one(inner, b'"') => inner.trim_ascii(),
        [b'\'', inner @ .., b'\''] if is_one(inner, b'\'') => inner.trim_ascii(),
        _ => trimmed,
    };
    [bare, trimmed].into_iter().find(|core| core.len() >= VALUE_LEN_MIN).unwrap_or(value)
}
