//! Reading: turns the text of a file into its sections and their plan. Errors name the place and
//! the keys, and quote no other text.

use core::fmt;

use serde_yaml::Options;
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::plan::Plan;
use super::problem::{Keys, Problem};
use super::schema::{EARLIER, schema};
use super::section::Config;
use crate::registry::yaml::{self, Fault, Form, Outline};

/// The maximum size of a configuration, in bytes.
pub const CONFIG_LEN_MAX: usize = 1 << 20;

/// An error in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line, from 1; none if the error concerns the whole file.
    pub line: Option<u64>,
    /// The column, in characters from 1; none if the error concerns the whole file.
    pub column: Option<u64>,
    /// The path of keys, such as `streams[1].source.files`; empty if the error concerns the whole
    /// file. It has documented keys only, and so no secret.
    pub keys: String,
    /// The problem.
    pub problem: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl ConfigError {
    /// The error of the file at this path, as one line: `FILE:LINE:COLUMN: KEYS: problem`.
    pub fn of_file(&self, path: &str) -> String {
        let place = |number: Option<u64>| number.map_or_else(String::new, |number| format!(":{number}"));
        let keys = if self.keys.is_empty() { String::new() } else { format!("{}: ", self.keys) };
        format!("{path}{}{}: {keys}{}", place(self.line), place(self.column), self.problem)
    }
}

impl From<Fault> for ConfigError {
    fn from(Fault { place, keys, problem, hint }: Fault) -> ConfigError {
        ConfigError {
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            keys,
            problem,
            hint,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of_file("the configuration"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads and checks a configuration.
pub(super) fn read(text: &[u8]) -> Result<(Config, Plan), ConfigError> {
    let of_all = |problem: String| ConfigError { line: None, column: None, keys: String::new(), problem, hint: None };
    if text.len() > CONFIG_LEN_MAX {
        return Err(of_all(format!("the configuration is larger than {} KiB", CONFIG_LEN_MAX >> 10)));
    }
    let text = core::str::from_utf8(text).map_err(|error| {
        let place = yaml::end_of(&text[..error.valid_up_to()]);
        let error = of_all("a byte here is not UTF-8".to_owned());
        ConfigError { line: Some(place.line), column: Some(place.column), ..error }
    })?;
    // A byte order mark takes no column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let config: Config = serde_yaml::from_str_with_options(text, options())
        .map_err(|error| ConfigError::from(yaml::fault(text, &form(&schema()), &error)))?;
    let plan = config.plan().map_err(|problem| located(problem, text))?;
    Ok((config, plan))
}

fn form(schema: &serde_json::Value) -> Form<'_> {
    Form { schema, earlier: EARLIER, what: "the configuration" }
}

/// The error for a problem, at its place in the text.
fn located(problem: Problem, text: &str) -> ConfigError {
    let steps = problem.steps();
    let (outline, schema) = (Outline::of(text), serde_json::Value::Null);
    let found = outline.find(&steps, |key| form(&schema).now(key)).filter(|_| !steps.is_empty());
    let place = found.map(|node| outline.place(node));
    Fault { place, keys: Keys(&steps).to_string(), problem: problem.text, hint: problem.hint }.into()
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
