//! Shells that trace a script into its log, while they read the files of an installed boot.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::session::{needs, without};
use crate::program::{hushlog, run};

const VALUE: &str = "canary-4f9QzX-b04";

/// A machine with a session, and the files that its shells read.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Machine {
        let machine = Machine(tempfile::Builder::new().prefix("hushlog-traced").tempdir_in("/dev/shm").unwrap());
        fs::write(machine.0.path().join("secrets.env"), format!("TOKEN={VALUE}\nKEY='{VALUE}\nmore'\n")).unwrap();
        let mut boot = hushlog(["boot", "--dotenv", "secrets.env"]);
        run(boot.current_dir(&machine.0).env("HUSHLOG_RUN_DIR", machine.0.path().join("run")), b"").ends(0);
        machine
    }

    /// A file of `packaging/shell` as installed, with the path of this machine's session.
    fn installed(&self, name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/shell").join(name);
        let text = fs::read_to_string(path).unwrap();
        text.replace("/run/hushlog", self.0.path().join("run").to_str().unwrap())
    }

    /// Runs a script in a shell with such a file in front; returns standard error and standard
    /// output.
    fn traced(&self, mut shell: Command, file: &str, script: &str) -> (String, String) {
        fs::write(self.0.path().join("script"), self.installed(file) + script).unwrap();
        let ran = shell.arg("script").current_dir(&self.0).env("HOME", self.0.path()).output().unwrap();
        (String::from_utf8_lossy(&ran.stderr).into_owned(), String::from_utf8_lossy(&ran.stdout).into_owned())
    }
}

fn is_here(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\" >/dev/null", program]).status().unwrap().success();
    if !found {
        without(program);
    }
    found
}

/// Every zsh reads `/etc/zsh/zshenv`, and `zsh -x script` wrote all secrets of the machine to the
/// script's log.
#[test]
fn b04_a_traced_shell_does_not_print_its_values() {
    let machine = Machine::new();
    for shell in ["bash", "dash", "zsh", "ksh", "mksh", "busybox", "sh"].into_iter().filter(|shell| is_here(shell)) {
        for (file, option) in [("block.sh", "-x"), ("profile.sh", "-v"), ("block.sh", "-xv"), ("profile.sh", "-eu")] {
            let mut command = Command::new(shell);
            command.args((shell == "busybox").then_some("sh")).arg(option);
            let (err, out) = machine.traced(command, file, ": still traced\nprintenv TOKEN; set\n");
            assert!(!err.contains("canary"), "{shell} {option}: {err}");
            assert!(out.starts_with(&format!("{VALUE}\n")), "{shell} {option}: {out} {err}");
            assert_eq!(err.contains("still traced"), option != "-eu", "{shell} {option}: {err}");
            assert!(!out.contains("hushlog_set="), "{shell} {option}: {out}");
        }
    }
}

#[test]
fn b04_a_traced_fish_does_not_print_its_values() {
    needs!("fish");
    let machine = Machine::new();
    let mut fish = Command::new("fish");
    fish.arg("--no-config").env("fish_trace", "1").env_remove("XDG_CONFIG_HOME");
    let (err, out) = machine.traced(fish, "hushlog.fish", "true still traced; printenv TOKEN\n");
    assert!(!err.contains("canary"), "{err}");
    assert_eq!(out, format!("{VALUE}\n"));
    assert!(err.contains("still traced"), "fish is quiet from then on: {err}");
}
