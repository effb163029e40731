//! Names of secrets, members and environments, and the variable that a secret is exported as.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most bytes that the name of a secret may have.
pub const NAME_LEN_MAX: usize = 128;

/// Variables that decide what programs run, load or trust, so that whoever sets one of them takes the machine over; and those that
/// a login, a shell or a service manager sets, so that a secret there would be lost.
const RESERVED: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "EDITOR",
    "EGID",
    "ENV",
    "EUID",
    "FPATH",
    "GCONV_PATH",
    "GID",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "GLOBIGNORE",
    "HISTFILE",
    "HOME",
    "HOSTALIASES",
    "HOSTNAME",
    "IFS",
    "INVOCATION_ID",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JOURNAL_STREAM",
    "LANG",
    "LANGUAGE",
    "LINES",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "MAIL",
    "MAINPID",
    "MALLOC_CHECK_",
    "MALLOC_TRACE",
    "MANPATH",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NOTIFY_SOCKET",
    "OLDPWD",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "OPTARG",
    "OPTIND",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "POSIXLY_CORRECT",
    "PPID",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "RANDOM",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "SECONDS",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TERMCAP",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TMOUT",
    "TMPDIR",
    "TZ",
    "TZDIR",
    "UID",
    "USER",
    "VISUAL",
    "ZDOTDIR",
];

/// How the variables begin that hushlog itself is told things by.
pub const OWN_PREFIX: &str = "HUSHLOG_";

/// Beginnings of names that are reserved as a whole.
const RESERVED_PREFIXES: &[&str] = &[
    "BASH_FUNC_",
    "DYLD_",
    "GIT_CONFIG",
    "GLIBC_",
    OWN_PREFIX,
    "LC_",
    "LD_",
    "LISTEN_",
    "PYTHON",
    "SYSTEMD_",
    "WATCHDOG_",
    "XDG_",
];

/// Why a secret of this name cannot be exported. No variant holds the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no name.
    #[error("the name is empty")]
    Empty,
    /// It has more than [`NAME_LEN_MAX`] bytes.
    #[error("the name is longer than {NAME_LEN_MAX} bytes")]
    TooLong,
    /// It has a character that no variable has and none stands for.
    #[error("the name has a character other than letters of a to z, digits, '-', '_', '.' and '/'")]
    Character,
    /// The variable would begin with a digit.
    #[error("the name begins with a digit, which the name of a variable cannot")]
    Digit,
    /// It begins with something else than a letter.
    #[error("the name does not begin with a letter")]
    First,
    /// The variable decides what programs run or trust, or belongs to hushlog.
    #[error("the variable is reserved, since it decides what programs do")]
    Reserved,
}

/// The name of a secret, a member or an environment in a registry: ASCII letters, digits, `-`, `_` and `.`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as it is written.
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

/// The variable for a secret of this name: upper snake case, as `OPENAI_API_KEY` for `openai-api-key`.
///
/// # Errors
///
/// When there is no such variable, or it must not be set.
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

fn upper(c: char) -> Option<char> {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Some(c.to_ascii_uppercase()),
        '-' | '_' | '.' | '/' => Some('_'),
        _ => None,
    }
}

/// Whether a variable, in capital letters, is none that a secret or a default may set.
pub fn is_reserved(variable: &str) -> bool {
    RESERVED.binary_search(&variable).is_ok() || RESERVED_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
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
        assert!(RESERVED.is_sorted(), "it is searched by halves");
        for name in ["path", "ld-preload", "LD_PRELOAD", "ifs", "bash.env", "hushlog-session", "pythonpath", "ps4"] {
            assert_eq!(variable(name), Err(NameError::Reserved), "{name}");
        }
    }
}
