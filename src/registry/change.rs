//! Changing a registry in memory: secrets and members. Only the change of members opens values, to
//! reseal them.

use super::entry::{Entry, Member};
use super::environment::By;
use super::error::Error;
use super::field::{FieldChanges, Fields};
use super::file::Registry;
use super::name::{self, Name};
use super::open::open_entry;
use super::scope::Scope;
use super::seal::{self, Identity, Place, Recipient};
use super::sign::PublicKey;
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
    /// Whether it is exported.
    pub install: bool,
    /// Its value.
    pub value: Value<'a>,
    /// Its optional fields.
    pub fields: Fields,
}

impl<'a> Draft<'a> {
    /// A secret that is exported, without optional fields.
    pub fn new(name: Name, scope: Scope, value: Value<'a>) -> Draft<'a> {
        Draft { name, scope, install: true, value, fields: Fields::default() }
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

/// The result of a change of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// The number of resealed secrets.
    pub resealed: usize,
    /// The number of secrets removed with the member, to which they were private.
    pub gone: usize,
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
        self.check_collision(name, scope, variable.as_deref(), member)?;
        self.check_file(name, scope, fields, member)?;
        Ok(variable)
    }

    /// Saves a new secret, sealed to the recipients, and returns the variable that it is exported
    /// as, unless it is written to files only.
    ///
    /// # Errors
    ///
    /// When the secret exists, another secret is exported as the same variable, or the name is not
    /// a member's.
    pub fn add(&mut self, draft: &Draft<'_>, by: &By<'_>) -> Result<Option<String>, Error> {
        let variable = self.check_new(&draft.name, draft.scope, &draft.fields, by.member)?;
        let entry = self.sealed(&draft.name, draft.scope, draft.install, &draft.value, &draft.fields, by)?;
        let entries = match draft.scope {
            Scope::Shared => &mut self.document.shared,
            Scope::Private => self.document.private.entry(by.member.clone()).or_default(),
        };
        entries.insert(draft.name.clone(), entry);
        Ok(variable)
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
    fn bound(&self, fields: &Fields) -> Option<String> {
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
        if (&fields.variable, fields.file_only) != (&old.variable, old.file_only)
            && let Some(variable) = fields.variable_of(name)?
        {
            name::Allowed::of_machine()?.check(&variable)?;
            self.check_collision(name, scope, Some(&variable), by.member)?;
        }
        if fields.file != old.file {
            self.check_file(name, scope, &fields, by.member)?;
        }
        let new = match &edit.value {
            Some(value) => self.sealed(name, scope, install, value, &fields, by)?,
            None => {
                let changed_by = Some(by.member.clone()).filter(|member| *member != old.owner);
                let mut new = Entry { install, changed: by.at.clone(), changed_by, ..old.clone() };
                if self.bound(&fields) != self.bound(&old.fields()) {
                    let identity = edit.identity.ok_or(Error::ValueNeeded)?;
                    self.reseal_entry(identity, name, scope, &mut new, &fields)?;
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

    /// Adds a member, or replaces a member's recipient or signer. Shared secrets are sealed to the
    /// new recipient too, and the member's private secrets are resealed. Both need an identity that
    /// opens them.
    ///
    /// # Errors
    ///
    /// When secrets must be resealed, and the identity is missing or does not open one of them.
    pub fn set_member(
        &mut self,
        name: &Name,
        recipient: Recipient,
        signer: Option<PublicKey>,
        identity: Option<&Identity>,
    ) -> Result<MemberChange, Error> {
        let old = self.document.members.get(name);
        let same = old.is_some_and(|old| old.recipient == recipient);
        let signer = signer.or_else(|| old.and_then(|old| old.signer.clone()));
        let mut changed = self.clone();
        changed.begin()?;
        changed.document.members.insert(name.clone(), Member { recipient, signer });
        let resealed = if same { 0 } else { changed.reseal(Some(name), identity)? };
        *self = changed;
        Ok(MemberChange { resealed, gone: 0 })
    }

    /// Removes a member and its private secrets. Shared secrets are resealed to the other members.
    /// Copies opened earlier are out of reach.
    ///
    /// # Errors
    ///
    /// As [`set_member`](Registry::set_member), and when secrets exist and no other member is left
    /// to seal them to.
    pub fn remove_member(&mut self, name: &Name, identity: Option<&Identity>) -> Result<MemberChange, Error> {
        self.member(name)?;
        let mut changed = self.clone();
        changed.document.members.remove(name);
        let gone = changed.document.private.remove(name).map_or(0, |entries| entries.len());
        if changed.document.members.is_empty() && !(gone == 0 && changed.document.shared.is_empty()) {
            return Err(Error::LastMember);
        }
        let resealed = changed.reseal(None, identity)?;
        *self = changed;
        Ok(MemberChange { resealed, gone })
    }

    /// Reseals all shared secrets, and the private ones of this member.
    fn reseal(&mut self, member: Option<&Name>, identity: Option<&Identity>) -> Result<usize, Error> {
        let private = member.and_then(|member| self.document.private.get(member));
        let count = self.document.shared.len() + private.map_or(0, |entries| entries.len());
        if count == 0 {
            return Ok(0);
        }
        let identity = identity.ok_or(Error::IdentityNeeded { count })?;
        let mut document = self.document.clone();
        for (name, entry) in &mut document.shared {
            let fields = entry.fields();
            self.reseal_entry(identity, name, Scope::Shared, entry, &fields)?;
        }
        for (name, entry) in member.and_then(|member| document.private.get_mut(member)).into_iter().flatten() {
            let fields = entry.fields();
            self.reseal_entry(identity, name, Scope::Private, entry, &fields)?;
        }
        self.document = document;
        Ok(count)
    }

    /// Seals the value of an entry again, with these fields.
    fn reseal_entry(
        &self,
        identity: &Identity,
        name: &Name,
        scope: Scope,
        entry: &mut Entry,
        fields: &Fields,
    ) -> Result<(), Error> {
        let value = open_entry(identity, self.id(), name, scope, entry)?;
        let place = Place { registry: self.id(), name, scope, owner: &entry.owner, version: &entry.version };
        let recipients = self.recipients(scope, &entry.owner)?;
        let sealed = seal::seal(&place, self.bound(fields).as_deref(), &value, &recipients)?;
        entry.sealed.0 = sealed;
        Ok(())
    }

    /// A new version of an entry.
    fn sealed(
        &self,
        name: &Name,
        scope: Scope,
        install: bool,
        value: &Value<'_>,
        fields: &Fields,
        by: &By<'_>,
    ) -> Result<Entry, Error> {
        let version = new_version()?;
        let place = Place { registry: self.id(), name, scope, owner: by.member, version: &version };
        let recipients = self.recipients(scope, by.member)?;
        let sealed = seal::seal(&place, self.bound(fields).as_deref(), value.0, &recipients)?;
        let (owner, changed) = (by.member.clone(), by.at.clone());
        let entry = Entry::new(owner, version, changed, sealed.into());
        Ok(Entry { install, ..entry }.with(fields.clone()))
    }

    fn recipients(&self, scope: Scope, owner: &Name) -> Result<Vec<&Recipient>, Error> {
        Ok(match scope {
            Scope::Shared => self.document.members.values().map(|member| &member.recipient).collect(),
            Scope::Private => vec![&self.member(owner)?.recipient],
        })
    }

    /// Checks that this is the name of a member.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check_member(&self, name: &Name) -> Result<(), Error> {
        self.member(name).map(drop)
    }

    fn member(&self, name: &Name) -> Result<&Member, Error> {
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
    fn check_collision(&self, name: &Name, scope: Scope, variable: Option<&str>, member: &Name) -> Result<(), Error> {
        let Some(variable) = variable else { return Ok(()) };
        let is_same = |other: &Name, entry: &Entry| entry.exported_as(other).as_deref() == Some(variable);
        match self.beside(name, scope, member).find(|(other, _, entry)| is_same(other, entry)) {
            Some((other, ..)) => {
                let (name, other, variable) = (name.to_string(), other.to_string(), variable.to_owned());
                Err(Error::Collision { name, other, variable })
            }
            None => Ok(()),
        }
    }

    /// Refuses a file target that is reserved, or that another secret of the same reader has.
    fn check_file(&self, name: &Name, scope: Scope, fields: &Fields, member: &Name) -> Result<(), Error> {
        let Some(file) = &fields.file else { return Ok(()) };
        file.check()?;
        let has_path = |entry: &Entry| entry.file.as_ref().is_some_and(|other| other.path == file.path);
        match self.beside(name, scope, member).find(|(.., entry)| has_path(entry)) {
            Some((other, ..)) => {
                let (name, other, path) = (name.to_string(), other.to_string(), file.path.to_string());
                Err(Error::FileCollision { name, other, path: path.into() })
            }
            None => Ok(()),
        }
    }

    /// The secrets of other names that a reader sees beside a secret of this name.
    fn beside(&self, name: &Name, scope: Scope, member: &Name) -> impl Iterator<Item = (&Name, Scope, &Entry)> {
        let is_seen = move |other, owner: &Name| scope == Scope::Shared || other == Scope::Shared || *owner == *member;
        let seen = self.secrets().filter(move |(_, other, entry)| is_seen(*other, &entry.owner));
        seen.filter(move |(other, ..)| *other != name)
    }
}

/// A new version. It is opaque: it reveals neither the change nor the number of changes.
fn new_version() -> Result<String, Error> {
    let mut random = [0; VERSION_LEN];
    getrandom::fill(&mut random).map_err(|_| Error::Random)?;
    Ok(data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase())
}
