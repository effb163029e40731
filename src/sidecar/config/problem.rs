//! Problems that the checks find. They have a path of keys, and no place in the text: the checks
//! see only values.

use core::fmt;

use crate::registry::yaml::Step;

/// A problem of the configuration. The path is built from the inside out.
#[derive(Debug)]
pub(super) struct Problem {
    /// The innermost step first.
    steps: Vec<Step>,
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

/// The result of a check.
pub(super) type Checked<T> = Result<T, Problem>;

impl Problem {
    /// A problem of the section that is checked.
    pub(super) fn here(text: impl Into<String>) -> Problem {
        Problem { steps: Vec::new(), text: text.into(), hint: None }
    }

    /// A problem of a key of the section.
    pub(super) fn of(key: &'static str, text: impl Into<String>) -> Problem {
        Problem::here(text).within(key)
    }

    /// Adds a remedy.
    pub(super) fn hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..self }
    }

    /// The same problem, seen from the section that has the checked one under this key.
    pub(super) fn within(mut self, key: &'static str) -> Problem {
        self.steps.push(Step::Key(key));
        self
    }

    /// The same problem, seen from the list under this key that has the checked section as an item.
    pub(super) fn within_item(mut self, key: &'static str, index: usize) -> Problem {
        self.steps.extend([Step::Item(index), Step::Key(key)]);
        self
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.steps.iter().rev().copied().collect()
    }
}

/// The path of keys, such as `streams[1].source.files`.
pub(super) struct Keys<'a>(pub(super) &'a [Step]);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
