//! The text of a registry is read fast only as a YAML parser reads it.

use super::*;
use crate::registry::{By, Draft, Fields, Identity, Note, Scope, Value};

/// A text with everything that a registry may hold.
fn written() -> String {
    let mut registry = Registry::default();
    let alice: Name = "alice".parse().expect("a name");
    let key = SigningKey::generate().expect("random bytes");
    let recipient = Identity::generate().recipient();
    registry.set_member(&alice, recipient, Some(key.public()), None).expect("a member");
    let by = By { member: &alice, at: "2026-01-02T03:04:05Z".to_owned() };
    let of = |name: &str| name.parse::<Name>().expect("a name");
    for (variable, value) in [("A", "plain"), ("B", "two \"words\" # \\ x"), ("C", "1"), ("D", "a\nb\t"), ("E", "{x")] {
        registry.set_default(&of("prod"), &of(variable), value, &by).expect("a default");
    }
    registry.unset_default(&of("prod"), &of("A"), &by).expect("it was set");
    for (name, scope) in [("yes", Scope::Shared), ("one-key", Scope::Shared), ("two.key", Scope::Private)] {
        let draft = Draft::new(of(name), scope, Value::new(b"some value").expect("a value"));
        let file = crate::registry::FileTarget {
            path: format!("/srv/app/{name}").parse().expect("a path"),
            mode: "0400".parse().expect("a mode"),
        };
        let note = Some(Note::new("'quoted': \"twice\" - x").expect("a note"));
        let expires = "2027-01-31".parse().ok();
        let fields = Fields { note, file: Some(file), expires, ..Fields::default() };
        registry.add(&Draft { fields, ..draft }, &by).expect("it is new");
    }
    registry.add_group(&of("ops"), std::slice::from_ref(&alice), None).expect("a group");
    let draft = Draft::new(of("team-key"), Scope::Shared, Value::new(b"some value").expect("a value"));
    let fields = Fields { file_only: true, ..Fields::default() };
    registry.add(&Draft { group: Some(of("ops")), install: false, fields, ..draft }, &by).expect("it is new");
    registry.to_text(Some(&key)).expect("a text")
}

fn by_yaml(body: &str) -> Result<Document, Error> {
    read(body, 0, schema::document)
}

#[test]
fn a_written_text_is_read_fast_and_as_yaml_reads_it() {
    let text = written();
    let (body, _) = parts(&text);
    let document = written_document(body).expect("the fast reader takes it");
    assert_eq!(document, by_yaml(body).expect("it is valid"));
    assert!(Registry::parse(text.as_bytes()).is_ok());
}

#[test]
fn a_changed_text_is_read_as_yaml_reads_it_or_not_fast() {
    let text = written();
    let (body, _) = parts(&text);
    let mut taken = 0;
    // Not each byte: it takes seconds.
    for at in (0..body.len()).step_by(5) {
        for new in [&b"x"[..], b" ", b"\n", b"\"", b"'", b":", b"#", b""] {
            let bytes = [&body.as_bytes()[..at], new, &body.as_bytes()[at + 1..]].concat();
            let changed = String::from_utf8(bytes).expect("it is ASCII");
            if let Some(document) = written_document(&changed).filter(|_| changed != body) {
                taken += 1;
                // The YAML parser is slow; a letter of a sealed value is as good as another.
                if taken % 16 == 0 {
                    assert_eq!(document, by_yaml(&changed).expect("it is valid"), "{at}: {new:?}");
                }
            }
        }
    }
    assert!(taken > 16, "a changed letter of a note is the text of another registry");
}

/// The line in other layouts: some mean the same to a YAML parser, some another thing, and
/// others nothing.
fn layouts(line: &str, next: &str) -> Vec<String> {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let (key, value) = text.split_once(": ").unwrap_or((text.trim_end_matches(':'), ""));
    let mut layouts = vec![
        String::new(),
        format!("{line}\r\n"),
        format!("{line} \n"),
        format!("{line} # a comment\n"),
        format!("# a comment\n{line}\n"),
        format!("{indent}# a comment\n{line}\n"),
        format!("\n{line}\n"),
        format!(" {line}\n"),
        format!("  {line}\n"),
        format!("\t{line}\n"),
        format!("{}\n", line.strip_prefix(' ').unwrap_or(line)),
        format!("{line}\n{line}\n"),
        format!("{next}\n{line}\n"),
        format!("<<<<<<< ours\n{line}\n=======\n{line}\n>>>>>>> theirs\n"),
        format!("{indent}- {text}\n"),
        format!("{indent}? {text}\n"),
        format!("---\n{line}\n"),
        format!("{line}\n...\n"),
    ];
    for key in [format!("'{key}'"), format!("\"{key}\""), format!("{key} "), format!("!!str {key}")] {
        layouts.push(format!("{indent}{key}: {value}\n"));
    }
    let bare = value.trim_matches('"');
    for value in ["|", ">", "|-", "|2", ">-", "~", "null", "{}", "[]", "[a]", "{a: b}", "true", "0", "a: b", "a #b"] {
        layouts.push(format!("{indent}{key}: {value}\n"));
    }
    for (before, after) in
        [("", ""), ("'", "'"), ("\"", "\""), ("&a ", ""), ("*", ""), ("!a ", ""), (" ", ""), ("\\", "")]
    {
        layouts.push(format!("{indent}{key}: {before}{bare}{after}\n"));
    }
    layouts
}

#[test]
fn another_layout_is_read_as_yaml_reads_it_or_not_fast() {
    let text = written();
    let (body, _) = parts(&text);
    let lines: Vec<&str> = body.lines().collect();
    let mut taken = 0;
    for (at, line) in lines.iter().enumerate() {
        // One line of a sealed value is as good as another.
        if at % 4 != 0 && line.starts_with("      ") && !line.contains(": ") {
            continue;
        }
        for layout in layouts(line, lines.get(at + 1).unwrap_or(&"")) {
            let before = lines[..at].iter().map(|line| format!("{line}\n"));
            let after = lines[at + 1..].iter().map(|line| format!("{line}\n"));
            let changed: String = before.chain([layout.clone()]).chain(after).collect();
            if let Some(document) = written_document(&changed).filter(|_| changed != body) {
                taken += 1;
                assert_eq!(Some(document), by_yaml(&changed).ok(), "line {}: {layout:?}", at + 1);
            }
        }
    }
    assert!(taken > 8, "{taken}: without a note, it is the text of another registry");
}
