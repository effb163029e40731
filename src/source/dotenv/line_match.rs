//! The line that the dotenv packages of npm and Ruby search for, as both write it as nearly the
//! same regular expression: `NAME=value` or `NAME: value`, in quotes, also over lines, or to the
//! first `#` or the end of the line.
//!
//! ```text
//! ^ \s* (export\s+)? NAME (\s*=\s*? | :\s+?) VALUE? \s* (#.*)? $
//! VALUE = \s*'(\\'|[^'])*' | \s*"(\\"|[^"])*" | [^#\r\n]+
//! ```

use super::scanner::{Scanner, is_blank, is_space, is_wide_blank};
use super::{Name, Reading, Value};

/// What differs between the packages.
pub(super) struct Rule {
    pub(super) quotes: &'static [u8],
    pub(super) is_name: fn(u8) -> bool,
    /// The value of the trimmed text of a match.
    pub(super) value: for<'a> fn(&'a [u8]) -> Value<'a>,
}

/// All matches of the line in a file.
pub(super) fn matches<'a>(file: &'a [u8], rule: &Rule) -> Vec<Reading<'a>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while !scanner.is_at_end() {
        scanner.take_while(is_space);
        match line(&mut scanner, rule) {
            Some((name, text, end)) => readings.extend(Reading::new(name, (rule.value)(text), end)),
            None => scanner.at = line_end(&scanner, scanner.at),
        }
        // Of a match, its comment.
        scanner.at = line_end(&scanner, scanner.at);
    }
    readings
}

fn line<'a>(scanner: &mut Scanner<'a>, rule: &Rule) -> Option<(Name<'a>, &'a [u8], usize)> {
    scanner.skip_export(is_space);
    let at = scanner.at;
    let name = Name::new(scanner.take_while(rule.is_name), at)?;
    if scanner.peek() == Some(b':') {
        scanner.at += 1;
        scanner.next().filter(|b| is_space(*b))?;
    } else {
        scanner.take_while(is_wide_blank);
        scanner.eat(b'=').then_some(())?;
    }
    let start = scanner.at;
    let quote_at = start + scanner.rest().iter().take_while(|b| is_space(**b)).count();
    let quote = scanner.file.get(quote_at).filter(|b| rule.quotes.contains(b));
    let file = scanner.file;
    if let Some(quote) = quote
        && let Some(end) = closing(scanner, quote_at + 1, *quote, |end| ends_line(&file[end + 1..]))
    {
        scanner.at = end + 1;
        return Some((name, &file[quote_at..=end], end + 1));
    }
    let text = scanner.take_while(|b| !b"#\r\n".contains(&b));
    Some((name, text.trim_ascii(), scanner.at))
}

/// Whether nothing but blanks and a comment stand before the end of the line.
fn ends_line(rest: &[u8]) -> bool {
    let next = rest.iter().find(|b| !is_blank(**b) && !matches!(b, 0x0b | 0x0c));
    matches!(next, None | Some(b'#' | b'\r' | b'\n'))
}

fn line_end(scanner: &Scanner<'_>, at: usize) -> usize {
    let rest = &scanner.file[at..];
    at + memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())
}

/// The end of `(\\Q|[^Q])*Q` for a quote Q, where `fits` accepts the end. That is the first quote
/// without a backslash before it; or else, as the search turns back, the last one with a backslash.
pub(super) fn closing(
    scanner: &mut Scanner<'_>,
    start: usize,
    quote: u8,
    fits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let text = &scanner.file[..scanner.horizon()];
    let mut last_escaped = None;
    for at in memchr::memchr_iter(quote, text.get(start..).unwrap_or_default()).map(|at| start + at) {
        if at == start || text[at - 1] != b'\\' {
            // Without this one, escaped quotes before it come in question.
            return Some(at).filter(|end| fits(*end)).or(last_escaped);
        }
        if fits(at) {
            last_escaped = Some(at);
        }
    }
    scanner.miss();
    last_escaped
}
