//! One variable of the exported environment, or a candidate for one.

use core::fmt;

use crate::redact::secret::Secret;

/// Where a variable comes from. Of several with the same name, the greatest is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A plain default of an environment; not secret.
    Default,
    /// A secret of all members.
    Shared,
    /// A secret of one member.
    Private,
}

/// A variable, and the secret or the plain default that it holds.
pub struct Variable {
    name: String,
    secret: Secret,
    version: String,
    rank: Rank,
}

impl Variable {
    /// A secret that is to be exported under this name. The version is opaque, and may be empty.
    pub fn new(name: impl Into<String>, secret: Secret, version: impl Into<String>, rank: Rank) -> Variable {
        Variable { name: name.into(), secret, version: version.into(), rank }
    }

    /// A plain default.
    pub fn default(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Variable {
        let name = name.into();
        Variable { secret: Secret::new(name.clone(), value.into()), name, version: String::new(), rank: Rank::Default }
    }

    /// The name of the variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds; a plain default too.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The version of the secret; empty if nobody counts them.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where it comes from.
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Whether it must not appear in logs.
    pub fn is_secret(&self) -> bool {
        self.rank > Rank::Default
    }

    /// How much of what `exec` takes it needs, in bytes: `NAME=VALUE`, the NUL behind it, and the pointer to it.
    pub fn exec_len(&self) -> usize {
        self.entry_len() + size_of::<*const u8>()
    }

    /// `NAME=VALUE` and the NUL behind it, in bytes.
    pub(crate) fn entry_len(&self) -> usize {
        self.name.len() + 1 + self.secret.expose().len() + 1
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("name", &self.name).field("rank", &self.rank).finish_non_exhaustive()
    }
}
