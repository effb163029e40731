//! The command line's grammar. The arguments of each subcommand are in the file of its name.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::boot::BootArgs;
use super::check::CheckArgs;
use super::env::EnvCommand;
use super::export::ExportArgs;
use super::filter::FilterArgs;
use super::guard::GuardArgs;
use super::keygen::KeygenArgs;
use super::member::MemberCommand;
use super::merge::MergeArgs;
use super::message::Failure;
use super::run::RunArgs;
use super::scrub::ScrubArgs;
use super::secret::SecretCommand;
use super::sidecar::SidecarArgs;
use super::{guide, usage};

/// Keep secrets out of logs: a filter from standard input to standard output.
#[derive(Debug, Parser)]
#[command(name = "hushlog", bin_name = "hushlog", version, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 100, long_about = guide::ABOUT, after_help = guide::MORE, after_long_help = guide::after_help())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy standard input to standard output with every secret masked (the default without a
    /// subcommand)
    Filter(FilterArgs),
    /// Run a command with the secrets in its environment, and mask them in its output
    #[command(long_about = guide::RUN, after_long_help = guide::RUN_EXAMPLES)]
    Run(RunArgs),
    /// Block readers of log files until the files are clean (Linux, root)
    Guard(GuardArgs),
    /// Mask secrets in existing log files, in place
    Scrub(ScrubArgs),
    /// Mask the log streams of a machine while its secrets change: one daemon for all of them
    #[command(long_about = guide::SIDECAR, after_long_help = guide::SIDECAR_EXAMPLES)]
    Sidecar(SidecarArgs),
    /// Export the secrets for as long as the machine is up: to shells, services and the masking
    /// commands
    Boot(BootArgs),
    /// Report whether secrets are set here and would be masked, without showing a value
    Check(CheckArgs),
    /// Print the secrets in a format for shells, services and containers
    Export(ExportArgs),
    /// Create an identity that opens secrets, or a key that signs registries
    Keygen(KeygenArgs),
    /// Save, change, delete and list the secrets of a registry; their values are never shown
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Manage the members that secrets are sealed to
    #[command(subcommand)]
    Member(MemberCommand),
    /// Set plain defaults, and list their history
    #[command(subcommand)]
    Env(EnvCommand),
    /// Merge two versions of a registry, entry by entry: a merge driver for git
    #[command(after_help = guide::MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
}

/// The program for clap: its options and subcommands.
pub(crate) fn program() -> clap::Command {
    Arguments::command()
}

/// The result of parsing the command line.
pub(crate) enum Parsed {
    /// Arguments to run with.
    Args(Box<Arguments>),
    /// Text to print: help or version.
    Show(String),
}

/// Parses the command line. An error repeats nothing from it.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Parsed, Failure> {
    let words: Vec<OsString> = words.collect();
    match Arguments::try_parse_from(&words) {
        Ok(args) => Ok(Parsed::Args(Box::new(args))),
        Err(error) if !error.use_stderr() => Ok(Parsed::Show(error.render().to_string())),
        Err(_) if words.get(1).is_some_and(|word| word == "run") && words.iter().all(|word| word != "--") => {
            Err(Failure::config("a command is missing after --").hint("hushlog run [OPTION]... -- CMD [ARG]..."))
        }
        Err(error) => Err(usage::failure(&error, &program())),
    }
}
