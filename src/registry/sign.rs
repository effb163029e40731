//! Signatures over the file: Ed25519, with keys as `openssl genpkey -algorithm ed25519` writes
//! them.

use core::fmt;
use core::str::FromStr;

use data_encoding::BASE64;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::Error;
use super::text::MARK;
use crate::redact::secret::Secret;

/// The name of a signing key's secret half in masks.
pub const SIGNING_KEY: &str = "signing-key";
/// The prefix of a key's 32 bytes in PKCS #8 DER: a private key alone, and one with its public
/// half.
const ALONE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const WITH_PUBLIC: [u8; 16] = [0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// The prefix of every signed text. It separates registry signatures from those of other formats.
const CONTEXT: &[u8] = b"hushlog registry 1\n";

/// A key that checks signatures: the line of base64 in the output of `openssl pkey -pubout`,
/// `MCow...`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Whether the key's private half signed the text.
    pub(super) fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let signature = BASE64.decode(signature.as_bytes()).ok();
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| self.0.verify_strict(&[CONTEXT, text].concat(), &signature).is_ok())
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<PublicKey, Error> {
        let der = BASE64.decode(text.trim().as_bytes()).map_err(|_| Error::PublicKey)?;
        VerifyingKey::from_public_key_der(&der).map(PublicKey).map_err(|_| Error::PublicKey)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Error;

    fn try_from(text: String) -> Result<PublicKey, Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let der = self.0.to_public_key_der().map_err(|_| fmt::Error)?;
        f.write_str(&BASE64.encode(der.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A key that signs. Wiped when dropped; `Debug` does not show it.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// When the system returns no random bytes.
    pub fn generate() -> Result<SigningKey, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| Error::Random)?;
        Ok(SigningKey(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Parses a key in PEM.
    ///
    /// # Errors
    ///
    /// When the text is not a key, or is protected by a passphrase.
    pub fn parse(pem: &[u8]) -> Result<SigningKey, Error> {
        let pem = core::str::from_utf8(pem).map_err(|_| Error::SigningKey)?;
        let pem = pem.strip_prefix(MARK).unwrap_or(pem);
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim()).map(SigningKey).map_err(|_| Error::SigningKey)
    }

    /// The key in PEM, without its public half: OpenSSL 3.0 does not read a file with both.
    ///
    /// # Errors
    ///
    /// None known.
    pub fn to_file(&self) -> Result<Zeroizing<String>, Error> {
        let secret = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        secret.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::SigningKey)
    }

    /// The private half as PEM files hold it, to be masked in logs. One line is the base64 of a key
    /// alone; the other is the first line of a key with its public half, as older programs write
    /// it. Each is named [`SIGNING_KEY`].
    pub fn secrets(&self) -> Vec<Secret> {
        let lines = [ALONE, WITH_PUBLIC].map(|head| {
            let der = Zeroizing::new([head.as_slice(), self.0.as_bytes()].concat());
            BASE64.encode(&der)
        });
        lines.into_iter().map(|line| Secret::new(SIGNING_KEY, line.into_bytes())).collect()
    }

    /// The public half, which checks signatures.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, text: &[u8]) -> String {
        BASE64.encode(&self.0.sign(&[CONTEXT, text].concat()).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a19_the_lines_to_be_masked_are_those_of_the_files() {
        let key = SigningKey::generate().expect("random bytes");
        let files = [key.to_file().expect("a file"), key.0.to_pkcs8_pem(LineEnding::LF).expect("a file")];
        for (file, secret) in files.iter().zip(key.secrets()) {
            assert_eq!(file.lines().nth(1).map(str::as_bytes), Some(secret.expose()));
        }
    }
}
