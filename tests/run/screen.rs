//! `hushlog run` with programs that use the alternate screen: masks keep the width there.

use crate::program::session::needs;
use crate::run::{How, MASK, PEM_LINES, SECRET, Stage};
use crate::tty::Terminal;

/// A mask of the width of a value: the name where it fits.
fn fitted(name: &str, value: &str) -> String {
    format!("{:*<1$}", format!("[{name}]"), value.len())
}

/// Lines as wide as the screen, with a secret in the middle.
fn wide_lines() -> String {
    let values = [SECRET, PEM_LINES[0]];
    (1..=20).map(|n| format!("{:<79}|\n", format!("{n:02} {} b", values[n % 2]))).collect()
}

/// Shows the lines in a full-screen program, bare and wrapped, and compares the screens.
#[track_caller]
fn keeps_its_screen(program: &[&str], ready: &str, quit: &str) {
    let stage = Stage::new();
    let file = stage.path("wide");
    std::fs::write(&file, wide_lines()).expect("it is ours");
    let argv = [program, &[file.to_str().expect("a path of ours")]].concat();
    let screens = [How::Bare, How::Wrapped].map(|how| {
        let mut terminal = Terminal::start(stage.command(how, &argv));
        terminal.until("the screen is drawn", |terminal| terminal.is_full_screen() && terminal.text().contains(ready));
        let text = terminal.text();
        terminal.types(quit);
        assert_eq!(terminal.ends_with(), 0);
        (text, terminal.written())
    });
    let [(bare, _), (wrapped, written)] = screens;
    let wanted = bare.replace(SECRET, &fitted("TOKEN", SECRET)).replace(PEM_LINES[0], &fitted("PEM", PEM_LINES[0]));
    assert_eq!(wrapped, wanted);
    assert!(wanted.contains("[PEM]****") && !written.contains(&PEM_LINES[0][4..]));
}

#[test]
fn w16_a_pager_keeps_its_screen() {
    needs!("less");
    keeps_its_screen(&["less"], "\n20 ", "q");
}

#[test]
fn w16_an_editor_keeps_its_screen() {
    needs!("vim");
    keeps_its_screen(&["vim", "-u", "NONE", "-i", "NONE", "-n"], "\n20 ", ":q\n");
}

#[test]
fn w16_masks_outside_the_alternate_screen_are_unchanged() {
    let stage = Stage::new();
    let script = "printf '%s\\n\\033[?1049h%s\\033[?1049l\\n%s\\n' \"$PEM\" \"$TOKEN\" \"$TOKEN\" | grep -v -e -----";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", script]));
    assert_eq!(terminal.ends_with(), 0);
    let written = terminal.written();
    let (before, after) = written.split_once("\u{1b}[?1049l").expect("the screen was left");
    assert!(before.ends_with(&format!("[?1049h{}", fitted("TOKEN", SECRET))), "{before:?}");
    assert!(before.starts_with("[REDACTED:PEM]"), "{before:?}");
    assert_eq!(after, format!("\r\n{MASK}\r\n"));
}
