//! A file sink: appends to a file, and rotates it when it is large.
//!
//! - *Rotation by size*: `a.log.1` is the youngest file, `a.log.KEEP` the oldest. A file is rotated
//!   only between lines, so that no line is split. It exceeds the size by at most one write (a
//!   piece of 256 KiB, and its masks), or one line.
//! - *Rotation by others* (logrotate's `create`, a deleted file): each write first checks that the
//!   path still names the file, so that no signal is needed. `copytruncate` works as well, since
//!   every write appends.
//! - *Failures* (no space, read-only, an I/O error): the written part stays, and the rest follows
//!   when it can be written. Nothing is dropped, and no line is torn.
//! - *A torn end*: a kill leaves the beginning of a line, and a power cut that or zeros. The line
//!   is repeated, and begins on a line of its own. Otherwise it would be in the file only as the
//!   rest of a broken line.
//! - *fsync*: not with each write. The kernel has the bytes when a write returns, so that no crash
//!   of the sidecar loses them. They are synced before a checkpoint covers them, and before a file
//!   is rotated. The names in its directory are synced whenever the file is opened.
//!
//! A new file has the configured mode, independent of the umask; an existing one keeps its own. A
//! symbolic link is refused, and so is anything but a regular file. Links among the directories of
//! the path follow the rule of [`Links::Trusted`]. Files are created and renamed in the directory
//! that was opened that way.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{OFlags, fstat, lstat};
use rustix::io::{Errno, pread, retry_on_intr, write, writev};

use super::batch::Batch;
use super::sync::OutputSync;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, check_placed_to_write, check_regular};
use crate::sys::write::write_all;

/// The number of rotated files that are compared with other paths of a plan, and that sources skip.
const NAMES_MAX: u64 = 1_000;

/// The limits of rotation by size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// The size at which a file is rotated, in bytes.
    pub(crate) size: u64,
    /// The number of rotated files to keep.
    pub(crate) keep: u64,
}

/// A file that is appended to, and rotated.
pub(crate) struct FileSink {
    path: PathBuf,
    /// The directory of the path as opened, and the name of the file in it.
    dir: Dir,
    name: OsString,
    mode: u32,
    rotation: Option<Rotation>,
    file: Arc<OwnedFd>,
    outputs: Arc<OutputSync>,
    identity: FileId,
    /// The length when last checked, and the bytes written since.
    len: u64,
    at_line_start: bool,
    /// Nothing was written since the file was opened.
    is_untouched: bool,
}

impl FileSink {
    /// Opens the file, or creates it. `outputs` syncs it before checkpoints.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or is not a regular file.
    pub(crate) fn open(
        path: &Path,
        mode: u32,
        rotation: Option<Rotation>,
        outputs: &Arc<OutputSync>,
    ) -> io::Result<FileSink> {
        let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
        let open = |access| dir.open_or_create(&name, access | OFlags::APPEND, mode);
        // The end of the file is read, if this user may.
        let opened = match open(OFlags::RDWR) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => open(OFlags::WRONLY),
            opened => opened,
        };
        let (file, _) = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP) => io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link"),
            _ => error,
        })?;
        let stat = fstat(&file)?;
        check_regular(&stat)?;
        check_placed_to_write(&stat, &dir.stat_self()?)?;
        // A killed process, or a program that rotates the file, may not have synced them.
        outputs.sync_names(&dir)?;
        let file = Arc::new(file);
        outputs.add(&file);
        let (identity, len) = (FileId::from(&stat), stat.st_size as u64);
        Ok(FileSink {
            path: path.to_owned(),
            dir,
            name,
            mode,
            rotation,
            file,
            outputs: Arc::clone(outputs),
            identity,
            len,
            at_line_start: true,
            is_untouched: true,
        })
    }

    /// Writes the bytes of the batch after the first `written`, and advances `written`.
    ///
    /// # Errors
    ///
    /// Those of the system. The written part is a prefix of the batch, and is in the file.
    pub(super) fn write(&mut self, batch: &Batch<'_>, written: &mut u64) -> io::Result<()> {
        let mut slices = batch.io_slices(*written);
        let ends_line = slices.last().and_then(|last| last.last()).is_some_and(|&last| last == b'\n');
        if self.at_line_start {
            self.settle()?;
        }
        if self.is_untouched && batch.begins_line(*written) && self.is_torn() {
            self.len += retry_on_intr(|| write(&*self.file, b"\n"))? as u64;
        }
        self.is_untouched = false;
        write_all(&mut slices, |slices| {
            let len = retry_on_intr(|| writev(&*self.file, slices))?;
            *written += len as u64;
            self.len += len as u64;
            self.at_line_start = false;
            Ok::<usize, Errno>(len)
        })?;
        self.at_line_start = ends_line;
        Ok(())
    }

    /// Ensures that the file is the one at its path, and below the size of rotation. The check of
    /// the path only detects a change; the changed file is then opened with all checks.
    fn settle(&mut self) -> io::Result<()> {
        match lstat(&self.path) {
            Ok(stat) if FileId::from(&stat) == self.identity => {
                self.len = stat.st_size as u64;
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                *self = self.open_again()?;
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(rotation) = self.rotation
            && self.len >= rotation.size
            && self.len > 0
        {
            self.rotate(rotation.keep)?;
        }
        Ok(())
    }

    /// Whether the last line of the file has no end. False if the file cannot be read.
    fn is_torn(&self) -> bool {
        let (at, mut last) = (self.len.wrapping_sub(1), [0]);
        self.len > 0 && retry_on_intr(|| pread(&*self.file, &mut last, at)).is_ok_and(|len| len > 0 && last != *b"\n")
    }

    fn open_again(&self) -> io::Result<FileSink> {
        FileSink::open(&self.path, self.mode, self.rotation, &self.outputs)
    }

    /// Renames each rotated file to the next number, up to the first free one. A kill in between
    /// leaves a free number, and loses nothing but the oldest file.
    fn rotate(&mut self, keep: u64) -> io::Result<()> {
        self.outputs.sync(&self.file)?;
        // If the directory was replaced meanwhile, no file in the new one is ours to rename.
        if FileId::from(&self.dir.stat(&self.name)?) == self.identity {
            if keep == 0 {
                self.dir.unlink_if(&self.name, self.identity)?;
            } else {
                let free = (1..keep).find(|&number| self.dir.stat(self.numbered(number)).is_err()).unwrap_or(keep);
                for number in (1..free).rev() {
                    self.dir.rename(self.numbered(number), self.numbered(number + 1))?;
                }
                self.dir.rename(&self.name, self.numbered(1))?;
            }
        }
        *self = self.open_again()?;
        Ok(())
    }

    fn numbered(&self, number: u64) -> OsString {
        numbered(&self.name, number)
    }
}

/// Syncs the file: another one may be at its path when it is opened again, and no checkpoint would
/// sync this one.
impl Drop for FileSink {
    fn drop(&mut self) {
        let _ = self.outputs.sync(&self.file);
    }
}

fn numbered(name: &OsStr, number: u64) -> OsString {
    let mut name = name.to_owned();
    name.push(format!(".{number}"));
    name
}

/// Returns the paths of the rotated files, the youngest first.
pub(crate) fn rotated_paths(path: &Path, keep: u64) -> impl Iterator<Item = PathBuf> {
    (1..=keep.min(NAMES_MAX)).map(|number| numbered(path.as_os_str(), number).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redacted::{Piece, PieceKind, RedactedBuf};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn open(path: &Path, mode: u32, rotation: Option<Rotation>) -> io::Result<FileSink> {
        FileSink::open(path, mode, rotation, &Arc::default())
    }

    fn try_write(sink: &mut FileSink, text: &[u8], written: &mut u64) -> io::Result<()> {
        let (first, second) = text.split_at(text.len() / 2);
        let pieces = [first, b"", second].into_iter().map(|bytes| Piece::of(bytes, PieceKind::Input, 0));
        sink.write(&Batch::new(pieces, &mut RedactedBuf::default(), false), written)
    }

    fn write(sink: &mut FileSink, text: &[u8]) {
        let mut written = 0;
        try_write(sink, text, &mut written).unwrap();
        assert_eq!(written, text.len() as u64);
    }

    fn read(path: impl AsRef<Path>) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn d12_a_new_file_has_its_mode_and_an_old_one_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        for wanted in [0o600, 0o644, 0o666] {
            write(&mut open(&path, wanted, None).unwrap(), b"line\n");
            assert_eq!(mode(&path), wanted);
            fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            write(&mut open(&path, wanted, None).unwrap(), b"line\n");
            assert_eq!((mode(&path), read(&path)), (0o640, "line\nline\n".into()));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn lines_are_whole_in_one_file_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = open(&path, 0o600, Some(Rotation { size: 20, keep: 3 })).unwrap();
        for number in 0..20 {
            // In two writes: the file is not rotated within a line.
            write(&mut sink, format!("number {number:02}").as_bytes());
            write(&mut sink, b" end\n");
        }
        let all: String = [".3", ".2", ".1", ""].iter().map(|end| read(format!("{}{end}", path.display()))).collect();
        let want: String = (12..20).map(|number| format!("number {number:02} end\n")).collect();
        assert_eq!(all, want);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
        assert_eq!(mode(&dir.path().join("a.log.2")), 0o600);
    }

    #[test]
    fn a44_a_line_begins_behind_a_torn_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        for (end, is_within_line, written, wanted) in [
            ("line 1\nli", false, 0, "line 1\nli\nline 2\n"),
            ("line 1\n\0\0", false, 0, "line 1\n\0\0\nline 2\n"),
            // The next sidecar writes the rest of a piece or of a line.
            ("line 1\nli", false, 2, "line 1\nline 2\n"),
            ("li", true, 0, "liline 2\n"),
            ("line 1\n", false, 0, "line 1\nline 2\n"),
            ("", false, 0, "line 2\n"),
        ] {
            fs::write(&path, end).unwrap();
            let (mut sink, mut gathered) = (open(&path, 0o600, None).unwrap(), RedactedBuf::default());
            let pieces = std::iter::once(Piece::of(b"line 2\n", PieceKind::Input, 0));
            let batch = Batch::new(pieces, &mut gathered, false).within_line(is_within_line);
            sink.write(&batch, &mut { written }).unwrap();
            assert_eq!((read(&path), sink.len), (wanted.to_owned(), wanted.len() as u64));
            // Another program's unfinished line is not examined while the sidecar runs.
            fs::write(&path, "theirs").unwrap();
            write(&mut sink, b"ours\n");
            assert_eq!(read(&path), "theirsours\n");
        }
    }

    #[test]
    fn a_rotation_that_was_cut_off_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "new\n").unwrap();
        // After `.2` became `.3`, and before `.1` became `.2`.
        fs::write(dir.path().join("a.log.1"), "old\n").unwrap();
        fs::write(dir.path().join("a.log.3"), "older\n").unwrap();
        let mut sink = open(&path, 0o600, Some(Rotation { size: 1, keep: 3 })).unwrap();
        write(&mut sink, b"newer\n");
        let found = ["", ".1", ".2", ".3"].map(|end| read(format!("{}{end}", path.display())));
        assert_eq!(found, ["newer\n", "new\n", "old\n", "older\n"]);
    }

    #[test]
    fn changes_of_the_file_by_others_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = open(&path, 0o600, None).unwrap();
        write(&mut sink, b"one\n");
        fs::rename(&path, dir.path().join("moved")).unwrap();
        write(&mut sink, b"two\n");
        assert_eq!((read(dir.path().join("moved")), read(&path)), ("one\n".into(), "two\n".into()));
        fs::remove_file(&path).unwrap();
        write(&mut sink, b"three\n");
        assert_eq!(read(&path), "three\n");
        // copytruncate
        fs::write(&path, "").unwrap();
        write(&mut sink, b"four\n");
        assert_eq!(read(&path), "four\n");
        fs::rename(dir.path().join("a.log"), dir.path().join("gone")).unwrap();
        write(&mut sink, b"five\n");
        assert_eq!(read(&path), "five\n");
        // The directory is moved, and created again.
        let inner = dir.path().join("in");
        fs::create_dir(&inner).unwrap();
        let mut sink = open(&inner.join("a.log"), 0o600, Some(Rotation { size: 1, keep: 3 })).unwrap();
        write(&mut sink, b"six\n");
        fs::rename(&inner, dir.path().join("away")).unwrap();
        fs::create_dir(&inner).unwrap();
        write(&mut sink, b"seven\n");
        assert_eq!(
            (read(inner.join("a.log")), read(dir.path().join("away/a.log"))),
            ("seven\n".into(), "six\n".into())
        );
    }

    #[test]
    fn links_and_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("target"), "").unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        for name in ["link", "."] {
            assert!(open(&dir.path().join(name), 0o600, None).is_err(), "{name}");
        }
        assert!(open(Path::new("/dev/null"), 0o600, None).is_err());
        assert_eq!(read(dir.path().join("target")), "");
    }

    #[test]
    fn a15_a_directory_that_others_linked_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["theirs", "private", "theirs/logs"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::set_permissions(at("theirs"), Permissions::from_mode(0o777)).unwrap();
        let path = at("theirs/logs/a.log");
        let mut sink = open(&path, 0o600, Some(Rotation { size: 1, keep: 3 })).unwrap();
        write(&mut sink, b"one\n");
        // Without the check, the sink would rename the existing file and create another one beside
        // it.
        fs::write(at("private/a.log"), "private\n").unwrap();
        fs::rename(at("theirs/logs"), at("theirs/moved")).unwrap();
        symlink("../private", at("theirs/logs")).unwrap();
        let mut written = 0;
        assert!(try_write(&mut sink, b"two\n", &mut written).is_err());
        assert!(open(&path, 0o600, None).is_err());
        assert_eq!((fs::read_dir(at("private")).unwrap().count(), read(at("private/a.log"))), (1, "private\n".into()));
        fs::remove_file(at("theirs/logs")).unwrap();
        fs::rename(at("theirs/moved"), at("theirs/logs")).unwrap();
        write(&mut sink, b"two\n");
        assert_eq!((read(&path), read(at("theirs/logs/a.log.1"))), ("two\n".into(), "one\n".into()));
        // A link of this user, in a directory of this user.
        symlink("theirs/logs", at("link")).unwrap();
        write(&mut open(&at("link/a.log"), 0o600, None).unwrap(), b"three\n");
        assert_eq!(read(&path), "two\nthree\n");
        // A hard link to a file elsewhere.
        fs::hard_link(at("private/a.log"), at("theirs/b.log")).unwrap();
        assert!(open(&at("theirs/b.log"), 0o600, None).is_err());
    }

    #[test]
    fn a_short_write_reports_its_length_and_continues() {
        // A size limit would hold for the whole process, and so would its signal: a full device
        // will do.
        let Ok(full) = fs::File::options().write(true).open("/dev/full") else { return };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = open(&path, 0o600, None).unwrap();
        write(&mut sink, b"half a ");
        let good = std::mem::replace(&mut sink.file, Arc::new(full.into()));
        let mut written = 0;
        let error = try_write(&mut sink, b"line\n", &mut written).unwrap_err();
        assert_eq!((error.kind(), written), (ErrorKind::StorageFull, 0));
        sink.file = good;
        write(&mut sink, b"line\n");
        assert_eq!(read(&path), "half a line\n");
    }
}
