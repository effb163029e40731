//! Typed values: the text that reaches the shell, and the state of the terminal afterwards.

use std::fs;

use super::commands::{Terminal, under_terminal};
use super::program::HUSHLOG;
use super::program::session::needs;
use super::registry::Desk;

const VALUE: &str = "canary-4f9QzX-b02";

/// An interactive shell with a history file, in which `secret add` asks for a value.
fn shell_asking(desk: &Desk, name: &str) -> Terminal {
    let mut terminal = under_terminal(desk, &["env", "PS1=ready> ", "HISTFILE=history", "TERM=dumb", "bash", "--norc"]);
    terminal.shows("ready> ");
    terminal.types(&format!("{HUSHLOG} secret add {name}\n"));
    terminal.shows("(not shown): ");
    terminal
}

/// The lines after the second one reached the shell, which ran them and kept them in its history.
#[test]
fn b02_the_rest_of_a_pasted_key_does_not_reach_the_shell() {
    needs!("bash");
    let desk = Desk::new();
    let mut terminal = shell_asking(&desk, "pasted");
    let lines: Vec<String> = (10..90).map(|number| format!("{VALUE}{}{number}", "x".repeat(46))).collect();
    terminal.types(&format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")));
    terminal.shows("ready> ");
    terminal.types("exit 7\n");
    let (shown, status) = terminal.end();
    assert!(shown.contains("the two values differ") && shown.contains("--value-file"), "{shown}");
    assert!(!shown.contains(VALUE) && !shown.contains("END PRIVATE KEY"), "{shown}");
    assert_eq!(status, 7, "{shown}");
    let history = fs::read_to_string(desk.path("history")).unwrap();
    assert!(history.contains("secret add pasted") && !history.contains(VALUE), "{history}");
}

/// A dropped character made another value, which was saved and masked in place of the intended one.
#[test]
fn b02_no_character_of_a_typed_value_is_left_out_in_silence() {
    let desk = Desk::new();
    let add = |name: &str, value: &str| {
        let mut terminal = under_terminal(&desk, &[HUSHLOG, "secret", "add", name]);
        terminal.shows("(not shown): ");
        terminal.types(&format!("{value}\n"));
        if name != "control" {
            terminal.answer("again: ", value);
        }
        terminal.end()
    };
    let long = "p\u{e4}ss".repeat(2000);
    for (name, value) in [("blanks", "a\tvalue  with blanks "), ("long", long.as_str())] {
        let (shown, status) = add(name, value);
        assert_eq!(status, 0, "{shown}");
        let saved = desk.content().unwrap().1;
        assert!(saved.iter().any(|(saved, _, bytes, _)| saved == name && bytes == value.as_bytes()), "{name}");
    }
    let (shown, status) = add("control", "a\u{1}value");
    assert!(status == 2 && shown.contains("control character") && !shown.contains("value\r"), "{shown}");
    let (shown, status) = add("edited", "wrong\u{15}canary-\u{e4}\u{7f}\u{8}\u{1b}[A-edited");
    assert_eq!(status, 0, "{shown}");
    assert!(desk.content().unwrap().1.iter().any(|(_, _, value, _)| value == b"canary-edited"));
}

/// The terminal was left without echo and line mode.
#[test]
fn b03_a_signal_at_a_prompt_leaves_the_terminal_as_it_was() {
    needs!("bash");
    let desk = Desk::new();
    for (name, before, keys) in
        [("INT", "", "half\u{3}"), ("QUIT", "", "half\u{1c}"), ("TERM", "timeout --foreground 1", "half")]
    {
        let script = format!(
            "trap : INT QUIT; {before} {HUSHLOG} secret add typed; echo \"status $?\"; stty -a; echo read:; read -r a; echo \"got $a\""
        );
        let mut terminal = under_terminal(&desk, &["bash", "-c", &script]);
        terminal.shows("(not shown): ");
        terminal.types(keys);
        terminal.answer("read:\r\n", "typed");
        let (shown, _) = terminal.end();
        for mode in [" echo ", " icanon ", "isig "] {
            assert!(shown.contains(mode), "{name}: {mode} is missing in {shown}");
        }
        assert!(shown.contains("got typed") && !shown.contains("status 0"), "{name}: {shown}");
    }
}

/// The shell sets up the terminal for itself at that time, and does not hide later input.
#[test]
fn b03_after_a_stop_at_a_prompt_nothing_is_echoed() {
    needs!("bash");
    let desk = Desk::new();
    let mut terminal = shell_asking(&desk, "stopped");
    terminal.types("half\u{1a}");
    terminal.shows("ready> ");
    terminal.types("fg\n");
    terminal.shows("(not shown): ");
    terminal.types(&format!("{VALUE}\n"));
    terminal.answer("again: ", VALUE);
    terminal.shows("ready> ");
    terminal.types("exit 7\n");
    let (shown, status) = terminal.end();
    assert!(shown.contains("saved stopped") && status == 7, "{shown}");
    assert!(!shown.contains(VALUE), "{shown}");
    assert_eq!(desk.content().unwrap().1[0].2, VALUE.as_bytes());
}
