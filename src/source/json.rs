//! The texts and numbers in a JSON document, each a secret named after the keys to it.
//!
//! `serde_json` parses; a `Value` of it would forget all but the last of equal keys.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

use crate::redact::secret::Secret;
use crate::redact::text;

/// The secrets in a document. A text or number by itself has the name `unnamed`.
///
/// # Errors
///
/// When it is not valid JSON. The error quotes nothing of it.
pub(super) fn leaves(document: &[u8], unnamed: &str) -> Result<Vec<Secret>, ()> {
    leaves_and_others(document, unnamed).map(|(secrets, _)| secrets)
}

/// The same, and the names of the other values: true, false and null.
///
/// # Errors
///
/// As [`leaves`].
pub(super) fn leaves_and_others(document: &[u8], unnamed: &str) -> Result<(Vec<Secret>, Vec<String>), ()> {
    let (mut secrets, mut others) = (Vec::new(), Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let leaf = Leaf { path: "", unnamed, secrets: &mut secrets, others: &mut others };
    leaf.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(drop)?;
    Ok((secrets, others))
}

/// A value in a document.
struct Leaf<'a> {
    path: &'a str,
    unnamed: &'a str,
    secrets: &'a mut Vec<Secret>,
    others: &'a mut Vec<String>,
}

impl Leaf<'_> {
    fn name(&self) -> &str {
        if self.path.is_empty() { self.unnamed } else { self.path }
    }

    fn add(self, value: Vec<u8>) {
        let secret = Secret::new(self.name(), value);
        self.secrets.push(secret);
    }

    fn add_other(self) {
        let name = self.name().to_owned();
        self.others.push(name);
    }

    fn below(&mut self, key: &str) -> String {
        let key = text::name(key.as_bytes());
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add_other();
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.add_other();
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.add(number.to_string().into_bytes());
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.add(number.to_string().into_bytes());
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.add(number.to_string().into_bytes());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.add(text.as_bytes().to_vec());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for index in 0.. {
            let path = self.below(&format!("{index}"));
            let (secrets, others) = (&mut *self.secrets, &mut *self.others);
            let leaf = Leaf { path: &path, unnamed: self.unnamed, secrets, others };
            if list.next_element_seed(leaf)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let path = self.below(&key);
            let (secrets, others) = (&mut *self.secrets, &mut *self.others);
            map.next_value_seed(Leaf { path: &path, unnamed: self.unnamed, secrets, others })?;
        }
        Ok(())
    }
}
