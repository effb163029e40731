//! The command line's words.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use hushlog::redact::secret::VALUE_LEN_MIN;

use super::message::Failure;
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
    /// Copy standard input to standard output with every secret masked; what `hushlog` alone does too
    Filter(FilterArgs),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// Where the secrets come from. Never the command line itself: it is shown to every user of the machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources of secrets")]
pub(crate) struct SourceArgs {
    /// Mask the values of the environment variables whose names match, as 'PROD_*'
    ///
    /// `*`, `?` and `[...]` are understood, and upper and lower case differ. A pattern that matches no variable with a
    /// value is an error. May be repeated, as all sources may. Without any source, the variables with well-known
    /// names are masked; standard error tells which.
    #[arg(long, value_name = "GLOB")]
    pub(crate) env: Vec<OsString>,

    /// Mask the values in a file of NAME=VALUE lines
    ///
    /// Quotes are understood as in shells, also over several lines; so are `export`, comments, and `\n` in double
    /// quotes. References to other variables are not followed; a warning names the values that hold one.
    #[arg(long, value_name = "FILE")]
    pub(crate) dotenv: Vec<PathBuf>,

    /// Mask the content of a file, or of every file below a directory such as /run/secrets
    ///
    /// A file is one value, without the newlines at its end, and is named after the file. Symbolic links are followed,
    /// and entries that begin with `..` are passed over, as Kubernetes lays such directories out.
    #[arg(long, value_name = "PATH")]
    pub(crate) secret_file: Vec<PathBuf>,

    /// Run even if a source, or all together, give nothing to mask
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// What is done with them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Masking and output")]
pub(crate) struct OptionArgs {
    /// What stands in place of a secret; {name} is its name [default: [REDACTED:{name}]]
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "mask_char")]
    pub(crate) mask: Option<String>,

    /// Mask with this character, as often as the secret is long
    ///
    /// One printable ASCII character. It keeps columns and offsets as they were, and shows the length of the secret.
    #[arg(long, value_name = "C", value_parser = mask_char)]
    pub(crate) mask_char: Option<u8>,

    /// Leave values of fewer bytes alone, and warn about them by name [default and least: 4]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(VALUE_LEN_MIN as u64..))]
    pub(crate) min_length: Option<usize>,

    /// Search for the values as they are only: no base64, hex, percent or escaped forms, and no parts of values
    #[arg(long)]
    pub(crate) no_encodings: bool,

    /// Give a secret's beginning out when the input ends inside it
    ///
    /// Without this flag, an input that ends after 8 bytes or more of a secret has that stump masked.
    #[arg(long)]
    pub(crate) keep_stump: bool,

    /// How early output is given out
    ///
    /// `exact` gives out each byte as soon as it cannot belong to a secret any more, so that a prompt appears at once. Someone
    /// who writes to the input and watches the output live can learn from that how far a guess is right; `line` gives
    /// out whole lines only, and closes this.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "exact")]
    pub(crate) release: Release,

    /// Write counts to a JSON file at the end: how often each secret was masked, and in which form; no values
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Say nothing but errors and the names of values that are not masked
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// See [`OptionArgs::release`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Release {
    /// Each byte as soon as it cannot belong to a secret
    Exact,
    /// Whole lines only
    Line,
}

/// What the command line asks for.
pub(crate) enum Parsed {
    /// To run.
    Args(Box<Arguments>),
    /// To print this text, help or version.
    Show(String),
}

/// Understands the command line. An error says nothing of what was on it.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Parsed, Failure> {
    match Arguments::try_parse_from(words) {
        Ok(args) => Ok(Parsed::Args(Box::new(args))),
        Err(error) if !error.use_stderr() => Ok(Parsed::Show(error.render().to_string())),
        Err(error) => Err(usage::failure(&error, &Arguments::command())),
    }
}

fn mask_char(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        [c @ b'!'..=b'~'] => Ok(*c),
        _ => Err("not one printable ASCII character"),
    }
}
