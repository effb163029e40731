//! The manual: the man pages, the subjects of `hushlog help`, and the tables in `docs` that agree
//! with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::program::session::needs;
use crate::program::{HUSHLOG, hushlog, run, script};
use crate::tidy::{none, of_program, read, root, sources};

/// The commands, as in the list of `hushlog help`.
fn commands() -> Vec<String> {
    listed("Commands")
}

fn subjects() -> Vec<String> {
    listed("Subjects")
}

fn listed(title: &str) -> Vec<String> {
    let list = run(&mut hushlog(["help"]), b"").ends(0).out();
    let lines = list.lines().skip_while(|line| !line.starts_with(title)).skip(1);
    let names = lines.take_while(|line| line.starts_with("  "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// All man pages: their names, such as `hushlog-run.1`, and their sources.
fn pages() -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("share/man");
    let ran = run(&mut hushlog(["man".as_ref(), "--output".as_ref(), directory.as_os_str()]), b"").ends(0);
    let mut pages = BTreeMap::new();
    for section in ["man1", "man7"] {
        for entry in fs::read_dir(directory.join(section)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            assert!(name.ends_with(&section[3..]), "{name}");
            pages.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    ran.says(&format!("wrote {} pages", pages.len()));
    pages
}

/// The options that the man pages describe.
pub(crate) fn described_options() -> Vec<String> {
    let pages = pages();
    pages.values().flat_map(|page| entries(&part(page, "OPTIONS"))).map(|(head, _)| head).collect()
}

/// A line of a page as text.
fn text(roff: &str) -> String {
    let plain = ["\\fB", "\\fI", "\\fR", "\\&"].iter().fold(roff.to_owned(), |text, mark| text.replace(mark, ""));
    let marks = [("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\(dq", "\"")];
    marks.iter().fold(plain, |text, (mark, c)| text.replace(mark, c)).replace("\\e", "\\")
}

/// The titles of the sections of a page, with their lines.
fn parts(page: &str) -> Vec<(String, Vec<&str>)> {
    let mut parts: Vec<(String, Vec<&str>)> = Vec::new();
    for line in page.lines() {
        match line.strip_prefix(".SH ") {
            Some(title) => parts.push((text(title.trim_matches('"')), Vec::new())),
            None => {
                if let Some((_, lines)) = parts.last_mut() {
                    lines.push(line);
                }
            }
        }
    }
    parts
}

/// The lines of the section with this title; none if the page lacks it.
fn part<'a>(page: &'a str, title: &str) -> Vec<&'a str> {
    parts(page).into_iter().find(|(own, _)| own == title).map(|(_, lines)| lines).unwrap_or_default()
}

/// The entries of a list: each head, and the line below it.
fn entries(lines: &[&str]) -> Vec<(String, String)> {
    let heads = lines.windows(3).filter(|window| window[0].starts_with(".TP"));
    heads.map(|window| (text(window[1]), text(window[2]))).collect()
}

fn warnings(page: &Path) -> String {
    let mut man = Command::new("man");
    let ran = man.args(["--warnings", "-l"]).arg(page).env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(ran.status.success() && ran.stdout.len() > 200, "{}", page.display());
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

#[test]
fn man_finds_nothing_wrong_with_any_page() {
    needs!("man");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page");
    let mut wrong = Vec::new();
    for (name, page) in pages() {
        fs::write(&path, &page).unwrap();
        let warnings = warnings(&path);
        if !warnings.is_empty() {
            wrong.push(format!("{name}: {warnings}"));
        }
    }
    none(wrong, "warnings of man");
    fs::write(&path, pages()["hushlog.1"].replace(".PP", ".Unknown")).unwrap();
    assert!(warnings(&path).contains("Unknown"), "man warns of nothing");
}

#[test]
fn each_command_and_document_has_its_page() {
    let names: BTreeSet<String> = pages().into_keys().collect();
    let page = |name: &String, section| match name.as_str() {
        "filter" | "program" => "hushlog.1".to_owned(),
        name => format!("hushlog-{name}.{section}"),
    };
    let own = commands().iter().map(|name| page(name, 1)).chain(subjects().iter().map(|name| page(name, 7))).collect();
    assert_eq!(names, own);
    let help = run(&mut hushlog(["--help"]), b"").ends(0).out();
    let (_, listed) = help.split_once("\nCommands:\n").expect("a list of commands");
    let listed: Vec<&str> = listed.lines().take_while(|line| !line.is_empty()).collect();
    let listed =
        listed.iter().filter(|line| !line.starts_with("   ")).map(|line| line.split_whitespace().next().unwrap());
    let mut listed: Vec<String> = listed.map(str::to_owned).collect();
    let mut commands = commands();
    listed.sort();
    commands.sort();
    assert_eq!(listed, commands);
    let documents = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let documents = documents.filter_map(|name| name.to_str()?.strip_suffix(".md").map(str::to_owned));
    let documents: BTreeSet<String> = documents.filter(|name| name != "faults").collect();
    let all: BTreeSet<String> = subjects().into_iter().chain(commands).map(|name| name.replace('-', "_")).collect();
    let unnamed: Vec<String> = documents.difference(&all).cloned().collect();
    none(unnamed, "no subject or command has the name of this document");
    let module = read("src/manual/mod.rs");
    let rendered: BTreeSet<String> =
        module.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect();
    none(documents.difference(&rendered).cloned().collect(), "not in the crate's documentation");
}

/// A link by a path leads nowhere in the crate's documentation, where `links.md` defines the links.
#[test]
fn links_between_pages_hold_everywhere() {
    let links = read("src/manual/links.md");
    let link = Regex::new(r"\]\([a-z_]+\.md|^(\[.*\]): ([a-z_]+)\.md$").unwrap();
    let (mut wrong, mut defined) = (Vec::new(), 0);
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some(found) = link.captures(line) else { continue };
            let definition = found.get(1).map(|name| format!("{}: crate::manual::{}", name.as_str(), &found[2]));
            match definition.filter(|definition| links.lines().any(|line| line == definition)) {
                Some(_) => defined += 1,
                None => wrong.push(format!("{}: {line}", path.display())),
            }
        }
    }
    none(wrong, "not defined in src/manual/links.md");
    assert!(defined > 10, "the links were not found");
}

#[test]
fn pages_have_the_usual_sections_in_order() {
    let order =
        ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"];
    let all = pages();
    for (name, page) in &all {
        assert!(
            page.starts_with(&format!(".TH \"{}\" \"", name.split('.').next().unwrap().replace('-', "\\-"))),
            "{name}"
        );
        let titles: Vec<String> = parts(page).into_iter().map(|(title, _)| title).collect();
        let usual: Vec<&str> = titles.iter().map(String::as_str).filter(|title| order.contains(title)).collect();
        let expected: Vec<&str> = order.into_iter().filter(|title| titles.iter().any(|own| own == title)).collect();
        assert_eq!(usual, expected, "{name}");
        let needed: &[&str] = if name.ends_with('1') {
            &["SYNOPSIS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
        } else {
            &["DESCRIPTION", "SEE ALSO"]
        };
        for title in needed {
            assert!(!part(page, title).is_empty(), "{name} lacks {title}");
        }
        for (title, lines) in parts(page) {
            assert!(!lines.is_empty(), "{name}: {title} is empty");
        }
    }
    let reference = Regex::new(r"hushlog[a-z-]*\([17]\)").unwrap();
    for (name, page) in &all {
        for found in reference.find_iter(&text(page)) {
            let file = found.as_str().replace('(', ".").replace(')', "");
            assert!(all.contains_key(&file), "{name} refers to {file}");
        }
    }
    let first = text(&all["hushlog.1"]);
    for name in all.keys().filter(|name| *name != "hushlog.1") {
        let (title, section) = name.rsplit_once('.').unwrap();
        assert!(first.contains(&format!("{title}({section})")), "hushlog.1 does not list {name}");
    }
}

/// The options of a command and of its subcommands, by their help.
fn options(words: &[&str]) -> BTreeSet<String> {
    let help = run(&mut hushlog(words.iter().copied().chain(["--help"])), b"").ends(0).out();
    let mut options: BTreeSet<String> = BTreeSet::new();
    // Deeper lines are explanations, which may begin with the name of another option.
    let starts = ["      --", "  -h, --", "  -V, --"];
    for option in help.lines().filter_map(|line| starts.iter().find_map(|start| line.strip_prefix(start))) {
        options.insert(format!("--{}", option.split(' ').next().unwrap()));
    }
    let parts =
        help.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap()).unwrap_or_default();
    let parts = parts.lines().filter(|line| !line.starts_with("   ") && words != ["filter"]);
    for part in parts.filter_map(|line| line.split_whitespace().next()).filter(|part| *part != "help") {
        options.extend(self::options(&[words, &[part]].concat()));
    }
    options
}

#[test]
fn each_option_is_described_in_one_page() {
    let pages = pages();
    let mut described: BTreeMap<(String, String), &str> = BTreeMap::new();
    for (name, page) in &pages {
        for entry in entries(&part(page, "OPTIONS")).into_iter().filter(|(head, _)| head.starts_with("--")) {
            let other = described.insert(entry.clone(), name);
            assert_eq!(other, None, "{entry:?} is described in {name}, too");
        }
    }
    assert!(described.len() > 50, "the options were not found");
    for command in commands() {
        let name = if command == "filter" { "hushlog.1".to_owned() } else { format!("hushlog-{command}.1") };
        let lines = part(&pages[&name], "OPTIONS");
        let own = entries(&lines).into_iter().map(|(head, _)| head.split(' ').next().unwrap().to_owned());
        let mut named: BTreeSet<String> = own.collect();
        for line in lines.iter().map(|line| text(line)).filter(|line| line.contains("describes these options")) {
            let holder = &pages[&line.split(' ').next().unwrap().replace('(', ".").replace(')', "")];
            let heads: Vec<String> = entries(&part(holder, "OPTIONS")).into_iter().map(|(head, _)| head).collect();
            for option in line.split_once(": ").unwrap().1.trim_end_matches('.').split(", ") {
                assert!(
                    heads.iter().any(|head| head.split(' ').next() == Some(option)),
                    "{name} refers {option} to a page without it"
                );
                assert!(named.insert(option.to_owned()), "{name} describes {option}, and refers to another page");
            }
        }
        let mut options = options(&[&command]);
        if command != "filter" {
            options.remove("--help");
        }
        options.insert("--version".to_owned());
        named.insert("--version".to_owned());
        named.retain(|option| option.starts_with("--"));
        assert_eq!(named, options, "{name}");
    }
}

#[test]
fn help_of_a_command_is_that_of_its_option() {
    for words in [&["run"][..], &["filter"], &["secret"], &["secret", "add"], &["sidecar", "check-config"], &["help"]] {
        let help = run(&mut hushlog([&["help"], words].concat()), b"").ends(0).out();
        assert_eq!(help, run(&mut hushlog([words, &["--help"]].concat()), b"").ends(0).out(), "{words:?}");
    }
    for command in commands().iter().filter(|command| *command != "filter") {
        let help = run(&mut hushlog([command, "--help"]), b"").ends(0).out();
        assert!(help.contains("\nExamples:\n  ") && help.contains("\nExit status:\n  "), "{command}");
    }
}

#[test]
fn a_subject_is_text_for_a_terminal() {
    let target = Regex::new(r"\]\([^)]*\)").unwrap();
    let mut wrong = Vec::new();
    for subject in subjects() {
        let shown = run(&mut hushlog(["help", &subject]), b"").ends(0).out();
        let mut lines = shown.lines();
        let title = lines.next().unwrap();
        assert_eq!(lines.next().unwrap(), "=".repeat(title.chars().count()), "{subject}");
        assert!(shown.contains("\n---"), "{subject} has no headings");
        for (number, line) in (1..).zip(shown.lines()) {
            let is_markdown = ["](", "]:", "| ---", "```", "**"].iter().any(|mark| line.contains(mark));
            let is_wide = line.chars().count() > 100 && !line.starts_with("    ");
            if (is_markdown && !line.starts_with("    ")) || is_wide {
                wrong.push(format!("{subject}:{number}: {line}"));
            }
        }
        let first = shown
            .lines()
            .find(|line| !line.starts_with(' ') && line.split(' ').count() > 6)
            .expect("a sentence")
            .trim_start_matches("- ");
        let source = read(&format!("docs/{}.md", subject.replace('-', "_")));
        let source = target.replace_all(&source, "]").replace(['`', '*', '[', ']'], "");
        assert!(source.contains(first.replace(['`', '[', ']'], "").trim()), "{subject}: {first}");
    }
    none(wrong, "not a plain text");
}

#[test]
fn an_unknown_subject_is_an_error_with_a_suggestion() {
    let list = "hushlog help lists the commands and subjects";
    let rows: &[(&[&str], &str, &str)] = &[
        (&["help", "scop"], "there is no command or subject scop", "did you mean scope? "),
        (&["help", "threat_model"], "there is no command or subject threat_model", "did you mean threat-model? "),
        (&["help", "Sidecar"], "there is no command or subject Sidecar", "did you mean sidecar? "),
        (&["help", "kubernetes"], "there is no command or subject kubernetes", ""),
        (&["help", "hunter2canary"], "there is no such command or subject", ""),
        (&["help", "secret", "ad"], "there is no subcommand ad", "did you mean add? "),
        (&["help", "run", "fast"], "there is no subcommand fast", ""),
        (&["man", "scrubb"], "there is no page scrubb", "did you mean scrub? "),
        (&["man", "hushlog-gaurd"], "there is no page gaurd", "did you mean guard? "),
        (&["man", "sk-live-4f9QzX"], "there is no such page", ""),
    ];
    for (words, text, suggestion) in rows {
        let ran = run(&mut hushlog(*words), b"").ends(2);
        assert_eq!(
            (ran.out(), ran.err()),
            (String::new(), format!("hushlog: error: {text}\nhushlog: hint: {suggestion}{list}\n"))
        );
    }
    let ran = run(&mut hushlog(["help", "scope", "more"]), b"").ends(2);
    assert_eq!(ran.err(), "hushlog: error: scope has no parts\nhushlog: hint: hushlog help scope\n");
}

#[test]
fn completions_offer_the_subjects() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&mut hushlog(["completions", shell]), b"").ends(0).out();
        for name in ["threat-model", "glossary", "program"] {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
}

/// fish had run `hushlog export`, an example in the description of a format, as a command.
#[test]
fn l06_shells_run_nothing_in_completions() {
    needs!("fish");
    let home = tempfile::tempdir().unwrap();
    let ran =
        run(script("hushlog completions fish | fish --no-config -c source").env("HOME", home.path()), b"").ends(0);
    assert_eq!((ran.out(), ran.err()), (String::new(), String::new()));
    let script = run(&mut hushlog(["completions", "fish"]), b"").ends(0).out();
    assert!(script.contains("for eval in a shell") && !script.contains("$("));
}

#[test]
fn fish_completes_a_subject() {
    needs!("fish");
    let home = tempfile::tempdir().unwrap();
    let complete = |line: &str| {
        let commands = format!("hushlog completions fish | fish --no-config -c \"source; complete -C '{line}'\"");
        run(script(&commands).env("HOME", home.path()), b"").ends(0).out()
    };
    assert_eq!(complete("hushlog help thr"), "threat-model\twhat attackers can and cannot learn\n");
    assert_eq!(complete("hushlog man glo"), "glossary\twords with a meaning of their own in hushlog\n");
}

#[test]
fn a_page_has_several_names() {
    let page = |words: &[&str]| run(&mut hushlog([&["man"], words].concat()), b"").ends(0).out();
    let pages = pages();
    for words in [&[][..], &["filter"], &["program"], &["hushlog"], &["hushlog(1)"]] {
        assert_eq!(page(words), pages["hushlog.1"], "{words:?}");
    }
    assert_eq!(page(&["hushlog-run(1)"]), pages["hushlog-run.1"]);
    assert_eq!(page(&["threat-model"]), pages["hushlog-threat-model.7"]);
}

#[test]
fn pages_that_cannot_be_written_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let mut command = hushlog(["man", "--output", "file/man"]);
    run(command.current_dir(&dir), b"").ends(3).says("cannot write the pages: not a directory");
}

/// On a terminal, `man` shows the page. Without it, or if it fails, the text appears.
#[test]
fn a_terminal_gets_the_page_by_man() {
    needs!("script");
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("man");
    let write = |text: &str| {
        fs::write(&man, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&man, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let at_terminal = |path: &str| {
        let program = format!("PATH={path} exec {HUSHLOG} man forms");
        let mut command = Command::new("script");
        command.args(["-qec", &program, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "dumb");
        run(&mut command, b"").ends(0).out().replace('\r', "")
    };
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    write("echo \"$@\"; grep ^.TH");
    assert_eq!(at_terminal(&path), "-l -\n.TH \"hushlog\\-forms\" \"7\" \"\" \"hushlog 0.1.0\" \"hushlog\"\n");
    let text = run(&mut hushlog(["help", "forms"]), b"").ends(0).out();
    write("cat >/dev/null; exit 1");
    assert_eq!(at_terminal(&path), text);
    assert_eq!(at_terminal("/nowhere"), text);
}

/// All variables or files of the man pages, with their meanings.
fn table(title: &str) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (name, page) in pages() {
        for (entry, meaning) in entries(&part(&page, title)) {
            let other = table.insert(entry.clone(), meaning.clone()).unwrap_or(meaning.clone());
            assert_eq!(other, meaning, "{name}: {entry}");
        }
    }
    table
}

#[test]
fn the_pages_name_all_variables() {
    let named: BTreeSet<String> = table("ENVIRONMENT").into_keys().collect();
    let read = Regex::new(r#"\b(?:var|var_os|variable)\("([A-Z_]+)"\)|"(HUSHLOG_[A-Z_]+)""#).unwrap();
    // Deliberate panics in tests, and the name of a made-up secret.
    let others = ["HUSHLOG_TEST_PANIC", "HUSHLOG_TEST_IN_FLIGHT", "HUSHLOG_CANARY"];
    let mut found = BTreeSet::from(["USER".to_owned(), "LOGNAME".to_owned()]);
    for source in sources("src") {
        for (_, line) in of_program(&source) {
            let names = read.captures_iter(line).map(|found| found.get(1).or(found.get(2)).unwrap().as_str());
            found.extend(names.filter(|name| !others.contains(name)).map(str::to_owned));
        }
    }
    assert_eq!(found, named, "the sources (left) and the man pages (right)");
    let setting = Regex::new(r"HUSHLOG_[A-Z]+(?:_[A-Z]+)*").unwrap();
    for source in sources("src/cli") {
        for (number, line) in of_program(&source) {
            let unnamed = setting.find_iter(line).map(|found| found.as_str()).filter(|name| !others.contains(name));
            none(
                unnamed.filter(|name| !named.contains(*name)).map(str::to_owned).collect(),
                &format!("{}:{number}", source.path),
            );
        }
    }
}

#[test]
fn the_pages_name_all_files() {
    let named: BTreeSet<String> = table("FILES").into_keys().collect();
    let path =
        Regex::new(r"(?:^|[\x22 (/])((?:etc|run|var/lib|dev/shm)/[a-z0-9_.{}/-]*hushlog[a-zA-Z0-9./_-]*)").unwrap();
    let (mut found, mut unnamed) = (BTreeSet::new(), Vec::new());
    for source in sources("src") {
        for (number, line) in of_program(&source).filter(|(_, line)| line.contains("hushlog")) {
            for captures in path.captures_iter(line) {
                let path =
                    format!("/{}", captures[1].trim_end_matches(['.', '/'])).replace("{name}.service", "NAME.service");
                let path = path.replace("{name}/hushlog.conf", "NAME.service.d/hushlog.conf");
                if !named.contains(&path) {
                    unnamed.push(format!("{}:{number}: {path}", source.path));
                }
                found.insert(path);
            }
        }
    }
    none(unnamed, "in no section FILES");
    assert!(found.len() > 12, "the paths were not found: {found:?}");
}

#[test]
fn the_document_has_the_tables_of_the_pages() {
    let document = read("docs/program.md");
    for title in ["Environment", "Files"] {
        let (_, section) = document.split_once(&format!("\n## {title}\n")).expect("a section");
        let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let rows = rows.skip(2).map(|row| {
            let (name, meaning) = row.trim_matches(['|', ' ']).split_once(" | ").expect("two cells");
            (name.replace('`', ""), meaning.replace('`', ""))
        });
        let in_pages = table(&title.to_uppercase()).into_iter().map(|(name, meaning)| {
            let mut chars = meaning.trim_end_matches('.').chars();
            (name, chars.next().unwrap().to_lowercase().chain(chars).collect())
        });
        let (rows, in_pages): (BTreeMap<String, String>, BTreeMap<String, String>) =
            (rows.collect(), in_pages.collect());
        assert_eq!(rows, in_pages, "docs/program.md (left) and the man pages (right)");
    }
}

/// Each key of the schema, with its description.
fn keys(schema: &Value, keys: &mut Vec<(String, String)>) {
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        keys.push((key.clone(), field["description"].as_str().expect("a description").to_owned()));
        self::keys(field, keys);
        self::keys(&field["items"], keys);
    }
}

/// A text without the marks of Markdown.
fn unmarked(text: &str) -> String {
    text.replace(['`', '\\'], "")
}

#[test]
fn the_document_has_all_keys_of_the_sidecar() {
    let schema = run(&mut hushlog(["sidecar", "schema"]), b"").ends(0).stdout;
    let mut all = Vec::new();
    keys(&serde_json::from_slice(&schema).expect("JSON"), &mut all);
    assert!(all.len() > 50, "the keys were not found");
    let document = read("docs/sidecar.md");
    let rows: BTreeSet<String> = document.lines().filter(|line| line.starts_with("| `")).map(unmarked).collect();
    let rows_of = all.iter().map(|(key, text)| unmarked(&format!("| {key} | {text} |")));
    none(rows_of.filter(|row| !rows.contains(row)).collect(), "not in docs/sidecar.md");
    let page = text(&pages()["hushlog-sidecar.1"]);
    none(
        all.into_iter().map(|(key, _)| key).filter(|key| !page.contains(&format!("\n{key}\n"))).collect(),
        "not in the page",
    );
}
