//! Input files named by the user: pipes and the user's own links are read, and root never follows
//! another user's link.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::program::session::needs;
use crate::program::{Ran, hushlog, run, script};

const SECRET: &str = "sk-live-4f9QzXabc";
const OTHER: u32 = 65_534;

/// A directory of root's with secrets in it, and `theirs`, with links to them.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let made = desk.ran(&["keygen", "--output", "identity"], "").ends(0).out();
        desk.ran(&["member", "add", "vm", made.trim(), "--registry", "registry"], "").ends(0);
        let add = ["secret", "add", "token", "--as", "vm", "--registry", "registry", "--value-file", "-"];
        desk.ran(&add, SECRET).ends(0);
        fs::write(desk.path("value"), SECRET).unwrap();
        fs::write(desk.path("dotenv"), format!("API_TOKEN={SECRET}\n")).unwrap();
        fs::create_dir(desk.path("values")).unwrap();
        fs::write(desk.path("values/token"), SECRET).unwrap();
        fs::create_dir(desk.path("theirs")).unwrap();
        for name in ["identity", "registry", "value", "dotenv", "values"] {
            symlink(format!("../{name}"), desk.path(&format!("theirs/{name}"))).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        command.current_dir(self.0.path()).env("HOME", self.0.path());
        command
    }

    fn ran(&self, args: &[&str], input: &str) -> Ran {
        run(&mut self.command(args), input.as_bytes())
    }
}

/// Commands that read each of the links.
const READING: &[&[&str]] = &[
    &["--dotenv", "theirs/dotenv"],
    &["--secret-file", "theirs/value"],
    &["--secret-file", "theirs/values"],
    &["--secret-file", "theirs/values/token"],
    &["--registry", "registry", "--identity", "theirs/identity"],
    &["--registry", "theirs/registry", "--identity", "identity"],
];

#[test]
fn a02_no_source_is_read_through_a_link_of_another_user() {
    needs!("root");
    let desk = Desk::new();
    for args in READING {
        let ran = desk.ran(args, SECRET).ends(0);
        assert!(ran.out().starts_with("[REDACTED:"), "{args:?}");
    }
    for name in ["identity", "registry", "value", "dotenv", "values", "."] {
        lchown(desk.path(&format!("theirs/{name}")), Some(OTHER), None).unwrap();
    }
    for args in READING {
        let ran = desk.ran(args, SECRET).ends(2).says("a symbolic link that another user may have placed");
        assert!(ran.stdout.is_empty(), "{args:?}");
    }
    // Nor is it sealed for a member.
    let add = ["secret", "add", "new", "--as", "vm", "--registry", "registry", "--value-file", "theirs/value"];
    desk.ran(&add, "").ends(2).says("a symbolic link that another user may have placed");
    // The other user may choose a file of their own.
    fs::write(desk.path("theirs/own"), SECRET).unwrap();
    assert_eq!(desk.ran(&["--secret-file", "theirs/own"], SECRET).ends(0).out(), "[REDACTED:own]");
}

#[test]
fn a02_an_ordinary_users_links_are_read_as_ever() {
    needs!("root", "setpriv");
    let desk = Desk::new();
    assert!(Command::new("cp").arg(crate::program::HUSHLOG).arg(desk.path("hushlog")).status().unwrap().success());
    let set_mode = |name: &str, mode| fs::set_permissions(desk.path(name), fs::Permissions::from_mode(mode)).unwrap();
    ["", "values", "theirs"].iter().for_each(|name| set_mode(name, 0o755));
    ["value", "dotenv", "values/token"].iter().for_each(|name| set_mode(name, 0o644));
    let filter = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(desk.path("hushlog")).args(args);
        command.current_dir(desk.0.path()).env_clear().env("PATH", "/usr/bin:/bin").env("HUSHLOG_RUN_DIR", "/nowhere");
        run(&mut command, SECRET.as_bytes())
    };
    // Root's links, and then the user's own, in a directory of the user's that its group can write
    // to.
    for (owner, mode) in [(0, 0o755), (OTHER, 0o775)] {
        for name in ["dotenv", "value", "values", "."] {
            lchown(desk.path(&format!("theirs/{name}")), Some(owner), None).unwrap();
        }
        set_mode("theirs", mode);
        for args in &READING[..4] {
            assert!(filter(args).ends(0).out().starts_with("[REDACTED:"), "{args:?} {owner}");
        }
    }
    // A third user's link would choose among the reader's files.
    for name in ["dotenv", "value", "values"] {
        lchown(desk.path(&format!("theirs/{name}")), Some(OTHER - 1), None).unwrap();
    }
    for args in &READING[..4] {
        filter(args).ends(2).says("a symbolic link that another user may have placed");
    }
}

#[test]
fn pipes_and_descriptors_are_read_by_all_of_their_names() {
    let desk = Desk::new();
    let shell = |text: &str| {
        let mut command = script(text);
        run(command.current_dir(desk.0.path()).env("HOME", desk.0.path()), SECRET.as_bytes())
    };
    for text in [
        "hushlog --secret-file <(cat value)",
        "hushlog --secret-file /dev/fd/3 3<value",
        "hushlog --secret-file /proc/self/fd/3 3<value",
        "ln -s /dev/fd/3 link; hushlog --secret-file link 3<value",
        "mkfifo fifo; cat value >fifo & hushlog --secret-file fifo",
        "hushlog --dotenv <(cat dotenv)",
        "hushlog --dotenv /dev/stdin <dotenv",
        "hushlog --registry registry --identity <(cat identity)",
        "hushlog --registry /dev/fd/3 --identity /dev/fd/4 3<registry 4<identity",
    ] {
        let ran = shell(text).ends(0);
        assert!(ran.out().contains("[REDACTED:") && !ran.out().contains(SECRET), "{text}: {}", ran.out());
    }
    for (name, text) in [("of-pipe", "cat value |"), ("of-file", "<value")] {
        let (before, after) = if text.ends_with('|') { (text, "") } else { ("", text) };
        let add = format!("hushlog secret add {name} --as vm --registry registry --value-file /dev/stdin");
        shell(&format!("{before} {add} {after}")).ends(0);
    }
    shell("hushlog --registry <(cat registry) --identity identity").ends(2).says("not a file");
}
