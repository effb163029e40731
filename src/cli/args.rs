//! The command line's grammar. The arguments of each subcommand are in the file of its name.

use std::ffi::OsString;

use clap::{Args, CommandFactory, Parser, Subcommand};

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

/// The names of the subcommands.
pub(crate) fn commands() -> Vec<String> {
    program().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// The result of parsing the command line.
pub(crate) enum Parsed {
    /// Arguments to run with.
    Args(Box<Arguments>),
    /// Text to print: help or version.
    Show(String),
}

/// Parses a command line that begins a pipe or a shell by the grammar of its command alone: that of
/// all commands takes half a millisecond to build. `None`: the line is another one, asks for help,
/// or is wrong, and the whole grammar says how.
fn quick(words: &[OsString]) -> Option<Arguments> {
    let name_at = |at: usize| words.get(at).and_then(|word| word.to_str()).filter(|word| Command::has_subcommand(word));
    let behind = words.get(2..).unwrap_or_default();
    let command = match name_at(1) {
        Some("filter") => Command::Filter(alone(behind)?),
        Some("run") => Command::Run(alone(behind)?),
        Some("export") => Command::Export(alone(behind)?),
        // A command behind options is an error.
        _ if (1..words.len()).any(|at| name_at(at).is_some()) => return None,
        _ => return Some(Arguments { command: None, filter: alone(words.get(1..)?)? }),
    };
    Some(Arguments { command: Some(command), filter: alone(&[])? })
}

/// These arguments, if nothing else is among the words.
fn alone<T: Args>(words: &[OsString]) -> Option<T> {
    let command = T::augment_args(clap::Command::new("hushlog").no_binary_name(true));
    let mut matches = command.try_get_matches_from(words).ok()?;
    T::from_arg_matches_mut(&mut matches).ok()
}

/// Parses the command line. An error repeats no value from it.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Parsed, Failure> {
    let words: Vec<OsString> = words.collect();
    if let Some(args) = quick(&words) {
        return Ok(Parsed::Args(Box::new(args)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_means_the_same_by_the_grammar_of_its_command() {
        let taken = [
            "",
            "filter",
            "--dotenv app.env",
            "--dotenv app.env --env API_* --mask-char x --quiet one.log two.log",
            "filter --secret-file key --keep-partial --report -",
            "app.log -- --run",
            "run -- true",
            "run --dotenv app.env --kill-after 5 -- sh -c run",
            "run true --env filter",
            "export --dotenv app.env --format dotenv",
        ];
        let left = [
            "--help",
            "-V",
            "run --help",
            "run",
            "--dotenv",
            "--dotenvv app.env",
            "--dotenv app.env run",
            "app.log run",
            "filter --min-length 3",
            "help run",
            "secret list",
            "man",
            "export --format nothing",
        ];
        for (line, is_taken) in taken.iter().map(|line| (line, true)).chain(left.iter().map(|line| (line, false))) {
            let words: Vec<OsString> = ["hushlog"].into_iter().chain(line.split_whitespace()).map(Into::into).collect();
            let quick = quick(&words).map(|args| format!("{args:?}"));
            assert_eq!(quick.is_some(), is_taken, "{line}");
            if let Some(quick) = quick {
                assert_eq!(
                    Some(quick),
                    Arguments::try_parse_from(&words).ok().map(|args| format!("{args:?}")),
                    "{line}"
                );
            }
        }
    }
}
