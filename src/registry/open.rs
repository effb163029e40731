//! Opening a registry: all that its owner may see, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use zeroize::Zeroizing;

use super::entry::{Entry, Scope};
use super::error::Error;
use super::file::Registry;
use super::id::RegistryId;
use super::name::{self, Name};
use super::seal::{self, Identity, Place, Unopened};
use crate::redact::secret::Secret;

/// Below so many secrets for each thread, another thread costs more than it saves.
const FOR_EACH_THREAD_MIN: usize = 32;

/// What a member can see of a registry.
#[derive(Debug)]
pub struct Opened {
    /// The secrets, sorted by name; of two with the same name, the private one comes first.
    pub secrets: Vec<OpenedSecret>,
    /// The plain defaults of the environment that was asked for, by variable.
    pub defaults: BTreeMap<String, String>,
}

/// A secret that was opened.
#[derive(Debug)]
pub struct OpenedSecret {
    /// Its name and value.
    pub secret: Secret,
    /// Its variable in an export, unless that is refused: an earlier registry may hold names that
    /// an exported secret may not have now. Their values are masked all the same.
    /// [`name::Allowed::check`] reports them.
    pub variable: String,
    /// Who can open it.
    pub scope: Scope,
    /// New and opaque with every saved value.
    pub version: String,
    /// Whether it is to be exported. A shared secret is not if there is a private one of the same name; it is to be masked all the same.
    pub install: bool,
}

impl Registry {
    /// Opens all that is shared, and what is private to the member whose identity this is. Of several members with the same identity,
    /// `member` tells which.
    ///
    /// Cost: about 0.1 ms for each secret, on as many threads as there are cores.
    ///
    /// # Errors
    ///
    /// When the identity is not the member's, or any of the secrets does not open: a part of them is never given out. The error
    /// names the secret.
    pub fn open(
        &self,
        identity: &Identity,
        member: Option<&Name>,
        environment: Option<&Name>,
    ) -> Result<Opened, Error> {
        let member = self.member_of(identity, member)?;
        let defaults = environment.map_or_else(|| Ok(BTreeMap::new()), |environment| self.defaults(environment))?;
        let shared = self.document.shared.iter().map(|(name, entry)| (name, Scope::Shared, entry));
        let private = self.document.private.get(member).into_iter().flatten();
        let private: Vec<_> = private.map(|(name, entry)| (name, Scope::Private, entry)).collect();
        let own: BTreeSet<&Name> = private.iter().map(|(name, ..)| *name).collect();
        let mut entries: Vec<Found<'_>> = private.into_iter().chain(shared).collect();
        entries.sort_by_key(|(name, scope, _)| (*name, *scope == Scope::Shared));
        check_variables(&entries)?;
        let values = open_entries(identity, self.id(), &entries)?;
        let opened = entries.into_iter().zip(values).map(|((name, scope, entry), mut value)| {
            let hidden = scope == Scope::Shared && own.contains(name);
            OpenedSecret {
                secret: Secret::new(name.as_str(), std::mem::take(&mut *value)),
                variable: name::spelled(name),
                scope,
                version: entry.version.clone(),
                install: entry.install && !hidden,
            }
        });
        Ok(Opened { secrets: opened.collect(), defaults })
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
            (None, []) => Err(Error::Stranger),
            (None, [own]) => Ok(own),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                Err(Error::SeveralMembers { names: names.join(", ") })
            }
        }
    }
}

/// An entry, and where it stands.
type Found<'a> = (&'a Name, Scope, &'a Entry);

/// Whoever adds a secret is told of a collision; here it tells that the file was put together by other means, as by a merge.
fn check_variables(entries: &[Found<'_>]) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for (name, ..) in entries {
        let variable = name::spelled(name);
        if let Some(other) = seen.insert(variable.clone(), name).filter(|other| other != name) {
            return Err(Error::Collision { name: name.to_string(), other: other.to_string(), variable });
        }
    }
    Ok(())
}

/// Opens them all, in order.
fn open_entries(
    identity: &Identity,
    registry: Option<&RegistryId>,
    entries: &[Found<'_>],
) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(entries.len() / FOR_EACH_THREAD_MIN).max(1);
    let open = |part: &[Found<'_>]| {
        let values = part.iter().map(|(name, scope, entry)| open_entry(identity, registry, name, *scope, entry));
        values.collect::<Result<Vec<_>, _>>()
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
    let place = Place { registry, name, scope, owner: &entry.owner, version: &entry.version };
    seal::open(identity, &place, &entry.sealed.0).map_err(|problem| {
        let entry = describe(name, scope);
        match problem {
            Unopened::NotForUs => Error::NotForUs { entry },
            Unopened::Broken => Error::Damaged { entry },
            Unopened::Elsewhere => Error::Elsewhere { entry },
        }
    })
}

/// An entry, as errors tell it.
fn describe(name: &Name, scope: Scope) -> String {
    format!("the {} secret {name}", scope.word())
}
