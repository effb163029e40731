//! Sockets and FIFOs at a path, with their final mode from the first moment on.
//!
//! `bind` and `mkfifo` give a new name the mode that the umask leaves. To widen it by path would let
//! the owner of the directory put a link there first, so that `chmod` reached a file elsewhere; and a
//! umask belongs to the whole process, so that changing it would open files of other threads. So the
//! name is made in a private directory beside, where nobody else can touch it, gets its mode, and is
//! renamed to its place.
//!
//! `/proc` is needed: a socket is bound through the descriptor of that directory, since `bind` has no
//! variant that takes one. That also takes paths longer than the 107 bytes of `sun_path`.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, chmodat, mkfifoat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::beneath::{Dir, Links};
use super::file::{FileId, check_mode, check_owner, kind, kind_name};

/// Tells the private directories of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// What the new name is called in its private directory.
const NEW: &str = "n";

/// A socket's name in the file system, which goes when this does; unless somebody else has put another
/// file there meanwhile.
#[derive(Debug)]
pub struct Bound {
    dir: Dir,
    name: OsString,
    id: FileId,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // It was ours to remove; whoever removed it first has done the work.
        let _ = self.dir.unlink_if(&self.name, self.id);
    }
}

/// Binds a new socket to a path, with this mode. An abandoned socket of this user is removed first.
///
/// # Errors
///
/// `AddrInUse` if a socket with a listener, a socket of another user, or any other file is there; those
/// of [`Dir::parent_of`], and those of the system.
pub fn bind(path: &Path, kind: SocketType, mode: u32) -> io::Result<(OwnedFd, Bound)> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    let bound = match bind_new(&dir, &name, kind, mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove_abandoned(&dir, &name, kind)?;
            bind_new(&dir, &name, kind, mode)
        }
        bound => bound,
    };
    let (socket, id) = bound.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_use("somebody else was faster"),
        _ => error,
    })?;
    Ok((socket, Bound { dir, name, id }))
}

/// Opens the FIFO at a path to read from it without waiting; makes it, with this mode, if it is not
/// there.
///
/// # Errors
///
/// `AlreadyExists` if another file is there; `PermissionDenied` for a FIFO that belongs to another user
/// than root and the effective one, or whose mode allows more than this; those of [`Dir::parent_of`],
/// and those of the system.
pub fn fifo(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    let make = |private: &Dir| Ok(mkfifoat(private, NEW, Mode::from_raw_mode(0o600))?);
    if !exists(&dir, &name)? {
        match make_node(&dir, &name, mode, make) {
            // Somebody was faster; what that is decides.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => _ = made?,
        }
    }
    // Known before it is opened: to open a device may do something.
    let other = |found| io::Error::new(ErrorKind::AlreadyExists, format!("{} is there", kind_name(found)));
    let found = dir.stat(&name)?;
    if kind(&found) != FileType::Fifo {
        return Err(other(kind(&found)));
    }
    let fd = dir.open_file(&name, OFlags::RDONLY)?;
    let opened = rustix::fs::fstat(&fd)?;
    if kind(&opened) != FileType::Fifo {
        return Err(other(kind(&opened)));
    }
    check_owner(&opened)?;
    check_mode(&opened, mode)?;
    Ok(fd)
}

fn exists(dir: &Dir, name: &OsStr) -> io::Result<bool> {
    match dir.stat(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        stat => stat.map(|_| true),
    }
}

fn bind_new(dir: &Dir, name: &OsStr, kind: SocketType, mode: u32) -> io::Result<(OwnedFd, FileId)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    let make = |private: &Dir| Ok(rustix::net::bind(&socket, &address(private.as_fd(), NEW)?)?);
    let id = make_node(dir, name, mode, make)?;
    Ok((socket, id))
}

/// Has a name made in a private directory, gives it its mode, and moves it to its place if that is free.
fn make_node(dir: &Dir, name: &OsStr, mode: u32, make: impl FnOnce(&Dir) -> io::Result<()>) -> io::Result<FileId> {
    let private_name = format!(".hushlog.{}.{}.tmp", std::process::id(), NEXT.fetch_add(1, Relaxed));
    let private = dir.make(&private_name, 0o700)?;
    let made = make(&private).and_then(|()| {
        chmodat(&private, NEW, Mode::from_raw_mode(mode), AtFlags::empty())?;
        let id = FileId::from(&private.stat(NEW)?);
        private.rename_new(NEW, dir, name)?;
        Ok(id)
    });
    if made.is_err() {
        let _ = private.unlink(NEW);
    }
    // An empty directory that somebody renamed meanwhile stays, and holds nothing.
    let _ = dir.remove_dir(&private_name);
    made
}

/// Removes a socket of this user at which nobody listens.
fn remove_abandoned(dir: &Dir, name: &OsStr, kind_wanted: SocketType) -> io::Result<()> {
    let held = match dir.open_file(name, OFlags::PATH) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        held => held?,
    };
    let found = rustix::fs::fstat(&held)?;
    if kind(&found) != FileType::Socket {
        return Err(in_use("something else than a socket is there"));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(in_use("a socket of another user is there"));
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, kind_wanted, flags, None)?;
    match rustix::net::connect(&probe, &address(held.as_fd(), "")?) {
        Err(Errno::CONNREFUSED) => dir.unlink_if(name, FileId::from(&found)).map(drop),
        _ => Err(in_use("somebody else listens there")),
    }
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why)
}

/// The address of a name in a directory that is open, or of what is open itself.
fn address(fd: BorrowedFd<'_>, name: &str) -> io::Result<SocketAddrUnix> {
    let slash = if name.is_empty() { "" } else { "/" };
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}{slash}{name}", fd.as_raw_fd()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::path::PathBuf;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_socket_has_its_mode_and_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        // Longer than an address may be.
        let deep = dir.path().join("d".repeat(200));
        fs::create_dir(&deep).unwrap();
        for wanted in [0o600, 0o660, 0o666] {
            let path = deep.join("s.sock");
            let (socket, bound) = bind(&path, SocketType::STREAM, wanted).unwrap();
            assert_eq!((mode(&path), names(&deep)), (wanted, 1));
            rustix::net::listen(&socket, 8).unwrap();
            let fd = fs::File::open(&deep).unwrap();
            UnixStream::connect(format!("/proc/self/fd/{}/s.sock", fd.as_raw_fd())).unwrap();
            assert_eq!(bind(&path, SocketType::STREAM, wanted).unwrap_err().kind(), ErrorKind::AddrInUse);
            drop(bound);
            assert_eq!(names(&deep), 0);
        }
    }

    #[test]
    fn an_abandoned_socket_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        drop(UnixListener::bind(&path).unwrap());
        drop(bind(&path, SocketType::STREAM, 0o600).unwrap());
        drop(UnixDatagram::bind(&path).unwrap());
        let (_socket, bound) = bind(&path, SocketType::DGRAM, 0o600).unwrap();
        // What somebody else has put there meanwhile is not ours to remove.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "text").unwrap();
        drop(bound);
        assert_eq!(fs::read(&path).unwrap(), b"text");
        assert_eq!(bind(&path, SocketType::DGRAM, 0o600).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(names(dir.path()), 1);
    }

    #[test]
    fn a08_a_fifo_of_another_user_or_with_a_wider_mode_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        fifo(&path, 0o622).unwrap();
        assert_eq!(mode(&path), 0o622);
        fifo(&path, 0o622).unwrap();
        fifo(&path, 0o666).unwrap();
        assert_eq!(fifo(&path, 0o600).unwrap_err().kind(), ErrorKind::PermissionDenied);
        if chown(&path, Some(65_534), None).is_ok() {
            assert_eq!(fifo(&path, 0o666).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        fs::write(dir.path().join("file"), "").unwrap();
        symlink("fifo", dir.path().join("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(fifo(&dir.path().join(name), 0o666).unwrap_err().kind(), ErrorKind::AlreadyExists, "{name}");
        }
    }

    /// An attacker exchanges each name that comes for a link to a private file of ours.
    #[test]
    fn a03_no_mode_reaches_a_file_behind_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let (run, done) = (dir.path().join("run"), std::sync::atomic::AtomicBool::new(false));
        fs::create_dir(&run).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    exchange(&run, &victim);
                }
            });
            for number in 0..1_000 {
                let path = run.join(if number % 2 == 0 { "s.sock" } else { "fifo" });
                // It may fail, since the attacker is in the way.
                if number % 2 == 0 {
                    let _ = bind(&path, SocketType::DGRAM, 0o666);
                } else {
                    let _ = fifo(&path, 0o666);
                }
                assert_eq!(mode(&victim), 0o600, "after {number} tries");
                let _ = fs::remove_file(&path);
            }
            done.store(true, Relaxed);
        });
    }

    fn exchange(run: &Path, victim: &Path) {
        let entries = fs::read_dir(run).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>() {
            let (moved, is_link) = (run.join("moved"), path.is_symlink());
            if !is_link && fs::rename(&path, &moved).is_ok() {
                let _ = symlink(victim, &path);
                let _ = fs::remove_file(&moved).or_else(|_| fs::remove_dir_all(&moved));
            }
        }
    }
}
