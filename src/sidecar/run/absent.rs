//! Directories that a plan needs, and that this machine lacks or this user cannot write to.
//!
//! They are no errors of the configuration: another program may create them before the start, and
//! the sidecar may run as another user than its check.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::redact::text;
use crate::sidecar::config::{OnAway, Outlet, Plan, SourcePlan};

/// What is done in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Files in it are read.
    Read,
    /// A file, socket or FIFO may be created in it.
    Create,
}

/// A description of each such directory, with the path of keys that needs it.
pub(in crate::sidecar) fn check(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let mut need = |keys: String, directory: &Path, how: Use| {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        found.extend(problem(directory, how).map(|problem| format!("{keys}: {problem}")));
    };
    for (at, stream) in plan.streams.iter().enumerate() {
        let source = |key: &str| format!("streams[{at}].source.{key}");
        match &stream.source {
            SourcePlan::Fifo { path, .. } => need(source("fifo"), &parent(path), created(path)),
            SourcePlan::Unix { path, .. } => need(source("unix"), &parent(path), Use::Create),
            SourcePlan::UnixDatagram { path, .. } => need(source("unix_datagram"), &parent(path), Use::Create),
            SourcePlan::Files { pattern, .. } => need(source("files"), &fixed(pattern), Use::Read),
            SourcePlan::Stdin | SourcePlan::Tcp { .. } | SourcePlan::Command(_) => {}
        }
    }
    for (at, sink) in plan.sinks.iter().enumerate() {
        let stream = plan.streams.iter().position(|stream| stream.sink == at).unwrap_or_default();
        let key = |key: &str| format!("streams[{stream}].sink.{key}");
        match &sink.outlet {
            Outlet::File { path, .. } => need(key("file"), &parent(path), created(path)),
            Outlet::Fifo(path) => need(key("fifo"), &parent(path), Use::Read),
            Outlet::Unix(path) => need(key("unix"), &parent(path), Use::Read),
            Outlet::UnixDatagram(path) => need(key("unix_datagram"), &parent(path), Use::Read),
            Outlet::Stdout | Outlet::Stderr | Outlet::Tcp(_) | Outlet::Command(_) => {}
        }
        if let OnAway::Spool(spool) = &sink.away {
            need(key("spool"), &parent(&spool.path), created(&spool.path));
        }
    }
    for (at, scrub) in plan.scrub.iter().enumerate() {
        need(format!("scrub[{at}].directory"), &scrub.directory, Use::Read);
    }
    for (at, directory) in plan.guard.iter().flat_map(|guard| &guard.directories).enumerate() {
        need(format!("guard.directories[{at}]"), directory, Use::Read);
    }
    if let Some(path) = &plan.control {
        need("control".to_owned(), &parent(path), Use::Create);
    }
    // The last component of the state is created.
    if let Some(path) = plan.state.as_ref().filter(|path| !path.is_dir()) {
        need("state".to_owned(), &parent(path), Use::Create);
    }
    found
}

fn problem(directory: &Path, how: Use) -> Option<String> {
    let shown = text::path(directory);
    if !directory.exists() {
        return Some(format!("the directory {shown} does not exist"));
    }
    if !directory.is_dir() {
        return Some(format!("{shown} is not a directory"));
    }
    let rights = match how {
        Use::Read => Access::EXEC_OK,
        Use::Create => Access::EXEC_OK | Access::WRITE_OK,
    };
    match (accessat(CWD, directory, rights, AtFlags::EACCESS), how) {
        (Ok(()), _) => None,
        (Err(_), Use::Read) => Some(format!("this user may not enter the directory {shown}")),
        (Err(_), Use::Create) => Some(format!("this user may not create files in the directory {shown}")),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// The use of the directory of a file that is created if it is missing.
fn created(path: &Path) -> Use {
    if path.exists() { Use::Read } else { Use::Create }
}

/// The directory of a pattern: its components before the first that stands for many names.
fn fixed(pattern: &str) -> PathBuf {
    let is_plain = |part: &str| !part.contains(['*', '?', '[']);
    if is_plain(pattern) {
        return parent(Path::new(pattern));
    }
    let parts = Path::new(pattern).components();
    parts.take_while(|part| part.as_os_str().to_str().is_some_and(is_plain)).collect()
}
