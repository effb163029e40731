//! `hushlog help`: commands and subjects, without a network or a man page.

use clap::{Args, Command};

use super::guide;
use super::message::Failure;

/// Arguments of `help`.
#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// A command and its subcommand, or a subject [default: list all]
    #[arg(value_name = "SUBJECT")]
    subject: Vec<String>,
}

impl HelpArgs {
    /// The text to print.
    pub(crate) fn text(&self, program: Command) -> Result<String, Failure> {
        guide::help(&self.subject, program)
    }
}
