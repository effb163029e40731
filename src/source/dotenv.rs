//! Parser for files of NAME=VALUE lines: `.env` files, `EnvironmentFile=`, `docker --env-file`.
//!
//! ```text
//! file    = *(blank / comment / entry)
//! entry   = ["export "] name "=" *(single / double / plain) [comment]
//! single  = ' anything ' , also over lines, as it stands
//! double  = " anything " , also over lines; \n \r \t \" \\ \$ \` are understood, other backslashes stay
//! plain   = to the end of the line or to a "#" after a blank; a backslash quotes one character
//! ```
//!
//! The programs that read such files differ. If some take a value literally and others unquote it,
//! the parser returns both readings, because either may appear in a log. It expands nothing. Errors
//! hold the line number, and never the line's content.
//!
//! Values are read into growing buffers. These leave copies behind unless the allocator wipes freed
//! memory, as the program's allocator does.
//!
//! This parser is written by hand: the crates for such files require UTF-8, expand variables, read
//! each line one way only, and quote the line in their errors.

/// One reading of one line.
#[derive(PartialEq, Eq)]
pub struct Entry {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
    /// Whether some programs would expand another variable in the value.
    pub refers: bool,
}

/// A syntax error, with its line.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The problem, in words that quote nothing of the line.
    pub problem: &'static str,
}

const EXPECTED: &str = "NAME=VALUE was expected";

/// All entries of a file, in order.
///
/// # Errors
///
/// For the first line that is neither blank, a comment, nor an entry.
pub fn parse(file: &[u8]) -> Result<Vec<Entry>, SyntaxError> {
    let mut parser = Parser { rest: file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file), line: 1 };
    let mut entries = Vec::new();
    while !parser.rest.is_empty() {
        parser.skip_blanks();
        if !parser.at_line_end() {
            parser.entry(&mut entries)?;
        }
        parser.skip_line();
    }
    Ok(entries)
}

struct Parser<'a> {
    rest: &'a [u8],
    line: usize,
}

/// The shortest name that may be base64. Messages show names, so a padded line of base64 must not
/// be read as one.
const BASE64_LEN_MIN: usize = 16;

/// A value during parsing: as shells read it, and literally.
#[derive(Default)]
struct Value {
    read: Vec<u8>,
    literal: Vec<u8>,
    /// The length of the part of `read` that must not be trimmed.
    quoted_len: Option<usize>,
    refers: bool,
}

impl Parser<'_> {
    fn error(&self, problem: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, problem }
    }

    /// Takes the next byte, and counts lines.
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.line += usize::from(byte == b'\n');
        self.rest = rest;
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t', ..] = self.rest {
            self.next();
        }
    }

    /// Whether the rest of the line is empty or a comment.
    fn at_line_end(&self) -> bool {
        matches!(self.rest, [] | [b'\n' | b'#', ..] | [b'\r'] | [b'\r', b'\n', ..])
    }

    fn skip_line(&mut self) {
        while !matches!(self.next(), None | Some(b'\n')) {}
    }

    fn entry(&mut self, entries: &mut Vec<Entry>) -> Result<(), SyntaxError> {
        if let Some(rest) =
            self.rest.strip_prefix(b"export").filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"))
        {
            self.rest = rest;
            self.skip_blanks();
        }
        let line = self.line;
        let name = self.name()?;
        let mut value = Value::default();
        while !self.at_value_end(&value) {
            self.piece(&mut value)?;
        }
        let literal = value.literal.trim_ascii_end().to_vec();
        let len = value.read.trim_ascii_end().len().max(value.quoted_len.unwrap_or(0));
        value.read.truncate(len);
        if matches!(&*literal, b"" | b"=") && is_base64(&name) {
            return Err(SyntaxError { line, problem: EXPECTED });
        }
        if value.quoted_len.is_none() && literal != value.read {
            entries.push(Entry { name: name.clone(), value: literal, refers: false });
        }
        entries.push(Entry { name, value: value.read, refers: value.refers });
        Ok(())
    }

    /// Takes the name and the `=`. Skips blanks around the `=`, as many readers do.
    fn name(&mut self) -> Result<String, SyntaxError> {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
        let len = self.rest.iter().take_while(|b| is_name(b)).count();
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.skip_blanks();
        match self.rest {
            [b'=', ..] if len > 0 => self.next(),
            _ => return Err(self.error(EXPECTED)),
        };
        self.skip_blanks();
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    fn at_value_end(&self, value: &Value) -> bool {
        let blank_before = value.literal.last().is_none_or(|b| b.is_ascii_whitespace());
        self.at_line_end() && (blank_before || self.rest.first() != Some(&b'#'))
    }

    /// Takes a quoted part, or one plain character.
    fn piece(&mut self, value: &mut Value) -> Result<(), SyntaxError> {
        let line = self.line;
        match self.next() {
            Some(b'\'') => {
                self.single(value).ok_or(SyntaxError { line, problem: "a single quote is not closed" })?;
                self.after_quote(value)
            }
            Some(b'"') => {
                self.double(value).ok_or(SyntaxError { line, problem: "a double quote is not closed" })?;
                self.after_quote(value)
            }
            Some(b'\\') => {
                let problem = "a value without quotes ends with a backslash";
                let quoted = self.next().filter(|b| !b"\r\n".contains(b)).ok_or(SyntaxError { line, problem })?;
                value.literal.extend([b'\\', quoted]);
                value.read.push(quoted);
                Ok(())
            }
            Some(byte) => {
                value.note_reference(byte, self.rest);
                value.literal.push(byte);
                value.read.push(byte);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn single(&mut self, value: &mut Value) -> Option<()> {
        loop {
            match self.next()? {
                b'\'' => break,
                byte => value.read.push(byte),
            }
        }
        value.end_quote();
        Some(())
    }

    fn double(&mut self, value: &mut Value) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let escaped = self.next()?;
                    match escaped {
                        b'n' => value.read.push(b'\n'),
                        b'r' => value.read.push(b'\r'),
                        b't' => value.read.push(b'\t'),
                        b'"' | b'\\' | b'$' | b'`' => value.read.push(escaped),
                        _ => value.read.extend([b'\\', escaped]),
                    }
                }
                byte => {
                    value.note_reference(byte, self.rest);
                    value.read.push(byte);
                }
            }
        }
        value.end_quote();
        Some(())
    }

    /// Checks the text after a closing quote: the value may continue at once, but not after a
    /// blank.
    fn after_quote(&mut self, value: &mut Value) -> Result<(), SyntaxError> {
        if let [b' ' | b'\t', ..] = self.rest {
            self.skip_blanks();
            value.literal.push(b' ');
            if !self.at_line_end() {
                return Err(self.error("there is text after a closing quote"));
            }
        }
        Ok(())
    }
}

/// Whether a name looks like the last line of a base64 key: long, with letters of both cases and
/// digits, and without an underscore.
fn is_base64(name: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| name.as_bytes().iter().any(kind);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    name.len() >= BASE64_LEN_MIN && mixed && !name.contains('_')
}

impl Value {
    fn end_quote(&mut self) {
        self.quoted_len = Some(self.read.len());
        // A `#` directly after the quote begins no comment, whatever precedes the quote.
        self.literal.push(b'"');
    }

    fn note_reference(&mut self, byte: u8, rest: &[u8]) {
        let opens = |b: &u8| b.is_ascii_alphabetic() || b"_{(".contains(b);
        self.refers |= byte == b'$' && rest.first().is_some_and(opens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All readings, as name and value.
    fn read(file: &str) -> Vec<(String, String)> {
        let entries = parse(file.as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
        entries.into_iter().map(|e| (e.name, String::from_utf8(e.value).unwrap())).collect()
    }

    fn one(file: &str) -> String {
        let entries = read(file);
        assert_eq!(entries.len(), 1, "{file}");
        entries.into_iter().next().unwrap().1
    }

    #[test]
    fn plain_values_end_with_the_line_or_at_a_comment() {
        assert_eq!(one("A=b"), "b");
        assert_eq!(one("A=b c  \n"), "b c");
        assert_eq!(one("A = b\r\n"), "b");
        assert_eq!(one("export A=b#c"), "b#c");
        assert_eq!(one("A=b # c"), "b");
        assert_eq!(one("A="), "");
        assert_eq!(one("A= # c"), "");
        assert_eq!(one("\u{feff}A=b"), "b");
        assert_eq!(one("exported=b"), "b");
        assert_eq!(one("A=b=c=="), "b=c==");
    }

    #[test]
    fn quotes_are_those_of_shells() {
        assert_eq!(one("A='b # \\n \"c'"), "b # \\n \"c");
        assert_eq!(one("A=\"b # \\n \\\"c\\\\ \\d\""), "b # \n \"c\\ \\d");
        assert_eq!(one("A=\"b\"'c'd # e"), "bcd");
        assert_eq!(one("A=\" b \"  # c"), " b ");
        assert_eq!(one("A='b'#c"), "b#c");
        assert_eq!(one("A=''"), "");
    }

    #[test]
    fn quoted_values_go_over_lines() {
        assert_eq!(one("A='b\nc'\n"), "b\nc");
        assert_eq!(one("A=\"b\r\nc\"\n"), "b\r\nc");
        assert_eq!(read("A='b\n\n'\nC=d").len(), 2);
    }

    #[test]
    fn comments_and_blank_lines_are_passed_over() {
        assert_eq!(read("\n# A=b\n  \t\n\r\n  # c\n"), []);
        assert_eq!(one("# A='\nB=c"), "c");
    }

    #[test]
    fn where_programs_differ_both_readings_are_given() {
        let entries = read("A=p\\$s\\\\w");
        assert_eq!(entries, [("A".into(), "p\\$s\\\\w".into()), ("A".into(), "p$s\\w".into())]);
    }

    #[test]
    fn values_that_refer_to_others_are_known() {
        let refers = |file: &str| parse(file.as_bytes()).unwrap().iter().any(|entry| entry.refers);
        assert!(refers("A=${B}"));
        assert!(refers("A=\"x $B\""));
        assert!(refers("A=$(cat x)"));
        assert!(!refers("A='${B}'"));
        assert!(!refers("A=\\${B}"));
        assert!(!refers("A=5$ or $5"));
    }

    #[test]
    fn errors_tell_the_line_only() {
        let error = |file: &str| parse(file.as_bytes()).err().map(|error| (error.line, error.problem));
        let expected = "NAME=VALUE was expected";
        assert_eq!(error("A=b\nhunter2\n"), Some((2, expected)));
        assert_eq!(error("A=b\n\n=hunter2"), Some((3, expected)));
        assert_eq!(error("export A"), Some((1, expected)));
        assert_eq!(error("\nA='b\nc\n"), Some((2, "a single quote is not closed")));
        assert_eq!(error("\nA=\"b\nc\\"), Some((2, "a double quote is not closed")));
        assert_eq!(error("\nA=b\\\nc"), Some((2, "a value without quotes ends with a backslash")));
        assert_eq!(error("A=\"b\" c"), Some((1, "there is text after a closing quote")));
        assert_eq!(error("A='b\nc' d"), Some((2, "there is text after a closing quote")));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        for first in 0..=255u8 {
            for second in b"\0\n\r\\\"'#=$ a" {
                let _ = parse(&[first, *second]);
                let _ = parse(&[b'A', b'=', first, *second, first]);
                let _ = parse(&[b'A', b'=', b'"', first, *second]);
            }
        }
    }
}
