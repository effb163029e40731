//! Where secrets come from: the environment, dotenv files, files and directories, and the session.
//!
//! A source that is missing, cannot be read or gives nothing ends the program before it reads any input. Messages tell a
//! source by its option and number, and a path only when it exists: what does not may be a secret that was given by mistake.

mod environment;
mod file;
pub(crate) mod registry;
pub(crate) mod session;
pub(crate) mod wellknown;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use hushlog::Secret;
use hushlog::registry::Rank;

use super::message::{self, Failure, path_text, reason};

/// Where the secrets come from. Never the command line itself: it is shown to every user of the machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sources of secrets")]
pub(crate) struct SourceArgs {
    /// Mask the values of the environment variables whose names match, as 'PROD_*'
    ///
    /// `*`, `?` and `[...]` are understood, and upper and lower case differ. A pattern that matches no variable with a
    /// value is an error. May be repeated, as all sources may. Without any source, what this machine's session exported is
    /// masked; without a session, the variables with well-known names, and standard error tells which.
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

    /// Mask all secrets of a registry that the identity can open
    ///
    /// With the identity of a member: all that is shared, and what is private to that member. All of them open, or the program
    /// ends before it reads any input. The identity itself is masked too, and the usual signing key
    /// if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) registry: Option<PathBuf>,

    /// Open the registry with this identity [default: $HUSHLOG_IDENTITY, or ~/.config/hushlog/identity.txt]
    ///
    /// A file as `hushlog keygen` and `age-keygen` write it, which only its owner can read; if it is protected by a passphrase, that
    /// is asked for.
    #[arg(long, value_name = "FILE", requires = "registry")]
    pub(crate) identity: Option<PathBuf>,

    /// Whose identity it is, if it is that of several members
    #[arg(long = "as", value_name = "MEMBER", requires = "registry")]
    pub(crate) member: Option<String>,

    /// Demand that the registry is signed with this key, or has this id; may be repeated [default:
    /// $HUSHLOG_TRUST]
    #[arg(long, value_name = "KEY", requires = "registry")]
    pub(crate) trust: Vec<String>,

    /// Take the plain defaults of this environment of the registry too, where variables are set
    #[arg(long, value_name = "NAME", requires = "registry")]
    pub(crate) environment: Option<String>,

    /// Mask what was exported since the machine was booted, by `hushlog boot`
    ///
    /// This is what is masked without any source too, if there is a session. It is read from /run/hushlog, or from the
    /// directory that HUSHLOG_RUN_DIR names; a service that may not read that loads it as a credential, named
    /// hushlog.session.
    #[arg(long)]
    pub(crate) session: bool,

    /// Run even if a source, or all together, give nothing to mask
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// A secret, and where it comes from.
pub(crate) struct Sourced {
    /// Named after the variable or file that it comes from.
    pub(crate) secret: Secret,
    /// The kind of source that it comes from.
    pub(crate) origin: Origin,
}

/// What is known of a secret from its source, beside its name and value.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A variable of our own environment.
    Environment,
    /// A variable of a file.
    Dotenv,
    /// A file.
    File,
    /// A secret of the session. What is not current was exported earlier, and is only masked.
    Session { variable: String, version: String, current: bool },
    /// A secret of a registry. What is not installed is not exported.
    Registry { variable: String, version: String, rank: Rank, install: bool },
    /// A key that opens or signs registries. It is only masked.
    Key,
}

impl SourceArgs {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.env.is_empty()
            && self.dotenv.is_empty()
            && self.secret_file.is_empty()
            && self.registry.is_none()
            && !self.session
    }
}

impl SourceArgs {
    /// All options that name a path, with it.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let dotenv = self.dotenv.iter().map(|path| ("--dotenv", path.as_path()));
        let files = self.secret_file.iter().map(|path| ("--secret-file", path.as_path()));
        let registry = self.registry.iter().map(|path| ("--registry", path.as_path()));
        let identity = self.identity.iter().map(|path| ("--identity", path.as_path()));
        dotenv.chain(files).chain(registry).chain(identity)
    }

    /// All options that name something in a registry, with it.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let member = self.member.iter().map(|name| ("--as", name.as_str()));
        let trust = self.trust.iter().map(|key| ("--trust", key.as_str()));
        member.chain(trust).chain(self.environment.iter().map(|name| ("--environment", name.as_str())))
    }
}

/// What the sources gave.
#[derive(Default)]
pub(crate) struct Loaded {
    /// To be masked.
    pub(crate) secrets: Vec<Sourced>,
    /// Plain defaults of an environment, by variable: set where variables are set, and not masked.
    pub(crate) defaults: BTreeMap<String, String>,
    /// Whether a registry gave some of them. Those of a session were checked by the boot that made
    /// it.
    pub(crate) has_registry_defaults: bool,
}

/// Reads all secrets of all sources, for commands that only mask them.
pub(crate) fn load(args: &SourceArgs, quiet: bool) -> Result<Vec<Secret>, Failure> {
    load_all(args, quiet).map(|loaded| loaded.secrets.into_iter().map(|sourced| sourced.secret).collect())
}

/// Reads all secrets of all sources, and the defaults. Messages do not show the secrets that were
/// read, even if a source fails.
pub(crate) fn load_all(args: &SourceArgs, quiet: bool) -> Result<Loaded, Failure> {
    message::hold();
    let mut loaded = Loaded::default();
    let read = read_all(args, quiet, &mut loaded);
    message::hide(loaded.secrets.iter().map(|sourced| &sourced.secret));
    read.map(|()| loaded)
}

fn read_all(args: &SourceArgs, quiet: bool, loaded: &mut Loaded) -> Result<(), Failure> {
    let session = match args.session {
        true => Some(session::asked()?),
        false if args.is_empty() => session::default()?,
        false => None,
    };
    if args.is_empty() && session.is_none() {
        let found = environment::well_known(quiet);
        add(&mut loaded.secrets, args.allow_empty, &Origin::Environment, found).map_err(|failure| {
            failure.hint("give --env, --dotenv, --secret-file or --registry; --allow-empty runs without any")
        })?;
    }
    if let Some(session) = session {
        session::add(loaded, args.allow_empty, session)?;
        loaded.secrets.extend(registry::keys_of_machine());
    }
    for (number, glob) in (1..).zip(&args.env) {
        let found = environment::matching(&Source { option: "--env", number }, glob)?;
        add(&mut loaded.secrets, args.allow_empty, &Origin::Environment, found)?;
    }
    for (number, path) in (1..).zip(&args.dotenv) {
        let found = file::dotenv(&Source { option: "--dotenv", number }, path, quiet)?;
        add(&mut loaded.secrets, args.allow_empty, &Origin::Dotenv, found)?;
    }
    for (number, path) in (1..).zip(&args.secret_file) {
        let found = file::value_or_directory(&Source { option: "--secret-file", number }, path)?;
        add(&mut loaded.secrets, args.allow_empty, &Origin::File, found)?;
    }
    if let Some(path) = &args.registry {
        let registry::Found { secrets: found, keys, defaults } = registry::load(args, path)?;
        if found.is_empty() && !args.allow_empty {
            let nothing = "the registry holds no secret that this identity can open";
            return Err(Failure::config(nothing).hint("--allow-empty runs without"));
        }
        loaded.secrets.extend(found);
        loaded.secrets.extend(keys);
        loaded.has_registry_defaults = !defaults.is_empty();
        loaded.defaults.extend(defaults);
    }
    Ok(())
}

/// As [`load`], for commands that hand secrets on: without any source only a session will do, and no guess by names.
pub(crate) fn load_for_export(args: &SourceArgs, quiet: bool) -> Result<Loaded, Failure> {
    if args.is_empty() && session::default()?.is_none() {
        return Err(Failure::config("no source was given, and there is no session on this machine")
            .hint("give a source, as --dotenv FILE; `hushlog boot` makes a session"));
    }
    load_all(args, quiet)
}

/// As [`load`], for the command that makes the session. Without any source, the machine's own registry.
pub(crate) fn load_for_boot(args: &SourceArgs, quiet: bool) -> Result<Loaded, Failure> {
    if args.session {
        return Err(Failure::config("--session is what `hushlog boot` makes").hint("give it another source"));
    }
    let mut args = args.clone();
    if args.is_empty() {
        args.registry = Some(registry::of_machine()?);
    }
    if args.registry.is_some() && args.identity.is_none() {
        args.identity = registry::identity_of_machine()?;
    }
    load_all(&args, quiet)
}

/// What one source gave, and how to speak of it when it gave nothing.
struct Found {
    secrets: Vec<Secret>,
    nothing: String,
}

fn add(all: &mut Vec<Sourced>, allow_empty: bool, origin: &Origin, found: Found) -> Result<(), Failure> {
    if !allow_empty && found.secrets.iter().all(|secret| secret.expose().trim_ascii().is_empty()) {
        return Err(Failure::config(found.nothing).hint("--allow-empty runs without"));
    }
    let sourced = |secret| Sourced { secret, origin: origin.clone() };
    all.extend(found.secrets.into_iter().map(sourced));
    Ok(())
}

/// A source as messages tell it.
struct Source {
    option: &'static str,
    number: usize,
}

impl Source {
    fn describe(&self) -> String {
        format!("{} number {}", self.option, self.number)
    }

    /// A path that could not be read. It is named if it exists.
    fn unreadable(&self, path: &Path, error: &io::Error) -> Failure {
        let shown = if fs::symlink_metadata(path).is_ok() { format!(" ({})", show(path)) } else { String::new() };
        Failure::config(format!("cannot read {}{shown}: {}", self.describe(), reason(error)))
            .hint("no input was read; the option takes the path of a file, not a value")
    }
}

fn show(path: &Path) -> String {
    path_text(path)
}
