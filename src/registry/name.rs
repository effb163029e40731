//! Names of secrets, members and environments, and the variable that a secret is exported as.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::name_error::{ALLOWED_NAMES, NAME_LEN_MAX, NameError};
pub use super::reserved::{Allowed, OWN_PREFIX, is_configuration, is_reserved};

/// The name of a secret, a member or an environment: ASCII letters, digits, `-`, `_` and `.`, a
/// letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(name: String) -> Result<Name, NameError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match name.chars().next() {
            None => Err(NameError::Empty),
            _ if name.len() > NAME_LEN_MAX => Err(NameError::TooLong),
            _ if !name.chars().all(allowed) => Err(NameError::Character),
            Some(first) if first.is_ascii_digit() => Err(NameError::Digit),
            Some(first) if !first.is_ascii_alphabetic() => Err(NameError::First),
            _ => Ok(Name(name)),
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Name, NameError> {
        name.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl core::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The variable for a secret of this name: upper snake case, as `OPENAI_API_KEY` for
/// `openai-api-key`.
///
/// # Errors
///
/// When no such variable exists, or it is reserved.
pub fn variable(name: &str) -> Result<String, NameError> {
    let variable = match name.len() {
        0 => return Err(NameError::Empty),
        len if len > NAME_LEN_MAX => return Err(NameError::TooLong),
        _ => name.chars().map(upper).collect::<Option<String>>().ok_or(NameError::Character)?,
    };
    if variable.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(NameError::Digit);
    }
    if is_reserved(&variable) { Err(NameError::Reserved) } else { Ok(variable) }
}

/// As [`variable`] for a name in a registry, whether or not the variable may be set.
pub(super) fn spelled(name: &Name) -> String {
    name.as_str().chars().filter_map(upper).collect()
}

fn upper(c: char) -> Option<char> {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Some(c.to_ascii_uppercase()),
        '-' | '_' | '.' | '/' => Some('_'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_variables() {
        assert_eq!(variable("openai-api-key").as_deref(), Ok("OPENAI_API_KEY"));
        assert_eq!(variable("pagerduty.token").as_deref(), Ok("PAGERDUTY_TOKEN"));
        assert_eq!(variable("db_url").as_deref(), Ok("DB_URL"));
        assert_eq!(variable("account/token").as_deref(), Ok("ACCOUNT_TOKEN"));
    }

    #[test]
    fn impossible_names_are_refused() {
        assert_eq!(variable(""), Err(NameError::Empty));
        assert_eq!(variable(&"a".repeat(NAME_LEN_MAX + 1)), Err(NameError::TooLong));
        assert_eq!(variable("1password"), Err(NameError::Digit));
        for name in ["a=b", "a b", "a\nb", "a\0b", "p\u{430}ss", "a\u{212a}", "a$b"] {
            assert_eq!(variable(name), Err(NameError::Character));
        }
    }

    #[test]
    fn names_that_take_the_machine_over_are_refused() {
        for name in ["path", "ld-preload", "LD_PRELOAD", "ifs", "bash.env", "hushlog-session", "pythonpath", "ps4"] {
            assert_eq!(variable(name), Err(NameError::Reserved), "{name}");
        }
    }
}
