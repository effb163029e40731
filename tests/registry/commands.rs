//! The registry's commands as users run them, with the programs age and openssl on the other side:
//! rows R01 to R05, R13, R22 and R23 of `docs/faults.md`.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Child, Command, Stdio};

use crate::program::session::needs;
use crate::program::{self, HUSHLOG, Ran, script};
use crate::registry::{Desk, output};
use hushlog::registry::{By, Edit, Name, Registry, Scope};

const CANARY: &str = "canary-Zq7-4f9QzX";

#[test]
fn r01_no_command_shows_a_value() {
    let desk = Desk::new();
    desk.add("api-key", CANARY.as_bytes()).ends(0).says("shared, exported as API_KEY");
    desk.hushlog(["env", "set", "prod", "COLOUR=red"], b"").ends(0);
    let reading: &[&[&str]] = &[
        &["secret", "list"],
        &["secret", "list", "--json"],
        &["secret", "search", "API"],
        &["secret", "search", CANARY],
        &["secret", "search", "api", "--json"],
        &["member", "list", "--json"],
        &["env", "list", "prod", "--json"],
        &["env", "history", "prod"],
        &["secret", "delete", "api-key"],
    ];
    for args in reading {
        let ran = desk.hushlog(*args, b"").ends(0);
        let shown = format!("{}{}", ran.out(), ran.err());
        assert!(!shown.contains(CANARY), "{args:?}: {shown}");
    }
    for sub in ["add", "edit", "move", "delete", "list", "search"] {
        let help = desk.hushlog(["secret", sub, "--help"], b"").ends(0).out();
        for word in ["--show", "--reveal", "--get", "--debug", "--verbose", "--value "] {
            assert!(!help.contains(word), "secret {sub} {word}");
        }
    }
    for sub in ["get", "show", "reveal", "print", "cat"] {
        desk.hushlog(["secret", sub, "api-key"], b"").ends(2);
    }
}

#[test]
fn r01_a_list_shows_no_length() {
    let desk = Desk::new();
    desk.hushlog(["secret", "add", "api-key", "--no-install", "--value-file", "-"], b"some value").ends(0);
    let list = desk.hushlog(["secret", "list", "--json"], b"").ends(0).out();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let keys: Vec<&String> = list[0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "changed",
            "changed_by",
            "expires",
            "file",
            "file_only",
            "group",
            "installed",
            "name",
            "note",
            "owner",
            "scope",
            "variable",
            "version"
        ]
    );
    assert_eq!(list[0]["variable"], "API_KEY");
    assert_eq!(list[0]["installed"], false);
    let before = list[0]["version"].as_str().unwrap().to_owned();
    desk.hushlog(["secret", "edit", "api-key", "--value-file", "-"], b"some value").ends(0);
    let list = desk.hushlog(["secret", "list"], b"").ends(0).out();
    assert!(
        list.starts_with("NAME") && list.contains("private") && !list.contains(&before),
        "a version is new: {list}"
    );
}

#[test]
fn r02_a_value_on_the_command_line_is_refused_and_not_repeated() {
    let desk = Desk::new();
    let refused: &[&[&str]] = &[
        &["secret", "add", "api-key", CANARY],
        &["secret", "add", "api-key", "--value", CANARY],
        &["secret", "add", "api-key", "--value-file", CANARY],
        &["secret", "add", "a=b", "--value-file", CANARY],
        &["secret", "edit", "api-key", CANARY],
        &["env", "set", "prod", CANARY],
        &["env", "set", "prod", "API_TOKEN=canary-Zq7-4f9QzX"],
        &["member", "add", "bob", CANARY],
        &["member", "add", "bob", CANARY, "--signer", CANARY],
        &["secret", "list", "--registry", CANARY],
        &["secret", "list", "--trust", CANARY],
        &["--registry", CANARY],
    ];
    for args in refused {
        let ran = desk.hushlog(*args, b"").ends(2);
        assert!(!ran.err().contains(CANARY) && !ran.out().contains(CANARY), "{args:?}");
    }
    assert!(!desk.holds(CANARY.as_bytes()));
}

/// A user may type the value in place of the name.
#[test]
fn a18_an_unknown_word_is_not_repeated() {
    let desk = Desk::new();
    desk.add("api-key", b"some value").ends(0);
    desk.hushlog(["env", "set", "prod", "COLOUR=red"], b"").ends(0);
    let long = "a".repeat(65);
    for word in ["hunter2-prod-key", "canary-zq7", "ghp_abcdefghijkl", &long] {
        let setting = format!("{word}=ghp_abcdefghijkl");
        let control = format!("{word}=a\x1bb");
        let unknown: &[&[&str]] = &[
            &["secret", "delete", word],
            &["secret", "edit", word, "--no-install"],
            &["secret", "edit", word, "--value-file", "-"],
            &["secret", "delete", "api-key", "--as", word],
            &["secret", "add", "other", "--as", word, "--value-file", "-"],
            &["member", "remove", word],
            &["env", "set", "prod", word],
            &["env", "set", "prod", &setting],
            &["env", "set", "prod", &control],
            &["env", "unset", "prod", word],
            &["env", "unset", word, "COLOUR"],
            &["env", "list", word],
            &["env", "history", word],
            &["filter", "--registry", "registry.yaml", "--as", word],
            &["filter", "--registry", "registry.yaml", "--environment", word],
        ];
        for args in unknown {
            let ran = desk.hushlog(*args, b"some value").ends(2);
            let said = (ran.err() + &ran.out()).to_lowercase();
            assert!(!said.contains(&word.to_lowercase()), "{args:?}: {said}");
        }
    }
    // The message repeats a word that reads as a name, because that helps after a typing error.
    desk.hushlog(["secret", "delete", "api-kee"], b"").ends(2).says("no secret api-kee that this member can change");
    desk.hushlog(["env", "list", "production"], b"").ends(2).says("the environment production does not exist");
    desk.hushlog(["secret", "delete", "other-key", "--as", "eve"], b"").ends(2).says("eve is not a member");
}

/// The value is already known then, and no message contains it.
#[test]
fn a37_a_name_that_is_the_value_is_masked() {
    let desk = Desk::new();
    let ran = desk.hushlog(["secret", "add", "hunter2-prod-key", "--shared", "--value-file", "-"], b"hunter2-prod-key");
    let ran = ran.ends(0);
    assert!(!ran.err().contains("hunter2"), "said {}", ran.err());
}

#[test]
fn r03_values_by_class() {
    let desk = Desk::new();
    let refused: &[(&[u8], &str)] = &[
        (b"", "the value is empty"),
        (b"\n", "the value is empty"),
        (b"abc\n", "shorter than 4 bytes"),
        (b"ab\0cdefg", "NUL byte"),
        (&[b'x'; 65537], "longer than 64 KiB"),
        (&[b'x'; 1 << 20], "longer than 64 KiB"),
    ];
    for (value, said) in refused {
        desk.add("refused", value).ends(2).says(said);
    }
    let taken: &[(&[u8], &[u8])] = &[
        (b"with newline\n", b"with newline"),
        (b"with two\n\n", b"with two\n"),
        (b"windows\r\n", b"windows"),
        (b"two\nlines", b"two\nlines"),
        (b"\xff\xfe not UTF-8", b"\xff\xfe not UTF-8"),
        (&[b'x'; 65536], &[b'x'; 65536]),
    ];
    for (number, (value, _)) in taken.iter().enumerate() {
        let ran = desk.add(&format!("taken-{number}"), value).ends(0);
        assert_eq!(ran.err().contains("a newline at the end"), value.ends_with(b"\n"));
    }
    desk.hushlog(["secret", "add", "taken-9", "--shared", "--keep-newline", "--value-file", "-"], b"kept\n").ends(0);
    let (_, secrets, _) = desk.content().unwrap();
    let values: Vec<&[u8]> = secrets.iter().map(|(_, _, value, _)| value.as_slice()).collect();
    let right: Vec<&[u8]> = taken.iter().map(|(_, right)| *right).chain([b"kept\n".as_slice()]).collect();
    assert_eq!(values, right);
}

#[test]
fn r04_the_system_sees_no_value_but_where_it_is_read() {
    needs!("strace");
    let desk = Desk::new();
    desk.add("api-key", b"an older value").ends(0);
    fs::write(desk.path("value"), CANARY).unwrap();
    let commands: &[&[&str]] = &[
        &["secret", "add", "other", "--shared", "--value-file", "-"],
        &["secret", "edit", "api-key", "--value-file", "-"],
        &["secret", "edit", "api-key", "--value-file", "value"],
    ];
    for args in commands {
        let mut traced = desk.command("strace");
        traced.args(["-f", "-s", "1000000", "-o", "trace", HUSHLOG]).args(*args);
        program::run(&mut traced, CANARY.as_bytes()).ends(0);
        let trace = fs::read_to_string(desk.path("trace")).unwrap();
        let (reads, others): (Vec<&str>, Vec<&str>) =
            trace.lines().filter(|line| line.contains(CANARY)).partition(|line| line.contains("read("));
        assert!(!reads.is_empty(), "the trace shows what is read");
        assert_eq!(others.len(), 0, "{args:?}");
        assert!(trace.contains("fsync("));
        fs::remove_file(desk.path("trace")).unwrap();
    }
}

#[test]
fn r05_fifty_writers_at_once_lose_nothing() {
    let desk = Desk::new();
    let spawn = |number: usize| -> Child {
        let name = format!("secret-{number}");
        let mut command = desk.command(HUSHLOG);
        command.args(["secret", "add", &name, "--shared", "--value-file", "-"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("value-{number}").as_bytes()).unwrap();
        child
    };
    let children: Vec<Child> = (0..50).map(spawn).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let registry = Registry::load(&desk.registry()).unwrap();
    let mut versions: Vec<&str> = registry.secrets().map(|(_, _, entry)| entry.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 50);
    let (_, secrets, _) = desk.content().unwrap();
    for (name, _, value, _) in &secrets {
        assert_eq!(value, name.replace("secret", "value").as_bytes());
    }
    assert_eq!(desk.files(), ["alice.txt", "registry.yaml"]);
}

#[test]
fn r13_identities_that_are_wrong_missing_or_open_to_others() {
    let desk = Desk::new();
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    let filter =
        |identity: &str| desk.hushlog(["--registry", "registry.yaml", "--identity", identity], CANARY.as_bytes());
    assert_eq!(filter("alice.txt").ends(0).out(), "[REDACTED:api-key]");
    desk.hushlog(["keygen", "--output", "other.txt"], b"").ends(0);
    filter("other.txt").ends(2).says("this identity is not a member of the registry");
    filter("missing.txt").ends(2).says("cannot read the key file: no such file or directory");
    filter(".").ends(2).says("is a directory");
    for mode in [0o640, 0o604, 0o620, 0o777] {
        fs::set_permissions(desk.path("alice.txt"), Permissions::from_mode(mode)).unwrap();
        filter("alice.txt").ends(2).says("users other than the owner can read").says("chmod 600");
    }
    fs::set_permissions(desk.path("alice.txt"), Permissions::from_mode(0o600)).unwrap();
    desk.hushlog(["keygen", "--output", "alice.txt"], b"").ends(2).says("exists, and is not overwritten");
    assert_eq!(desk.mode("alice.txt"), 0o600);
    assert_eq!(desk.files(), ["alice.txt", "other.txt", "registry.yaml"]);
}

/// A terminal with a program in it.
pub(crate) struct Terminal {
    master: File,
    child: Child,
    shown: String,
}

impl Terminal {
    fn new(mut command: Command) -> Terminal {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || File::options().read(true).write(true).open(&name).unwrap();
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        Terminal { master: master.into(), child, shown: String::new() }
    }

    /// Waits until this is shown, and types a line.
    pub(crate) fn answer(&mut self, prompt: &str, line: &str) {
        self.shows(prompt);
        self.types(&format!("{line}\n"));
    }

    /// Waits until this is shown.
    #[track_caller]
    pub(crate) fn shows(&mut self, prompt: &str) {
        let mut byte = [0];
        while !self.shown.ends_with(prompt) {
            let read = self.master.read(&mut byte).unwrap_or(0);
            assert_eq!(read, 1, "{prompt:?} was not shown: {}", self.shown);
            self.shown.push(byte[0] as char);
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        // The prompt is written before or after the echo is off; a person is slower than both.
        std::thread::sleep(std::time::Duration::from_millis(200));
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// All output, and the exit status.
    pub(crate) fn end(mut self) -> (String, i32) {
        let mut byte = [0];
        while self.master.read(&mut byte).unwrap_or(0) == 1 {
            self.shown.push(byte[0] as char);
        }
        (self.shown, self.child.wait().unwrap().code().unwrap())
    }
}

/// The program in a terminal of its own.
fn in_terminal(desk: &Desk, args: &[&str]) -> Terminal {
    under_terminal(desk, &[&[HUSHLOG], args].concat())
}

/// A command in a terminal of its own.
pub(crate) fn under_terminal(desk: &Desk, command: &[&str]) -> Terminal {
    let mut setsid = desk.command("setsid");
    setsid.args(["--ctty", "--wait"]).args(command);
    Terminal::new(setsid)
}

#[test]
fn a_value_is_typed_twice_without_an_echo() {
    let desk = Desk::new();
    let mut terminal = in_terminal(&desk, &["secret", "add", "typed"]);
    terminal.answer("(not shown): ", CANARY);
    terminal.answer("again: ", CANARY);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(!shown.contains(CANARY) && shown.contains("saved typed: private to alice"), "{shown}");
    assert_eq!(desk.content().unwrap().1[0].2, CANARY.as_bytes());

    let mut terminal = in_terminal(&desk, &["secret", "add", "mistyped"]);
    terminal.answer("(not shown): ", CANARY);
    terminal.answer("again: ", "something else");
    let (shown, status) = terminal.end();
    assert!(status == 2 && shown.contains("the two values differ") && !shown.contains(CANARY), "{shown}");

    // An error in the name is reported before the prompt for a value.
    let (shown, status) = in_terminal(&desk, &["secret", "add", "typed"]).end();
    assert!(status == 2 && shown.contains("the secret typed exists already"), "{shown}");
    assert_eq!(desk.content().unwrap().1.len(), 1);
}

#[test]
fn a_newline_at_the_end_is_asked_about_on_a_terminal() {
    let desk = Desk::new();
    fs::write(desk.path("value"), "from an editor\n").unwrap();
    for (name, answer) in [("kept", "y"), ("left-out", "")] {
        let mut terminal = in_terminal(&desk, &["secret", "add", name, "--value-file", "value"]);
        terminal.answer("[y/N] ", answer);
        let (shown, status) = terminal.end();
        assert_eq!(status, 0, "{shown}");
    }
    let values: Vec<Vec<u8>> = desk.content().unwrap().1.into_iter().map(|(_, _, value, _)| value).collect();
    assert_eq!(values, [b"from an editor\n".to_vec(), b"from an editor".to_vec()]);
}

#[test]
fn r13_an_identity_with_a_passphrase_of_age_itself() {
    needs!("age");
    let desk = Desk::new();
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    let mut command = desk.command("setsid");
    command.args(["--ctty", "--wait", "age", "--passphrase", "--output", "locked.txt", "alice.txt"]);
    let mut terminal = Terminal::new(command);
    terminal.answer("autogenerate a secure one): ", "the passphrase");
    terminal.answer("passphrase: ", "the passphrase");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    fs::set_permissions(desk.path("locked.txt"), Permissions::from_mode(0o600)).unwrap();
    // Standard input is the text here, and still the passphrase comes from the terminal.
    let filter = |passphrase: &str| {
        fs::write(desk.path("log"), CANARY).unwrap();
        let mut command = desk.command("setsid");
        let line = format!("'{HUSHLOG}' --registry registry.yaml --identity locked.txt < log");
        command.args(["--ctty", "--wait", "bash", "-c", &line]);
        let mut terminal = Terminal::new(command);
        terminal.answer("locked.txt: ", passphrase);
        terminal.end()
    };
    let (shown, status) = filter("the passphrase");
    assert!(status == 0 && shown.contains("[REDACTED:api-key]"), "{shown}");
    let (shown, status) = filter("another one");
    assert!(status == 2 && shown.contains("the passphrase is wrong") && !shown.contains(CANARY), "{shown}");
    let mut nobody = desk.command("setsid");
    nobody.args(["--wait", HUSHLOG, "--registry", "registry.yaml", "--identity", "locked.txt"]);
    program::run(&mut nobody, b"").ends(2).says("there is no terminal to type it in");
}

#[test]
fn age_and_hushlog_open_values_sealed_by_each_other() {
    needs!("age");
    let desk = Desk::empty();
    output(desk.command("age-keygen").args(["-o", "vm.txt"]));
    let recipient = output(desk.command("age-keygen").args(["-y", "vm.txt"]));
    desk.hushlog(["member", "add", "alice", recipient.trim()], b"").ends(0);
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    let text = desk.text();
    let begin = text.find("      -----BEGIN AGE").unwrap();
    let end = text.find("-----END AGE ENCRYPTED FILE-----").unwrap() + 33;
    let armour: String = text[begin..end].lines().map(|line| format!("{}\n", line.trim())).collect();
    fs::write(desk.path("sealed.age"), armour).unwrap();
    let plain = output(desk.command("age").args(["-d", "-i", "vm.txt", "sealed.age"]));
    let (head, value) = plain.split_once("\n\n").unwrap();
    assert_eq!(value, CANARY);
    assert!(head.starts_with("hushlog sealed value 2\nregistry: hlr-"));
    assert!(
        head.split('\n')
            .skip(2)
            .collect::<Vec<_>>()
            .join("\n")
            .starts_with("name: api-key\nscope: shared\nowner: alice\nversion: ")
    );
    assert_eq!(plain.len() % 128, 0);

    // The same head with another value, sealed by age.
    fs::write(desk.path("plain"), format!("{head}\n\nsealed by age itself")).unwrap();
    let theirs = output(desk.command("age").args(["-a", "-r", recipient.trim(), "plain"]));
    let theirs: String = theirs.lines().map(|line| format!("      {line}\n")).collect();
    fs::write(desk.registry(), format!("{}{theirs}{}", &text[..begin], &text[end..])).unwrap();
    let ran = desk.hushlog(["--registry", "registry.yaml", "--identity", "vm.txt"], b"sealed by age itself").ends(0);
    assert_eq!(ran.out(), "[REDACTED:api-key]");
    // hushlog's identity files are valid for age.
    assert_eq!(
        output(desk.command("age-keygen").args(["-y", "alice.txt"])).trim(),
        desk.identity("alice.txt").recipient().to_string()
    );
}

#[test]
fn signatures_are_those_of_openssl() {
    needs!("openssl");
    let desk = Desk::new();
    output(desk.command("openssl").args(["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]));
    output(desk.command("openssl").args(["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]));
    let public = fs::read_to_string(desk.path("public.pem")).unwrap().lines().nth(1).unwrap().to_owned();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let name_signer = ["member", "add", "alice", &recipient, "--signer", &public];
    desk.hushlog(name_signer, b"").ends(2).says("must be signed").says("--sign FILE");
    desk.hushlog(name_signer.iter().copied().chain(["--sign", "key.pem"]), b"").ends(0);
    desk.add("api-key", CANARY.as_bytes()).ends(2).says("--sign FILE");
    desk.hushlog(["secret", "add", "api-key", "--sign", "key.pem", "--value-file", "-"], CANARY.as_bytes()).ends(0);

    let text = desk.text();
    let (body, tail) = text.split_once("signature:\n").unwrap();
    let signature = tail.split_once("ed25519: ").unwrap().1.trim().trim_matches(['"', '\'']);
    fs::write(desk.path("body"), format!("hushlog registry 1\n{body}")).unwrap();
    fs::write(desk.path("signature"), data_encoding::BASE64.decode(signature.as_bytes()).unwrap()).unwrap();
    let verify =
        ["pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "body", "-sigfile", "signature"];
    assert!(output(desk.command("openssl").args(verify)).contains("Verified Successfully"));

    let filter = |trust: &str| {
        let args = ["--registry", "registry.yaml", "--identity", "alice.txt", "--trust", trust];
        desk.hushlog(args, CANARY.as_bytes())
    };
    assert_eq!(filter(&public).ends(0).out(), "[REDACTED:api-key]");
    let other = desk.hushlog(["keygen", "--signing", "--output", "other.pem"], b"").ends(0).out();
    assert_eq!(desk.mode("other.pem"), 0o600);
    filter(other.trim()).ends(2).says("no trusted key signed the registry");
    desk.hushlog(["env", "set", "prod", "A=b", "--sign", "other.pem"], b"").ends(2).says("does not belong to a signer");
    fs::write(desk.registry(), text.replace("install: true", "install: false")).unwrap();
    filter(&public).ends(2).says("changed after it was signed");
    output(desk.command("openssl").args(["pkey", "-in", "other.pem", "-noout"]));
}

#[test]
fn r22_the_mode_links_and_other_peoples_directories() {
    let desk = Desk::empty();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let line = format!("umask 0; hushlog keygen --output k.txt; hushlog member add alice {recipient}");
    let mut command = script(&line);
    command.current_dir(desk.path("")).env("HUSHLOG_REGISTRY", "registry.yaml");
    program::run(&mut command, b"").ends(0);
    assert_eq!((desk.mode("registry.yaml"), desk.mode("k.txt")), (0o600, 0o600));
    fs::set_permissions(desk.registry(), Permissions::from_mode(0o644)).unwrap();
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    assert_eq!(desk.mode("registry.yaml"), 0o640);

    let before = desk.text();
    symlink("registry.yaml", desk.path("link.yaml")).unwrap();
    let through = |args: &[&str]| desk.hushlog(args.iter().chain(&["--registry", "link.yaml"]), b"another value");
    through(&["secret", "add", "other", "--value-file", "-"]).ends(2).says("symbolic link");
    through(&["secret", "list"]).ends(0);
    assert_eq!(desk.text(), before);
    assert!(fs::symlink_metadata(desk.path("link.yaml")).unwrap().is_symlink());
    symlink("nowhere", desk.path("dangling.yaml")).unwrap();
    desk.hushlog(["member", "add", "alice", &recipient, "--registry", "dangling.yaml"], b"").ends(2);
    assert!(!desk.path("nowhere").exists());
    rustix::fs::mkfifoat(rustix::fs::CWD, desk.path("fifo"), rustix::fs::Mode::RWXU).unwrap();
    desk.hushlog(["secret", "list", "--registry", "fifo"], b"").ends(2).says("not a file");

    if rustix::process::geteuid().is_root() {
        chown(desk.path(""), Some(65534), Some(65534)).unwrap();
        desk.add("in-anothers-directory", b"another value").ends(0);
        assert_eq!(desk.mode("registry.yaml"), 0o640);
    } else {
        crate::program::session::without("root");
    }
    desk.hushlog(["secret", "list", "--registry", "no/such/directory.yaml"], b"")
        .ends(2)
        .says("the registry does not exist");
    desk.hushlog(["member", "add", "alice", &recipient, "--registry", "no/such/directory.yaml"], b"").ends(3);
}

#[test]
fn r23_a_thousand_edits_leave_nothing_behind() {
    let desk = Desk::new();
    let alice: Name = "alice".parse().unwrap();
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    // The remains of a killed writer, and a file of another program.
    fs::write(desk.path(".registry.yaml.4711.0.tmp"), "half").unwrap();
    fs::write(desk.path(".registry.yaml.swp"), "an editor's").unwrap();
    for number in 0..1000 {
        Registry::update(&desk.registry(), None, |registry| {
            let edit = Edit { install: Some(number % 2 == 1), ..Edit::default() };
            registry.edit(&"api-key".parse().unwrap(), Some(Scope::Shared), &edit, &By::now(&alice))
        })
        .unwrap();
    }
    assert_eq!(desk.files(), [".registry.yaml.swp", "alice.txt", "registry.yaml"]);
    assert_eq!(desk.content().unwrap().1.len(), 1);
}

#[test]
fn r20_masks_are_those_of_the_identitys_member_only() {
    let desk = Desk::new();
    let recipient = desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0).out();
    desk.hushlog(["member", "add", "bob", recipient.trim()], b"").ends(0);
    let save = |member: &str, value: &str| {
        let args = ["secret", "add", "token", "--private", "--as", member, "--value-file", "-"];
        desk.hushlog(args, value.as_bytes()).ends(0)
    };
    save("alice", "alice-value-1");
    save("bob", "bob-value-22");
    let filter = |identity: &str, more: &[&str]| -> Ran {
        let args = ["--registry", "registry.yaml", "--identity", identity];
        desk.hushlog(args.iter().chain(more), b"alice-value-1 bob-value-22")
    };
    assert_eq!(filter("alice.txt", &[]).ends(0).out(), "[REDACTED:token] bob-value-22");
    assert_eq!(filter("bob.txt", &["--as", "bob"]).ends(0).out(), "alice-value-1 [REDACTED:token]");
    filter("alice.txt", &["--as", "bob"]).ends(2).says("the identity does not belong to bob");
    // It is about the registry that the environment names.
    let named = desk.hushlog(["--identity", "bob.txt"], b"alice-value-1 bob-value-22").ends(0);
    assert_eq!(named.out(), "alice-value-1 [REDACTED:token]");
}

#[test]
fn members_come_and_go_on_a_machine_that_can_open() {
    let desk = Desk::new();
    desk.add("api-key", CANARY.as_bytes()).ends(0);
    let recipient = desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0).out();
    let mut without = desk.command(HUSHLOG);
    without.args(["member", "add", "bob", recipient.trim()]).env_remove("HUSHLOG_IDENTITY");
    program::run(&mut without, b"").ends(2).says("resealing 1 secrets needs an identity").says("--identity");
    let before = desk.text();
    desk.hushlog(["member", "add", "bob", recipient.trim(), "--identity", "bob.txt"], b"")
        .ends(2)
        .says("the shared secret api-key");
    assert_eq!(desk.text(), before);
    desk.hushlog(["member", "add", "bob", recipient.trim()], b"").ends(0).says("1 secret was resealed");
    let filter = || desk.hushlog(["--registry", "registry.yaml", "--identity", "bob.txt"], CANARY.as_bytes());
    assert_eq!(filter().ends(0).out(), "[REDACTED:api-key]");
    desk.hushlog(["member", "remove", "bob"], b"").ends(0).says("may have copies of these secrets");
    filter().ends(2).says("this identity is not a member");
    desk.hushlog(["member", "remove", "alice"], b"").ends(2).says("the last member");
}
