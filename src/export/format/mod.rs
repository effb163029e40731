//! The exported environment as text for its readers: one file for each format.
//!
//! A text is exact, or not written at all. A format rejects a name or value that it cannot express,
//! or that its readers understand differently, and the error names the variable. A program that
//! lacks one of its secrets would fail later, and elsewhere.

mod docker;
mod dotenv;
mod fish;
mod json;
mod k8s;
mod sh;
mod systemd;

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::environment::{Environment, is_variable};
use crate::registry::ExportedSecret;

/// A text format, by its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Shells like sh, dash, bash, zsh: `eval` it, or source it.
    Sh,
    /// The shell fish: `source` it.
    Fish,
    /// `.env` files, as shells, python-dotenv, and Node's and Ruby's dotenv read them.
    Dotenv,
    /// systemd's `EnvironmentFile=`.
    Systemd,
    /// One JSON object of strings.
    Json,
    /// `docker run --env-file`.
    Docker,
    /// A Kubernetes `Secret` manifest, in YAML.
    K8s,
}

/// A variable that a format cannot express. The error holds no part of the value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} cannot be exported: {why}")]
pub struct Inexpressible {
    /// The variable.
    pub variable: String,
    /// The part of its name or value that the format cannot express, or that its readers refuse.
    pub why: &'static str,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] =
        [Format::Sh, Format::Fish, Format::Dotenv, Format::Systemd, Format::Json, Format::Docker, Format::K8s];

    /// The environment as text, which is wiped on drop and never copied.
    ///
    /// # Errors
    ///
    /// For the first variable that the format cannot express.
    pub fn render(self, environment: &Environment) -> Result<Zeroizing<Vec<u8>>, Inexpressible> {
        let variables = environment.variables();
        for exported in variables {
            if let Some(why) = self.problem(exported) {
                return Err(Inexpressible { variable: exported.variable.clone(), why });
            }
        }
        // Two passes, the first only to count: a growing buffer would leave copies behind.
        let mut counted = Counted::default();
        let done = self.write(variables, &mut counted);
        let mut text = Zeroizing::new(Vec::with_capacity(counted.len()));
        done.and_then(|()| self.write(variables, &mut *text)).expect("writing to memory does not fail");
        Ok(text)
    }

    /// Why a variable cannot be expressed; none if it can.
    fn problem(self, exported: &ExportedSecret) -> Option<&'static str> {
        let value = exported.secret.expose();
        let needs_text = matches!(self, Format::Dotenv | Format::Systemd | Format::Json | Format::Docker);
        if needs_text && std::str::from_utf8(value).is_err() {
            return Some("its value is not UTF-8, which this format needs");
        }
        let name = &exported.variable;
        match self {
            Format::Sh | Format::Dotenv | Format::Systemd if !is_variable(name) => Some(
                "in this format, the name of a variable consists of letters, digits and _, and does not begin with a digit",
            ),
            Format::Sh | Format::Systemd | Format::Json => None,
            Format::Fish => fish::problem(name),
            Format::Dotenv => dotenv::problem(value),
            Format::Docker => docker::problem(name, value),
            Format::K8s => k8s::problem(name),
        }
    }

    fn write(self, variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
        match self {
            Format::Sh => sh::write(variables, out),
            Format::Fish => fish::write(variables, out),
            Format::Dotenv => dotenv::write(variables, out),
            Format::Systemd => systemd::write(variables, out),
            Format::Json => json::write(variables, out),
            Format::Docker => docker::write(variables, out),
            Format::K8s => k8s::write(variables, out),
        }
    }
}

/// A writer that counts bytes.
#[derive(Default)]
pub(crate) struct Counted(usize);

impl Counted {
    pub(crate) fn len(&self) -> usize {
        self.0
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a text with a mark, such as a backslash, before each of the `marked` bytes.
fn write_marked(text: &[u8], marked: &[u8], mark: &[u8], out: &mut impl Write) -> io::Result<()> {
    for piece in text.split_inclusive(|byte| marked.contains(byte)) {
        match piece.split_last() {
            Some((last, before)) if marked.contains(last) => {
                out.write_all(before)?;
                out.write_all(mark)?;
                out.write_all(&[*last])?;
            }
            _ => out.write_all(piece)?,
        }
    }
    Ok(())
}
