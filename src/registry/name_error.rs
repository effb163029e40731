//! The reasons for which a name is refused.

/// The machine's own exceptions: one variable a line, `#` before comments. Only root, or the user
/// that runs hushlog, may have write access.
pub const ALLOWED_NAMES: &str = "/etc/hushlog/allowed-names";
/// The longest name of a secret, in bytes.
pub const NAME_LEN_MAX: usize = 128;

/// The reason that a secret of this name cannot be exported. No variant holds the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    #[error("the name is empty")]
    Empty,
    /// The name is longer than [`NAME_LEN_MAX`] bytes.
    #[error("the name is longer than {NAME_LEN_MAX} bytes")]
    TooLong,
    /// The name has a character that has no counterpart in a variable.
    #[error("the name contains a character other than a to z, digits, '-', '_', '.' and '/'")]
    Character,
    /// A variable has a character that shells do not take in one.
    #[error("it contains a character other than letters, digits and '_'")]
    InVariable,
    /// The variable would begin with a digit.
    #[error("the name begins with a digit, but a variable cannot")]
    Digit,
    /// The name does not begin with a letter.
    #[error("the name does not begin with a letter")]
    First,
    /// The variable controls the code that programs run or trust, or belongs to hushlog.
    #[error("the variable is reserved, because it changes the behaviour of programs")]
    Reserved,
    /// Programs read the variable as their configuration, and this machine does not allow it.
    #[error("programs read the variable as configuration, and this machine does not allow it")]
    Configuration,
    /// The file with the machine's exceptions is unreadable or unsafe.
    #[error("cannot read {ALLOWED_NAMES}, or users other than root can write to it")]
    AllowedNames,
}
