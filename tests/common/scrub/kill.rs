//! Kills before each system call: the first of each kind, the second, and so on until none is left.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use super::{run, scrub_injected, scrub_under};

/// The names of the system calls of a run.
pub(crate) fn calls_of<S: AsRef<OsStr>>(args: &[S], scratch: &Path) -> BTreeSet<String> {
    let trace = scratch.join("trace");
    let output = trace.to_str().expect("a plain name");
    run(&mut scrub_under(&["strace", "-f", "-qq", "-o", output], args)).ends(0);
    let text = String::from_utf8_lossy(&std::fs::read(&trace).expect("strace wrote it")).into_owned();
    std::fs::remove_file(&trace).expect("just read");
    let calls = text.lines().filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    });
    let calls: BTreeSet<String> = calls.collect();
    assert!(calls.contains("execve") && calls.len() > 10, "the calls were not found");
    calls
}

/// Kills runs of `args` before the n-th call of each of these kinds, n = 1, 2, 3 ..., until a run
/// survives. `before` and `after` are called around each killed run, with the call's name and
/// number. Returns the number of kills.
pub(crate) fn before_each<S: AsRef<OsStr>>(
    calls: &BTreeSet<String>,
    args: &[S],
    mut before: impl FnMut(),
    mut after: impl FnMut(&str),
) -> usize {
    let mut killed = 0;
    for call in calls {
        for n in 1.. {
            before();
            let ran = run(&mut scrub_injected(&format!("{call}:signal=KILL:when={n}"), args));
            if ran.code == Some(0) {
                break;
            }
            assert_eq!(ran.signal, Some(9), "{call} {n}: ended with {:?}, said {}", ran.code, ran.err());
            killed += 1;
            after(&format!("killed before {call} {n}"));
        }
    }
    killed
}
