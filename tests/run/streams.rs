//! The child's output through `hushlog run`: the wrapper's rows of `docs/faults.md` about streams
//! (W03 to W06, W17).

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::session::needs;
use crate::program::{ends_within, hushlog, read_aside, run_within};
use crate::run::{How, MASK, PEM_LINES, SECRET, Stage, child, installed};
use crate::tty::{LIMIT, Terminal};

/// A shell script in which `w` wraps.
fn script(stage: &Stage, text: &str) -> Command {
    script_in(stage, How::Wrapped, text)
}

fn script_in(stage: &Stage, how: How, text: &str) -> Command {
    let mut command = Command::new("bash");
    stage.furnish(&mut command, how);
    command.args(["-c", text]);
    command
}

#[track_caller]
fn assert_masked(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for value in [SECRET].iter().chain(&PEM_LINES) {
        assert!(!text.contains(&value[..4]), "the beginning of a value was shown");
        assert!(!text.contains(&value[4..]), "the rest of a value was shown");
    }
}

fn prints_and_ends_at_once(rounds: usize) {
    let stage = Stage::new();
    let expected: String = (1..=200_000).map(|n| format!("{n}\n")).collect::<String>() + "LAST";
    for round in 0..rounds {
        let argv = ["sh", "-c", "seq 1 200000; printf LAST; printf LAST >&2"];
        let ran = run_within(&mut stage.command(How::Wrapped, argv), b"", LIMIT).ends(0);
        assert!(ran.out() == expected, "round {round}: {} bytes of {}", ran.stdout.len(), expected.len());
        assert_eq!(ran.err(), "LAST", "round {round}");
    }
}

#[test]
fn w03_output_before_a_quick_end_is_complete_in_pipes() {
    prints_and_ends_at_once(5);
}

#[test]
#[ignore = "a minute or more: run by tools/slow"]
fn w03_output_before_a_quick_end_is_complete_in_100_pipes() {
    prints_and_ends_at_once(100);
}

#[test]
fn an_output_of_utf_16_is_masked_with_one_warning() {
    let stage = Stage::new();
    let text: String = format!("\u{feff}{SECRET}\n").repeat(20).encode_utf16().map(escaped).collect();
    let mut command = hushlog(["run", "--dotenv"]);
    command.arg(stage.path("secrets.env")).args(["--", "printf", &text]);
    let ran = run_within(&mut command, b"", LIMIT).ends(0);
    assert_masked(&ran.stdout);
    assert_eq!(ran.out().matches(MASK).count(), 20);
    assert_eq!(ran.err().matches("hushlog: warning: the text is UTF-16: ").count(), 1, "{}", ran.err());
}

#[test]
fn messages_with_lengths_of_an_output_get_new_lengths() {
    let stage = Stage::new();
    let message = |text: &str| format!("{} <13>{text}", text.len() + 4);
    let stream = |secret: &str| message(secret) + &message("plain");
    let ran = run_within(&mut stage.command(How::Wrapped, ["printf", "%s", &stream(SECRET)]), b"", LIMIT).ends(0);
    assert_eq!(ran.out(), stream(MASK));
}

/// A unit of UTF-16, for printf.
fn escaped(unit: u16) -> String {
    unit.to_le_bytes().iter().map(|byte| format!("\\{byte:03o}")).collect()
}

#[test]
fn w03_into_a_file_nothing_is_missing() {
    let stage = Stage::new();
    run_within(&mut script(&stage, "w sh -c 'seq 1 200000; printf LAST' >out 2>err"), b"", LIMIT).ends(0);
    let expected: String = (1..=200_000).map(|n| format!("{n}\n")).collect::<String>() + "LAST";
    assert!(fs::read_to_string(stage.path("out")).expect("it is there") == expected);
    assert_eq!(fs::read(stage.path("err")).expect("it is there"), b"");
}

#[test]
fn w03_a_file_is_appended_to_where_the_shell_appends() {
    let stage = Stage::new();
    let text = "echo before >out; w sh -c 'echo out; echo err >&2' >>out 2>&1; echo after >>out; cat out";
    let ran = run_within(&mut script(&stage, text), b"", LIMIT).ends(0);
    let mut lines: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    // The two streams are separate, so their order is not promised.
    lines[1..3].sort();
    assert_eq!(lines, ["before", "err", "out", "after"]);
}

#[test]
fn w04_late_output_of_a_grandchild_is_never_shown() {
    let stage = Stage::new();
    let text = "w sh -c '(sleep 0.5; echo \"late $TOKEN\") & echo \"early $TOKEN\"; exit 8'; echo status $?";
    let ran = run_within(&mut script(&stage, text), b"", LIMIT).ends(0);
    assert_masked(&ran.stdout);
    let lines: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], format!("early {MASK}"));
    assert_eq!(lines.last().map(String::as_str), Some("status 8"));
    // Half a second is within the wait: nothing is lost.
    assert!(lines.contains(&format!("late {MASK}")), "{lines:?}");
}

#[test]
fn w04_a_grandchild_that_stays_does_not_keep_us() {
    let stage = Stage::new();
    let argv = ["sh", "-c", "sleep 302 & echo $!; exit 8"];
    let mut command = stage.command(How::Wrapped, argv);
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut wrapper = piped.spawn().expect("the program starts");
    let stdout = read_aside(wrapper.stdout.take().expect("it is piped"));
    assert_eq!(ends_within(&mut wrapper, LIMIT).code(), Some(8));
    let number = String::from_utf8(stdout.recv_timeout(LIMIT).expect("the pipe is closed")).expect("a number");
    let pid = rustix::process::Pid::from_raw(number.trim().parse().expect("a number")).expect("it is not 0");
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

#[test]
fn w04_a_grandchild_that_writes_for_ever_stays_masked() {
    let stage = Stage::new();
    let text = "(while echo \"still $TOKEN\"; do sleep 0.01; done) & exit 8";
    let ran = run_within(&mut stage.command(How::Wrapped, ["sh", "-c", text]), b"", LIMIT).ends(8);
    assert_masked(&ran.stdout);
    assert_masked(&ran.stderr);
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", text]));
    assert_eq!(terminal.ends_with(), 8);
    assert_masked(&terminal.transcript);
}

#[test]
fn w04_a_grandchild_without_the_streams_is_not_waited_for() {
    let stage = Stage::new();
    let start = Instant::now();
    let argv = ["sh", "-c", "sleep 4 >/dev/null 2>&1 </dev/null & echo early; exit 8"];
    run_within(&mut stage.command(How::Wrapped, argv), b"", LIMIT).ends(8);
    assert!(start.elapsed() < Duration::from_secs(4), "it was waited for");
}

/// The arguments with which the child's `bytes` writes `len` bytes of numbered lines.
fn numbered(name: &str, len: usize) -> String {
    let mut text = String::with_capacity(len + 32);
    for n in 0.. {
        if text.len() >= len {
            break;
        }
        text.push_str(&format!("{name} {n}\n"));
    }
    text.truncate(len);
    text
}

fn byte_by_byte(len: usize, limit: Duration) {
    let Some(child) = child() else { return };
    let stage = Stage::new();
    let argv = [child.as_os_str(), "bytes".as_ref(), len.to_string().as_ref()].map(std::ffi::OsStr::to_owned);
    let ran = run_within(&mut stage.command(How::Wrapped, argv), b"", limit).ends(0);
    assert!(ran.out() == numbered("out", len), "{} bytes came out", ran.stdout.len());
    assert!(ran.err() == numbered("err", len), "{} bytes came out as errors", ran.stderr.len());
}

#[test]
fn w05_both_streams_byte_by_byte_are_exact_and_in_order() {
    needs!("cc");
    byte_by_byte(300_000, LIMIT);
}

#[test]
#[ignore = "a minute or more: run by tools/slow"]
fn w05_both_streams_byte_by_byte_are_exact_over_10_mb() {
    needs!("cc");
    byte_by_byte(10_000_000, 20 * LIMIT);
}

#[test]
fn w05_a_reader_of_one_stream_does_not_block_the_other() {
    let stage = Stage::new();
    // Both are far more than a pipe holds; the reader takes all errors first.
    let text = "w sh -c 'head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero' 2>&1 >out | wc -c; wc -c <out";
    let ran = run_within(&mut script(&stage, text), b"", LIMIT).ends(0);
    assert_eq!(ran.out().split_whitespace().collect::<Vec<_>>(), ["3000000", "3000000"]);
}

#[test]
fn w06_the_two_streams_are_apart() {
    let stage = Stage::new();
    let (first, second) = SECRET.split_at(8);
    let text = format!("printf '{first}'; printf '{second}' >&2");
    let ran = run_within(&mut stage.command(How::Wrapped, ["sh", "-c", &text]), b"", LIMIT).ends(0);
    // Neither alone is the secret. The first is a partial match of 8 bytes at the end of a stream.
    assert!(!ran.out().contains(first), "a partial match of 8 bytes was shown");
    assert_eq!(ran.err(), second);
}

#[test]
fn w06_the_two_streams_of_one_terminal_are_one() {
    let stage = Stage::new();
    let (first, second) = SECRET.split_at(8);
    let text = format!("printf '{first}'; printf '{second}' >&2");
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", &text]));
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(terminal.written(), MASK);
}

#[test]
fn w06_both_streams_are_masked() {
    let stage = Stage::new();
    let argv = ["sh", "-c", "echo \"out $TOKEN\"; echo \"err $TOKEN\" >&2"];
    let ran = run_within(&mut stage.command(How::Wrapped, argv), b"", LIMIT).ends(0);
    assert_eq!((ran.out(), ran.err()), (format!("out {MASK}\n"), format!("err {MASK}\n")));
}

#[test]
fn w06_standard_error_at_a_terminal_does_not_make_the_other_one() {
    let stage = Stage::new();
    let text = "w sh -c 'test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err >&2; echo text' | cat -A";
    for how in [How::Bare, How::Wrapped] {
        let mut terminal = Terminal::start(script_in(&stage, how, text));
        assert_eq!(terminal.ends_with(), 0);
        let mut lines: Vec<String> = terminal.written().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["err", "in$", "text$"], "{how:?}");
    }
}

#[test]
fn w15_on_a_pipe_nothing_is_released_by_a_timer() {
    let stage = Stage::new();
    for (first, second) in [("hun", "ter2-prod-key"), ("hunter2-", "prod-key"), ("h", "unter2-prod-key")] {
        let text = format!("printf '{first}'; sleep 0.4; printf '{second}'; sleep 0.1");
        let ran = run_within(&mut stage.command(How::Wrapped, ["sh", "-c", &text]), b"", LIMIT).ends(0);
        assert_eq!(ran.out(), MASK);
    }
    // Not even text that proves harmless: it is emitted once that is known.
    let text = "printf hun; sleep 0.4; touch known; printf x; sleep 0.4; touch over";
    let mut command = stage.command(How::Wrapped, ["sh", "-c", text]);
    let mut wrapper = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut stdout = wrapper.stdout.take().expect("it is piped");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("something comes");
    assert!(stage.path("known").exists(), "it came out before it was known");
    assert!(!stage.path("over").exists(), "it was held back after it was known");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("it is text");
    assert_eq!((first[0], rest.as_str()), (b'h', "unx"));
    assert_eq!(ends_within(&mut wrapper, LIMIT).code(), Some(0));
}

#[test]
fn w15_beside_a_terminal_a_pipe_has_no_timer() {
    let stage = Stage::new();
    let text = "w sh -c 'printf hun; sleep 0.4; printf ter2-prod-key' | cat; \
        w sh -c 'printf hun; sleep 0.4; touch known; printf x' | { read -rn 1 key; ls known; echo; cat >/dev/null; }";
    let mut terminal = Terminal::start(script(&stage, text));
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(terminal.written(), format!("{MASK}known\r\n\r\n"));
}

#[test]
fn w17_all_bytes_pass() {
    let stage = Stage::new();
    let mut bytes: Vec<u8> =
        (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).map(move |second| [first, second])).flatten().collect();
    bytes.extend_from_slice(b"\r\n\n\r\0\0 no end of line");
    let ran = run_within(&mut stage.command(How::Wrapped, ["cat"]), &bytes, LIMIT).ends(0);
    assert!(ran.stdout == bytes, "{} bytes came out of {}", ran.stdout.len(), bytes.len());
}

#[test]
fn w17_a_chain_of_archives_is_exact() {
    if !installed(&["tar", "sha256sum"]) {
        return;
    }
    let stage = Stage::new();
    // Files of all kinds; some 20 MB of the system's own.
    let text = "set -o pipefail; find /usr/bin /usr/share -xdev -type f -size +3k -size -500k 2>/dev/null | sort | head -n 400 >list; \
        tar cf - -T list 2>/dev/null | sha256sum; \
        w tar cf - -T list 2>/dev/null | w cat | sha256sum; \
        tar cf - -T list 2>/dev/null | w tar tf - | sha256sum; tar cf - -T list 2>/dev/null | tar tf - | sha256sum";
    let ran = run_within(&mut script(&stage, text), b"", 2 * LIMIT).ends(0);
    let sums: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    assert_eq!(sums.len(), 4);
    assert_eq!(sums[0], sums[1], "the archive is another one");
    assert_eq!(sums[2], sums[3], "the list is another one");
}

#[test]
fn w17_a_fast_child_is_exact() {
    let stage = Stage::new();
    let text = "set -o pipefail; w head -c 200000000 /dev/zero | cmp - <(head -c 200000000 /dev/zero) && echo same";
    assert_eq!(run_within(&mut script(&stage, text), b"", 2 * LIMIT).ends(0).out(), "same\n");
}

#[test]
#[ignore = "a minute or more: run by tools/slow"]
fn w17_a_fast_child_is_exact_over_4_gib() {
    let stage = Stage::new();
    let text = "set -o pipefail; w head -c 4G /dev/zero | cmp - <(head -c 4G /dev/zero) && echo same";
    assert_eq!(run_within(&mut script(&stage, text), b"", 20 * LIMIT).ends(0).out(), "same\n");
}

#[test]
fn w17_a_reader_that_leaves_ends_the_child_as_without_us() {
    let stage = Stage::new();
    let text = "w yes | head -n 1; echo ${PIPESTATUS[0]}";
    let [bare, wrapped] = [How::Bare, How::Wrapped].map(|how| {
        let ran = run_within(&mut script_in(&stage, how, text), b"", LIMIT).ends(0);
        assert_eq!(ran.err(), "");
        ran.out()
    });
    assert_eq!(wrapped, bare);
}

#[test]
fn w17_a_full_disk_is_reported_and_does_not_hang() {
    let stage = Stage::new();
    let ran = run_within(&mut script(&stage, "w sh -c 'seq 1 100000' >/dev/full"), b"", LIMIT);
    assert!(ran.code.is_some_and(|code| code != 0), "{:?}", ran.code);
    ran.says("hushlog: error: ");
}

#[test]
fn w17_a_slow_reader_gets_all() {
    let stage = Stage::new();
    let text = "set -o pipefail; w sh -c 'seq 1 100000; echo \"$TOKEN\"' | (sleep 0.5; cksum); \
        (seq 1 100000; echo '[REDACTED:TOKEN]') | cksum";
    let ran = run_within(&mut script(&stage, text), b"", LIMIT).ends(0);
    let sums: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn w17_input_reaches_the_child_while_it_writes() {
    let stage = Stage::new();
    let mut command = stage.command(How::Wrapped, ["cat"]);
    let mut wrapper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let (mut stdin, mut stdout) = (wrapper.stdin.take().expect("a pipe"), wrapper.stdout.take().expect("a pipe"));
    for n in 0..50 {
        let line = format!("question {n}\n");
        stdin.write_all(line.as_bytes()).expect("it reads");
        let mut answer = vec![0; line.len()];
        stdout.read_exact(&mut answer).expect("it answers");
        assert_eq!(answer, line.as_bytes());
    }
    drop(stdin);
    assert_eq!(ends_within(&mut wrapper, LIMIT).code(), Some(0));
}

#[test]
fn w17_a_reader_that_begins_after_the_end_gets_all() {
    let stage = Stage::new();
    // More than one pipe holds, and less than all on the way: the child ends at once, its output
    // waits.
    let text = "w sh -c 'head -c 60000 /dev/zero; echo; seq 1 10000; echo \"$TOKEN\"' | (sleep 4; cksum); \
        (head -c 60000 /dev/zero; echo; seq 1 10000; echo '[REDACTED:TOKEN]') | cksum";
    let ran = run_within(&mut script(&stage, text), b"", LIMIT).ends(0);
    let sums: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn w17_a_terminal_that_is_read_late_shows_all() {
    let stage = Stage::new();
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", "seq 1 20000; echo \"$TOKEN\""]));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(terminal.ends_with(), 0);
    let expected: String = (1..=20_000).map(|n| format!("{n}\r\n")).collect::<String>() + MASK + "\r\n";
    assert!(terminal.written() == expected, "{} bytes of {}", terminal.transcript.len(), expected.len());
}

#[test]
fn w05_two_streams_into_one_pipe_keep_their_order() {
    let stage = Stage::new();
    let text = "n=0; while test $n -lt 500; do echo out $n; echo err $n >&2; n=$((n+1)); done";
    let expected: String = (0..500).map(|n| format!("out {n}\nerr {n}\n")).collect();
    for (into, show) in [("2>&1 | cat", ""), (">both 2>&1", "; cat both"), ("2>&1 >>more", "; cat more")] {
        // The last one separates them.
        let parted = into.starts_with("2>&1 >>");
        let line = format!("w sh -c '{text}' {into}{show}");
        let ran = run_within(&mut script(&stage, &line), b"", LIMIT).ends(0);
        if parted {
            let (errors, outs): (String, String) =
                ((0..500).map(|n| format!("err {n}\n")).collect(), (0..500).map(|n| format!("out {n}\n")).collect());
            assert!(ran.out() == errors + &outs, "{into}: {}", ran.out());
        } else {
            assert!(ran.out() == expected, "{into}: {}", ran.out());
        }
    }
}

#[test]
fn w17_when_one_reader_leaves_the_other_stream_goes_on() {
    let stage = Stage::new();
    let text = "w sh -c 'trap \"\" PIPE; sleep 0.2; n=0; while test $n -lt 200; do echo out; n=$((n+1)); done 2>/dev/null; \
        echo \"still here $TOKEN\" >&2; exit 4' 2>err | true; echo ${PIPESTATUS[0]}; cat err";
    let [bare, wrapped] = [How::Bare, How::Wrapped].map(|how| {
        let ran = run_within(&mut script_in(&stage, how, text), b"", LIMIT).ends(0);
        ran.out().replace(SECRET, MASK)
    });
    assert_eq!(wrapped, bare);
    assert_eq!(bare, format!("4\nstill here {MASK}\n"));
}
