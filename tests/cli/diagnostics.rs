//! No message, output or remaining file of the program shows a secret: the diagnostics section of
//! `docs/faults.md`.
//!
//! Each test uses its own canaries, so that a finding identifies its origin.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::{HUSHLOG, IS_RELEASED, Ran, hushlog, kill, run, script};

/// The forms in which a message might show a canary.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let hex = |byte: &u8| format!("{byte:02x}");
    let list: Vec<String> = canary.bytes().map(|byte| byte.to_string()).collect();
    vec![
        canary.as_bytes().to_vec(),
        canary.to_uppercase().into_bytes(),
        data_encoding::BASE64_NOPAD.encode(canary.as_bytes()).into_bytes(),
        canary.as_bytes().iter().map(hex).collect::<String>().into_bytes(),
        // As printed by `{:?}` of a Vec<u8>.
        list.join(", ").into_bytes(),
    ]
}

/// Fails if any form of the canary, or its second half, is in there. The message does not show it.
#[track_caller]
fn assert_clean(canary: &str, written: &[u8], what: &str) {
    let half = &canary[canary.len() / 2..];
    for form in forms(canary).iter().chain(&forms(half)) {
        assert!(!written.windows(form.len()).any(|window| window == form), "a canary shows in {what}");
    }
}

#[track_caller]
fn assert_says_nothing(canary: &str, ran: &Ran, what: &str) {
    assert_clean(canary, &ran.stderr, &format!("standard error of {what}"));
    assert_clean(canary, &ran.stdout, &format!("standard output of {what}"));
}

/// Sets every variable that makes programs more verbose.
fn loud(command: &mut Command) -> &mut Command {
    command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace").env("CLICOLOR_FORCE", "1")
}

/// A started filter, after its first output.
fn begun(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    child.stdin.as_mut().expect("it is piped").write_all(b"begun\n").expect("the program reads");
    let mut seen = [0; 6];
    child.stdout.as_mut().expect("it is piped").read_exact(&mut seen).expect("the program writes");
    child
}

#[test]
fn l01_a_variable_that_is_not_utf_8_is_masked_and_not_printed() {
    let canary = "canaryL01q7ZtVx9";
    let value = [canary.as_bytes(), b"\xff\xfe"].concat();
    for args in [&[][..], &["--env", "MY_*"], &["--env", "*"]] {
        let mut command = hushlog(args);
        loud(&mut command).env("MY_TOKEN", OsStr::from_bytes(&value)).env(OsStr::from_bytes(b"N\xff"), canary);
        let ran = run(&mut command, &[b"<", &value[..], b">"].concat()).ends(0);
        assert_eq!(ran.out(), "<[REDACTED:MY_TOKEN]>");
        assert_says_nothing(canary, &ran, "a filter");
    }
}

#[test]
fn l02_a_panic_with_a_secret_in_its_message_does_not_show_it() {
    if IS_RELEASED {
        return;
    }
    let canary = "canaryL02w8YuWy0";
    for stage in ["load", "pump", "report"] {
        let mut command = hushlog(["--env", "A"]);
        loud(&mut command).env("A", canary).env("HUSHLOG_TEST_PANIC", stage);
        let ran = run(&mut command, canary.as_bytes()).ends(3).says("hushlog: error: internal error at src/cli/");
        assert_says_nothing(canary, &ran, stage);
        assert_eq!(ran.err().lines().count(), 2, "there is more than message and hint");
    }
}

#[test]
fn l02_a_release_build_has_no_switch_that_panics() {
    if !IS_RELEASED {
        return;
    }
    for stage in ["load", "pump", "report"] {
        run(hushlog(["--env", "A"]).env("A", "some value").env("HUSHLOG_TEST_PANIC", stage), b"").ends(0);
    }
    let program = fs::read(HUSHLOG).unwrap();
    assert!(!program.windows(18).any(|window| window == b"HUSHLOG_TEST_PANIC"));
}

#[test]
fn l03_a_secret_given_by_mistake_is_not_repeated() {
    let canary = "canaryL03e9XiQz1";
    let long = format!("--{canary}");
    let joined = format!("--min-length={canary}");
    let dotted = format!("/nowhere/{canary}");
    let cases: &[&[&str]] = &[
        &[canary],
        &[&long],
        &[&joined],
        &["filter", canary],
        &["--allow-empty", canary],
        &["--identity", canary],
        &["--quiet", "man", canary],
        &["help", canary],
        &["completions", canary],
        &["man", canary],
        &["--release", canary],
        &["--protocol", canary],
        &["check", "--canary", canary],
        &["check", "--canary", "--socket", &dotted],
        &["--min-length", canary],
        &["--mask-char", canary],
        &["--env", canary],
        &["--env", &format!("[{canary}")],
        &["--dotenv", canary],
        &["--dotenv", &dotted],
        &["--secret-file", canary],
        &["--secret-file", &canary.repeat(300)],
        &["--env", "A", "--report", &format!("/nowhere/{canary}/x")],
        &["--mask", canary, "--mask-char", "x"],
    ];
    for case in cases {
        let ran = run(loud(&mut hushlog(*case)).env("A", "another value"), b"").ends(2).says("hushlog: hint: ");
        assert_says_nothing(canary, &ran, &format!("{} words that begin with {:.9}", case.len(), case[0]));
    }
    let not_utf8 = [canary.as_bytes(), b"\xff"].concat();
    for option in ["--mask", "--env", "--nope"] {
        let ran = run(&mut hushlog([OsStr::new(option), OsStr::from_bytes(&not_utf8)]), b"").ends(2);
        assert_says_nothing(canary, &ran, option);
    }
}

#[test]
fn l04_a_file_of_the_wrong_kind_is_not_quoted() {
    let canary = "canaryL04r0OpAs2";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    for content in [
        canary.to_owned(),
        // The end of an unquoted key: padding is no assignment, and the rest of the line is no name
        // to be shown.
        format!("A=MIIEow\n{canary}{canary}=="),
        format!("A=MIIEow\n{canary}{canary}="),
        format!("A='{canary}"),
        format!("A=\"{canary}"),
        format!("A='b' {canary}"),
        format!("A={canary}\\\nB=c"),
        format!("export {canary}"),
        format!("A: {canary}"),
        format!("{{\"A\": \"{canary}\"}}"),
    ] {
        fs::write(&file, &content).unwrap();
        let ran = run(loud(&mut hushlog(["--dotenv".as_ref(), file.as_path()])), b"");
        // Some program reads a part of most of them.
        assert!(matches!(ran.code, Some(0 | 2)), "{:?}", ran.code);
        assert_says_nothing(canary, &ran, "a bad file");
    }
}

#[test]
fn l04_nothing_that_is_written_anywhere_shows_a_secret() {
    let canary = "canaryL04t1LkDf3";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), format!("a {canary} b\n").repeat(3)).unwrap();
    let input = dir.path().join("log").display().to_string();
    let home = tempfile::tempdir().unwrap();
    let scripts = [
        "hushlog < $LOG",
        "hushlog --env '*' --report report.json < $LOG",
        "hushlog --env '*' --report report2.json < $LOG > /dev/full",
        "hushlog --env '*' --report report3.json < $LOG 2>&-",
        "hushlog --release line --mask-char x < $LOG",
        "cat $LOG - < /dev/zero | hushlog | head -c 100 > part",
        "hushlog --env API_TOKEN < / > empty",
        "ulimit -v 60000; hushlog --env '*' < $LOG > small",
        "ulimit -f 0; hushlog --env '*' --report report4.json < $LOG > none",
        "head -c 9 $LOG | hushlog > partial",
    ];
    for text in scripts {
        let mut command = script(text);
        loud(&mut command)
            .env("API_TOKEN", canary)
            .env("LOG", &input)
            .env("HOME", home.path())
            .env("TMPDIR", home.path());
        let ran = run(command.current_dir(&home), b"");
        assert_says_nothing(canary, &ran, text);
    }
    let report = fs::read_to_string(home.path().join("report.json")).unwrap();
    assert!(report.contains("\"API_TOKEN\"") && report.contains("\"masked\": 3"));
    let names = files(home.path());
    assert!(names.iter().all(|name| !name.starts_with('.')), "a temporary file is left");
    for name in names {
        assert_clean(canary, &fs::read(home.path().join(&name)).unwrap(), &name);
    }
}

fn files(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn l04_the_command_line_holds_only_the_typed_words() {
    let canary = "canaryL04y2JhGd4";
    let mut child = begun(hushlog(["--env", "A"]).env("A", canary));
    let cmdline = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert_eq!(cmdline, [HUSHLOG.as_bytes(), b"\0--env\0A\0"].concat());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn l05_no_core_is_written() {
    let canary = "canaryL05u3MnBv5";
    let dir = tempfile::tempdir().unwrap();
    let mut command = script("ulimit -c unlimited; exec hushlog --env A");
    let mut child = begun(command.env("A", canary).current_dir(&dir));
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"));
    kill(child.id(), "ABRT");
    let status = child.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    assert_eq!(files(dir.path()), [""; 0]);
}

#[test]
fn l05_the_memory_is_closed_to_others_of_the_same_user() {
    // If a process is not dumpable, root owns its files in /proc; as root, there is no user to keep
    // out.
    let mut child = begun(hushlog(["--env", "A"]).env("A", "some value"));
    let mem = format!("/proc/{}/mem", child.id());
    if !rustix::process::geteuid().is_root() {
        assert!(fs::File::open(&mem).is_err());
    } else {
        let probe = "setpriv --reuid=65534 --clear-groups bash -c 'exec 3< /proc/self/environ && echo open'";
        assert_eq!(run(&mut script(probe), b"").out(), "open\n", "the probe itself does not work");
        let text = "setpriv --reuid=65534 --clear-groups bash -c 'A=some_value hushlog --env A < fifo & \
                    exec 4> fifo; sleep 0.3; (exec 3< /proc/$!/environ) 2>&1 | grep -o \"Permission denied\"; exec 4>&-; wait'";
        let dir = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .tempdir()
            .unwrap();
        let text = format!("mkfifo -m 666 fifo; {text}");
        let reachable = "setpriv --reuid=65534 --clear-groups hushlog --version";
        if run(&mut script(reachable), b"").code == Some(0) {
            assert_eq!(run(script(&text).current_dir(&dir), b"").out(), "Permission denied\n");
        }
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
