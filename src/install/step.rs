//! A step: one file of a machine, and the change to it. Repeating a step changes nothing.

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

/// A change to one file.
#[derive(Debug)]
pub struct Step {
    pub(super) root: Arc<Root>,
    /// The path below the root.
    pub(super) path: String,
    /// The path with the root's own path.
    pub(super) shown: PathBuf,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    /// A file of ours, with this mode.
    File(u32, String),
    /// A link to a file of ours.
    Link(PathBuf),
    /// A block at the beginning of another owner's file.
    BlockFirst(String),
    /// A block behind the last line that holds this text.
    BlockBehind(&'static str, String),
    /// No file or link of ours.
    Removed,
    /// No block of ours in another owner's file.
    NoBlock,
}

/// The effect of a step, applied or planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The file is new or has changed.
    Written,
    /// The file, or the block in it, was removed.
    Removed,
    /// The file was already as required.
    Unchanged,
    /// The file has another owner, and was left unchanged.
    Foreign,
}

impl Step {
    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// Whether the step concerns only a block in another owner's file.
    pub fn is_block(&self) -> bool {
        matches!(self.change, Change::BlockFirst(_) | Change::BlockBehind(..) | Change::NoBlock)
    }

    /// The effect that the step would have.
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

    /// The directory of the file, the file's name, and its status (without following a link). None
    /// if there is no file.
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

    /// Applies the step, and returns its effect.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written. It is unchanged then.
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
                // Removes the directory of a drop-in if it is empty.
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

    /// Writes another owner's file. Its owner, group and mode stay, and so does a link to it, for
    /// machines with /etc kept elsewhere.
    fn put(&self, text: &str) -> io::Result<()> {
        let (dir, name) = self.root.find(&self.path)?;
        replace_in(&dir, name, 0o777, text.as_bytes())
    }

    /// The text of another owner's file; none if there is no file.
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

/// The text of a file that carries our mark; none otherwise.
fn text_of_ours(dir: &Dir, name: &OsString, found: &Stat) -> io::Result<Option<String>> {
    if kind(found) != FileType::RegularFile {
        return Ok(None);
    }
    Ok(text(dir, name)?.filter(|text| text.contains(MARK)))
}
