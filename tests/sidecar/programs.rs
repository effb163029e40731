//! The programs that the sidecar starts: their environment, and the handling of their output.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::Command;

use crate::program::{self, run_within};
use crate::sidecar::{MASK, PATIENCE, Place, Sidecar, VALUE, until};

/// A variable of the sidecar's environment that is a secret of its configuration.
const IN_ENVIRONMENT: &str = "qV7-from-the-environment";

/// Writes a script that a stream may run.
fn script(place: &Place, text: &str) {
    let directory = place.path("").display().to_string();
    fs::write(place.path("script"), text.replace("DIR/", &directory)).expect("room");
}

/// A stream between a program and a file, in either direction, with the file's secret and the
/// environment's.
fn configuration(place: &Place, stream: &str, more: &str) -> std::path::PathBuf {
    let secrets = "secrets: { secret_files: [DIR/secrets], env: [APP_TOKEN] }";
    place.configure(&format!("{secrets}\ncontrol: DIR/control\n{more}\nstreams: [{{ name: cmd, {stream} }}]\n"))
}

const SOURCE: &str = "source: { command: [sh, DIR/script] }, sink: { file: DIR/out }";
const SINK: &str = "source: { stdin: true }, sink: { command: [sh, DIR/script] }";

/// A sidecar in an environment with secrets, and with a descriptor that bypasses it.
fn start(place: Place, config: &std::path::Path) -> Sidecar {
    let leak = fs::File::create(place.path("leak")).expect("room");
    place.start_as(config, |command| {
        command.env("APP_TOKEN", IN_ENVIRONMENT).env("OTHER_PASSWORD", "not told of").env("HTTPS_PROXY", "a-proxy");
        command.env("HOME", "/home/of-it").env("LC_TIME", "C").env("LISTEN_FDNAMES", "x");
        hand_on(command, &leak);
    })
}

/// Leaves this file open in the program, as its descriptor 9.
fn hand_on(command: &mut Command, file: &fs::File) {
    use std::os::unix::process::CommandExt;
    let number = file.as_raw_fd();
    // SAFETY: one system call with integers, which is allowed between fork and exec; the file stays
    // open until the program has started.
    unsafe {
        command.pre_exec(move || match libc::dup2(number, 9) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        })
    };
}

#[test]
fn a07_programs_have_a_clean_environment() {
    for (stream, more, proxy) in
        [(SOURCE, "", ""), (SINK, "", ""), (SOURCE, "environment: [HTTPS_PROXY]", "HTTPS_PROXY=a-proxy ")]
    {
        let place = Place::new();
        script(&place, "env | cut -d= -f1 | sort >DIR/names.new; env >DIR/all; mv DIR/names.new DIR/names; exec cat");
        let config = configuration(&place, stream, more);
        let mut sidecar = start(place, &config);
        until("it has run", || sidecar.path("names").exists());
        let all = fs::read_to_string(sidecar.path("all")).expect("it is there");
        assert!(!all.contains(IN_ENVIRONMENT), "a secret is in the environment of a program");
        let mut variables: Vec<&str> = all.lines().filter(|line| !line.starts_with("PATH=")).collect();
        // A shell adds those by itself.
        variables
            .retain(|line| !["PWD", "SHLVL", "_", "OLDPWD"].iter().any(|name| line.starts_with(&format!("{name}="))));
        variables.sort_unstable();
        assert_eq!(variables.join(" "), format!("HOME=/home/of-it {proxy}LC_TIME=C").as_str(), "{stream}");
        assert!(all.contains("\nPATH=") || all.starts_with("PATH="), "{all}");
        drop(sidecar.stdin.take());
        sidecar.stop();
    }
}

#[test]
fn a07_programs_have_no_descriptor_of_ours() {
    for stream in [SOURCE, SINK] {
        let place = Place::new();
        script(
            &place,
            "echo past us >&9; for n in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && echo $n >>DIR/fds.new; done; \
             echo end >>DIR/fds.new; mv DIR/fds.new DIR/fds; exec cat",
        );
        let config = configuration(&place, stream, "");
        let mut sidecar = start(place, &config);
        until("it has run", || sidecar.path("fds").exists());
        let listed = fs::read_to_string(sidecar.path("fds")).expect("it is there");
        // Higher numbers are the shell's own.
        assert_eq!(listed, "end\n");
        assert_eq!(fs::read_to_string(sidecar.path("leak")).expect("it is there"), "");
        drop(sidecar.stdin.take());
        sidecar.stop();
    }
}

#[test]
fn a07_messages_of_a_sinks_program_are_masked() {
    let place = Place::new();
    let (first, rest) = VALUE.split_at(8);
    script(
        &place,
        &format!(
            "echo 'out {VALUE}'; echo 'err {IN_ENVIRONMENT}' >&2; printf '{first}'; printf '{rest}\\n' >&2; cat >DIR/out"
        ),
    );
    let config = configuration(&place, SINK, "");
    let mut sidecar = start(place, &config);
    // The sidecar's own messages may be in between.
    for line in [format!("out {MASK}\n"), "err [REDACTED:APP_TOKEN]\n".to_owned(), format!("\n{MASK}\n")] {
        sidecar.says(&line);
    }
    sidecar.stdin.take().expect("a pipe").write_all(b"text\n").expect("it reads");
    sidecar.ends(0);
}

#[test]
fn a07_the_last_words_of_a_sinks_program_are_masked_too() {
    let place = Place::new();
    script(
        &place,
        &format!("cat >DIR/out; sleep 0.2; echo 'last {VALUE}'; echo '{VALUE} words' >&2; echo end >>DIR/out"),
    );
    let config = configuration(&place, SINK, "");
    let mut sidecar = start(place, &config);
    sidecar.stdin.take().expect("a pipe").write_all(b"text\n").expect("it reads");
    sidecar.file_is("out", "text\nend\n");
    sidecar.says(&format!("last {MASK}\n"));
    sidecar.says(&format!("{MASK} words\n"));
    sidecar.ends(0);
}

#[test]
fn a07_an_interrupt_key_is_not_for_programs() {
    let place = Place::new();
    script(&place, "echo $(cut -d' ' -f5 /proc/$$/stat) $$ >DIR/group.new; mv DIR/group.new DIR/group; exec cat");
    let config = configuration(&place, SINK, "");
    let mut sidecar = start(place, &config);
    until("it has run", || sidecar.path("group").exists());
    let told = fs::read_to_string(sidecar.path("group")).expect("it is there");
    let (group, own) = told.trim().split_once(' ').expect("two numbers");
    assert_eq!(group, own, "a program is in a group of others");
    drop(sidecar.stdin.take());
    sidecar.stop();
}

#[test]
fn a07_a_sources_program_ends_with_its_children() {
    let place = Place::new();
    script(&place, "sleep 302 & echo $! >DIR/number.new; mv DIR/number.new DIR/number; wait");
    let config = configuration(&place, SOURCE, "");
    let mut sidecar = start(place, &config);
    until("it has run", || sidecar.path("number").exists());
    let number = fs::read_to_string(sidecar.path("number")).expect("it is there");
    let path = std::path::PathBuf::from(format!("/proc/{}/stat", number.trim()));
    assert!(path.exists());
    sidecar.stop();
    let is_gone = || fs::read_to_string(&path).map_or(true, |stat| stat.contains(") Z "));
    until("it is gone", is_gone);
}

#[test]
fn a07_check_config_knows_the_variables_of_programs() {
    let place = Place::new();
    let config = configuration(&place, SOURCE, "environment: [HTTPS_PROXY]");
    let mut command = program::hushlog(["sidecar", "check-config", "--config"]);
    run_within(command.arg(&config).env("APP_TOKEN", IN_ENVIRONMENT), b"", PATIENCE).ends(0);
    let wrong = configuration(&place, SOURCE, "environment: { HTTPS_PROXY: a }");
    let mut command = program::hushlog(["sidecar", "check-config", "--config"]);
    run_within(command.arg(&wrong).env("APP_TOKEN", IN_ENVIRONMENT), b"", PATIENCE).ends(2).says("environment");
}
