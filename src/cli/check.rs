//! `hushlog check`: is it set here, and would it be masked? The values go through the filter, and
//! are never shown.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hushlog::io::RedactWriter;
use hushlog::registry::{Error, ExpiryDate, name};
use hushlog::source::{Fallback, Interface, Loaded, Origin, SourceSpec, Sourced};
use hushlog::{NeedleSet, Redactor, Secret};
use zeroize::Zeroizing;

use super::exit::Exit;
use super::message::{self, Failure, printable};
use super::source::{self, SourceArgs};
use super::{canary, secret_fields, stdio};

/// Room for a mask, in bytes.
const MASK_LEN_MAX: usize = 4 << 10;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Secrets or variables, such as openai-api-key or OPENAI_API_KEY [default: all secrets of the
    /// sources]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Print nothing: the exit status is the answer
    #[arg(long, overrides_with = "quiet")]
    quiet: bool,

    /// Send a line with a secret through the running sidecar, and report whether it comes out
    /// masked
    ///
    /// The sidecar generates the secret. NAME is the name of a stream; the default is all streams.
    #[arg(long)]
    canary: bool,

    /// Also write the masked line to the sinks of the named streams
    #[arg(long, requires_all = ["canary", "names"])]
    through: bool,

    /// The control socket of the sidecar [default: /run/hushlog/sidecar.sock]
    #[arg(long, value_name = "PATH", requires = "canary")]
    socket: Option<PathBuf>,

    #[command(flatten)]
    sources: SourceArgs,
}

/// One name to check.
struct Question {
    /// The printable name. A word of the command line that matches no known name may be a secret
    /// given by mistake.
    shown: String,
    /// The variable in this process's environment, if it has a value.
    set: Option<Secret>,
    /// The sources' secrets of this name; current ones come first.
    known: Vec<(Secret, bool)>,
    /// The day the current secret, or the one in files, expires.
    expires: Option<ExpiryDate>,
}

/// Answers for each name, one a line. The exit status is that of the worst answer.
pub(crate) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    if args.canary {
        return canary::run(args.socket.as_deref(), &args.names, args.through, args.quiet);
    }
    // An unknown name is an answer here, not an error.
    let mut sources = args.sources.spec()?;
    let without_source = sources.is_empty() && !args.names.is_empty();
    sources.allow_empty |= without_source;
    let Loaded { secrets: sourced, withheld, .. } = source::load_all(&sources, true)?;
    let questions = match args.names.is_empty() {
        true => all(&sourced),
        false => (1..).zip(&args.names).map(|(number, name)| question(&sourced, name, number)).collect(),
    };
    let in_files: Vec<(String, ExpiryDate)> = match args.names.is_empty() {
        true => sourced.iter().filter_map(in_files_until).collect(),
        false => Vec::new(),
    };
    let masked = sourced.into_iter().filter(|sourced| sourced.is_masked);
    let canary = Canary::new(masked.map(Sourced::into_secret))?;
    let answers: Vec<(String, bool)> = questions.iter().map(|question| answer(question, &canary)).collect();
    if !args.quiet {
        let dates = questions.iter().filter_map(|question| Some((question.shown.as_str(), question.expires.as_ref()?)));
        secret_fields::warn(dates.chain(in_files.iter().map(|(name, date)| (name.as_str(), date))));
        source::tell_withheld(&args.names, &withheld);
        stdio::print(answers.iter().map(|(line, _)| message::shown(line) + "\n").collect::<String>().as_bytes())?;
    }
    Ok(if answers.iter().all(|(_, yes)| *yes) { Exit::Done } else { Exit::No })
}

/// Answers for one name, with the secrets of the machine's session or the well-known variables. No
/// message reports anything, and no value stays in memory.
pub(crate) fn ask(asked: &str) -> Result<String, String> {
    let spec = SourceSpec { allow_empty: true, ..SourceSpec::default() };
    let mut loaded = Loaded::default();
    spec.load_into(&mut loaded, Fallback::WellKnown, &|_| Err(Error::NoPassphrase))
        .map_err(|error| error.text(Interface::CommandLine))?;
    let sourced = loaded.secrets;
    let question = question(&sourced, asked, 0);
    let is_known = question.set.is_some() || !question.known.is_empty();
    let masked = sourced.into_iter().filter(|sourced| sourced.is_masked);
    let canary = Canary::new(masked.map(Sourced::into_secret)).map_err(|_| "there are too many secrets".to_owned())?;
    let (line, _) = answer(&question, &canary);
    // The name of a question without an answer may be a secret given by mistake.
    Ok(if is_known { line } else { line.split_once(": ").map_or("not set".to_owned(), |(_, state)| state.to_owned()) })
}

/// The variable that a secret is or would be exported as.
fn variable(sourced: &Sourced) -> String {
    let variable = &sourced.exported.variable;
    let of_file = (sourced.origin == Origin::File).then(|| name::variable(variable).ok()).flatten();
    of_file.unwrap_or_else(|| variable.clone())
}

/// A question for each variable that is currently exported.
fn all(sourced: &[Sourced]) -> Vec<Question> {
    let is_variable = |origin| !matches!(origin, Origin::Key | Origin::CredentialFile);
    let is_asked = |sourced: &&Sourced| is_current(sourced) && is_variable(sourced.origin);
    let names: BTreeSet<String> = sourced.iter().filter(is_asked).map(variable).collect();
    names.iter().map(|name| question(sourced, name, 0)).collect()
}

/// False if only an earlier export had the secret.
fn is_current(sourced: &Sourced) -> bool {
    sourced.exported.is_exported || sourced.origin != Origin::Session
}

/// The name and the day of expiry of a secret that the session has in files only. No variable is
/// asked for.
fn in_files_until(sourced: &Sourced) -> Option<(String, ExpiryDate)> {
    let date = sourced.exported.expires.clone().filter(|_| !is_current(sourced))?;
    Some((printable(sourced.secret().name().as_bytes()), date))
}

fn question(sourced: &[Sourced], asked: &str, number: usize) -> Question {
    let exported = name::variable(asked).ok();
    let by_name = |sourced: &&Sourced| {
        let variable = variable(sourced);
        sourced.secret().name() == asked || variable == asked || Some(variable) == exported
    };
    let found: Vec<&Sourced> = sourced.iter().filter(by_name).collect();
    let candidates = [found.first().map(|found| variable(found)), Some(asked.to_owned()), exported.clone()];
    let variable = candidates.into_iter().flatten().find_map(|variable| {
        let value = std::env::var_os(&variable).filter(|value| !value.is_empty())?;
        Some(Secret::new(variable, value.into_vec()))
    });
    let mut known: Vec<(Secret, bool)> = Vec::new();
    for found in &found {
        known.push((Secret::new(found.secret().name(), found.secret().expose().to_vec()), is_current(found)));
    }
    let is_own = variable.is_some() || !found.is_empty();
    let shown = if is_own { Some(printable(asked.as_bytes())) } else { message::typed(asked) };
    let shown = shown.unwrap_or_else(|| format!("name {number}"));
    let expires = match found.iter().find(|found| is_current(found)) {
        Some(found) => found.exported.expires.clone(),
        None => found.iter().find_map(|found| found.exported.expires.clone()),
    };
    Question { shown, set: variable, known, expires }
}

fn answer(question: &Question, canary: &Canary) -> (String, bool) {
    let has = |value: &[u8], current: bool| {
        question.known.iter().any(|(secret, is_current)| *is_current == current && secret.expose() == value)
    };
    let state = match &question.set {
        None => "not set",
        Some(value) if has(value.expose(), true) => "set",
        Some(value) if has(value.expose(), false) => "set to an earlier value",
        Some(_) if question.known.is_empty() => "set, not known as a secret",
        Some(_) => "set to a value other than the known one",
    };
    let mut values = question.set.iter().chain(question.known.iter().map(|(secret, _)| secret)).peekable();
    let masked = values.peek().is_some() && values.all(|value| canary.is_masked(value));
    let line = format!("{}: {state}, {}", question.shown, if masked { "masked" } else { "not masked" });
    (line, masked && question.set.is_some())
}

/// Sends values through the filter, and checks the output against the known masks.
struct Canary {
    set: Arc<NeedleSet>,
    masks: HashSet<Vec<u8>>,
}

impl Canary {
    const BEFORE: &[u8] = b"canary: ";
    const AFTER: &[u8] = b" ends here\n";

    fn new(secrets: impl Iterator<Item = Secret>) -> Result<Canary, Failure> {
        let set = secrets.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build();
        let set = set.map_err(|error| Failure::config(error.to_string()).hint("use fewer or other sources"))?;
        let mask = |needle| {
            let mut mask = Vec::new();
            set.write_mask(needle, true, &mut mask);
            mask
        };
        let masks = (0..set.len()).map(mask).collect();
        Ok(Canary { set: Arc::new(set), masks })
    }

    /// Sends a text with the value in it, whole and byte by byte. Its place in the output must hold
    /// a mask and nothing else but the value's own quotes.
    fn is_masked(&self, value: &Secret) -> bool {
        let text = Zeroizing::new([Canary::BEFORE, value.expose(), Canary::AFTER].concat());
        [text.len(), 1].into_iter().all(|piece_len| {
            // A growing buffer leaves copies behind. No mask of these secrets is this long.
            let out = Zeroizing::new(Vec::with_capacity(text.len() + MASK_LEN_MAX));
            let mut filter = RedactWriter::new(Taken(out), Redactor::new(Arc::clone(&self.set)));
            let written = text.chunks(piece_len).try_for_each(|piece| filter.write_all(piece));
            let Ok(Taken(out)) = written.and_then(|()| filter.finish()) else { return false };
            let place = out.strip_prefix(Canary::BEFORE).and_then(|rest| rest.strip_suffix(Canary::AFTER));
            place.is_some_and(|place| self.masks.contains(place) || self.masks.contains(without_quotes(place, value)))
        })
    }
}

/// A mask without the quotes that it has because the value has them: these are no part of a secret.
fn without_quotes<'p>(place: &'p [u8], value: &Secret) -> &'p [u8] {
    let place = place.trim_ascii();
    match (value.expose().trim_ascii(), place) {
        ([first, .., last], [open, mask @ .., close])
            if first == last && open == first && close == last && matches!(first, b'"' | b'\'') =>
        {
            mask
        }
        _ => place,
    }
}

/// A writer into wiped memory.
struct Taken(Zeroizing<Vec<u8>>);

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
