//! The rules of the tree: rings, unsafe code, sizes, leftovers, dead files, documentation,
//! dependencies.

mod broken;
mod circles;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the inside out: a module uses only modules before it.
const RINGS: &[&str] = &[
    "redact",
    "sys",
    "io",
    "container",
    "scrub",
    "registry",
    "export",
    "session",
    "source",
    "install",
    "child",
    "sidecar",
    "console",
    "manual",
    "cli",
    "ffi",
    "main",
    "lib",
];

/// The same within the innermost ring.
const REDACT: &[&str] = &[
    "text",
    "wiped",
    "json_escape",
    "secret",
    "isa",
    "reading",
    "encoding",
    "ordinary",
    "credential",
    "part",
    "mask",
    "colour",
    "naive",
    "needle_list",
    "bare",
    "node_map",
    "prefilter",
    "nested",
    "automaton",
    "scan",
    "reach",
    "needle",
    "mask_conflict",
    "build",
    "codes",
    "region",
    "search",
    "overlay",
    "resume",
    "redacted",
    "redactor",
    "release",
    "finder",
    "message",
    "record",
    "mod",
];

/// Names that the innermost ring may not use.
const OUTSIDE: &[&str] = &[
    "std::io",
    "std::fs",
    "std::env",
    "std::time",
    "std::thread",
    "std::net",
    "std::process",
    "cfg(feature",
    "rustix",
    "libc",
];

/// The only files with unsafe code. Clippy enforces that each block gives its safety argument.
const UNSAFE: &[&str] = &[
    "src/redact/isa/neon.rs",
    "src/redact/prefilter/aarch64.rs",
    "src/redact/prefilter/bloom.rs",
    "src/redact/prefilter/teddy.rs",
    "src/redact/prefilter/qgrams.rs",
    "src/redact/prefilter/x86.rs",
    "src/redact/reading/aarch64.rs",
    "src/redact/reading/trigger.rs",
    "src/redact/reading/x86.rs",
    "src/child/sys.rs",
    "src/io/vmsplice.rs",
    "src/scrub/guard/kernel.rs",
    "src/scrub/lease.rs",
    "src/scrub/mask_writer.rs",
    "src/sidecar/fd.rs",
    "src/sys/group.rs",
    "src/sys/locked.rs",
    "src/cli/exit.rs",
    "src/cli/harden.rs",
    "src/cli/prompt.rs",
    "src/cli/service.rs",
    "src/cli/stdio.rs",
    "src/ffi/boundary.rs",
    "src/ffi/builder.rs",
    "src/ffi/code.rs",
    "src/ffi/record.rs",
    "src/ffi/set.rs",
    "src/ffi/stream.rs",
];

/// The only files that use standard error: the single output path of messages; the setup of a
/// child; comparisons with an output; outputs named by path; and a sink of that name.
const STDERR: &[&str] = &[
    "src/cli/message.rs",
    "src/cli/output.rs",
    "src/child/mod.rs",
    "src/child/stdio.rs",
    "src/sidecar/sink/open.rs",
    "src/sys/output.rs",
];

/// Calls that open, make, rename, link, change, remove or resolve a file by its path.
const BY_PATH: &[&str] = &[
    "File::open",
    "File::create",
    "File::options",
    "OpenOptions",
    "DirBuilder",
    "SocketAddrUnix::new(",
    "UnixDatagram::bind",
    "UnixListener::bind",
    "UnixStream::connect",
    "canonicalize(",
    "chmodat(",
    "chownat(",
    "create_dir",
    "fs::copy(",
    "fs::open(",
    "fs::read(",
    "fs::read_dir(",
    "fs::read_to_string(",
    "fs::remove_dir",
    "fs::rename(",
    "fs::symlink(",
    "fs::write(",
    "hard_link(",
    "linkat(",
    "mkdirat(",
    "mkfifoat(",
    "mknodat(",
    "openat(",
    "openat2(",
    "remove_file(",
    "renameat",
    "set_permissions(",
    "symlinkat(",
];

const KERNEL: &str = "files of the system: /proc, /dev, /etc";
const TYPED: &str = "reads what the user named, and whoever may write there decides what that is anyway";
const LOOKS: &str = "looks at what the configuration names, and opens or changes nothing";

/// The only files outside of `sys` that do so, each with its reason.
const BY_PATH_ALLOWED: &[(&str, &str)] = &[
    ("src/cli/output.rs", TYPED),
    ("src/cli/progress.rs", TYPED),
    ("src/cli/sidecar.rs", TYPED),
    ("src/cli/sidecar_client.rs", TYPED),
    ("src/child/awaits_line.rs", KERNEL),
    ("src/child/group.rs", KERNEL),
    ("src/child/supervisor.rs", KERNEL),
    ("src/child/sys.rs", KERNEL),
    ("src/io/vmsplice.rs", KERNEL),
    ("src/registry/reserved.rs", "the machine's own configuration, whose owner and mode it checks"),
    ("src/scrub/guard/calls.rs", KERNEL),
    ("src/scrub/guard/in_flight.rs", KERNEL),
    ("src/scrub/guard/walk.rs", KERNEL),
    ("src/sidecar/confine.rs", LOOKS),
    ("src/sidecar/secrets/directories.rs", LOOKS),
    ("src/sidecar/fd.rs", KERNEL),
    ("src/sidecar/source/own.rs", LOOKS),
    ("src/sidecar/systemd/fd_store.rs", "the socket of the service manager, which started us"),
    ("src/sidecar/secrets/watch.rs", LOOKS),
];

/// Constructors of redacted bytes beside the redactor, and the only files that call each: see
/// `redact::redacted`.
const REDACTED_BY_HAND: &[(&str, &[&str])] = &[
    ("Piece::fixed(", &["src/io/frames/framing.rs", "src/sidecar/stream/boundaries.rs", "src/sidecar/stream/out.rs"]),
    ("RedactedBuf::reread(", &["src/sidecar/sink/spool.rs"]),
    (".fill_in(", &["src/container/placeholders.rs", "src/redact/redacted.rs"]),
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// A file of the tree: its path from the root of the project, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Its lines without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The index of its ring: its module below the root of the crate.
    fn ring(&self) -> usize {
        let name = self.path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs");
        RINGS.iter().position(|ring| *ring == name).unwrap_or_else(|| panic!("{} is in no ring", self.path))
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files below a directory.
pub(crate) fn sources(directory: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root()).unwrap().display().to_string(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn program_sources() -> Vec<Source> {
    let found = sources("src");
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// Fails with all violations at once.
#[track_caller]
pub(crate) fn none(violations: Vec<String>, rule: &str) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}

#[test]
fn a_module_uses_only_inner_modules() {
    none(uses_of_outer_rings(&program_sources()), "outer rings are used from inner ones");
}

fn uses_of_outer_rings(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            for (ring, name) in RINGS.iter().enumerate().skip(source.ring() + 1) {
                if line.contains(&format!("crate::{name}::")) || line.contains(&format!("hushlog::{name}::")) {
                    violations.push(format!("{}:{number} uses {name} ({ring})", source.path));
                }
            }
        }
    }
    violations
}

#[test]
fn a_file_of_the_innermost_ring_uses_only_earlier_files() {
    none(uses_before_their_place(&program_sources()), "used before its place in the order");
}

fn uses_before_their_place(sources: &[Source]) -> Vec<String> {
    let order = |name: &str| REDACT.iter().position(|other| *other == name);
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/redact/")) {
        let name = source.path.split('/').nth(2).unwrap().trim_end_matches(".rs");
        let place = order(name).unwrap_or_else(|| panic!("{} has no place in the order", source.path));
        let prefix = if source.path.split('/').count() == 3 { "use super::" } else { "use super::super::" };
        for (number, line) in of_program(source) {
            let used = line.trim().strip_prefix(prefix).or_else(|| line.trim().strip_prefix("use crate::redact::"));
            let used = used.map(|rest| rest.split([':', ';']).next().unwrap());
            if used.is_some_and(|used| order(used).is_none_or(|used| used > place)) {
                violations.push(format!("{}:{number}", source.path));
            }
        }
    }
    violations
}

#[test]
fn the_innermost_ring_knows_nothing_outside() {
    none(uses_of_outside(&program_sources()), "no I/O, clock, environment, thread or feature switch in redact/");
}

fn uses_of_outside(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/redact/")) {
        for (number, line) in source.code() {
            // The trait only writes to a `Vec`, and opens nothing.
            let line = line.replace("use std::io::Write as _;", "");
            if OUTSIDE.iter().any(|word| line.contains(word)) {
                violations.push(format!("{}:{number}", source.path));
            }
        }
    }
    violations
}

#[test]
fn unsafe_code_stands_in_named_files_only() {
    let named: Vec<&str> = sorted(UNSAFE);
    assert_eq!(with_unsafe(&program_sources()), named, "the list and the tree differ");
}

fn sorted<'a>(paths: &[&'a str]) -> Vec<&'a str> {
    let mut paths = paths.to_vec();
    paths.sort_unstable();
    paths
}

fn with_unsafe(sources: &[Source]) -> Vec<&str> {
    let is_unsafe = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let found = sources.iter().filter(|source| source.code().any(|(_, line)| is_unsafe(line)));
    found.map(|source| source.path.as_str()).collect()
}

/// The lines of code of the program, without tests.
pub(crate) fn of_program(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let is_test = source.path.contains("/tests/") || source.path.ends_with("/tests.rs");
    let tested = if is_test { BTreeSet::new() } else { test_lines(&source.text) };
    source.code().filter(move |(number, _)| !is_test && !tested.contains(number))
}

/// The numbers of the lines of each item that only tests have, from its `#[cfg(test)]` on.
fn test_lines(text: &str) -> BTreeSet<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| line.trim() == "#[cfg(test)]");
    starts
        .flat_map(|(start, line)| {
            let indent = line.len() - line.trim_start().len();
            start + 1..=start + item_len(&lines[start..], indent)
        })
        .collect()
}

/// The number of lines of an item. rustfmt aligns its last brace with its first line.
fn item_len(lines: &[&str], indent: usize) -> usize {
    let last = format!("{}}}", " ".repeat(indent));
    let head = lines.iter().position(|line| !line.trim_start().starts_with(['#', '/'])).unwrap_or(0);
    if lines[head].ends_with(',') {
        return head + 1;
    }
    let body = lines.iter().position(|line| line.ends_with(['{', ';', '}'])).unwrap_or(lines.len() - 1);
    if !lines[body].ends_with('{') {
        return body + 1;
    }
    lines.iter().take_while(|line| line.trim_end_matches([',', ';', ')']) != last).count() + 1
}

#[test]
fn a36_paths_are_shown_by_one_function() {
    none(shown_paths(&program_sources()), "redact::text::path writes out what would drive a terminal");
}

fn shown_paths(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for (number, line) in of_program(source) {
            if line.contains(".display()") {
                violations.push(format!("{}:{number}", source.path));
            }
        }
    }
    violations
}

#[test]
fn a37_messages_have_one_way_out() {
    none(uses_of_stderr(&program_sources()), "only cli/message.rs writes to standard error");
}

fn uses_of_stderr(sources: &[Source]) -> Vec<String> {
    // Any file may ask whether it is a terminal or the same file as another.
    let asks = ["is_terminal()", "use_stderr()", "fstat("];
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !STDERR.contains(&source.path.as_str())) {
        for (number, line) in of_program(source) {
            let has = ["eprint", "stderr()", "STDERR_FILENO"].iter().any(|word| line.contains(word));
            if has && !asks.iter().any(|word| line.contains(word)) {
                violations.push(format!("{}:{number}", source.path));
            }
        }
    }
    violations
}

#[test]
fn files_are_opened_and_changed_in_sys_only() {
    let sources = program_sources();
    let found: BTreeSet<&str> = by_path(&sources).into_iter().collect();
    assert!(BY_PATH_ALLOWED.iter().all(|(_, reason)| !reason.is_empty()));
    let allowed: BTreeSet<&str> = BY_PATH_ALLOWED.iter().map(|(path, _)| *path).collect();
    let differ = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| a.difference(b).map(|path| (*path).to_owned()).collect();
    none(differ(&found, &allowed), "opened or changed by path: see src/sys/");
    none(differ(&allowed, &found), "in the list, and not by path any more");
}

fn by_path(sources: &[Source]) -> Vec<&str> {
    let outside = sources.iter().filter(|source| !source.path.starts_with("src/sys/"));
    let found =
        outside.filter(|source| of_program(source).any(|(_, line)| BY_PATH.iter().any(|call| line.contains(call))));
    found.map(|source| source.path.as_str()).collect()
}

#[test]
fn redacted_bytes_are_made_by_the_redactor_and_in_named_files() {
    for (call, named) in REDACTED_BY_HAND {
        assert_eq!(calling(&program_sources(), call), *named, "{call} makes redacted bytes of any others");
    }
}

fn calling<'a>(sources: &'a [Source], call: &str) -> Vec<&'a str> {
    let found = sources.iter().filter(|source| source.code().any(|(_, line)| line.contains(call)));
    found.map(|source| source.path.as_str()).collect()
}

#[test]
fn files_and_functions_can_be_seen_at_once() {
    none(too_long(&program_sources()), "too long");
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            violations.push(format!("{} has {} lines", source.path, lines.len()));
        }
        for (start, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
            let len = item_len(&lines[start..], line.len() - line.trim_start().len());
            if len > FUNCTION_LINES_MAX {
                violations.push(format!("{}:{} has {len} lines", source.path, start + 1));
            }
        }
    }
    violations
}

fn is_function(line: &str) -> bool {
    let mut words = line.trim_start().split(' ');
    let is_prefix = |word: &&str| {
        matches!(*word, "pub" | "const" | "unsafe" | "async" | "extern" | "\"C\"" | "pub(crate)" | "pub(super)")
    };
    words.find(|word| !is_prefix(word)) == Some("fn")
}

#[test]
fn nothing_is_left_over() {
    none(leftovers(&all_sources()), "leftovers");
}

/// The Rust files of the program, and of all that is made for it.
fn all_sources() -> Vec<Source> {
    let directories = ["build", "src", "tests", "tools", "benches", "examples", "fuzz"];
    directories.iter().flat_map(|directory| sources(directory)).collect()
}

fn leftovers(sources: &[Source]) -> Vec<String> {
    // Written in pieces, so that this file does not match itself.
    let marks = ["TO_DO", "FIX_ME", "XX_X", "HA_CK", "dbg_!", "todo_!", "unimplemented_!", "/work_/", "/tmp_/wt"]
        .map(|mark| mark.replace('_', ""));
    let mut violations = Vec::new();
    for source in sources {
        for (number, line) in (1..).zip(source.text.lines()) {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                violations.push(format!("{}:{number}", source.path));
            }
        }
    }
    violations
}

/// Only this place reports an unusable setting as an error.
#[test]
fn a09_settings_are_read_in_one_place() {
    let sources = program_sources();
    let named = sources.iter().filter(|source| source.path == SETTINGS);
    assert!(named.flat_map(settings_read).count() > 5, "the settings were not found");
    none(settings_elsewhere(&sources), "a setting of hushlog's own that is read elsewhere");
}

const SETTINGS: &str = "src/source/setting.rs";

fn settings_read(source: &Source) -> impl Iterator<Item = String> {
    let reads = move |line: &str| {
        line.contains("\"HUSHLOG_") && !line.contains("\"HUSHLOG_\"")
            || source.path == SETTINGS && line.contains("var_os(")
    };
    source.code().filter(move |(_, line)| reads(line)).map(|(number, _)| format!("{}:{number}", source.path))
}

fn settings_elsewhere(sources: &[Source]) -> Vec<String> {
    // Settings for deliberate panics in the tests and in the C library's tests, and a name that is
    // no setting.
    let others = [SETTINGS, "src/cli/harden.rs", "src/ffi/boundary.rs", "src/sidecar/admin/canary.rs"];
    sources.iter().filter(|source| !others.contains(&source.path.as_str())).flat_map(settings_read).collect()
}

#[test]
fn every_file_is_reached() {
    none(unreached(root(), &program_sources()), "no `mod` leads there");
}

fn unreached(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut reached = BTreeSet::new();
    for start in ["src/lib.rs", "src/main.rs"] {
        reach(&root.join(start), &mut reached);
    }
    let dead = sources.iter().map(|source| source.path.clone());
    dead.filter(|path| !reached.contains(&root.join(path))).collect()
}

/// Follows the `mod` lines of a file.
fn reach(file: &Path, reached: &mut BTreeSet<PathBuf>) {
    reached.insert(file.to_owned());
    let text = fs::read_to_string(file).unwrap();
    let stem = file.file_stem().unwrap();
    let directory = match stem.to_str() {
        Some("lib" | "main" | "mod") => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    let names = text.lines().filter_map(|line| {
        line.trim().strip_suffix(';')?.rsplit_once("mod ").filter(|(before, _)| !before.contains("//"))
    });
    for (_, name) in names {
        for path in [directory.join(format!("{name}.rs")), directory.join(name).join("mod.rs")] {
            if path.exists() {
                reach(&path, reached);
            }
        }
    }
}

#[test]
fn every_flag_is_in_the_manual() {
    let flags: BTreeSet<String> = crate::manual::described_options().iter().flat_map(|option| flags(option)).collect();
    assert!(["env", "report"].iter().all(|flag| flags.contains(*flag)), "the flags were not found");
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    let manual: String = pages.map(|page| fs::read_to_string(page).unwrap()).collect();
    none(missing_flags(flags, &manual), "not in docs");
}

/// The long options of a manual page. A backslash precedes each of its hyphens and font names.
fn flags(man: &str) -> BTreeSet<String> {
    let man = ["\\fR", "\\fB", "\\fI"].iter().fold(man.to_owned(), |man, font| man.replace(font, " "));
    let man = man.replace('\\', "");
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    let flags = man.match_indices("--").map(|(at, _)| man[at + 2..].split(|c| !is_flag(c)).next().unwrap());
    flags.filter(|flag| flag.starts_with(|c: char| c.is_ascii_lowercase())).map(str::to_owned).collect()
}

fn missing_flags(flags: BTreeSet<String>, readme: &str) -> Vec<String> {
    flags.into_iter().filter(|flag| !readme.contains(&format!("--{flag}"))).collect()
}

#[test]
fn promises_stand_beside_as_many_that_are_not_made() {
    for path in ["README.md", "src/lib.rs"] {
        none(missing_promises(&read(path).replace("//! ", "")), path);
    }
}

fn missing_promises(text: &str) -> Vec<String> {
    let promises = text.split_once("# What it promises\n").map_or("", |(_, rest)| rest);
    let (promises, not) = promises.split_once("# What it does not promise\n").unwrap_or((promises, ""));
    let not = not.split("\n#").next().unwrap();
    let mut missing: Vec<String> = (1..=9)
        .filter(|number| !promises.contains(&format!("\n{number}. **")))
        .map(|number| format!("promise {number}"))
        .collect();
    if not.matches("\n- ").count() < 8 {
        missing.push("what is not promised is the shorter list".to_owned());
    }
    missing
}

#[test]
fn each_promise_names_tests_that_exist() {
    none(missing_tests(&read("docs/design.md")), "named and missing");
}

fn missing_tests(manual: &str) -> Vec<String> {
    let (_, table) = manual.split_once("| promise | tests |").unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 3, "the table was not found");
    let is_path = |word: &&str| word.starts_with("tests/") || word.starts_with("tools/");
    let named = rows.iter().flat_map(|row| row.split('`').filter(is_path));
    named.filter(|path| !root().join(path).exists()).map(str::to_owned).collect()
}

#[test]
fn every_dependency_is_used() {
    let manifest = read("Cargo.toml");
    let names = dependencies(&manifest, "dependencies");
    assert!(names.contains(&"memchr".to_owned()), "the dependencies were not found");
    let mut unused = unused(names, &program_sources());
    let users: Vec<Source> =
        ["src", "tests", "tools", "benches", "examples"].iter().flat_map(|path| sources(path)).collect();
    unused.extend(self::unused(dependencies(&manifest, "dev-dependencies"), &users));
    none(unused, "in Cargo.toml and nowhere else");
}

/// The crates of a section of the manifest, by their names in code.
fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let text = manifest.split(&format!("\n[{section}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" = ").map(|(name, _)| name.replace('-', "_"))).collect()
}

fn unused(names: Vec<String>, users: &[Source]) -> Vec<String> {
    let is_used = |name: &String| {
        let path = format!("{name}::");
        users.iter().any(|source| source.code().any(|(_, line)| line.contains(&path)))
    };
    names.into_iter().filter(|name| !is_used(name)).collect()
}

/// A target that is missing from one of these lists is never run by it.
#[test]
fn every_fuzz_target_is_named_everywhere() {
    none(fuzz_lists(root()), "fuzz targets");
}

/// The lists of fuzz targets that differ from the manifest.
fn fuzz_lists(root: &Path) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let manifest = read("fuzz/Cargo.toml");
    let names = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).expect("a name"));
    let own: BTreeSet<String> = names.filter(|name| *name != "canary").map(str::to_owned).collect();
    assert!(own.len() > 5, "the targets were not found");
    let listed = |path: &str, start: &str| -> BTreeSet<String> {
        let text = read(path);
        let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{path}"));
        line.trim_end_matches('\'').split(' ').map(str::to_owned).collect()
    };
    let stems = |directory: &str| -> BTreeSet<String> {
        let files = fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().path());
        let stems = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
        stems.filter(|stem| stem != "canary").collect()
    };
    let readme = read("fuzz/README.md");
    let in_readme = own.iter().filter(|name| readme.contains(&format!("| `{name}` |"))).cloned().collect();
    let lists = [
        ("fuzz/run", listed("fuzz/run", "all='")),
        ("fuzz/oss-fuzz/build.sh", listed("fuzz/oss-fuzz/build.sh", "targets='")),
        ("fuzz/README.md", in_readme),
        ("fuzz/corpus", stems("fuzz/corpus")),
        ("fuzz/fuzz_targets", stems("fuzz/fuzz_targets")),
    ];
    let mut differ: Vec<String> =
        lists.iter().filter(|(_, list)| *list != own).map(|(path, _)| (*path).to_owned()).collect();
    differ.extend(stems("fuzz/dict").difference(&own).map(|stem| format!("fuzz/dict/{stem}")));
    differ
}
