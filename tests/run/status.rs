//! How `hushlog run` starts, ends and passes on events: the wrapper's rows of `docs/faults.md`
//! about status, signals and inherited attributes (W01, W02, W07 to W10, W13, W14, W18).

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::session::needs;
use crate::program::{HUSHLOG, Ran, ends_within, read_aside, run_within};
use crate::run::{self, How, MASK, PEM_LINES, SECRET, Stage, child, installed};
use crate::tty::{LIMIT, Terminal, Twins, eventually, is_alive, state};

const BOTH: [How; 2] = [How::Bare, How::Wrapped];

fn ran(stage: &Stage, how: How, argv: &[&str]) -> Ran {
    run_within(&mut stage.command(how, argv), b"", LIMIT)
}

/// The compiled child's path, as an argument.
fn child_path() -> Option<&'static str> {
    child().map(|path| path.to_str().expect("a path of ours"))
}

/// A program that has printed its first line.
struct Begun {
    child: Child,
    line: String,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Begun {
    fn new(command: &mut Command) -> Begun {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it is text");
        Begun { child, line: line.trim().to_owned(), stdout }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The process that the first line names.
    fn named(&self) -> Pid {
        Pid::from_raw(self.line.parse().expect("a number")).expect("it is not 0")
    }

    /// Its exit, and the rest of its output.
    #[track_caller]
    fn ends(mut self) -> (ExitStatus, String) {
        let rest = read_aside(self.stdout);
        let status = ends_within(&mut self.child, LIMIT);
        (status, String::from_utf8_lossy(&rest.recv_timeout(LIMIT).expect("the pipe is closed")).into_owned())
    }
}

#[test]
fn w01_the_exit_status_is_that_of_the_child() {
    let stage = Stage::new();
    for code in [0, 1, 2, 3, 42, 126, 127, 128, 130, 255] {
        let argv = ["sh", "-c", &format!("exit {code}")];
        assert_eq!(ran(&stage, How::Wrapped, &argv).code, Some(code));
        assert_eq!(Terminal::start(stage.command(How::Wrapped, argv)).ends().code(), Some(code), "at a terminal");
    }
}

#[test]
fn w01_a_death_by_signal_is_ours_too() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    for signal in (1..=31).chain([34, 35, 50, 64]) {
        // Those stop it, which is no end.
        if [19, 20, 21, 22].contains(&signal) {
            continue;
        }
        let number = signal.to_string();
        let [bare, wrapped] = BOTH.map(|how| ran(&stage, how, &[child, "die", &number]));
        assert_eq!((wrapped.code, wrapped.signal), (bare.code, bare.signal), "signal {signal}");
        assert_eq!(wrapped.out(), "dying\n");
        assert_eq!(wrapped.err(), "");
        let mut terminal = Terminal::start(stage.command(How::Wrapped, [child, "die", &number]));
        let status = terminal.ends();
        assert_eq!((status.code(), status.signal()), (bare.code, bare.signal), "signal {signal} at a terminal");
    }
}

#[test]
fn w01_a_shell_sees_128_and_the_signal() {
    let stage = Stage::new();
    for signal in [9, 11, 15] {
        let script = format!("w sh -c 'kill -{signal} $$'; echo $?");
        let mut command = Command::new("bash");
        stage.furnish(&mut command, How::Wrapped);
        let ran = run_within(command.args(["-c", &script]), b"", LIMIT);
        assert_eq!(ran.out(), format!("{}\n", 128 + signal));
    }
}

#[test]
fn w01_no_core_file_is_left() {
    let stage = Stage::new();
    let mut command = stage.command(How::Wrapped, ["sh", "-c", "kill -ABRT $$"]);
    // The wrapper's own death would write a core here.
    let ran = run_within(&mut command, b"", LIMIT);
    assert_eq!(ran.signal, Some(6));
    let cores = fs::read_dir(stage.path("")).expect("it is ours").flatten();
    let cores = cores.filter(|entry| entry.file_name().to_string_lossy().starts_with("core"));
    // The child's cores are its own affair.
    for core in cores {
        let text = fs::read(core.path()).expect("it is ours");
        assert!(!text.windows(7).any(|window| window == b"hushlog"), "a core of the wrapper");
    }
}

#[test]
fn w02_a_program_that_is_not_found_is_127() {
    let stage = Stage::new();
    for argv in [&["no-such-program-anywhere"][..], &["/no/such/directory/program"], &["./secrets"], &[""]] {
        let ran = ran(&stage, How::Wrapped, argv).ends(127).says("hushlog: error: ");
        assert_clean(&ran);
        assert_eq!(ran.out(), "");
    }
}

#[test]
fn w02_a_program_that_cannot_be_run_is_126() {
    let stage = Stage::new();
    fs::write(stage.path("plain"), "not a program").expect("it is ours");
    run::write_program(&stage.path("broken"), "#!/no/such/interpreter\n");
    for (program, codes) in [("./plain", &[126][..]), ("/tmp", &[126]), ("./broken", &[126, 127])] {
        let ran = ran(&stage, How::Wrapped, &[program]).says("hushlog: error: ");
        assert!(codes.iter().any(|code| Some(*code) == ran.code), "{program}: {:?}", ran.code);
        assert_clean(&ran);
    }
}

#[test]
fn w02_a_script_that_names_no_interpreter_runs_as_without_us() {
    let stage = Stage::new();
    run::write_program(&stage.path("script"), "echo \"here $1\"; exit 5\n");
    // Like execvp(3) and all its users.
    let bare = ran(&stage, How::Bare, &["env", "./script", "and there"]);
    let wrapped = ran(&stage, How::Wrapped, &["./script", "and there"]);
    assert_eq!((wrapped.code, wrapped.out(), wrapped.err()), (bare.code, bare.out(), bare.err()));
}

#[test]
fn w02_a_secret_as_the_name_of_a_program_is_not_repeated() {
    let stage = Stage::new();
    let ran = ran(&stage, How::Wrapped, &[SECRET]).ends(127);
    assert!(!ran.err().contains(SECRET), "the message shows the secret");
}

#[test]
fn w02_a_variable_that_is_too_big_is_named_before_anything_runs() {
    let stage = Stage::new();
    // One string of 128 KiB is more than Linux accepts.
    let value = "canaryW02q7Zt".repeat(20_000);
    fs::write(stage.path("big.env"), format!("SMALL=some-small-value\nBIG_ONE={value}\n")).expect("it is ours");
    let ran = run_within(&mut with(&stage, "big.env", &["touch", "begun"]), b"", LIMIT).says("BIG_ONE");
    assert!(matches!(ran.code, Some(2 | 126)), "{:?}", ran.code);
    assert!(!ran.err().contains("canary"), "the message shows the value");
    assert!(!stage.path("begun").exists(), "it ran all the same");
}

#[test]
fn w02_variables_that_are_too_big_together_name_one() {
    let stage = Stage::new();
    let values: String = (0..100).map(|n| format!("VARIABLE_{n:02}={}\n", "canaryW02x9Ks".repeat(9_000))).collect();
    fs::write(stage.path("big.env"), values).expect("it is ours");
    let ran = run_within(&mut with(&stage, "big.env", &["touch", "begun"]), b"", LIMIT).says("VARIABLE_");
    assert!(matches!(ran.code, Some(2 | 126)), "{:?}", ran.code);
    assert!(!ran.err().contains("canary"), "the message shows a value");
    assert!(!stage.path("begun").exists(), "it ran all the same");
}

/// The wrapper with the variables of this file.
fn with(stage: &Stage, file: &str, argv: &[&str]) -> Command {
    let mut command = Command::new(HUSHLOG);
    stage.furnish(&mut command, How::Wrapped);
    command.args(["run", "--quiet", "--dotenv"]).arg(stage.path(file)).arg("--").args(argv);
    command
}

/// Asserts that its messages are the wrapper's own, and show no value.
#[track_caller]
fn assert_clean(ran: &Ran) {
    for value in [SECRET].iter().chain(&PEM_LINES) {
        assert!(!ran.err().contains(&value[4..]) && !ran.out().contains(&value[4..]), "a value was shown");
    }
    assert!(ran.err().lines().all(|line| line.starts_with("hushlog: ")), "said {}", ran.err());
}

#[test]
fn w02_usage_that_is_wrong_is_2_and_nothing_runs() {
    let stage = Stage::new();
    for args in [
        &["run"][..],
        &["run", "--"],
        &["run", "--dotenv", "no-such-file", "--", "touch", "begun"],
        &["run", "--no-such-option", "--", "touch", "begun"],
        &["run", "--env", "NO_SUCH_VARIABLE", "--", "touch", "begun"],
    ] {
        let mut command = Command::new(HUSHLOG);
        stage.furnish(&mut command, How::Wrapped);
        run_within(command.args(args), b"", LIMIT).ends(2).says("hushlog: error: ").says("hushlog: hint: ");
        assert!(!stage.path("begun").exists(), "{args:?} ran it");
    }
}

/// Terminals with the program that counts signals, bare and wrapped, as shells' jobs.
#[track_caller]
fn one_interrupt(line: &str) {
    let stage = Stage::new();
    let shell = |how| Terminal::start(stage.shell(how));
    let mut twins = Twins { bare: shell(How::Bare), wrapped: shell(How::Wrapped) };
    twins.enter(line);
    twins.show("\nready");
    twins.types("\x03");
    twins.show("signal 2 came 1 times");
    twins.enter("echo status ${PIPESTATUS[0]}");
    twins.show("\nstatus 7");
}

#[test]
fn w07_an_interrupt_reaches_the_child_once_at_a_terminal() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    one_interrupt(&format!("w {child} count"));
}

#[test]
fn w07_an_interrupt_reaches_a_child_that_writes_a_pipe_once() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    one_interrupt(&format!("w {child} count | (trap '' INT; cat)"));
}

#[test]
fn w07_an_interrupt_reaches_a_child_that_reads_a_pipe_once() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    one_interrupt(&format!("w {child} count </dev/null"));
}

#[test]
fn w07_a_quit_key_reaches_the_child_once() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    let mut twins = Twins {
        bare: Terminal::start(stage.command(How::Bare, [child, "count"])),
        wrapped: Terminal::start(stage.command(How::Wrapped, [child, "count"])),
    };
    twins.show("ready");
    twins.types("\x1c");
    twins.show("signal 3 came 1 times");
    assert_eq!(twins.end(), 7);
}

#[test]
fn w07_signals_are_handed_on_to_the_child() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2, Signal::ALARM] {
        let begun = Begun::new(&mut stage.command(How::Wrapped, [child, "count"]));
        assert_eq!(begun.line, "ready");
        kill_process(begun.pid(), signal).expect("it is there");
        let (status, rest) = begun.ends();
        assert_eq!(rest, format!("signal {} came 1 times\n", signal.as_raw()));
        assert_eq!(status.code(), Some(7));
    }
}

#[test]
fn w07_a_signal_reaches_all_of_the_childs_group() {
    let stage = Stage::new();
    let script = "trap 'echo outer' USR1; sh -c 'trap \"echo inner; exit 0\" USR1; echo ready; while :; do sleep 0.02; done' & wait; wait";
    let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", script]));
    kill_process(begun.pid(), Signal::USR1).expect("it is there");
    let (status, rest) = begun.ends();
    assert!(rest.contains("inner") && rest.contains("outer"), "{rest}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn w07_a_signal_that_kills_the_child_kills_us() {
    let stage = Stage::new();
    for signal in [Signal::HUP, Signal::INT, Signal::TERM, Signal::USR1] {
        let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", "echo begun; exec sleep 300"]));
        kill_process(begun.pid(), signal).expect("it is there");
        assert_eq!(begun.ends().0.signal(), Some(signal.as_raw()));
    }
}

#[test]
fn w07_a_child_that_stops_itself_continues_with_the_wrapper() {
    let stage = Stage::new();
    let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", "echo $$; kill -STOP $$; echo on; exit 3"]));
    let child = begun.named();
    eventually("the child is stopped", || state(child) == Some('T'));
    kill_process(begun.pid(), Signal::CONT).expect("it is there");
    let (status, rest) = begun.ends();
    assert_eq!((status.code(), rest.as_str()), (Some(3), "on\n"));
}

#[test]
fn w08_a_child_that_ignores_the_end_has_its_last_words_masked() {
    let stage = Stage::new();
    let script = "trap 'echo \"last words: $TOKEN\"' TERM; (trap '' TERM; exec sleep 301) & echo $!; while :; do wait; sleep 0.02; done";
    let mut command = Command::new(HUSHLOG);
    stage.furnish(&mut command, How::Wrapped);
    command.args(["run", "--quiet", "--kill-after", "1", "--dotenv"]).arg(stage.path("secrets.env"));
    let begun = Begun::new(command.args(["--", "sh", "-c", script]));
    let grandchild = begun.named();
    kill_process(begun.pid(), Signal::TERM).expect("it is there");
    let (status, rest) = begun.ends();
    assert!(matches!(status.signal(), Some(9 | 15)), "{status}");
    assert_eq!(rest, format!("last words: {MASK}\n"));
    eventually("all of the group is gone", || !is_alive(grandchild));
}

#[test]
fn w08_a_child_that_ends_in_order_is_given_the_time() {
    let stage = Stage::new();
    let script = "trap 'sleep 0.5; echo \"in order: $TOKEN\"; exit 5' TERM; echo ready; while :; do sleep 0.02; done";
    let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", script]));
    kill_process(begun.pid(), Signal::TERM).expect("it is there");
    let (status, rest) = begun.ends();
    assert_eq!((status.code(), rest), (Some(5), format!("in order: {MASK}\n")));
}

#[test]
fn w09_a_child_does_not_write_on_when_the_wrapper_is_killed() {
    let stage = Stage::new();
    let script = "echo $$; while echo \"token $TOKEN\"; do sleep 0.01; done";
    let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", script]));
    let child = begun.named();
    kill_process(begun.pid(), Signal::KILL).expect("it is there");
    let (status, rest) = begun.ends();
    assert_eq!(status.signal(), Some(9));
    assert!(!rest.contains(&SECRET[..4]) && !rest.contains(&SECRET[4..]), "a value was shown");
    eventually("the child is gone", || !is_alive(child));
}

#[test]
fn w09_at_a_terminal_nothing_is_written_after_a_kill() {
    let stage = Stage::new();
    let script = "echo \"number $$\"; while echo \"token $TOKEN\"; do sleep 0.01; done";
    let mut terminal = Terminal::start(stage.command(How::Wrapped, ["sh", "-c", script]));
    terminal.until("the child has begun", |terminal| terminal.written().contains(MASK));
    let written = terminal.written();
    let number = written.lines().find_map(|line| line.strip_prefix("number ")).expect("it tells its number");
    let child = Pid::from_raw(number.trim().parse().expect("a number")).expect("it is not 0");
    kill_process(terminal.pid(), Signal::KILL).expect("it is there");
    assert_eq!(terminal.ends().signal(), Some(9));
    terminal.until("the child is gone", |_| !is_alive(child));
    terminal.looks_for(Duration::from_millis(100));
    let written = terminal.written();
    assert!(!written.contains(&SECRET[..4]) && !written.contains(&SECRET[4..]), "a value was shown");
}

/// Runs a program as the first process of a new PID namespace.
fn as_first(stage: &Stage, argv: &[&str]) -> Option<Command> {
    if !installed(&["unshare"]) || !rustix::process::geteuid().is_root() {
        crate::program::session::without("root and unshare");
        return None;
    }
    let mut command = Command::new("unshare");
    stage.furnish(&mut command, How::Wrapped);
    command.args(["-pf", "--mount-proc", HUSHLOG, "run", "--quiet", "--dotenv"]).arg(stage.path("secrets.env"));
    command.arg("--").args(argv);
    Some(command)
}

#[test]
fn w10_the_first_process_reaps_orphans() {
    needs!("cc", "unshare", "root");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    let script = format!(
        "echo; '{child}' orphans 1000 </dev/null; sleep 0.3; echo first $(cat /proc/1/comm); \
         n=0; while grep -sq '^State:.Z' /proc/[0-9]*/status; do n=$((n+1)); sleep 0.1; test $n -lt 50 || exit 9; done; exit 6"
    );
    let Some(mut command) = as_first(&stage, &["sh", "-c", &script]) else { return };
    let ran = run_within(&mut command, b"", LIMIT);
    assert!(ran.out().contains("left behind") && ran.out().contains("first hushlog"), "{}", ran.out());
    assert_eq!(ran.code, Some(6), "zombies are left; said {}", ran.err());
}

#[test]
fn w10_the_status_is_the_childs_and_not_that_of_one_left_behind() {
    needs!("unshare", "root");
    let stage = Stage::new();
    let script = "for code in 1 2 3 4 5 6 7 8 9; do (sh -c \"exit $code\" &); done; sleep 0.2; exit 42";
    let Some(mut command) = as_first(&stage, &["sh", "-c", script]) else { return };
    assert_eq!(run_within(&mut command, b"", LIMIT).code, Some(42));
}

#[test]
fn w10_the_first_process_ends_with_128_and_the_signal() {
    needs!("unshare", "root");
    let stage = Stage::new();
    for signal in [9, 15, 11] {
        let Some(mut command) = as_first(&stage, &["sh", "-c", &format!("kill -{signal} $$")]) else { return };
        assert_eq!(run_within(&mut command, b"", LIMIT).code, Some(128 + signal));
    }
}

#[test]
fn w10_the_first_process_masks_and_hands_signals_on() {
    needs!("unshare", "root");
    let stage = Stage::new();
    let script = "trap 'echo \"told: $TOKEN\"; exit 5' TERM; echo ready; while :; do sleep 0.02; done";
    let Some(mut command) = as_first(&stage, &["sh", "-c", script]) else { return };
    let begun = Begun::new(&mut command);
    assert_eq!(begun.line, "ready");
    let first = only_child(begun.pid());
    kill_process(first, Signal::TERM).expect("it is there");
    let (status, rest) = begun.ends();
    assert_eq!((status.code(), rest), (Some(5), format!("told: {MASK}\n")));
}

fn only_child(of: Pid) -> Pid {
    let pid = of.as_raw_pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it is there");
    Pid::from_raw(children.trim().parse().expect("it has one child")).expect("it is not 0")
}

#[test]
fn w13_a_child_inherits_the_same_over_pipes() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    for odd in [&[][..], &[child, "odd"]] {
        let [bare, wrapped] = BOTH.map(|how| {
            let mut command = under(&stage, how, odd, &[child, "self", "an argument", "", "*"]);
            run_within(&mut command, b"", LIMIT).ends(0)
        });
        assert_same_lines(&unmasked(&bare.out()), &unmasked(&wrapped.out()));
        assert_eq!(wrapped.err(), "");
    }
}

#[test]
fn w13_a_child_inherits_the_same_at_a_terminal() {
    needs!("cc");
    let Some(child) = child_path() else { return };
    let stage = Stage::new();
    for odd in [&[][..], &[child, "odd"]] {
        let [bare, wrapped] = BOTH.map(|how| {
            let mut terminal = Terminal::start(under(&stage, how, odd, &[child, "self", "an argument", "", "*"]));
            assert_eq!(terminal.ends_with(), 0, "{}", terminal.text());
            terminal.written()
        });
        assert_same_lines(&unmasked(&bare), &unmasked(&wrapped));
    }
}

/// The program under a parent with odd settings, bare or wrapped.
fn under(stage: &Stage, how: How, odd: &[&str], argv: &[&str]) -> Command {
    let inner = stage.command(how, argv);
    let (Some((program, arguments)), true) = (odd.split_first(), !odd.is_empty()) else { return inner };
    let mut command = Command::new(program);
    command.args(arguments).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(stage.path(""));
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Replaces values and masks by the same text, and removes the path that differs between bare and
/// wrapped.
fn unmasked(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace(SECRET, MASK).replace(run::PEM, "[REDACTED:PEM]");
    text = text.replace("/bare:", "/how:").replace("/wrapped:", "/how:");
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        // Lines of the multi-line value, each masked by itself.
        if line.starts_with("variable PEM=") || line.starts_with("[REDACTED:PEM") || line.starts_with("-----END") {
            continue;
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[track_caller]
fn assert_same_lines(bare: &str, wrapped: &str) {
    assert!(bare.lines().count() > 40 && bare.ends_with("end"), "the child did not tell all:\n{bare}");
    let without = |a: &str, b: &str| -> Vec<String> {
        let b: Vec<&str> = b.lines().collect();
        a.lines().filter(|line| !b.contains(line)).map(str::to_owned).collect()
    };
    let (lost, new) = (without(bare, wrapped), without(wrapped, bare));
    assert!(lost.is_empty() && new.is_empty(), "bare:\n{}\nwrapped:\n{}", lost.join("\n"), new.join("\n"));
}

#[test]
fn w13_a_variable_that_is_not_utf_8_arrives_as_it_is() {
    let stage = Stage::new();
    let script = "printf %s \"$ODD\" | od -An -tx1";
    let mut command = stage.command(How::Wrapped, ["sh", "-c", script]);
    command.env("ODD", std::os::unix::ffi::OsStrExt::from_bytes(b"a\xff\xfe=b") as &std::ffi::OsStr);
    assert_eq!(run_within(&mut command, b"", LIMIT).ends(0).out(), " 61 ff fe 3d 62\n");
}

#[test]
fn w13_standard_input_stays_the_very_same() {
    let stage = Stage::new();
    fs::write(stage.path("input"), "one\ntwo\nthree\n").expect("it is ours");
    // A child that reads one byte at a time takes one line, and leaves the rest to the next one.
    let script = "{ w sh -c 'read -r line; echo \"<$line>\"; readlink /proc/self/fd/0'; cat; } <input";
    let [bare, wrapped] = BOTH.map(|how| {
        let mut command = Command::new("sh");
        stage.furnish(&mut command, how);
        run_within(command.args(["-c", script]), b"", LIMIT).ends(0).out()
    });
    assert_eq!(wrapped, bare);
    assert!(wrapped.ends_with("two\nthree\n"), "{wrapped}");
}

#[test]
fn w13_a_closed_stream_does_no_harm() {
    let stage = Stage::new();
    for closing in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("w sh -c 'echo out; echo err >&2; cat; exit 3' {closing}; echo status $?");
        let [bare, wrapped] = BOTH.map(|how| {
            let mut command = Command::new("sh");
            stage.furnish(&mut command, how);
            run_within(command.args(["-c", &script]), b"", LIMIT).ends(0).out()
        });
        assert_eq!(wrapped, bare, "{closing}");
    }
}

#[test]
fn w14_no_value_stands_on_any_command_line() {
    needs!("ps");
    let stage = Stage::new();
    let begun = Begun::new(&mut stage.command(How::Wrapped, ["sh", "-c", "echo begun; read -r line"]));
    let mut seen = 0;
    for entry in fs::read_dir("/proc").expect("it is there").flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).into_owned();
        seen += usize::from(line.contains("secrets.env"));
        for value in [SECRET].iter().chain(&PEM_LINES) {
            assert!(!line.contains(value), "a value is on a command line");
        }
    }
    assert!(seen > 0, "the wrapper was not found");
    if installed(&["ps"]) {
        let list = Command::new("ps").args(["axww"]).output().expect("it runs");
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        assert!(list.contains("secrets.env") && !list.contains(SECRET), "a value is in the list of processes");
    }
    // The wrapper's own environment has none of the child's variables.
    let environment = fs::read(format!("/proc/{}/environ", begun.pid().as_raw_pid())).unwrap_or_default();
    assert!(!environment.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    let mut begun = begun;
    drop(begun.child.stdin.take());
    begun.ends();
}

#[test]
fn w14_no_file_is_left_behind() {
    let stage = Stage::new();
    fs::create_dir(stage.path("scratch")).expect("it is ours");
    let mut command = stage.command(How::Wrapped, ["sh", "-c", "ls -A \"$TMPDIR\"; echo \"$TOKEN\""]);
    let ran = run_within(command.env("TMPDIR", stage.path("scratch")), b"", LIMIT).ends(0);
    assert_eq!(ran.out(), format!("{MASK}\n"));
    assert_eq!(fs::read_dir(stage.path("scratch")).expect("it is ours").count(), 0);
}

#[test]
fn w18_wrappers_in_wrappers_are_exact() {
    let stage = Stage::new();
    let text: String = (0..2_000).map(|n| format!("line {n} of the nested text\n")).collect();
    fs::write(stage.path("text"), &text).expect("it is ours");
    let script = "cat text; echo \"$TOKEN\"; echo err >&2; exit 42";
    let mut command = Command::new("sh");
    stage.furnish(&mut command, How::Wrapped);
    let ran = run_within(command.args(["-c", "w w w sh -c \"$0\"", script]), b"", LIMIT).ends(42);
    assert!(ran.out() == format!("{text}{MASK}\n"), "{} bytes came out", ran.stdout.len());
    assert_eq!(ran.err(), "err\n");
    let mut command = Command::new("sh");
    stage.furnish(&mut command, How::Wrapped);
    let ran = run_within(command.args(["-c", "w w w sh -c 'kill -9 $$'; echo $?"]), b"", LIMIT);
    assert_eq!(ran.out(), "137\n");
}

#[test]
fn w18_wrappers_in_wrappers_are_the_same_at_a_terminal() {
    let stage = Stage::new();
    let shell = |how| Terminal::start(stage.shell(how));
    let mut twins = Twins { bare: shell(How::Bare), wrapped: shell(How::Wrapped) };
    twins.enter("w w w sh -c 'stty size; read -r line; echo \"line $line\"; kill -TERM $$'");
    twins.show("\n24 80");
    twins.resize((30, 90));
    twins.types("here\n");
    twins.show("line here");
    twins.enter("echo status $?");
    twins.show("\nstatus 143");
}

#[test]
fn w18_quick_children_in_a_row_lose_and_leave_nothing() {
    let stage = Stage::new();
    let text = "for n in $(seq 100); do w sh -c 'echo \"$0 $TOKEN\"; exit 5' $n || test $? = 5 || exit 9; done";
    let expected: String = (1..=100).map(|n| format!("{n} {MASK}\n")).collect();
    let mut command = Command::new("sh");
    stage.furnish(&mut command, How::Wrapped);
    let over = run_within(command.args(["-c", text]), b"", LIMIT).ends(0);
    assert!(over.out() == expected && over.stderr.is_empty(), "{}{}", over.out(), over.err());
    let mut command = Command::new("sh");
    stage.furnish(&mut command, How::Wrapped);
    command.args(["-c", text]);
    let mut terminal = Terminal::start(command);
    assert_eq!(terminal.ends_with(), 0);
    assert!(terminal.written() == expected.replace('\n', "\r\n"), "{}", terminal.written());
    eventually("no process is left", || !any_process_names(&stage.path("secrets.env").display().to_string()));
}

/// Whether some process has this on its command line.
fn any_process_names(text: &str) -> bool {
    let lines = fs::read_dir("/proc").expect("it is there").flatten();
    lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok()).any(|line| {
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains(text)
    })
}

#[test]
fn w10_the_first_process_works_at_a_terminal() {
    needs!("unshare", "root");
    let stage = Stage::new();
    let script = "tty >/dev/null && stty size; read -r line; echo \"line $line $TOKEN\"; exit 5";
    let Some(command) = as_first(&stage, &["sh", "-c", script]) else { return };
    let mut terminal = Terminal::start(command);
    terminal.shows("24 80");
    terminal.types("here\n");
    terminal.shows(&format!("line here {MASK}"));
    assert_eq!(terminal.ends_with(), 5);
}
