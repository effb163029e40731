//! Programs that the sidecar starts for sources and sinks, isolated from its environment and
//! descriptors.
//!
//! Our own environment may hold secrets, as sources or otherwise, and our descriptors bypass the
//! redactors. So a program gets only the variables of [`KEPT`] and of the configuration, its
//! standard streams, and a process group of its own: an interrupt key is for the sidecar, and a
//! sink has to finish the input that it has read.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::Interest;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::fd::{self, Fd};
use super::source::bytes::Bytes;

/// Variables that every program gets: paths, user, language and time; also those that begin with
/// `LC_`.
const KEPT: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"];

/// Passes a program's output through a redactor of its own to standard error, until its end.
pub(crate) type Voice = Arc<dyn Fn(Bytes) -> JoinHandle<()> + Send + Sync>;

/// The environment of started programs.
#[derive(Clone, Default)]
pub(crate) struct Programs {
    environment: Vec<(OsString, OsString)>,
}

impl Programs {
    /// Adds these variables of our environment to the default ones.
    pub(crate) fn new(named: &[String]) -> Programs {
        Programs { environment: chosen(std::env::vars_os(), named) }
    }

    /// Creates the command of a program in its own environment. The caller sets the standard
    /// streams.
    pub(crate) fn command(&self, words: &[String]) -> Command {
        fd::keep_from_programs();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().envs(self.environment.iter().cloned()).process_group(0);
        command
    }
}

fn chosen(all: impl Iterator<Item = (OsString, OsString)>, named: &[String]) -> Vec<(OsString, OsString)> {
    let is_chosen = |name: &OsString| {
        name.to_str().is_some_and(|name| {
            KEPT.contains(&name) || name.starts_with("LC_") || named.iter().any(|other| other == name)
        })
    };
    all.filter(|(name, _)| is_chosen(name)).collect()
}

/// A pipe for a program's output: our end, and the program's.
pub(crate) fn output() -> std::io::Result<(Fd, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((Fd::new(ours, Interest::READABLE)?, theirs))
}

/// Sends a signal to a program that was not waited for yet, and to the processes of its group.
pub(crate) fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_or_named_variables_are_passed_on() {
        let all = ["PATH", "TOKEN", "LC_ALL", "HTTPS_PROXY", "NOTIFY_SOCKET", "LISTEN_FDS", "HOME", "LD_PRELOAD"];
        let all = all.map(|name| (name.into(), "x".into())).into_iter();
        let names: Vec<OsString> = chosen(all, &["HTTPS_PROXY".to_owned()]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "LC_ALL", "HTTPS_PROXY", "HOME"]);
    }
}
