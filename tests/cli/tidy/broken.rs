//! Each rule of the tree, broken on purpose: it has to see that.

use std::fs;
use std::path::Path;

use super::{
    FILE_LINES_MAX, FUNCTION_LINES_MAX, Source, by_path, calling, dependencies, flags, fuzz_lists, leftovers,
    missing_flags, missing_promises, missing_tests, of_program, read, root, settings_elsewhere, shown_paths, too_long,
    unreached, unused, uses_before_their_place, uses_of_outer_rings, uses_of_outside, uses_of_stderr, with_unsafe,
};

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// A rule, a file, a line that breaks the rule there, and one that does not.
type Breach = (fn(&[Source]) -> Vec<String>, &'static str, &'static str, &'static str);

const BREACHES: &[Breach] = &[
    (uses_of_outer_rings, "src/redact/scan.rs", "use crate::io::pump;", "use crate::redact::text;"),
    (uses_of_outer_rings, "src/sys/lock.rs", "hushlog::cli::run();", "crate::redact::text::path(x);"),
    (uses_before_their_place, "src/redact/text.rs", "use super::scan::Scanner;", "use std::fmt;"),
    (uses_before_their_place, "src/redact/part/url.rs", "use super::super::scan::Scanner;", "use super::super::text;"),
    (uses_of_outside, "src/redact/scan.rs", "let now = std::time::Instant::now();", "use std::io::Write as _;"),
    (uses_of_outside, "src/redact/scan.rs", "#[cfg(feature = \"cli\")]", "// Not std::io."),
    (shown_paths, "src/scrub/site.rs", "write!(f, \"{}\", path.display())", "text::path(path)"),
    (uses_of_stderr, "src/scrub/site.rs", "eprintln!(\"x\");", "io::stderr().is_terminal()"),
    (|sources| strings(by_path(sources)), "src/scrub/site.rs", "File::open(path)", "// File::open"),
    (|sources| strings(by_path(sources)), "src/scrub/site.rs", "fs::rename(a, b)", "rename(a, b)"),
    (|sources| strings(with_unsafe(sources)), "src/scrub/site.rs", "unsafe { f() }", "unsafe_op(); // unsafe_"),
    (|sources| strings(calling(sources, "Piece::fixed(")), "src/scrub/site.rs", "Piece::fixed(bytes)", "Piece::Held"),
    (settings_elsewhere, "src/scrub/site.rs", "var(\"HUSHLOG_X\")", "var(\"HUSHLOG_\")"),
];

fn strings(paths: Vec<&str>) -> Vec<String> {
    paths.into_iter().map(str::to_owned).collect()
}

#[test]
fn rules_about_lines_see_a_breach() {
    for (rule, path, bad, good) in BREACHES {
        let found = |line: &str| rule(&[source(path, &format!("//! A file.\n{line}\n"))]);
        assert_eq!(found(bad).len(), 1, "{bad}");
        assert_eq!(found(good), [""; 0], "{good}");
    }
}

#[test]
fn only_the_item_after_cfg_test_is_a_test() {
    let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n\n#[cfg(test)]\n#[derive(Default)]\nstruct B {\n    c: C,\n}\n\nfn d() {\n    e();\n}\n";
    let seen = |text: &str| -> Vec<String> {
        of_program(&source("src/a.rs", text)).map(|(_, line)| line.trim().to_owned()).collect()
    };
    assert_eq!(seen(text), ["fn a() {}", "", "", "fn d() {", "e();", "}"]);
    assert_eq!(seen("struct A {\n    #[cfg(test)]\n    b: B,\n    c: C,\n}\n"), ["struct A {", "c: C,", "}"]);
    assert_eq!(seen("#[cfg(test)]\nuse a::{\n    B, C,\n};\nuse d;\n"), ["use d;"]);
    assert_eq!(seen("#[cfg(test)]\nfn a(\n    b: B,\n) {\n    c();\n}\nfn d() {}\n"), ["fn d() {}"]);
}

#[test]
fn long_files_and_functions_are_seen() {
    let function = |len: usize| {
        format!("impl A {{\n    pub fn b(\n        c: C,\n    ) {{\n{}    }}\n}}\n", "        d();\n".repeat(len - 4))
    };
    let found = |text: String| too_long(&[source("src/a.rs", &text)]);
    assert_eq!(found(function(FUNCTION_LINES_MAX)), [""; 0]);
    assert_eq!(found(function(FUNCTION_LINES_MAX + 1)), ["src/a.rs:2 has 71 lines"]);
    assert_eq!(found("a();\n".repeat(FILE_LINES_MAX)), [""; 0]);
    assert_eq!(found("a();\n".repeat(FILE_LINES_MAX + 1)), ["src/a.rs has 501 lines"]);
}

#[test]
fn leftovers_are_seen() {
    // Written in pieces, as the rule's own.
    for mark in ["// TO_DO: more", "dbg_!(x);", "\"/work_/main\""].map(|line| line.replace('_', "")) {
        assert_eq!(leftovers(&[source("src/a.rs", &format!("fn a() {{}}\n{mark}\n"))]), ["src/a.rs:2"]);
    }
}

#[test]
fn a_file_without_a_module_is_seen() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("src/a")).unwrap();
    let files = [("src/lib.rs", "mod a;\n// mod dead;\n"), ("src/main.rs", ""), ("src/a/mod.rs", "mod b;\n")];
    let files = files.into_iter().chain([("src/a/b.rs", ""), ("src/dead.rs", "")]);
    let sources: Vec<Source> = files
        .map(|(path, text)| {
            fs::write(tree.path().join(path), text).unwrap();
            source(path, text)
        })
        .collect();
    assert_eq!(unreached(tree.path(), &sources), ["src/dead.rs"]);
}

#[test]
fn a_flag_a_promise_or_a_test_that_is_missing_is_seen() {
    let flags = flags("\\fB\\-\\-env\\fR \\fB\\-\\-dry\\-run\\fR");
    assert_eq!(missing_flags(flags, "use --env"), ["dry-run"]);
    let readme = read("README.md");
    assert_eq!(missing_promises(&readme), [""; 0]);
    assert_eq!(missing_promises(&readme.replace("\n7. **", "\n")), ["promise 7"]);
    let (before, after) = readme.split_once("# What it does not promise\n").unwrap();
    let few = after.lines().filter(|line| !line.starts_with("- ")).collect::<Vec<_>>().join("\n");
    assert_eq!(missing_promises(&format!("{before}# What it does not promise\n{few}")).len(), 1);
    let table =
        "| promise | tests |\n| --- | --- |\n| 1 | `tests/cli` |\n| 2 | `tests/none.rs` |\n| 3 | `tools/slow` |\n";
    assert_eq!(missing_tests(table), ["tests/none.rs"]);
}

#[test]
fn an_unused_dependency_is_seen() {
    let manifest = "[package]\n\n[dependencies]\nmemchr = \"2\"\naho-corasick = \"1\"\n\n[lints]\nx = 1\n";
    let names = dependencies(manifest, "dependencies");
    assert_eq!(names, ["memchr", "aho_corasick"]);
    assert_eq!(unused(names, &[source("src/a.rs", "// aho_corasick::X\nuse memchr::memchr;\n")]), ["aho_corasick"]);
}

#[test]
fn a_fuzz_target_that_is_missing_somewhere_is_seen() {
    let tree = tempfile::tempdir().unwrap();
    let copied = ["fuzz/Cargo.toml", "fuzz/run", "fuzz/oss-fuzz/build.sh", "fuzz/README.md"];
    let put = |path: &Path, text: &str| {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    copied.iter().for_each(|path| put(Path::new(path), &read(path)));
    for directory in ["fuzz/corpus", "fuzz/fuzz_targets", "fuzz/dict"] {
        let names = fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().file_name());
        names.for_each(|name| put(&Path::new(directory).join(name), ""));
    }
    assert_eq!(fuzz_lists(tree.path()), [""; 0]);
    for path in &copied[1..] {
        put(Path::new(path), &read(path).replace("dotenv", "dotnv"));
        assert_eq!(fuzz_lists(tree.path()), [*path]);
        put(Path::new(path), &read(path));
    }
    put(Path::new("fuzz/corpus/none"), "");
    put(Path::new("fuzz/fuzz_targets/none.rs"), "");
    put(Path::new("fuzz/dict/none.dict"), "");
    assert_eq!(fuzz_lists(tree.path()), ["fuzz/corpus", "fuzz/fuzz_targets", "fuzz/dict/none"]);
}
