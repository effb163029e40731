//! The files of a merge, as git passes them to a merge driver.

use std::path::Path;

use super::text::{conflict, with_marks};
use super::{Conflict, Merge, Side, merge};
use crate::registry::error::Error;
use crate::registry::file::Registry;
use crate::registry::id::RegistryId;
use crate::registry::sign::{PublicKey, SigningKey};
use crate::registry::store::{Target, read};

/// The shortest conflict marks, which [`Registry::parse`] recognizes.
const MARKER_LEN: usize = 7;
/// The longest conflict marks.
const MARKER_LEN_MAX: usize = 1 << 10;

/// Options of a merge.
#[derive(Debug, Default)]
pub struct MergeOptions<'a> {
    /// Signs the result, if the registry names signers.
    pub key: Option<&'a SigningKey>,
    /// One of these keys must have signed each side. If empty, a signer of the ancestor must have,
    /// if the ancestor names any.
    pub keys: &'a [PublicKey],
    /// The registry must be one of these.
    pub ids: &'a [RegistryId],
    /// The side that wins conflicts.
    pub prefer: Option<Side>,
    /// The length of the conflict marks, at least 7.
    pub marker_len: usize,
}

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The entries in conflict, including those that [`prefer`](MergeOptions::prefer) resolved.
    pub conflicts: Vec<Conflict>,
    /// The reason that the result lacks a required signature. No reader accepts it in this state.
    pub unsigned: Option<Error>,
}

/// Merges three files: the common ancestor, which may be empty; ours, which is replaced atomically;
/// and theirs.
///
/// For conflicting entries, the file holds both sides of each between conflict marks, except for
/// members that cannot join a group: those are left out. A side may be
/// no registry, be another registry, or lack its signature. Then the file holds both whole sides
/// between such marks, so that no side is lost unnoticed.
///
/// # Errors
///
/// When a file cannot be read or written; it is then unchanged. When nothing can be merged.
pub fn merge_files(base: &Path, ours: &Path, theirs: &Path, options: &MergeOptions<'_>) -> Result<Merged, Error> {
    let target = Target::lock(ours)?;
    let texts = [read(base)?, target.read()?, read(theirs)?];
    let marker_len = options.marker_len.clamp(MARKER_LEN, MARKER_LEN_MAX);
    match merged(&texts, options, marker_len) {
        Ok((text, merged)) => {
            target.replace(&text)?;
            Ok(merged)
        }
        Err(error) => {
            target.replace(&whole(&texts[1], &texts[2], marker_len))?;
            Err(error)
        }
    }
}

fn merged(texts: &[Vec<u8>; 3], options: &MergeOptions<'_>, marker_len: usize) -> Result<(Vec<u8>, Merged), Error> {
    let [old, own, other] = texts;
    let base = if old.trim_ascii().is_empty() { Registry::default() } else { Registry::parse(old)? };
    let (ours, theirs) = (Registry::parse(own)?, Registry::parse(other)?);
    let known: Vec<PublicKey> = match options.keys {
        [] => base.signers().map(|(_, key)| key.clone()).collect(),
        keys => keys.to_vec(),
    };
    for side in [&ours, &theirs] {
        side.require_id(options.ids)?;
        side.require_signer(&known)?;
    }
    let merge = merge(&base, &ours, &theirs)?;
    let conflicts = merge.conflicts.clone();
    let registry = match options.prefer {
        None if conflicts.iter().any(Conflict::is_open) => {
            let text = with_marks(&merge, marker_len)?.into_bytes();
            return Ok((text, Merged { conflicts, unsigned: None }));
        }
        None => merge.registry,
        Some(side) => Merge::preferring(&merge, side),
    };
    // A side equal to the result has its signature already. Machines may know a later one.
    let last = ours.revision().max(theirs.revision());
    for (side, text) in [(&ours, own), (&theirs, other)] {
        if registry.is_same(side) && side.revision() == last {
            return Ok((text.clone(), Merged { conflicts, unsigned: None }));
        }
    }
    let (text, unsigned) = match signed(&registry, &[&ours, &theirs], options.key) {
        Ok(text) => (text, None),
        Err(error @ (Error::KeyNeeded | Error::NotASigner)) => (registry.to_unsigned()?, Some(error)),
        Err(error) => return Err(error),
    };
    if unsigned.is_none() {
        // A text that does not parse is never written.
        Registry::parse(text.as_bytes())?;
    }
    Ok((text.into_bytes(), Merged { conflicts, unsigned }))
}

/// The text, signed by a key that both sides and the result list as a signer.
fn signed(registry: &Registry, sides: &[&Registry; 2], key: Option<&SigningKey>) -> Result<String, Error> {
    let signed = |one: &Registry| one.signers().next().is_some();
    for side in sides.iter().filter(|side| signed(side)) {
        let own = key.ok_or(Error::KeyNeeded)?.public();
        side.signers().find(|(_, public)| **public == own).ok_or(Error::NotASigner)?;
    }
    registry.to_text(key.filter(|_| signed(registry)))
}

/// Both whole sides, in conflict.
fn whole(ours: &[u8], theirs: &[u8], marker_len: usize) -> Vec<u8> {
    let line = |text: &[u8]| match text.last() {
        None | Some(b'\n') => text.to_vec(),
        Some(_) => [text, b"\n"].concat(),
    };
    let marks = conflict("\n", "\n", marker_len);
    let lines: Vec<&str> = marks.split_inclusive('\n').collect();
    [lines[0].as_bytes(), &line(ours), lines[2].as_bytes(), &line(theirs), lines[4].as_bytes()].concat()
}
