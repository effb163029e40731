//! The form of messages: `hushlog: error: lower case, no full stop`, then
//! `hushlog: hint: what to do`. Also their only outlet: nothing else in the program writes to
//! standard error.
//!
//! Messages may name secrets and files; they never contain values or input. Since a name may hold a
//! value, each message passes the active needle set before it is written. It then loses its
//! [hidden characters](hushlog::redact::text::is_hidden), so that one message is one line, even
//! with names that an attacker chose. One message covers all names of a kind, however many.
//!
//! Messages from before the secrets are loaded cannot be masked. Notes and warnings wait until
//! then.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use hushlog::io::json;
use hushlog::redact::message::{Reading, redact};
use hushlog::redact::text;
pub(crate) use hushlog::sys::error::{plain_reason, reason};
use hushlog::{NeedleSet, Secret};
use memchr::memmem;
use serde_json::Value;

use super::exit::Exit;

/// The reason that the program cannot continue, and a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The program's exit status.
    pub(crate) exit: Exit,
    text: String,
    hint: Option<String>,
}

impl Failure {
    /// Wrong usage or an unusable source, before any input was read.
    pub(crate) fn config(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Config, text: text.into(), hint: None }
    }

    /// Input or output failed.
    pub(crate) fn io(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Io, text: text.into(), hint: None }
    }

    /// Replaces the exit status.
    pub(crate) fn ends(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }

    /// Adds a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether only errors are written.
static MUTED: AtomicBool = AtomicBool::new(false);

/// Mutes everything but errors.
pub(crate) fn mute() {
    MUTED.store(true, Relaxed);
}

/// The secrets that messages must not show.
struct Known {
    /// The active set.
    set: Option<Arc<NeedleSet>>,
    /// The secrets read so far, until a set is active. They are compiled only if a message needs
    /// it.
    secrets: Vec<Secret>,
    /// Their set; `Some(None)` if they cannot be compiled.
    made: Option<Option<Arc<NeedleSet>>>,
    /// Lines that wait for the secrets.
    waiting: Option<Vec<String>>,
}

static KNOWN: RwLock<Known> = RwLock::new(Known { set: None, secrets: Vec::new(), made: None, waiting: None });

/// Holds back notes and warnings, unless a set is active.
pub(crate) fn hold() {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.set.is_none() {
        known.waiting.get_or_insert_default();
    }
}

/// Hides these values in all messages until a set is active.
pub(crate) fn hide<'a>(secrets: impl IntoIterator<Item = &'a Secret>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.set.is_none() {
        let copies = secrets.into_iter().map(|secret| Secret::new(secret.name(), secret.expose().to_vec()));
        known.secrets.extend(copies);
        known.made = None;
    }
}

/// Makes this the active set, and writes the waiting messages.
pub(crate) fn pass(set: &Arc<NeedleSet>) {
    {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.set = Some(Arc::clone(set));
        (known.secrets, known.made) = (Vec::new(), None);
    }
    release();
}

/// Writes the waiting messages.
pub(crate) fn release() {
    let waiting = KNOWN.write().unwrap_or_else(PoisonError::into_inner).waiting.take();
    waiting.into_iter().flatten().for_each(|line| write(&line, "\n"));
}

/// A text with every secret masked.
fn masked(text: &str, reading: Reading) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(set) = known.set.clone() {
        drop(known);
        return redact(&set, text, reading);
    }
    if known.secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    drop(known);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let Known { secrets, made, .. } = &mut *known;
    match made.get_or_insert_with(|| make(secrets)) {
        Some(set) => redact(set, text, reading),
        // Too much for a set. The message is withheld.
        None if secrets.iter().any(|secret| memmem::find(text.as_bytes(), secret.expose()).is_some()) => {
            Cow::Owned("(withheld)".to_owned())
        }
        None => Cow::Borrowed(text),
    }
}

fn make(secrets: &[Secret]) -> Option<Arc<NeedleSet>> {
    let build = |encodings| {
        let copies = secrets.iter().map(|secret| Secret::new(secret.name(), secret.expose().to_vec()));
        copies.fold(NeedleSet::builder().encodings(encodings), |builder, secret| builder.secret(secret)).build()
    };
    build(true).or_else(|_| build(false)).ok().map(Arc::new)
}

/// A text with every secret masked, and hidden characters escaped.
pub(crate) fn shown(text: &str) -> String {
    text::line(&masked(text, Reading::Message)).into_owned()
}

/// Whether messages would mask anything in this text.
pub(crate) fn hides(text: &str) -> bool {
    matches!(masked(text, Reading::Json), Cow::Owned(_))
}

/// Renders this program's own JSON, with every secret in its strings masked.
pub(crate) fn json(mut value: Value) -> String {
    json::map_strings(&mut value, &|text| masked(text, Reading::Json).into_owned());
    json::pretty(&value) + "\n"
}

/// An unknown name that the user typed, if a message may repeat it. `None` if it could be a secret
/// given by mistake.
pub(crate) fn typed(word: &str) -> Option<String> {
    (hushlog::registry::may_be_repeated(word) && !hides(word)).then(|| text::shown(word.as_bytes()))
}

/// A path that the user typed, if a message may repeat it: it exists, or cannot be a secret given
/// by mistake.
pub(crate) fn typed_path(path: &Path) -> Option<String> {
    match path.symlink_metadata() {
        Ok(_) => Some(path_text(path)),
        Err(_) => path.to_str().and_then(typed),
    }
}

/// Reports the reason that the program ends.
pub(crate) fn error(failure: &Failure) {
    release();
    say("error", &failure.text);
    if let Some(hint) = &failure.hint {
        say("hint", hint);
    }
}

/// Reports a bug at this place in the source. It takes no lock: the panic may have happened with
/// one held.
pub(crate) fn fault(place: &str) {
    let hint = "this is a bug; the output so far is correct, and the rest is missing";
    emit(&format!("hushlog: error: internal error{place}\nhushlog: hint: {hint}\n"));
}

/// Reports a condition that the user may not intend.
pub(crate) fn warning(text: &str) {
    say_later("warning", text);
}

/// Reports a decision that the user did not request.
pub(crate) fn note(text: &str) {
    say_later("note", text);
}

/// Reports the result at the end.
pub(crate) fn summary(text: &str) {
    release();
    write(&format!("hushlog: {text}"), "\n");
}

/// Asks, and leaves the cursor on the same line.
pub(crate) fn prompt(text: &str) {
    release();
    write(text, "");
}

/// Writes a line, after the secrets are loaded.
fn say_later(kind: &str, text: &str) {
    if MUTED.load(Relaxed) {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(waiting) = &mut known.waiting {
        return waiting.push(format!("hushlog: {kind}: {text}"));
    }
    drop(known);
    say(kind, text);
}

fn say(kind: &str, text: &str) {
    write(&format!("hushlog: {kind}: {text}"), "\n");
}

fn write(line: &str, end: &str) {
    emit(&(shown(line) + end));
}

/// Writes the whole line with one write. A full or closed standard error must not stop the filter;
/// `eprintln!` would panic.
fn emit(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A name in printable form, as masks contain it.
pub(crate) fn printable(name: &[u8]) -> String {
    text::name(name)
}

/// A path in printable form, without loss.
pub(crate) fn path_text(path: &Path) -> String {
    text::path(path)
}
