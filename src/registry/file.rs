//! The registry's file: YAML with sealed values, all else in plain text, and a signature over all
//! of it at its end.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_yaml::Options;
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use sha2::{Digest, Sha256};

use super::canonical::write;
use super::entry::Document;
use super::error::Error;
use super::format::{FILE_LEN_MAX, FORMAT, FORMAT_WITHOUT_ID};
use super::id::RegistryId;
use super::name::Name;
use super::sign::{PublicKey, SigningKey};
use super::yaml::{self, Fault, Form};
use super::{canonical, schema, text};

/// The registry of a machine, which has no home directory when it starts.
pub const MACHINE_REGISTRY: &str = "/etc/hushlog/registry.yaml";
/// The identity of a machine.
pub const MACHINE_IDENTITY: &str = "/etc/hushlog/identity.txt";

/// The beginning of a file.
pub(super) const HEAD: &str = "\
# A registry of hushlog: values are sealed with age, all else is plain text.
# Change it with `hushlog secret`, `member` and `env`. Comments are not kept.
";
/// The end of the signed text.
const SIGNATURE: &str = "\nsignature:\n";
/// A registry in memory. Its values are sealed; nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    pub(super) document: Document,
    /// The member that signed the text that it was read from.
    pub(super) signed_by: Option<Name>,
}

/// The end of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    by: Name,
    ed25519: String,
}

impl Default for Registry {
    fn default() -> Registry {
        Registry { document: Document { format: FORMAT, ..Document::default() }, signed_by: None }
    }
}

impl Registry {
    /// Parses a file's text, and verifies its signature if it names signers.
    ///
    /// The length of the text bounds time and memory: aliases are refused, and depth is limited.
    ///
    /// # Errors
    ///
    /// When the text is not a registry, is truncated, has other members than hushlog wrote, or
    /// names signers without being signed.
    pub fn parse(text: &[u8]) -> Result<Registry, Error> {
        if text.len() > FILE_LEN_MAX {
            return Err(Error::FileTooLarge);
        }
        let text = core::str::from_utf8(text).map_err(|error| {
            let place = yaml::end_of(&text[..error.valid_up_to()]);
            let problem = "a byte here is not UTF-8".to_owned();
            Error::Syntax { line: place.line, column: place.column, keys: String::new(), problem }
        })?;
        Registry::parse_text(text).map_err(|error| match text::conflict(text) {
            Some(line) => Error::MergeConflict { line },
            None => error,
        })
    }

    fn parse_text(text: &str) -> Result<Registry, Error> {
        let (text, lines_before) = text::canonical(text);
        let text = text.as_ref();
        check_format(text)?;
        let (body, tail) = parts(text);
        let document = match written_document(body) {
            Some(document) => document,
            None => read(body, lines_before, schema::document)?,
        };
        Registry::checked(document, body, tail, lines_before)
    }

    /// Checks that a text, which was just written from this registry, is read as the same one.
    pub(super) fn check_written(&self, text: &str) -> Result<(), Error> {
        let (body, tail) = parts(text);
        let document: Option<Document> = body.strip_prefix(HEAD).and_then(canonical::read);
        match document.filter(|document| *document == self.document) {
            Some(document) => Registry::checked(document, body, tail, 0).map(drop),
            None => Registry::parse(text.as_bytes()).map(drop),
        }
    }

    /// Checks the contents and the signature.
    fn checked(document: Document, body: &str, tail: &str, lines_before: u64) -> Result<Registry, Error> {
        if document.id.is_some() == (document.format == FORMAT_WITHOUT_ID) {
            return Err(Error::Inconsistent { what: "the id".to_owned() });
        }
        if document.check != digest(&document)? {
            return Err(Error::Check);
        }
        let mut registry = Registry { document, signed_by: None };
        registry.check_entries()?;
        registry.check_groups()?;
        registry.signed_by = registry.verify(body, tail, lines_before)?;
        Ok(registry)
    }

    /// Verifies the signature, and returns the signer.
    fn verify(&self, body: &str, tail: &str, lines_before: u64) -> Result<Option<Name>, Error> {
        if tail.is_empty() {
            return if self.signers().next().is_some() { Err(Error::Unsigned) } else { Ok(None) };
        }
        let Tail { signature } = read(tail, lines_before + body.lines().count() as u64, schema::tail)?;
        let member = self.document.members.get(&signature.by);
        let key = member.and_then(|member| member.signer.as_ref()).ok_or(Error::Unsigned)?;
        if !key.verifies(body.as_bytes(), &signature.ed25519) {
            return Err(Error::Signature);
        }
        Ok(Some(signature.by))
    }

    /// Checks the owners of private entries, beyond the fields alone: each entry has its owner, and
    /// the owner is a member. Owners of shared entries may have left.
    fn check_entries(&self) -> Result<(), Error> {
        for (owner, entries) in &self.document.private {
            let wrong = |name: &dyn core::fmt::Display| Error::Inconsistent {
                what: format!("the owner of the private secret {name}"),
            };
            if let Some((name, _)) = entries.iter().find(|(_, entry)| entry.owner != *owner) {
                return Err(wrong(name));
            }
            if !self.document.members.contains_key(owner) {
                return Err(Error::NotAMember { name: owner.to_string() });
            }
        }
        Ok(())
    }

    /// Requires a signature by one of these keys.
    ///
    /// A registry vouches for its own signers: an attacker who can write all of it can name others.
    /// A key known from elsewhere closes this gap.
    ///
    /// # Errors
    ///
    /// When none of these keys signed it.
    pub fn require_signer(&self, keys: &[PublicKey]) -> Result<(), Error> {
        let member = self.signed_by.as_ref().and_then(|name| self.document.members.get(name));
        let key = member.and_then(|member| member.signer.as_ref());
        if keys.is_empty() || key.is_some_and(|key| keys.contains(key)) { Ok(()) } else { Err(Error::Untrusted) }
    }

    /// The registry's id, which every sealed value and signature includes. Registries of format 1
    /// have none.
    pub fn id(&self) -> Option<&RegistryId> {
        self.document.id.as_ref()
    }

    /// The revision, which grows with every change that is written. `None` in files of earlier
    /// programs, until [`upgrade`](Registry::upgrade).
    pub fn revision(&self) -> Option<u64> {
        self.document.revision
    }

    /// Requires that it is not older than this revision of it.
    ///
    /// # Errors
    ///
    /// When its revision is lower, or missing.
    pub fn require_revision(&self, seen: u64) -> Result<(), Error> {
        let revision = self.revision().unwrap_or(0);
        if revision < seen { Err(Error::Rollback { revision, seen }) } else { Ok(()) }
    }

    /// Brings a registry of an earlier program forward: gives it a revision. Returns whether that
    /// changed it. Earlier programs refuse the result.
    ///
    /// # Errors
    ///
    /// When it has no id, to which its values would have to be bound: they would have to be saved
    /// again in a new registry.
    pub fn upgrade(&mut self) -> Result<bool, Error> {
        if self.document.format == FORMAT_WITHOUT_ID {
            return Err(Error::NoId);
        }
        self.begin()?;
        let is_old = self.document.revision.is_none();
        self.document.revision.get_or_insert(0);
        Ok(is_old)
    }

    /// Requires that it is one of these registries: its signing key may also sign other registries.
    ///
    /// # Errors
    ///
    /// When it is another registry, or has no id.
    pub fn require_id(&self, ids: &[RegistryId]) -> Result<(), Error> {
        let is_known = self.id().is_some_and(|id| ids.contains(id));
        if ids.is_empty() || is_known { Ok(()) } else { Err(Error::OtherRegistry) }
    }

    /// Gives a new registry its id and its revision, at the first change.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        if self.document.format != FORMAT_WITHOUT_ID && self.document.id.is_none() {
            self.document.id = Some(RegistryId::generate()?);
            self.document.revision = Some(0);
        }
        Ok(())
    }

    /// The signers, with their public keys.
    pub fn signers(&self) -> impl Iterator<Item = (&Name, &PublicKey)> {
        self.document.members.iter().filter_map(|(name, member)| Some((name, member.signer.as_ref()?)))
    }

    /// The text of the file, signed with this key.
    ///
    /// # Errors
    ///
    /// When the registry names signers and the key is missing, or belongs to none of them.
    pub fn to_text(&self, key: Option<&SigningKey>) -> Result<String, Error> {
        let signer = match key {
            None if self.signers().next().is_some() => return Err(Error::KeyNeeded),
            None => None,
            Some(key) => {
                let own = self.signers().find(|(_, public)| **public == key.public());
                Some((own.ok_or(Error::NotASigner)?.0, key))
            }
        };
        let mut text = self.to_unsigned()?;
        if let Some((by, key)) = signer {
            let signature = Signature { by: by.clone(), ed25519: key.sign(text.as_bytes()) };
            write(&mut text, &Tail { signature })?;
        }
        if text.len() > FILE_LEN_MAX { Err(Error::FileTooLarge) } else { Ok(text) }
    }

    /// Whether both hold the same contents, though their revisions and texts may differ.
    pub(super) fn is_same(&self, other: &Registry) -> bool {
        let check = |document: &Document| Document { check: String::new(), revision: None, ..document.clone() };
        check(&self.document) == check(&other.document)
    }

    /// The next revision after this one, if the registry has revisions.
    pub(super) fn advance(&mut self, old: &Registry) {
        let last = self.document.revision.map(|revision| revision.max(old.document.revision.unwrap_or(0)));
        self.document.revision = last.map(|last| last.saturating_add(1));
    }

    /// Completes the document: it is then as its text states it.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.begin()?;
        self.document.check = digest(&self.document)?;
        Ok(())
    }

    /// The text of the file without a signature. No reader accepts it if it names signers.
    pub(super) fn to_unsigned(&self) -> Result<String, Error> {
        let is_begun = self.document.format == FORMAT_WITHOUT_ID || self.document.id.is_some();
        let finished = match is_begun && self.document.check == digest(&self.document)? {
            true => Cow::Borrowed(self),
            false => {
                let mut registry = self.clone();
                registry.finish()?;
                Cow::Owned(registry)
            }
        };
        let mut text = HEAD.to_owned();
        write(&mut text, &finished.document)?;
        Ok(text)
    }
}

/// The text that a signature covers, and the signature.
fn parts(text: &str) -> (&str, &str) {
    match text.rfind(SIGNATURE) {
        Some(at) => text.split_at(at + 1),
        None => (text, ""),
    }
}

/// The document of a text that hushlog wrote; `None` for any other text.
fn written_document(body: &str) -> Option<Document> {
    let document: Document = canonical::read(body.strip_prefix(HEAD)?)?;
    let mut text = String::with_capacity(body.len());
    text.push_str(HEAD);
    write(&mut text, &document).ok()?;
    (text == body).then_some(document)
}

/// A digest of members and groups, which detects a change by hand. An editor can change both; only
/// a signature prevents that.
pub(super) fn digest(document: &Document) -> Result<String, Error> {
    let mut text = String::new();
    write(&mut text, &document.members)?;
    let mut digest = Sha256::new_with_prefix(text.as_bytes());
    for (name, group) in &document.groups {
        digest.update(format!("group {name} {}\n", group.recipient));
        group.sealed.iter().for_each(|(member, sealed)| digest.update(format!("{member} {sealed}\n")));
    }
    Ok(data_encoding::HEXLOWER.encode(&digest.finalize()[..16]))
}

/// Checks the format version. It is the first line after the comments, so that it can be read
/// before all else.
fn check_format(text: &str) -> Result<(), Error> {
    let first = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with('#'));
    let known = [FORMAT, FORMAT_WITHOUT_ID].map(|version| format!("format: {version}"));
    if first.is_some_and(|first| known.iter().any(|known| known == first)) { Ok(()) } else { Err(Error::Format) }
}

/// Parses YAML that begins after `lines_before` lines of the file.
fn read<'de, T: Deserialize<'de>>(text: &'de str, lines_before: u64, schema: fn() -> Value) -> Result<T, Error> {
    serde_yaml::from_str_with_options(text, options()).map_err(|error| {
        let form = Form { schema: &schema(), earlier: &[], what: "a registry" };
        let Fault { place, keys, problem, .. } = yaml::fault(text, &form, &error);
        let place = place.unwrap_or_else(|| yaml::end_of(b""));
        Error::Syntax { line: lines_before + place.line, column: place.column, keys, problem }
    })
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(FILE_LEN_MAX),
            max_events: 4_000_000,
            max_nodes: 2_000_000,
            max_aliases: 0,
            max_anchors: 0,
            max_depth: 12,
            max_documents: 1,
            max_merge_keys: 0,
            max_total_scalar_bytes: FILE_LEN_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        null_as_string: true,
        no_schema: false,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests;
