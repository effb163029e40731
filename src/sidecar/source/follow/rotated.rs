//! The files that rotation has made of a log: where they are looked for, and how they are
//! recognized.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, fstat};

use super::super::super::checkpoint::{Head, Key, Place};
use super::file::{Part, key, modified};
use super::listing::{Listing, Listings};
use super::shared::Shared;
use super::{Files, RENAMED_MAX};
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, check_placed, kind};
use crate::sys::rotation;

/// A file's name.
pub(super) struct Name {
    pub(super) path: PathBuf,
    /// Where that is without links, if there are any.
    pub(super) target: Option<PathBuf>,
}

impl Name {
    /// The path without a link.
    pub(super) fn target(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }
}

/// A name in a directory where files of one log lie.
pub(super) struct Spot {
    pub(super) dir: Rc<Dir>,
    pub(super) name: OsString,
    /// The log had this name before, and has another one now: a file there belongs to it, too.
    pub(super) is_former: bool,
}

/// A file that rotation may have made.
pub(super) struct Rotated {
    pub(super) dir: Rc<Dir>,
    pub(super) name: OsString,
    pub(super) file: FileId,
    pub(super) modified: i64,
    /// The number that rotation gave it.
    pub(super) number: Option<u32>,
}

/// Where the log was before, if a link leads elsewhere now.
pub(super) fn former(now: &Name, before: &Name) -> Option<Spot> {
    let target = Some(before.target()).filter(|target| *target != now.target())?;
    let (dir, name) = Dir::parent_of(target, Links::Trusted).ok()?;
    Some(Spot { dir: Rc::new(dir), name, is_former: true })
}

/// The files at these spots that rotation may have made of an earlier file there.
pub(super) fn rotated<'a>(spots: impl Iterator<Item = &'a Spot>, listings: &mut Listings) -> Vec<Rotated> {
    let mut all = Vec::new();
    for spot in spots {
        let (mut those, are_all) = listed(spot, &listings.of(&spot.dir));
        if !are_all {
            // It has another name by now, which only a new listing has.
            listings.clear();
            (those, _) = listed(spot, &listings.of(&spot.dir));
        }
        all.extend(those);
    }
    all
}

/// Those of a listing, and whether all of them are there.
fn listed(spot: &Spot, listing: &Listing) -> (Vec<Rotated>, bool) {
    let (mut those, mut are_all) = (Vec::new(), true);
    let names = listing.rotated(&spot.name);
    for name in names.into_iter().chain(spot.is_former.then_some(&*spot.name)) {
        let stat = spot.dir.stat(name);
        are_all &= name == spot.name || !stat.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let Some(stat) = stat.ok().filter(|stat| kind(stat) == FileType::RegularFile) else { continue };
        let number = rotation::number(&spot.name, name);
        let (file, modified, name) = (FileId::from(&stat), modified(&stat), name.to_owned());
        those.push(Rotated { dir: Rc::clone(&spot.dir), name, file, modified, number });
    }
    (those, are_all)
}

/// The copy that was made of a file before it was truncated or written anew: it begins as the file
/// did, and had the same bytes before the place that was reached. Its place is that of the file.
pub(super) fn copy_of(files: &Files, of: &Key, place: &Place, content: (Head, Head, u64)) -> Option<Part> {
    copy_among(&mut Listings::default(), files, of, place, content)
}

/// The same, by listings that may be some time old.
pub(super) fn copy_among(
    listings: &mut Listings,
    files: &Files,
    of: &Key,
    place: &Place,
    content: (Head, Head, u64),
) -> Option<Part> {
    if content.0.len == 0 {
        return None;
    }
    let target = place.target.as_deref().unwrap_or(&place.path);
    let (dir, name) = Dir::parent_of(target, Links::Trusted).ok()?;
    let spot = Spot { dir: Rc::new(dir), name, is_former: false };
    let mut is_old = listings.have(&spot.dir);
    for _ in 0..RENAMED_MAX {
        let mut copies = rotated([&spot].into_iter(), listings);
        copies.retain(|copy| copy.file != of.file);
        // The youngest is of the last truncation.
        copies.sort_by_key(|copy| std::cmp::Reverse(copy.modified));
        let mut is_renamed = false;
        for copy in copies {
            match open_copy(files, of, place, content, &copy) {
                Ok(Some(part)) => return Some(part),
                Ok(None) => {}
                // It has the next name by now.
                Err(error) => is_renamed |= error.kind() == ErrorKind::NotFound,
            }
        }
        // The copy may have come since the directory was listed for another log.
        if !is_renamed && (!is_old || listings.is_current(&spot.dir)) {
            break;
        }
        listings.clear();
        is_old = false;
    }
    None
}

/// Whether this is a copy of the file with this place, and its reader will look for it.
pub(super) fn is_copy(place: &Place, other: &Rotated) -> bool {
    let is_it = || {
        let file = other.dir.open_file(&other.name, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let is_long = fstat(&file)?.st_size as u64 >= place.offset;
        Ok::<bool, io::Error>(is_long && place.head.is_of(&file)? && place.tail.is_before(&file, place.offset)?)
    };
    place.head.len > 0 && is_it().unwrap_or(false)
}

/// None: it is something else.
fn open_copy(
    files: &Files,
    of: &Key,
    place: &Place,
    (head, tail, offset): (Head, Head, u64),
    copy: &Rotated,
) -> io::Result<Option<Part>> {
    let file = copy.dir.open_file(&copy.name, OFlags::RDONLY)?;
    let stat = fstat(&file)?;
    if FileId::from(&stat) != copy.file {
        return Err(ErrorKind::NotFound.into());
    }
    let is_it = kind(&stat) == FileType::RegularFile
        && stat.st_size as u64 >= offset
        && head.is_of(&file)?
        && tail.is_before(&file, offset)?;
    check_placed(&stat, &copy.dir.stat_self()?)?;
    let key = key(&of.stream, copy.file);
    // Where the pattern has it too, it is read as a file of its own.
    if !is_it || files.reader(&key).is_some() || files.own.ids().contains_key(&copy.file) {
        return Ok(None);
    }
    let len = stat.st_size as u64;
    let place = Place { len, modified: copy.modified, is_done: false, before: None, ..place.clone() };
    let slot = files.checkpoints.add(key.clone(), place);
    let mut part = Part::new(file, key, slot)?;
    part.is_copy = true;
    part.shared = Arc::new(Shared::beside());
    Ok(Some(part))
}
