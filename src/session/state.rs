//! The memory of a machine across boots, on disk: the files that it wrote secrets to, and the
//! highest revision of each registry that it booted from. It holds no value.
//!
//! ```text
//! hushlog state 1
//! file  PATH  INODE  SECONDS  NANOSECONDS    a written file, and the time of its content
//! file  PATH                                 a file that a killed boot may have written
//! seen  ID  REVISION                         a registry
//! end   3                                    the number of these lines
//! ```
//!
//! Fields are separated by tabs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, Stat, fstat};

use crate::registry::RegistryId;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{check_owner, check_regular};
use crate::sys::lock::{self, Lock};
use crate::sys::replace::put_in;

/// The state's directory of a machine.
pub const STATE_DIR: &str = "/var/lib/hushlog";
/// The file in it.
const NAME: &str = "machine-state";
/// The longest file, in bytes.
const LEN_MAX: u64 = 4 << 20;
const HEAD: &str = "hushlog state 1";

/// The directory of the state.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The files, by path. `None` if it is not known whether the file was written.
    pub(super) files: BTreeMap<String, Option<Stamp>>,
    /// The highest revisions, by the ids of registries.
    seen: BTreeMap<String, u64>,
}

/// Identifies the content that was written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl From<&Stat> for Stamp {
    fn from(stat: &Stat) -> Stamp {
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
        Stamp { inode: stat.st_ino, seconds: stat.st_mtime, nanoseconds }
    }
}

/// The state, locked against other writers.
#[derive(Debug)]
pub(super) struct LockedState {
    dir: Dir,
    saved: State,
    pub(super) state: State,
    _lock: Lock,
}

impl StateDir {
    /// A directory, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> StateDir {
        StateDir { path: path.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The highest revision of a registry that a boot of this machine has used. `None` also if this
    /// user cannot read the state.
    ///
    /// # Errors
    ///
    /// When the state is damaged, or another user may have written it.
    pub fn seen(&self, registry: &RegistryId) -> io::Result<Option<u64>> {
        let read = Dir::open(&self.path, Links::Trusted).and_then(|dir| read(&dir));
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
            read => Ok(read?.seen.get(&registry.to_string()).copied()),
        }
    }

    /// Records the revision of a registry that this boot has used.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub fn record(&self, registry: &RegistryId, revision: u64) -> io::Result<()> {
        let mut locked = self.lock()?;
        locked.state.seen.insert(registry.to_string(), revision);
        locked.save()
    }

    /// The state, if it lists files.
    pub(super) fn lock_present(&self) -> io::Result<Option<LockedState>> {
        match Dir::open(&self.path, Links::Trusted).and_then(|dir| read(&dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(state) if state.files.is_empty() => Ok(None),
            Ok(_) => self.lock().map(Some),
        }
    }

    /// The state, in a new directory if there is none.
    pub(super) fn lock(&self) -> io::Result<LockedState> {
        let dir = Dir::open_or_make(&self.path, Links::Trusted, 0o700)?;
        if dir.others_can_write()? {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "other users can write to the directory"));
        }
        let lock = lock::beside_in(&dir, NAME.as_ref(), lock::PATIENCE)?;
        let state = read(&dir)?;
        Ok(LockedState { dir, saved: state.clone(), state, _lock: lock })
    }
}

impl LockedState {
    /// Writes the state, if it has changed. After a return without error, it survives a power cut.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if self.state != self.saved {
            put_in(&self.dir, NAME, 0o600, self.state.render().as_bytes())?;
            self.saved = self.state.clone();
        }
        Ok(())
    }
}

fn read(dir: &Dir) -> io::Result<State> {
    let file = match dir.open_file(NAME, OFlags::RDONLY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
        file => file?,
    };
    let found = fstat(&file)?;
    check_regular(&found)?;
    check_owner(&found)?;
    let mut text = String::new();
    File::from(file).take(LEN_MAX).read_to_string(&mut text)?;
    State::parse(&text).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is damaged"))
}

impl State {
    fn render(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (path, stamp) in &self.files {
            text.push_str("file\t");
            text.push_str(path);
            if let Some(Stamp { inode, seconds, nanoseconds }) = stamp {
                write!(text, "\t{inode}\t{seconds}\t{nanoseconds}").expect("writing to memory does not fail");
            }
            text.push('\n');
        }
        for (id, revision) in &self.seen {
            writeln!(text, "seen\t{id}\t{revision}").expect("writing to memory does not fail");
        }
        text + &format!("end\t{}\n", self.files.len() + self.seen.len())
    }

    fn parse(text: &str) -> Option<State> {
        let lines = text.strip_prefix(HEAD)?.strip_prefix('\n')?.strip_suffix('\n')?;
        let mut state = State::default();
        let mut lines = lines.split('\n');
        loop {
            let line = lines.next()?;
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                ["file", path] => drop(state.files.insert((*path).to_owned(), None)),
                ["file", path, inode, seconds, nanoseconds] => {
                    let (inode, seconds) = (inode.parse().ok()?, seconds.parse().ok()?);
                    let stamp = Stamp { inode, seconds, nanoseconds: nanoseconds.parse().ok()? };
                    state.files.insert((*path).to_owned(), Some(stamp));
                }
                ["seen", id, revision] => {
                    let id: RegistryId = id.parse().ok()?;
                    state.seen.insert(id.to_string(), revision.parse().ok()?);
                }
                ["end", count] if count.parse() == Ok(state.files.len() + state.seen.len()) => break,
                _ => return None,
            }
        }
        lines.next().is_none().then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_only_whole() {
        let stamp = Stamp { inode: 7, seconds: -1, nanoseconds: 999_999_999 };
        let files = [("/etc/myapp/key".to_owned(), Some(stamp)), ("/srv/a b/\u{e4}".to_owned(), None)];
        let seen = [("hlr-3vjlcr43v7olrt4zjbxdrpcho4".to_owned(), u64::MAX)];
        for state in [State::default(), State { files: files.into(), seen: seen.into() }] {
            let text = state.render();
            assert_eq!(State::parse(&text), Some(state));
            for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
                assert_eq!(State::parse(&text[..end]), None, "{end}");
            }
            assert_eq!(State::parse(&format!("{text}end\t0\n")), None);
        }
    }

    #[test]
    fn a_state_is_private_and_saved_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let of = StateDir::new(dir.path().join("a/b"));
        assert!(of.lock_present().expect("none").is_none());
        let id = "hlr-3vjlcr43v7olrt4zjbxdrpcho4".parse().expect("an id");
        assert_eq!(of.seen(&id).expect("none"), None);
        of.record(&id, 7).expect("it is written");
        assert_eq!(of.seen(&id).expect("a state"), Some(7));
        assert!(of.lock_present().expect("a state").is_none(), "it lists no files");
        std::fs::remove_file(of.path().join(NAME)).expect("it is ours");
        let mut locked = of.lock().expect("a state");
        locked.save().expect("nothing to write");
        assert!(!of.path().join(NAME).exists());
        locked.state.files.insert("/x/y".to_owned(), None);
        locked.save().expect("it is written");
        let saved = locked.state.clone();
        drop(locked);
        assert_eq!(of.lock_present().expect("a state").expect("there is one").state, saved);
        std::fs::write(of.path().join(NAME), "hushlog state 1\nend\t1\n").expect("it is ours");
        assert!(of.lock().is_err(), "damaged");
    }
}
