//! Reads a value from the terminal, a file or standard input; never from the command line, which
//! every user of the machine sees.

use std::io::{self, ErrorKind, IsTerminal, Read};
use std::path::Path;

use hushlog::Secret;
use hushlog::redact::secret::UNGUESSABLE_LEN_MIN;
use hushlog::registry::{Name, VALUE_LEN_MAX};
use hushlog::sys::input::Input;
use hushlog::sys::locked;
use zeroize::Zeroizing;

use super::message::{self, Failure, note, prompt, reason, warning};
use super::prompt::Hidden;
use super::registry::show;

/// A value with an optional line end, and one more byte that shows that it is too long.
const READ_MAX: usize = VALUE_LEN_MAX + 3;

/// A prompt's name for a new secret: the secret's own, if it may be repeated.
pub(crate) fn of_new(name: &str) -> String {
    message::typed(name).unwrap_or_else(|| "the secret".to_owned())
}

/// Reads a value from a file, from standard input if that is `-`, or from the terminal, which
/// prompts with this name. No later message shows it.
pub(crate) fn read(file: Option<&Path>, name: &str, keep_newline: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let asks = file.is_none_or(|path| path == Path::new("-") && io::stdin().is_terminal());
    let value = match file {
        Some(path) if path == Path::new("-") && !io::stdin().is_terminal() => whole(io::stdin(), READ_MAX)
            .map_err(|error| Failure::config(format!("cannot read standard input: {}", reason(&error))))?,
        Some(path) if path != Path::new("-") => {
            let read = Input::find(path).and_then(Input::open).and_then(|file| whole(file, READ_MAX));
            read.map_err(|error| {
                let shown = if path.exists() { format!(" ({})", show(path)) } else { String::new() };
                Failure::config(format!("cannot read the file of --value-file{shown}: {}", reason(&error)))
                    .hint("the option takes the path of a file, not a value")
            })?
        }
        _ => ask(name)?,
    };
    let value = if asks { value } else { without_newline(value, keep_newline)? };
    if locked::may_be_swapped() {
        warn_of_swap();
    }
    let hidden = Secret::new(name, value.to_vec());
    locked::lock(hidden.expose());
    message::hide([&hidden]);
    Ok(value)
}

/// Warns that memory with values could not be locked.
pub(crate) fn warn_of_swap() {
    warning("the system may write values to swap: the limit for locked memory is too small (ulimit -l)");
}

/// Prompts twice, without echo.
fn ask(name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::config("there is no terminal to type the value in")
            .hint("--value-file - reads it from standard input, --value-file FILE from a file"));
    }
    let unreadable = |error: io::Error| Failure::config(format!("cannot read the value: {}", reason(&error)));
    let terminal = Hidden::begin().map_err(unreadable)?;
    let first = terminal.ask(&message::shown(&format!("Value of {name} (not shown): "))).map_err(unreadable)?;
    let second = terminal.ask("The same again: ").map_err(unreadable)?;
    drop(terminal);
    if first != second {
        return Err(Failure::config("the two values differ")
            .hint("nothing was saved; a value of several lines is read with --value-file"));
    }
    Ok(first)
}

/// Reads a file of many values, or standard input if that is `-`: at most one byte more than
/// `len_max`.
pub(crate) fn read_many(file: &Path, len_max: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = match file == Path::new("-") {
        true => whole(io::stdin(), len_max + 1),
        false => Input::find(file).and_then(Input::open).and_then(|file| whole(file, len_max + 1)),
    };
    read.map_err(|error| {
        let shown = if file.exists() { show(file) } else { "the file".to_owned() };
        Failure::config(format!("cannot read {shown}: {}", reason(&error)))
            .hint("name a dotenv or JSON file, or - for standard input")
    })
}

/// Reads everything, into a buffer that does not grow.
fn whole(mut from: impl Read, len_max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut value = locked::buffer(len_max);
    value.resize(len_max, 0);
    let mut len = 0;
    while len < len_max {
        match from.read(&mut value[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    value.truncate(len);
    Ok(value)
}

/// Drops the newline that `echo` and editors append, after asking if a person is at the terminal.
fn without_newline(mut value: Zeroizing<Vec<u8>>, keep: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let end = if value.ends_with(b"\r\n") { 2 } else { usize::from(value.ends_with(b"\n")) };
    if end == 0 || keep || value.len() == end {
        return Ok(value);
    }
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        prompt("The value ends with a newline. Is that a part of it? [y/N] ");
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::io(format!("cannot read the answer: {}", reason(&error))))?;
        if answer.trim_start().starts_with(['y', 'Y']) {
            return Ok(value);
        }
    } else {
        note("a newline at the end of the value was left out; --keep-newline keeps it");
    }
    let len = value.len() - end;
    value.truncate(len);
    Ok(value)
}

/// Whether a value is so short that it may occur by chance. It is masked all the same.
pub(crate) fn is_short(value: &[u8]) -> bool {
    value.trim_ascii().len() < UNGUESSABLE_LEN_MIN
}

/// Warns about a short value, which is masked wherever it occurs.
pub(crate) fn warn_of_short(name: &Name, value: &[u8]) {
    if is_short(value) {
        warning(&format!("masked at every occurrence, although short: {name}"));
    }
}
