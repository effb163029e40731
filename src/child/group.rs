//! The child's group: the processes that a signal to us is meant for. Seen from the supervisor, the
//! child's parent.
//!
//! If the child is in our own group, other processes of a pipeline may be in it as well. The
//! child's part is then the descendants of the supervisor. For that the supervisor is a
//! *subreaper*: a process that loses its parent becomes its child, and can still be found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsFd;

use rustix::process::{Pid, PidfdFlags, getpgrp, getpid, pidfd_open, set_child_subreaper};

use super::sys;

/// How often a SIGKILL searches for processes that began while others were killed.
const ROUNDS_MAX: usize = 16;

/// The child's group; see the module.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    /// The group that the child leads.
    Own(i32),
    /// Our group, with the child's process id.
    Shared(i32),
}

/// The data of a process from `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    group: i32,
    is_alive: bool,
    /// The start time: another process may have the same number later.
    since: u64,
}

impl Group {
    /// Ensures that descendants are found even after their parents have ended. Call this before the
    /// child is created.
    pub(super) fn adopt() {
        // A kernel without subreapers finds only descendants whose parents are alive.
        let _ = set_child_subreaper(Some(getpid()));
    }

    /// Sends a signal to the whole group.
    pub(super) fn send(self, signal: i32) {
        let child = match self {
            Group::Own(leader) => return sys::kill(-leader, signal),
            Group::Shared(child) => child,
        };
        let mut done = BTreeSet::new();
        // A process that begins because of a signal is not its target; but nothing outlives
        // SIGKILL.
        let rounds = if signal == libc::SIGKILL { ROUNDS_MAX } else { 1 };
        for _ in 0..rounds {
            let Some(members) = self.members() else { return sys::kill(child, signal) };
            let new: Vec<(i32, u64)> = members.into_iter().filter(|member| !done.contains(member)).collect();
            if new.is_empty() {
                return;
            }
            new.iter().for_each(|&(pid, since)| send_to(pid, since, signal));
            done.extend(new);
        }
    }

    /// Whether all processes of the group have ended.
    pub(super) fn is_empty(self) -> bool {
        self.members().is_none_or(|members| members.is_empty())
    }

    /// The live processes of the group, and their start times. None if the kernel does not report
    /// them.
    fn members(self) -> Option<Vec<(i32, u64)>> {
        let own = getpid().as_raw_nonzero().get();
        // In a /proc of another PID namespace, the numbers denote other processes.
        if fs::read_link("/proc/self").ok()?.to_str()?.parse() != Ok(own) {
            return None;
        }
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let all: BTreeMap<i32, Process> = numbers.filter_map(|pid| Some((pid, look_at(pid)?))).collect();
        let is_member = |pid: i32, process: &Process| match self {
            Group::Own(leader) => process.group == leader,
            Group::Shared(_) => {
                process.group == getpgrp().as_raw_nonzero().get() && pid != own && descends(&all, pid, own)
            }
        };
        let members = all.iter().filter(|(pid, process)| process.is_alive && is_member(**pid, process));
        Some(members.map(|(pid, process)| (*pid, process.since)).collect())
    }
}

/// Whether a process descends from another one.
fn descends(all: &BTreeMap<i32, Process>, mut pid: i32, from: i32) -> bool {
    // The list is no snapshot, and so may hold a cycle.
    for _ in 0..all.len() {
        match all.get(&pid) {
            Some(process) if process.parent == from => return true,
            Some(process) => pid = process.parent,
            None => return false,
        }
    }
    false
}

fn look_at(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&stat)
}

/// Parses `/proc/PID/stat`. The process name is in parentheses, and may hold anything.
fn parse(stat: &[u8]) -> Option<Process> {
    let behind = stat.iter().rposition(|&byte| byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&stat[behind + 1..]).ok()?.split_ascii_whitespace().collect();
    Some(Process {
        is_alive: !matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        since: fields.get(19)?.parse().ok()?,
    })
}

/// Sends a signal to the process with this number and start time, and to no later process with the
/// same number.
fn send_to(pid: i32, since: u64, signal: i32) {
    let Some(number) = Pid::from_raw(pid) else { return };
    let fd = pidfd_open(number, PidfdFlags::empty());
    if look_at(pid).is_some_and(|process| process.since == since) {
        match fd {
            Ok(fd) => sys::send_by(fd.as_fd(), signal),
            Err(_) => sys::kill(pid, signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_read_over() {
        let line = b"42 (a) Z 1 (b) S 7 8 9 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 12345 1000 1\n";
        assert_eq!(parse(line), Some(Process { parent: 7, group: 8, is_alive: true, since: 12345 }));
        assert_eq!(parse(b"42 (a) S 7"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn descendants_are_distinguished_from_others() {
        let process = |parent| Process { parent, group: 1, is_alive: true, since: 0 };
        let all = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 7), (7, 6)];
        let all: BTreeMap<i32, Process> = all.into_iter().map(|(pid, parent)| (pid, process(parent))).collect();
        assert!(descends(&all, 4, 2) && descends(&all, 3, 2));
        assert!(!descends(&all, 5, 2) && !descends(&all, 2, 2) && !descends(&all, 6, 2));
    }
}
