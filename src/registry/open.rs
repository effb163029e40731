//! Opening a registry: everything that a member may see, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;

use zeroize::Zeroizing;

use super::entry::Entry;
use super::error::Error;
use super::exported_secret::ExportedSecret;
use super::file::Registry;
use super::id::RegistryId;
use super::keyring::Keyring;
use super::name::Name;
use super::scope::Scope;
use super::seal::{self, Identity, Place};
use crate::redact::secret::Secret;

/// The fewest secrets for each thread. With fewer, another thread costs more than it saves.
const FOR_EACH_THREAD_MIN: usize = 32;

/// A member's view of a registry.
#[derive(Debug)]
pub struct Opened {
    /// The secrets, sorted by name; of two with the same name, the private one comes first.
    pub secrets: Vec<ExportedSecret>,
    /// The plain defaults of the requested environment, by variable.
    pub defaults: BTreeMap<String, String>,
    /// The secrets of groups that the member is not in.
    pub withheld: Vec<Withheld>,
    /// The secret keys of the groups whose identities were unsealed, to be masked in logs as the
    /// member's own are: see [`Identity::secrets`].
    pub keys: Vec<Secret>,
}

/// A secret of a group that a member is not in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its name.
    pub name: Name,
    /// The variable that it is exported as elsewhere.
    pub variable: String,
    /// The group.
    pub group: Name,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is shared with the group {}, which the identity is not in", self.name, self.group)
    }
}

impl Registry {
    /// Opens all shared secrets, those of the member's groups, and its private ones. `member`
    /// selects one of several members with the same identity.
    ///
    /// Cost: about 0.1 ms a secret, on as many threads as the machine has cores. The identity of
    /// each group is unsealed once.
    ///
    /// # Errors
    ///
    /// When the identity is not the member's, or a secret does not open. No partial result is
    /// returned. The error names the secret.
    pub fn open(
        &self,
        identity: &Identity,
        member: Option<&Name>,
        environment: Option<&Name>,
    ) -> Result<Opened, Error> {
        let member = self.member_of(identity, member)?;
        let defaults = environment.map_or_else(|| Ok(BTreeMap::new()), |environment| self.defaults(environment))?;
        let own: BTreeSet<&Name> =
            self.document.private.get(member).into_iter().flatten().map(|(name, _)| name).collect();
        let entries = self.seen_by(member);
        check_variables(&entries)?;
        let mut keyring = Keyring::new(self, identity);
        for (_, scope, entry) in &entries {
            if let Some((name, _)) = self.document.group_of(*scope, entry) {
                keyring.unseal(name)?;
            }
        }
        let values = open_entries(&keyring, self.id(), &entries)?;
        let opened = entries.into_iter().zip(values).map(|((name, scope, entry), mut value)| {
            let hidden = scope == Scope::Shared && own.contains(name);
            ExportedSecret {
                secret: Secret::new(name.as_str(), std::mem::take(&mut *value)),
                variable: entry.spelled(name),
                version: entry.version.clone(),
                file: entry.file.clone(),
                expires: entry.expires.clone(),
                group: entry.group.clone(),
                rank: scope.into(),
                is_exported: entry.install && !hidden && !entry.file_only,
                is_file_only: entry.install && !hidden && entry.file_only,
            }
        });
        let keys = keyring.groups().flat_map(Identity::secrets).collect();
        let withheld = self.document.shared.iter().filter_map(|(name, entry)| {
            let group = entry.group.clone().filter(|_| !self.document.sees(member, Scope::Shared, entry))?;
            Some(Withheld { name: name.clone(), variable: entry.spelled(name), group })
        });
        Ok(Opened { secrets: opened.collect(), defaults, withheld: withheld.collect(), keys })
    }

    /// The entries that a member opens, sorted by name; of two with the same name, the private one
    /// comes first.
    pub(super) fn seen_by(&self, member: &Name) -> Vec<Found<'_>> {
        let shared = self.document.shared.iter().map(|(name, entry)| (name, Scope::Shared, entry));
        let shared = shared.filter(|(_, scope, entry)| self.document.sees(member, *scope, entry));
        let private = self.document.private.get(member).into_iter().flatten();
        let private = private.map(|(name, entry)| (name, Scope::Private, entry));
        let mut entries: Vec<Found<'_>> = private.chain(shared).collect();
        entries.sort_by_key(|(name, scope, _)| (*name, *scope == Scope::Shared));
        entries
    }

    /// The member with one of these keys.
    fn member_of(&self, identity: &Identity, named: Option<&Name>) -> Result<&Name, Error> {
        let recipients = identity.recipients();
        let members = self.document.members.iter();
        let own: Vec<&Name> =
            members.filter(|(_, member)| recipients.contains(&member.recipient)).map(|(name, _)| name).collect();
        match (named, own.as_slice()) {
            (Some(name), own) => match own.iter().find(|own| **own == name) {
                Some(own) => Ok(own),
                None if self.document.members.contains_key(name) => Err(Error::OtherMember { name: name.to_string() }),
                None => Err(Error::NotAMember { name: name.to_string() }),
            },
            (None, []) => Err(Error::UnknownIdentity),
            (None, [own]) => Ok(own),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                Err(Error::SeveralMembers { names: names.join(", ") })
            }
        }
    }
}

/// An entry, with its name and scope.
pub(super) type Found<'a> = (&'a Name, Scope, &'a Entry);

/// Checks for collisions of variables. Adding a secret reports them; here, one means that the file
/// was assembled by other means, such as a merge.
pub(super) fn check_variables(entries: &[Found<'_>]) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for (name, _, entry) in entries {
        let Some(variable) = entry.exported_as(name) else { continue };
        if let Some(other) = seen.insert(variable.clone(), name).filter(|other| other != name) {
            return Err(Error::Collision { name: name.to_string(), other: other.to_string(), variable });
        }
    }
    Ok(())
}

/// Checks for files that two secrets would be written to. Adding a secret reports them.
pub(super) fn check_files(entries: &[Found<'_>]) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for (name, _, entry) in entries {
        let Some(file) = &entry.file else { continue };
        let path = file.path.to_string();
        if let Some(other) = seen.insert(path.clone(), name).filter(|other| other != name) {
            let (name, other) = (name.to_string(), other.to_string());
            return Err(Error::FileCollision { name, other, path: path.into() });
        }
    }
    Ok(())
}

/// Opens all entries, in order.
fn open_entries(
    keyring: &Keyring<'_>,
    registry: Option<&RegistryId>,
    entries: &[Found<'_>],
) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(entries.len() / FOR_EACH_THREAD_MIN).max(1);
    let open = |part: &[Found<'_>]| {
        let open =
            |(name, scope, entry): &Found<'_>| open_entry(keyring.opens(*scope, entry), registry, name, *scope, entry);
        part.iter().map(open).collect::<Result<Vec<_>, _>>()
    };
    if threads == 1 {
        return open(entries);
    }
    let parts = entries.chunks(entries.len().div_ceil(threads));
    thread::scope(|scope| {
        let workers: Vec<_> = parts.map(|part| scope.spawn(move || open(part))).collect();
        let mut all = Vec::with_capacity(entries.len());
        for worker in workers {
            all.extend(worker.join().expect("opening does not panic")?);
        }
        Ok(all)
    })
}

/// Opens the value of an entry.
pub(super) fn open_entry(
    identity: &Identity,
    registry: Option<&RegistryId>,
    name: &Name,
    scope: Scope,
    entry: &Entry,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (group, owner, version) = (entry.group.as_ref(), &entry.owner, entry.version.as_str());
    let place = Place { registry, name, scope, group, owner, version };
    let opened = seal::open(identity, &place, &entry.fields().bound(), &entry.sealed.0);
    opened.map_err(|problem| problem.of(format!("the {} secret {name}", scope.word())))
}
