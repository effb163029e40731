//! The files of `packaging/`, read by the programs that they are for. `tools/boot/run` starts whole
//! machines with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::program::session::needs;
use crate::program::{hushlog, run};
use serde_json::{Value, json};

/// The maximum exposure of the boot's unit, in tenths, as rated by `systemd-analyze security`; 100
/// is not confined at all.
const EXPOSURE_MAX: &str = "20";

/// The root directory of a future machine, with hushlog installed for systemd, one service, and the
/// units of this machine's systemd. `None` without systemd.
fn machine() -> Option<tempfile::TempDir> {
    let units =
        ["/usr/lib/systemd/system", "/lib/systemd/system"].map(Path::new).into_iter().find(|path| path.is_dir());
    let analyze = Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status();
    let (Some(units), Ok(_)) = (units, analyze) else {
        crate::program::session::without("systemd-analyze");
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

/// The complaints of systemd about the boot's unit, and about a service with its drop-in.
fn complaints(root: &tempfile::TempDir) -> String {
    let verified = analyze(root, &["verify", "--man=no", "hushlog-boot.service", "app.service"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Units of this machine's systemd require programs that the root lacks.
    let own = |line: &&str| line.contains("hushlog") || line.contains("app.service");
    said.lines().filter(own).collect::<Vec<_>>().join("\n")
}

#[test]
fn systemd_understands_all_of_the_units() {
    needs!("systemd-analyze");
    let Some(root) = machine() else { return };
    assert_eq!(complaints(&root), "");
    // A positive control, for the unit and for the drop-in.
    for name in ["hushlog-boot.service", "app.service.d/hushlog.conf"] {
        let text = fs::read_to_string(unit(&root, name)).unwrap();
        fs::write(unit(&root, name), format!("{text}\n[Service]\nUnknown=yes\n")).unwrap();
        assert!(complaints(&root).contains("Unknown key"), "{name}: {}", complaints(&root));
        fs::write(unit(&root, name), text).unwrap();
    }
}

#[test]
fn the_boot_can_do_nothing_but_its_work() {
    needs!("systemd-analyze");
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
    needs!("systemd-analyze");
    let Some(root) = machine() else { return };
    let text = fs::read_to_string(unit(&root, "hushlog-boot.service")).unwrap();
    assert!(!text.contains('@') || !text.contains("@BOOT@"), "the command was not filled in");
    let wanted = fs::read_link(unit(&root, "basic.target.wants/hushlog-boot.service")).unwrap();
    assert_eq!(wanted, Path::new("../hushlog-boot.service"));
    // A service must not start without the session: a plain `Wants=` would let it.
    let drop_in = fs::read_to_string(unit(&root, "app.service.d/hushlog.conf")).unwrap();
    for line in ["Requires=hushlog-boot.service", "After=hushlog-boot.service"] {
        assert!(drop_in.lines().any(|own| own == line), "{line}");
    }
}

/// checkpath also sets the mode of an existing directory: `hushlog boot --group` had let a group
/// into /run/hushlog.
#[test]
fn a19_openrc_leaves_the_access_of_the_group() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let script =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/openrc/hushlog-sidecar")).unwrap();
    let here = |script: &str, path: &str| script.replace(path, &dir.path().join(&path[1..]).display().to_string());
    let script = ["/run/hushlog", "/var/lib/hushlog"].iter().fold(script, |script, path| here(&script, path));
    // Like OpenRC's: it makes the directory, or sets its mode.
    let checkpath = "checkpath() { mkdir -p \"$4\" && chmod \"$3\" \"$4\"; }";
    fs::write(dir.path().join("script"), format!("{checkpath}\n{script}\ncommand=true\nstart_pre")).unwrap();
    fs::create_dir_all(dir.path().join("run/hushlog")).unwrap();
    fs::set_permissions(dir.path().join("run/hushlog"), fs::Permissions::from_mode(0o750)).unwrap();
    let status = Command::new("sh").arg(dir.path().join("script")).status().unwrap();
    assert!(status.success());
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run/hushlog"), 0o750);
    assert_eq!((mode("run/hushlog-sidecar"), mode("var/lib/hushlog")), (0o755, 0o700));
}

/// The list of variables has the format of its script.
#[test]
fn a10_the_list_of_variables_is_as_its_script_makes_it() {
    needs!("python3");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    let ran = command.arg(root.join("tools/names/collect")).arg("--check").arg(root.join("src/registry/reserved.txt"));
    let ran = ran.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn shells_understand_the_scripts() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let scripts = [
        "shell/profile.sh",
        "shell/block.sh",
        "sysv/hushlog-boot",
        "openrc/hushlog-boot",
        "openrc/hushlog-sidecar",
        "systemd/user-environment",
    ];
    let posix = ["dash", "bash", "busybox", "zsh", "ksh"].map(|shell| (shell, &scripts[..]));
    for (shell, scripts) in posix.into_iter().chain([("fish", &["shell/hushlog.fish"][..])]) {
        for script in scripts {
            let mut command = Command::new(shell);
            command.args((shell == "busybox").then_some("sh")).arg("-n").arg(packaging.join(script));
            match command.output() {
                Err(_) => crate::program::session::without(shell),
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(output.status.success() && said.is_empty(), "{shell} {script}: {said}");
                }
            }
        }
    }
}

/// The maximum exposure of the sidecar's unit, which reads and writes logs of all programs, and
/// talks to loopback.
const SIDECAR_EXPOSURE_MAX: &str = "20";

/// The root directory of a machine with the sidecar's unit, and a service that prints to it.
fn machine_with_sidecar() -> Option<tempfile::TempDir> {
    let root = machine()?;
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    for name in ["hushlog-sidecar.service", "hushlog-sidecar.socket"] {
        fs::copy(packaging.join(name), unit(&root, name)).unwrap();
    }
    fs::copy(packaging.join("service-sidecar.conf"), unit(&root, "app.service.d/hushlog-sidecar.conf")).unwrap();
    fs::create_dir_all(root.path().join("bin")).unwrap();
    fs::copy("/bin/true", root.path().join("bin/mkdir")).unwrap();
    Some(root)
}

#[test]
fn systemd_understands_the_sidecars_units() {
    needs!("systemd-analyze");
    let Some(root) = machine_with_sidecar() else { return };
    let complaints = || {
        let units = ["hushlog-sidecar.service", "hushlog-sidecar.socket", "app.service"];
        let verified = analyze(&root, &[&["verify", "--man=no"], &units[..]].concat());
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        said.lines()
            .filter(|line| line.contains("hushlog-sidecar") || line.contains("app.service"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(complaints(), "");
    let sections = [
        ("hushlog-sidecar.service", "Service"),
        ("hushlog-sidecar.socket", "Socket"),
        ("app.service.d/hushlog-sidecar.conf", "Service"),
    ];
    for (name, section) in sections {
        let text = fs::read_to_string(unit(&root, name)).unwrap();
        fs::write(unit(&root, name), format!("{text}\n[{section}]\nUnknown=yes\n")).unwrap();
        assert!(complaints().contains("Unknown key"), "{name}: {}", complaints());
        fs::write(unit(&root, name), text).unwrap();
    }
}

#[test]
fn the_sidecar_is_confined_to_logs_and_loopback() {
    needs!("systemd-analyze");
    let Some(root) = machine_with_sidecar() else { return };
    let judge = || {
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &format!("--threshold={SIDECAR_EXPOSURE_MAX}")])
            .arg(unit(&root, "hushlog-sidecar.service"))
            .output()
            .unwrap();
        (judged.status.success(), String::from_utf8_lossy(&judged.stdout).into_owned())
    };
    let (confined, table) = judge();
    assert!(table.contains("Overall exposure level for hushlog-sidecar.service"), "{table}");
    assert!(confined, "{table}");
    let text = fs::read_to_string(unit(&root, "hushlog-sidecar.service")).unwrap();
    fs::write(unit(&root, "hushlog-sidecar.service"), text.replace("\nSystemCallFilter=", "\nX-Filter=")).unwrap();
    assert!(!judge().0, "a unit that may make all system calls is not confined");
}

#[test]
fn the_sockets_of_the_unit_are_sources_of_the_example() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let socket = fs::read_to_string(packaging.join("systemd/hushlog-sidecar.socket")).unwrap();
    let [config] = &documents(&fs::read_to_string(packaging.join("sidecar.yaml")).unwrap())[..] else { panic!() };
    let sources: Vec<&Value> = config["streams"].as_array().unwrap().iter().map(|stream| &stream["source"]).collect();
    for (key, kind) in [("ListenStream=", "unix"), ("ListenDatagram=", "unix_datagram")] {
        let paths: Vec<&str> = socket.lines().filter_map(|line| line.strip_prefix(key)).collect();
        assert!(!paths.is_empty() && paths.iter().all(|path| sources.iter().any(|source| source[kind] == **path)));
    }
}

/// The documents of a YAML file.
fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|document| serde_yaml::from_str(document).expect("it is YAML")).collect()
}

/// Fails unless the configuration is valid.
#[track_caller]
fn assert_configures(dir: &tempfile::TempDir, config: &str) {
    let path = dir.path().join("sidecar.yaml");
    fs::write(&path, config).unwrap();
    run(hushlog(["sidecar", "check-config", "--config"]).arg(&path), b"").ends(0);
}

#[test]
fn kubernetes_would_run_the_sidecar_beside_the_application() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let documents = documents(&fs::read_to_string(packaging.join("kubernetes/sidecar.yaml")).unwrap());
    let [config, pod] = &documents[..] else { panic!("there are {} documents", documents.len()) };
    assert_eq!((&config["kind"], &pod["kind"]), (&json!("ConfigMap"), &json!("Pod")));
    let dir = tempfile::tempdir().unwrap();
    let config = config["data"]["sidecar.yaml"].as_str().unwrap();
    assert_configures(&dir, config);

    let (sidecar, app) = (&pod["spec"]["initContainers"][0], &pod["spec"]["containers"][0]);
    assert_eq!(sidecar["restartPolicy"], "Always", "it is no native sidecar");
    assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true);
    assert_eq!(sidecar["securityContext"]["readOnlyRootFilesystem"], true);
    for container in [sidecar, app] {
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    }
    // Every mount is a volume of the pod, and raw text is in memory only.
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    for container in [sidecar, app] {
        for mount in container["volumeMounts"].as_array().unwrap() {
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume");
            assert!(volume["emptyDir"].is_null() || volume["emptyDir"]["medium"] == "Memory", "{volume}");
        }
    }
    // The paths of the configuration are within the mounts of both.
    let mounted = |container: &Value, path: &str| {
        let mounts = container["volumeMounts"].as_array().unwrap();
        mounts.iter().any(|mount| Path::new(path).starts_with(mount["mountPath"].as_str().unwrap()))
    };
    assert!(config.contains("fifo: /run/log/app,") && mounted(sidecar, "/run/log/app") && mounted(app, "/run/log/app"));
    assert!(app["command"][2].as_str().unwrap().contains(">/run/log/app 2>&1"));
    assert!(config.contains("control: /run/hushlog/sidecar.sock") && mounted(sidecar, "/run/hushlog/sidecar.sock"));
    for path in ["/run/secrets/app", "/etc/hushlog/sidecar.yaml"] {
        assert!(mounted(sidecar, path), "{path}");
    }
    // The probes are existing commands, and fail without a sidecar.
    for probe in ["startupProbe", "livenessProbe"] {
        let command = sidecar[probe]["exec"]["command"].as_array().unwrap();
        let words: Vec<&str> = command.iter().skip(1).map(|word| word.as_str().unwrap()).collect();
        run(&mut hushlog(words), b"").ends(2).says("no sidecar is listening");
    }
}

#[test]
fn the_example_configuration_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    assert_configures(&dir, &fs::read_to_string(packaging.join("sidecar.yaml")).unwrap());
    // Also the streams that the shippers' configurations require in comments.
    let asked = ["rsyslog/sidecar.conf", "syslog-ng/hushlog.conf", "systemd/service-sidecar.conf"];
    for name in asked {
        let text = fs::read_to_string(packaging.join(name)).unwrap();
        let streams: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#   - ")).collect();
        assert!(!streams.is_empty(), "{name}");
        let streams: String = streams.iter().map(|stream| format!("  - {stream}\n")).collect();
        assert_configures(&dir, &format!("secrets: {{ session: true }}\nstreams:\n{streams}"));
    }
}
