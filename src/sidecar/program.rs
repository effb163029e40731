//! The programs that the sidecar starts, for sources and sinks: with a small environment, and with
//! nothing of ours besides.
//!
//! Our own environment may hold secrets, as sources or otherwise, and our descriptors lead past the
//! redactors. So a program gets the variables of [`KEPT`] and those that the configuration names,
//! its standard streams, and a process group of its own: an interrupt key is for us, and a sink has
//! to finish the input that it has read.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::Interest;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::fd::{self, Fd};
use super::source::bytes::Bytes;

/// Variables that a program gets without being asked: paths, user, language and time. Those that
/// begin with `LC_` too.
const KEPT: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"];

/// Carries a program's output through a redactor of its own to our standard error, to its end.
pub(crate) type Voice = Arc<dyn Fn(Bytes) -> JoinHandle<()> + Send + Sync>;

/// How programs are started.
#[derive(Clone, Default)]
pub(crate) struct Programs {
    environment: Vec<(OsString, OsString)>,
}

impl Programs {
    /// With these variables of our environment, besides those that all get.
    pub(crate) fn new(named: &[String]) -> Programs {
        Programs { environment: chosen(std::env::vars_os(), named) }
    }

    /// This program, in surroundings of its own. Its standard streams are the caller's to set.
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

/// A pipe that a program writes to: our end, and its own.
pub(crate) fn output() -> std::io::Result<(Fd, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((Fd::new(ours, Interest::READABLE)?, theirs))
}

/// Sends a signal to a program that was not waited for yet, and to those that it has started in its
/// group.
pub(crate) fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_harmless_or_named_is_handed_on() {
        let all = ["PATH", "TOKEN", "LC_ALL", "HTTPS_PROXY", "NOTIFY_SOCKET", "LISTEN_FDS", "HOME", "LD_PRELOAD"];
        let all = all.map(|name| (name.into(), "x".into())).into_iter();
        let names: Vec<OsString> = chosen(all, &["HTTPS_PROXY".to_owned()]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "LC_ALL", "HTTPS_PROXY", "HOME"]);
    }
}
