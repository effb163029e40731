//! How messages read: `hushlog: error: lower case, no full stop`, then `hushlog: hint: what to do`.
//! And the one way out for them: nothing else in the program writes to standard error.
//!
//! Names of secrets and of files may stand in a message; values and input never do. Since a name
//! may hold a value, each message passes the set of needles in force before it is written, and then
//! loses its [hidden characters](hushlog::redact::text::is_hidden), so that one message is one
//! line, even with names that an attacker chose. One message for all names of a kind, however many
//! they are.
//!
//! Messages from before the secrets were read cannot be masked. Notes and warnings that come up
//! meanwhile wait until they were.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use hushlog::io::{json_text, map_strings};
use hushlog::redact::message::{Reading, redact};
use hushlog::redact::text;
use hushlog::{NeedleSet, Secret};
use memchr::memmem;
use serde_json::Value;

use super::exit::Exit;

/// Why the program cannot go on, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    text: String,
    hint: Option<String>,
}

impl Failure {
    /// Wrong usage, or a source that cannot be used; before any input was read.
    pub(crate) fn config(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Config, text: text.into(), hint: None }
    }

    /// Input or output failed.
    pub(crate) fn io(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Io, text: text.into(), hint: None }
    }

    /// Ends with this status instead.
    pub(crate) fn ends(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }

    /// Which file it is about.
    pub(crate) fn at(mut self, path: &str) -> Failure {
        self.text = format!("{path}: {}", self.text);
        self
    }

    /// What it says, and what to do about it.
    pub(crate) fn into_parts(self) -> (String, Option<String>) {
        (self.text, self.hint)
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether only errors are said.
static MUTED: AtomicBool = AtomicBool::new(false);

/// Says nothing but errors from here on.
pub(crate) fn mute() {
    MUTED.store(true, Relaxed);
}

/// The secrets that messages must not show.
struct Known {
    /// The set in force.
    set: Option<Arc<NeedleSet>>,
    /// While there is none: the secrets read so far. A set is made of them only if there is
    /// something to say.
    secrets: Vec<Secret>,
    /// That set. It has nothing if it cannot be made.
    made: Option<Option<Arc<NeedleSet>>>,
    /// Lines that wait for the secrets to be read.
    waiting: Option<Vec<String>>,
}

static KNOWN: RwLock<Known> = RwLock::new(Known { set: None, secrets: Vec::new(), made: None, waiting: None });

/// Notes and warnings wait from here on, unless there is a set in force.
pub(crate) fn hold() {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.set.is_none() {
        known.waiting.get_or_insert_default();
    }
}

/// No message shows these values from here on, as long as there is no set in force.
pub(crate) fn hide<'a>(secrets: impl IntoIterator<Item = &'a Secret>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.set.is_none() {
        let copies = secrets.into_iter().map(|secret| Secret::new(secret.name(), secret.expose().to_vec()));
        known.secrets.extend(copies);
        known.made = None;
    }
}

/// Messages pass this set from here on. Waiting messages are written.
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

/// A text with all that is secret in it masked.
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
        // Too much for a set, and the message says just that.
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

/// A text with all that is secret in it masked, and its hidden characters written out.
pub(crate) fn shown(text: &str) -> String {
    text::line(&masked(text, Reading::Message)).into_owned()
}

/// Whether messages would mask something in this text.
pub(crate) fn hides(text: &str) -> bool {
    matches!(masked(text, Reading::Json), Cow::Owned(_))
}

/// JSON of ours, for people and programs: all that is secret in its strings masked.
pub(crate) fn json(mut value: Value) -> String {
    map_strings(&mut value, &|text| masked(text, Reading::Json).into_owned());
    json_text(&value) + "\n"
}

/// A name that was typed and is not known here, if it may be repeated: none that could be a secret,
/// given by mistake.
pub(crate) fn typed(word: &str) -> Option<String> {
    (hushlog::registry::may_be_repeated(word) && !hides(word)).then(|| text::shown(word.as_bytes()))
}

/// Says why the program ends.
pub(crate) fn error(failure: &Failure) {
    release();
    say("error", &failure.text);
    if let Some(hint) = &failure.hint {
        say("hint", hint);
    }
}

/// Says that the program has a fault, at this place in its source. It waits for no lock: the fault
/// may have happened with one held.
pub(crate) fn fault(place: &str) {
    let hint = "this is a bug; the output up to here is right, and the rest is missing";
    emit(&format!("hushlog: error: internal error{place}\nhushlog: hint: {hint}\n"));
}

/// Says what may not be as it was meant.
pub(crate) fn warning(text: &str) {
    say_later("warning", text);
}

/// Says what was decided without being asked.
pub(crate) fn note(text: &str) {
    say_later("note", text);
}

/// Says how it went, when all is done.
pub(crate) fn summary(text: &str) {
    release();
    write(&format!("hushlog: {text}"), "\n");
}

/// Asks, and leaves the answer on the same line.
pub(crate) fn prompt(text: &str) {
    release();
    write(text, "");
}

/// Says it once the secrets were read.
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

/// One write for the whole line. A standard error that is full or gone must not stop the filter, and `eprintln!` would
/// panic there.
fn emit(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The reason of an I/O error, in the words of the system, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    plain_reason(&error.to_string())
}

/// The same, of an error that is a text already.
pub(crate) fn plain_reason(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// A name as it may be shown, and stand in a mask.
pub(crate) fn printable(name: &[u8]) -> String {
    text::name(name)
}

/// A path as it is shown, without loss.
pub(crate) fn path_text(path: &Path) -> String {
    text::path(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_lower_case_and_without_numbers() {
        assert_eq!(reason(&std::io::Error::from_raw_os_error(libc::ENOENT)), "no such file or directory");
        assert_eq!(reason(&std::io::Error::from_raw_os_error(libc::ENOSPC)), "no space left on device");
    }
}
