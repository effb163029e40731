//! `docs/faults.md`, the table of faults, matches the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::tidy::{none, read, root, sources};

/// The letters of the table, and the number of rows of each.
const LETTERS: &[(char, u32)] =
    &[('M', 29), ('I', 22), ('W', 18), ('S', 24), ('D', 18), ('R', 30), ('L', 6), ('A', 44), ('B', 16), ('C', 1)];
/// The kinds of the audit's third look.
const KINDS: &str = "PQRSTUVWXYZ";
const NAME_LEN_MAX: usize = 60;

/// The rows, each with the tests that it names.
type Table = BTreeMap<String, Vec<String>>;

fn table() -> Table {
    let text = read("docs/faults.md");
    let mut table = Table::new();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    for cells in rows.map(|row| row.split(" | ").collect::<Vec<_>>()) {
        if !cells[0].starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        let names = cells.get(3).into_iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
        let earlier = table.insert(cells[0].to_owned(), names.map(str::to_owned).collect());
        assert!(earlier.is_none(), "{} stands in two rows", cells[0]);
        assert!(!table[cells[0]].is_empty(), "{} names no test", cells[0]);
    }
    table
}

/// The names of all tests, in Rust and Python, and of all cases of the case table.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in ["src", "tests", "fuzz"].iter().flat_map(|directory| sources(directory)) {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim) {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            if let Some((name, _)) = name.filter(|_| is_test && !line.starts_with("//")) {
                found.insert(name.to_owned());
                is_test = false;
            }
        }
    }
    for entry in fs::read_dir(root().join("tests/cases")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        found.extend(text.lines().filter_map(|line| line.strip_prefix("case ")).map(str::to_owned));
    }
    // The tests of the Python package, with the prefix `test_`.
    let python = read("bindings/python/tests/test_hushlog.py");
    let names = python.lines().filter_map(|line| line.trim().strip_prefix("def test_")?.split_once('('));
    found.extend(names.map(|(name, _)| name.to_owned()));
    assert!(found.len() > 500, "the tests were not found");
    found
}

/// The rows in a test's name: `s17_s19_what_stays` belongs to S17 and S19.
fn rows_of(name: &str) -> Vec<String> {
    let is_kind =
        |word: &str| matches!(word.as_bytes(), [b'a', kind] if KINDS.contains(char::from(kind.to_ascii_uppercase())));
    let is_row = |word: &str| {
        let letter = word.chars().next().filter(|c| c.is_ascii_lowercase());
        let has_letter = letter.is_some_and(|c| LETTERS.iter().any(|(letter, _)| letter.to_ascii_lowercase() == c));
        has_letter && word.len() == 3 && word[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    let words = name.split('_').enumerate().take_while(|(at, word)| is_row(word) || (*at == 0 && is_kind(word)));
    words.map(|(_, word)| word.to_uppercase()).collect()
}

#[test]
fn every_fault_has_a_row() {
    let numbered = LETTERS.iter().flat_map(|(letter, last)| (1..=*last).map(move |row| format!("{letter}{row:02}")));
    let wanted: BTreeSet<String> = numbered.chain(KINDS.chars().map(|kind| format!("A{kind}"))).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn every_test_of_the_table_exists() {
    let (table, tests) = (table(), tests());
    let named = table.iter().flat_map(|(row, names)| names.iter().map(move |name| (row, name)));
    none(
        named.filter(|(_, name)| !tests.contains(*name)).map(|(row, name)| format!("{row}: {name}")).collect(),
        "named in docs/faults.md, and nowhere else",
    );
}

/// The names over [`NAME_LEN_MAX`].
fn too_long(names: BTreeSet<String>) -> Vec<String> {
    names.into_iter().filter(|name| name.len() > NAME_LEN_MAX).collect()
}

#[test]
fn names_of_tests_are_short() {
    none(too_long(tests()), "longer than 60 characters");
    let names = [60, 61].map(|len| "x".repeat(len));
    assert_eq!(too_long(names.clone().into()), names[1..], "the rule sees a long name");
}

#[test]
fn every_test_with_the_name_of_a_row_stands_in_the_table() {
    let table = table();
    let mut violations = Vec::new();
    for name in tests() {
        for row in rows_of(&name) {
            if !table.get(&row).is_some_and(|names| names.contains(&name)) {
                violations.push(format!("{row}: {name}"));
            }
        }
    }
    none(violations, "not in its row of docs/faults.md");
}
