//! Which of the loaded secrets are masked: chosen by name, and by whether a value can be a secret.

use glob::Pattern;

use super::error::{SourceError, SourceErrorKind};
use super::item::Field;
use super::{Loaded, Origin, Sourced, items};
use crate::redact::credential::setting::is_setting;

/// The choice among the secrets of all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Patterns of names that are masked. Without any, all are.
    pub only: Vec<String>,
    /// Patterns of names that are not masked.
    pub except: Vec<String>,
    /// Whether values that cannot be secrets are masked, too.
    pub all: bool,
}

impl Selection {
    /// Marks the secrets that are not masked.
    ///
    /// # Errors
    ///
    /// When a pattern is invalid.
    pub(super) fn apply(&self, loaded: &mut Loaded) -> Result<(), SourceError> {
        let only = patterns(Field::Only, &self.only)?;
        let except = patterns(Field::Except, &self.except)?;
        let is_unused = |pattern: &&Pattern| !loaded.secrets.iter().any(|sourced| matches(pattern, sourced));
        loaded.unused_only = only.iter().filter(is_unused).count();
        for sourced in &mut loaded.secrets {
            let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| matches(pattern, sourced));
            let is_chosen = (only.is_empty() || any(&only)) && !any(&except);
            let is_left = is_chosen && !self.all && only.is_empty() && may_be_setting(sourced);
            sourced.is_masked = is_chosen && !is_left;
            if is_left && !sourced.secret().expose().trim_ascii().is_empty() {
                loaded.left.push(sourced.secret().name().to_owned());
            }
        }
        loaded.left.sort_unstable();
        loaded.left.dedup();
        Ok(())
    }
}

/// Whether a secret stems from a list of settings and secrets, and is a setting.
fn may_be_setting(sourced: &Sourced) -> bool {
    let secret = sourced.secret();
    sourced.is_listed
        && matches!(sourced.origin, Origin::Environment | Origin::Dotenv | Origin::Command)
        && is_setting(secret.name().as_bytes(), secret.expose())
}

fn matches(pattern: &Pattern, sourced: &Sourced) -> bool {
    pattern.matches(sourced.secret().name()) || pattern.matches(&sourced.exported.variable)
}

fn patterns(field: Field, globs: &[String]) -> Result<Vec<Pattern>, SourceError> {
    items(field, globs).map(|(item, glob)| Pattern::new(glob).map_err(|_| SourceErrorKind::Pattern.at(item))).collect()
}
