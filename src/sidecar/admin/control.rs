//! The control socket: root and the sidecar's own user add secrets, request reloads and read the
//! status.
//!
//! Each connection carries one request, a line, and one answer, a line:
//!
//! ```text
//! add NAME LEN        and then LEN bytes, the value     ok 12
//! reload                                                ok 12
//! status                                                {"version": 1, ...}
//! overview                                              the same, with more figures of each stream
//! masked              how often each secret was masked  {"version": 1, "secrets": [...]}
//! canary [STREAM]     asks whether a dirty line comes out masked      {"streams": {"app": true}}
//! canary-through STREAM                                 the same, and the masked line goes out by the stream's sink
//! ```
//!
//! An answer that begins with `error` reports one; the rest is the reason.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use super::canary;
use crate::redact::secret::Secret;
use crate::redact::text::is_hidden;
use crate::sidecar::fd::Fd;
use crate::sidecar::run::running::Running;
use crate::sidecar::secrets::reloader::{Answer, Request};
use crate::sidecar::source::socket::Connections;

/// The maximum length of a request line, in bytes.
const LINE_LEN_MAX: usize = 512;
/// The maximum length of a value, in bytes.
pub const VALUE_LEN_MAX: usize = 1 << 20;
/// The maximum length of a name, in bytes.
const NAME_LEN_MAX: usize = 128;
/// The time limit for a request.
const WITHIN: Duration = Duration::from_secs(10);
/// The time limit for reading the answer, and for the canary's wait for a sink.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The limit on concurrent connections.
const AT_ONCE: usize = 32;
/// The mode of the socket.
const MODE: u32 = 0o600;

/// Listens at the path.
pub(in crate::sidecar) fn listen(path: &Path) -> io::Result<Connections> {
    Connections::at_path(path, MODE)
}

/// Answers requests until the sidecar stops.
pub(in crate::sidecar) async fn serve(connections: Connections, running: Arc<Running>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = running.stop.cancelled() => return,
            accepted = connections.accept() => accepted,
        };
        let Ok(connection) = accepted else { return };
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let _permit = permit;
            // A client that disconnects early has made no request.
            let _ = answer(connection, &running).await;
        });
    }
}

async fn answer(connection: OwnedFd, running: &Arc<Running>) -> io::Result<()> {
    let peer = socket_peercred(connection.as_fd())?;
    let own = rustix::process::geteuid();
    let fd = Fd::new(connection, Interest::READABLE | Interest::WRITABLE)?;
    let text = if peer.uid.is_root() || peer.uid == own {
        let asked = tokio::time::timeout(WITHIN, ask(&fd)).await;
        match asked.map_err(|_| io::Error::from(ErrorKind::TimedOut))?? {
            Ok(asked) => match tokio::time::timeout(ANSWER_WITHIN, obey(asked, running)).await {
                Ok(Said::Line(text)) => running.line(&text),
                Ok(Said::Json(value)) => running.json(value),
                Err(_) => "error the request takes too long".to_owned(),
            },
            Err(why) => format!("error {why}"),
        }
    } else {
        "error only root and the user of the sidecar are allowed".to_owned()
    };
    let line = text + "\n";
    let writing = async { fd.write_all(&mut [io::IoSlice::new(line.as_bytes())], &mut 0).await };
    tokio::time::timeout(WITHIN, writing).await.map_err(|_| io::Error::from(ErrorKind::TimedOut))?
}

/// A request.
enum Asked {
    Add(Secret),
    Reload,
    Status,
    Overview,
    Masked,
    Canary { stream: Option<String>, through: bool },
}

/// Reads a request. The buffer has the size of the largest one, and is wiped: it may hold a value.
async fn ask(fd: &Fd) -> io::Result<Result<Asked, &'static str>> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(LINE_LEN_MAX));
    let newline = loop {
        if let Some(newline) = memchr::memchr(b'\n', &buffer) {
            break newline;
        }
        if buffer.len() == LINE_LEN_MAX {
            return Ok(Err("the request line is too long"));
        }
        more(fd, &mut buffer).await?;
    };
    let Ok(line) = std::str::from_utf8(&buffer[..newline]) else { return Ok(Err("the request line is not UTF-8")) };
    let words: Vec<&str> = line.split(' ').collect();
    Ok(Ok(match words.as_slice() {
        ["reload"] => Asked::Reload,
        ["status"] => Asked::Status,
        ["overview"] => Asked::Overview,
        ["masked"] => Asked::Masked,
        ["canary"] => Asked::Canary { stream: None, through: false },
        ["canary", stream] => Asked::Canary { stream: Some((*stream).to_owned()), through: false },
        ["canary-through", stream] => Asked::Canary { stream: Some((*stream).to_owned()), through: true },
        ["add", name, len] => {
            if name.is_empty() || name.len() > NAME_LEN_MAX || name.contains(is_hidden) {
                return Ok(Err("the name is not valid"));
            }
            let Some(len) = len.parse::<usize>().ok().filter(|len| *len <= VALUE_LEN_MAX) else {
                return Ok(Err("the value is too long"));
            };
            let name = (*name).to_owned();
            return Ok(value(fd, &buffer[newline + 1..], len).await?.map(|value| Asked::Add(Secret::new(name, value))));
        }
        _ => return Ok(Err("unknown request; the client may be of another version")),
    }))
}

/// Reads the value of an `add`, which begins with the bytes received so far.
async fn value(fd: &Fd, come: &[u8], len: usize) -> io::Result<Result<Vec<u8>, &'static str>> {
    if come.len() > len {
        return Ok(Err("the request is longer than its value"));
    }
    let mut value = Zeroizing::new(Vec::with_capacity(len.max(1)));
    value.extend_from_slice(come);
    while value.len() < len {
        more(fd, &mut value).await?;
    }
    if value.len() > len {
        return Ok(Err("the request is longer than its value"));
    }
    Ok(Ok(std::mem::take(&mut *value)))
}

async fn more(fd: &Fd, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        fd.readable().await?;
        match fd.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// An answer before it is masked and written.
enum Said {
    Line(String),
    Json(Value),
}

async fn obey(asked: Asked, running: &Arc<Running>) -> Said {
    Said::Line(match asked {
        Asked::Status => return Said::Json(running.status()),
        Asked::Overview => return Said::Json(running.overview()),
        Asked::Masked => return Said::Json(running.masked()),
        Asked::Reload => kept(running, |reply| Request::Reload(Some(reply))).await,
        Asked::Add(secret) => {
            let value = secret.expose().trim_ascii();
            if value.len() < running.plan.min_length {
                let least = running.plan.min_length;
                return Said::Line(format!("error the value is shorter than {least} bytes, and is not masked"));
            }
            kept(running, |reply| Request::Add(secret, reply)).await
        }
        Asked::Canary { stream, through } => return send_canary(running, stream.as_deref(), through).await,
    })
}

async fn kept(running: &Running, request: impl FnOnce(oneshot::Sender<Answer>) -> Request) -> String {
    let (reply, answer) = oneshot::channel();
    running.reloader.ask(request(reply));
    match answer.await {
        Ok(Ok(secrets)) => format!("ok {secrets}"),
        Ok(Err(error)) => format!("error {}", error.text),
        Err(_) => "error the sidecar is stopping".to_owned(),
    }
}

async fn send_canary(running: &Running, stream: Option<&str>, through: bool) -> Said {
    let wanted = running.streams.iter().filter(|(name, _)| stream.is_none_or(|stream| stream == &***name));
    let mut answers = serde_json::Map::new();
    for (name, context) in wanted {
        match canary::check(context, &running.reloader.canary, through).await {
            Ok(is_masked) => answers.insert(name.to_string(), json!(is_masked)),
            Err(error) => return Said::Line(format!("error the sink of {name} does not accept it: {error}")),
        };
    }
    if answers.is_empty() {
        return Said::Line("error no such stream".to_owned());
    }
    Said::Json(json!({ "streams": answers }))
}
