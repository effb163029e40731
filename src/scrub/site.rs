//! A name in a directory, and the file opened by it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;

use super::kind::{self, Kind, Near};
use super::outcome::{Outcome, ScrubError};
use super::rules::Rules;
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, kind as type_of};
use crate::sys::strict::{self, Reach, is_its_only_name, looks_deleted};

/// A file to scrub, identified by its directory and name.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) directory: Arc<Dir>,
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    /// The user named this path; it was not found in a directory listing.
    pub(super) named: bool,
}

/// The outcome of opening a file.
pub(super) enum Opened {
    /// The file.
    File(File),
    /// The file is not to be searched.
    No(Outcome),
    /// The name now refers to another file.
    Moved,
}

impl Site {
    /// A file named by its path may be on another file system than its directory.
    pub(super) fn reach(&self) -> Reach {
        if self.named { Reach::Anywhere } else { Reach::Below }
    }

    /// The status of the named file, without opening it.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        strict::stat(&*self.directory, &self.name, self.reach())
    }

    /// Whether the file is a source of secrets. Uses `O_PATH`, since opening could copy the file up
    /// into another overlay layer, where it is a different file.
    pub(super) fn is_source(&self, rules: Rules<'_>) -> bool {
        let sources = rules.scrubber.sources();
        !sources.is_empty()
            && strict::open(&*self.directory, &self.name, OFlags::PATH, self.reach())
                .is_ok_and(|file| sources.holds(&file).unwrap_or(false))
    }

    /// Opens the inspected file for searching, or also for writing.
    pub(super) fn open(&self, rules: Rules<'_>, id: FileId, access: OFlags) -> Result<Opened, ScrubError> {
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = strict::open(&*self.directory, &self.name, flags, self.reach())?;
        let opened = fstat(&file)?;
        if FileId::from(&opened) != id || type_of(&opened) != FileType::RegularFile {
            return Ok(Opened::Moved);
        }
        // The file may have been swapped, and back, during the check.
        if rules.scrubber.sources().holds(&file).map_err(ScrubError::Io)? {
            return Ok(Opened::No(Outcome::Source));
        }
        // A search is no access. Only the owner may set `O_NOATIME`; for other users the access
        // time is updated.
        let _ = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::NOATIME));
        if !rules.hard_links {
            let untold = |why: &str| {
                let text =
                    format!("cannot find out whether it has several names: {why} (--hard-links scrubs it anyway)");
                Ok(Opened::No(Outcome::NotSearched(text)))
            };
            match is_its_only_name(&file) {
                Ok(true) => {}
                Ok(false) if looks_deleted(&self.name) => {
                    return untold("its name looks like that of a deleted file");
                }
                Ok(false) => return Ok(Opened::Moved),
                Err(Errno::NAMETOOLONG) => return untold("its path is too long"),
                Err(error) => return untold(&format!("/proc does not name it: {}", io::Error::from(error))),
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
