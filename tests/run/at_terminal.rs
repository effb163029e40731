//! `hushlog run` at a terminal: the wrapper's rows of `docs/faults.md` (W03, W11, W12, W15, W16).
//!
//! A person does the same with the bare program and with the wrapped one, and has to see the same.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::session::needs;
use crate::program::{self, IS_RELEASED};
use crate::run::{self, How, MASK, PEM_LINES, SECRET, Stage, child};
use crate::tty::{LIMIT, Terminal, Twins, eventually, is_alive};

/// A program at two terminals, bare and wrapped.
fn twins(stage: &Stage, argv: &[&str]) -> Twins {
    let start = |how| Terminal::start(stage.command(how, argv));
    Twins { bare: start(How::Bare), wrapped: start(How::Wrapped) }
}

/// A shell with a prompt, at two terminals. Commands typed there after `w` run bare or wrapped.
fn shells(stage: &Stage) -> Twins {
    let mut twins =
        Twins { bare: Terminal::start(stage.shell(How::Bare)), wrapped: Terminal::start(stage.shell(How::Wrapped)) };
    twins.show("$");
    twins
}

/// A wrapped program at a terminal of its own.
fn wrapped(stage: &Stage, argv: &[&str]) -> Terminal {
    Terminal::start(stage.command(How::Wrapped, argv))
}

/// Fails if any secret, or more than three bytes of one, was written to the terminal.
#[track_caller]
fn assert_masked(terminal: &Terminal) {
    let written = terminal.written();
    for value in [SECRET].iter().chain(&PEM_LINES) {
        assert!(!written.contains(&value[..4]), "the beginning of a value was shown");
        assert!(!written.contains(&value[4..]), "the rest of a value was shown");
    }
}

fn prints_and_ends_at_once(rounds: usize) {
    let stage = Stage::new();
    let expected: String = (1..=200_000).map(|n| format!("{n}\r\n")).collect::<String>() + "LAST";
    for round in 0..rounds {
        let mut terminal = wrapped(&stage, &["sh", "-c", "seq 1 200000; printf LAST"]);
        assert_eq!(terminal.ends_with(), 0, "round {round}");
        let len = terminal.transcript.len();
        assert!(terminal.transcript == expected.as_bytes(), "round {round}: {len} bytes of {}", expected.len());
    }
}

#[test]
fn w03_output_before_a_quick_end_is_complete_on_a_terminal() {
    prints_and_ends_at_once(5);
}

#[test]
#[ignore = "a minute or more: run by tools/slow"]
fn w03_output_before_a_quick_end_is_complete_on_100_terminals() {
    prints_and_ends_at_once(100);
}

#[test]
fn w03_the_last_word_of_a_child_that_is_killed_comes_out() {
    let stage = Stage::new();
    for round in 0..20 {
        let mut terminal = wrapped(&stage, &["sh", "-c", "printf 'the last word'; kill -9 $$"]);
        assert_eq!(terminal.ends_with(), 137, "round {round}");
        assert_eq!(terminal.written(), "the last word", "round {round}");
    }
}

#[test]
fn w11_the_child_has_the_size_of_the_window_from_the_start() {
    let stage = Stage::new();
    let mut twins = twins(&stage, &["stty", "size"]);
    assert_eq!(twins.end(), 0);
    assert_eq!(twins.wrapped.written(), "24 80\r\n");
}

#[test]
fn w11_the_child_is_notified_when_the_window_changes() {
    needs!("cc");
    let stage = Stage::new();
    let Some(child) = child() else { return };
    let mut twins = twins(&stage, &[child.to_str().expect("a path of ours"), "window"]);
    twins.show("ready");
    for (rows, columns) in [(30, 100), (10, 40), (50, 132)] {
        twins.resize((rows, columns));
        twins.show(&format!("{rows} {columns}"));
    }
    twins.types("\x03");
    assert_eq!(twins.end(), 130);
}

#[test]
fn w11_a_size_that_changes_during_a_stop_is_seen_afterwards() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w bash -c 'echo ready; read -r; stty size'");
    twins.until("the child has begun", |terminal| terminal.text().contains("\nready"));
    twins.types("\x1a");
    twins.show("Stopped");
    twins.resize((33, 77));
    twins.go_on();
    twins.types("\n");
    twins.show("33 77");
}

#[test]
fn w12_the_child_sees_the_settings_of_the_terminal() {
    let stage = Stage::new();
    let script = "echo ready; read -r line; stty -a; tty | cut -c 1-9; test -w /dev/tty && echo has one";
    let mut twins = shells(&stage);
    // Not a shell that resets its terminal: the next program gets the settings made here.
    twins.enter("exec dash");
    twins.until("the other shell is there", |terminal| terminal.text().contains("exec dash\n$ "));
    twins.enter("stty intr ^A erase ^H -ixon tostop kill ^X; clear");
    twins.until("the screen is empty", |terminal| terminal.text().trim_end() == "$");
    twins.enter(&format!("w sh -c '{script}'"));
    twins.until("the child has begun", |terminal| terminal.text().ends_with("\nready"));
    twins.types("\n");
    twins.show("\nhas one");
    for setting in ["intr = ^A", "erase = ^H", "-ixon", "kill = ^X", " tostop"] {
        assert!(twins.wrapped.text().contains(setting), "{setting}");
    }
}

/// Starts a wrapped full-screen program, or one that reads single keys, ends it in some way, and
/// compares the settings.
#[track_caller]
fn restores(argv: &[&str], ready: &str, end: impl FnOnce(&mut Terminal), code: i32) {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, argv);
    let before = {
        let fresh = Terminal::start(stage.command(How::Bare, ["true"]));
        fresh.settings()
    };
    terminal.shows(ready);
    assert_ne!(terminal.settings(), before, "the wrapper hands keys on as they come, or nothing here is proved");
    end(&mut terminal);
    assert_eq!(terminal.ends_with(), code);
    assert_eq!(terminal.settings(), before, "the terminal is not as it was");
}

const WAITS: &[&str] = &["sh", "-c", "stty raw -echo; printf 'ready\\r\\n'; while :; do sleep 0.02; done"];

#[test]
fn w12_the_terminal_is_restored_when_the_child_ends() {
    let reads = &["sh", "-c", "stty raw -echo; printf 'ready\\r\\n'; head -c 1 >/dev/null; exit 5"];
    restores(reads, "ready", |terminal| terminal.types("x"), 5);
    restores(&["sh", "-c", "echo ready; read -r line; exit 0"], "ready", |terminal| terminal.types("\n"), 0);
}

#[test]
fn w12_the_terminal_is_restored_when_a_signal_ends_the_wrapper() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let end = |terminal: &mut Terminal| kill_process(terminal.pid(), signal).expect("it is there");
        restores(WAITS, "ready", end, 128 + signal.as_raw());
    }
}

#[test]
fn w12_the_terminal_is_restored_when_the_child_crashes() {
    needs!("cc");
    let Some(child) = child() else { return };
    let child = child.to_str().expect("a path of ours");
    for signal in [6, 9, 11] {
        let script = format!("stty raw -echo; printf 'ready\\r\\n'; head -c 1 >/dev/null; exec {child} die {signal}");
        restores(&["sh", "-c", &script], "ready", |terminal| terminal.types("x"), 128 + signal);
    }
}

#[test]
fn w12_the_terminal_is_restored_when_the_child_cannot_start() {
    let stage = Stage::new();
    let fresh = Terminal::start(stage.command(How::Bare, ["true"])).settings();
    for (program, code) in [("no-such-program-anywhere", 127), ("/etc/passwd", 126)] {
        let mut terminal = wrapped(&stage, &[program]);
        assert_eq!(terminal.ends_with(), code);
        assert_eq!(terminal.settings(), fresh);
    }
}

#[test]
fn w12_the_terminal_is_as_it_was_while_the_child_is_stopped() {
    needs!("dash");
    let stage = Stage::new();
    let mut command = stage.command(How::Bare, ["dash", "-i"]);
    stage.furnish(&mut command, How::Wrapped);
    // This shell leaves its terminal as the last program left it.
    let mut terminal = Terminal::start(command);
    terminal.shows("$");
    let before = terminal.settings();
    terminal.types("w sh -c 'stty raw -echo isig; echo ready; exec cat'\n");
    terminal.until("the child has begun", |terminal| terminal.text().contains("\nready"));
    terminal.types("\x1a");
    terminal.until("the shell is back", |terminal| terminal.text().contains("Stopped"));
    assert_eq!(terminal.settings(), before);
    terminal.types("fg\n");
    let pid = terminal.pid();
    terminal.until("it goes on", |terminal| terminal.front() != Some(pid) && terminal.settings() != before);
    terminal.types("\x03");
    terminal.until("the shell is back", |terminal| terminal.front() == Some(pid));
    eventually("the terminal is restored", || terminal.settings() == before);
}

#[test]
fn w12_a_window_that_is_closed_ends_wrapper_and_child() {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["sh", "-c", "echo \"number $$\"; echo begun; exec sleep 300"]);
    terminal.shows("begun");
    let child = number_of(&terminal);
    assert!(is_alive(child));
    let status = terminal.hang_up().ends();
    assert_eq!(status.signal(), Some(Signal::HUP.as_raw()), "{status}");
    eventually("the child is gone", || !is_alive(child));
}

#[test]
fn w12_a_wrapper_without_a_window_does_not_turn_in_circles() {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["sh", "-c", "trap '' HUP; echo \"number $$\"; echo begun; exec sleep 300"]);
    terminal.shows("begun");
    let (pid, child) = (terminal.pid(), number_of(&terminal));
    let closed = terminal.hang_up();
    std::thread::sleep(Duration::from_millis(1_000));
    // In clock ticks of 10 ms.
    let ticks = processor_ticks(pid).unwrap_or_default();
    let _ = kill_process(child, Signal::KILL);
    assert!(ticks < 40, "{ticks} ticks of processor time in a second without a terminal");
    closed.ends();
}

/// The process id that a child printed as `number N`.
fn number_of(terminal: &Terminal) -> Pid {
    let text = terminal.text();
    let number = text.lines().find_map(|line| line.strip_prefix("number ")).expect("it tells its number");
    Pid::from_raw(number.trim().parse().expect("a number")).expect("it is not 0")
}

/// The processor time of a process, if it exists.
fn processor_ticks(pid: Pid) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_ascii_whitespace().collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

#[test]
fn w15_a_secret_typed_with_echo_is_masked() {
    let stage = Stage::new();
    let mut terminal =
        wrapped(&stage, &["sh", "-c", "echo ready; read -r line; test \"$line\" = \"$TOKEN\" && echo same"]);
    terminal.shows("ready");
    terminal.types(SECRET);
    terminal.shows("[REDACTED:TOKEN]");
    terminal.types("\n");
    terminal.shows("same");
    assert_eq!(terminal.ends_with(), 0);
    assert_masked(&terminal);
}

#[test]
fn w15_a_secret_typed_key_by_key_shows_three_bytes_at_most() {
    let stage = Stage::new();
    let mut terminal =
        wrapped(&stage, &["sh", "-c", "echo ready; read -r line; test \"$line\" = \"$TOKEN\" && echo same"]);
    terminal.shows("ready");
    terminal.types_slowly(SECRET, Duration::from_millis(120));
    terminal.types("\n");
    terminal.shows("same");
    assert_eq!(terminal.ends_with(), 0);
    assert_masked(&terminal);
    assert!(terminal.written().contains(MASK), "nothing stands for the rest");
}

#[test]
fn w15_text_that_begins_like_a_secret_is_echoed_after_a_moment() {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["sh", "-c", "echo ready; read -r line; echo got $line"]);
    terminal.shows("ready");
    for (key, shown) in [("h", "h"), ("u", "hu"), ("n", "hun")] {
        terminal.types(key);
        terminal.until("the key is echoed", |terminal| terminal.text().ends_with(&format!("\n{shown}")));
    }
    terminal.types("t");
    terminal.looks_for(Duration::from_millis(400));
    assert!(terminal.text().ends_with("\nhun"), "the fourth byte of what may be a secret came out");
    terminal.types("ing");
    terminal.shows("\nhunting");
    terminal.types("\n");
    terminal.shows("got hunting");
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(terminal.written(), "ready\r\nhunting\r\ngot hunting\r\n");
}

#[test]
fn w15_a_pause_within_a_secret_shows_three_bytes_at_most() {
    let stage = Stage::new();
    for cut in [1, 2, 3, 4, 8, 15] {
        let (first, second) = SECRET.split_at(cut);
        let script = format!("printf '<{first}'; sleep 0.3; printf '{second}>'");
        let mut terminal = wrapped(&stage, &["sh", "-c", &script]);
        assert_eq!(terminal.ends_with(), 0);
        assert_masked(&terminal);
        let written = terminal.written();
        let shown = written.trim_start_matches('<').trim_end_matches('>').trim_end_matches(MASK).to_owned();
        assert!(written.contains(MASK) && shown.len() <= 3 && SECRET.starts_with(&shown), "cut at {cut}: {written}");
    }
}

#[test]
fn w15_a_value_of_several_lines_is_masked_on_a_terminal() {
    let stage = Stage::new();
    let scripts = [
        "printf '%s\\n' \"$PEM\"",
        "echo $PEM",
        "set -x; : \"$PEM\"",
        "set -x; echo $PEM",
        "printf '%s\\n' \"$PEM\" | sed 's/^/    /'",
        "printf '%s' \"$PEM\" | od -c >/dev/null; printf '%s' \"$PEM\" >/dev/tty",
        "env",
        "stty -onlcr; printf '%s\\n' \"$PEM\"",
        "printf '%s\\n' \"$PEM\" >&2",
        "declare -p PEM; export -p",
    ];
    for script in scripts {
        let mut terminal = wrapped(&stage, &["bash", "-c", script]);
        assert_eq!(terminal.ends_with(), 0);
        assert!(terminal.written().contains("[REDACTED:PEM"), "{script} printed nothing of it");
        assert_masked(&terminal);
    }
}

#[test]
fn w15_a_value_of_several_lines_pasted_at_a_prompt_is_masked() {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["sh", "-c", "echo ready; while read -r line; do echo \"<$line>\"; done"]);
    terminal.shows("ready");
    terminal.types(&format!("{}\n", run::PEM));
    terminal.shows("<-----END KEY----->");
    terminal.types("\x04");
    assert_eq!(terminal.ends_with(), 0);
    assert_masked(&terminal);
}

#[test]
fn w15_a_password_prompt_stays_silent() {
    let stage = Stage::new();
    let mut twins = twins(&stage, &["bash", "-c", "read -rsp 'Password: ' line; echo; echo ${#line} keys"]);
    twins.show("Password:");
    twins.types("correct horse\n");
    twins.show("13 keys");
    assert_eq!(twins.end(), 0);
    assert!(!twins.wrapped.written().contains("horse"));
}

#[test]
fn w15_a_secret_at_the_prompt_of_a_wrapped_shell_is_masked() {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["bash", "--norc", "--noprofile", "-i"]);
    terminal.shows("$");
    terminal.types(&format!("echo {SECRET} | wc -c\n"));
    terminal.shows("\n17");
    terminal.types("set -x; test $TOKEN = x\n");
    terminal.shows("+ test");
    terminal.types("exit\n");
    assert_eq!(terminal.ends_with(), 1);
    assert_masked(&terminal);
}

#[test]
fn w16_bash_looks_and_works_the_same() {
    let stage = Stage::new();
    std::fs::write(stage.path("alpha-file"), "").expect("it is ours");
    let mut twins = shells(&stage);
    twins.enter("w bash --norc --noprofile -i");
    twins.until("the inner shell is there", |terminal| terminal.text().matches('$').count() == 2);
    twins.ask("$");
    twins.types("echo one two three\n");
    twins.show("\none two three");
    twins.ask("$");
    // Line editing: back over a word, delete it, type another one; then the history, and a
    // completion.
    twins.types("echo four five\x1bbnot \n");
    twins.show("\nfour not five");
    twins.ask("$");
    twins.types("\x1b[A\x01\x0bls alpha\t");
    twins.show("ls alpha-file");
    twins.types("\n");
    twins.until("it lists", |terminal| terminal.text().matches("\nalpha-file").count() == 1);
    twins.ask("$");
    twins.types("sh -c 'echo begun; exec sleep 300'\n");
    twins.show("\nbegun");
    twins.types("\x03");
    twins.show("^C\n$");
    twins.ask("$");
    twins.types("printf '\\e[1;31mred\\e[0m %s\\n' $?\n");
    twins.show("\nred 130");
    twins.ask("$");
    twins.types("clear; sh -c 'echo begun; read -r line; echo line $line'\n");
    twins.until("it has begun", |terminal| terminal.text().starts_with("begun"));
    twins.types("\x1a");
    twins.show("Stopped");
    twins.ask("$");
    twins.types("fg\n");
    twins.until("it goes on", |terminal| terminal.text().matches("sh -c").count() == 2);
    twins.types("here\n");
    twins.show("line here\n$");
    twins.ask("$");
    twins.types("exit 9\n");
    twins.enter("echo status $?");
    twins.show("\nstatus 9");
}

#[test]
fn w16_python_looks_and_works_the_same() {
    needs!("python3");
    let stage = Stage::new();
    let mut twins = twins(&stage, &["python3", "-q"]);
    twins.ask(">>>");
    twins.types("import os; len(os.environ['TOKEN'])\n");
    twins.show("\n16");
    twins.ask(">>>");
    twins.types("for i in range(2): print(i, os.isatty(0), os.get_terminal_size().columns)\n");
    twins.ask("...");
    twins.types("\n");
    twins.show("\n1 True 80");
    twins.ask(">>>");
    twins.types("input('name: ')\n");
    twins.ask("\nname:");
    twins.types("né\x7fe\n");
    twins.show("'ne'");
    twins.ask(">>>");
    // Interrupted while it runs: while Python still reads it, the output differs. And in short
    // sleeps, because the key may arrive right before one.
    twins.types("import time\n");
    twins.ask("import time\n>>>");
    twins.types("for n in range(9999): n or print('as' + 'leep'); time.sleep(.05)\n");
    twins.ask("...");
    twins.types("\n");
    twins.show("\nasleep");
    twins.types("\x03");
    twins.show("KeyboardInterrupt");
    twins.ask(">>>");
    twins.types("\x04");
    twins.end();
}

#[test]
fn w16_vim_looks_and_works_the_same() {
    needs!("vim");
    let stage = Stage::new();
    for how in ["bare", "wrapped"] {
        let lines: String = (1..=100).map(|n| format!("line {n} of \"some text\" for the editor\n")).collect();
        std::fs::write(stage.path(how).join("text.c"), lines).expect("it is ours");
    }
    let mut twins = shells(&stage);
    twins.enter("cd \"${PATH%%:*}\"; clear; w vim -u NONE -i NONE -n -c 'syntax on | set number ruler nomore' text.c");
    twins.until("the editor is there", |terminal| terminal.is_full_screen() && terminal.text().contains("line 1 of"));
    twins.types("ihello \x1b");
    twins.show("hello line 1");
    twins.types("G");
    twins.show("line 100 of");
    twins.wait_for_keys("vim");
    twins.resize((40, 100));
    twins.show("line 62 of");
    twins.types("/line 50\n");
    twins.show("line 50 of");
    twins.types(":vsplit\n");
    twins.until("there are two windows", |terminal| terminal.text().matches("line 50 of").count() == 2);
    // To the shell and back.
    twins.types("\x1a");
    twins.until("the shell is back", |terminal| !terminal.is_full_screen() && terminal.text().contains("Stopped"));
    twins.enter("fg");
    twins.until("the editor is back", |terminal| terminal.text().matches("line 50 of").count() == 2);
    twins.types(":wqa\n");
    twins.until("the shell is back", |terminal| !terminal.is_full_screen());
    twins.enter("echo status $?; head -n 1 text.c");
    twins.show("\nstatus 0\nhello line 1 of");
}

#[test]
fn w16_less_looks_and_works_the_same() {
    needs!("less");
    let stage = Stage::new();
    let lines: String = (1..=500).map(|n| format!("number {n}\n")).collect();
    std::fs::write(stage.path("long"), lines).expect("it is ours");
    std::fs::write(stage.path("short"), "only\ntwo lines\n").expect("it is ours");
    let mut twins = shells(&stage);
    twins.enter("w less long");
    twins.until("the pager is there", |terminal| terminal.is_full_screen() && terminal.text().contains("number 23"));
    twins.types(" ");
    twins.show("number 46");
    twins.types("/number 333\n");
    twins.until("it is found", |terminal| terminal.text().starts_with("number 333") && terminal.text().ends_with(':'));
    twins.wait_for_keys("less");
    twins.resize((12, 60));
    twins.until("it is painted anew", |terminal| terminal.text().ends_with("\nnumber 343\n:"));
    twins.types("g");
    twins.show("number 11");
    twins.types("q");
    twins.until("the shell is back", |terminal| !terminal.is_full_screen());
    // With these options, as set by database clients, a text that fits on the screen is only
    // printed.
    twins.enter("clear; w less -F -X short; echo status $?");
    twins.show("only\ntwo lines\nstatus 0");
}

#[test]
fn w16_a_pager_behind_a_pipe_reads_keys_at_the_terminal() {
    needs!("less");
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("seq 1 300 | w less");
    twins.until("the pager is there", |terminal| terminal.is_full_screen() && terminal.text().contains("\n23"));
    twins.types(" ");
    twins.show("\n46");
    twins.types("q");
    twins.until("the shell is back", |terminal| !terminal.is_full_screen());
    twins.clear();
    twins.enter("seq 1 300 | w sh -c 'echo ready; read -r key </dev/tty; echo key $key; wc -l'");
    twins.show("\nready");
    twins.types("k\n");
    twins.show("k\nkey k\n300");
}

#[test]
fn w16_a_program_that_watches_looks_and_works_the_same() {
    needs!("top");
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, &["top", "-d", "0.2"]);
    let heading = |terminal: &Terminal| terminal.text().lines().position(|line| line.contains("PID USER"));
    terminal.until("it is there", |terminal| heading(terminal).is_some());
    let row = heading(&terminal);
    terminal.types("l");
    terminal.until("the first line is gone", |terminal| heading(terminal) < row);
    terminal.resize((40, 60));
    terminal.until("it has the new height", |terminal| terminal.text().lines().count() > 24);
    terminal.types("q");
    assert_eq!(terminal.ends_with(), 0);
    assert!(!terminal.settings().contains("-icanon"), "the terminal is not as it was");
}

#[test]
fn w16_stopping_and_going_on_works_for_a_plain_program() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w sh -c 'echo begun; read -r line; echo \"line $line\"; exit 4'");
    twins.show("\nbegun");
    for _ in 0..3 {
        twins.types("\x1a");
        twins.show("Stopped");
        twins.go_on();
    }
    twins.types("here\n");
    twins.show("line here");
    twins.enter("echo status $?");
    twins.show("status 4");
}

#[test]
fn w16_a_stopped_program_can_be_killed() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w sh -c 'echo begun; exec sleep 300'");
    twins.show("\nbegun");
    twins.types("\x1a");
    twins.show("Stopped");
    twins.clear();
    twins.enter("kill %1");
    // Independent of the shell's messages: bash may miss the end of a job that was continued right
    // before.
    for terminal in [&mut twins.bare, &mut twins.wrapped] {
        terminal.until("nothing is left", |terminal| !terminal.runs_anything());
    }
}

#[test]
fn w16_a_program_in_the_background_prints_and_is_not_stopped() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    let settings = twins.bare.settings();
    twins.enter("w sh -c 'sleep 0.4; echo \"from behind\"; exit 3' & clear");
    twins.until("it has printed", |terminal| terminal.text().starts_with("$ from behind"));
    assert_eq!(twins.wrapped.settings(), settings, "a program in the background changed the terminal");
    twins.hear("Exit 3");
    twins.enter("wait $!; echo status $?");
    twins.show("status 3");
}

#[test]
fn w16_a_background_program_reads_once_it_is_in_front() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    // Bare, it is stopped there; wrapped, it waits, because it has a terminal of its own to read
    // from.
    twins.enter("w sh -c 'read -r line; echo \"line $line\"' & sleep 0.3; clear");
    for terminal in [&mut twins.bare, &mut twins.wrapped] {
        terminal.until("the prompt is there", |terminal| terminal.is_at_prompt() && terminal.text().ends_with("$ "));
    }
    twins.types("clear\n");
    twins.go_on();
    twins.types("here\n");
    twins.show("line here");
}

#[test]
fn w16_at_both_ends_of_a_pipe_the_keys_still_work() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    // Standard output is a pipe: only the input is the terminal.
    twins.enter("w sh -c 'echo ready >/dev/tty; read -r line; echo \"line $line\"' | tr a-z A-Z");
    twins.show("\nready");
    twins.types("here\n");
    twins.show("LINE HERE");
    twins.clear();
    twins.enter("w sh -c 'echo ready >/dev/tty; exec sleep 300' | cat");
    twins.show("\nready");
    twins.types("\x03");
    for terminal in [&mut twins.bare, &mut twins.wrapped] {
        // Whether the shell prints an empty line here depends on the order of exits.
        terminal.until("the prompt is back", |terminal| terminal.is_at_prompt() && terminal.text().ends_with("$ "));
        terminal.types("s=${PIPESTATUS[0]}; clear; echo status $s\n");
    }
    twins.until("the status is told", |terminal| terminal.text().starts_with("status 130"));
}

#[test]
fn w16_questions_to_the_terminal_are_answered() {
    let stage = Stage::new();
    let script = "stty raw -echo; printf '\\n\\n\\e[6n'; IFS= read -rd R answer; stty sane; echo \"${answer#*[}\"";
    let mut twins = twins(&stage, &["bash", "-c", script]);
    twins.show("3;1");
    assert_eq!(twins.end(), 0);
}

#[test]
fn w16_input_typed_ahead_is_not_lost() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w sh -c 'echo ready; sleep 0.4; stty -a >/dev/null; read -r line; echo \"line $line\"'");
    twins.until("it has begun", |terminal| terminal.text().contains("\nready"));
    twins.types("ahead\n");
    twins.show("line ahead");
}

#[test]
fn w16_much_pasted_text_arrives_whole() {
    let stage = Stage::new();
    let text: String = (0..4_000).map(|n| format!("pasted line {n}\n")).collect();
    let mut terminal = wrapped(&stage, &["sh", "-c", "stty -echo; echo ready; cksum"]);
    terminal.shows("ready");
    terminal.types(&text);
    terminal.types("\x04");
    let sum = program::run_within(&mut stage.command(How::Bare, ["cksum"]), text.as_bytes(), LIMIT).ends(0).out();
    terminal.shows(sum.trim());
    assert_eq!(terminal.ends_with(), 0);
}

#[test]
fn w16_a_program_that_stops_itself_gives_the_shell_back() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w sh -c 'echo begun; kill -STOP $$; read -r line; echo \"line $line\"'");
    twins.show("Stopped");
    twins.go_on();
    twins.types("here\n");
    twins.show("line here");
}

#[test]
fn w16_stopping_works_through_two_wrappers() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w w sh -c 'echo begun; read -r line; echo \"line $line\"; exit 4'");
    twins.show("\nbegun");
    twins.types("\x1a");
    twins.show("Stopped");
    twins.go_on();
    twins.types("here\n");
    twins.show("line here");
    twins.enter("echo status $?");
    twins.show("status 4");
}

#[test]
fn w16_a_shell_within_has_jobs_of_its_own() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("w bash --norc --noprofile -i");
    twins.until("the inner shell is there", |terminal| terminal.text().matches('$').count() == 2);
    twins.types("clear; sh -c 'echo begun; read -r line; echo line $line'\n");
    twins.until("it has begun", |terminal| terminal.text().starts_with("begun"));
    twins.types("\x1a");
    twins.show("Stopped");
    twins.types("clear; suspend -f\n");
    twins.until("the outer shell is back", |terminal| terminal.is_at_prompt() && terminal.text().contains("Stopped"));
    twins.go_on();
    twins.types("\n");
    twins.types("clear; fg\n");
    twins.until("it goes on", |terminal| terminal.text().starts_with("sh -c"));
    twins.types("here\n");
    twins.show("line here");
}

#[test]
fn w16_output_can_be_halted_and_let_go_by_keys() {
    halts_and_lets_go(&["sh", "-c", "while :; do echo tick; sleep 0.01; done"]);
}

#[test]
fn w16_output_is_let_go_of_a_child_that_asks_now_and_then() {
    // The keys that stop and restart output come both while it asks and while it does not.
    halts_and_lets_go(&["sh", "-c", "while :; do echo tick; timeout --foreground 0.1 cat; sleep 0.1; done"]);
}

#[track_caller]
fn halts_and_lets_go(argv: &[&str]) {
    let stage = Stage::new();
    let mut terminal = wrapped(&stage, argv);
    terminal.shows("tick");
    for round in 0..4 {
        terminal.types("\x13");
        // Bytes in transit may still come.
        terminal.looks_for(Duration::from_millis(200 + round * 30));
        let len = terminal.transcript.len();
        terminal.looks_for(Duration::from_millis(300));
        assert_eq!(terminal.transcript.len(), len, "it was not halted");
        terminal.types("\x11");
        terminal.until("it goes on", |terminal| terminal.transcript.len() > len);
    }
    terminal.types("\x03");
    assert_eq!(terminal.ends_with(), 130);
}

#[test]
fn w16_only_standard_error_in_a_file_stays_there() {
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter(
        "w sh -c 'test -t 1 && echo shown; echo \"hidden $TOKEN\" >&2; test -t 2 || exit 5' 2>\"${PATH%%:*}/hidden\"",
    );
    twins.show("\nshown");
    twins.enter("echo status $?");
    twins.show("status 5");
    assert_eq!(std::fs::read_to_string(stage.path("wrapped/hidden")).expect("it is there"), format!("hidden {MASK}\n"));
}

#[test]
fn w16_end_of_file_typed_is_end_of_file() {
    let stage = Stage::new();
    let mut twins = twins(&stage, &["sh", "-c", "echo ready; cat; echo \"over $?\"; cat; echo again"]);
    twins.show("ready");
    twins.types("text\n\x04");
    twins.show("over 0");
    twins.types("part\x04\x04");
    twins.show("again");
    assert_eq!(twins.end(), 0);
}

#[test]
fn w16_a_terminal_that_is_nobodys_own_works() {
    needs!("setsid");
    let stage = Stage::new();
    let mut twins = shells(&stage);
    twins.enter("setsid -w w sh -c 'echo begun; read -r line; echo \"line $line\"; exit 4'");
    twins.show("\nbegun");
    twins.types("here\n");
    twins.show("line here");
    twins.enter("echo status $?");
    twins.show("status 4");
}

#[test]
fn w12_the_terminal_is_restored_when_we_panic() {
    if IS_RELEASED {
        return;
    }
    let stage = Stage::new();
    let fresh = Terminal::start(stage.command(How::Bare, ["true"])).settings();
    let mut command = stage.command(How::Wrapped, ["sh", "-c", "echo \"number $$\"; echo begun; exec sleep 300"]);
    command.env("HUSHLOG_TEST_PANIC", "run");
    let mut terminal = Terminal::start(command);
    assert_eq!(terminal.ends_with(), 3);
    assert_eq!(terminal.settings(), fresh);
    assert!(terminal.written().contains("hushlog: error: internal error"), "{}", terminal.written());
    assert_masked(&terminal);
}
