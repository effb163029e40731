//! The options that name sources of secrets, and the messages about them.
//!
//! An error of a source ends the program before it reads any input. Messages do not show the
//! secrets that were read before the error.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hushlog::Secret;
use hushlog::registry::{Error, Withheld, name};
use hushlog::source::registry::{identity_of_machine, of_machine};
use hushlog::source::{
    Dialect, Fallback, Interface, Loaded, RegistrySpec, Selection, SourceError, SourceErrorKind, SourceSpec, Sourced,
    setting,
};

use super::message::{self, Failure, note, warning};
use super::progress::waiting;
use super::registry::ask_passphrase;

/// Where the secrets come from. Never the command line itself: it is shown to every user of the
/// machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sources of secrets")]
pub(crate) struct SourceArgs {
    /// Mask the values of environment variables with matching names, such as 'PROD_*'
    ///
    /// Patterns support `*`, `?` and `[...]`, and are case-sensitive. A pattern that matches no
    /// variable with a value is an error. May be repeated, like --dotenv and --secret-file. Without
    /// any source, hushlog masks the secrets exported by this machine's session; without a session,
    /// those of the registry that HUSHLOG_REGISTRY names; without that, the variables with
    /// well-known names, which it then lists on standard error.
    #[arg(long, value_name = "GLOB")]
    pub(crate) env: Vec<OsString>,

    /// Mask the values in a file of NAME=VALUE lines
    ///
    /// The programs that read such files differ in quotes, escapes, comments and lines. All of
    /// their readings are masked; see --dotenv-dialect. References to other variables are not
    /// expanded; a warning names the values that contain one, and another the lines in which no
    /// program finds a variable. A name by itself takes the value from the environment.
    #[arg(long, value_name = "FILE")]
    pub(crate) dotenv: Vec<PathBuf>,

    /// In commands that set variables, set those of --dotenv as this program reads them [default:
    /// compose]
    ///
    /// `compose` is Docker Compose, `docker` is docker run --env-file, `node` is node --env-file,
    /// `npm` the package dotenv, `php` phpdotenv, `python` python-dotenv, `ruby` Ruby's dotenv,
    /// `sh` a shell that sources the file, and `systemd` EnvironmentFile=. A warning names the
    /// variables that programs read differently, apart from quotes around a value.
    #[arg(long, value_name = "DIALECT", value_parser = dialects())]
    pub(crate) dotenv_dialect: Option<Dialect>,

    /// Mask the content of a file, or of every file below a directory such as /run/secrets
    ///
    /// Each file is one value, without trailing newlines, and is named after the file. Symbolic
    /// links are followed. Entries that begin with `..` are skipped, because Kubernetes uses them
    /// for its own bookkeeping.
    #[arg(long, value_name = "PATH")]
    pub(crate) secret_file: Vec<PathBuf>,

    /// Mask the secrets that a command prints, such as 'vault kv get -format=json secret/app'
    ///
    /// `sh -c` runs it, with an empty standard input. It prints a JSON object or list, whose texts
    /// and numbers are named after their keys, with dots between; or NAME=VALUE lines; or one
    /// value, named after the program. A failure, an empty output, or 30 seconds without an end is
    /// an error. The command line is shown to every user of the machine: it must not hold a secret.
    /// May be repeated.
    #[arg(long, value_name = "CMD")]
    pub(crate) secret_command: Vec<String>,

    /// Mask the files in which programs keep credentials, such as ~/.netrc and ~/.aws/credentials
    ///
    /// Those that exist are read, also where variables such as KUBECONFIG, DOCKER_CONFIG or
    /// PGPASSFILE put them. Each is named after its path below the home directory. They are never
    /// set as variables. If there are none, that is an error.
    #[arg(long)]
    pub(crate) credential_files: bool,

    /// Mask all secrets of a registry that the identity can open
    ///
    /// A member's identity opens all shared secrets and those private to that member. If any of
    /// them cannot be opened, the program ends before it reads any input. The identity itself is
    /// masked too, and so is the default signing key if there is one. Without any source
    /// and without a session, the registry that HUSHLOG_REGISTRY names is the source.
    #[arg(long, value_name = "FILE")]
    pub(crate) registry: Option<PathBuf>,

    /// Open the registry with this identity [default: $HUSHLOG_IDENTITY, or
    /// ~/.config/hushlog/identity.txt]
    ///
    /// A file as `hushlog keygen` and `age-keygen` write it, readable only by its owner. If a
    /// passphrase protects it, the terminal asks for the passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// The member to act as, if the identity belongs to several
    #[arg(long = "as", value_name = "MEMBER")]
    pub(crate) member: Option<String>,

    /// Require that the registry is signed with this public key, or has this id; may be repeated
    /// [default: $HUSHLOG_TRUST]
    #[arg(long, value_name = "KEY")]
    pub(crate) trust: Vec<String>,

    /// Also set the plain defaults of this environment of the registry, in commands that set
    /// variables
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,

    /// Mask the secrets exported by `hushlog boot` since the machine started
    ///
    /// This is the default source if there is a session. The session is read from /run/hushlog, or
    /// from the directory in HUSHLOG_RUN_DIR. A service that may not read that directory loads the
    /// session as a credential named hushlog.session.
    #[arg(long)]
    pub(crate) session: bool,

    /// Run even if a source, or all of them together, have nothing to mask
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// Mask only the secrets with matching names, of all sources; may be repeated
    ///
    /// Patterns support `*`, `?` and `[...]`. They are matched against the name in the mask and
    /// against the variable. All others are still exported by commands that set variables.
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,

    /// Do not mask the secrets with matching names, of all sources; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) except: Vec<String>,

    /// Also mask the values of a list that cannot be secrets
    ///
    /// Of a dotenv file and of a pattern for variables, hushlog leaves switches, small numbers, a
    /// few plain words, and addresses and paths without credentials, unless the name says that the
    /// value is a credential. A note names them.
    #[arg(long)]
    pub(crate) all: bool,
}

impl SourceArgs {
    /// Returns the sources that the options name. Options about a registry are about the one that
    /// HUSHLOG_REGISTRY names, if none is named here.
    pub(crate) fn spec(&self) -> Result<SourceSpec, Failure> {
        let mut registry = self.registry.clone();
        if registry.is_none()
            && let Some(option) = self.registry_option()
        {
            registry = setting::path(setting::REGISTRY)?;
            if registry.is_none() {
                return Err(Failure::config(format!("{option} needs --registry"))
                    .hint("or set HUSHLOG_REGISTRY to the file of the registry"));
            }
        }
        Ok(SourceSpec {
            env: self.env.clone(),
            dotenv: self.dotenv.clone(),
            dotenv_dialect: self.dotenv_dialect,
            secret_files: self.secret_file.clone(),
            commands: self.secret_command.clone(),
            credential_files: self.credential_files,
            registry: registry.map(|path| RegistrySpec {
                path,
                identity: self.identity.clone(),
                member: self.member.clone(),
                trust: self.trust.clone(),
                environment: self.environment.clone(),
                allow_rollback: false,
            }),
            session: self.session,
            allow_empty: self.allow_empty,
            selection: Selection { only: self.only.clone(), except: self.except.clone(), all: self.all },
        })
    }

    /// The same sources for a command that sets their variables.
    fn exporting(&self) -> Result<SourceSpec, Failure> {
        let spec = self.spec()?;
        Ok(SourceSpec { dotenv_dialect: spec.dotenv_dialect.or(Some(Dialect::default())), ..spec })
    }

    /// The first option that is about a registry.
    fn registry_option(&self) -> Option<&'static str> {
        let options = [
            ("--identity", self.identity.is_some()),
            ("--as", self.member.is_some()),
            ("--trust", !self.trust.is_empty()),
            ("--environment", self.environment.is_some()),
        ];
        options.iter().find(|(_, is_given)| *is_given).map(|(option, _)| *option)
    }
}

/// The parser of `--dotenv-dialect`.
pub(crate) fn dialects() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name)).map(|name| Dialect::named(&name).unwrap_or_default())
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        let text = error.text(Interface::CommandLine);
        let failure = match &error.kind {
            SourceErrorKind::Registry(Error::Write(_) | Error::NotKept(_)) => Failure::io(text),
            _ => Failure::config(text),
        };
        match error.hint(Interface::CommandLine) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Reads the sources, for commands that only mask secrets.
pub(crate) fn load(args: &SourceArgs, quiet: bool) -> Result<Vec<Secret>, Failure> {
    Ok(load_all(&args.spec()?, quiet)?.into_masked())
}

/// Reads the sources, or the fallback if there are none.
pub(crate) fn load_all(spec: &SourceSpec, quiet: bool) -> Result<Loaded, SourceError> {
    read(spec, Fallback::WellKnown, quiet)
}

/// Reads the sources, for commands that pass secrets on. Without any source, only a session will
/// do, and no guess by names.
pub(crate) fn load_for_export(args: &SourceArgs, quiet: bool) -> Result<Loaded, Failure> {
    let mut spec = args.exporting()?;
    set_all(&mut spec)?;
    let loaded = read(&spec, Fallback::Session, quiet)?;
    say_of_dialect(&loaded, args, quiet);
    Ok(loaded)
}

/// Reads the sources, for a command whose child gets them.
pub(crate) fn load_for_child(args: &SourceArgs, quiet: bool) -> Result<Loaded, Failure> {
    let loaded = load_all(&args.exporting()?, quiet)?;
    say_of_dialect(&loaded, args, quiet);
    Ok(loaded)
}

/// Selects all secrets, for commands that set variables and mask nothing.
fn set_all(spec: &mut SourceSpec) -> Result<(), Failure> {
    let options = [("--only", &spec.selection.only), ("--except", &spec.selection.except)];
    if let Some((option, _)) = options.iter().find(|(_, patterns)| !patterns.is_empty()) {
        return Err(Failure::config(format!("{option} chooses what is masked, and this command sets all variables"))
            .hint(format!("remove {option}, or give it to the command that masks")));
    }
    spec.selection.all = true;
    Ok(())
}

/// Reads the sources, for the command that creates the session. Without any, reads the machine's
/// own registry.
pub(crate) fn load_for_boot(args: &SourceArgs, allow_rollback: bool, quiet: bool) -> Result<Loaded, Failure> {
    if args.session {
        return Err(Failure::config("--session is what `hushlog boot` makes").hint("give it another source"));
    }
    let mut spec = args.exporting()?;
    set_all(&mut spec)?;
    if spec.is_empty() {
        spec.registry = Some(RegistrySpec { path: of_machine()?, ..RegistrySpec::default() });
    }
    if let Some(registry) = &mut spec.registry {
        registry.allow_rollback = allow_rollback;
        if registry.identity.is_none() {
            registry.identity = identity_of_machine()?;
        }
    }
    let loaded = read(&spec, Fallback::Nothing, quiet)?;
    say_of_dialect(&loaded, args, quiet);
    Ok(loaded)
}

/// Reports the variables of dotenv files whose value depends on the dialect, for a command that
/// sets them.
fn say_of_dialect(loaded: &Loaded, args: &SourceArgs, quiet: bool) {
    if quiet {
        return;
    }
    let dialect = args.dotenv_dialect.unwrap_or_default().name();
    if !loaded.differing.is_empty() {
        let names = loaded.differing.join(", ");
        warning(&format!("set as {dialect} reads it, though other programs read it differently: {names}"));
    }
    if !loaded.unset.is_empty() {
        warning(&format!("masked, but not set, because {dialect} does not read it: {}", loaded.unset.join(", ")));
    }
}

/// Reads sources. Messages do not show the secrets that were read, even if a source fails.
pub(crate) fn read(spec: &SourceSpec, fallback: Fallback, quiet: bool) -> Result<Loaded, SourceError> {
    message::hold();
    let mut loaded = Loaded::default();
    let read = waiting("reading the secrets", quiet, || spec.load_into(&mut loaded, fallback, &ask_passphrase));
    message::hide(loaded.secrets.iter().filter(|sourced| sourced.is_masked).map(Sourced::secret));
    say(&loaded, quiet);
    read.map(|()| loaded)
}

/// Reports lines that are not read, even when `quiet`; and the sources that can be read in several
/// ways, and the way chosen.
fn say(loaded: &Loaded, quiet: bool) {
    for unread in &loaded.unread {
        warning(&unread.text(Interface::CommandLine));
    }
    if quiet {
        return;
    }
    if !loaded.well_known.is_empty() {
        note(&format!("no source was given; masking the well-known variables: {}", loaded.well_known.join(", ")));
    }
    if !loaded.doubtful.is_empty() {
        note(&format!("not masked, although they look like secrets: {}; --env masks them", list(&loaded.doubtful)));
    }
    if !loaded.left.is_empty() {
        note(&format!("not masked, because they cannot be secrets: {}; --all masks them", list(&loaded.left)));
    }
    if loaded.unused_only > 0 {
        let patterns = if loaded.unused_only == 1 { "a pattern of --only matches" } else { "patterns of --only match" };
        warning(&format!("{patterns} no secret"));
    }
    if !loaded.referring.is_empty() {
        let names = loaded.referring.join(", ");
        warning(&format!("taken as it stands, though it refers to other variables: {names}"));
    }
}

/// The most names in a message.
const NAMES_MAX: usize = 12;

/// A list of names, the first ones of many.
fn list(names: &[String]) -> String {
    let mut shown = names[..names.len().min(NAMES_MAX)].join(", ");
    if names.len() > NAMES_MAX {
        shown += &format!(" and {} more", names.len() - NAMES_MAX);
    }
    shown
}

/// Notes which of these names are those of secrets that belong to groups of others.
pub(crate) fn tell_withheld(names: &[String], withheld: &[Withheld]) {
    let is_asked = |found: &&Withheld| {
        let is_same = |name: &String| {
            found.name.as_str() == name
                || found.variable == *name
                || name::variable(name).is_ok_and(|variable| variable == found.variable)
        };
        names.iter().any(is_same)
    };
    withheld.iter().filter(is_asked).for_each(|found| note(&found.to_string()));
}
