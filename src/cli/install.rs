//! `hushlog boot --install`: installs units and snippets into a machine, and removes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use hushlog::install::{self, Root, Setup, SetupError, Step, StepOutcome};
use hushlog::registry::{Error, FILE_LEN_MAX, MACHINE_REGISTRY, Registry, RegistryId};
use hushlog::session::DEFAULT_DIR;
use hushlog::source::registry::trusted;
use hushlog::source::{Interface, RegistrySpec, SourceError, SourceSpec, setting};
use hushlog::sys::file::check_not_replaceable;
use hushlog::sys::output::is_link_refused;

use super::exit::Exit;
use super::message::{Failure, path_text, reason, warning};
use super::source::SourceArgs;
use super::stdio;

/// Arguments of `boot --install`, besides those of the boot command itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct InstallArgs {
    /// Run this command, with the sources given here, at each start of the machine, and give shells
    /// the variables
    ///
    /// Prints the files that it wrote. Nothing is started or reloaded. Installing again changes
    /// nothing.
    #[arg(long)]
    install: bool,

    /// Undo --install
    #[arg(long, conflicts_with = "install")]
    uninstall: bool,

    /// Give this systemd service the variables, and the session as a credential for masking; may be
    /// repeated
    #[arg(long, value_name = "NAME", requires = "install")]
    service: Vec<String>,

    /// Let the systemd unit write file targets below this directory; may be repeated
    ///
    /// The unit may write nowhere else but to its own directories. Other init systems do not
    /// confine the boot step.
    #[arg(long, value_name = "DIR", requires = "install")]
    files_in: Vec<String>,

    /// The init system of the machine [default: detected]
    #[arg(long, value_enum, value_name = "INIT", requires = "install")]
    init: Option<Init>,

    /// The root directory of the machine or image to install into [default: /]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Print the changes without making them
    #[arg(long)]
    dry_run: bool,
}

/// See [`install::Init`].
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Init {
    Systemd,
    Openrc,
    Busybox,
    Sysv,
}

impl From<Init> for install::Init {
    fn from(init: Init) -> install::Init {
        match init {
            Init::Systemd => install::Init::Systemd,
            Init::Openrc => install::Init::Openrc,
            Init::Busybox => install::Init::Busybox,
            Init::Sysv => install::Init::Sysv,
        }
    }
}

impl InstallArgs {
    /// Whether files are installed or removed, instead of a session being made.
    pub(super) fn is_asked(&self) -> bool {
        self.install || self.uninstall || self.dry_run || self.root.is_some()
    }
}

/// The arguments of the boot command to install.
pub(super) struct BootCommand<'a> {
    pub(super) sources: &'a SourceArgs,
    pub(super) group: Option<&'a str>,
    pub(super) allow_disk: bool,
    pub(super) quiet: bool,
}

/// Runs all steps, or lists them.
pub(super) fn run(args: &InstallArgs, boot: &BootCommand<'_>) -> Result<Exit, Failure> {
    let InstallArgs { install, uninstall, service, files_in, init, root, dry_run } = args;
    if !install && !uninstall {
        return Err(Failure::config("--root and --dry-run need --install or --uninstall").hint("add one of them"));
    }
    let root = Root::open(root.as_deref().unwrap_or(Path::new("/"))).map_err(|error| {
        let why =
            if is_link_refused(&error) { ", or goes through a link that another user may have placed" } else { "" };
        Failure::config(format!("the path of --root is not a directory{why}"))
            .hint("give the directory that contains etc/")
    })?;
    let root = Arc::new(root);
    let command = if *install { command(boot, &root)? } else { Vec::new() };
    let setup = Setup {
        root: Arc::clone(&root),
        init: init.map(Into::into),
        command,
        services: service.clone(),
        file_directories: files_in.clone(),
    };
    let steps = if *install { setup.steps().map_err(|error| failure(&error))? } else { setup.undo() };
    let mut said = String::new();
    let mut foreign = false;
    for step in &steps {
        let outcome = if *dry_run { step.outcome() } else { step.apply() };
        let outcome = outcome.map_err(|error| {
            let _ = stdio::print(said.as_bytes());
            let doing = if *install { "write" } else { "remove" };
            Failure::io(format!("cannot {doing} {}: {}", show(step.path()), reason(&error)))
        })?;
        foreign |= outcome == StepOutcome::Foreign && *install;
        said += &line(step, outcome, *install, *dry_run);
    }
    if *install && !dry_run {
        said += next(&setup);
    }
    stdio::print(said.as_bytes())?;
    if foreign {
        return Err(Failure::io("a file of the same name does not belong to hushlog, and was left alone")
            .hint("move it away, and run --install again"));
    }
    Ok(Exit::Done)
}

/// The line for a step; empty when there was nothing to remove.
fn line(step: &Step, outcome: StepOutcome, install: bool, dry_run: bool) -> String {
    let word = match (outcome, dry_run) {
        (StepOutcome::Unchanged, _) if !install => return String::new(),
        (StepOutcome::Foreign, _) if !install => return String::new(),
        (StepOutcome::Unchanged, _) => "unchanged",
        (StepOutcome::Foreign, _) => "left alone",
        (StepOutcome::Written, false) => "wrote",
        (StepOutcome::Written, true) => "would write",
        (StepOutcome::Removed, false) => "removed",
        (StepOutcome::Removed, true) => "would remove",
    };
    let what = match (step.is_block(), outcome) {
        (true, StepOutcome::Written) => "lines into ",
        (true, StepOutcome::Removed) => "lines from ",
        _ => "",
    };
    format!("{word} {what}{}\n", show(step.path()))
}

fn next(setup: &Setup) -> &'static str {
    match setup.root.is_own() && setup.root.has("etc/systemd/system/hushlog-boot.service") {
        true => "next: systemctl daemon-reload && systemctl start hushlog-boot\n",
        false => "",
    }
}

/// The command that each machine start will run, word by word. It contains all settings of the
/// installation, because the environment at start differs from the current one.
fn command(boot: &BootCommand<'_>, root: &Root) -> Result<Vec<String>, Failure> {
    let own = || std::env::current_exe().ok().filter(|_| root.is_own());
    let program = match own() {
        Some(own) => check_program(own)?,
        None => PathBuf::from("/usr/bin/hushlog"),
    };
    let mut words = vec![text(&program)?, "boot".to_owned()];
    if setting::path(setting::RUN_DIR)?.is_some_and(|path| path != Path::new(DEFAULT_DIR)) {
        return Err(setting::unusable(
            setting::RUN_DIR,
            "is not /run/hushlog, the only directory that the installed snippets read",
        )
        .into());
    }
    let sources = pinned(with_settings(boot.sources.spec()?, root)?, root, boot.quiet)?;
    for (item, path) in sources.paths() {
        if !path.is_absolute() {
            let text = format!("{} must be an absolute path", item.name(Interface::CommandLine));
            return Err(Failure::config(text)
                .hint("the installed command runs at the start of the machine, in another directory"));
        }
        words.extend([item.field.name(Interface::CommandLine).to_owned(), text(path)?]);
    }
    if let Some(RegistrySpec { member, trust, environment, .. }) = &sources.registry {
        let member = member.iter().map(|name| ("--as", name));
        let trust = trust.iter().map(|key| ("--trust", key));
        let options = member.chain(trust).chain(environment.iter().map(|name| ("--environment", name)));
        words.extend(options.flat_map(|(option, word)| [option.to_owned(), word.clone()]));
    }
    if sources.credential_files {
        return Err(Failure::config("--credential-files cannot be installed: the machine has no home directory")
            .hint("name the files: --secret-file /home/app/.netrc"));
    }
    for command in &sources.commands {
        words.extend(["--secret-command".to_owned(), command.clone()]);
    }
    if let Some(dialect) = sources.dotenv_dialect {
        words.extend(["--dotenv-dialect".to_owned(), dialect.name().to_owned()]);
    }
    for glob in &sources.env {
        words.extend(["--env".to_owned(), text(Path::new(glob))?]);
    }
    if let Some(group) = boot.group {
        words.extend(["--group".to_owned(), group.to_owned()]);
    }
    let flags = [(boot.allow_disk, "--allow-disk"), (boot.sources.allow_empty, "--allow-empty")];
    words.extend(flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned()));
    Ok(words)
}

/// The program that root will run at each start. Refused if another user can replace it.
fn check_program(program: PathBuf) -> Result<PathBuf, Failure> {
    match check_not_replaceable(&program) {
        Ok(()) => Ok(program),
        Err(error) => {
            let text = format!("root cannot run {} at each start: {}", show(&program), reason(&error));
            Err(Failure::config(text).hint(
                "copy it to a directory that only root can write to, such as /usr/local/bin, and install from there",
            ))
        }
    }
}

/// The sources, with the environment's settings for a registry.
fn with_settings(mut sources: SourceSpec, root: &Root) -> Result<SourceSpec, Failure> {
    if !sources.is_empty() && sources.registry.is_none() {
        return Ok(sources);
    }
    let (path, mut registry) = match sources.registry.take() {
        Some(registry) => (Some(registry.path.clone()), registry),
        None => (setting::path(setting::REGISTRY)?, RegistrySpec::default()),
    };
    if registry.identity.is_none() {
        registry.identity = setting::path(setting::IDENTITY)?;
    }
    if registry.trust.is_empty() {
        registry.trust = trusted()?.into_iter().map(|(text, _)| text).collect();
    }
    if path.is_none() {
        if !root.has(MACHINE_REGISTRY.trim_start_matches('/')) {
            let text = format!("no source was given, and {MACHINE_REGISTRY} does not exist below --root");
            return Err(Failure::config(text)
                .hint("name the source to export at each start, such as --registry FILE --identity FILE"));
        }
        // These two options need a named registry. Without them the file is found when the machine
        // starts.
        if registry.identity.is_none() && registry.trust.is_empty() {
            return Ok(sources);
        }
    }
    registry.path = path.unwrap_or_else(|| MACHINE_REGISTRY.into());
    sources.registry = Some(registry);
    Ok(sources)
}

/// Pins each start to the current registry by its id, so that another one in its place is refused.
/// A given id must be that of the registry.
fn pinned(mut sources: SourceSpec, root: &Root, quiet: bool) -> Result<SourceSpec, Failure> {
    let spec = match &sources.registry {
        Some(spec) => spec.clone(),
        None if sources.is_empty() => RegistrySpec { path: MACHINE_REGISTRY.into(), ..RegistrySpec::default() },
        None => return Ok(sources),
    };
    let ids = spec.trust.iter().filter(|word| RegistryId::is_meant(word)).map(|word| word.parse());
    let ids = ids.collect::<Result<Vec<RegistryId>, _>>().map_err(SourceError::from)?;
    let Ok(below) = spec.path.strip_prefix("/") else { return Ok(sources) };
    let found = root.read(below, FILE_LEN_MAX as u64).map_err(Error::Read).and_then(|text| match text {
        Some(text) => Registry::parse(&text),
        None => Err(Error::Missing),
    });
    let registry = match found {
        Ok(registry) => registry,
        Err(_) if !ids.is_empty() => return Ok(sources),
        Err(error) => {
            if !quiet {
                let why = "so its id is not pinned; run --install again once the registry exists, or use --trust";
                warning(&format!("{}: {error}, {why}", show(&spec.path)));
            }
            return Ok(sources);
        }
    };
    registry.require_id(&ids).map_err(|error| SourceError::of_registry(error, &spec.path))?;
    if let Some(id) = registry.id().filter(|_| ids.is_empty()) {
        let trust = spec.trust.iter().cloned().chain([id.to_string()]).collect();
        sources.registry = Some(RegistrySpec { trust, ..spec });
    }
    Ok(sources)
}

fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| failure(&SetupError::Word))
}

fn failure(error: &SetupError) -> Failure {
    let hint = match error {
        SetupError::Word => "use paths that need no quoting in scripts",
        SetupError::FileDirectory => "give the path of a directory that needs no quoting",
        SetupError::Service => "give the name of the unit, such as --service nginx",
        SetupError::NotSystemd => "source /run/hushlog/environment.sh in the service's script",
        _ => "use --init, or run `hushlog boot` at the start of the machine yourself",
    };
    Failure::config(error.to_string()).hint(hint)
}

fn show(path: &Path) -> String {
    path_text(path)
}
