//! Progress and notes of the filter at a terminal.

use crate::program::script;
use crate::tty::Terminal;

const SECRET: &str = "sk-live-4f9QzXabc";

/// A shell script at a terminal, in a directory with a dotenv file.
fn at_terminal(text: &str) -> (Terminal, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("room");
    std::fs::write(dir.path().join("app.env"), format!("API_TOKEN={SECRET}\n")).expect("room");
    let mut command = script(text);
    command.current_dir(&dir).env("TERM", "xterm-256color");
    (Terminal::start(command), dir)
}

#[test]
fn the_rate_and_the_masks_of_a_stream_are_shown() {
    let text = format!("(echo {SECRET} {SECRET}; sleep 1) | hushlog --dotenv app.env --progress > out; cat out");
    let (mut terminal, _dir) = at_terminal(&text);
    terminal.until("the progress is shown", |terminal| {
        let text = terminal.text();
        text.contains("36 B read, ") && text.contains("/s, 2 masked, ")
    });
    assert_eq!(terminal.ends_with(), 0);
    let shown = terminal.text();
    assert!(
        !shown.contains(" read, ") && shown.contains("hushlog: masked 2 places (API_TOKEN 2); 36 bytes in"),
        "{shown}"
    );
    assert!(shown.contains("[REDACTED:API_TOKEN] [REDACTED:API_TOKEN]") && !terminal.written().contains(SECRET));
}

#[test]
fn a_file_has_a_bar_with_its_size() {
    // The second file is larger than a pipe, so that the filter still runs when the bar is drawn.
    let text = "mkfifo wait; head -c 100000 /dev/zero > a; (sleep 1; echo) > wait & \
        hushlog --dotenv app.env --progress a wait > out; hushlog --dotenv app.env --progress a | (sleep 1; wc -c)";
    let (mut terminal, _dir) = at_terminal(text);
    terminal.shows("97.66 KiB read, ");
    assert_eq!(terminal.ends_with(), 0);
    assert!(terminal.written().contains(" of 97.66 KiB, "), "{}", terminal.written());
    assert!(terminal.text().contains("97.66 KiB in"), "{}", terminal.text());
}

#[test]
fn no_progress_is_drawn_over_the_text() {
    let (mut terminal, _dir) = at_terminal("printf 'a line\\n' | hushlog --dotenv app.env --progress");
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(terminal.written(), "a line\r\nhushlog: masked 0 places; 7 bytes in\r\n");
}

#[test]
fn a_filter_of_the_keyboard_says_so() {
    let (mut terminal, _dir) = at_terminal("exec hushlog --dotenv app.env");
    terminal.shows("hushlog: note: reading what is typed here, up to Ctrl-D");
    terminal.types("\u{4}");
    assert_eq!(terminal.ends_with(), 0);
}

#[test]
fn help_has_colours_at_a_terminal_only() {
    let (mut terminal, _dir) = at_terminal("hushlog --help | cat; NO_COLOR=1 hushlog --help; TERM=dumb hushlog -h");
    assert_eq!(terminal.ends_with(), 0);
    assert!(!terminal.written().contains('\u{1b}'));
    let (mut terminal, _dir) = at_terminal("exec hushlog --help");
    assert_eq!(terminal.ends_with(), 0);
    assert!(terminal.written().contains("\u{1b}[1m"));
}
