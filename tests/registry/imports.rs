//! `hushlog secret import`: a plan of names, and all entries or none.

use std::fs;

use crate::commands::under_terminal;
use crate::program::{HUSHLOG, Ran};
use crate::registry::Desk;

const CANARY: &str = "canary-Zq7-4f9QzX";

fn import(desk: &Desk, text: &str, more: &[&str]) -> Ran {
    desk.hushlog([&["secret", "import", "-", "--shared"], more].concat(), text.as_bytes())
}

/// Names, variables and values of all secrets.
fn saved(desk: &Desk) -> Vec<(String, String, String)> {
    let registry = hushlog::registry::Registry::load(&desk.registry()).unwrap();
    let opened = registry.open(&desk.identity("alice.txt"), None, None).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let each = opened
        .secrets
        .iter()
        .map(|one| (one.secret.name().to_owned(), one.variable.clone(), text(one.secret.expose())));
    each.collect()
}

fn owned(secrets: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    secrets.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

#[test]
fn a_dotenv_file_is_planned_and_saved() {
    let desk = Desk::new();
    desk.add("db-url", b"old value").ends(0);
    desk.hushlog(["secret", "edit", "db-url", "--note", "of ops"], b"").ends(0);
    let before = desk.text();
    let text = format!("# settings\nexport OPENAI_API_KEY='{CANARY}'\nDB_URL=new-value-7\nhttp_token=third-value-5\n");
    let ran = import(&desk, &text, &["--dry-run"]).ends(0);
    let shown = ran.out();
    for line in [
        "new      OPENAI_API_KEY  openai-api-key (shared), exported as OPENAI_API_KEY",
        "rotated  DB_URL          db-url (shared), exported as DB_URL",
        "new      http_token      http_token (shared), exported as http_token",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let said = ran.says("nothing was saved: 2 new, 1 rotated, 0 refused").says("cannot be read back to compare").err();
    assert!(!said.contains(CANARY) && !shown.contains(CANARY));
    import(&desk, &text, &[]).ends(2).says("there is no terminal to ask on").says("--yes saves without asking");
    assert_eq!(desk.text(), before);

    import(&desk, &text, &["--yes"]).ends(0).says("saved 3 secrets: 2 new, 1 rotated");
    let expected = owned(&[
        ("db-url", "DB_URL", "new-value-7"),
        ("http_token", "http_token", "third-value-5"),
        ("openai-api-key", "OPENAI_API_KEY", CANARY),
    ]);
    assert_eq!(saved(&desk), expected);
    assert!(desk.text().contains("note: of ops"), "the fields stay");
    import(&desk, &text, &["--yes"]).ends(0).says("0 new, 3 rotated");
    assert_eq!(saved(&desk), expected);
    assert!(!desk.holds(CANARY.as_bytes()));
}

#[test]
fn one_refused_entry_stops_all() {
    let desk = Desk::new();
    desk.add("present", b"some value").ends(0);
    let before = desk.text();
    let text = "GOOD=good-value-1\nPATH=/usr/bin\nEMPTY=\nSHORT=abc\nGOOD=good-value-2\n\
         HTTPS_PROXY=http://proxy\nBARE\n";
    let ran = import(&desk, text, &["--yes"]).ends(2).says("6 of the entries cannot be saved, so none was");
    let shown = ran.out();
    for (name, why) in [
        ("PATH", "the variable is reserved"),
        ("EMPTY", "the value is empty"),
        ("SHORT", "shorter than 4 bytes"),
        ("GOOD", "it would be the same secret as GOOD before it in the file"),
        ("HTTPS_PROXY", "programs read the variable as configuration"),
        ("BARE", "it has no value that is text"),
    ] {
        let line = shown.lines().find(|line| line.starts_with("refused") && line.contains(name));
        assert!(line.is_some_and(|line| line.contains(why)), "{name}: {shown}");
    }
    assert_eq!(desk.text(), before);
    import(&desk, text, &["--dry-run"]).ends(1);
    let but = ["PATH", "EMPTY", "S*", "GOOD", "HTTPS_PROXY"].map(|name| ["--except", name]).concat();
    import(&desk, text, &but).ends(2).says("1 of the entries cannot be saved");
    import(&desk, "A=good-value-1\nPATH=x\n", &["--only", "A", "--yes"]).ends(0).says("saved 1 secret: 1 new");
    import(&desk, "A=good-value-1\n", &["--only", "B", "--yes"])
        .ends(2)
        .says("no entry of the file has a matching name");
    import(&desk, "A=good-value-1\n", &["--as", "eve", "--yes"]).ends(2).says("not a member");
}

#[test]
fn a_json_object_is_imported_by_its_keys() {
    let desk = Desk::new();
    let json = r#"{"api-key": "one-value-1", "db": {"password": "two-value-2"}, "PORT": 54321}"#;
    fs::write(desk.path("secrets.json"), json).unwrap();
    desk.hushlog(["secret", "import", "secrets.json", "--private", "--no-install", "--yes"], b"").ends(0);
    let expected = [
        ("api-key", "API_KEY", "one-value-1"),
        ("db.password", "DB_PASSWORD", "two-value-2"),
        ("port", "PORT", "54321"),
    ];
    assert_eq!(saved(&desk), owned(&expected));
    let list = desk.hushlog(["secret", "list", "--json"], b"").ends(0).out();
    assert!(!list.contains("true") && list.matches("private").count() == 3, "{list}");
    import(&desk, r#"{"flag": true}"#, &["--yes"]).ends(2);
}

#[test]
fn a_file_that_cannot_be_read_whole_is_refused() {
    let desk = Desk::new();
    let before = desk.text();
    for (text, why) in [
        (format!("{{\"a\": \"{CANARY}\""), "no valid JSON object"),
        (format!("A=some-value\n{CANARY} and more\n"), "no program reads a variable in line 2"),
        (String::new(), "the file has no entries"),
    ] {
        let ran = import(&desk, &text, &["--yes"]).ends(2).says(why);
        assert!(!ran.err().contains(CANARY), "{}", ran.err());
    }
    desk.hushlog(["secret", "import", CANARY], b"").ends(2).says("cannot read the file");
    import(&desk, "A=b", &["--only", "["]).ends(2);
    assert_eq!(desk.text(), before);
}

#[test]
fn a_terminal_is_asked() {
    let desk = Desk::new();
    let before = desk.text();
    fs::write(desk.path("app.env"), format!("API_KEY={CANARY}\n")).unwrap();
    for (answer, status) in [("n", 1), ("y", 0)] {
        assert_eq!(desk.text(), before);
        let mut terminal = under_terminal(&desk, &[HUSHLOG, "secret", "import", "app.env"]);
        terminal.answer("Save 1 secret? [y/N] ", answer);
        let (shown, ended) = terminal.end();
        assert!(ended == status && !shown.contains(CANARY), "{answer}: {shown}");
    }
    assert_eq!(saved(&desk), owned(&[("api-key", "API_KEY", CANARY)]));
}
