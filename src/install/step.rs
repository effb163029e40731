//! One file of a machine: what is to become of it, and doing that. A step that was done already changes nothing.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Stat};

use super::root::{Root, text};
use super::{BLOCK_END, BLOCK_START, MARK};
use crate::sys::beneath::Dir;
use crate::sys::file::kind;
use crate::sys::replace::{put_in, replace_in};

/// A file, and what is to become of it.
#[derive(Debug)]
pub struct Step {
    pub(super) root: Arc<Root>,
    /// From the root on.
    pub(super) path: String,
    /// The same with the root's own path.
    pub(super) shown: PathBuf,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    /// A file of ours, with this mode.
    File(u32, String),
    /// A link to a file of ours.
    Link(PathBuf),
    /// A block at the beginning of somebody else's file.
    BlockFirst(String),
    /// A block behind the last line that holds this.
    BlockBehind(&'static str, String),
    /// No file or link of ours.
    Removed,
    /// No block of ours in somebody else's file.
    NoBlock,
}

/// The effect of a step, done or planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The file is new or has changed.
    Written,
    /// The file is gone, or what was put into it.
    Removed,
    /// It was so before.
    Unchanged,
    /// The file is somebody else's, and was left alone.
    Foreign,
}

impl Step {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// Whether it is about some lines of somebody else's file.
    pub fn is_block(&self) -> bool {
        matches!(self.change, Change::BlockFirst(_) | Change::BlockBehind(..) | Change::NoBlock)
    }

    /// The effect that it would have.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn outcome(&self) -> io::Result<StepOutcome> {
        match &self.change {
            Change::File(mode, wanted) => {
                let Some((dir, name, found)) = self.here()? else { return Ok(StepOutcome::Written) };
                match text_of_ours(&dir, &name, &found)? {
                    None => Ok(StepOutcome::Foreign),
                    Some(present) if present == *wanted && found.st_mode & 0o777 == *mode => Ok(StepOutcome::Unchanged),
                    Some(_) => Ok(StepOutcome::Written),
                }
            }
            Change::Link(target) => match self.here()? {
                None => Ok(StepOutcome::Written),
                Some((dir, name, found)) if kind(&found) == FileType::Symlink && dir.read_link(&name)? == *target => {
                    Ok(StepOutcome::Unchanged)
                }
                Some(_) => Ok(StepOutcome::Foreign),
            },
            Change::BlockFirst(_) | Change::BlockBehind(..) => {
                let present = self.text()?.unwrap_or_default();
                Ok(if self.with_block(&present) == present { StepOutcome::Unchanged } else { StepOutcome::Written })
            }
            Change::Removed => {
                let Some((dir, name, found)) = self.here()? else { return Ok(StepOutcome::Unchanged) };
                let is_ours = kind(&found) == FileType::Symlink || text_of_ours(&dir, &name, &found)?.is_some();
                Ok(if is_ours { StepOutcome::Removed } else { StepOutcome::Foreign })
            }
            Change::NoBlock => {
                let present = self.text()?.unwrap_or_default();
                Ok(if without_block(&present) == present { StepOutcome::Unchanged } else { StepOutcome::Removed })
            }
        }
    }

    /// The directory of the file, its name, and its status: of a link, that of the link itself.
    /// Nothing if it is not there.
    fn here(&self) -> io::Result<Option<(Dir, OsString, Stat)>> {
        let found = self.root.parent(&self.path, false).and_then(|(dir, name)| {
            let found = dir.stat(&name)?;
            Ok((dir, name, found))
        });
        match found {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Does it, and says what it came to.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written. It is as it was.
    pub fn apply(&self) -> io::Result<StepOutcome> {
        let outcome = self.outcome()?;
        if matches!(outcome, StepOutcome::Unchanged | StepOutcome::Foreign) {
            return Ok(outcome);
        }
        match &self.change {
            Change::File(mode, text) => {
                let (dir, name) = self.root.parent(&self.path, true)?;
                put_in(&dir, name, *mode, text.as_bytes())?;
            }
            Change::Link(target) => {
                let (dir, name) = self.root.parent(&self.path, true)?;
                dir.symlink(target, name)?;
            }
            Change::Removed => {
                let (dir, name) = self.root.parent(&self.path, false)?;
                dir.unlink(name)?;
                // The directory of a drop-in, if nothing else is in it.
                let around = self.path.rsplit_once('/').map(|(around, _)| around);
                if let Some(around) =
                    around.filter(|around| around.ends_with(".service.d") || around.ends_with(".wants"))
                {
                    let (dir, name) = self.root.parent(around, false)?;
                    let _ = dir.remove_dir(name);
                }
            }
            Change::BlockFirst(_) | Change::BlockBehind(..) => {
                let present = self.text()?.unwrap_or_default();
                self.put(&self.with_block(&present))?;
            }
            Change::NoBlock => {
                let present = self.text()?.unwrap_or_default();
                self.put(&without_block(&present))?;
            }
        }
        Ok(outcome)
    }

    /// Writes another owner's file, which keeps its owner, group and mode; and a link to it stays
    /// one, as in machines whose /etc is kept elsewhere.
    fn put(&self, text: &str) -> io::Result<()> {
        let (dir, name) = self.root.find(&self.path)?;
        replace_in(&dir, name, 0o777, text.as_bytes())
    }

    /// The text of another owner's file; nothing if there is none.
    fn text(&self) -> io::Result<Option<String>> {
        match self.root.find(&self.path).and_then(|(dir, name)| text(&dir, &name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => text,
        }
    }

    fn with_block(&self, present: &str) -> String {
        let rest = without_block(present);
        let (block, at) = match &self.change {
            Change::BlockBehind(mark, block) => {
                let ends =
                    rest.match_indices(mark).last().and_then(|(at, _)| rest[at..].find('\n').map(|len| at + len + 1));
                (block, ends.unwrap_or(rest.len()))
            }
            Change::BlockFirst(block) => (block, 0),
            _ => return rest,
        };
        let newline = if at > 0 && !rest[..at].ends_with('\n') { "\n" } else { "" };
        format!("{}{newline}{BLOCK_START}{block}{BLOCK_END}{}", &rest[..at], &rest[at..])
    }
}

fn without_block(present: &str) -> String {
    let parts = present.split_once(BLOCK_START);
    let parts = parts.and_then(|(before, rest)| rest.split_once(BLOCK_END).map(|(_, after)| (before, after)));
    parts.map_or_else(|| present.to_owned(), |(before, after)| format!("{before}{after}"))
}

/// The text of a file that was put there by us; nothing if it was not.
fn text_of_ours(dir: &Dir, name: &OsString, found: &Stat) -> io::Result<Option<String>> {
    if kind(found) != FileType::RegularFile {
        return Ok(None);
    }
    Ok(text(dir, name)?.filter(|text| text.contains(MARK)))
}
