//! A file that the user names for writing: a regular file is replaced in one step, any other is
//! written to.
//!
//! | the path leads to | the output is |
//! | --- | --- |
//! | nothing, or a regular file | replaced in one step, by the rules of [`replace`](super::replace) |
//! | `/dev/stdout`, `/dev/stderr`, `/dev/fd/N`, `/proc/self/fd/N` | appended to the descriptor's file, even a regular one |
//! | a terminal or another character device | written to |
//! | a FIFO that root or this user owns | written to, as soon as it has a reader |
//! | a directory, socket, block device, or another user's FIFO | an error |
//!
//! The [`Output`] decides this once, before anything is read. A later exchange of the name never
//! causes a device to be replaced or another file to be written to.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, Stat, accessat, fstat, openat};
use rustix::io::Errno;

use super::beneath::{Dir, Found, Links, find};
use super::file::{FileId, check_owner, kind, kind_name};
use super::replace::{replace_in, replace_private_in};

/// The target of a path that the user names.
#[derive(Debug)]
pub struct Output {
    target: Target,
    /// The status of the existing file.
    old: Option<Stat>,
}

#[derive(Debug)]
enum Target {
    /// A regular file, or none.
    File(Found),
    /// Held by a descriptor that cannot write yet: opening for writing waits for a reader.
    Fifo(OwnedFd),
    /// Open, and not a file of its own.
    Open { fd: OwnedFd, descriptor: Option<RawFd> },
}

impl Output {
    /// Looks up the file at a path, and whether this user may write there.
    ///
    /// # Errors
    ///
    /// Those in the table of the module; those of [`find`], and those of the system.
    pub fn new(path: &Path) -> io::Result<Output> {
        if let Some(descriptor) = descriptor(path, Links::Trusted) {
            let fd = reopen(descriptor)?;
            let old = fstat(&fd)?;
            return Ok(Output { target: Target::Open { fd, descriptor: Some(descriptor) }, old: Some(old) });
        }
        let found = find(path, Links::Trusted)?;
        let old = match found.dir.stat(&found.name) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            stat => Some(stat?),
        };
        let target = match old.as_ref().map(kind) {
            None | Some(FileType::RegularFile) => {
                accessat(&found.dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())?;
                Target::File(found)
            }
            Some(FileType::Fifo) => Target::Fifo(fifo(&found)?),
            Some(FileType::CharacterDevice) => {
                let fd = found.dir.open_file(&found.name, OFlags::WRONLY)?;
                if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::CharacterDevice {
                    return Err(ErrorKind::InvalidInput.into());
                }
                rustix::io::ioctl_fionbio(&fd, false)?;
                Target::Open { fd, descriptor: None }
            }
            Some(FileType::Directory) => return Err(ErrorKind::IsADirectory.into()),
            Some(FileType::BlockDevice) => return Err(refused("it is a block device")),
            Some(other) => return Err(refused(&format!("it is {}", kind_name(other)))),
        };
        Ok(Output { target, old })
    }

    /// The existing regular file, if there is one.
    pub fn file(&self) -> Option<FileId> {
        self.old.as_ref().filter(|old| kind(old) == FileType::RegularFile).map(FileId::from)
    }

    /// The directory of a file to replace or create.
    pub fn directory(&self) -> Option<&Dir> {
        match &self.target {
            Target::File(found) => Some(&found.dir),
            _ => None,
        }
    }

    /// The path of such a file, without links.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.target {
            Target::File(found) => Some(found.path()),
            _ => None,
        }
    }

    /// The descriptor of this process that the path names.
    pub fn descriptor(&self) -> Option<RawFd> {
        match &self.target {
            Target::Open { descriptor, .. } => *descriptor,
            _ => None,
        }
    }

    /// Whether the output is a terminal, where a user may be watching.
    pub fn is_terminal(&self) -> bool {
        matches!(&self.target, Target::Open { fd, .. } if fd.is_terminal())
    }

    /// Writes the content. A new file has `mode` less the umask. An existing one keeps its owner,
    /// its group, and those bits of its mode that are in `mode`.
    ///
    /// # Errors
    ///
    /// Those of [`replace_in`]; those of the system.
    pub fn write(&self, mode: u32, content: &[u8]) -> io::Result<()> {
        match &self.target {
            Target::File(found) => replace_in(&found.dir, &found.name, mode, content),
            _ => self.append(content),
        }
    }

    /// Writes content that only this user may read: like [`write`](Output::write) with the mode
    /// 0600, except that a file of another user is refused.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Output::write); `PermissionDenied` for a file of another user.
    pub fn write_private(&self, content: &[u8]) -> io::Result<()> {
        match &self.target {
            Target::File(found) => replace_private_in(&found.dir, &found.name, content),
            _ => self.append(content),
        }
    }

    /// Fails for a file of another user, which must not receive private content.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`.
    pub fn check_owner(&self) -> io::Result<()> {
        self.old.as_ref().filter(|old| kind(old) == FileType::RegularFile).map_or(Ok(()), check_owner)
    }

    fn append(&self, content: &[u8]) -> io::Result<()> {
        let fd = match &self.target {
            Target::Fifo(held) => openat(CWD, in_proc(held.as_raw_fd()), WRITTEN, Mode::empty())?,
            Target::Open { fd, .. } => fd.try_clone()?,
            Target::File(_) => return Err(ErrorKind::InvalidInput.into()),
        };
        File::from(fd).write_all(content)
    }
}

/// The maximum number of symbolic links in one path, as in the kernel.
const LINKS_MAX: usize = 40;
/// The flags for reopening a descriptor. Writes to a regular file go to its end.
const WRITTEN: OFlags = OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

fn in_proc(descriptor: RawFd) -> String {
    format!("/proc/self/fd/{descriptor}")
}

/// Duplicates the standard descriptors, since sockets and other users' terminals cannot be
/// reopened.
fn reopen(descriptor: RawFd) -> io::Result<OwnedFd> {
    match descriptor {
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => rustix::stdio::stderr().try_clone_to_owned(),
        _ => Ok(openat(CWD, in_proc(descriptor), WRITTEN, Mode::empty())?),
    }
}

/// Opens a FIFO for later writing. Another user's FIFO would give that user the output, and may
/// never have a reader.
fn fifo(found: &Found) -> io::Result<OwnedFd> {
    let held = found.dir.open_file(&found.name, OFlags::PATH)?;
    let opened = fstat(&held)?;
    if kind(&opened) != FileType::Fifo {
        return Err(refused("another process replaced it"));
    }
    check_owner(&opened)?;
    accessat(CWD, in_proc(held.as_raw_fd()), Access::WRITE_OK, AtFlags::empty())?;
    Ok(held)
}

/// The descriptor of this process that a path names, as `/dev/stdout` and `/dev/fd/3` do, also
/// through links that may be followed.
pub(super) fn descriptor(path: &Path, links: Links) -> Option<RawFd> {
    // `parent_of` checks all links on the way except the last.
    if find(path, links).is_err_and(|error| is_link_refused(&error)) {
        return None;
    }
    let own = PathBuf::from(format!("/proc/{}", std::process::id()));
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let (dir, name) = Dir::parent_of(&path, links).ok()?;
        let is_of_thread = || dir.path().starts_with(own.join("task")) && dir.path().ends_with("fd");
        if dir.path() == own.join("fd") || is_of_thread() {
            return name.to_str()?.parse().ok();
        }
        path = dir.path().join(dir.read_link(&name).ok()?);
    }
    None
}

/// Whether an error means a link that the rule of [`Links`] does not allow. The system's message
/// for it mentions too many links.
pub fn is_link_refused(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{mkfifoat, mknodat};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn a06_descriptors_are_known_by_all_their_names() {
        let dir = tempfile::tempdir().unwrap();
        symlink("/dev/stderr", dir.path().join("link")).unwrap();
        let link = dir.path().join("link");
        let named = [("/dev/stdout", 1), ("/dev/fd/2", 2), ("/proc/self/fd/7", 7), ("/dev/../dev/fd/9", 9)];
        for (path, number) in named.into_iter().chain([(link.to_str().unwrap(), 2)]) {
            assert_eq!(descriptor(Path::new(path), Links::Trusted), Some(number), "{path}");
        }
        for path in ["/dev/null", "/dev/fd", "/dev/fd/x", "/nowhere/1", "/", ""] {
            assert_eq!(descriptor(Path::new(path), Links::Trusted), None, "{path}");
        }
    }

    #[test]
    fn a06_a_descriptor_of_a_file_is_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "first\n").unwrap();
        let open = File::options().append(true).open(&path).unwrap();
        let output = Output::new(Path::new(&format!("/dev/fd/{}", open.as_raw_fd()))).unwrap();
        assert_eq!(output.file(), Some(FileId::of(&open).unwrap()));
        output.write(0o666, b"second\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
        assert_eq!(FileId::of(&open).unwrap(), FileId::of(File::open(&path).unwrap()).unwrap());
    }

    #[test]
    fn a06_a_fifo_is_written_to_and_another_users_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        mkfifoat(CWD, &path, Mode::from_raw_mode(0o666)).unwrap();
        // Nothing waits for a reader yet.
        let output = Output::new(&path).unwrap();
        let reader = std::thread::spawn({
            let path = path.clone();
            move || fs::read_to_string(path).unwrap()
        });
        output.write_private(b"text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        if chown(&path, Some(65_534), None).is_ok() {
            assert_eq!(Output::new(&path).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn a06_devices_are_written_to_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("null");
        let null = rustix::fs::makedev(1, 3);
        if mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), null).is_err() {
            return;
        }
        let before = FileId::from(&rustix::fs::stat(&path).unwrap());
        // On a file system mounted `nodev` it exists, but cannot be opened.
        if let Ok(output) = Output::new(&path) {
            output.write(0o600, b"text").unwrap();
            output.write_private(b"text").unwrap();
            assert!(!output.is_terminal() && output.file().is_none());
        }
        assert_eq!(FileId::from(&rustix::fs::stat(&path).unwrap()), before);
        let block = dir.path().join("block");
        mknodat(CWD, &block, FileType::BlockDevice, Mode::from_raw_mode(0o600), rustix::fs::makedev(7, 250)).unwrap();
        assert_eq!(Output::new(&block).unwrap_err().to_string(), "it is a block device");
    }

    #[test]
    fn a06_private_output_never_goes_to_a_file_of_another_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Output::new(&path).unwrap().write_private(b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        if chown(&path, Some(65_534), None).is_ok() {
            let output = Output::new(&path).unwrap();
            assert!(output.check_owner().is_err() && output.write_private(b"newer").is_err());
            output.write(0o666, b"open").unwrap();
        }
        for (name, kind) in [("directory", ErrorKind::IsADirectory), ("socket", ErrorKind::InvalidInput)] {
            let path = dir.path().join(name);
            let _listener = match name {
                "socket" => Some(std::os::unix::net::UnixListener::bind(&path).unwrap()),
                _ => fs::create_dir(&path).map(|()| None).unwrap(),
            };
            assert_eq!(Output::new(&path).unwrap_err().kind(), kind, "{name}");
        }
    }
}
