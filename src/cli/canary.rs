//! `hushlog check --canary`: checks that a line with a secret leaves the running sidecar masked.
//!
//! The secret is one that the sidecar drew for itself, and that no one else knows: no real one is
//! sent anywhere.

use std::path::Path;

use hushlog::redact::text::beginning;
use serde_json::{Map, Value};

use super::exit::Exit;
use super::message::{self, Failure};
use super::{sidecar_client as client, stdio};

/// The longest line of an answer, in characters. The socket's owner controls the text.
const LINE_LEN_MAX: usize = 500;

/// Checks these streams, or all. With `through`, the masked line also leaves by their sinks.
pub(crate) fn run(socket: Option<&Path>, streams: &[String], through: bool, quiet: bool) -> Result<Exit, Failure> {
    let socket = socket.unwrap_or(Path::new(client::SOCKET));
    let mut answers = Map::new();
    for (number, stream) in (1..).zip(streams) {
        // A name is one word of the request. It may also be a secret given by mistake.
        if stream.is_empty() || stream.contains([' ', '\n']) {
            return Err(Failure::config(format!("name {number} is not the name of a stream")));
        }
        let request = if through { "canary-through" } else { "canary" };
        answers.append(&mut ask(socket, &format!("{request} {stream}"))?);
    }
    if streams.is_empty() {
        answers = ask(socket, "canary")?;
    }
    let line = |(stream, answer): (&String, &Value)| {
        let answer = match answer {
            Value::Bool(true) if through => "masked, sent",
            Value::Bool(true) => "masked",
            _ => "not masked",
        };
        message::shown(&beginning(&format!("{stream}: {answer}"), LINE_LEN_MAX)) + "\n"
    };
    if !quiet {
        stdio::print(answers.iter().map(line).collect::<String>().as_bytes())?;
    }
    Ok(if answers.values().all(|answer| *answer == Value::Bool(true)) { Exit::Done } else { Exit::No })
}

/// The streams, and for each, whether its line came out masked.
fn ask(socket: &Path, request: &str) -> Result<Map<String, Value>, Failure> {
    // Whatever the failure, the question stays unanswered.
    let answer = client::ask(socket, request, b"").map_err(|failure| failure.ends(Exit::Config))?;
    let not_understood =
        || Failure::config("cannot read the sidecar's answer").hint("the sidecar may be of another version");
    let mut answer: Value = serde_json::from_str(&answer).map_err(|_| not_understood())?;
    match answer["streams"].take() {
        Value::Object(streams) if !streams.is_empty() => Ok(streams),
        _ => Err(not_understood()),
    }
}
