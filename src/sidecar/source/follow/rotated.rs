//! The files that rotation has made of a log: where they are looked for, and how they are
//! recognized.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::FileType;

use super::file::modified;
use super::pattern;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, kind};

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
pub(super) fn rotated<'a>(spots: impl Iterator<Item = &'a Spot>) -> Vec<Rotated> {
    let mut all = Vec::new();
    for spot in spots {
        let mut names = pattern::rotated(&spot.dir, &spot.name);
        names.extend(spot.is_former.then(|| spot.name.clone()));
        for name in names {
            let Some(stat) = spot.dir.stat(&name).ok().filter(|stat| kind(stat) == FileType::RegularFile) else {
                continue;
            };
            let number = pattern::number(&spot.name, &name);
            let (file, modified) = (FileId::from(&stat), modified(&stat));
            all.push(Rotated { dir: Rc::clone(&spot.dir), name, file, modified, number });
        }
    }
    all
}
