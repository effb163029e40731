//! A file that is appended to, and rotated when it is large.
//!
//! - *Rotation by size*: `a.log.1` is the youngest, up to `a.log.KEEP`; only between lines, so that each line is whole in one file. A file
//!   is longer than the size by at most what was written at once (a piece of 256 KiB, and its masks), or one line.
//! - *Rotation by others* (logrotate's `create`, a file that was deleted): before each write it is looked whether the file is still at its
//!   path, so that no signal is needed. `copytruncate` works as well, since everything is appended.
//! - *When it fails* (no space, read-only, an I/O error), what was written stays, and the rest is written when it can be: nothing is
//!   dropped, and no line is torn.
//! - *fsync*: not with each write. The kernel has the bytes when a write returns, so that no crash of the sidecar loses them. They are on
//!   the disk before a checkpoint says so, and before a file is rotated.
//!
//! A file that is made has the mode of the configuration whatever the umask is; one that is there keeps its own. A symbolic link is
//! refused, and so is what is no regular file.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use rustix::fs::{FileType, Mode, OFlags, fdatasync, fstat, lstat};
use rustix::io::Errno;

use super::super::checkpoint::{Identity, lock};

/// The most slices that one call takes.
const SLICES_MAX: usize = 1_024;

/// What is to be on the disk before a checkpoint says so.
static WRITTEN: Mutex<Vec<Weak<OwnedFd>>> = Mutex::new(Vec::new());

/// Waits until all that file sinks and spools have written is on the disk.
pub(crate) fn sync_all() -> io::Result<()> {
    let files: Vec<Arc<OwnedFd>> = lock(&WRITTEN).iter().filter_map(Weak::upgrade).collect();
    files.iter().try_for_each(|file| Ok(fdatasync(&**file)?))
}

/// Has a file synced before each checkpoint.
pub(super) fn sync_before_checkpoints(file: &Arc<OwnedFd>) {
    let mut all = lock(&WRITTEN);
    all.retain(|file| file.strong_count() > 0);
    all.push(Arc::downgrade(file));
}

/// When a file is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// From this size on, in bytes.
    pub(crate) size: u64,
    /// So many rotated files are kept.
    pub(crate) keep: u64,
}

/// See the front of this module.
pub(crate) struct FileSink {
    path: PathBuf,
    mode: u32,
    rotation: Option<Rotation>,
    file: Arc<OwnedFd>,
    identity: Identity,
    /// As far as we know.
    len: u64,
    at_line_start: bool,
}

impl FileSink {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// When it cannot be, or is not a regular file.
    pub(crate) fn open(path: &Path, mode: u32, rotation: Option<Rotation>) -> io::Result<FileSink> {
        let file = open(path, mode)?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        let identity = Identity { device: stat.st_dev, inode: stat.st_ino };
        let file = Arc::new(file);
        sync_before_checkpoints(&file);
        let len = stat.st_size as u64;
        // What an earlier one has left at its end may be torn; the next line goes on there, and is whole from a rotation on.
        Ok(FileSink { path: path.to_owned(), mode, rotation, file, identity, len, at_line_start: true })
    }

    /// Writes all slices, and says in `written` how far it came.
    ///
    /// # Errors
    ///
    /// Those of the system. What was written then is a beginning of the slices, and is in the file.
    pub(crate) fn write_all(&mut self, mut slices: &mut [IoSlice<'_>], written: &mut u64) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        let ends_line = slices.last().and_then(|last| last.last()).is_some_and(|&last| last == b'\n');
        if self.at_line_start {
            self.settle()?;
        }
        while !slices.is_empty() {
            match rustix::io::writev(&*self.file, &slices[..slices.len().min(SLICES_MAX)]) {
                // Nothing documented does this; to go on would be to spin.
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => {
                    *written += len as u64;
                    self.len += len as u64;
                    self.at_line_start = false;
                    IoSlice::advance_slices(&mut slices, len);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at_line_start = ends_line;
        Ok(())
    }

    /// Sees to it that the file is the one at its path, and has room for more.
    fn settle(&mut self) -> io::Result<()> {
        match lstat(&self.path) {
            Ok(stat) if (Identity { device: stat.st_dev, inode: stat.st_ino }) == self.identity => {
                self.len = stat.st_size as u64;
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                *self = FileSink::open(&self.path, self.mode, self.rotation)?;
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

    /// Makes room: each rotated file gets the next number, up to the first that is free. Killed in between, it leaves a number free, and
    /// nothing is lost but the oldest.
    fn rotate(&mut self, keep: u64) -> io::Result<()> {
        fdatasync(&*self.file)?;
        if keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            let free = (1..keep).find(|&number| lstat(self.numbered(number)).is_err()).unwrap_or(keep);
            for number in (1..free).rev() {
                fs::rename(self.numbered(number), self.numbered(number + 1))?;
            }
            fs::rename(&self.path, self.numbered(1))?;
        }
        *self = FileSink::open(&self.path, self.mode, self.rotation)?;
        Ok(())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut name = self.path.as_os_str().as_bytes().to_vec();
        name.extend_from_slice(format!(".{number}").as_bytes());
        PathBuf::from(std::ffi::OsStr::from_bytes(&name))
    }
}

fn open(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            Err(Errno::LOOP) => return Err(io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link")),
            opened => return Ok(opened?),
        }
        match rustix::fs::open(path, flags | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(mode)) {
            Ok(file) => {
                rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
                return Ok(file);
            }
            // Somebody was faster.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A private file that is read and written, made if it is not there.
pub(super) fn private(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    fs::File::from(file.try_clone()?).set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(sink: &mut FileSink, text: &[u8]) {
        let mut written = 0;
        let (first, second) = text.split_at(text.len() / 2);
        sink.write_all(&mut [IoSlice::new(first), IoSlice::new(b""), IoSlice::new(second)], &mut written).unwrap();
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
            write(&mut FileSink::open(&path, wanted, None).unwrap(), b"line\n");
            assert_eq!(mode(&path), wanted);
            fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            write(&mut FileSink::open(&path, wanted, None).unwrap(), b"line\n");
            assert_eq!((mode(&path), read(&path)), (0o640, "line\nline\n".into()));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn lines_are_whole_in_one_file_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = FileSink::open(&path, 0o600, Some(Rotation { size: 20, keep: 3 })).unwrap();
        for number in 0..20 {
            // In two writes: the file is not rotated between the halves of a line.
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
    fn a_rotation_that_was_cut_off_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "new\n").unwrap();
        // After `.2` became `.3`, and before `.1` became `.2`.
        fs::write(dir.path().join("a.log.1"), "old\n").unwrap();
        fs::write(dir.path().join("a.log.3"), "older\n").unwrap();
        let mut sink = FileSink::open(&path, 0o600, Some(Rotation { size: 1, keep: 3 })).unwrap();
        write(&mut sink, b"newer\n");
        let found = ["", ".1", ".2", ".3"].map(|end| read(format!("{}{end}", path.display())));
        assert_eq!(found, ["newer\n", "new\n", "old\n", "older\n"]);
    }

    #[test]
    fn what_others_do_with_the_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = FileSink::open(&path, 0o600, None).unwrap();
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
        // The directory goes and comes back.
        fs::rename(dir.path().join("a.log"), dir.path().join("gone")).unwrap();
        write(&mut sink, b"five\n");
        assert_eq!(read(&path), "five\n");
    }

    #[test]
    fn links_and_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("target"), "").unwrap();
        std::os::unix::fs::symlink("target", dir.path().join("link")).unwrap();
        for name in ["link", "."] {
            assert!(FileSink::open(&dir.path().join(name), 0o600, None).is_err(), "{name}");
        }
        assert!(FileSink::open(Path::new("/dev/null"), 0o600, None).is_err());
        assert_eq!(read(dir.path().join("target")), "");
    }

    #[test]
    fn what_does_not_fit_says_how_far_it_came_and_goes_on() {
        // The limit is the process's own, and so is the signal that comes with it: a full device will do.
        let Ok(full) = rustix::fs::open("/dev/full", OFlags::WRONLY, Mode::empty()) else { return };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = FileSink::open(&path, 0o600, None).unwrap();
        write(&mut sink, b"half a ");
        let good = std::mem::replace(&mut sink.file, Arc::new(full));
        let mut written = 0;
        let error = sink.write_all(&mut [IoSlice::new(b"line\n")], &mut written).unwrap_err();
        assert_eq!((error.kind(), written), (ErrorKind::StorageFull, 0));
        sink.file = good;
        write(&mut sink, b"line\n");
        assert_eq!(read(&path), "half a line\n");
    }
}
