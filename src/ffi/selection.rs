//! Which of the added secrets are masked: the choice of `--only`, `--except` and `--all`.

use glob::Pattern;

use super::code::Code;
use crate::redact::credential::setting::is_setting;
use crate::redact::secret::Secret;

/// The choice among the secrets of a builder.
#[derive(Default)]
pub(super) struct Selection {
    /// Patterns of names that are masked. Without any, all are.
    pub(super) only: Vec<Pattern>,
    /// Patterns of names that are not masked.
    pub(super) except: Vec<Pattern>,
    /// Whether values that cannot be secrets are left.
    pub(super) leaves_settings: bool,
}

/// The outcome of the choice for one secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Masked,
    /// It is left, since the value cannot be a secret.
    Setting,
    /// The patterns exclude it.
    Excluded,
}

impl Selection {
    pub(super) fn of(&self, secret: &Secret) -> Choice {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(secret.name()));
        match () {
            () if any(&self.except) || !self.only.is_empty() && !any(&self.only) => Choice::Excluded,
            // A pattern that names it says that it is a secret.
            () if self.leaves_settings
                && self.only.is_empty()
                && is_setting(secret.name().as_bytes(), secret.expose()) =>
            {
                Choice::Setting
            }
            () => Choice::Masked,
        }
    }
}

/// A pattern of names.
pub(super) fn pattern(text: &str) -> Result<Pattern, Code> {
    Pattern::new(text).map_err(|_| Code::Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_decide() {
        let secret = |name: &str, value: &str| Secret::new(name, value.as_bytes().to_vec());
        let (port, token) = (secret("PORT", "8080"), secret("API_TOKEN", "kx-5512-lamp"));
        let mut selection = Selection::default();
        assert_eq!((selection.of(&port), selection.of(&token)), (Choice::Masked, Choice::Masked));
        selection.leaves_settings = true;
        assert_eq!((selection.of(&port), selection.of(&token)), (Choice::Setting, Choice::Masked));
        selection.only = vec![pattern("PO*").unwrap()];
        assert_eq!((selection.of(&port), selection.of(&token)), (Choice::Masked, Choice::Excluded));
        selection.except = vec![pattern("?ORT").unwrap()];
        assert_eq!(selection.of(&port), Choice::Excluded);
        assert_eq!(pattern("[").err(), Some(Code::Pattern));
    }
}
