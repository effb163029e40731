//! A secret, and how it is exported: the type that the registry, the environment and the session
//! share.

use core::fmt;

use super::field::ExpiryDate;
use super::file_target::FileTarget;
use super::name::Name;
use super::scope::Scope;
use crate::redact::secret::Secret;

/// The precedence of a variable. Of several with the same name, the greatest is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A plain default of an environment. It is not secret.
    Default,
    /// A secret of all members.
    Shared,
    /// A secret of one member.
    Private,
}

impl From<Scope> for Rank {
    fn from(scope: Scope) -> Rank {
        match scope {
            Scope::Shared => Rank::Shared,
            Scope::Private => Rank::Private,
        }
    }
}

/// A secret and the variable that it is exported as, or a candidate for one.
///
/// [`Secret::expose`] is the only way to the value.
pub struct ExportedSecret {
    /// The value, under the name that masks show.
    pub secret: Secret,
    /// The name of the variable.
    ///
    /// A registry may hold names that an exported variable may not have. Their values are masked
    /// all the same, and [`name::Allowed::check`](super::name::Allowed::check) reports the names.
    pub variable: String,
    /// Opaque, and new with every saved value. Empty if the source has no versions.
    pub version: String,
    /// The file that `boot` writes it to.
    pub file: Option<FileTarget>,
    /// The day it expires, if it is known.
    pub expires: Option<ExpiryDate>,
    /// The group of a registry that it is shared with, if it is known and not all members.
    pub group: Option<Name>,
    /// The precedence among secrets of the same variable.
    pub rank: Rank,
    /// Whether a program that starts now gets it. If not, it is masked only: a secret that is kept
    /// without exporting it, a shared one beside a private one of the same name, or one that an
    /// earlier export of this boot made.
    pub is_exported: bool,
    /// Whether `boot` writes it to files without exporting it. Programs that read no files of a
    /// session only mask it.
    pub is_file_only: bool,
}

impl ExportedSecret {
    /// A secret that is exported as this variable.
    pub fn new(variable: impl Into<String>, secret: Secret, version: impl Into<String>, rank: Rank) -> ExportedSecret {
        ExportedSecret {
            secret,
            variable: variable.into(),
            version: version.into(),
            file: None,
            expires: None,
            group: None,
            rank,
            is_exported: true,
            is_file_only: false,
        }
    }

    /// A plain default, which is exported and not masked.
    pub fn plain(variable: impl Into<String>, value: impl Into<Vec<u8>>) -> ExportedSecret {
        let variable = variable.into();
        ExportedSecret::new(variable.clone(), Secret::new(variable, value.into()), "", Rank::Default)
    }

    /// A copy, value included. Each copy is wiped when it is dropped.
    #[must_use]
    pub fn duplicate(&self) -> ExportedSecret {
        ExportedSecret {
            secret: Secret::new(self.secret.name(), self.secret.expose().to_vec()),
            variable: self.variable.clone(),
            version: self.version.clone(),
            file: self.file.clone(),
            expires: self.expires.clone(),
            group: self.group.clone(),
            rank: self.rank,
            is_exported: self.is_exported,
            is_file_only: self.is_file_only,
        }
    }

    /// Whether it must not appear in logs. A plain default may.
    pub fn is_secret(&self) -> bool {
        self.rank > Rank::Default
    }

    /// The length that it takes of the space for `exec`, in bytes: `NAME=VALUE`, the NUL behind it,
    /// and the pointer to it.
    pub fn exec_len(&self) -> usize {
        self.entry_len() + size_of::<*const u8>()
    }

    /// The length of `NAME=VALUE` and the NUL behind it, in bytes.
    pub(crate) fn entry_len(&self) -> usize {
        self.variable.len() + 1 + self.secret.expose().len() + 1
    }
}

impl fmt::Debug for ExportedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedSecret")
            .field("variable", &self.variable)
            .field("rank", &self.rank)
            .field("is_exported", &self.is_exported)
            .finish_non_exhaustive()
    }
}
