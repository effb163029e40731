//! The members that a secret is sealed to.

/// The members that may open a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All members.
    Shared,
    /// Its owner.
    Private,
}

impl Scope {
    /// The scope's word in files and listings.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Shared => "shared",
            Scope::Private => "private",
        }
    }
}
