//! A file or directory that the user names for reading.
//!
//! | the path leads to | input |
//! | --- | --- |
//! | `/dev/stdin`, `/dev/fd/N`, `/proc/self/fd/N` | that descriptor's file; a regular file from its beginning |
//! | a regular file, a terminal or another device | the file |
//! | a FIFO | everything until its writers have closed it; waits for the first one |
//! | a directory | its [names](Input::names) |
//!
//! The owner of a directory on the way controls the path, and could use a link to make root read a
//! file that is root's alone. So links are followed by the rule of [`Links::ToReadTheirs`], and
//! root reads no file that another user may have hard-linked there.
//!
//! Cost: two calls for a path without links, otherwise two per component. Memory: for a path
//! without links, one descriptor at a time.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;

use super::beneath::{Dir, Links, resolve};
use super::file::{FileId, check_placed, kind};
use super::output::{descriptor, is_link_refused};
use super::recording;
use super::strict::{self, Reach};

/// The flags for reopening one of this process's descriptors.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// The number of attempts, and the pause between them, for a file under a lease: its holder must
/// release it.
const LEASE_TRIES: usize = 500;
const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// The target of a path that the user names. Nothing is opened for reading yet.
#[derive(Debug)]
pub struct Input {
    target: Target,
    stat: Stat,
    /// The owner of the links on the way. They may lead only to a file of the same owner.
    owner: Option<u32>,
    /// The path as named; `None` for a descriptor.
    path: Option<PathBuf>,
}

#[derive(Debug)]
enum Target {
    /// The path contains no link.
    Path(PathBuf),
    /// The links on the way may be followed.
    Named(Dir, OsString),
    /// A directory without a name: `/`, or the target of `..`.
    Directory(Dir),
    Descriptor(OwnedFd),
}

impl Input {
    /// Inspects the file at a path.
    ///
    /// # Errors
    ///
    /// `NotFound`; `PermissionDenied` for a link that the rule does not allow; those of the system.
    pub fn find(path: &Path) -> io::Result<Input> {
        if let Some(number) = spelled(path) {
            return Input::of_descriptor(number);
        }
        match strict::open(CWD, path, OFlags::PATH, Reach::Anywhere).and_then(fstat) {
            Ok(stat) if kind(&stat) != FileType::Symlink => {
                let target = Target::Path(path.into());
                return Ok(Input { target, stat, owner: None, path: Some(path.into()) });
            }
            // There is a link, or the system or its seccomp filter lacks openat2.
            Ok(_) | Err(Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
        match descriptor(path, Links::ToRead) {
            Some(number) => Input::of_descriptor(number),
            None => Input::walk(path).map_err(|error| told(path, error)),
        }
    }

    fn walk(path: &Path) -> io::Result<Input> {
        let (dir, name, owner) = resolve(path, Links::ToReadTheirs)?;
        let (stat, target) = match name {
            Some(name) => (dir.stat(&name)?, Target::Named(dir, name)),
            None => (dir.stat_self()?, Target::Directory(dir)),
        };
        check_owner(&stat, owner)?;
        Ok(Input { target, stat, owner, path: Some(path.into()) })
    }

    /// The standard input can be a socket or another user's terminal, which cannot be reopened.
    fn of_descriptor(number: RawFd) -> io::Result<Input> {
        let fd = match openat(CWD, format!("/proc/self/fd/{number}"), READ, Mode::empty()) {
            Err(_) if number == 0 => io::stdin().as_fd().try_clone_to_owned()?,
            fd => fd?,
        };
        Ok(Input { stat: fstat(&fd)?, target: Target::Descriptor(fd), owner: None, path: None })
    }

    /// The file's type.
    pub fn kind(&self) -> FileType {
        kind(&self.stat)
    }

    /// The identity of a regular file.
    pub fn file_id(&self) -> Option<FileId> {
        (self.kind() == FileType::RegularFile).then(|| FileId::from(&self.stat))
    }

    /// The size of a regular file, in bytes.
    pub fn size(&self) -> Option<u64> {
        let is_file = self.kind() == FileType::RegularFile;
        u64::try_from(self.stat.st_size).ok().filter(|_| is_file)
    }

    /// Opens the file. Waits until a FIFO has something to read, or no writer any more.
    ///
    /// # Errors
    ///
    /// `IsADirectory`; `InvalidInput` if it was exchanged for a file of another type; as root,
    /// `PermissionDenied` for a hard link that another user may have put there; those of the
    /// system.
    pub fn open(self) -> io::Result<File> {
        if self.kind() == FileType::Directory {
            return Err(ErrorKind::IsADirectory.into());
        }
        let fd = match self.target {
            Target::Descriptor(fd) => {
                recording::note(&fd, None);
                return Ok(File::from(fd));
            }
            _ => self.open_now()?,
        };
        let opened = fstat(&fd)?;
        if kind(&opened) != self.kind() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "another process replaced it"));
        }
        check_owner(&opened, self.owner)?;
        if geteuid().is_root() && opened.st_nlink > 1 {
            check_placed(&opened, &self.directory()?)?;
        }
        if self.kind() == FileType::Fifo {
            retry_on_intr(|| poll(&mut [PollFd::new(&fd, PollFlags::IN)], None))?;
        }
        rustix::io::ioctl_fionbio(&fd, false)?;
        recording::note(&fd, self.path.as_deref());
        Ok(File::from(fd))
    }

    /// Opens it without waiting for a writer.
    fn open_now(&self) -> io::Result<OwnedFd> {
        let flags = READ | OFlags::NONBLOCK;
        for _ in 0..LEASE_TRIES {
            let opened = match &self.target {
                Target::Path(path) => strict::open(CWD, path, flags, Reach::Anywhere).map_err(io::Error::from),
                Target::Named(dir, name) => dir.open_file(name, flags),
                Target::Directory(dir) => dir.readable(),
                Target::Descriptor(fd) => fd.try_clone(),
            };
            match opened {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LEASE_PAUSE),
                opened => return opened,
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// The status of the directory that holds it.
    fn directory(&self) -> io::Result<Stat> {
        match &self.target {
            Target::Path(path) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Ok(strict::open(CWD, parent, OFlags::PATH, Reach::Anywhere).and_then(fstat)?)
            }
            Target::Named(dir, _) | Target::Directory(dir) => dir.stat_self(),
            Target::Descriptor(_) => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// The sorted names in the directory.
    ///
    /// # Errors
    ///
    /// `NotADirectory`; those of the system.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        if self.kind() != FileType::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut names = Vec::new();
        let directory = self.open_now()?;
        check_owner(&fstat(&directory)?, self.owner)?;
        for entry in rustix::fs::Dir::new(directory)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Fails, like a refused link, if a file belongs to another user than its links do.
fn check_owner(stat: &Stat, owner: Option<u32>) -> io::Result<()> {
    match owner.is_none_or(|owner| owner == stat.st_uid) {
        true => Ok(()),
        false => Err(Errno::LOOP.into()),
    }
}

/// The descriptor of this process that a path names literally, without inspecting `/dev` and
/// `/proc`.
fn spelled(path: &Path) -> Option<RawFd> {
    let path = path.to_str()?;
    if path == "/dev/stdin" {
        return Some(0);
    }
    let number = path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"))?;
    if number.bytes().all(|b| b.is_ascii_digit()) { number.parse().ok() } else { None }
}

/// Rewords the system's error for a refused link, which mentions too many links, unless there
/// really are too many.
pub(crate) fn told(path: &Path, error: io::Error) -> io::Error {
    match is_link_refused(&error) && rustix::fs::stat(path).err() != Some(Errno::LOOP) {
        true => io::Error::new(
            ErrorKind::PermissionDenied,
            "it goes through a symbolic link that another user may have placed",
        ),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    fn text(path: &Path) -> io::Result<String> {
        let mut text = String::new();
        Input::find(path)?.open()?.read_to_string(&mut text).map(|_| text)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a02_a_link_of_another_user_is_not_read_through() {
        let dir = tempfile::tempdir().unwrap();
        let (private, theirs) = (dir.path().join("private"), dir.path().join("theirs"));
        fs::write(&private, "private").unwrap();
        fs::create_dir(&theirs).unwrap();
        symlink("../private", theirs.join("file")).unwrap();
        symlink("..", theirs.join("around")).unwrap();
        let paths = [theirs.join("file"), theirs.join("around/private")];
        for path in &paths {
            assert_eq!(text(path).unwrap(), "private");
        }
        let is_root = geteuid().is_root();
        // If its group or all users can write, root treats its own link as another user's; an
        // ordinary user trusts theirs.
        for (mode, is_read) in [(0o755, true), (0o775, !is_root), (0o777, !is_root), (0o1777, true)] {
            set_mode(&theirs, mode);
            for path in &paths {
                assert_eq!(text(path).is_ok(), is_read, "{mode:o}");
            }
        }
        if !is_root {
            return;
        }
        set_mode(&theirs, 0o755);
        for path in [theirs.join("file"), theirs.join("around"), theirs.clone()] {
            lchown(path, Some(65_534), None).unwrap();
        }
        for path in &paths {
            let error = text(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        }
        // Other users may choose their own files, directly and through their own links.
        fs::write(theirs.join("own"), "theirs").unwrap();
        assert_eq!(text(&theirs.join("own")).unwrap(), "theirs");
        symlink("own", theirs.join("current")).unwrap();
        lchown(theirs.join("current"), Some(65_534), None).unwrap();
        assert_eq!(text(&theirs.join("current")).unwrap_err().kind(), ErrorKind::PermissionDenied);
        chown(theirs.join("own"), Some(65_534), None).unwrap();
        assert_eq!(text(&theirs.join("current")).unwrap(), "theirs");
        // But not through the links of two other users.
        symlink("current", theirs.join("second")).unwrap();
        lchown(theirs.join("second"), Some(65_533), None).unwrap();
        assert_eq!(text(&theirs.join("second")).unwrap_err().kind(), ErrorKind::PermissionDenied);
        fs::hard_link(&private, theirs.join("hard")).unwrap();
        assert_eq!(text(&theirs.join("hard")).unwrap_err().kind(), ErrorKind::PermissionDenied);
        chown(&private, Some(65_534), None).unwrap();
        assert_eq!(text(&theirs.join("hard")).unwrap(), "private");
    }

    #[test]
    fn a_secret_mount_of_kubernetes_is_read_as_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("..2026")).unwrap();
        fs::write(dir.path().join("..2026/token"), "value").unwrap();
        symlink("..2026", dir.path().join("..data")).unwrap();
        symlink("..data/token", dir.path().join("token")).unwrap();
        // With a group for the pod's files, any user can write there, and names belong to their
        // owners.
        for mode in [0o755, 0o1777, 0o3777] {
            set_mode(dir.path(), mode);
            assert_eq!(text(&dir.path().join("token")).unwrap(), "value", "{mode:o}");
        }
        assert_eq!(Input::find(dir.path()).unwrap().names().unwrap(), ["..2026", "..data", "token"]);
    }

    #[test]
    fn descriptors_pipes_and_fifos_are_read_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "text").unwrap();
        let open = File::open(&file).unwrap();
        symlink(format!("/dev/fd/{}", open.as_raw_fd()), dir.path().join("link")).unwrap();
        for path in ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"] {
            let path = PathBuf::from(path).join(open.as_raw_fd().to_string());
            assert_eq!(text(&path).unwrap(), "text", "{}", path.to_string_lossy());
        }
        assert_eq!(text(&dir.path().join("link")).unwrap(), "text");
        // A deleted name does no harm.
        fs::remove_file(&file).unwrap();
        assert_eq!(text(&dir.path().join("link")).unwrap(), "text");
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"piped").unwrap();
        drop(writer);
        assert_eq!(text(&PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()))).unwrap(), "piped");
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
        let path = fifo.clone();
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            fs::write(path, "late").unwrap();
        });
        assert_eq!(text(&fifo).unwrap(), "late");
        late.join().unwrap();
    }

    #[test]
    fn an_unreadable_file_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        symlink("circle", dir.path().join("circle")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        let kind = |name: &str| text(&dir.path().join(name)).unwrap_err().kind();
        assert_eq!(kind("dangling"), ErrorKind::NotFound);
        assert_eq!(kind("missing"), ErrorKind::NotFound);
        assert_eq!(kind("."), ErrorKind::IsADirectory);
        let error = text(&dir.path().join("circle")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        assert!(text(Path::new("/dev/fd/x")).is_err() && text(Path::new("/dev/fd/99999")).is_err());
        // A link of another process does not reveal its target.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let error = text(&PathBuf::from(format!("/proc/{}/cwd/Cargo.toml", child.id()))).unwrap_err();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(text(Path::new("/proc/self/cwd/Cargo.toml")).is_ok());
    }
}
