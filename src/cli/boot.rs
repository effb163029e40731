//! `hushlog boot`: the machine's session. `--install` makes each start of the machine run it.

use clap::Args;
use hushlog::NeedleSet;
use hushlog::export::{Environment, Format};
use hushlog::registry::{ExportedSecret, RegistryId};
use hushlog::session::{Files, Session, SessionDir, SessionError, TargetError, TargetFile, Targets, Text, Written};
use hushlog::source::{Origin, SourceError, SourceErrorKind, Sourced, session, setting};
use hushlog::sys::{self, boot};

use super::exit::Exit;
use super::install::{self, BootCommand, InstallArgs};
use super::message::{self, Failure, reason};
use super::source::{self, SourceArgs};
use super::{environment, harden, masking, secret_fields};

/// Arguments of `boot`.
#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// Let the members of this group (name or number) read the exported secrets
    ///
    /// By default only the owner can, usually root. Services get their variables from the service
    /// manager, and do not need a group; shells of other users do.
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Option<String>,

    /// Write even if the directory is on a disk, where the values outlive the machine's uptime
    #[arg(long)]
    pub(super) allow_disk: bool,

    /// Accept a registry that is older than the one that this machine has booted from, and take its
    /// revision as the present one
    ///
    /// A registry has a revision that grows with every change. The machine keeps the highest, and
    /// refuses an older file, in which a rotated secret has its earlier value.
    #[arg(long)]
    allow_rollback: bool,

    /// Print only errors, and the names of values that are not masked
    #[arg(long, overrides_with = "quiet")]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) install: InstallArgs,

    #[command(flatten)]
    pub(super) sources: SourceArgs,
}

/// Exports all secrets of the sources, or none.
pub(crate) fn run(args: &BootArgs) -> Result<Exit, Failure> {
    if args.install.is_asked() {
        let BootArgs { sources, group, allow_disk, quiet, install, .. } = args;
        let boot = BootCommand { sources, group: group.as_deref(), allow_disk: *allow_disk, quiet: *quiet };
        return install::run(install, &boot);
    }
    let mut loaded = source::load_for_boot(&args.sources, args.allow_rollback, args.quiet)?;
    let revision = loaded.revision.take();
    // Readings of dotenv files by other programs than the one whose reading is exported, and files
    // that no variable is set to.
    let is_kept = |origin| matches!(origin, Origin::Dotenv | Origin::CredentialFile);
    let is_only_masked = |sourced: &mut Sourced| !sourced.exported.is_exported && is_kept(sourced.origin);
    let masked = loaded.secrets.extract_if(.., is_only_masked).map(|sourced| sourced.exported).collect();
    let is_file_only = |sourced: &mut Sourced| sourced.exported.is_file_only;
    let in_files: Vec<_> = loaded.secrets.extract_if(.., is_file_only).map(|sourced| sourced.exported).collect();
    let environment = environment::machine_wide(loaded)?;
    harden::fail_point("boot", environment.variables().first().map_or(b"", |first| first.secret.expose()));
    harden::lock_memory();
    let texts = texts(&environment)?;
    let written: Vec<_> = environment.secrets().chain(&in_files).collect();
    let targets = plan(&written)?;
    let directory =
        session::session_dir()?.group(args.group.as_deref().map(group).transpose()?).allow_disk(args.allow_disk);
    let locked = directory.lock().map_err(failure)?;
    let earlier = locked.read().map_err(failure)?;
    let mut session = Session::new(boot::id(), &environment);
    session.mask(masked);
    session.mask(in_files.iter().map(ExportedSecret::duplicate).collect());
    let kept = earlier.map_or(0, |earlier| session.keep(earlier));
    session.name_files(targets.paths());
    compile(&session, args.quiet)?;
    let secrets = written.iter().map(|written| (written.secret.name(), written.secret.expose()));
    locked.write(&session, &Files { texts, secrets: secrets.collect() }).map_err(failure)?;
    let targets = targets.write().map_err(|error| of_target(error).ends(Exit::Io))?;
    if !targets.left.is_empty() {
        message::warning(&format!("not removed, because the files were changed: {}", targets.left.join(", ")));
    }
    if let Some((id, revision)) = revision {
        record(&id, revision)?;
    }
    if !args.quiet {
        let dates = written.iter().filter_map(|exported| Some((exported.secret.name(), exported.expires.as_ref()?)));
        secret_fields::warn(dates);
        message::summary(&summary(&directory, &environment, in_files.len(), kept, &targets));
    }
    Ok(Exit::Done)
}

/// The files for shells and services.
fn texts(environment: &Environment) -> Result<Vec<Text>, Failure> {
    let formats =
        [("environment", Format::Systemd), ("environment.sh", Format::Sh), ("environment.fish", Format::Fish)];
    let render = |(name, format): (&'static str, Format)| {
        let text = format.render(environment).map_err(|error| {
            Failure::config(error.to_string())
                .hint("systemd cannot pass it to services; keep it without exporting it, or save it as base64")
        });
        Ok((name, text?))
    };
    formats.into_iter().map(render).collect()
}

/// Checks that redactors can use the session, and warns about values that they cannot mask.
fn compile(session: &Session, quiet: bool) -> Result<(), Failure> {
    let copies = session.entries().iter().map(|entry| entry.duplicate().secret);
    let builder = copies.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret));
    let set = builder.build().map_err(|error| {
        Failure::config(format!("the exported secrets cannot be masked: {error}")).hint("export fewer or other secrets")
    })?;
    masking::warn(&set, quiet);
    Ok(())
}

/// Records the revision of the registry. A machine that cannot write its state boots all the same.
fn record(id: &RegistryId, revision: u64) -> Result<(), Failure> {
    let recorded = match session::state_dir()? {
        Some(state) => state.record(id, revision).map_err(|error| reason(&error)),
        None => Err("no home directory is known".to_owned()),
    };
    if let Err(why) = recorded {
        message::warning(&format!("an older registry would not be noticed, because its revision was not saved: {why}"));
    }
    Ok(())
}

/// Checks the files that secrets are written to.
fn plan<'a>(secrets: &[&'a ExportedSecret]) -> Result<Targets<'a>, Failure> {
    let files = secrets.iter().filter_map(|exported| {
        let (secret, value) = (exported.secret.name(), exported.secret.expose());
        Some(TargetFile { secret, target: exported.file.as_ref()?, value })
    });
    Targets::plan(files.collect(), std::env::home_dir().as_deref(), session::state_dir()?.as_ref()).map_err(of_target)
}

/// The failure for an error of a file target.
fn of_target(error: TargetError) -> Failure {
    let failure = match &error {
        TargetError::File { secret, path, error } => {
            Failure::config(format!("cannot write {secret} to {path}: {}", reason(error)))
        }
        TargetError::State { path, error } => {
            let path = message::path_text(path);
            Failure::config(format!("cannot use the state of this machine in {path}: {}", reason(error)))
        }
        _ => Failure::config(error.to_string()),
    };
    match &error {
        TargetError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
            failure.hint("create its directory: the file will belong to the owner and the group of it")
        }
        TargetError::File { error, .. } if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
            failure.hint("the unit of `boot --install` writes file targets below the directories of --files-in only")
        }
        TargetError::Foreign { .. } => failure.hint("move the file away, or choose another path"),
        TargetError::NoHome { .. } => failure.hint("set HOME, or choose an absolute path"),
        TargetError::State { .. } | TargetError::NoStateDir => {
            failure.hint(format!("{} names another directory, which only this user can write to", setting::STATE_DIR))
        }
        TargetError::Target(error) => match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        _ => failure.hint("choose a path in a directory that no other user can write to, without links"),
    }
}

fn summary(
    directory: &SessionDir,
    environment: &Environment,
    in_files: usize,
    kept: usize,
    written: &Written,
) -> String {
    let (variables, secrets) = (environment.variables().len(), environment.secrets().count());
    let kept = if kept == 0 { String::new() } else { format!("; {kept} exported earlier stay masked") };
    let shown = message::path_text(directory.path());
    let plural = if variables == 1 { "" } else { "s" };
    let files = match (written.present, written.removed) {
        (0, 0) => String::new(),
        (present, 0) => format!(", {}", count(present, "file target")),
        (present, removed) => format!(", {}, {removed} removed", count(present, "file target")),
    };
    let only = if in_files == 0 { String::new() } else { format!(", {} in files only", count(in_files, "secret")) };
    format!("exported {variables} variable{plural} ({secrets} secret) to {shown}{only}{files}{kept}")
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The number of a group.
fn group(group: &str) -> Result<u32, Failure> {
    let unknown = || Failure::config("the group of --group does not exist").hint("`getent group` lists the groups");
    match group.parse() {
        // To chown(2) it means "unchanged": the group that an earlier boot admitted, or that of a
        // setgid directory.
        Ok(u32::MAX) => return Err(unknown()),
        Ok(number) => return Ok(number),
        Err(_) => {}
    }
    let id = sys::group::id(group)
        .map_err(|error| Failure::config(format!("cannot look up the group of --group: {}", reason(&error))))?;
    id.ok_or_else(unknown)
}

/// The failure for an error of the session: the machine's setup before the first write, I/O after.
fn failure(error: SessionError) -> Failure {
    match &error {
        SessionError::Io { doing, error } => {
            let failure = Failure::io(format!("cannot {doing}: {}", reason(error)));
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    failure.hint("run `hushlog boot` as root, or set HUSHLOG_RUN_DIR to a directory of your own")
                }
                _ => failure.hint("earlier exports are unchanged"),
            }
        }
        SessionError::FileName { .. } => Failure::config(error.to_string()).hint("rename the secret"),
        _ => SourceError::from(SourceErrorKind::Session(error)).into(),
    }
}
