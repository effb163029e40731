//! `hushlog completions`: a script for a shell.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::Exit;
use super::message::Failure;
use super::{guide, stdio};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, program: Command) -> Result<Exit, Failure> {
    stdio::print(&guide::completions(program, args.shell))
}
