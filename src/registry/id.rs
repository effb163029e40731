//! The id of a registry. Sealed values and signatures include it, so that they are valid in one
//! registry only.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Error;

/// The prefix of an id, which distinguishes it from a public key.
const PREFIX: &str = "hlr-";
/// The number of random bytes in an id.
const RANDOM_LEN: usize = 16;
/// Their length in base32, in characters.
const TEXT_LEN: usize = 26;

/// A registry's id: random, public, permanent, and drawn when the registry is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegistryId(String);

impl RegistryId {
    /// A new id.
    pub(super) fn generate() -> Result<RegistryId, Error> {
        let mut random = [0; RANDOM_LEN];
        getrandom::fill(&mut random).map_err(|_| Error::Random)?;
        Ok(RegistryId(format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase())))
    }

    /// Whether a text has the form of an id rather than of a public key.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

impl FromStr for RegistryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<RegistryId, Error> {
        let is_id = |rest: &str| rest.len() == TEXT_LEN && rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        match text.strip_prefix(PREFIX) {
            Some(rest) if is_id(rest) => Ok(RegistryId(text.to_owned())),
            _ => Err(Error::RegistryId),
        }
    }
}

impl TryFrom<String> for RegistryId {
    type Error = Error;

    fn try_from(text: String) -> Result<RegistryId, Error> {
        text.parse()
    }
}

impl From<RegistryId> for String {
    fn from(id: RegistryId) -> String {
        id.0
    }
}

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
