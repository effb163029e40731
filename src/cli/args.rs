//! The command line's grammar. The arguments of each subcommand are in the file of its name.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use super::boot::BootArgs;
use super::check::CheckArgs;
use super::completions::CompletionsArgs;
use super::console::ConsoleArgs;
use super::env::EnvCommand;
use super::explain::ExplainArgs;
use super::export::ExportArgs;
use super::filter::FilterArgs;
use super::group::GroupCommand;
use super::guard::GuardArgs;
use super::guide::{self, texts};
use super::help::HelpArgs;
use super::keygen::KeygenArgs;
use super::man::ManArgs;
use super::member::MemberCommand;
use super::merge::MergeArgs;
use super::message::Failure;
use super::run::RunArgs;
use super::scrub::ScrubArgs;
use super::secret::SecretCommand;
use super::sidecar::SidecarArgs;
use super::upgrade::RegistryCommand;
use super::{stdio, usage, version};

/// Keep secrets out of logs: a filter from standard input to standard output.
#[derive(Debug, Parser)]
#[command(
    name = "hushlog",
    bin_name = "hushlog",
    version,
    long_version = version::long(),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
#[command(max_term_width = 100, long_about = texts::ABOUT)]
#[command(after_help = texts::MORE, after_long_help = guide::end())]
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
    #[command(long_about = texts::RUN, after_long_help = texts::RUN_END)]
    Run(RunArgs),
    /// Block readers of log files until the files are clean (Linux, root)
    #[command(after_long_help = texts::GUARD_END)]
    Guard(GuardArgs),
    /// Mask secrets in existing log files, in place
    #[command(after_long_help = texts::SCRUB_END)]
    Scrub(ScrubArgs),
    /// Mask the log streams of a machine while its secrets change: one daemon for all of them
    #[command(long_about = texts::SIDECAR, after_long_help = texts::SIDECAR_END)]
    Sidecar(SidecarArgs),
    /// Export the secrets for as long as the machine is up: to shells, services and the masking
    /// commands
    #[command(after_long_help = texts::BOOT_END)]
    Boot(BootArgs),
    /// Report whether secrets are set here and would be masked, without showing a value
    #[command(after_long_help = texts::CHECK_END)]
    Check(CheckArgs),
    /// Explain why a value is masked or not: its source, and the spellings that are searched for
    #[command(after_long_help = texts::EXPLAIN_END)]
    Explain(ExplainArgs),
    /// Print the secrets in a format for shells, services and containers
    #[command(after_long_help = texts::EXPORT_END)]
    Export(ExportArgs),
    /// Create an identity that opens secrets, or a key that signs registries
    #[command(after_long_help = texts::KEYGEN_END)]
    Keygen(KeygenArgs),
    /// Save, change, delete and list the secrets of a registry; their values are never shown
    #[command(subcommand, after_long_help = texts::SECRET_END)]
    Secret(SecretCommand),
    /// Manage the members that secrets are sealed to
    #[command(subcommand, after_long_help = texts::MEMBER_END)]
    Member(MemberCommand),
    /// Manage groups of members that secrets are sealed to
    #[command(subcommand, after_long_help = texts::GROUP_END)]
    Group(GroupCommand),
    /// Set plain defaults, and list their history
    #[command(subcommand, after_long_help = texts::ENV_END)]
    Env(EnvCommand),
    /// Bring the registry of an earlier program forward
    #[command(subcommand, after_long_help = texts::REGISTRY_END)]
    Registry(RegistryCommand),
    /// Merge two versions of a registry, entry by entry: a merge driver for git
    #[command(after_long_help = texts::MERGE_END)]
    Merge(MergeArgs),
    /// Serve the registry's page to a browser on this machine: add, change and delete secrets
    #[command(long_about = texts::CONSOLE, after_long_help = texts::CONSOLE_END)]
    Console(ConsoleArgs),
    /// Print a completion script for a shell
    #[command(after_long_help = texts::COMPLETIONS_END)]
    Completions(CompletionsArgs),
    /// Show a man page, or write all of them
    #[command(after_long_help = texts::MAN_END)]
    Man(ManArgs),
    /// Explain a command or a subject, or list them
    #[command(after_long_help = texts::HELP_END)]
    Help(HelpArgs),
}

impl Arguments {
    /// Checks the names of pages and subjects, which clap does not know.
    fn check_names(&self) -> Result<(), Failure> {
        match &self.command {
            Some(Command::Man(man)) => man.page().map(drop),
            Some(Command::Help(help)) => help.text(program()).map(drop),
            _ => Ok(()),
        }
    }
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

/// Parses the command line. An error repeats no value from it.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Parsed, Failure> {
    let words: Vec<OsString> = words.collect();
    match Arguments::try_parse_from(&words) {
        Ok(args) => {
            args.check_names()?;
            Ok(Parsed::Args(Box::new(args)))
        }
        Err(error) if !error.use_stderr() => {
            let text = error.render();
            let is_coloured = stdio::stdout_has_colours();
            Ok(Parsed::Show(if is_coloured { text.ansi().to_string() } else { text.to_string() }))
        }
        Err(error) => Err(usage::failure(&error, &words, &program())),
    }
}
