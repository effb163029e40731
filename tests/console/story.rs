//! The whole story: a secret is typed into the page on a machine that cannot open it, and a VM
//! boots with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::console::Console;
use crate::program::{Ran, run, script};
use crate::registry::Desk;

const FIRST: &str = "sk-live-4f9QzXabc";
const SECOND: &str = "sk-live-8h2KpWxyz";

/// A VM with the identity, and a copy of the registry.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, text: &str) -> Command {
        let mut command = script(text);
        command.current_dir(self.dir.path()).env("HUSHLOG_RUN_DIR", self.path("run")).env("HOME", self.dir.path());
        command.env("HUSHLOG_STATE_DIR", self.path("state"));
        command
    }

    fn boot(&self, desk: &Desk) -> Ran {
        fs::copy(desk.registry(), self.path("registry.yaml")).unwrap();
        run(&mut self.command("hushlog boot --registry registry.yaml --identity vm.txt"), b"").ends(0)
    }

    /// The log of a service that prints its variable and both values.
    fn log(&self) -> String {
        let service = format!(
            "(. run/environment.sh; echo \"set=$OPENAI_API_KEY\"; echo 'first={FIRST} second={SECOND}') | hushlog --session"
        );
        run(&mut self.command(&service), b"").ends(0).out()
    }
}

#[test]
fn from_the_page_to_the_masked_log_of_a_vm() {
    let vm = Machine { dir: tempfile::Builder::new().prefix("hushlog-vm").tempdir_in("/dev/shm").unwrap() };
    let recipient = run(&mut vm.command("hushlog keygen --output vm.txt"), b"").ends(0).out();
    // The desk has recipients only: its identity is gone.
    let desk = Desk::empty();
    let own = desk.identity("alice.txt").recipient().to_string();
    desk.hushlog(["member", "add", "alice", &own], b"").ends(0);
    desk.hushlog(["member", "add", "vm", recipient.trim()], b"").ends(0);
    fs::remove_file(desk.path("alice.txt")).unwrap();

    let console = Console::signed_in(&desk);
    let fields: &[(&str, &[u8])] =
        &[("name", b"openai-api-key"), ("value", FIRST.as_bytes()), ("scope", b"shared"), ("install", b"on")];
    let saved = console.submit("/secrets/new", fields).is(303);
    console.get(saved.header("location").unwrap()).is(200).says("available at the next VM boot");

    vm.boot(&desk);
    assert_eq!(vm.log(), format!("set=[REDACTED:openai-api-key]\nfirst=[REDACTED:openai-api-key] second={SECOND}\n"));

    let edit = "/secrets/edit?scope=shared&name=openai-api-key";
    let fields: &[(&str, &[u8])] =
        &[("name", b"openai-api-key"), ("scope", b"shared"), ("value", SECOND.as_bytes()), ("install", b"on")];
    let saved = console.submit(edit, fields).is(303);
    console.get(saved.header("location").unwrap()).is(200).says("running sessions keep the value, and keep it masked");
    // The running session has the first one.
    assert!(vm.log().starts_with("set=[REDACTED:openai-api-key]\n"));
    assert_eq!(fs::read_to_string(vm.path("run/secrets/openai-api-key")).unwrap(), FIRST);

    vm.boot(&desk);
    assert_eq!(fs::read_to_string(vm.path("run/secrets/openai-api-key")).unwrap(), SECOND);
    let both = "set=[REDACTED:openai-api-key]\nfirst=[REDACTED:openai-api-key] second=[REDACTED:openai-api-key]\n";
    assert_eq!(vm.log(), both);
    assert!(!console.said().contains(FIRST) && !console.said().contains(SECOND));
}
