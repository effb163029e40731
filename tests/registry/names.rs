//! Names that would take over a machine: refused when added and exported, and still masked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hushlog::registry::Registry;

use super::program::{self, HUSHLOG};
use super::registry::Desk;

const VALUE: &[u8] = b"canary-4f9QzX-a10";

#[test]
fn a10_names_that_programs_read_are_refused_when_they_are_added() {
    let desk = Desk::new();
    for name in [
        "lessopen",
        "makeflags",
        "_java-options",
        "viminit",
        "ssh.askpass",
        "rsync_rsh",
        "git-dir",
        "sslkeylogfile",
        "ps4",
    ] {
        desk.add(name, VALUE).ends(2);
    }
    for name in ["https-proxy", "pghost", "grep_colors"] {
        desk.add(name, VALUE)
            .ends(2)
            .says("programs read the variable as configuration")
            .says("/etc/hushlog/allowed-names");
    }
    desk.hushlog(["env", "set", "prod", "PGHOST=db"], b"").ends(2).says("/etc/hushlog/allowed-names");
    for name in ["pgpassword", "aws-secret-access-key", "github-token", "myapp-setting"] {
        desk.add(name, format!("canary-{name}").as_bytes()).ends(0);
    }
    desk.hushlog(["env", "set", "prod", "NODE_ENV=production"], b"").ends(0);
}

/// A secret that an older program added is masked, and not exported.
#[test]
fn a10_names_of_an_older_registry_are_masked_and_not_exported() {
    let desk = Desk::new();
    desk.add("pg-hose", VALUE).ends(0);
    let identity = desk.identity("alice.txt");
    assert!(Registry::load(&desk.registry()).unwrap().open(&identity, None, None).is_ok());
    // The machine as a whole: the owner of a file may not decide for it.
    fs::write(desk.path("app.env"), "PGHOST=canary-4f9QzX\nOTHER=canary-other\n").unwrap();
    let run_dir = desk.path("run");
    let mut boot = desk.command(HUSHLOG);
    boot.args(["boot", "--allow-disk", "--dotenv", "app.env"]).env("HUSHLOG_RUN_DIR", &run_dir);
    program::run(&mut boot, b"").ends(2).says("PGHOST cannot be exported").says("/etc/hushlog/allowed-names");
    assert!(!run_dir.join("session").exists());
    // One program: its caller chose the file.
    let shown = desk.hushlog(["run", "--dotenv", "app.env", "--", "sh", "-c", "test -n \"$PGHOST\""], b"");
    shown.ends(0);
    desk.hushlog(["export", "--format", "json", "--dotenv", "app.env"], b"").ends(0);
}

/// The machine's own file allows a name for the whole machine. Its path is fixed, so this runs in a
/// namespace with another /etc.
#[test]
fn a10_the_machine_allows_a_name() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("etc/hushlog")).unwrap();
    fs::write(desk.path("app.env"), "PGHOST=canary-4f9QzX\n").unwrap();
    let allowed = desk.path("etc/hushlog/allowed-names");
    let boot = |unshare: &[&str]| {
        let mut command: Command = desk.command("unshare");
        let script = format!("mount --bind etc /etc && exec '{HUSHLOG}' boot --allow-disk --dotenv app.env");
        command.args(unshare).args(["sh", "-c", &script]).env("HUSHLOG_RUN_DIR", desk.path("run"));
        program::run(&mut command, b"")
    };
    let modes: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let can = |mode: &&&[&str]| {
        desk.command("unshare")
            .args(**mode)
            .args(["mount", "--bind", "etc", "/etc"])
            .output()
            .is_ok_and(|ran| ran.status.success())
    };
    let Some(mode) = modes.iter().find(can) else {
        program::session::without("mount namespaces");
        return;
    };
    boot(mode).ends(2).says("PGHOST cannot be exported");
    fs::write(&allowed, "PGHOST\n").unwrap();
    boot(mode).ends(0);
    fs::set_permissions(&allowed, fs::Permissions::from_mode(0o666)).unwrap();
    boot(mode).ends(2).says("users other than root can write to it");
}

/// A registry without a secret for this identity had its defaults set unchecked.
#[test]
fn b01_defaults_are_checked_without_a_secret_beside_them() {
    let desk = Desk::new();
    desk.hushlog(["env", "set", "prod", "NODE_ENV=canary-default"], b"").ends(0);
    let text = desk.text();
    let from = ["--registry", "registry.yaml", "--environment", "prod", "--allow-empty"];
    let run = || desk.hushlog([&["run"], &from[..], &["--", "printenv", "NODE_ENV", "PGHOST"]].concat(), b"");
    let export = || desk.hushlog([&["export", "--format", "sh"], &from[..]].concat(), b"");
    assert_eq!(run().ends(1).out(), "canary-default\n", "only the one is set");
    assert!(export().ends(0).out().contains("export NODE_ENV='canary-default'\n"));
    // Any user with write access to the file can do so.
    fs::write(desk.registry(), text.replace("NODE_ENV", "PGHOST")).unwrap();
    for ran in [run(), export()] {
        assert_eq!(ran.ends(2).says("PGHOST cannot be exported").says("/etc/hushlog/allowed-names").out(), "");
    }
    // Masking uses no names.
    assert_eq!(desk.hushlog(from, b"text").ends(0).out(), "text");
}

/// Search paths for code of interpreters and libraries, beyond the Debian programs that the list
/// covers.
#[test]
fn b05_names_that_load_code_are_refused() {
    let desk = Desk::new();
    for name in [
        "fish_function_path",
        "fish_user_paths",
        "fish_trace",
        "DOTNET_STARTUP_HOOKS",
        "CORECLR_PROFILER_PATH",
        "ERL_AFLAGS",
        "JULIA_LOAD_PATH",
        "GUILE_LOAD_PATH",
        "EMACSLOADPATH",
        "R_PROFILE",
        "GTK_PATH",
        "VK_ICD_FILENAMES",
        "LIBGL_DRIVERS_PATH",
        "GST_PLUGIN_PATH",
        "RIPGREP_CONFIG_PATH",
        "BAT_CONFIG_PATH",
    ] {
        desk.add(name, VALUE).ends(2).says("the variable is reserved");
        desk.hushlog(["env", "set", "prod", &format!("{name}=/tmp/x")], b"").ends(2).says("the variable is reserved");
        fs::write(desk.path("app.env"), format!("{name}=canary-4f9QzX\n")).unwrap();
        let mut boot = desk.command(HUSHLOG);
        boot.args(["boot", "--allow-disk", "--dotenv", "app.env"]).env("HUSHLOG_RUN_DIR", desk.path("run"));
        program::run(&mut boot, b"").ends(2).says("changes the behaviour of programs");
    }
    for name in ["DOTNET_ENVIRONMENT", "ERLANG_COOKIE", "FISHNET_TOKEN"] {
        desk.add(name, format!("canary-{name}").as_bytes()).ends(0);
    }
}
