//! Language: the width of comments, and words that are retired.

use super::{Source, all_sources, none, of_program, read, root};

const WIDTH_MAX: usize = 100;

/// Words that hushlog had for things for which there are better ones.
const RETIRED: &[(&str, &str)] = &[
    ("gift", "vmsplice"),
    ("keeper", "reload thread"),
    ("minder", "supervisor"),
    ("nudge", "wake"),
    ("packing", "compression"),
    ("sieve", "prefilter"),
    ("spoilt", "poisoned"),
    ("stranger", "not a member"),
    ("stump", "partial match"),
    ("telling part", "identifying part"),
    ("whoever", "a noun"),
];

/// A comment that can be wrapped: no table, and no word that is wider by itself. Examples in doc
/// comments are as wide as other code: see [`wide_lines`].
fn is_wide(line: &str) -> bool {
    let comment = line.trim_start();
    let is_comment = comment.starts_with("//");
    let is_table = comment.trim_start_matches(['/', '!']).trim_start().starts_with('|');
    is_comment && !is_table && line.chars().count() > WIDTH_MAX && comment.split(' ').count() > 2
}

/// The numbers of the lines with a wide comment, outside of fenced examples.
fn wide_lines(text: &str) -> Vec<usize> {
    let (mut wide, mut in_example) = (Vec::new(), false);
    for (number, line) in (1..).zip(text.lines()) {
        let doc = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
        let is_fence = doc.is_some_and(|text| text.trim_start().starts_with("```"));
        in_example = doc.is_some() && in_example != is_fence;
        if is_wide(line) && !in_example {
            wide.push(number);
        }
    }
    wide
}

#[test]
fn comments_keep_to_their_width() {
    let mut wide = Vec::new();
    for source in all_sources() {
        wide.extend(wide_lines(&source.text).iter().map(|number| format!("{}:{number}", source.path)));
    }
    none(wide, "comments over 100 columns");
    let line = format!("/// {}\n", "word ".repeat(20));
    assert_eq!(wide_lines(&format!("{line}/// ```\n{line}/// ```\n{line}")), [1, 5]);
    assert!(is_wide(&format!("    /// {}", "word ".repeat(20))) && !is_wide(&format!("/// {}", "word ".repeat(19))));
}

/// The scripts and configuration files of the tree, with their texts.
fn scripts() -> Vec<(String, String)> {
    let directories = [".cargo", ".ci", "benches", "bindings", "examples", "fuzz", "packaging", "tests", "tools"];
    let mut left: Vec<_> = directories.iter().map(|name| root().join(name)).collect();
    let mut found = vec![("Cargo.toml".to_owned(), read("Cargo.toml")), ("deny.toml".to_owned(), read("deny.toml"))];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory of the tree") {
            let path = entry.unwrap().path();
            let is_input = ["target", "corpus", "cases", "cmd", "artifacts"].iter().any(|name| path.ends_with(name));
            if path.is_dir() && !is_input {
                left.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let extension = path.extension().and_then(|extension| extension.to_str());
                let is_named = matches!(extension, Some("py" | "sh" | "toml" | "yaml" | "conf" | "service"));
                if is_named || text.starts_with("#!") {
                    found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
                }
            }
        }
    }
    found
}

/// The numbers of the lines of comments and Python's docstrings that are wide. Examples and lines
/// with columns are fixed.
fn wide_script_lines(text: &str) -> Vec<usize> {
    let (mut wide, mut in_docstring) = (Vec::new(), false);
    for (number, line) in (1..).zip(text.lines()) {
        let words = line.trim_start();
        let is_comment = words.starts_with('#') || words.starts_with("\"\"\"") || in_docstring;
        let is_fixed = words.trim_start_matches('#').contains("  ");
        if is_comment && !is_fixed && line.chars().count() > WIDTH_MAX {
            wide.push(number);
        }
        in_docstring ^= line.matches("\"\"\"").count() % 2 == 1;
    }
    wide
}

#[test]
fn comments_of_scripts_keep_to_their_width() {
    let scripts = scripts();
    assert!(scripts.len() > 40, "the scripts were not found");
    let wide = scripts
        .iter()
        .flat_map(|(path, text)| wide_script_lines(text).into_iter().map(move |number| format!("{path}:{number}")));
    none(wide.collect(), "comments over 100 columns");
    let long = "word ".repeat(21);
    let text =
        format!("#!/bin/sh\n# {long}\n{long}\n    # {long}\n\"\"\"Short.\n\n{long}\n\"\"\"\n{long}\n#  a  {long}\n");
    assert_eq!(wide_script_lines(&text), [2, 4, 7]);
}

fn pages() -> Vec<(String, String)> {
    let files = std::fs::read_dir(root().join("docs")).expect("the manual").map(|entry| entry.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let names = pages.map(|path| format!("docs/{}", path.file_name().unwrap().to_str().unwrap()));
    let pages: Vec<(String, String)> = names.map(|name| (read(&name), name)).map(|(text, name)| (name, text)).collect();
    assert!(pages.len() > 15, "the manual was not found");
    pages
}

#[test]
fn the_manual_keeps_to_its_width() {
    let mut violations = Vec::new();
    let others = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| (name.to_owned(), read(name)));
    for (name, text) in pages().into_iter().chain(others) {
        violations
            .extend((1..).zip(text.lines()).filter(|(_, line)| is_wide_text(line)).map(|(n, _)| format!("{name}:{n}")));
    }
    none(violations, "lines over 100 columns");
    let long = "word ".repeat(21);
    assert!(is_wide_text(&long) && !is_wide_text(&format!("| {long}")) && !is_wide_text(&long[..WIDTH_MAX]));
}

/// A line of the manual that can be wrapped: no table, link or example.
fn is_wide_text(line: &str) -> bool {
    let is_fixed = line.starts_with('|') || line.starts_with('[') || line.starts_with("    ");
    !is_fixed && line.chars().count() > WIDTH_MAX
}

/// The string literals of a line, without those of the next ones.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let is_end = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '/' | '.' | ':'));
    text.match_indices(word).any(|(at, _)| {
        is_end(text[..at].chars().next_back())
            && text[at + word.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

#[test]
fn retired_words_stay_retired() {
    let mut violations = Vec::new();
    let mut look = |place: String, text: &str| {
        violations.extend(retired(text).map(|(word, better)| format!("{place}: {word} (better: {better})")));
    };
    for (name, text) in pages().into_iter().filter(|(name, _)| name != "docs/faults.md") {
        (1..).zip(text.lines()).for_each(|(number, line)| look(format!("{name}:{number}"), line));
    }
    let is_message = |source: &&Source| !source.path.starts_with("src/redact/");
    for source in super::program_sources().iter().filter(is_message) {
        for (number, line) in of_program(source) {
            // A name of a module, a file or a crate is one word; a message has several.
            literals(line)
                .filter(|text| text.contains(' '))
                .for_each(|text| look(format!("{}:{number}", source.path), text));
        }
    }
    none(violations, "retired words");
    assert!(has_word("A stranger.", "stranger") && !has_word("estrangers", "stranger"));
    for (word, _) in RETIRED {
        assert!(retired(&format!("The {word} does it.")).any(|(found, _)| found == *word), "{word}");
    }
}

fn retired(text: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    RETIRED.iter().copied().filter(move |(word, _)| has_word(text, word))
}
