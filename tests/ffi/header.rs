//! Compares the text of the header with the text of the code: names, types, numbers.

use std::collections::BTreeMap;

use super::installed::root;

const FILES: [&str; 5] = ["builder", "code", "record", "set", "stream"];

/// The type names of the code, and those of the header.
const TYPES: &[(&str, &str)] = &[
    ("Option<Box<Builder>>", "hushlog_builder *"),
    ("Option<&mut Builder>", "hushlog_builder *"),
    ("Option<&Builder>", "const hushlog_builder *"),
    ("Option<Box<Set>>", "hushlog_set *"),
    ("Option<&Set>", "const hushlog_set *"),
    ("*mut Option<Box<Set>>", "hushlog_set **"),
    ("Option<Box<Stream>>", "hushlog_stream *"),
    ("Option<&mut Stream>", "hushlog_stream *"),
    ("Option<&Stream>", "const hushlog_stream *"),
    ("*const Stream", "const hushlog_stream *"),
    ("*mut Option<Box<Stream>>", "hushlog_stream **"),
    ("Option<Each>", "void (*)(void *context, const char *name, const char *form, uint64_t count)"),
    ("*mut Slice", "hushlog_slice *"),
    ("*mut *const Slice", "const hushlog_slice **"),
    ("*const c_char", "const char *"),
    ("*mut *const c_char", "const char **"),
    ("*const c_void", "const void *"),
    ("*mut c_void", "void *"),
    ("*mut usize", "size_t *"),
    ("usize", "size_t"),
    ("c_int", "int"),
    ("c_uint", "unsigned"),
    ("c_char", "char"),
    ("", "void"),
];

/// The result and parameters of a function: types and names, as the header writes them.
type Signature = (String, Vec<(String, String)>);

fn header() -> String {
    let text = std::fs::read_to_string(root().join("bindings/c/hushlog.h")).unwrap();
    without_comments(&text)
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| code + part.split_once("*/").expect("comments end").1)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every function that the header declares.
pub(crate) fn declared() -> BTreeMap<String, Signature> {
    let header = header();
    let code = header.split("extern \"C\" {").nth(1).unwrap();
    let lines = code.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let statements = lines.split(';').map(squeezed);
    statements
        .filter(|line| line.contains('(') && !line.starts_with("typedef"))
        .map(|line| declaration(&line))
        .collect()
}

fn declaration(line: &str) -> (String, Signature) {
    let (before, inside) = line.split_once('(').unwrap();
    let inside = inside.strip_suffix(')').unwrap_or_else(|| panic!("{line}"));
    let (gives, name) = parameter(before);
    let takes = if inside == "void" { Vec::new() } else { at_top(inside).map(|one| parameter(&one)).collect() };
    (name, (gives, takes))
}

/// Splits at commas outside of parentheses.
fn at_top(text: &str) -> impl Iterator<Item = String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in text.chars() {
        depth += i32::from("(<".contains(c)) - i32::from(")>".contains(c));
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
}

/// A type and a name.
fn parameter(text: &str) -> (String, String) {
    if let Some((before, after)) = text.split_once("(*") {
        let (name, rest) = after.split_once(')').unwrap();
        return (format!("{before}(*){rest}"), name.to_owned());
    }
    let at = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').unwrap() + 1;
    (text[..at].trim_end().to_owned(), text[at..].to_owned())
}

/// Every function that the code exports.
fn exported() -> BTreeMap<String, Signature> {
    let mut all = BTreeMap::new();
    for file in FILES {
        let code = std::fs::read_to_string(root().join(format!("src/ffi/{file}.rs"))).unwrap();
        for part in code.split("#[unsafe(no_mangle)]").skip(1) {
            let line = squeezed(part.split('{').next().unwrap());
            let line = line.split_once("extern \"C\" fn ").unwrap().1;
            let (name, rest) = line.split_once('(').unwrap();
            let (takes, gives) = rest.rsplit_once(')').unwrap();
            let takes = at_top(takes).map(|one| {
                let (name, kind) = one.split_once(": ").unwrap();
                (in_c(kind), name.to_owned())
            });
            let gives = in_c(gives.trim().trim_start_matches("-> "));
            assert!(all.insert(name.to_owned(), (gives, takes.collect())).is_none(), "{name} twice");
        }
    }
    all
}

fn in_c(kind: &str) -> String {
    let found = TYPES.iter().find(|(rust, _)| *rust == kind.trim());
    found.unwrap_or_else(|| panic!("the type {kind} is new")).1.to_owned()
}

/// The named numbers of the header.
fn numbers() -> BTreeMap<String, i32> {
    let header = header();
    let lines = header.lines().map(|line| line.trim().trim_end_matches(','));
    let pairs = lines.filter_map(|line| {
        let (name, number) = line.split_once(" = ").or_else(|| line.strip_prefix("#define ")?.split_once(' '))?;
        Some((name.to_owned(), number.trim_end_matches('u').parse().ok()?))
    });
    pairs.collect()
}

/// The numbers that the code returns, for errors and notices.
fn answers() -> Vec<(String, i32)> {
    let code = std::fs::read_to_string(root().join("src/ffi/code.rs")).unwrap();
    let errors = code.lines().filter_map(|line| {
        let (name, number) = line.trim().strip_suffix(',')?.split_once(" = ")?;
        Some((format!("HUSHLOG_E{}", name.to_uppercase()), number.parse().ok()?))
    });
    let notices = code.lines().filter_map(|line| {
        let (name, number) = line.trim().strip_prefix("NoticeKind::")?.strip_suffix(',')?.split_once(" => ")?;
        let mut snake = String::from("HUSHLOG");
        for c in name.chars() {
            let begins = if c.is_uppercase() { "_" } else { "" };
            snake += &format!("{begins}{}", c.to_ascii_uppercase());
        }
        Some((snake, number.parse().ok()?))
    });
    let setting = code.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix("pub(super) const ")?.strip_suffix(';')?.split_once(": c_int = ")?;
        Some((format!("HUSHLOG_{name}"), number.parse().ok()?))
    });
    errors.chain(notices).chain(setting).collect()
}

/// Fails if the two differ.
pub(crate) fn check() {
    let (declared, exported) = (declared(), exported());
    assert!(declared.len() > 20, "the declarations were not found");
    for (name, signature) in &declared {
        assert_eq!(exported.get(name), Some(signature), "{name}");
    }
    assert_eq!(declared.len(), exported.len(), "something is exported and not declared");
    let (numbers, answers) = (numbers(), answers());
    assert_eq!(answers.len(), 20, "the numbers were not found");
    for (name, number) in &answers {
        assert_eq!(numbers.get(name), Some(number), "{name}");
    }
    let beside = ["HUSHLOG_OK", "HUSHLOG_ABI_VERSION", "HUSHLOG_KEEP_PARTIAL"];
    assert_eq!(numbers.len(), answers.len() + beside.len(), "{numbers:?}");
    assert!(beside.iter().all(|name| numbers.contains_key(*name)));
}
