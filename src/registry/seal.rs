//! Sealing with age: the only file that uses the crate.
//!
//! The sealed text is a header of a few lines, which binds the value to its entry, then an empty
//! line and the value:
//!
//! ```text
//! hushlog sealed value 2
//! registry: hlr-4k7m2q6w9r3t5y8pc2v4n6x3za
//! name: openai-api-key
//! scope: shared
//! owner: alice
//! version: 7c2m4q6w9r3t5y8p
//! padding: ==========
//! variable: -
//! file: 0600 /srv/app/key
//!
//! sk-live-4f9QzX
//! ```
//!
//! The last two lines are the [bound fields](super::field::Fields::bound): with access to the file,
//! but without the value, nobody can send it to another variable or file. In a registry
//! without a revision, values are sealed without them, and a value without them opens whatever
//! fields its entry has: earlier programs sealed it.
//!
//! `age -d` shows all of it. In a registry of format 1, which has no id, the first line ends in 1,
//! and the second one is missing. A value that is sealed to a group has the line `group: NAME`
//! behind its scope. The padding makes the length a multiple of [`PADDED_TO`], because the file
//! shows the length of the sealed text.
//!
//! The identity of a group is sealed to each of its members as an identity file, whose first line
//! is a comment that binds it to its group:
//!
//! ```text
//! # hushlog group ops of hlr-4k7m2q6w9r3t5y8pc2v4n6x3za
//! ```

use core::fmt;
use core::str::FromStr;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use age_core::format::{FileKey, Stanza};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::Error;
use super::id::RegistryId;
use super::name::Name;
use super::scope::Scope;
use super::text::MARK;
use crate::redact::secret::Secret;
use crate::sys::locked;

/// The first line of the sealed text, by the registry's format.
const TITLES: [&str; 2] = ["hushlog sealed value 1", "hushlog sealed value 2"];
/// The length of the sealed text is a multiple of this, in bytes.
const PADDED_TO: usize = 128;
/// The most work for a passphrase, as the logarithm of scrypt's N: 4 GiB of memory, which is age's
/// own limit.
const SCRYPT_LOG_N_MAX: u8 = 22;
/// The name of an identity's secret key in masks.
pub const IDENTITY: &str = "identity";
/// The prefix of an age secret key.
const KEY_PREFIX: &str = "AGE-SECRET-KEY-1";

/// A public key that values are sealed to, as `age-keygen` prints it: `age1...`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Recipient, Error> {
        text.parse().map(Recipient).map_err(|_| Error::Recipient)
    }
}

impl TryFrom<String> for Recipient {
    type Error = Error;

    fn try_from(text: String) -> Result<Recipient, Error> {
        text.parse()
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> String {
        recipient.to_string()
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// Secret keys that open sealed values, as in a file of `age-keygen`. Wiped when dropped; `Debug`
/// shows none of them.
pub struct Identity {
    keys: Vec<x25519::Identity>,
    /// The index of our recipient in the last sealed value. Values sealed to the same members list
    /// them in the same order, so only the first one needs a trial for each member (of some 70 µs
    /// each).
    place: AtomicUsize,
}

impl Identity {
    /// A new key.
    pub fn generate() -> Identity {
        Identity { keys: vec![x25519::Identity::generate()], place: AtomicUsize::new(0) }
    }

    /// Decrypts an age file, binary or armored. `None` if it is damaged or sealed to others: no
    /// part of a damaged file is returned. A registry also checks the place to which a value is
    /// bound.
    pub fn decrypt(&self, file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).ok()?;
        decrypt(decryptor, self, file.len()).ok()
    }

    /// Parses the text of an identity file, and asks for its passphrase if it has one.
    ///
    /// # Errors
    ///
    /// When it holds anything but comments and keys that `age-keygen` makes without options, or the
    /// passphrase is wrong. The error names the line.
    pub fn parse(
        text: &[u8],
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, Error>,
    ) -> Result<Identity, Error> {
        let text = text.strip_prefix(MARK.to_string().as_bytes()).unwrap_or(text);
        if text.starts_with(b"age-encryption.org/") || text.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            return Identity::parse_lines(&unlock(text, passphrase)?);
        }
        Identity::parse_lines(text)
    }

    fn parse_lines(text: &[u8]) -> Result<Identity, Error> {
        let text = core::str::from_utf8(text).map_err(|_| Error::IdentityLine { line: 1 })?;
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim_end();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if !text.starts_with(KEY_PREFIX) && (text.starts_with("AGE-") || text.contains("PRIVATE KEY")) {
                return Err(Error::IdentityKind { line });
            }
            keys.push(text.parse().map_err(|_| Error::IdentityLine { line })?);
        }
        if keys.is_empty() {
            return Err(Error::IdentityEmpty);
        }
        Ok(Identity { keys, place: AtomicUsize::new(0) })
    }

    /// The recipient of the first key.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.keys[0].to_public())
    }

    /// The recipients of all keys.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.keys.iter().map(|key| Recipient(key.to_public())).collect()
    }

    /// The secret keys as files hold them, to be masked in logs: in capitals, and in lower case,
    /// which age reads as well. Each is named [`IDENTITY`].
    pub fn secrets(&self) -> Vec<Secret> {
        let texts = self.keys.iter().flat_map(|key| {
            let text = key.to_string();
            let text = text.expose_secret();
            [text.to_owned(), text.to_ascii_lowercase()]
        });
        texts.map(|text| Secret::new(IDENTITY, text.into_bytes())).collect()
    }

    /// The text of an identity file as `age-keygen` writes it. It holds the secret key.
    pub fn to_file(&self, created: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(1 << 10));
        text.push_str(&format!("# created: {created}\n# public key: {}\n", self.recipient()));
        for key in &self.keys {
            text.push_str(key.to_string().expose_secret());
            text.push('\n');
        }
        text
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.keys.iter().find_map(|key| key.unwrap_stanza(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let place = self.place.load(Relaxed);
        if let Some(Ok(key)) = stanzas.get(place).and_then(|stanza| self.unwrap_stanza(stanza)) {
            return Some(Ok(key));
        }
        let (place, key) = (0..).zip(stanzas).find_map(|(at, stanza)| Some((at, self.unwrap_stanza(stanza)?)))?;
        self.place.store(place, Relaxed);
        Some(key)
    }
}

/// Decrypts an identity file that is protected by a passphrase.
fn unlock(
    text: &[u8],
    passphrase: impl FnOnce() -> Result<Zeroizing<String>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(text)).map_err(|_| Error::IdentityBroken)?;
    if !decryptor.is_scrypt() {
        return Err(Error::IdentitySealed);
    }
    let passphrase = SecretString::from(passphrase()?.as_str());
    let mut identity = scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(SCRYPT_LOG_N_MAX);
    decrypt(decryptor, &identity, text.len()).map_err(|error| match error {
        DecryptError::ExcessiveWork { .. } => Error::IdentityWork,
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            Error::Passphrase
        }
        _ => Error::IdentityBroken,
    })
}

/// Decrypts into a buffer that does not grow: the plain text is never longer than the file.
fn decrypt<R: std::io::BufRead>(
    decryptor: Decryptor<R>,
    identity: &dyn age::Identity,
    len_max: usize,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut reader = decryptor.decrypt(core::iter::once(identity))?;
    let mut plain = Zeroizing::new(vec![0; len_max]);
    let mut len = 0;
    loop {
        match reader.read(&mut plain[len..])? {
            0 => break,
            read => len += read,
        }
    }
    plain.truncate(len);
    Ok(plain)
}

/// The reason that a sealed value was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It is sealed to other recipients.
    NotForUs,
    /// It is not an age file, or was changed.
    Broken,
    /// It is bound to another entry.
    WrongBinding,
    /// It is bound to other fields.
    WrongFields,
}

/// The binding of a value: its place in the registry.
pub(super) struct Place<'a> {
    /// `None` in a registry of format 1.
    pub(super) registry: Option<&'a RegistryId>,
    pub(super) name: &'a Name,
    pub(super) scope: Scope,
    /// The group that it is sealed to. `None`: all members, or the owner.
    pub(super) group: Option<&'a Name>,
    pub(super) owner: &'a Name,
    pub(super) version: &'a str,
}

impl Place<'_> {
    fn head(&self) -> String {
        let Place { registry, name, scope, group, owner, version } = self;
        let title = match registry {
            None => TITLES[0].to_owned(),
            Some(id) => format!("{}\nregistry: {id}", TITLES[1]),
        };
        let group = group.map_or_else(String::new, |group| format!("group: {group}\n"));
        let scope = scope.word();
        format!("{title}\nname: {name}\nscope: {scope}\n{group}owner: {owner}\nversion: {version}\npadding: ")
    }
}

/// The binding of a group's identity.
pub(super) struct GroupPlace<'a> {
    /// Registries of format 1 have no groups.
    pub(super) registry: Option<&'a RegistryId>,
    pub(super) group: &'a Name,
    pub(super) recipient: &'a Recipient,
}

impl GroupPlace<'_> {
    fn head(&self) -> String {
        let GroupPlace { registry, group, .. } = self;
        let registry = registry.map_or_else(String::new, |id| format!(" of {id}"));
        format!("# hushlog group {group}{registry}\n")
    }
}

/// Seals the identity of a group to one member, as an age file in base64.
pub(super) fn seal_identity(place: &GroupPlace<'_>, identity: &Identity, member: &Recipient) -> Result<String, Error> {
    let head = place.head();
    let key = identity.keys[0].to_string();
    let mut plain = locked::buffer(head.len() + key.expose_secret().len() + 1);
    plain.extend_from_slice(head.as_bytes());
    plain.extend_from_slice(key.expose_secret().as_bytes());
    plain.push(b'\n');
    Ok(BASE64.encode(&encrypt(&plain, &[member], Format::Binary)?))
}

/// Opens the identity of a group, which must be bound to this place.
pub(super) fn open_identity(own: &Identity, place: &GroupPlace<'_>, sealed: &str) -> Result<Identity, Unopened> {
    let file = BASE64.decode(sealed.as_bytes()).map_err(|_| Unopened::Broken)?;
    let plain = open_all(own, &file)?;
    if !plain.starts_with(place.head().as_bytes()) {
        return Err(Unopened::WrongBinding);
    }
    let identity = Identity::parse_lines(&plain).map_err(|_| Unopened::Broken)?;
    if identity.recipients() == [place.recipient.clone()] { Ok(identity) } else { Err(Unopened::WrongBinding) }
}

/// Seals a value bound to its place and to these fields, as an armored age file.
pub(super) fn seal(
    place: &Place<'_>,
    bound: Option<&str>,
    value: &[u8],
    recipients: &[&Recipient],
) -> Result<String, Error> {
    let head = place.head();
    let bound = bound.unwrap_or_default();
    let len = head.len() + 1 + bound.len() + 1 + value.len();
    let padded = len.next_multiple_of(PADDED_TO);
    let mut plain = locked::buffer(padded);
    plain.extend_from_slice(head.as_bytes());
    plain.resize(head.len() + padded - len, b'=');
    plain.push(b'\n');
    plain.extend_from_slice(bound.as_bytes());
    plain.push(b'\n');
    plain.extend_from_slice(value);
    String::from_utf8(encrypt(&plain, recipients, Format::AsciiArmor)?).map_err(|_| Error::Sealing)
}

fn encrypt(plain: &[u8], recipients: &[&Recipient], format: Format) -> Result<Vec<u8>, Error> {
    let recipients = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(|_| Error::Sealing)?;
    let mut sealed = Vec::new();
    let write = || {
        let armour = ArmoredWriter::wrap_output(&mut sealed, format)?;
        let mut writer = encryptor.wrap_output(armour)?;
        writer.write_all(plain)?;
        writer.finish()?.finish()
    };
    write().map_err(|_| Error::Sealing)?;
    Ok(sealed)
}

/// Opens a sealed file without checking its binding.
fn open_all(identity: &Identity, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|_| Unopened::Broken)?;
    decrypt(decryptor, identity, sealed.len()).map_err(|error| match error {
        DecryptError::NoMatchingKeys => Unopened::NotForUs,
        _ => Unopened::Broken,
    })
}

/// Opens a value, which must be bound to this place, and to these fields if to any.
pub(super) fn open(
    identity: &Identity,
    place: &Place<'_>,
    bound: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let plain = open_all(identity, sealed.as_bytes())?;
    let rest = plain.strip_prefix(place.head().as_bytes()).ok_or(Unopened::WrongBinding)?;
    let padding = rest.iter().take_while(|&&b| b == b'=').count();
    let rest = rest[padding..].strip_prefix(b"\n").ok_or(Unopened::Broken)?;
    let value = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(bound.as_bytes())?.strip_prefix(b"\n"));
    let value = value.ok_or(Unopened::WrongFields)?;
    Ok(Zeroizing::new(value.to_vec()))
}
