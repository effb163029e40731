//! Secrets of the sidecar from commands and from the credential files of its user.

use std::fs;

use crate::sidecar::{Place, until};

const STREAM: &str = "streams:\n  - { name: app, source: { unix: DIR/app }, sink: { file: DIR/out } }\n";

#[test]
fn a_command_is_run_again_at_its_interval() {
    let place = Place::new();
    place.save("print", "echo A=zulu-kite-4471");
    let command = format!("sh {}", place.path("secrets/print").display());
    let config = place.configure(&format!(
        "secrets: {{ commands: [{{ command: \"{command}\", every_seconds: 1 }}] }}\ncontrol: DIR/control\n{STREAM}"
    ));
    let mut sidecar = place.start(&config);
    sidecar.send("app", "old zulu-kite-4471\n");
    sidecar.file_is("out", "old [REDACTED:A]\n");
    sidecar.place().save("print", "echo A=hawk-moon-9931");
    until("the new value is masked", || sidecar.status()["secrets"]["masked"] == 2);
    sidecar.send("app", "zulu-kite-4471 hawk-moon-9931\n");
    sidecar.file_is("out", "old [REDACTED:A]\n[REDACTED:A] [REDACTED:A]\n");
    // A failure later changes nothing.
    sidecar.place().save("print", "exit 1");
    sidecar.says("the command of secrets.commands[0] failed with status 1");
    sidecar.send("app", "hawk-moon-9931\n");
    sidecar.file_has("out", "[REDACTED:A]\n");
    sidecar.stop();
}

#[test]
fn credential_files_of_the_sidecar_are_watched() {
    let place = Place::new();
    let home = place.path("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join(".vault-token"), "zulu-kite-4471\n").unwrap();
    let config = place.configure(&format!("secrets: {{ credential_files: true }}\ncontrol: DIR/control\n{STREAM}"));
    let mut sidecar = place.start_as(&config, |command| {
        command.env("HOME", &home);
    });
    sidecar.send("app", "zulu-kite-4471\n");
    sidecar.file_is("out", "[REDACTED:.vault-token]\n");
    fs::write(home.join(".vault-token"), "hawk-moon-9931\n").unwrap();
    until("the new value is masked", || sidecar.status()["secrets"]["masked"] == 2);
    sidecar.send("app", "hawk-moon-9931\n");
    sidecar.file_is("out", "[REDACTED:.vault-token]\n[REDACTED:.vault-token]\n");
    sidecar.stop();
}
