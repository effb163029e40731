//! The destinations of `hushlog run`'s outputs: two that are one, ways around it, and the
//! permissions of its pipes.

use std::process::Command;
use std::time::Duration;

use crate::program::run_within;
use crate::program::session::needs;
use crate::run::{How, MASK, SECRET, Stage, installed};
use crate::tty::{LIMIT, Terminal};

/// A shell script in which `w` is the wrapper, or nothing.
fn script(stage: &Stage, how: How, text: &str) -> Command {
    let mut command = Command::new("bash");
    stage.furnish(&mut command, how);
    command.args(["-c", text]);
    command
}

/// Runs the script wrapped, without a terminal.
#[track_caller]
fn runs(stage: &Stage, text: &str) -> String {
    run_within(&mut script(stage, How::Wrapped, text), b"", LIMIT).ends(0).out()
}

/// Writes the secret in two pieces: to standard output, then to standard error.
const SPLIT: &str = "w sh -c 'printf hunter2-; printf prod-key >&2'";

#[test]
fn a39_one_file_opened_twice_is_one_stream() {
    let stage = Stage::new();
    for (into, how) in [
        (">>f 2>>f", "both append"),
        (">f 2>>f", "one appends"),
        (">>f 2>f", "the other one appends"),
        (">f 2>>./../\"${PWD##*/}\"/f", "by another path"),
        (">>g 2>>f", "by another name"),
    ] {
        let text = format!("rm -f f g; : >f; ln f g; {SPLIT} {into}; cat f");
        assert_eq!(runs(&stage, &text), MASK, "{how}");
    }
}

#[test]
fn a39_two_places_in_one_file_are_one_stream() {
    let stage = Stage::new();
    // Each open file has its own offset, so that the error has to go eight bytes ahead to follow
    // the output.
    let text = "w sh -c 'printf 01234567 >&2; printf hunter2-; printf prod-key >&2' >f 2>f; cat f";
    assert_eq!(runs(&stage, text), format!("01234567{MASK}"));
}

#[test]
fn a39_order_stays_in_a_file_that_was_opened_twice() {
    let stage = Stage::new();
    let text = "w sh -c 'for n in 1 2 3; do echo out $n; echo err $n >&2; done' >>f 2>>f; cat f";
    assert_eq!(runs(&stage, text), "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
}

#[test]
fn a39_a_named_pipe_opened_twice_is_one_stream() {
    let stage = Stage::new();
    let text = format!("mkfifo p; cat p & {SPLIT} >p 2>p; wait");
    assert_eq!(runs(&stage, &text), MASK);
}

#[test]
fn a39_two_files_stay_two_streams() {
    let stage = Stage::new();
    let text = "w sh -c 'echo out; echo err >&2' >>f 2>>g; cat f; echo; cat g";
    assert_eq!(runs(&stage, text), "out\n\nerr\n");
}

#[test]
fn a39_a_terminal_opened_twice_is_one_stream() {
    let stage = Stage::new();
    for into in ["2>/dev/tty", ">/dev/tty", "</dev/null 2>/dev/tty", "</dev/null >/dev/tty 2>\"$(tty)\""] {
        let text = format!("{SPLIT} {into}");
        let mut terminal = Terminal::start(script(&stage, How::Wrapped, &text));
        assert_eq!(terminal.ends_with(), 0, "{into}");
        assert_eq!(terminal.written(), MASK, "{into}");
    }
}

#[test]
fn a40_a_terminal_as_input_alone_cannot_be_written_to() {
    let stage = Stage::new();
    for how in [How::Bare, How::Wrapped] {
        // The shell reports the failed write on its standard error, which is a pipe as well.
        let text = "w sh -c 'echo \"leak $TOKEN\" >&0; echo over' 2>&1 | tail -n 1";
        let mut terminal = Terminal::start(script(&stage, how, text));
        assert_eq!(terminal.ends_with(), 0);
        let written = terminal.written();
        assert_eq!(written.contains(SECRET), how == How::Bare, "{how:?}");
        assert!(written.ends_with("over\r\n"), "{written}");
    }
}

#[test]
fn a40_a_terminal_as_input_alone_is_read_as_before() {
    let stage = Stage::new();
    let text = "w sh -c 'stty size <&0; tty; test -t 0 && echo ready >/dev/tty; read -r line; echo \"line $line\"' | \
        sed 's:/dev/pts/.*:a terminal:'";
    for how in [How::Bare, How::Wrapped] {
        let mut terminal = Terminal::start(script(&stage, how, text));
        terminal.shows("ready");
        terminal.types("here\n");
        assert_eq!(terminal.ends_with(), 0);
        let written = terminal.written();
        let has = |line: &str| written.lines().any(|other| other == line);
        assert!(has("24 80") && has("a terminal") && has("line here"), "{how:?}: {written}");
    }
}

#[test]
fn a41_a_key_echoed_within_a_value_lets_it_out() {
    let stage = Stage::new();
    // Pins a case of the manual: one process reads while another one writes, so that the key is
    // echoed at once.
    let text = "cat </dev/tty >/dev/null & echo begun; printf hunter2-prod-; sleep 1; printf 'key\n'; kill $!";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["bash", "-c", text]));
    terminal.shows("begun");
    terminal.looks_for(Duration::from_millis(300));
    terminal.types("q");
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(terminal.written(), "begun\r\nhunter2-prod-qkey\r\n");
}

/// Whether programs can be run as another user here.
fn has_other_users() -> bool {
    let can = installed(&["setpriv"]) && rustix::process::geteuid().is_root();
    if !can {
        crate::program::session::without("root and setpriv");
    }
    can
}

/// Reopens its standard outputs as another user.
const OTHER: &str = "setpriv --reuid 1000 --clear-groups sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'";

#[test]
fn ax_another_user_opens_the_outputs_that_are_its_own() {
    needs!("root");
    if !has_other_users() {
        return;
    }
    let stage = Stage::new();
    for how in [How::Bare, How::Wrapped] {
        let own = ": >f; : >g; chown 1000 f g; chmod 600 f g";
        let others = ": >f; : >g; chmod 622 f g";
        for made in [own, others] {
            let text = format!("rm -f f g; {made}; w {OTHER} >>f 2>>g; cat f g");
            assert_eq!(run_within(&mut script(&stage, how, &text), b"", LIMIT).ends(0).out(), "out\nerr\n", "{made}");
        }
        let text = format!("mkfifo p; chown 1000 p; cat p & w {OTHER} >p 2>&1; wait; rm p");
        assert_eq!(run_within(&mut script(&stage, how, &text), b"", LIMIT).ends(0).out(), "out\nerr\n", "{how:?}");
    }
}

#[test]
fn ax_another_user_opens_no_output_that_is_not_its_own() {
    needs!("root");
    if !has_other_users() {
        return;
    }
    let stage = Stage::new();
    for how in [How::Bare, How::Wrapped] {
        let text = format!("rm -f f g; : >f; : >g; chmod 644 f g; w {OTHER} >>f 2>>g; cat f");
        assert_eq!(run_within(&mut script(&stage, how, &text), b"", LIMIT).ends(0).out(), "", "{how:?}");
    }
}

#[test]
fn ax_another_user_does_not_read_unredacted_bytes() {
    needs!("root");
    if !has_other_users() {
        return;
    }
    let stage = Stage::new();
    let text = ": >f; chown 1000 f; chmod 666 f; w setpriv --reuid 1000 --clear-groups \
        sh -c 'if cat </dev/stdout; then echo read; else echo refused; fi 2>/dev/null' >>f; cat f";
    assert_eq!(runs(&stage, text), "refused\n");
}

#[test]
fn ax_another_user_opens_the_terminal_that_is_its_own() {
    needs!("root");
    if !has_other_users() {
        return;
    }
    let stage = Stage::new();
    let text = format!("chown 1000 \"$(tty)\"; w {OTHER}");
    for how in [How::Bare, How::Wrapped] {
        let mut terminal = Terminal::start(script(&stage, how, &text));
        assert_eq!((terminal.ends_with(), terminal.written()), (0, "out\r\nerr\r\n".to_owned()), "{how:?}");
    }
}
