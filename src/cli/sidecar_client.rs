//! The client of a running sidecar's control socket.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use hushlog::redact::text::beginning;
use serde_json::Value;

use super::exit::Exit;
use super::message::{self, Failure, path_text, reason};
use super::{stdio, value};

/// The default control socket.
pub(crate) const SOCKET: &str = "/run/hushlog/sidecar.sock";
/// The timeout for an answer: a little more than the longest that the sidecar takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// The maximum length of an answer, in bytes. A status with the names of 100,000 secrets has a
/// tenth of that.
const ANSWER_LEN_MAX: u64 = 64 << 20;
/// The maximum length of a shown error, in characters. The owner of the socket chooses its text.
const ERROR_LEN_MAX: usize = 500;
/// The maximum nesting of a status: indentation must not make it many times as long.
const DEPTH_MAX: usize = 4;

/// Adds a value to mask.
pub(crate) fn add(socket: &Path, name: &str, file: Option<&Path>, keep_newline: bool) -> Result<Exit, Failure> {
    let from = file.unwrap_or(Path::new("-"));
    let value = value::read(Some(from), name, keep_newline)?;
    if name.contains([' ', '\n']) {
        return Err(Failure::config("a name must not contain blanks").hint("for example DB_PASSWORD"));
    }
    ask(socket, &format!("add {name} {}", value.len()), &value)?;
    Ok(Exit::Done)
}

/// Requests a reload of the secrets.
pub(crate) fn reload(socket: &Path) -> Result<Exit, Failure> {
    ask(socket, "reload", b"")?;
    Ok(Exit::Done)
}

/// Prints the status as JSON.
pub(crate) fn status_json(socket: &Path) -> Result<Exit, Failure> {
    stdio::print(message::json(ask_json(socket, "status")?).as_bytes())
}

/// Returns the status with more figures of each stream.
pub(crate) fn overview(socket: &Path) -> Result<Value, Failure> {
    ask_json(socket, "overview")
}

/// Returns how often each secret was masked, and where last.
pub(crate) fn masked(socket: &Path) -> Result<Value, Failure> {
    ask_json(socket, "masked")
}

fn ask_json(socket: &Path, request: &str) -> Result<Value, Failure> {
    let answer = ask(socket, request, b"")?;
    let status: Option<Value> = serde_json::from_str(&answer).ok();
    let status = status.filter(|status| status.is_object() && is_flat(status, DEPTH_MAX));
    status.ok_or_else(|| Failure::io("cannot read the sidecar's answer"))
}

/// Returns whether a value is nested at most this deep.
fn is_flat(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth > 0 && values.iter().all(|value| is_flat(value, depth - 1)),
        Value::Object(map) => depth > 0 && map.values().all(|value| is_flat(value, depth - 1)),
        _ => true,
    }
}

/// Sends a request, and returns the answer.
pub(crate) fn ask(socket: &Path, request: &str, value: &[u8]) -> Result<String, Failure> {
    let mut connection = UnixStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            let shown = if socket.exists() { format!(" at {}", path_text(socket)) } else { String::new() };
            Failure::config(format!("no sidecar is listening{shown}"))
                .hint("name its control socket with --socket PATH, or its configuration with --config FILE")
        }
        ErrorKind::PermissionDenied => Failure::config("this user may not use the control socket")
            .hint("only root and the user of the sidecar are allowed"),
        _ => Failure::io(format!("cannot connect to the control socket: {}", reason(&error))),
    })?;
    let failed =
        |error: std::io::Error| Failure::io(format!("the sidecar does not answer: {}", message::reason(&error)));
    connection.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    connection.set_write_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    // A refused client may find the connection closed already; the answer has the reason.
    let sent = connection.write_all(format!("{request}\n").as_bytes()).and_then(|()| connection.write_all(value));
    let mut answer = String::new();
    let read = (&connection).take(ANSWER_LEN_MAX).read_to_string(&mut answer);
    let answer = answer.trim_end();
    if answer.is_empty() {
        sent.and(read).map_err(failed)?;
        return Err(Failure::io("the sidecar closed the connection without an answer"));
    }
    match answer.strip_prefix("error ") {
        Some(why) => Err(Failure::config(format!("the sidecar answers: {}", beginning(why, ERROR_LEN_MAX)))),
        None => Ok(answer.to_owned()),
    }
}
