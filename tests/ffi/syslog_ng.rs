//! The module for syslog-ng, built against its headers and run by it. syslog-ng may be installed,
//! or (because it conflicts with rsyslog) unpacked: below `HUSHLOG_SYSLOG_NG`, or in
//! `/opt/syslog-ng`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::CANARY;
use super::installed::{command, prefix, root, run};
use super::program::Ran;

use crate::program::session::needs;

/// The installation that was found.
struct SyslogNg {
    program: PathBuf,
    cflags: String,
    modules: PathBuf,
    libraries: Vec<PathBuf>,
    /// Its files, the secrets and its output.
    stage: tempfile::TempDir,
}

/// The directory with an unpacked syslog-ng.
fn aside() -> PathBuf {
    std::env::var_os("HUSHLOG_SYSLOG_NG").map_or_else(|| "/opt/syslog-ng".into(), PathBuf::from)
}

#[linkme::distributed_slice(crate::program::session::PROBES)]
static SYSLOG_NG: (&str, fn() -> bool) = ("syslog-ng-dev", || {
    let asked = Command::new("pkg-config").args(["--exists", "syslog-ng"]).status();
    aside().join("usr/sbin/syslog-ng").exists() || asked.is_ok_and(|status| status.success())
});

impl SyslogNg {
    /// Installs the module of hushlog. `None` without syslog-ng.
    fn new() -> Option<SyslogNg> {
        let aside = aside();
        let mut found = if aside.join("usr/sbin/syslog-ng").exists() {
            SyslogNg::unpacked(&aside)
        } else if Command::new("pkg-config").args(["--exists", "syslog-ng"]).status().is_ok_and(|it| it.success()) {
            SyslogNg::installed()
        } else {
            crate::program::session::without("syslog-ng-dev");
            return None;
        };
        found.libraries.push(prefix().join("lib"));
        let mut install = command(root().join("bindings/syslog-ng/install"));
        install.arg("--module-dir").arg(found.stage.path()).env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
        run(install.env("SYSLOG_NG_CFLAGS", &found.cflags), b"").ends(0).says("installed");
        std::fs::create_dir(found.stage.path().join("secrets")).unwrap();
        found.secret("TOKEN", &format!("{CANARY}\r\n"));
        found.secret("DB_URL", "postgres://app:pa$s-4f9@db/app");
        Some(found)
    }

    fn unpacked(root: &Path) -> SyslogNg {
        let libraries = ["usr/lib/syslog-ng", "usr/lib/x86_64-linux-gnu"].map(|path| root.join(path)).to_vec();
        let versions = std::fs::read_dir(&libraries[0]).unwrap().map(|entry| entry.unwrap().path());
        SyslogNg {
            program: root.join("usr/sbin/syslog-ng"),
            cflags: format!("-I{}", root.join("usr/include/syslog-ng").display()),
            modules: versions.into_iter().find(|path| path.join("libaffile.so").exists()).expect("its modules"),
            libraries,
            stage: tempfile::tempdir().unwrap(),
        }
    }

    fn installed() -> SyslogNg {
        let asked = |arg| {
            let said = run(Command::new("pkg-config").args([arg, "syslog-ng"]), b"").ends(0).out();
            said.trim().to_owned()
        };
        SyslogNg {
            program: "/usr/sbin/syslog-ng".into(),
            cflags: asked("--cflags"),
            modules: asked("--variable=moduledir").into(),
            libraries: Vec::new(),
            stage: tempfile::tempdir().unwrap(),
        }
    }

    fn secret(&self, name: &str, value: &str) {
        std::fs::write(self.stage.path().join("secrets").join(name), value).unwrap();
    }

    /// Runs it on these lines of input, and returns the expansion of this template.
    fn run(&self, template: &str, input: &[u8]) -> (Ran, String) {
        let path = |name: &str| self.stage.path().join(name);
        let template = template.replace("SECRETS", path("secrets").to_str().unwrap());
        let config = format!(
            "@version: 3.38\n@module hushlog-template\noptions {{ stats-freq(0); }};
log {{ source {{ stdin(flags(no-parse)); }}; rewrite {{ set(\"{template}\" value(\"MESSAGE\")); }};
destination {{ file(\"{}\" template(\"$MESSAGE\\n\")); }}; }};\n",
            path("out").display()
        );
        std::fs::write(path("conf"), config).unwrap();
        let libraries = std::env::join_paths(&self.libraries).unwrap();
        let modules = std::env::join_paths([self.modules.as_path(), self.stage.path()]).unwrap();
        let mut syslog_ng = command(&self.program);
        syslog_ng.args(["--foreground", "--stderr", "--no-caps"]).env("LD_LIBRARY_PATH", libraries);
        for (option, name) in [("cfgfile", "conf"), ("persist-file", "persist"), ("control", "ctl"), ("pidfile", "pid")]
        {
            syslog_ng.arg(format!("--{option}={}", path(name).display()));
        }
        syslog_ng.arg(format!("--module-path={}", modules.to_str().unwrap()));
        let ran = run(&mut syslog_ng, input);
        let out = std::fs::read_to_string(path("out")).unwrap_or_default();
        let _ = std::fs::remove_file(path("out"));
        assert!(!ran.err().contains(CANARY) && !ran.out().contains(CANARY), "it told a secret");
        (ran, out)
    }
}

/// A real log tool with a real module: secrets in a message are masked, and all other text stays.
#[test]
fn syslog_ng_masks_messages() {
    needs!("pkg-config", "syslog-ng-dev");
    let Some(syslog_ng) = SyslogNg::new() else { return };
    let clean = |n: usize| format!("message {n} of a program \t with <tags> & {}", "x".repeat(n % 700));
    let (mut input, mut want) = (String::new(), String::new());
    for n in 0..3_000 {
        let (secret, mask) = match n % 3 {
            0 => (CANARY, "[REDACTED:TOKEN]"),
            1 => ("password=pa%24s-4f9 ", "password=[REDACTED:DB_URL] "),
            _ => ("", ""),
        };
        input += &format!("{} {secret}\n", clean(n));
        want += &format!("{} {mask}\n", clean(n));
    }
    let (ran, out) = syslog_ng.run("$(hushlog --secrets SECRETS $MESSAGE)", input.as_bytes());
    assert!(out == want, "{} lines of {}: {}", out.lines().count(), want.lines().count(), ran.err());
    let (_, out) =
        syslog_ng.run("$(hushlog --mask <{name}> --secrets SECRETS '$MESSAGE, again $MESSAGE')", CANARY.as_bytes());
    assert_eq!(out, "<TOKEN>, again <TOKEN>\n");
}

/// Fails closed: it does not start without its secrets.
#[test]
fn syslog_ng_cannot_configure_a_set_that_masks_nothing() {
    needs!("pkg-config", "syslog-ng-dev");
    let Some(syslog_ng) = SyslogNg::new() else { return };
    let refused = |template: &str, why: &str| {
        let (ran, out) = syslog_ng.run(template, CANARY.as_bytes());
        assert_ne!(ran.code, Some(0), "{template}");
        assert!(ran.err().contains(why), "{template}: {}", ran.err());
        assert_eq!(out, "", "{template}");
    };
    refused("$(hushlog --secrets SECRETS/NONE $MESSAGE)", "No such file");
    refused("$(hushlog --secrets SECRETS)", "there must be one template");
    refused("$(hushlog --secrets SECRETS $MESSAGE $PROGRAM)", "there must be one template");
    refused("$(hushlog $MESSAGE)", "--secrets PATH: it is missing");
    refused("$(hushlog --secret SECRETS $MESSAGE)", "an unknown option");
    refused(
        "$(hushlog --secrets SECRETS --mask canary $MESSAGE)",
        "TOKEN: the mask shares its beginning or end with a secret",
    );
    syslog_ng.secret("TOKEN", "abc\n");
    syslog_ng.secret("DB_URL", "");
    refused("$(hushlog --secrets SECRETS $MESSAGE)", "there is no secret that could be masked");
    std::fs::create_dir(syslog_ng.stage.path().join("secrets/directory")).unwrap();
    refused("$(hushlog --secrets SECRETS $MESSAGE)", "not a file");
}
