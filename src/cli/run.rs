//! `hushlog run -- CMD ARG...`: runs a program with the secrets in its environment, and masks its
//! output.

use std::collections::BTreeSet;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hushlog::NeedleSet;
use hushlog::child::{
    self, Completion, ProcessEnvironment, ProcessEnvironmentError, Program, Status, StreamOutcome, SupervisionOptions,
};
use hushlog::io::{PumpError, PumpSummary};
use hushlog::source::Loaded;
use rustix::io::Errno;

use super::exit::{self, Exit};
use super::masking::{self, FormatArgs, OptionArgs};
use super::message::{self, Failure, reason};
use super::output::Inputs;
use super::report::{Tally, Target};
use super::source::{self, SourceArgs};
use super::{environment, harden, stdio};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,

    /// Kill the command if it is still running this many seconds after hushlog receives SIGTERM; 0
    /// means never
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(crate) kill_after: u32,

    /// The command and its arguments; `--` before it is optional
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// Runs the command to its end, and ends with its status.
pub(crate) fn run(args: RunArgs) -> Result<Exit, Failure> {
    let RunArgs { sources, options, format, kill_after, command } = args;
    let target = Target::of_stream(options.report.as_deref(), || Inputs::new(&sources))?;
    let typed = command.first().map(PathBuf::from);
    let loaded = load(&sources, options.quiet, &command)?;
    let environment = environment(&loaded)?;
    let program = Program { arguments: arguments(command)?, environment, inherited: stdio::inherited() };
    program.environment.check(&program.arguments).map_err(refused)?;
    let secrets = loaded.into_masked();
    let names: BTreeSet<String> = secrets.iter().map(|secret| secret.name().to_owned()).collect();
    // Before the needles are built, so that the system creates the child process in parallel.
    harden::fail_point("load", secrets.first().map_or(b"", |secret| secret.expose()));
    let (mut ready, secrets) = child::prepare(program, secrets).map_err(|error| cannot_start(&error))?;
    if masking::cannot_fail(&secrets, &options) {
        ready.begin().map_err(|error| cannot_start(&error))?;
    }
    let set = masking::needle_set(secrets, &options, sources.allow_empty)?;
    harden::lock_memory();

    let kill_after = (kill_after > 0).then(|| Duration::from_secs(u64::from(kill_after)));
    let on_notice = masking::on_notice(&options);
    let (release, format) = (options.release.into(), format.format.into());
    let supervision = SupervisionOptions { release, format, kill_after, on_notice };
    let running = ready.run(&set, !options.keep_partial, supervision).map_err(|error| cannot_start(&error))?;
    harden::fail_point("run", set.expose().next().unwrap_or_default());
    let outcome = running.end();
    let reported = target.map_or(Ok(()), |target| target.write(&tally(&names, &set, &outcome.outputs)));
    let shown = typed.and_then(|program| message::typed_path(&program));
    end(outcome, reported, shown.as_deref().unwrap_or("the command"))
}

/// Reads the sources. Those after the command are its own arguments.
fn load(sources: &SourceArgs, quiet: bool, command: &[OsString]) -> Result<Loaded, Failure> {
    const SOURCES: [&str; 7] =
        ["--env", "--dotenv", "--secret-file", "--secret-command", "--credential-files", "--registry", "--session"];
    let spec = sources.spec()?;
    source::load_for_child(sources, quiet).map_err(|failure| {
        let misplaced = SOURCES.iter().find(|option| spec.is_empty() && command.iter().any(|word| word == **option));
        match misplaced {
            Some(option) => failure.hint(format!("{option} is an argument of the command; put it before the command")),
            None => failure,
        }
    })
}

/// Ends as the child did, unless a part of its output is missing.
fn end(outcome: Completion, reported: Result<(), Failure>, program: &str) -> Result<Exit, Failure> {
    if let Status::Failed(error) = outcome.status {
        return Err(not_run(error, program));
    }
    for stream in &outcome.outputs {
        match &stream.result {
            // The child met the closed pipe as it would have without hushlog, and handled it.
            Ok(_) | Err(PumpError::OutputClosed) => {}
            Err(PumpError::Input(error)) => {
                return Err(Failure::io(format!("cannot read the output of the command: {}", reason(error))));
            }
            Err(PumpError::Output(error)) => {
                return Err(Failure::io(format!("cannot write the output of the command: {}", reason(error))));
            }
            Err(error) => return Err(Failure::io(error.to_string())),
        }
    }
    reported?;
    match outcome.status {
        Status::Exited(code) => exit::with(code),
        Status::Killed(signal) => exit::by_signal(signal),
        _ => Err(Failure::io("the command's parent process was killed, and the exit status is lost")),
    }
}

/// This process's environment, with the exported secrets.
fn environment(loaded: &Loaded) -> Result<ProcessEnvironment, Failure> {
    let environment = environment::for_child(loaded)?;
    let exported =
        environment.variables().iter().map(|variable| (variable.variable.as_str(), variable.secret.expose()));
    ProcessEnvironment::new(std::env::vars_os(), exported).map_err(refused)
}

fn arguments(command: Vec<OsString>) -> Result<Vec<CString>, Failure> {
    let arguments = command.into_iter().map(|argument| CString::new(argument.into_vec()));
    arguments.collect::<Result<_, _>>().map_err(|_| Failure::config("an argument of the command contains a NUL"))
}

/// The failure for an environment that no program can have.
fn refused(error: ProcessEnvironmentError) -> Failure {
    let exit = if matches!(error, ProcessEnvironmentError::Nul(_)) { Exit::Config } else { Exit::NotExecutable };
    Failure::config(error.to_string()).ends(exit).hint("the command was not started")
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure::io(format!("cannot start the command: {}", reason(error)))
}

/// The child's exec failed.
fn not_run(error: i32, program: &str) -> Failure {
    let error = Errno::from_raw_os_error(error);
    let text = format!("cannot run {program}: {}", reason(&error.into()));
    match error {
        Errno::NOENT | Errno::NOTDIR => Failure::config(text)
            .ends(Exit::NotFound)
            .hint("it is neither a file nor in PATH; aliases and builtins of a shell need sh -c"),
        _ => Failure::config(text).ends(Exit::NotExecutable),
    }
}

fn tally(names: &BTreeSet<String>, set: &NeedleSet, outputs: &[StreamOutcome]) -> Tally {
    let sum = |sum: Option<PumpSummary>, stream: &StreamOutcome| {
        let (mut sum, one) = (sum?, stream.result.as_ref().ok()?);
        sum.bytes_in += one.bytes_in;
        sum.bytes_out += one.bytes_out;
        Some(sum)
    };
    let pumped = outputs.iter().fold(Some(PumpSummary::default()), sum);
    Tally::new(names, set, outputs.iter().map(|stream| &stream.redactor), pumped.as_ref())
}
