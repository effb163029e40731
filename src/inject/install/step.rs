//! One file of a machine: what is to become of it, and doing that. A step that was done already changes nothing.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{BLOCK_END, BLOCK_START, MARK};
use crate::sys::replace::replace;

/// A file, and what is to become of it.
#[derive(Debug)]
pub struct Step {
    pub(super) path: PathBuf,
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

/// What a step came to, or would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
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
        &self.path
    }

    /// Whether it is about some lines of somebody else's file.
    pub fn is_block(&self) -> bool {
        matches!(self.change, Change::BlockFirst(_) | Change::BlockBehind(..) | Change::NoBlock)
    }

    /// What it would come to.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn outcome(&self) -> io::Result<Outcome> {
        match &self.change {
            Change::File(mode, text) => match self.text()? {
                None => Ok(Outcome::Written),
                Some(present) if !present.contains(MARK) => Ok(Outcome::Foreign),
                Some(present) => {
                    let is_same = present == *text && fs::metadata(&self.path)?.permissions().mode() & 0o777 == *mode;
                    Ok(if is_same { Outcome::Unchanged } else { Outcome::Written })
                }
            },
            Change::Link(target) => match fs::read_link(&self.path) {
                Ok(present) if present == *target => Ok(Outcome::Unchanged),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Outcome::Written),
                _ => Ok(Outcome::Foreign),
            },
            Change::BlockFirst(_) | Change::BlockBehind(..) => {
                let present = self.text()?.unwrap_or_default();
                Ok(if self.with_block(&present) == present { Outcome::Unchanged } else { Outcome::Written })
            }
            Change::Removed => self.outcome_of_removal(),
            Change::NoBlock => {
                let present = self.text()?.unwrap_or_default();
                Ok(if without_block(&present) == present { Outcome::Unchanged } else { Outcome::Removed })
            }
        }
    }

    fn outcome_of_removal(&self) -> io::Result<Outcome> {
        match fs::read_link(&self.path) {
            Ok(_) => return Ok(Outcome::Removed),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::Unchanged),
            Err(_) => {}
        }
        let is_ours = self.text()?.is_some_and(|text| text.contains(MARK));
        Ok(if is_ours { Outcome::Removed } else { Outcome::Foreign })
    }

    /// Does it, and says what it came to.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written. It is as it was.
    pub fn apply(&self) -> io::Result<Outcome> {
        let outcome = self.outcome()?;
        if matches!(outcome, Outcome::Unchanged | Outcome::Foreign) {
            return Ok(outcome);
        }
        match &self.change {
            Change::File(mode, text) => {
                self.make_directory()?;
                self.put(*mode, text)?;
            }
            Change::Link(target) => {
                self.make_directory()?;
                symlink(target, &self.path)?;
            }
            Change::Removed => {
                fs::remove_file(&self.path)?;
                // The directory of a drop-in, if nothing else is in it.
                let _ = self.path.parent().filter(|parent| parent.extension().is_some()).map(fs::remove_dir);
            }
            Change::BlockFirst(_) | Change::BlockBehind(..) => {
                let present = self.text()?.unwrap_or_default();
                self.put(self.mode()?, &self.with_block(&present))?;
            }
            Change::NoBlock => {
                let present = self.text()?.unwrap_or_default();
                self.put(self.mode()?, &without_block(&present))?;
            }
        }
        Ok(outcome)
    }

    fn make_directory(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), fs::create_dir_all)
    }

    fn mode(&self) -> io::Result<u32> {
        Ok(fs::metadata(&self.path)?.permissions().mode() & 0o7777)
    }

    fn put(&self, mode: u32, text: &str) -> io::Result<()> {
        // A link stays one, as in machines whose /etc is kept elsewhere.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        replace(&path, mode, text.as_bytes())?;
        // Whatever the umask is.
        fs::set_permissions(&path, Permissions::from_mode(mode))
    }

    /// The file's text; nothing if there is no file.
    fn text(&self) -> io::Result<Option<String>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => String::from_utf8(bytes?).map(Some).map_err(|_| ErrorKind::InvalidData.into()),
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
