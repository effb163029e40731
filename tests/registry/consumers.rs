//! The names that each consumer of an export accepts, tested with the consumers themselves: kind AY
//! of `docs/faults.md`.

use std::fs;
use std::process::Command;

use hushlog::Secret;
use hushlog::export::{Environment, EnvironmentError, Format};
use hushlog::registry::{ExportedSecret, Rank};

use crate::export::{docker_created, output, variables};
use crate::program::session::needs;
use crate::registry::Desk;

/// Names that some consumer accepts, and no shell.
const NAMES: [&str; 4] = ["spring.datasource.password", "my-app-token", "A.B-c_1", "1PASSWORD"];

fn variable(name: &str) -> ExportedSecret {
    ExportedSecret::new(name, Secret::new(name, b"zulu-kite-4471".to_vec()), "1", Rank::Shared)
}

fn environment(names: &[&str]) -> Environment {
    Environment::of_export(names.iter().map(|name| variable(name)).collect()).unwrap()
}

fn takes(format: Format, name: &str) -> bool {
    let Ok(environment) = Environment::of_export(vec![variable(name)]) else { return false };
    match format.render(&environment) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.variable, name);
            assert!(!format!("{error:?}").contains("zulu"));
            false
        }
    }
}

#[test]
fn ay_run_sets_any_name_that_a_program_can_have() {
    needs!("python3");
    let desk = Desk::empty();
    let names = ["spring.datasource.password", "my-app-token", "1PASSWORD", "PLAIN"];
    fs::write(desk.path("e"), names.map(|name| format!("{name}=zulu-4471-{name}\n")).concat()).unwrap();
    let script = "import os, sys\nfor n in sys.argv[1:]: print(os.environ[n] == 'zulu-4471-' + n, os.environ[n])";
    let words = ["run", "--quiet", "--dotenv", "e", "--", "python3", "-c", script];
    let ran = desk.hushlog(words.iter().chain(&names), b"").ends(0);
    assert_eq!(ran.out(), names.map(|name| format!("True [REDACTED:{name}]\n")).concat());
    // hushlog's own names are still reserved.
    fs::write(desk.path("e"), "spring.password=zulu-kite-4471\nhushlog_registry=zulu-kite-4471\n").unwrap();
    desk.hushlog(["run", "--dotenv", "e", "--", "true"], b"").ends(2).says("hushlog_registry cannot be exported");
}

#[test]
fn ay_each_format_takes_the_names_of_its_readers() {
    let shells = [Format::Sh, Format::Dotenv, Format::Systemd];
    for name in NAMES {
        assert!(shells.iter().all(|format| !takes(*format, name)), "{name}");
        assert!(takes(Format::Json, name) && takes(Format::Docker, name), "{name}");
        assert_eq!(takes(Format::K8s, name), name != "1PASSWORD");
        assert_eq!(takes(Format::Fish, name), name == "1PASSWORD");
    }
    for name in ["a b", "#a", "a\tb", "a\nb", "\u{feff}a", "a\u{a0}b"] {
        let all = Format::ALL.into_iter().filter(|format| takes(*format, name)).collect::<Vec<_>>();
        assert_eq!(all, [Format::Json], "{name:?}");
    }
    for name in ["..a", ".", "a/b", "\u{e4}", &"a".repeat(254)] {
        assert!(!takes(Format::K8s, name), "{name}");
    }
    let refused = |name: &str| Environment::of_export(vec![variable(name)]).unwrap_err();
    for name in ["", "a=b", "a\0b"] {
        assert!(matches!(refused(name), EnvironmentError::NoName { .. }), "{name:?}");
    }
    for name in ["PATH", "BASH_FUNC_ls%%", "HUSHLOG_TRUST", "LD_PRELOAD"] {
        assert!(matches!(refused(name), EnvironmentError::Reserved { .. }), "{name}");
    }
    // A machine's environment is also that of its shells.
    assert!(matches!(Environment::new(vec![variable(NAMES[0])]), Err(EnvironmentError::Name { .. })));
}

#[test]
fn ay_fish_takes_all_names_that_it_is_given() {
    needs!("fish");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exported");
    let set = |name: &str| {
        fs::write(&path, format!("set -gx {name} 'zulu-kite-4471'; and env -0")).unwrap();
        let shown = Command::new("fish").arg("--no-config").arg(&path).output().unwrap().stdout;
        variables(&shown).get(name).is_some_and(|value| value == b"zulu-kite-4471")
    };
    for name in ["1A", "_A", "a", "status", "version", "history", "hostname", "umask", "fish_pid", "A.B", "A-B", "_"] {
        assert_eq!(takes(Format::Fish, name), set(name), "{name}");
    }
}

#[test]
fn ay_docker_and_jq_read_such_names() {
    needs!("docker", "jq");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exported");
    let wanted: Vec<String> = NAMES.iter().map(|name| format!("{name}=zulu-kite-4471")).collect();
    fs::write(&path, &*Format::Json.render(&environment(&NAMES)).unwrap()).unwrap();
    let read = output(Command::new("jq").args(["-r", "to_entries[] | .key + \"=\" + .value"]).arg(&path));
    let mut sorted = wanted.clone();
    sorted.sort();
    assert_eq!(String::from_utf8(read).unwrap().lines().collect::<Vec<_>>(), sorted);
    fs::write(&path, &*Format::Docker.render(&environment(&NAMES)).unwrap()).unwrap();
    let created = variables(&docker_created(&path));
    let set: Vec<String> = created.keys().map(|name| format!("{name}=zulu-kite-4471")).collect();
    assert!(created.values().all(|value| value == b"zulu-kite-4471"));
    assert_eq!(set, sorted);
}
