//! Changing the secrets of a registry in memory. A value is opened only to seal it with other
//! fields.

use super::entry::{Entry, Member, Readers};
use super::environment::By;
use super::error::Error;
use super::field::{FieldChanges, Fields};
use super::file::Registry;
use super::name::{self, Name};
use super::reseal::Before;
use super::scope::Scope;
use super::seal::{self, Identity, Place};
use crate::redact::secret::VALUE_LEN_MIN;

/// The longest value, in bytes. A variable takes at most 128 KiB on Linux; the rest is for quotes.
pub const VALUE_LEN_MAX: usize = 64 << 10;
/// The number of random bytes in a version.
const VERSION_LEN: usize = 10;

/// A secret to save.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Its name.
    pub name: Name,
    /// The members that may open it.
    pub scope: Scope,
    /// The group that a shared secret is sealed to. `None`: all members.
    pub group: Option<Name>,
    /// Whether it is exported.
    pub install: bool,
    /// Its value.
    pub value: Value<'a>,
    /// Its optional fields.
    pub fields: Fields,
}

impl<'a> Draft<'a> {
    /// A secret that is exported, without a group and optional fields.
    pub fn new(name: Name, scope: Scope, value: Value<'a>) -> Draft<'a> {
        Draft { name, scope, group: None, install: true, value, fields: Fields::default() }
    }
}

/// A change of a secret. By default, all of it stays.
#[derive(Debug, Default)]
pub struct Edit<'a> {
    /// A new value.
    pub value: Option<Value<'a>>,
    /// Whether it is exported.
    pub install: Option<bool>,
    /// The optional fields.
    pub fields: FieldChanges,
    /// Opens the value if it has to be sealed again: the variable and the file target are sealed
    /// with it, unless the registry has no revision.
    pub identity: Option<&'a Identity>,
}

/// A value that may be saved. `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// Validates a value.
    ///
    /// # Errors
    ///
    /// When it is blank, too short to be masked, longer than [`VALUE_LEN_MAX`], or contains a NUL
    /// byte.
    pub fn new(value: &'a [u8]) -> Result<Value<'a>, Error> {
        match value.trim_ascii().len() {
            0 => Err(Error::ValueEmpty),
            len if len < VALUE_LEN_MIN => Err(Error::ValueTooShort),
            _ if value.len() > VALUE_LEN_MAX => Err(Error::ValueTooLong),
            _ if value.contains(&0) => Err(Error::ValueNul),
            _ => Ok(Value(value)),
        }
    }
}

impl core::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Registry {
    /// The members, by name.
    pub fn members(&self) -> impl Iterator<Item = (&Name, &Member)> {
        self.document.members.iter()
    }

    /// All secrets: the shared ones by name, and the private ones of each member by name.
    pub fn secrets(&self) -> impl Iterator<Item = (&Name, Scope, &Entry)> {
        let shared = self.document.shared.iter().map(|(name, entry)| (name, Scope::Shared, entry));
        let private = self.document.private.values().flatten();
        shared.chain(private.map(|(name, entry)| (name, Scope::Private, entry)))
    }

    /// Checks that the member can add a secret of this name with these fields, and returns its
    /// variable, unless it is written to files only. Callers check before they prompt for a value.
    ///
    /// # Errors
    ///
    /// As [`add`](Registry::add).
    pub fn check_new(
        &self,
        name: &Name,
        scope: Scope,
        group: Option<&Name>,
        fields: &Fields,
        member: &Name,
    ) -> Result<Option<String>, Error> {
        let variable = fields.variable_of(name)?;
        if let Some(variable) = &variable {
            name::Allowed::of_machine()?.check(variable)?;
        }
        self.member(member)?;
        if self.find(name, Some(scope), member).is_some() {
            return Err(Error::SecretExists { name: name.to_string() });
        }
        let readers = Readers { scope, group, owner: member };
        self.recipients(scope, group, member)?;
        self.check_collision(name, readers, variable.as_deref())?;
        self.check_file(name, readers, fields)?;
        Ok(variable)
    }

    /// Saves a new secret, sealed to the recipients, and returns the variable that it is exported
    /// as, unless it is written to files only.
    ///
    /// # Errors
    ///
    /// When the secret exists, another secret of a reader is exported as the same variable, the
    /// group does not exist or is empty, or the name is not a member's.
    pub fn add(&mut self, draft: &Draft<'_>, by: &By<'_>) -> Result<Option<String>, Error> {
        let Draft { name, scope, group, install, value, fields } = draft;
        let group = group.as_ref().filter(|_| *scope == Scope::Shared);
        let variable = self.check_new(name, *scope, group, fields, by.member)?;
        let entry = Entry { install: *install, ..self.sealed(name, *scope, group, value, fields, by)? };
        self.insert(name, *scope, by.member, entry);
        Ok(variable)
    }

    pub(super) fn insert(&mut self, name: &Name, scope: Scope, member: &Name, entry: Entry) {
        let entries = match scope {
            Scope::Shared => &mut self.document.shared,
            Scope::Private => self.document.private.entry(member.clone()).or_default(),
        };
        entries.insert(name.clone(), entry);
    }

    /// The secret of this name that the member can change, and its scope: the private one before
    /// the shared one, unless the scope is given.
    pub fn secret(&self, name: &Name, scope: Option<Scope>, member: &Name) -> Option<(Scope, &Entry)> {
        let scope = self.find(name, scope, member)?;
        Some((scope, self.entry(name, scope, member)?))
    }

    /// Checks that the member has this secret, and returns its scope.
    ///
    /// # Errors
    ///
    /// When the member has no such secret.
    pub fn check_old(&self, name: &Name, scope: Option<Scope>, member: &Name) -> Result<Scope, Error> {
        self.member(member)?;
        self.find(name, scope, member).ok_or_else(|| Error::NoSecret { name: name.to_string() })
    }

    /// The fields that a value is sealed with. Earlier programs, which write no revision, know
    /// none.
    pub(super) fn bound(&self, fields: &Fields) -> Option<String> {
        self.revision().map(|_| fields.bound())
    }

    /// Changes a secret: its value, whether it is exported, or its fields. Returns its scope.
    ///
    /// # Errors
    ///
    /// When the member has no such secret, the new variable is reserved or belongs to another
    /// secret, or the value has to be sealed again, and there is neither it nor an identity.
    pub fn edit(&mut self, name: &Name, scope: Option<Scope>, edit: &Edit<'_>, by: &By<'_>) -> Result<Scope, Error> {
        let missing = || Error::NoSecret { name: name.to_string() };
        let scope = self.check_old(name, scope, by.member)?;
        let old = self.entry(name, scope, by.member).ok_or_else(missing)?;
        let install = edit.install.unwrap_or(old.install);
        let fields = edit.fields.of(&old.fields());
        let readers = Readers { scope, group: old.group.as_ref(), owner: by.member };
        if (&fields.variable, fields.file_only) != (&old.variable, old.file_only)
            && let Some(variable) = fields.variable_of(name)?
        {
            name::Allowed::of_machine()?.check(&variable)?;
            self.check_collision(name, readers, Some(&variable))?;
        }
        if fields.file != old.file {
            self.check_file(name, readers, &fields)?;
        }
        let new = match &edit.value {
            Some(value) => {
                let sealed = self.sealed(name, scope, old.group.as_ref(), value, &fields, by)?;
                Entry { install, ..sealed }
            }
            None => {
                let changed_by = Some(by.member.clone()).filter(|member| *member != old.owner);
                let mut new = Entry { install, changed: by.at.clone(), changed_by, ..old.clone() };
                if self.bound(&fields) != self.bound(&old.fields()) {
                    let before = Before { registry: self, identity: Some(edit.identity.ok_or(Error::ValueNeeded)?) };
                    new.sealed.0 = self.resealed_with(&before, (name, scope, old), readers, &fields)?;
                }
                new.with(fields)
            }
        };
        *self.entry_mut(name, scope, by.member).ok_or_else(missing)? = new;
        Ok(scope)
    }

    /// Deletes a secret, and returns its scope.
    ///
    /// # Errors
    ///
    /// When the member has no such secret.
    pub fn delete(&mut self, name: &Name, scope: Option<Scope>, by: &By<'_>) -> Result<Scope, Error> {
        let missing = || Error::NoSecret { name: name.to_string() };
        let scope = self.check_old(name, scope, by.member)?;
        match scope {
            Scope::Shared => drop(self.document.shared.remove(name)),
            Scope::Private => {
                let entries = self.document.private.get_mut(by.member).ok_or_else(missing)?;
                entries.remove(name);
                self.document.private.retain(|_, entries| !entries.is_empty());
            }
        }
        Ok(scope)
    }

    /// A new version of an entry.
    pub(super) fn sealed(
        &self,
        name: &Name,
        scope: Scope,
        group: Option<&Name>,
        value: &Value<'_>,
        fields: &Fields,
        by: &By<'_>,
    ) -> Result<Entry, Error> {
        let version = new_version()?;
        let place = Place { registry: self.id(), name, scope, group, owner: by.member, version: &version };
        let recipients = self.recipients(scope, group, by.member)?;
        let sealed = seal::seal(&place, self.bound(fields).as_deref(), value.0, &recipients)?;
        let (owner, changed) = (by.member.clone(), by.at.clone());
        let entry = Entry::new(owner, version, changed, sealed.into());
        Ok(Entry { group: group.cloned(), ..entry }.with(fields.clone()))
    }

    /// Checks that this is the name of a member.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check_member(&self, name: &Name) -> Result<(), Error> {
        self.member(name).map(drop)
    }

    pub(super) fn member(&self, name: &Name) -> Result<&Member, Error> {
        self.document.members.get(name).ok_or_else(|| Error::NotAMember { name: name.to_string() })
    }

    /// The scope in which the member has a secret of this name: private before shared.
    fn find(&self, name: &Name, scope: Option<Scope>, member: &Name) -> Option<Scope> {
        let scopes =
            [Scope::Private, Scope::Shared].into_iter().filter(|found| scope.is_none_or(|scope| scope == *found));
        scopes.into_iter().find(|scope| self.entry(name, *scope, member).is_some())
    }

    fn entry(&self, name: &Name, scope: Scope, member: &Name) -> Option<&Entry> {
        match scope {
            Scope::Shared => self.document.shared.get(name),
            Scope::Private => self.document.private.get(member)?.get(name),
        }
    }

    fn entry_mut(&mut self, name: &Name, scope: Scope, member: &Name) -> Option<&mut Entry> {
        match scope {
            Scope::Shared => self.document.shared.get_mut(name),
            Scope::Private => self.document.private.get_mut(member)?.get_mut(name),
        }
    }

    /// Refuses a secret that is exported as the same variable as another secret of the same reader.
    pub(super) fn check_collision(
        &self,
        name: &Name,
        readers: Readers<'_>,
        variable: Option<&str>,
    ) -> Result<(), Error> {
        let Some(variable) = variable else { return Ok(()) };
        match self.beside(name, readers, |other, entry| entry.exported_as(other).as_deref() == Some(variable)) {
            Some(other) => {
                let (name, other, variable) = (name.to_string(), other.to_string(), variable.to_owned());
                Err(Error::Collision { name, other, variable })
            }
            None => Ok(()),
        }
    }

    /// Refuses a file target that is reserved, or that another secret of the same reader has.
    pub(super) fn check_file(&self, name: &Name, readers: Readers<'_>, fields: &Fields) -> Result<(), Error> {
        let Some(file) = &fields.file else { return Ok(()) };
        file.check()?;
        let has_path = |_: &Name, entry: &Entry| entry.file.as_ref().is_some_and(|other| other.path == file.path);
        match self.beside(name, readers, has_path) {
            Some(other) => {
                let (name, other, path) = (name.to_string(), other.to_string(), file.path.to_string());
                Err(Error::FileCollision { name, other, path: path.into() })
            }
            None => Ok(()),
        }
    }

    /// A secret of another name of which this is true, and which one of these readers sees as well.
    fn beside(&self, name: &Name, readers: Readers<'_>, is_same: impl Fn(&Name, &Entry) -> bool) -> Option<&Name> {
        let mut others = self.secrets().filter(|(other, _, entry)| *other != name && is_same(other, entry));
        let seen = others.find(|(_, scope, entry)| self.document.meet(readers, Readers::of(*scope, entry)));
        seen.map(|(other, ..)| other)
    }
}

/// A new version. It is opaque: it reveals neither the change nor the number of changes.
fn new_version() -> Result<String, Error> {
    let mut random = [0; VERSION_LEN];
    getrandom::fill(&mut random).map_err(|_| Error::Random)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase())
}
