//! What `packaging/` holds, read by the programs that it is for. `tests/boot/run` starts whole machines with it.

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use program::{hushlog, run};

/// How exposed the boot's unit may be, in tenths, as `systemd-analyze security` counts; 100 is not confined at all.
const EXPOSURE_MAX: &str = "20";

/// The root of a machine to be, with hushlog installed for systemd and one service, and the units of this machine's systemd.
/// Nothing if there is no systemd.
fn machine() -> Option<tempfile::TempDir> {
    let units =
        ["/usr/lib/systemd/system", "/lib/systemd/system"].map(Path::new).into_iter().find(|path| path.is_dir());
    let analyze = Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status();
    let (Some(units), Ok(_)) = (units, analyze) else {
        eprintln!("skipped: systemd-analyze is not installed");
        return None;
    };
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for directory in ["etc/systemd/system", "usr/bin", "usr/lib/systemd"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    let copied = Command::new("cp").args([Path::new("-r"), units, &at("usr/lib/systemd/")]).status().unwrap();
    assert!(copied.success());
    for program in ["hushlog", "app"] {
        fs::copy("/bin/true", at("usr/bin").join(program)).unwrap();
    }
    fs::write(at("etc/systemd/system/app.service"), "[Service]\nExecStart=/usr/bin/app\n").unwrap();
    let path = root.path().to_str().unwrap();
    let install = ["boot", "--install", "--root", path, "--init", "systemd", "--service", "app"];
    run(&mut hushlog(install.into_iter().chain(["--secret-file", "/etc/hushlog/secrets"])), b"").ends(0);
    Some(root)
}

fn unit(root: &tempfile::TempDir, name: &str) -> PathBuf {
    root.path().join("etc/systemd/system").join(name)
}

fn analyze(root: &tempfile::TempDir, args: &[&str]) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.arg(format!("--root={}", root.path().display())).args(args).output().unwrap()
}

/// What systemd has to say about the boot's unit, and that of a service with its drop-in.
fn complaints(root: &tempfile::TempDir) -> String {
    let verified = analyze(root, &["verify", "--man=no", "hushlog-boot.service", "app.service"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Units of this machine's systemd want programs that the root has not.
    let own = |line: &&str| line.contains("hushlog") || line.contains("app.service");
    said.lines().filter(own).collect::<Vec<_>>().join("\n")
}

#[test]
fn systemd_understands_all_of_the_units() {
    let Some(root) = machine() else { return };
    assert_eq!(complaints(&root), "");
    // The alarm rings, for the unit and for the drop-in.
    for name in ["hushlog-boot.service", "app.service.d/hushlog.conf"] {
        let text = fs::read_to_string(unit(&root, name)).unwrap();
        fs::write(unit(&root, name), format!("{text}\n[Service]\nUnknown=yes\n")).unwrap();
        assert!(complaints(&root).contains("Unknown key"), "{name}: {}", complaints(&root));
        fs::write(unit(&root, name), text).unwrap();
    }
}

#[test]
fn the_boot_can_do_nothing_but_its_work() {
    let Some(root) = machine() else { return };
    let judge = || {
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE_MAX}")])
            .arg(unit(&root, "hushlog-boot.service"))
            .output()
            .unwrap();
        (judged.status.success(), String::from_utf8_lossy(&judged.stdout).into_owned())
    };
    let (confined, table) = judge();
    assert!(table.contains("Overall exposure level for hushlog-boot.service"), "{table}");
    assert!(confined, "{table}");
    let text = fs::read_to_string(unit(&root, "hushlog-boot.service")).unwrap();
    fs::write(unit(&root, "hushlog-boot.service"), text.replace("\nSystemCallFilter=", "\nX-Filter=")).unwrap();
    assert!(!judge().0, "a unit that may make all system calls is not confined");
}

#[test]
fn the_boot_comes_before_the_services() {
    let Some(root) = machine() else { return };
    let text = fs::read_to_string(unit(&root, "hushlog-boot.service")).unwrap();
    assert!(!text.contains('@') || !text.contains("@BOOT@"), "the command was not filled in");
    let wanted = fs::read_link(unit(&root, "basic.target.wants/hushlog-boot.service")).unwrap();
    assert_eq!(wanted, Path::new("../hushlog-boot.service"));
    // Without the session a service must not start: a plain `Wants=` would let it.
    let drop_in = fs::read_to_string(unit(&root, "app.service.d/hushlog.conf")).unwrap();
    for line in ["Requires=hushlog-boot.service", "After=hushlog-boot.service"] {
        assert!(drop_in.lines().any(|own| own == line), "{line}");
    }
}

#[test]
fn shells_understand_the_scripts() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let scripts =
        ["shell/profile.sh", "shell/block.sh", "sysv/hushlog-boot", "openrc/hushlog-boot", "systemd/user-environment"];
    let posix = ["dash", "bash", "busybox", "zsh", "ksh"].map(|shell| (shell, &scripts[..]));
    for (shell, scripts) in posix.into_iter().chain([("fish", &["shell/hushlog.fish"][..])]) {
        for script in scripts {
            let mut command = Command::new(shell);
            command.args((shell == "busybox").then_some("sh")).arg("-n").arg(packaging.join(script));
            match command.output() {
                Err(_) => eprintln!("skipped: {shell} is not installed"),
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(output.status.success() && said.is_empty(), "{shell} {script}: {said}");
                }
            }
        }
    }
}
