//! The variables and files that the program uses: the sections ENVIRONMENT and FILES of the man
//! pages. `docs/program.md` has the same tables.

use hushlog::registry::{MACHINE_IDENTITY, MACHINE_REGISTRY};
use hushlog::session::DEFAULT_DIR;
use hushlog::source::setting;

use super::pages::FILTER;

/// A variable of the environment, or a file.
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for, in a sentence without a full stop.
    pub(crate) purpose: &'static str,
    /// The commands that use it.
    pub(crate) commands: &'static [&'static str],
}

const fn entry(name: &'static str, commands: &'static [&'static str], purpose: &'static str) -> Entry {
    Entry { name, purpose, commands }
}

/// The commands that take sources of secrets.
const SOURCES: &[&str] = &[FILTER, "run", "scrub", "guard", "boot", "check", "explain", "export", "sidecar", "console"];
/// The commands that open a registry.
const OPENING: &[&str] = &[FILTER, "run", "scrub", "guard", "member", "boot", "check", "explain", "export", "sidecar"];
/// The commands that change a registry.
const CHANGING: &[&str] = &["secret", "member", "env", "registry", "console"];
/// The commands that read a registry, or mask the keys of one.
const REGISTRY: &[&str] = &[
    FILTER, "run", "scrub", "guard", "secret", "member", "env", "registry", "merge", "boot", "check", "explain",
    "export", "sidecar", "console",
];
/// The commands with an option for the registry that has a default.
const NAMING: &[&str] = &[
    FILTER, "run", "scrub", "guard", "secret", "member", "env", "registry", "boot", "check", "explain", "export",
    "console",
];
/// These, and the one that creates keys.
const KEYS: &[&str] = &[
    FILTER, "run", "scrub", "guard", "secret", "member", "env", "registry", "merge", "keygen", "boot", "check",
    "explain", "export", "sidecar", "console",
];
/// The commands that compare a registry with the state of the machine.
const STATE: &[&str] = &[
    FILTER, "run", "scrub", "guard", "secret", "member", "env", "registry", "boot", "check", "explain", "export",
    "sidecar", "console",
];
const INSTALLED: &[&str] = &["boot"];
const DAEMONS: &[&str] = &["guard", "sidecar"];

/// The rule for hushlog's own variables.
pub(crate) const RULE: &str =
    "A variable of hushlog that is blank or unusable is an error that names it, as soon as a command needs it.";

/// The variables.
pub(crate) const ENVIRONMENT: &[Entry] = &[
    entry(setting::REGISTRY, NAMING, "the registry, in place of the usual file; for masking, if no source is given"),
    entry(setting::IDENTITY, OPENING, "the file of the identity that opens a registry, in place of the usual file"),
    entry(
        setting::TRUST,
        REGISTRY,
        "public keys and ids of registries, separated by blanks: one of the keys must have signed a registry, and one \
         of the ids must be its own",
    ),
    entry(setting::MEMBER, CHANGING, "the acting member, in place of the user's name"),
    entry(setting::SIGN, REGISTRY, "the file of the key that signs a changed registry; it is masked as well"),
    entry(setting::RUN_DIR, SOURCES, "the directory of the session, in place of `/run/hushlog`"),
    entry(setting::STATE_DIR, STATE, "the directory of the state, in place of `/var/lib/hushlog`"),
    entry("USER", CHANGING, "the acting member, if no other is named"),
    entry("LOGNAME", CHANGING, "the same, without `USER`"),
    entry("XDG_CONFIG_HOME", KEYS, "the directory of configurations, in place of `~/.config`"),
    entry("XDG_STATE_HOME", STATE, "the directory of states of users other than root, in place of `~/.local/state`"),
    entry("HOME", KEYS, "the directory that `~` stands for"),
    entry("NO_COLOR", &[FILTER], "if set, help has no colours on a terminal"),
    entry("TERM", &[FILTER], "the terminal; `dumb` or none means no colours"),
    entry(
        "XDG_RUNTIME_DIR",
        &["guard", "sidecar", "console"],
        "the directory for locks of users other than root, and for the page that leads a browser to the console",
    ),
    entry("DISPLAY", &["console"], "if set, a browser is opened"),
    entry("WAYLAND_DISPLAY", &["console"], "the same"),
    entry(
        "CREDENTIALS_DIRECTORY",
        SOURCES,
        "the credentials of a service of systemd, of which `hushlog.session` is the session",
    ),
    entry("NOTIFY_SOCKET", DAEMONS, "the socket on which systemd hears that a service is ready or stops"),
    entry("WATCHDOG_USEC", &["sidecar"], "how often systemd wants to hear that the sidecar runs"),
    entry("WATCHDOG_PID", &["sidecar"], "the process that `WATCHDOG_USEC` is for"),
    entry("LISTEN_FDS", &["sidecar"], "the number of sockets that systemd passes"),
    entry("LISTEN_FDNAMES", &["sidecar"], "their names"),
    entry("LISTEN_PID", &["sidecar"], "the process that the sockets are for"),
    entry("FDSTORE", &["sidecar"], "the number of connections that systemd keeps over a restart"),
];

/// The files.
pub(crate) const FILES: &[Entry] = &[
    entry("~/.config/hushlog/registry.yaml", CHANGING, "the usual registry of a user"),
    entry("~/.config/hushlog/identity.txt", KEYS, "the usual identity of a user"),
    entry("~/.config/hushlog/signing.pem", KEYS, "the usual signing key of a user, which is masked as well"),
    entry(MACHINE_REGISTRY, INSTALLED, "the usual registry of a machine"),
    entry(MACHINE_IDENTITY, SOURCES, "the usual identity of a machine"),
    entry(
        "/etc/hushlog/allowed-names",
        &["run", "secret", "env", "boot", "export", "console"],
        "variables that this machine exports although programs read them as their configuration, one a line",
    ),
    entry("/etc/hushlog/sidecar.yaml", &["sidecar"], "the configuration that the sidecar's units name"),
    entry("/etc/default/hushlog", DAEMONS, "the options of the units of the Debian package"),
    entry(DEFAULT_DIR, SOURCES, "the directory of the session, in memory"),
    entry("/run/hushlog/session", SOURCES, "all that was exported since the machine was booted, for hushlog"),
    entry("/run/hushlog/environment", INSTALLED, "the exported variables, for `EnvironmentFile=` of systemd"),
    entry("/run/hushlog/environment.sh", INSTALLED, "the same, for shells, which source it"),
    entry("/run/hushlog/environment.fish", INSTALLED, "the same, for fish"),
    entry("/run/hushlog/secrets", INSTALLED, "a file for each exported secret"),
    entry("/run/hushlog/sidecar.sock", &["check", "explain", "sidecar"], "the usual control socket of the sidecar"),
    entry("/run/hushlog-locks", DAEMONS, "locks of guarded directories"),
    entry("/dev/shm/hushlog-locks", DAEMONS, "the same, on a machine without `/run`"),
    entry(
        "/var/lib/hushlog",
        &["boot", "sidecar"],
        "the state of the machine, and of the sidecar that its units start",
    ),
    entry(
        "/var/lib/hushlog/machine-state",
        STATE,
        "the files that `boot` wrote, and revisions of registries; for users, in `~/.local/state/hushlog`",
    ),
    entry("/etc/systemd/system/hushlog-boot.service", INSTALLED, "the unit of `boot --install`, for systemd"),
    entry(
        "/etc/systemd/system/basic.target.wants/hushlog-boot.service",
        INSTALLED,
        "the link by which systemd starts that unit",
    ),
    entry("/etc/systemd/system/NAME.service.d/hushlog.conf", INSTALLED, "the drop-in of a service of `--service`"),
    entry("/etc/systemd/user-environment-generators/50-hushlog", INSTALLED, "the variables for services of users"),
    entry("/etc/init.d/hushlog-boot", INSTALLED, "the script of `boot --install`, for OpenRC and System V init"),
    entry("/etc/runlevels/boot/hushlog-boot", INSTALLED, "the link by which OpenRC starts it"),
    entry("/etc/rcS.d/S20hushlog-boot", INSTALLED, "the link by which System V init starts it"),
    entry("/etc/profile.d/hushlog.sh", INSTALLED, "the snippet of `boot --install` for login shells"),
    entry("/etc/fish/conf.d/hushlog.fish", INSTALLED, "the same, for fish"),
];
