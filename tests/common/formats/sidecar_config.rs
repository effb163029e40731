//! The sidecar's configuration: an error quotes none of its text, and an accepted file is read as
//! the same however it is rewritten.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use hushlog::sidecar::config::*;

/// Replacements for every `q` and `j`, which occur in no key or word of a configuration. They have
/// the same length and letters, so that both are read alike in any context.
const VALUES: [&str; 2] = ["qjjq", "jqqj"];

/// The result of reading a text: a configuration and its plan, or an error.
type Read = Result<(Config, Plan), ConfigError>;

/// Any text.
pub fn sidecar_config(bytes: &[u8]) {
    let [text, other] = VALUES.map(|value| with_value(bytes, value.as_bytes()));
    let outcome = read(&text);
    check_other_value(&outcome, &read(&other));
    check_moved(&text, &outcome);
    match outcome {
        Ok((config, plan)) => check_written(&config, &plan, bytes.len()),
        Err(error) => check_error(&error, &text),
    }
}

fn read(text: &[u8]) -> Read {
    Config::read(text)
}

fn with_value(bytes: &[u8], value: &[u8]) -> Vec<u8> {
    let is_value = |byte: u8| byte == b'q' || byte == b'j';
    bytes.iter().flat_map(|byte| if is_value(*byte) { value } else { std::slice::from_ref(byte) }).copied().collect()
}

/// Asserts that two files that differ only in their values have the same error, which so contains
/// no value. An accepted value changes no other one.
fn check_other_value(outcome: &Read, other: &Read) {
    match (outcome, other) {
        (Err(error), Err(other)) => {
            assert!(error == other && error.to_string() == other.to_string(), "an error tells what stands there");
        }
        // Not the plan, in which globs are compiled into numbers.
        (Ok((config, _)), Ok((other, _))) => {
            assert!(format!("{config:?}").replace(VALUES[0], "q") == format!("{other:?}").replace(VALUES[1], "q"));
        }
        _ => panic!("a value decides what is a configuration"),
    }
}

/// A comment before the text moves the lines, and one after it changes nothing.
fn check_moved(text: &[u8], outcome: &Read) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match (read(&[b"# a comment\n\n", text].concat()), outcome) {
        (Err(moved), Err(error)) => {
            let line = error.line.map(|line| line + 2);
            assert!(moved == ConfigError { line, ..error.clone() }, "{error}; behind a comment: {moved}");
        }
        (moved, outcome) => assert_same(&moved, outcome),
    }
    if outcome.is_ok() && text.ends_with(b"\n") {
        assert_same(&read(&[text, b"# a comment\n"].concat()), outcome);
    }
}

#[track_caller]
fn assert_same(read: &Read, expected: &Read) {
    let (Ok((config, plan)), Ok((expected, expected_plan))) = (read, expected) else { panic!("refused, or not") };
    assert!(config == expected && format!("{plan:?}") == format!("{expected_plan:?}"), "read as something else");
}

/// Rewritten with its keys in another order, the configuration is the same.
fn check_written(config: &Config, plan: &Plan, order: usize) {
    let text = config.written(order);
    let again = read(text.as_bytes()).unwrap_or_else(|error| panic!("it cannot be read again: {error}"));
    assert!(again.0 == *config, "written down, it is something else");
    assert!(format!("{:?}", again.1) == format!("{plan:?}"), "written down, it comes to something else");
}

/// The place is within the file, and the path has documented keys only.
fn check_error(error: &ConfigError, text: &[u8]) {
    static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut keys = BTreeSet::new();
        keys_of(&schema(), &mut keys);
        keys
    });
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    // Either one ends a line in YAML, and so do both together.
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    let Some((line, column)) = error.line.zip(error.column) else {
        let of_all = ["the configuration has nothing to do", "the configuration is larger than 1024 KiB"];
        assert!(of_all.contains(&&*error.problem), "no place: {error}");
        return;
    };
    let len = line.checked_sub(1).and_then(|line| lines.get(line as usize)).map(|line| line.chars().count() as u64);
    assert!(len.is_some_and(|len| (1..=len + 1).contains(&column)), "{line}:{column} of {} lines", lines.len());
    let steps = error.keys.split('.').filter(|_| !error.keys.is_empty());
    let mut names = steps.map(|step| step.split('[').next().unwrap_or_default());
    assert!(names.all(|name| name == "*" || KEYS.contains(name)), "{}", error.keys);
}

fn keys_of(schema: &serde_json::Value, keys: &mut BTreeSet<String>) {
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        keys.insert(key.clone());
        keys_of(field, keys);
        keys_of(&field["items"], keys);
    }
}

/// The parts of a configuration as YAML; `None` is omitted. The order applies to the keys of
/// sections.
trait Written {
    fn write(&self, order: usize) -> Option<String>;

    fn written(&self, order: usize) -> String {
        self.write(order).expect("it is there")
    }
}

impl<T: Written> Written for Option<T> {
    fn write(&self, order: usize) -> Option<String> {
        self.as_ref()?.write(order)
    }
}

impl<T: Written> Written for Vec<T> {
    fn write(&self, order: usize) -> Option<String> {
        let items: Vec<_> = self.iter().map(|item| item.written(order)).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

impl Written for String {
    fn write(&self, _: usize) -> Option<String> {
        let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        let chars = self.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) });
        Some(format!("\"{}\"", chars.collect::<String>()))
    }
}

impl Written for PathBuf {
    fn write(&self, order: usize) -> Option<String> {
        self.to_str().expect("it was a text").to_owned().write(order)
    }
}

impl Written for Mode {
    fn write(&self, _: usize) -> Option<String> {
        Some(format!("\"{:04o}\"", self.0))
    }
}

impl Written for Size {
    fn write(&self, _: usize) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// Implements types that are written as they are printed.
macro_rules! plain {
    ($($name:ident),*) => {$(
        impl Written for $name {
            fn write(&self, _: usize) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

plain!(bool, u32, u64);

/// Implements choices, written as the names of their variants.
macro_rules! choices {
    ($($name:ident),*) => {$(
        impl Written for $name {
            fn write(&self, _: usize) -> Option<String> {
                Some(format!("{self:?}").to_lowercase())
            }
        }
    )*};
}

choices!(ReleaseAt, Format, Away, ReadFrom);

/// Implements sections. A key that is not listed here does not compile.
macro_rules! sections {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Written for $name {
            fn write(&self, order: usize) -> Option<String> {
                let $name { $($field),* } = self;
                let fields = [$((stringify!($field), $field.write(order / 2))),*];
                let mut lines: Vec<String> = fields
                    .into_iter()
                    .filter_map(|(key, value)| Some(format!("# {key}\n \"{key}\": {}", value?)))
                    .collect();
                let places = lines.len().max(1);
                lines.rotate_left(order % places);
                Some(format!("{{ {} }}", lines.join(",\n ")))
            }
        }
    )*};
}

sections! {
    Config { secrets, options, streams, scrub, guard, control, metrics, state, environment, confine, drain_seconds }
    Secrets {
        env, dotenv, secret_files, commands, credential_files, registry, identity, member, trust, session, allow_empty,
        only, except, all
    }
    SecretCommand { command, every_seconds }
    Options { mask, mask_char, min_length, encodings, readings, keep_partial }
    Stream { name, source, sink, release, line_max, format }
    Source { stdin, fifo, unix, unix_datagram, tcp, command, files, exclude, mode, connections_max, files_max, from }
    Sink {
        stdout, fifo, unix, unix_datagram, tcp, command, file, mode, rotate_size, rotate_keep, away, spool, spool_max
    }
    Scrub { directory, recursive, include, exclude, every_seconds }
    Guard { directories, partial_wait_ms }
    Confine { landlock, seccomp }
}
