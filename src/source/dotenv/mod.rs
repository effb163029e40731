//! Files of NAME=VALUE lines: `.env` files, `EnvironmentFile=`, `docker --env-file`.
//!
//! The programs that read such files differ, and any of them may print what it read. So each file
//! is read once by the rule of each [`Dialect`], and all readings of a line are secrets. A value
//! that dialects agree on is one entry. Masking takes the entries with
//! [`is_masked`](Entry::is_masked); a command that sets variables takes those of one dialect.
//!
//! A dialect that meets text it cannot read goes on with the next line, even if its program would
//! refuse the whole file. No dialect expands references to other variables. Messages show names and
//! line numbers, so a name has to look like one, and is never taken from a line of base64.
//!
//! Time and memory are linear in the file, for each dialect: see
//! [`Scanner`](scanner::Scanner::horizon).
//!
//! The readers are written by hand: the crates for such files require UTF-8, expand variables, read
//! each line one way only, and quote the line in their errors.

mod compose;
mod docker;
mod line_match;
mod node;
mod npm;
mod php;
mod python;
mod ruby;
mod scanner;
mod sh;
mod systemd;
mod union;

#[cfg(test)]
mod tests;

use std::fmt;

use union::{lines_without_entry, merged};

/// A program that reads files of NAME=VALUE lines, or several with the same rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Docker Compose.
    #[default]
    Compose,
    /// `docker run --env-file`.
    Docker,
    /// `node --env-file`.
    Node,
    /// The package dotenv of npm.
    Npm,
    /// phpdotenv.
    Php,
    /// python-dotenv.
    Python,
    /// Ruby's dotenv.
    Ruby,
    /// A shell that sources the file.
    Sh,
    /// `EnvironmentFile=` of systemd.
    Systemd,
}

/// How a dialect reads a whole file.
type Read = for<'a> fn(&'a [u8]) -> Vec<Reading<'a>>;

impl Dialect {
    /// All dialects.
    pub const ALL: [Dialect; 9] = [
        Dialect::Compose,
        Dialect::Docker,
        Dialect::Node,
        Dialect::Npm,
        Dialect::Php,
        Dialect::Python,
        Dialect::Ruby,
        Dialect::Sh,
        Dialect::Systemd,
    ];

    /// The name of the dialect in options.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Compose => "compose",
            Dialect::Docker => "docker",
            Dialect::Node => "node",
            Dialect::Npm => "npm",
            Dialect::Php => "php",
            Dialect::Python => "python",
            Dialect::Ruby => "ruby",
            Dialect::Sh => "sh",
            Dialect::Systemd => "systemd",
        }
    }

    /// The dialect of this name.
    pub fn named(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    fn reader(self) -> Read {
        match self {
            Dialect::Compose => compose::read,
            Dialect::Docker => docker::read,
            Dialect::Node => node::read,
            Dialect::Npm => npm::read,
            Dialect::Php => php::read,
            Dialect::Python => python::read,
            Dialect::Ruby => ruby::read,
            Dialect::Sh => sh::read,
            Dialect::Systemd => systemd::read,
        }
    }
}

/// Several dialects.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialects(u16);

impl Dialects {
    /// Whether a dialect is one of them.
    pub fn contains(self, dialect: Dialect) -> bool {
        self.0 & 1 << dialect as u16 != 0
    }

    fn add(&mut self, dialect: Dialect) {
        self.0 |= 1 << dialect as u16;
    }
}

impl fmt::Debug for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Dialect::ALL.into_iter().filter(|dialect| self.contains(*dialect))).finish()
    }
}

/// One reading of one line.
#[derive(PartialEq, Eq)]
pub struct Entry {
    /// The variable.
    pub name: String,
    /// Its value; none if the file only names it, and the environment gives the value.
    pub value: Option<Vec<u8>>,
    /// The dialects that read this value.
    pub dialects: Dialects,
    /// Whether some dialect would expand another variable in the value.
    pub refers: bool,
    /// Whether the value is worth masking beside the other readings of the line. It is not if the
    /// needles of another reading cover it; if it is too short, and another is not; or if a quote
    /// in the middle of the value makes it contain other entries.
    pub is_masked: bool,
    /// The position of the name in the file. All readings of a line share it.
    pub at: usize,
}

/// All readings of a file.
#[derive(Default, PartialEq, Eq)]
pub struct File {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The lines, from 1, in which no dialect finds a variable, other than blank lines and
    /// comments.
    pub unread: Vec<usize>,
}

/// What one dialect reads in one place.
struct Reading<'a> {
    name: Name<'a>,
    /// None if the environment gives the value.
    value: Option<Value<'a>>,
    /// The position behind the value.
    end: usize,
}

/// A name that messages may show, and its position.
#[derive(Clone, Copy)]
struct Name<'a> {
    text: &'a str,
    at: usize,
}

/// A value as a dialect reads it.
#[derive(Default)]
struct Value<'a> {
    bytes: std::borrow::Cow<'a, [u8]>,
    refers: bool,
    /// Whether a quote in the middle of the value made it go on over further lines.
    swallows: bool,
}

/// Reads a file by the rules of all dialects. There is no error: text that no dialect takes is in
/// [`File::unread`].
pub fn parse(file: &[u8]) -> File {
    if !file.contains(&0) {
        return of_lines(file);
    }
    // A crash may leave NULs behind the lines of a file.
    let end = file.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = Some(&file[..end]).filter(|text| text.contains(&b'\n') && !text.contains(&0));
    let are_all = |lines: &File| lines.unread.is_empty() && !lines.entries.is_empty();
    let lines = text.map(of_lines);
    lines.filter(are_all).unwrap_or_else(|| of_environ(file))
}

fn of_lines(file: &[u8]) -> File {
    let mark = b"\xef\xbb\xbf";
    let (file, offset) = file.strip_prefix(mark).map_or((file, 0), |rest| (rest, mark.len()));
    let mut readings = Vec::new();
    for dialect in Dialect::ALL {
        readings.extend(dialect.reader()(file).into_iter().map(|reading| (dialect, reading)));
    }
    let unread = lines_without_entry(file, readings.iter().map(|(_, reading)| reading));
    let mut entries = merged(file, readings);
    entries.iter_mut().for_each(|entry| entry.at += offset);
    File { entries, unread }
}

/// Whether this is a whole function that bash has exported.
fn is_function(item: &[u8]) -> bool {
    item.starts_with(b"BASH_FUNC_") && item.ends_with(b"}") && memchr::memmem::find(item, b"%%=()").is_some()
}

/// The entries of `/proc/PID/environ` and of `env -0`: each ends with a NUL, and its value is as it
/// is. It may be another file with a NUL somewhere, so that entries within a value are masked, too.
/// Functions of bash are none.
fn of_environ(file: &[u8]) -> File {
    let (mut found, mut at) = (File::default(), 0);
    let mut all = Dialects::default();
    Dialect::ALL.into_iter().for_each(|dialect| all.add(dialect));
    for (number, item) in file.split(|byte| *byte == 0).enumerate() {
        let equals = memchr::memchr(b'=', item);
        let entry = equals.and_then(|equals| Some((Name::new(&item[..equals], at)?, &item[equals + 1..])));
        let mut lines_at = Some(0).filter(|_| !is_function(item));
        if let Some((name, value)) = entry {
            let (name, value) = (name.text.to_owned(), Some(value.to_vec()));
            found.entries.push(Entry { name, value, dialects: all, refers: false, is_masked: true, at });
            lines_at = memchr::memchr(b'\n', item).map(|newline| newline + 1);
        }
        let lines = lines_at.map(|start| (start, of_lines(&item[start..])));
        if let Some((start, lines)) = lines {
            let is_unread = entry.is_none() && lines.entries.is_empty() && !lines.unread.is_empty();
            found.unread.extend(is_unread.then_some(number + 1));
            let dialects = Dialects::default();
            found.entries.extend(lines.entries.into_iter().map(|entry| Entry {
                dialects,
                at: at + start + entry.at,
                ..entry
            }));
        }
        at += item.len() + 1;
    }
    found
}

/// The shortest name that may be base64. Messages show names, so a padded line of base64 must not
/// be read as one.
const BASE64_LEN_MIN: usize = 16;

impl<'a> Name<'a> {
    /// The name at this position of the file, if it looks like one: letters, digits, `_`, `.` and
    /// `-`.
    fn new(text: &'a [u8], at: usize) -> Option<Name<'a>> {
        let text = std::str::from_utf8(text).ok().filter(|text| !text.is_empty())?;
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        text.chars().all(is_name).then_some(Name { text, at })
    }

    /// Whether a shell accepts the name.
    fn is_identifier(self) -> bool {
        let bytes = self.text.as_bytes();
        !bytes[0].is_ascii_digit() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    }

    /// Whether a name looks like the last line of a base64 key: long, with letters of both cases
    /// and digits, and without an underscore.
    fn is_base64(self) -> bool {
        let has = |kind: fn(&u8) -> bool| self.text.as_bytes().iter().any(kind);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
        self.text.len() >= BASE64_LEN_MIN && mixed && !self.text.contains('_')
    }

    /// Whether the name is spelled as those of environment variables are.
    fn is_conventional(self) -> bool {
        self.is_identifier() && !self.text.bytes().any(|b| b.is_ascii_lowercase())
    }
}

impl<'a> Reading<'a> {
    /// A variable with a value; none if it is rather the end of a base64 key.
    fn new(name: Name<'a>, value: Value<'a>, end: usize) -> Option<Reading<'a>> {
        let is_padding = matches!(value.bytes.trim_ascii(), b"" | b"=") && name.is_base64();
        (!is_padding).then_some(Reading { name, value: Some(value), end })
    }

    /// A name without a value, which the environment gives. A word that does not look like the name
    /// of a variable is rather a value that lost its name.
    fn bare(name: Name<'a>, end: usize) -> Option<Reading<'a>> {
        name.is_conventional().then_some(Reading { name, value: None, end })
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Value<'a> {
        Value { bytes: bytes.into(), ..Value::default() }
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Value<'static> {
        Value { bytes: bytes.into(), ..Value::default() }
    }
}

/// Whether a `$` before this text begins a reference to a variable, or a command.
fn begins_reference(rest: &[u8]) -> bool {
    rest.first().is_some_and(|b| b.is_ascii_alphabetic() || b"_{(".contains(b))
}

/// Whether a text refers to a variable.
fn refers(text: &[u8]) -> bool {
    memchr::memchr_iter(b'$', text).any(|at| begins_reference(&text[at + 1..]) && (at == 0 || text[at - 1] != b'\\'))
}
