//! The session: everything exported since the machine booted, and so everything to mask until it
//! goes down.
//!
//! A rotated or deleted secret leaves the environment at the next export, but stays in the session:
//! earlier programs still have it, and may print it.
//!
//! The session is a file of lines with fields separated by tabs:
//!
//! ```text
//! hushlog session 1
//! boot    3e1f...                 the boot it belongs to; empty if the system does not tell
//! export  NAME  VARIABLE  VERSION  BASE64 [EXPIRES]   what a program that starts now gets
//! keep    NAME  VARIABLE  VERSION  BASE64 [EXPIRES]   what programs got earlier, or get in files
//! plain   VARIABLE  BASE64                    a default, which is not masked
//! file    PATH                    a file with a secret, which no scrub changes
//! end     2                       the number of these lines: a file that was cut off is no session
//! ```

mod directory;
mod state;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use zeroize::Zeroizing;

use crate::export::{Counted, Environment, base64};
use crate::redact::secret::Secret;
use crate::registry::{ExportedSecret, Rank};

pub use directory::{DEFAULT_DIR, Files, LockedSessionDir, SessionDir, SessionError, Text, read};
pub use state::{STATE_DIR, StateDir};
pub use targets::{TargetError, TargetFile, Targets, Written};

const HEAD: &str = "hushlog session 1";

/// The exported secrets and defaults.
#[derive(Debug)]
pub struct Session {
    boot: String,
    entries: Vec<ExportedSecret>,
    defaults: BTreeMap<String, String>,
    /// The paths of the file targets.
    files: Vec<String>,
}

/// An unreadable session. The error holds the line number, and never the line's content.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} is not valid")]
pub struct Damaged {
    /// The line, from 1.
    pub line: usize,
}

impl Session {
    /// The session of an environment that is exported in this boot.
    pub fn new(boot: impl Into<String>, environment: &Environment) -> Session {
        let entries = environment.secrets().map(ExportedSecret::duplicate);
        let defaults = environment.variables().iter().filter(|variable| !variable.is_secret()).map(|default| {
            let value = String::from_utf8_lossy(default.secret.expose()).into_owned();
            (default.variable.clone(), value)
        });
        Session { boot: boot.into(), entries: entries.collect(), defaults: defaults.collect(), files: Vec::new() }
    }

    /// Adds secrets that are masked, but not exported.
    pub fn mask(&mut self, secrets: Vec<ExportedSecret>) {
        self.entries.extend(secrets.into_iter().map(|entry| ExportedSecret { is_exported: false, ..entry }));
    }

    /// Names the files that secrets are written to, besides those of the session.
    pub fn name_files<'a>(&mut self, paths: impl Iterator<Item = &'a str>) {
        self.files.extend(paths.map(str::to_owned));
    }

    /// Keeps the entries of an earlier export in the same boot that this one lacks: deleted
    /// secrets, and old values of rotated ones. Returns their number. They have no day of expiry:
    /// without being exported, only secrets in files have one.
    pub fn keep(&mut self, earlier: Session) -> usize {
        if earlier.boot != self.boot {
            return 0;
        }
        let known: BTreeSet<(&str, &[u8])> = self.entries.iter().map(identity).collect();
        let kept = earlier.entries.into_iter().filter(|entry| !known.contains(&identity(entry)));
        let kept = kept.map(|entry| ExportedSecret { expires: None, is_exported: false, ..entry });
        let kept: Vec<ExportedSecret> = kept.collect();
        let count = kept.len();
        self.entries.extend(kept);
        count
    }

    /// The [boot](crate::sys::boot::id) of the session. Empty if the system reported none.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// All exported secrets, current ones first.
    pub fn entries(&self) -> &[ExportedSecret] {
        &self.entries
    }

    /// The secrets, to be masked, and the plain defaults by their variables.
    pub fn into_parts(self) -> (Vec<ExportedSecret>, BTreeMap<String, String>) {
        (self.entries, self.defaults)
    }

    /// The session as a file holds it.
    pub fn render(&self) -> Zeroizing<Vec<u8>> {
        let mut counted = Counted::default();
        let done = self.write(&mut counted);
        let mut text = Zeroizing::new(Vec::with_capacity(counted.len()));
        done.and_then(|()| self.write(&mut *text)).expect("writing to memory does not fail");
        text
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{HEAD}\nboot\t{}", one_field(&self.boot))?;
        for entry in &self.entries {
            let kind = if entry.is_exported { "export" } else { "keep" };
            let fields = [entry.secret.name(), &entry.variable, &entry.version].map(one_field);
            write!(out, "{kind}\t{}\t", fields.join("\t"))?;
            base64::write(entry.secret.expose(), out)?;
            if let Some(expires) = &entry.expires {
                write!(out, "\t{expires}")?;
            }
            out.write_all(b"\n")?;
        }
        for (variable, value) in &self.defaults {
            write!(out, "plain\t{}\t", one_field(variable))?;
            base64::write(value.as_bytes(), out)?;
            out.write_all(b"\n")?;
        }
        for path in &self.files {
            writeln!(out, "file\t{}", one_field(path))?;
        }
        writeln!(out, "end\t{}", self.line_count())
    }

    fn line_count(&self) -> usize {
        self.entries.len() + self.defaults.len() + self.files.len()
    }

    /// Parses the output of [`render`](Session::render).
    ///
    /// # Errors
    ///
    /// When the text is incomplete, or no session.
    pub fn parse(text: &[u8]) -> Result<Session, Damaged> {
        let mut lines = (1..).zip(text.split_inclusive(|byte| *byte == b'\n'));
        let mut last = 0;
        let mut next = || {
            let (line, text) = lines.next().ok_or(Damaged { line: last + 1 })?;
            last = line;
            let text = text.strip_suffix(b"\n").ok_or(Damaged { line })?;
            Ok((line, text))
        };
        let (line, head) = next()?;
        let (_, boot) = if head == HEAD.as_bytes() { next()? } else { return Err(Damaged { line }) };
        let boot = boot.strip_prefix(b"boot\t").and_then(read_field).ok_or(Damaged { line: 2 })?;
        let mut session = Session { boot, entries: Vec::new(), defaults: BTreeMap::new(), files: Vec::new() };
        loop {
            let (line, text) = next()?;
            if let Some(count) = text.strip_prefix(b"end\t") {
                let complete = count == session.line_count().to_string().as_bytes() && next().is_err();
                return if complete { Ok(session) } else { Err(Damaged { line }) };
            }
            if let Some(plain) = text.strip_prefix(b"plain\t") {
                let (variable, value) = parse_default(plain).ok_or(Damaged { line })?;
                session.defaults.insert(variable, value);
            } else if let Some(path) = text.strip_prefix(b"file\t") {
                session.files.push(read_field(path).ok_or(Damaged { line })?);
            } else {
                session.entries.push(parse_entry(text).ok_or(Damaged { line })?);
            }
        }
    }
}

fn parse_entry(line: &[u8]) -> Option<ExportedSecret> {
    let mut fields = line.split(|byte| *byte == b'\t');
    let is_exported = match fields.next()? {
        b"export" => true,
        b"keep" => false,
        _ => return None,
    };
    let mut text = || read_field(fields.next()?);
    let (name, variable, version) = (text()?, text()?, text()?);
    let value = base64::read(fields.next()?)?;
    let secret = Secret::new(name, value);
    let expires = match fields.next() {
        Some(date) => Some(read_field(date)?.parse().ok()?),
        None => None,
    };
    // The rank determined the export, and has no later use.
    let entry = ExportedSecret { expires, is_exported, ..ExportedSecret::new(variable, secret, version, Rank::Shared) };
    fields.next().is_none().then_some(entry)
}

fn parse_default(fields: &[u8]) -> Option<(String, String)> {
    let mut fields = fields.split(|byte| *byte == b'\t');
    let variable = read_field(fields.next()?)?;
    let value = String::from_utf8(base64::read(fields.next()?)?).ok()?;
    fields.next().is_none().then_some((variable, value))
}

/// A name without the characters that would end its field.
fn one_field(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "\u{fffd}")
}

/// Reads a field of [`one_field`]; none if it holds a control character.
fn read_field(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok().filter(|text| !text.contains(char::is_control))?;
    Some(text.to_owned())
}

/// Identifies an entry: two entries with the same name and value are one.
fn identity(entry: &ExportedSecret) -> (&str, &[u8]) {
    (entry.secret.name(), entry.secret.expose())
}
