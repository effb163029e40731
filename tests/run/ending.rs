//! The processes that a SIGTERM to `hushlog run` ends, with and without a terminal (row 26 of the
//! audit).

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::run_within;
use crate::run::{How, MASK, Stage};
use crate::tty::{LIMIT, Terminal, eventually, is_alive};

/// The wrapper's relations to a terminal, as shell lines in which `w` wraps: its group is the
/// pipeline's, its own, or that of a terminal of its own.
const STANDINGS: [&str; 4] = ["W </dev/null | cat", "W </dev/null | cat &\nwait", "setsid -w W </dev/null | cat", "W"];

/// Runs the wrapper at a terminal in this relation. The script writes process ids to the file
/// `numbers`, one a line; with `count` of them there, the wrapper gets a SIGTERM. Returns the
/// processes, and the time until the terminal's shell ended.
fn terminated(stage: &Stage, standing: &str, script: &str, count: usize) -> (Vec<Pid>, Duration, String) {
    terminated_with(stage, 1, standing, script, count)
}

/// Like [`terminated`], with another number of seconds for `--kill-after`.
fn terminated_with(
    stage: &Stage,
    kill_after: u32,
    standing: &str,
    script: &str,
    count: usize,
) -> (Vec<Pid>, Duration, String) {
    let _ = std::fs::remove_file(stage.path("numbers"));
    let secrets = stage.path("secrets.env");
    let wrapper = format!(
        "{} run --quiet --kill-after {kill_after} --dotenv '{}' -- sh -c '{script}'",
        crate::program::HUSHLOG,
        secrets.display()
    );
    let text = standing.replace('W', &wrapper);
    let mut command = Command::new("bash");
    stage.furnish(&mut command, How::Wrapped);
    let mut terminal = Terminal::start({
        command.args(["-c", &format!("{text}\ntrue")]);
        command
    });
    let mut numbers = Vec::new();
    terminal.until("the processes are there", |_| {
        let text = std::fs::read_to_string(stage.path("numbers")).unwrap_or_default();
        numbers = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect();
        numbers.len() == count && text.ends_with('\n')
    });
    let wrapper = wrapper_of(numbers[0]);
    let start = Instant::now();
    kill_process(wrapper, Signal::TERM).expect("it is there");
    terminal.ends();
    (numbers, start.elapsed(), terminal.written())
}

/// The wrapper of this process: its parent's parent.
fn wrapper_of(child: Pid) -> Pid {
    parent(parent(child))
}

fn parent(pid: Pid) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).expect("it is there");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("it has a name").split_ascii_whitespace().collect();
    Pid::from_raw(fields[1].parse().expect("a number")).expect("it is not the first")
}

#[test]
fn a26_a_grandchild_that_ignores_the_end_dies_with_the_child() {
    let stage = Stage::new();
    // Both ignore it; the grandchild is another program, so that only the wrapper can end it.
    let script = "trap \"\" TERM; sleep 303 & echo $$ >>numbers; echo $! >>numbers; wait; echo over";
    for standing in STANDINGS {
        let (numbers, took, _) = terminated(&stage, standing, script, 2);
        numbers.into_iter().for_each(|pid| eventually(standing, || !is_alive(pid)));
        assert!(took >= Duration::from_millis(900), "{standing}: killed after {took:?}");
    }
}

#[test]
fn a26_a_grandchild_that_outlives_the_child_is_killed_too() {
    let stage = Stage::new();
    // The child ends at once, and leaves a process that ignores the signal.
    let script = "(trap \"\" TERM; exec sleep 304) & echo $$ >>numbers; echo $! >>numbers; sleep 0.2; wait";
    for standing in STANDINGS {
        let (numbers, _, _) = terminated(&stage, standing, script, 2);
        numbers.into_iter().for_each(|pid| eventually(standing, || !is_alive(pid)));
    }
}

#[test]
fn a26_an_orphan_of_the_group_gets_the_signal_too() {
    let stage = Stage::new();
    // Its parent has already ended: nothing leads from the child to it. The signal may come before
    // the file is removed: the next script writes it anew.
    let script = "(sleep 305 & echo $! >orphan); echo $$ >>numbers; cat orphan >>numbers; rm orphan; wait; sleep 305";
    for standing in STANDINGS {
        let (numbers, _, _) = terminated(&stage, standing, script, 2);
        numbers.into_iter().for_each(|pid| eventually(standing, || !is_alive(pid)));
    }
}

#[test]
fn a26_processes_that_end_in_order_have_the_time() {
    let stage = Stage::new();
    let script = "sh -c \"trap \\\"sleep 0.4; echo in order \\$TOKEN; exit\\\" TERM; echo \\$PPID >>numbers; \
        while :; do sleep 0.05; done\"; true";
    for standing in STANDINGS {
        let (_, took, written) = terminated_with(&stage, 30, standing, script, 1);
        assert!(written.contains(&format!("in order {MASK}")), "{standing}: {written}");
        assert!(took >= Duration::from_millis(350) && took < Duration::from_secs(15), "{standing}: {took:?}");
    }
}

#[test]
fn a26_others_of_the_pipeline_are_left_alone() {
    let stage = Stage::new();
    let standing = "{ W; echo $? >status; sleep 0.3; echo late; } </dev/null | { cat; echo over; }";
    let (_, _, written) = terminated(&stage, standing, "echo $$ >>numbers; sleep 306", 1);
    assert!(written.contains("late\r\nover"), "{written}");
}

#[test]
fn a26_without_a_signal_nobody_is_waited_for() {
    let stage = Stage::new();
    let text = "w sh -c 'sleep 3 >/dev/null 2>&1 & echo over'";
    let start = Instant::now();
    let mut command = Command::new("bash");
    stage.furnish(&mut command, How::Wrapped);
    assert_eq!(run_within(command.args(["-c", text]), b"", LIMIT).ends(0).out(), "over\n");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
