//! The man pages, in the order in which they are listed.

/// A man page.
pub(crate) struct Page {
    /// The command or subject.
    pub(crate) name: &'static str,
    /// The part of the manual: 1 for commands, 7 for subjects.
    pub(crate) section: u8,
    /// The line about it in lists, and in its section NAME.
    pub(crate) about: &'static str,
    /// The names of the files of `docs` that are a part of it.
    pub(crate) documents: &'static [&'static str],
    /// Other pages about the same, besides those that the documents link to.
    pub(crate) related: &'static [&'static str],
}

impl Page {
    /// The title of the page. The filter is the program itself.
    pub(crate) fn title(&self) -> String {
        if self.name == FILTER { "hushlog".to_owned() } else { format!("hushlog-{}", self.name) }
    }
}

/// The command whose page is that of the program.
pub(crate) const FILTER: &str = "filter";

type Names = &'static [&'static str];

const fn command(name: &'static str, documents: Names, related: Names, about: &'static str) -> Page {
    Page { name, section: 1, about, documents, related }
}

const fn subject(name: &'static str, documents: Names, related: Names, about: &'static str) -> Page {
    Page { name, section: 7, about, documents, related }
}

/// All pages: commands first. The page of the first command that has an option describes it for
/// the others.
pub(crate) const PAGES: &[Page] = &[
    command(FILTER, &["program"], &[], "keep secrets out of logs: copy standard input to standard output, masked"),
    command(
        "run",
        &["run"],
        &["choosing", "sessions"],
        "run a command with the secrets in its environment, its output masked",
    ),
    command("scrub", &["scrub"], &["choosing", "forms"], "mask secrets in existing log files, in place"),
    command("guard", &["guard"], &["choosing", "scrub"], "delay readers of log files until the files are clean"),
    command(
        "secret",
        &[],
        &["member", "keygen", "registry"],
        "save, change, delete and list the secrets of a registry",
    ),
    command("member", &[], &["secret", "group", "keygen", "registry"], "manage the members that secrets are sealed to"),
    command("group", &[], &["member", "secret", "registry"], "manage groups of members that secrets are sealed to"),
    command("env", &[], &["secret", "registry", "sessions"], "set plain defaults, and list their history"),
    command(
        "registry",
        &["registry"],
        &["secret", "member", "group", "env", "merge", "keygen"],
        "the file of sealed secrets: values, names, members, merging, keys; upgrade an old one",
    ),
    command("merge", &[], &["registry"], "merge two versions of a registry: a merge driver for git"),
    command(
        "console",
        &["console"],
        &["secret", "env", "check", "registry", "threat-model"],
        "serve the page of a registry to a browser on this machine",
    ),
    command(
        "keygen",
        &[],
        &["member", "registry"],
        "create an identity that opens secrets, or a key that signs registries",
    ),
    command(
        "boot",
        &[],
        &["check", "export", "sessions", "registry"],
        "export the secrets for as long as the machine is up",
    ),
    command(
        "check",
        &[],
        &["boot", "sessions", "operating"],
        "report whether secrets are set here and would be masked",
    ),
    command("explain", &["forms"], &["check", "program", "sidecar"], "explain why a value is masked or not"),
    command("export", &[], &["boot", "sessions"], "print the secrets in a format for shells, services and containers"),
    command(
        "sidecar",
        &["sidecar", "operating"],
        &["check", "choosing"],
        "mask the log streams of a machine: one daemon for all of them",
    ),
    command("completions", &[], &["help"], "print a completion script for a shell"),
    command("man", &[], &["help"], "show a manual page, or write all of them"),
    command("help", &[], &["man"], "explain a command or a subject"),
    subject(
        "choosing",
        &["choosing"],
        &["run", "scrub", "guard", "sidecar"],
        "filter, sidecar, guard or scrub: which one to use",
    ),
    subject("forms", &["forms"], &["design"], "the forms in which secrets are searched for"),
    subject(
        "sessions",
        &["sessions"],
        &["boot", "check", "export"],
        "the secrets exported to a machine: boot, installation, export, check",
    ),
    subject(
        "shippers",
        &["shippers"],
        &["sidecar", "run"],
        "hushlog with rsyslog, syslog-ng, systemd and other log shippers",
    ),
    subject(
        "operating",
        &["operating"],
        &["sidecar", "check"],
        "the sidecar in operation: metrics, canary, confinement, units",
    ),
    subject("embedding", &["embedding"], &["tuning", "design"], "the library in Rust programs"),
    subject("languages", &["languages"], &["embedding"], "the library in C and Python, and the module for syslog-ng"),
    subject("tuning", &["tuning"], &["embedding"], "how to make the library fast"),
    subject("threat-model", &["threat_model"], &[], "what attackers can and cannot learn"),
    subject("scope", &["scope"], &["threat-model"], "what hushlog does not do"),
    subject("design", &["design"], &[], "how the engine works, and the tests that hold its promises"),
    subject("glossary", &["glossary"], &[], "words with a meaning of their own in hushlog"),
];
