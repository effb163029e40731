//! Rotated files of a log: the directories that are searched, and how the files are recognized.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{FileType, OFlags, fstat};

use super::file::{Part, key, modified};
use super::listing::{Listing, Listings};
use super::shared::{Link, Shared};
use super::{Files, RENAMED_MAX};
use crate::sidecar::checkpoint::{Fingerprint, FingerprintHasher, Key, Position, tail};
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, birth, check_placed, kind};
use crate::sys::rotation;

/// Two files with this many equal bytes at their beginnings are hardly two logs.
const UNGUESSABLE_LEN: u64 = 64;

/// The name of a log, and of one of its files.
pub(super) struct Name {
    /// The log's path.
    pub(super) path: PathBuf,
    /// Its path with links resolved, if there are any.
    pub(super) target: Option<PathBuf>,
    /// The file's path, if rotation has renamed it.
    pub(super) rotated: Option<PathBuf>,
}

impl Name {
    /// The name of a file that was rotated from this log.
    pub(super) fn of_rotated(&self, other: &Rotated) -> Name {
        let target = other.dir.path().join(&other.base);
        let target = Some(target).filter(|target| *target != self.path);
        Name { path: self.path.clone(), target, rotated: Some(other.dir.path().join(&other.name)) }
    }

    /// The path of the file.
    pub(super) fn file(&self) -> &Path {
        self.rotated.as_deref().unwrap_or(&self.path)
    }

    /// The path with links resolved.
    pub(super) fn target(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }
}

/// A name in a directory that holds files of one log.
pub(super) struct Spot {
    pub(super) dir: Rc<Dir>,
    pub(super) name: OsString,
    /// The former name of the log: a file there belongs to it, too.
    pub(super) is_former: bool,
}

/// A file that rotation may have made.
pub(super) struct Rotated {
    pub(super) dir: Rc<Dir>,
    /// The name of the log, and that of the file.
    pub(super) base: OsString,
    pub(super) name: OsString,
    pub(super) file: FileId,
    pub(super) modified: i64,
    pub(super) len: u64,
    /// Its rotation number.
    pub(super) number: Option<u32>,
}

impl Rotated {
    /// Whether it may be a copy made after all bytes before this position had been written.
    fn may_be_copy(&self, position: &Position) -> bool {
        self.modified >= position.modified && self.len >= position.len
    }

    /// Whether it holds the content that was read up to this position.
    pub(super) fn holds(&self, position: &Position) -> bool {
        matches!(open_same(&self.dir, &self.name, position), Ok(Some(_)))
    }
}

/// The former directory of the log, if a link now leads elsewhere.
pub(super) fn former(now: &Name, before: &Path) -> Option<Spot> {
    let target = Some(before).filter(|target| *target != now.target())?;
    let (dir, name) = Dir::parent_of(target, Links::Trusted).ok()?;
    Some(Spot { dir: Rc::new(dir), name, is_former: true })
}

/// The files at these spots that may have been rotated from an earlier file there.
pub(super) fn rotated<'a>(spots: impl Iterator<Item = &'a Spot>, listings: &mut Listings) -> Vec<Rotated> {
    let mut all = Vec::new();
    for spot in spots {
        let mut those = listed(spot, &listings.of(&spot.dir));
        // A rotation renames the files one after the other: some may have been seen under two
        // names, and others under none.
        for _ in 0..RENAMED_MAX {
            if those.as_ref().is_some_and(|those| is_stable(spot, those)) {
                break;
            }
            listings.clear();
            those = listed(spot, &listings.of(&spot.dir)).or(those);
        }
        all.extend(those.unwrap_or_default());
    }
    all
}

/// The rotated files of a listing. None: one of the names is gone.
fn listed(spot: &Spot, listing: &Listing) -> Option<Vec<Rotated>> {
    let mut those = Vec::new();
    let names = listing.rotated(&spot.name);
    for name in names.into_iter().chain(spot.is_former.then_some(&*spot.name)) {
        let stat = match spot.dir.stat(name) {
            Err(error) if error.kind() == ErrorKind::NotFound && name != spot.name => return None,
            stat => stat,
        };
        let Some(stat) = stat.ok().filter(|stat| kind(stat) == FileType::RegularFile) else { continue };
        let number = rotation::number(&spot.name, name);
        let (file, modified, len) = (FileId::from(&stat), modified(&stat), stat.st_size as u64);
        let (dir, base, name) = (Rc::clone(&spot.dir), spot.name.clone(), name.to_owned());
        those.push(Rotated { dir, base, name, file, modified, len, number });
    }
    Some(those)
}

/// Whether all numbered files of a log have kept their names, and no other file has got a number
/// that follows one of theirs. A file's number only grows, and renames leave one number free at a
/// time: so at one moment, these were all of them.
fn is_stable(spot: &Spot, those: &[Rotated]) -> bool {
    let numbered: HashMap<u32, FileId> = those.iter().filter_map(|other| Some((other.number?, other.file))).collect();
    if numbered.is_empty() {
        return true;
    }
    let near: HashSet<u32> = [0].iter().chain(numbered.keys()).flat_map(|&number| number..=number + 2).collect();
    near.into_iter().all(|number| {
        let mut name = spot.name.clone();
        name.push(format!(".{number}"));
        spot.dir.stat(&name).ok().map(|stat| FileId::from(&stat)) == numbered.get(&number).copied()
    })
}

/// The copy of a file made before it was truncated or rewritten: it begins as the file did, and has
/// the same bytes before the read offset. Its position is that of the file.
pub(super) fn copy_of(
    files: &Files,
    of: &Key,
    position: &Position,
    content: (Fingerprint, Fingerprint, u64),
) -> Option<Link> {
    copy_among(&mut Listings::default(), files, of, position, content)
}

/// The same, by listings that may be stale.
pub(super) fn copy_among(
    listings: &mut Listings,
    files: &Files,
    of: &Key,
    position: &Position,
    content: (Fingerprint, Fingerprint, u64),
) -> Option<Link> {
    if content.0.len == 0 {
        return None;
    }
    let (dir, name) = Dir::parent_of(position.target(), Links::Trusted).ok()?;
    let spot = Spot { dir: Rc::new(dir), name, is_former: false };
    let mut is_old = listings.have(&spot.dir);
    for _ in 0..RENAMED_MAX {
        let mut copies = rotated([&spot].into_iter(), listings);
        copies.retain(|copy| copy.file != of.file && copy.may_be_copy(position));
        // A younger copy may be of later content, if the file was truncated again.
        copies.sort_by_key(|copy| copy.modified);
        let mut is_renamed = false;
        for copy in copies {
            match open_copy(files, of, position, content, &copy) {
                Ok(Some(part)) => return Some(part),
                Ok(None) => {}
                // It has its next name already.
                Err(error) => is_renamed |= error.kind() == ErrorKind::NotFound,
            }
        }
        // The copy may have appeared since the directory was listed for another log.
        if !is_renamed && (!is_old || listings.is_current(&spot.dir)) {
            break;
        }
        listings.clear();
        is_old = false;
    }
    None
}

/// A file that may have copies.
pub(super) struct Original {
    position: Position,
    /// The file; none: the content that was read of it is gone.
    file: Option<OwnedFd>,
}

impl Original {
    /// The file that had this position, with its current name, if it has one.
    pub(super) fn new(position: Position, at: Option<(&Dir, &OsStr)>) -> Original {
        let file = at.and_then(|(dir, name)| open_same(dir, name, &position).ok().flatten());
        Original { position, file }
    }

    /// Its last modification time, if the content that was read of it is gone.
    pub(super) fn gone_at(&self) -> Option<i64> {
        (self.file.is_none() && self.position.head.len > 0).then_some(self.position.modified)
    }

    /// Its copies among these files, which its reader will search for. If in doubt, there are none:
    /// duplicate text is better than lost text.
    pub(super) fn copies(&self, others: &[Rotated]) -> HashSet<FileId> {
        match &self.file {
            Some(file) => {
                let copies = others.iter().filter(|other| is_copy(file, other).unwrap_or(false));
                copies.map(|other| other.file).collect()
            }
            None if self.position.head.len == 0 => HashSet::new(),
            None => {
                let copies = others.iter().filter(|other| other.may_be_copy(&self.position));
                let mut copies: Vec<&Rotated> = copies.collect();
                copies.sort_by_key(|copy| copy.modified);
                copies.into_iter().find(|copy| copy.holds(&self.position)).map(|copy| copy.file).into_iter().collect()
            }
        }
    }
}

/// Whether another file is a complete copy of this one, judged by its first and last bytes. Short
/// files may be equal, and logs may begin alike; a copy is as long, and is younger.
fn is_copy(file: &OwnedFd, other: &Rotated) -> io::Result<bool> {
    let stat = fstat(file)?;
    let len = stat.st_size as u64;
    let is_long = len >= UNGUESSABLE_LEN && other.len == len;
    if FileId::from(&stat) == other.file || !is_long || other.modified < modified(&stat) {
        return Ok(false);
    }
    let copy = other.dir.open_file(&other.name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let head = FingerprintHasher::of(&copy, usize::try_from(other.len).unwrap_or(usize::MAX))?.fingerprint();
    Ok(head.len > 0 && head.is_of(file)? && Fingerprint::new(&tail(&copy, other.len)?).is_before(file, other.len)?)
}

/// Opens a file, if it holds the content that was read up to this position.
fn open_same(dir: &Dir, name: &OsStr, position: &Position) -> io::Result<Option<OwnedFd>> {
    let file = dir.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let len = fstat(&file)?.st_size as u64;
    let is_same =
        len >= position.offset && position.head.is_of(&file)? && position.tail.is_before(&file, position.offset)?;
    Ok(is_same.then_some(file))
}

/// Opens a copy. None: the file is something else.
fn open_copy(
    files: &Files,
    of: &Key,
    position: &Position,
    (head, tail, offset): (Fingerprint, Fingerprint, u64),
    copy: &Rotated,
) -> io::Result<Option<Link>> {
    let file = copy.dir.open_file(&copy.name, OFlags::RDONLY)?;
    let stat = fstat(&file)?;
    if FileId::from(&stat) != copy.file {
        return Err(ErrorKind::NotFound.into());
    }
    let is_it = kind(&stat) == FileType::RegularFile
        && stat.st_size as u64 >= offset
        && head.is_of(&file)?
        && tail.is_before(&file, offset)?;
    let directory = copy.dir.stat_self()?;
    check_placed(&stat, &directory)?;
    let is_own = || files.own.files().role(copy.file, FileId::from(&directory), &copy.name).is_some();
    let key = key(&of.stream, copy.file);
    // If the pattern matches it too, it is read as a file of its own.
    let is_done = files.checkpoints.is_done(&key, &file)?;
    if !is_it || is_done || files.in_hand(&key).is_some() || is_own() {
        return Ok(None);
    }
    let len = stat.st_size as u64;
    let (modified, birth) = (copy.modified, birth(&file));
    let position = Position { len, modified, birth, is_done: false, before: None, ..position.clone() };
    let slot = files.checkpoints.add(key.clone(), position);
    let mut part = Part::new(file, key, slot)?;
    part.is_copy = true;
    Ok(Some(Link::new(part, Shared::beside())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ap_a_listing_of_half_a_rotation_is_repeated() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["a.log", "a.log.1", "a.log.2"] {
            std::fs::write(at(name), name).unwrap();
        }
        let dir = Rc::new(Dir::open(place.path(), Links::Trusted).unwrap());
        let spot = Spot { dir, name: "a.log".into(), is_former: false };
        let mut listings = Listings::default();
        std::fs::rename(at("a.log.2"), at("a.log.3")).unwrap();
        listings.of(&spot.dir);
        // All of the listed names lead to files, but not to all files.
        std::fs::rename(at("a.log.1"), at("a.log.2")).unwrap();
        std::fs::rename(at("a.log"), at("a.log.1")).unwrap();
        let found = rotated([&spot].into_iter(), &mut listings);
        let names: Vec<&OsStr> = found.iter().map(|other| &*other.name).collect();
        assert_eq!(names, ["a.log.1", "a.log.2", "a.log.3"]);
    }
}
