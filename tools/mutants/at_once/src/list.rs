//! The mutants that `cargo mutants` lists, so that both ways to run them agree.

use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One change to one file.
pub struct Mutant {
    pub name: String,
    pub file: String,
    /// The replaced range, in bytes of the file.
    pub range: Range<usize>,
    pub replacement: String,
    /// Whether the body of a function is replaced.
    pub is_body: bool,
}

/// The mutants that `cargo mutants` lists with these arguments, ring 0 only.
pub fn list(root: &Path, arguments: &[&str]) -> Vec<Mutant> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["mutants", "--list", "--json"]).args(arguments);
    let output = command.output().expect("cargo-mutants is installed");
    assert!(output.status.success(), "cargo mutants: {}", String::from_utf8_lossy(&output.stderr));
    let list: Value = serde_json::from_slice(&output.stdout).expect("its list is JSON");
    list.as_array().expect("an array").iter().map(|mutant| read(root, mutant)).collect()
}

fn read(root: &Path, mutant: &Value) -> Mutant {
    let text = |key: &str| mutant[key].as_str().unwrap_or_default().to_owned();
    let file = text("file");
    let source = std::fs::read_to_string(root.join(&file)).expect("a source file");
    let at = |end: &str| offset(&source, &mutant["span"][end]);
    Mutant {
        name: text("name"),
        range: at("start")..at("end"),
        replacement: text("replacement"),
        is_body: text("genre") == "FnValue",
        file,
    }
}

/// The byte offset of a line and column, which count from 1, columns in characters.
fn offset(source: &str, place: &Value) -> usize {
    let number = |key: &str| place[key].as_u64().expect("a number") as usize - 1;
    let line: usize = source.split_inclusive('\n').take(number("line")).map(str::len).sum();
    line + source[line..].chars().take(number("column")).map(char::len_utf8).sum::<usize>()
}
