//! Keys typed while the child of `hushlog run` does not read (row 25 of the audit): they belong to
//! the next reading program.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::run::{How, MASK, SECRET, Stage, installed};
use crate::tty::{LIMIT, Terminal};

/// A shell at its prompt, in which `w` wraps.
fn shell(stage: &Stage) -> Terminal {
    let mut terminal = Terminal::start(stage.shell(How::Wrapped));
    terminal.shows("$");
    terminal
}

/// Types a line at the shell's prompt, and waits until the started program has begun.
#[track_caller]
fn begin(terminal: &mut Terminal, line: &str) {
    terminal.types(line);
    terminal.types("\n");
    terminal.shows("\nbegun");
    terminal.looks_for(Duration::from_millis(150));
}

#[test]
fn a25_input_unread_by_the_child_reaches_the_next_program() {
    let stage = Stage::new();
    for wait in ["sleep 1", "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done", "sleep 1 & wait", "sleep 1 | cat"] {
        let mut terminal = shell(&stage);
        begin(&mut terminal, &format!("w sh -c 'echo begun; {wait}'"));
        terminal.types("echo typed ahe''ad\n");
        terminal.shows("\ntyped ahead");
    }
}

#[test]
fn a25_a_child_that_computes_leaves_them_too() {
    let stage = Stage::new();
    let mut terminal = shell(&stage);
    begin(&mut terminal, "w bash -c 'echo begun; while test $SECONDS -lt 2; do :; done'");
    terminal.types("echo typed ahe''ad\n");
    terminal.shows("\ntyped ahead");
}

#[test]
fn a25_a_child_that_reads_a_line_leaves_the_others() {
    let stage = Stage::new();
    let mut terminal = shell(&stage);
    begin(&mut terminal, "w sh -c 'echo begun; read -r line; echo \"got <$line>\"'");
    terminal.types("one\necho t''wo\n");
    terminal.shows("\ntwo");
    assert!(terminal.text().contains("\ngot <one>"), "{}", terminal.text());
}

#[test]
fn a25_a_reader_slow_to_take_its_line_leaves_the_others() {
    let stage = Stage::new();
    let mut terminal = shell(&stage);
    begin(&mut terminal, r#"w sh -c "bash -c 'echo begun; read -r line; echo \"got <\$line>\"'; true""#);
    let reader = terminal.last_below();
    kill_process(reader, Signal::STOP).expect("it runs");
    terminal.types("one\necho t''wo\n");
    terminal.looks_for(Duration::from_millis(400));
    kill_process(reader, Signal::CONT).expect("it is there");
    terminal.shows("\ntwo");
    assert!(terminal.text().contains("\ngot <one>"), "{}", terminal.text());
}

#[test]
fn a25_half_a_line_is_there_for_the_next_program() {
    let stage = Stage::new();
    let mut terminal = shell(&stage);
    begin(&mut terminal, "w sh -c 'echo begun; sleep 0.6'; read -r line; echo \"got <$line>\"");
    terminal.types("half");
    terminal.looks_for(Duration::from_millis(800));
    terminal.types(" a line\n");
    terminal.shows("\ngot <half a line>");
}

#[test]
fn a25_keys_for_signals_act_whatever_waits() {
    let stage = Stage::new();
    for (keys, line) in [
        ("some keys\x03", "w sh -c 'echo begun; exec sleep 300'"),
        ("\x03", "w sh -c 'echo begun; read -r line; exec sleep 300'"),
        ("line\n\x03", "w sh -c 'echo begun; read -r line; exec sleep 300'"),
        ("line\nother\n\x03", "w sh -c 'echo begun; read -r line; exec sleep 300'"),
    ] {
        let mut terminal = shell(&stage);
        begin(&mut terminal, line);
        let start = Instant::now();
        terminal.types(keys);
        terminal.until("the prompt is back", |terminal| terminal.is_at_prompt() && terminal.text().ends_with("$ "));
        assert!(start.elapsed() < Duration::from_secs(5), "{line}: {:?}", start.elapsed());
        terminal.types("echo status $?\n");
        terminal.shows("\nstatus 130");
    }
}

#[test]
fn a25_waiting_input_is_not_shown_before_it_is_read() {
    let stage = Stage::new();
    let mut terminal = shell(&stage);
    begin(&mut terminal, "w sh -c 'echo begun; sleep 0.5; read -r line; test \"$line\" = \"$TOKEN\" && echo same'");
    terminal.types(SECRET);
    terminal.types("\n");
    terminal.shows("\nsame");
    assert!(!terminal.written().contains(&SECRET[4..]), "a value was shown");
    assert!(terminal.written().contains(MASK), "it was not echoed at all");
}

#[test]
fn a25_a_child_that_waits_in_other_calls_gets_its_keys() {
    if !installed(&["python3"]) {
        return;
    }
    let stage = Stage::new();
    for wait in [
        "select.select([0], [], [])",
        "p = select.poll(); p.register(0, select.POLLIN); p.poll()",
        "p = select.epoll(); p.register(0, select.EPOLLIN); p.poll()",
        "t = open('/dev/tty'); select.select([t], [], [])",
        "t = threading.Thread(target=select.select, args=([0], [], [])); t.start(); t.join()",
        "os.set_blocking(0, False)\nwhile not (os.read(0, 0) == b'' and select.select([0], [], [], 0)[0]): time.sleep(.01)\n\
         os.set_blocking(0, True)",
    ] {
        let text =
            format!("import os, select, threading, time\nprint('begun', flush=True)\n{wait}\nprint('got', input())");
        let mut terminal = Terminal::start(stage.command(How::Wrapped, ["python3", "-c", &text]));
        terminal.shows("begun");
        terminal.looks_for(Duration::from_millis(150));
        terminal.types("the line\n");
        terminal.shows("got the line");
        assert_eq!(terminal.ends_with(), 0, "{wait}");
    }
}

#[test]
fn a25_a_child_of_a_child_that_lost_its_parent_gets_its_keys() {
    let stage = Stage::new();
    let text = "(sh -c 'echo begun; read -r line </dev/tty; echo \"got <$line>\"; touch over' &); while ! test -e over; do sleep 0.05; done";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", text]));
    terminal.shows("begun");
    terminal.looks_for(Duration::from_millis(150));
    terminal.types("the line\n");
    terminal.shows("got <the line>");
    assert_eq!(terminal.ends_with(), 0);
}

#[test]
fn a25_keys_come_at_once_when_they_are_asked_for() {
    let stage = Stage::new();
    let text = "echo begun; while read -r line; do echo \"<$line>\"; done";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", text]));
    terminal.shows("begun");
    let start = Instant::now();
    for n in 0..100 {
        terminal.types(&format!("line {n}\n"));
        terminal.shows(&format!("<line {n}>"));
    }
    assert!(start.elapsed() < LIMIT / 5, "100 lines took {:?}", start.elapsed());
}

#[test]
fn a41_a_key_is_not_echoed_amid_a_value_if_nobody_reads() {
    let stage = Stage::new();
    let text = "echo begun; printf hunter2-prod-; sleep 1; printf 'key\\n'";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["bash", "-c", text]));
    terminal.shows("begun");
    terminal.looks_for(Duration::from_millis(300));
    terminal.types("q");
    assert_eq!(terminal.ends_with(), 0);
    assert!(
        terminal.written().ends_with("prod-key]\r\n") || terminal.written().contains(MASK),
        "{}",
        terminal.written()
    );
    assert!(!terminal.written().contains("key\r\n"), "{}", terminal.written());
}
