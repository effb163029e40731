//! A name in a directory, and the file that is opened by it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;

use super::in_place::ScrubError;
use super::kind::{self, Kind, Near};
use super::tree::{Outcome, Tree};
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, kind as type_of};
use crate::sys::strict::{self, Reach, is_its_only_name, looks_deleted};

/// A file to be scrubbed, by its directory and name there.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) directory: Arc<Dir>,
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    /// It was asked for by this path, and not found in a directory.
    pub(super) named: bool,
}

/// The outcome of opening a file.
pub(super) enum Opened {
    /// The file.
    File(File),
    /// It is not to be searched.
    No(Outcome),
    /// The name leads to something else by now.
    Moved,
}

impl Site {
    /// A file that was named by its path may be on another file system than its directory.
    pub(super) fn reach(&self) -> Reach {
        if self.named { Reach::Anywhere } else { Reach::Below }
    }

    /// The file that the name leads to, without opening it.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        strict::stat(&*self.directory, &self.name, self.reach())
    }

    /// Whether secrets were read from the file. It is not opened: that could copy it up, into
    /// another layer, where it is another file.
    pub(super) fn is_source(&self, tree: &Tree<'_>) -> bool {
        let sources = tree.scrubber.sources();
        !sources.is_empty()
            && strict::open(&*self.directory, &self.name, OFlags::PATH, self.reach())
                .is_ok_and(|file| sources.holds(&file).unwrap_or(false))
    }

    /// Opens the file that was looked at, to search it, or also to write.
    pub(super) fn open(&self, tree: &Tree<'_>, id: FileId, access: OFlags) -> Result<Opened, ScrubError> {
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = strict::open(&*self.directory, &self.name, flags, self.reach())?;
        let opened = fstat(&file)?;
        if FileId::from(&opened) != id || type_of(&opened) != FileType::RegularFile {
            return Ok(Opened::Moved);
        }
        // It may have been exchanged, and back, while it was looked at.
        if tree.scrubber.sources().holds(&file).map_err(ScrubError::Io)? {
            return Ok(Opened::No(Outcome::Source));
        }
        // A search is no access. Only the owner may ask for that; for others the time of access is
        // set.
        let _ = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::NOATIME));
        if !tree.hard_links {
            let untold = |why: &str| {
                let text = format!("whether it has several names cannot be told: {why} (--hard-links would do it)");
                Ok(Opened::No(Outcome::NotSearched(text)))
            };
            match is_its_only_name(&file) {
                Ok(true) => {}
                Ok(false) if looks_deleted(&self.name) => {
                    return untold("it is called as deleted files are");
                }
                Ok(false) => return Ok(Opened::Moved),
                Err(Errno::NAMETOOLONG) => return untold("its path is too long"),
                Err(error) => return untold(&format!("/proc does not say it: {}", io::Error::from(error))),
            }
        }
        Ok(Opened::File(File::from(file)))
    }

    /// The kind of the open file.
    pub(super) fn kind(&self, file: &File) -> Result<Kind, Errno> {
        use std::os::fd::AsFd;
        let beside = |name: &OsStr| strict::stat(&*self.directory, name, self.reach()).is_ok();
        kind::of(file.as_fd(), &Near { path: &self.path, beside: &beside })
    }
}
