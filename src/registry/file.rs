//! The file: YAML with everything but the values in plain text, and a signature over all of it at its end.

use serde::{Deserialize, Serialize};
use serde_yaml::Options;
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use sha2::{Digest, Sha256};

use super::entry::Document;
use super::error::Error;
use super::id::RegistryId;
use super::name::Name;
use super::sign::{PublicKey, SigningKey};
use super::text;

/// The largest file, in bytes.
pub const FILE_LEN_MAX: usize = 64 << 20;
/// The version of the format that new registries have.
pub(super) const FORMAT: u32 = 2;
/// The version before, whose registries have no id: sealed values and signatures of one pass in
/// another with the same members. They are read and written as they are.
const FORMAT_WITHOUT_ID: u32 = 1;

/// What stands at the beginning of a file.
pub(super) const HEAD: &str = "\
# A registry of hushlog: values are sealed with age, all else is plain text.
# Change it with `hushlog secret`, `member` and `env`. Comments are not kept.
";
/// Where the text that is signed ends.
const SIGNATURE: &str = "\nsignature:\n";
/// The longest line that is looked at to tell where an error is, in bytes.
const LINE_LEN_MAX: usize = 256;

/// The fields of the format: no word but these is taken from a file into an error.
const FIELDS: &[&str] = &[
    "at",
    "by",
    "changed",
    "check",
    "ed25519",
    "environments",
    "format",
    "id",
    "install",
    "members",
    "owner",
    "private",
    "recipient",
    "sealed",
    "shared",
    "signature",
    "signer",
    "value",
    "version",
];

/// A registry in memory. Values are sealed in it; nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    pub(super) document: Document,
    /// Who signed the text that it was read from.
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
    /// Reads a file's text. If it names signers, its signature is checked.
    ///
    /// Time and memory are bounded by the length of the text: aliases are refused, and depth is limited.
    ///
    /// # Errors
    ///
    /// When the text is not a registry, was cut off, has other members than it had when hushlog wrote it, or is not signed though it
    /// names signers.
    pub fn parse(text: &[u8]) -> Result<Registry, Error> {
        if text.len() > FILE_LEN_MAX {
            return Err(Error::FileTooLarge);
        }
        let text = core::str::from_utf8(text).map_err(|error| place_of(&text[..error.valid_up_to()]))?;
        Registry::parse_text(text).map_err(|error| match text::conflict(text) {
            Some(line) => Error::MergeConflict { line },
            None => error,
        })
    }

    fn parse_text(text: &str) -> Result<Registry, Error> {
        let (text, lines_before) = text::canonical(text);
        let text = text.as_ref();
        check_format(text)?;
        let (body, tail) = match text.rfind(SIGNATURE) {
            Some(at) => text.split_at(at + 1),
            None => (text, ""),
        };
        let document: Document = read(body, lines_before)?;
        if document.id.is_some() == (document.format == FORMAT_WITHOUT_ID) {
            return Err(Error::Inconsistent { what: "the id".to_owned() });
        }
        if document.check != digest(&document)? {
            return Err(Error::Check);
        }
        let mut registry = Registry { document, signed_by: None };
        registry.check_entries()?;
        registry.signed_by = registry.verify(body, tail, lines_before)?;
        Ok(registry)
    }

    /// Who signed it.
    fn verify(&self, body: &str, tail: &str, lines_before: u64) -> Result<Option<Name>, Error> {
        if tail.is_empty() {
            return if self.signers().next().is_some() { Err(Error::Unsigned) } else { Ok(None) };
        }
        let Tail { signature } = read(tail, lines_before + body.lines().count() as u64)?;
        let member = self.document.members.get(&signature.by);
        let key = member.and_then(|member| member.signer.as_ref()).ok_or(Error::Unsigned)?;
        if !key.verifies(body.as_bytes(), &signature.ed25519) {
            return Err(Error::Signature);
        }
        Ok(Some(signature.by))
    }

    /// What the fields alone do not hold: each private entry is its owner's, who is a member, as those who share are or were.
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

    /// Demands that one of these keys signed it.
    ///
    /// A registry vouches for its signers itself, so that whoever can write all of it can name others; a key that is known from elsewhere
    /// settles it.
    ///
    /// # Errors
    ///
    /// When none of them did.
    pub fn require_signer(&self, keys: &[PublicKey]) -> Result<(), Error> {
        let member = self.signed_by.as_ref().and_then(|name| self.document.members.get(name));
        let key = member.and_then(|member| member.signer.as_ref());
        if keys.is_empty() || key.is_some_and(|key| keys.contains(key)) { Ok(()) } else { Err(Error::Untrusted) }
    }

    /// The registry's id, which is in all that is sealed and signed. Registries of format 1 have
    /// none.
    pub fn id(&self) -> Option<&RegistryId> {
        self.document.id.as_ref()
    }

    /// Demands that it is one of these registries: the key that signed it may be that of others,
    /// too.
    ///
    /// # Errors
    ///
    /// When it is another one, or has no id.
    pub fn require_id(&self, ids: &[RegistryId]) -> Result<(), Error> {
        let is_known = self.id().is_some_and(|id| ids.contains(id));
        if ids.is_empty() || is_known { Ok(()) } else { Err(Error::OtherRegistry) }
    }

    /// Gives a new registry its id, with the first change.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        if self.document.format != FORMAT_WITHOUT_ID && self.document.id.is_none() {
            self.document.id = Some(RegistryId::generate()?);
        }
        Ok(())
    }

    /// The members who sign.
    pub fn signers(&self) -> impl Iterator<Item = (&Name, &PublicKey)> {
        self.document.members.iter().filter_map(|(name, member)| Some((name, member.signer.as_ref()?)))
    }

    /// The text of the file, signed with this key.
    ///
    /// # Errors
    ///
    /// When it names signers and no key of one of them is given, or the other way round.
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

    /// Whether both hold the same, though their texts may differ.
    pub(super) fn is_same(&self, other: &Registry) -> bool {
        let check = |document: &Document| Document { check: String::new(), ..document.clone() };
        check(&self.document) == check(&other.document)
    }

    /// The text of the file without a signature: if it names signers, nobody takes it so.
    pub(super) fn to_unsigned(&self) -> Result<String, Error> {
        let mut document = self.document.clone();
        document.check = digest(&document)?;
        if document.format != FORMAT_WITHOUT_ID && document.id.is_none() {
            document.id = Some(RegistryId::generate()?);
        }
        let mut text = HEAD.to_owned();
        write(&mut text, &document)?;
        Ok(text)
    }
}

/// A digest of the members, by which a change by hand is noticed. It keeps nobody from changing both; a signature does.
pub(super) fn digest(document: &Document) -> Result<String, Error> {
    let mut text = String::new();
    write(&mut text, &document.members)?;
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..16]))
}

/// The version is the first line of a file after its comments, so that it can be told before anything else is understood.
fn check_format(text: &str) -> Result<(), Error> {
    let first = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with('#'));
    let known = [FORMAT, FORMAT_WITHOUT_ID].map(|version| format!("format: {version}"));
    if first.is_some_and(|first| known.iter().any(|known| known == first)) { Ok(()) } else { Err(Error::Format) }
}

pub(super) fn write<T: Serialize>(text: &mut String, value: &T) -> Result<(), Error> {
    // A long default in folded lines would be hard to compare from one version of the file to the next.
    let options = serde_yaml::ser_options! { prefer_block_scalars: false };
    serde_yaml::to_fmt_writer_with_options(text, value, options).map_err(|_| Error::Sealing)
}

/// Reads YAML that begins after so many lines of the file.
fn read<'de, T: Deserialize<'de>>(text: &'de str, lines_before: u64) -> Result<T, Error> {
    serde_yaml::from_str_with_options(text, options()).map_err(|error| {
        // Its own message may quote the text.
        let Some(place) = error.location() else {
            return Error::Syntax { line: lines_before + 1, column: 1, key: None };
        };
        let line = text.lines().nth((place.line().max(1) - 1) as usize).unwrap_or_default();
        Error::Syntax { line: lines_before + place.line(), column: place.column(), key: field(line) }
    })
}

/// The field that a line of the file begins with.
fn field(line: &str) -> Option<&'static str> {
    let line = line.trim_start_matches([' ', '-']);
    let word = line.get(..line.len().min(LINE_LEN_MAX)).unwrap_or_default().split(':').next().unwrap_or_default();
    FIELDS.iter().find(|field| **field == word).copied()
}

/// Where this text ends.
fn place_of(text: &[u8]) -> Error {
    let line = text.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
    let column = text.iter().rev().take_while(|&&b| b != b'\n').count() as u64 + 1;
    Error::Syntax { line, column, key: None }
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
