//! `hushlog boot --install`: the installed files for each init, and their removal. `tools/boot/run`
//! tests the boot itself on a whole machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::session::needs;
use crate::program::{Ran, hushlog, run};

/// The root directory of a future machine.
struct Root {
    dir: tempfile::TempDir,
}

/// All paths below a directory: mode and content of files, targets of links.
fn tree(path: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![path.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let name = entry.path().strip_prefix(path).unwrap().to_owned();
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_symlink() {
                found.insert(name, fs::read_link(entry.path()).unwrap().display().to_string());
            } else {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                found.insert(name, format!("{mode:o} {}", fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found
}

impl Root {
    /// With these files in it; directories end with a slash.
    fn new(files: &[(&str, &str)]) -> Root {
        let root = Root { dir: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            let path = root.path(name);
            fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
            if !name.ends_with('/') {
                fs::write(path, text).unwrap();
            }
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn boot(&self, args: &[&str]) -> Ran {
        let root = self.dir.path().to_str().unwrap();
        run(&mut hushlog([&["boot", "--root", root], args].concat()), b"")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

const SYSTEMD: &[(&str, &str)] = &[
    ("etc/systemd/system/", ""),
    ("etc/profile.d/", ""),
    ("etc/fish/conf.d/", ""),
    ("etc/bash.bashrc", "[ -z \"$PS1\" ] && return\nPS1=x\n"),
    ("etc/zsh/zshenv", "path=x"),
];
const OPENRC: &[(&str, &str)] = &[("etc/runlevels/boot/", ""), ("etc/init.d/", ""), ("etc/profile.d/", "")];
const BUSYBOX: &[(&str, &str)] = &[
    ("etc/inittab", "# first\n::sysinit:/etc/rc.sysinit\n::sysinit:/bin/second\n::respawn:-/bin/sh"),
    ("etc/profile.d/", ""),
];
const SYSV: &[(&str, &str)] = &[("etc/rcS.d/", ""), ("etc/init.d/", "")];

const SOURCES: [&str; 3] = ["--install", "--dotenv", "/etc/hushlog/secrets.env"];
const COMMAND: &str = "/usr/bin/hushlog boot --dotenv /etc/hushlog/secrets.env";

#[test]
fn systemd_runs_it_before_services_and_shells_get_the_variables() {
    let root = Root::new(SYSTEMD);
    let said = root.boot(&[&SOURCES[..], &["--service", "app", "--service", "web@1.service"]].concat()).ends(0).out();
    assert_eq!(said.lines().filter(|line| line.starts_with("wrote ")).count(), 9, "{said}");
    let unit = root.read("etc/systemd/system/hushlog-boot.service");
    assert!(unit.contains(&format!("\nExecStart={COMMAND}\n")) && !unit.contains("@BOOT@"), "{unit}");
    assert!(root.path("etc/systemd/system/basic.target.wants/hushlog-boot.service").exists(), "the link leads nowhere");
    for service in ["app", "web@1"] {
        let drop_in = root.read(&format!("etc/systemd/system/{service}.service.d/hushlog.conf"));
        assert!(drop_in.contains("\nEnvironmentFile=/run/hushlog/environment\n"));
    }
    // Before the lines that make other than interactive shells return, with the rest unchanged.
    let bashrc = root.read("etc/bash.bashrc");
    assert!(
        bashrc.starts_with("# >>> hushlog") && bashrc.ends_with("<<<\n[ -z \"$PS1\" ] && return\nPS1=x\n"),
        "{bashrc}"
    );
    assert!(root.read("etc/zsh/zshenv").ends_with("<<<\npath=x"));
    assert!(root.read("etc/profile.d/hushlog.sh").contains(". /run/hushlog/environment.sh"));
    assert!(root.read("etc/fish/conf.d/hushlog.fish").contains("source /run/hushlog/environment.fish"));
    let mode = root.path("etc/systemd/user-environment-generators/50-hushlog").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn systemd_takes_the_unit_for_a_good_one() {
    needs!("systemd-analyze");
    let root = Root::new(SYSTEMD);
    root.boot(&[&SOURCES[..], &["--service", "app"]].concat()).ends(0);
    let app = "[Service]\nExecStart=/bin/true\n";
    fs::write(root.path("etc/systemd/system/app.service"), app).unwrap();
    fs::create_dir_all(root.path("usr/bin")).unwrap();
    fs::write(root.path("usr/bin/hushlog"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.path("usr/bin/hushlog"), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(wrong) = complaints(&root, &["hushlog-boot.service", "app.service"]) else { return };
    assert!(wrong.is_empty(), "{wrong:?}");
    // It would have been reported.
    let unit = root.read("etc/systemd/system/hushlog-boot.service").replace("NoNewPrivileges", "NoSuchPrivileges");
    fs::write(root.path("etc/systemd/system/hushlog-boot.service"), unit).unwrap();
    assert!(!complaints(&root, &["hushlog-boot.service"]).unwrap().is_empty());
}

#[test]
fn the_unit_writes_file_targets_where_it_may() {
    let root = Root::new(SYSTEMD);
    let unit = || root.read("etc/systemd/system/hushlog-boot.service");
    root.boot(&SOURCES).ends(0);
    let closed = unit();
    assert!(closed.contains("ReadWritePaths=/run\nStateDirectory=") && !closed.contains("CAP_DAC_OVERRIDE"));
    root.boot(&[&SOURCES[..], &["--files-in", "/etc/myapp", "--files-in", "/home/app"]].concat()).ends(0);
    let open = unit();
    assert!(open.contains("ReadWritePaths=/run\nReadWritePaths=-/etc/myapp\nReadWritePaths=-/home/app\n"), "{open}");
    assert!(open.contains("CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN"), "{open}");
    for directory in ["etc/myapp", "/etc/my app", "/a%h", "/a\nExecStart=x"] {
        root.boot(&[&SOURCES[..], &["--files-in", directory]].concat()).ends(2).says("--files-in is not absolute");
    }
    assert_eq!(unit(), open);
}

/// The complaints of systemd about units; `None` without systemd.
fn complaints(root: &Root, units: &[&str]) -> Option<Vec<String>> {
    let directory = root.path("etc/systemd/system");
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["verify", "--man=no", "--recursive-errors=no"]).args(units.iter().map(|unit| directory.join(unit)));
    let Ok(output) =
        analyze.env("SYSTEMD_UNIT_PATH", format!("{}:", directory.display())).stdin(Stdio::null()).output()
    else {
        crate::program::session::without("systemd-analyze");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // The program exists on the future machine, and perhaps not on this one.
    Some(said.lines().filter(|line| !line.contains("/usr/bin/hushlog is not executable")).map(str::to_owned).collect())
}

#[test]
fn openrc_busybox_and_system_v_run_it_too() {
    let openrc = Root::new(OPENRC);
    openrc.boot(&SOURCES).ends(0);
    assert!(openrc.read("etc/init.d/hushlog-boot").contains(&format!("\n    {COMMAND}\n")));
    assert_eq!(
        fs::read_link(openrc.path("etc/runlevels/boot/hushlog-boot")).unwrap().to_str(),
        Some("/etc/init.d/hushlog-boot")
    );

    let busybox = Root::new(BUSYBOX);
    busybox.boot(&SOURCES).ends(0);
    let inittab = busybox.read("etc/inittab");
    let lines: Vec<&str> = inittab.lines().collect();
    assert_eq!(lines[2], "::sysinit:/bin/second");
    assert_eq!(lines[4], format!("::sysinit:{COMMAND}"));
    assert_eq!(lines[6], "::respawn:-/bin/sh");

    let sysv = Root::new(SYSV);
    sysv.boot(&SOURCES).ends(0);
    assert!(sysv.path("etc/rcS.d/S20hushlog-boot").exists(), "the link leads nowhere");
    let script = sysv.path("etc/init.d/hushlog-boot");
    assert!(Command::new("sh").arg("-n").arg(&script).status().unwrap().success());
    assert_eq!(Command::new("sh").arg(&script).arg("status").status().unwrap().code(), Some(0));
    assert_eq!(Command::new("sh").arg(&script).stderr(Stdio::null()).status().unwrap().code(), Some(2));
}

#[test]
fn installing_twice_changes_nothing_and_uninstalling_restores() {
    for (files, more) in [(SYSTEMD, &["--service", "app"][..]), (OPENRC, &[]), (BUSYBOX, &[]), (SYSV, &[])] {
        let root = Root::new(files);
        let before = tree(root.dir.path());
        let would = root.boot(&[&SOURCES[..], more, &["--dry-run"]].concat()).ends(0).out();
        assert_eq!(tree(root.dir.path()), before, "--dry-run did something");
        let did = root.boot(&[&SOURCES[..], more].concat()).ends(0).out();
        assert_eq!(would.replace("would write ", "wrote "), did);
        let installed = tree(root.dir.path());
        assert!(installed.len() > before.len());
        let again = root.boot(&[&SOURCES[..], more].concat()).ends(0).out();
        assert!(again.lines().all(|line| line.starts_with("unchanged ")), "{again}");
        assert_eq!(tree(root.dir.path()), installed);
        // Other sources at the next installation: the command is replaced, and no block is doubled.
        root.boot(&[&["--install", "--secret-file", "/etc/secrets"], more].concat()).ends(0);
        root.boot(&[&SOURCES[..], more].concat()).ends(0);
        assert_eq!(tree(root.dir.path()), installed);
        let would = root.boot(&["--uninstall", "--dry-run"]).ends(0).out();
        assert_eq!(tree(root.dir.path()), installed, "--dry-run did something");
        let did = root.boot(&["--uninstall"]).ends(0).out();
        assert_eq!(would.replace("would remove ", "removed "), did);
        assert_eq!(tree(root.dir.path()), before);
        assert_eq!(root.boot(&["--uninstall"]).ends(0).out(), "");
    }
}

#[test]
fn files_of_somebody_else_are_left_alone() {
    let root = Root::new(SYSTEMD);
    fs::write(root.path("etc/profile.d/hushlog.sh"), "# mine\n").unwrap();
    let ran = root.boot(&SOURCES).ends(3).says("was left alone");
    assert!(ran.out().contains("left alone ") && ran.out().contains("wrote "));
    root.boot(&["--uninstall"]).ends(0);
    assert_eq!(root.read("etc/profile.d/hushlog.sh"), "# mine\n");
}

#[test]
fn an_invalid_installation_is_refused_before_any_write() {
    let root = Root::new(SYSTEMD);
    let before = tree(root.dir.path());
    for (args, said) in [
        (&["--install", "--dotenv", "secrets.env"][..], "--dotenv must be an absolute path"),
        (&["--install", "--dotenv", "/etc/it's"], "contains a character other than"),
        (&["--install", "--dotenv", "/etc/a b"], "contains a character other than"),
        (&["--install", "--dotenv", "/etc/a\nExecStart=/bin/sh"], "contains a character other than"),
        (&["--install", "--dotenv", "/etc/a", "--service", "../x"], "the name of a service"),
        (&["--install", "--dotenv", "/etc/a", "--init", "openrc", "--service", "x"], "only systemd services"),
        (&["--install"], "no source was given"),
        (&["--dry-run"], "need --install or --uninstall"),
        (&["--service", "x"], "--service needs --install"),
        (&["--install", "--uninstall"], "cannot be combined"),
    ] {
        root.boot(args).ends(2).says(said);
        assert_eq!(tree(root.dir.path()), before, "something was written");
    }
    let nothing = Root::new(&[("etc/", "")]);
    nothing.boot(&SOURCES).ends(2).says("no init system found: neither systemd, OpenRC, BusyBox nor System V init");
}

/// systemd's own parser of generator output accepts the output, which equals the file for services.
#[test]
fn the_user_generator_prints_the_service_file_or_nothing() {
    let root = Root::new(SYSTEMD);
    root.boot(&SOURCES).ends(0);
    let generator = root.read("etc/systemd/user-environment-generators/50-hushlog");
    let place = root.path("run");
    let here = generator.replace("/run/hushlog", place.to_str().unwrap());
    let print = || run(Command::new("sh").args(["-c", &here]), b"").ends(0).out();
    assert_eq!(print(), "");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("environment"), "A=\"b\"\n").unwrap();
    assert_eq!(print(), "A=\"b\"\n");
}

#[test]
fn a13_links_of_an_image_lead_nowhere_outside_it() {
    let outside = tempfile::tempdir().unwrap();
    for name in ["bashrc", "etc/systemd/system/unit", "etc/profile.d/file"] {
        fs::create_dir_all(outside.path().join(name).parent().unwrap()).unwrap();
        fs::write(outside.path().join(name), "theirs\n").unwrap();
    }
    let before = tree(outside.path());
    let root = Root::new(&[("usr/etc/systemd/system/", ""), ("usr/etc/profile.d/", ""), ("inside/bashrc", "mine\n")]);
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, root.path(name)).unwrap();
    // As meant by the image: `/inside` is its own, and `..` ends at its root.
    link("usr/etc", "etc");
    link("/inside/bashrc", "usr/etc/bash.bashrc");
    link("../../../../../../../inside/bashrc", "usr/etc/bashrc");
    root.boot(&SOURCES).ends(0);
    assert!(root.read("inside/bashrc").ends_with("mine\n") && root.read("inside/bashrc").starts_with("# >>>"));
    assert!(root.read("usr/etc/systemd/system/hushlog-boot.service").contains(COMMAND));
    assert!(fs::symlink_metadata(root.path("usr/etc/bashrc")).unwrap().is_symlink());
    root.boot(&["--uninstall"]).ends(0);
    assert_eq!(root.read("inside/bashrc"), "mine\n");
    // Paths of the installing machine, in each place that is read or written.
    fs::remove_file(root.path("usr/etc/bash.bashrc")).unwrap();
    link(outside.path().join("bashrc").to_str().unwrap(), "usr/etc/bash.bashrc");
    let up = format!("../../../../../../../../..{}", outside.path().join("etc/profile.d").display());
    fs::remove_dir(root.path("usr/etc/profile.d")).unwrap();
    link(&up, "usr/etc/profile.d");
    root.boot(&SOURCES).ends(0);
    root.boot(&["--uninstall"]).ends(0);
    fs::remove_file(root.path("etc")).unwrap();
    link(outside.path().join("etc").to_str().unwrap(), "etc");
    for args in [&[&SOURCES[..], &["--init", "systemd"]].concat()[..], &["--uninstall"]] {
        root.boot(args);
    }
    assert_eq!(tree(outside.path()), before);
}

#[test]
fn a13_a_path_that_is_no_file_is_not_awaited_or_replaced() {
    let root = Root::new(SYSTEMD);
    let fifo = |name: &str| {
        rustix::fs::mkfifoat(rustix::fs::CWD, root.path(name), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    };
    let boot = |args: &[&str]| {
        let mut command = hushlog([&["boot", "--root", root.dir.path().to_str().unwrap()], args].concat());
        crate::program::run_within(&mut command, b"", std::time::Duration::from_secs(20))
    };
    fifo("etc/bashrc");
    fifo("etc/inittab");
    fifo("etc/profile.d/hushlog.sh");
    fs::remove_dir(root.path("etc/fish/conf.d")).unwrap();
    std::os::unix::fs::symlink("conf.d", root.path("etc/fish/conf.d")).unwrap();
    boot(&SOURCES).ends(3).says("was left alone");
    for name in ["etc/bashrc", "etc/inittab", "etc/profile.d/hushlog.sh"] {
        let kind = fs::symlink_metadata(root.path(name)).unwrap().file_type();
        assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind), "{name}");
    }
    assert!(boot(&["--uninstall"]).code.is_some());
    // Not another name of a hard link, which may be a file of the installing machine.
    let outside = tempfile::tempdir_in(root.dir.path().parent().unwrap()).unwrap();
    fs::write(outside.path().join("file"), "theirs\n").unwrap();
    fs::remove_file(root.path("etc/bash.bashrc")).unwrap();
    fs::hard_link(outside.path().join("file"), root.path("etc/bash.bashrc")).unwrap();
    boot(&SOURCES);
    assert!(root.read("etc/bash.bashrc").ends_with("theirs\n") && root.read("etc/bash.bashrc").len() > 7);
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "theirs\n");
}

#[test]
fn a13_lines_in_a_file_leave_it_its_owner_and_mode() {
    use std::os::unix::fs::{MetadataExt, chown};
    let root = Root::new(SYSTEMD);
    let path = root.path("etc/bash.bashrc");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_owned = chown(&path, Some(65_534), Some(65_533)).is_ok();
    let before = fs::metadata(&path).unwrap();
    for args in [&SOURCES[..], &["--uninstall"]] {
        root.boot(args).ends(0);
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode()), (before.uid(), before.gid(), before.mode()), "{is_owned}");
    }
}

#[test]
fn a09_the_installed_command_has_all_settings_of_the_shell() {
    let root = Root::new(&[SYSTEMD, &[("etc/hushlog/registry.yaml", "")]].concat());
    let mut keygen = hushlog(["keygen", "--signing", "--output", root.path("key.pem").to_str().unwrap()]);
    let key = run(&mut keygen, b"").ends(0).out().trim().to_owned();
    let install = |args: &[&str], settings: &[(&str, &str)]| {
        let mut command = hushlog([&["boot", "--root", root.dir.path().to_str().unwrap(), "--install"], args].concat());
        run(command.envs(settings.iter().copied()), b"")
    };
    let unit = || root.read("etc/systemd/system/hushlog-boot.service");
    install(&[], &[("HUSHLOG_TRUST", &key), ("HUSHLOG_IDENTITY", "/etc/vm.txt")]).ends(0);
    let line = format!("boot --registry /etc/hushlog/registry.yaml --identity /etc/vm.txt --trust {key}\n");
    assert!(unit().contains(&line), "{}", unit());
    install(&[], &[("HUSHLOG_REGISTRY", "/etc/r.yaml")]).ends(0);
    assert!(unit().contains("boot --registry /etc/r.yaml\n"), "{}", unit());
    install(&["--registry", "/etc/r.yaml"], &[("HUSHLOG_TRUST", &key)]).ends(0);
    assert!(unit().contains(&format!("boot --registry /etc/r.yaml --trust {key}\n")), "{}", unit());
    install(&["--dotenv", "/etc/s.env"], &[("HUSHLOG_TRUST", &key)]).ends(0);
    assert!(unit().contains("boot --dotenv /etc/s.env\n"), "{}", unit());
    let before = unit();
    for (variable, value) in [
        ("HUSHLOG_TRUST", " "),
        ("HUSHLOG_TRUST", "no-key"),
        ("HUSHLOG_REGISTRY", ""),
        ("HUSHLOG_IDENTITY", ""),
        ("HUSHLOG_RUN_DIR", "/elsewhere"),
    ] {
        install(&[], &[(variable, value)]).ends(2).says(variable);
    }
    assert_eq!(unit(), before);
}

/// At each start, the unit runs as root a file that the owner of a home directory can change.
#[test]
fn b06_a_program_that_another_user_can_replace_is_not_installed() {
    let dir = tempfile::tempdir().unwrap();
    for made in ["etc/runlevels/boot", "etc/init.d", "bin"] {
        fs::create_dir_all(dir.path().join(made)).unwrap();
    }
    let program = dir.path().join("bin/hushlog");
    fs::copy(crate::program::HUSHLOG, &program).unwrap();
    let install = |program: &Path| {
        let script = format!(
            "mount --bind etc /etc && exec {} boot --install --init openrc --dotenv /etc/secrets.env",
            program.display()
        );
        let mut command = Command::new("unshare");
        run(command.current_dir(dir.path()).args(["-m", "sh", "-c", &script]), b"")
    };
    let can = Command::new("unshare").args(["-m", "mount", "--bind", "/etc", "/etc"]).status();
    if !can.is_ok_and(|status| status.success()) {
        crate::program::session::without("mount namespaces");
        return;
    }
    let owned = |path: &Path, owner: u32| std::os::unix::fs::chown(path, Some(owner), None).unwrap();
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let bin = dir.path().join("bin");
    for (spoil, mend) in [
        (&(|| owned(&bin, 65_534)) as &dyn Fn(), &(|| owned(&bin, 0)) as &dyn Fn()),
        (&|| owned(&program, 65_534), &|| owned(&program, 0)),
        (&|| mode(&bin, 0o777), &|| mode(&bin, 0o755)),
        (&|| mode(&program, 0o757), &|| mode(&program, 0o755)),
    ] {
        spoil();
        install(&program).ends(2).says("root cannot run").says("at each start: another user can replace it");
        assert!(!dir.path().join("etc/init.d/hushlog-boot").exists());
        mend();
    }
    // On Debian, the group of /usr/local/bin can write there; in a sticky directory only the owner
    // can replace it.
    mode(&bin, 0o2775);
    install(&program).ends(0);
    mode(&bin, 0o1777);
    install(&program).ends(0);
    let script = fs::read_to_string(dir.path().join("etc/init.d/hushlog-boot")).unwrap();
    assert!(script.contains(&format!("{} boot --dotenv", program.display())), "{script}");
}

/// A user with write access to the registry's directory can replace the registry by one with chosen
/// secrets.
#[test]
fn a19_an_installed_boot_demands_the_registry_it_was_for() {
    let root = Root::new(&[SYSTEMD, &[("etc/hushlog/", "")]].concat());
    let run_dir = tempfile::Builder::new().prefix("hushlog-pin").tempdir_in("/dev/shm").unwrap();
    let (registry, identity) = (root.path("etc/hushlog/registry.yaml"), root.path("etc/hushlog/identity.txt"));
    let with = |args: &[&str]| {
        let mut command = hushlog(args);
        command.env("HUSHLOG_REGISTRY", &registry).env("HUSHLOG_RUN_DIR", run_dir.path()).env("HUSHLOG_MEMBER", "vm");
        command.env("HUSHLOG_STATE_DIR", run_dir.path());
        run(&mut command, b"sk-live-4f9QzX")
    };
    let made = with(&["keygen", "--output", identity.to_str().unwrap()]).ends(0).out();
    let make = || {
        let _ = fs::remove_file(&registry);
        with(&["member", "add", "vm", made.trim()]).ends(0);
        with(&["secret", "add", "token", "--value-file", "-"]).ends(0);
        let text = fs::read_to_string(&registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)).expect("an id")
    };
    let id = make();
    let unit = || root.read("etc/systemd/system/hushlog-boot.service");
    let pinned = |id: &str| format!("hushlog boot --registry /etc/hushlog/registry.yaml --trust {id}\n");
    root.boot(&["--install"]).ends(0);
    assert!(unit().contains(&pinned(&id)), "{}", unit());
    let before = tree(root.dir.path());
    root.boot(&["--install", "--registry", "/etc/hushlog/registry.yaml"]).ends(0);
    assert_eq!(tree(root.dir.path()), before);
    // The unit's command, on a machine with this root.
    let command = unit().lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/hushlog ")).unwrap().to_owned();
    let start = || {
        let here = command.replace("/etc/hushlog/registry.yaml", registry.to_str().unwrap());
        let mut args: Vec<&str> = here.split(' ').collect();
        args.extend(["--identity", identity.to_str().unwrap()]);
        with(&args)
    };
    start().ends(0);
    let other = make();
    start().ends(2).says("the id of the registry is not a trusted one");
    // Reinstalled, it is the other one; and a given id has to be right.
    let given = |id: &str| root.boot(&["--install", "--registry", "/etc/hushlog/registry.yaml", "--trust", id]);
    given(&id).ends(2).says("the id of the registry is not a trusted one");
    assert!(unit().contains(&pinned(&id)));
    given(&other).ends(0);
    assert!(unit().contains(&pinned(&other)), "{}", unit());
    // A key beside it, and a registry that comes later.
    let mut keygen = hushlog(["keygen", "--signing", "--output", root.path("key.pem").to_str().unwrap()]);
    let key = run(&mut keygen, b"").ends(0).out().trim().to_owned();
    given(&key).ends(0);
    assert!(unit().contains(&format!("--trust {key} --trust {other}\n")), "{}", unit());
    let later = root.boot(&["--install", "--registry", "/etc/later.yaml"]).ends(0).says("its id is not pinned");
    assert!(
        later.err().contains("/etc/later.yaml") && unit().contains("boot --registry /etc/later.yaml\n"),
        "{}",
        unit()
    );
}
