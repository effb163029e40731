//! Parsing: turns the text of a file into its sections. Errors name the line and the key, and quote
//! no other text.

use core::fmt;

use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_yaml::{Error, Options};

use super::schema::known_key;
use super::section::Config;

/// The maximum size of a configuration, in bytes.
pub const CONFIG_LEN_MAX: usize = 1 << 20;
/// The maximum prefix of a line that is searched for a key, in bytes.
const LINE_LEN_MAX: usize = 256;

/// An error in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line, from 1; none if the error concerns the whole file.
    pub line: Option<u64>,
    /// The key concerned: one of the documented keys, and so no secret.
    pub key: Option<&'static str>,
    /// The problem.
    pub problem: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl ConfigError {
    /// Creates an error of a line.
    pub(super) fn at(line: u64, key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError { line: Some(line), key: Some(key), problem: problem.into(), hint: None }
    }

    /// Creates an error of the whole file.
    pub(super) fn of_all(problem: impl Into<String>) -> ConfigError {
        ConfigError { line: None, key: None, problem: problem.into(), hint: None }
    }

    /// Adds a remedy.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> ConfigError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(key) = self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// Parses the sections.
pub(super) fn parse(text: &[u8]) -> Result<Config, ConfigError> {
    if text.len() > CONFIG_LEN_MAX {
        return Err(ConfigError::of_all(format!("the configuration is larger than {} KiB", CONFIG_LEN_MAX >> 10)));
    }
    let text = core::str::from_utf8(text).map_err(|error| {
        let line = text[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        ConfigError { line: Some(line), ..ConfigError::of_all("the configuration is not UTF-8") }
    })?;
    serde_yaml::from_str_with_options(text, options()).map_err(|error| told(&error, text))
}

/// Reduces a parser error to the parts that are safe to report.
fn told(error: &Error, text: &str) -> ConfigError {
    let error = error.without_snippet();
    let line = error.location().map(|place| place.line()).filter(|line| *line > 0);
    let key = line.and_then(|line| key(&nth_line(text, line)));
    let told = |problem: String| ConfigError { line, key, problem, hint: None };
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = expected.iter().find(|known| is_near(known, field));
            let error = ConfigError { key: None, ..told("unknown key".to_owned()) };
            error.hint(match near {
                Some(near) => format!("did you mean {near}? valid keys: {}", expected.join(", ")),
                None => format!("valid keys: {}", expected.join(", ")),
            })
        }
        Error::SerdeUnknownVariant { expected, .. } => told(format!("must be one of {}", expected.join(", "))),
        Error::SerdeMissingField { field, .. } => {
            ConfigError { key: Some(field), ..told("this key is missing in the section".to_owned()) }
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            told(format!("must be {expected}"))
        }
        Error::InvalidScalar { ty, .. } if *ty != "bool" => told(format!("must be a number ({ty})")),
        Error::Unexpected { expected: "sequence start", .. } => told("must be a list, such as [one, two]".to_owned()),
        Error::Unexpected { expected: "mapping start", .. } => {
            told("must be a section, such as { key: value }".to_owned())
        }
        Error::Unexpected { expected: "string scalar" | "scalar", .. } => told("must be a string".to_owned()),
        Error::InvalidScalar { .. } | Error::InvalidBooleanStrict { .. } => told("must be true or false".to_owned()),
        Error::DuplicateMappingKey { .. } => told("this key occurs twice".to_owned()),
        Error::Eof { .. } => told("must not be empty".to_owned()),
        _ => told("not valid here".to_owned()).hint("`hushlog sidecar schema` prints the schema"),
    }
}

/// The line of this number, from 1. As in YAML, a carriage return by itself ends a line, too.
fn nth_line(text: &str, number: u64) -> String {
    let text = text.replace("\r\n", "\n");
    text.split(['\n', '\r']).nth(number as usize - 1).unwrap_or_default().to_owned()
}

/// The documented key at the beginning of a line, if there is one.
fn key(line: &str) -> Option<&'static str> {
    // A file may begin with a byte order mark.
    let line = line.trim_start_matches(['\u{feff}', ' ', '-', '{']);
    let end = line.char_indices().take_while(|(at, _)| *at < LINE_LEN_MAX).find(|(_, c)| *c == ':')?.0;
    let word = line[..end].trim();
    known_key(word)
}

/// Whether two keys differ only by a typing error: as sets of letters, and slightly in length.
fn is_near(known: &str, word: &str) -> bool {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().filter(char::is_ascii_alphabetic).collect();
        letters.sort_unstable();
        letters.dedup();
        letters
    };
    let (known_letters, word_letters) = (letters(known), letters(word));
    let shared = known_letters.iter().filter(|letter| word_letters.contains(letter)).count();
    known.len().abs_diff(word.len()) <= 2 && shared + 1 >= known_letters.len().max(word_letters.len())
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(CONFIG_LEN_MAX),
            max_events: 400_000,
            max_nodes: 200_000,
            max_aliases: 1_000,
            max_anchors: 100,
            max_depth: 16,
            max_documents: 1,
            max_merge_keys: 0,
            max_total_scalar_bytes: CONFIG_LEN_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        null_as_string: false,
        no_schema: false,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}
