//! Sockets and FIFOs at a path, with their final mode from the start.
//!
//! `bind` and `mkfifo` give a new name the mode that the umask leaves. Widening it by path would
//! let the owner of the directory put a link there first, so that `chmod` reached a file elsewhere.
//! Changing the umask affects the whole process, and would open files of other threads. So this
//! module makes the name in a private directory beside its place, which no other user can enter,
//! sets its mode, and renames it to its place.
//!
//! It needs `/proc`: a socket is bound through the descriptor of that directory, since `bind` has
//! no variant that takes one. This also allows paths longer than the 107 bytes of `sun_path`.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, chmodat, mkfifoat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::beneath::{Dir, Links, find};
use super::file::{FileId, check_mode, check_owner, kind, kind_name};
use super::temporary;

/// The name of a new node in its private directory.
const NEW: &str = "n";

/// A socket's name in the file system, removed on drop unless another process has put another file
/// there.
#[derive(Debug)]
pub struct Bound {
    dir: Dir,
    name: OsString,
    id: FileId,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Another process may have removed the name already.
        let _ = self.dir.unlink_if(&self.name, self.id);
    }
}

/// Binds a new socket to a path, with this mode. Removes an abandoned socket of this user first.
///
/// # Errors
///
/// `AddrInUse` if a socket with a listener, a socket of another user, or any other file is there;
/// those of [`Dir::parent_of`], and those of the system.
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
        ErrorKind::AlreadyExists => in_use("another process was faster"),
        _ => error,
    })?;
    Ok((socket, Bound { dir, name, id }))
}

/// Opens the FIFO at a path for reading, without waiting; creates it with this mode if it is
/// missing.
///
/// # Errors
///
/// `AlreadyExists` if another file is there; `PermissionDenied` for a FIFO of a user other than
/// root and the effective one, or with a mode that allows more than this; those of
/// [`Dir::parent_of`], and those of the system.
pub fn fifo(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    let make = |dir: &Dir, name: &OsStr| Ok(mkfifoat(dir, name, Mode::from_raw_mode(0o600))?);
    if !exists(&dir, &name)? {
        match make_node(&dir, &name, mode, make) {
            // Another process created it first; the type of its file decides.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => _ = made?,
        }
    }
    // Checked before the open: opening a device may have an effect.
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
    let make = |dir: &Dir, name: &OsStr| {
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
        match rustix::net::bind(&socket, &address(dir.as_fd(), Some(name))?) {
            Err(Errno::ADDRINUSE) => Err(ErrorKind::AlreadyExists.into()),
            bound => Ok(bound.map(|()| socket)?),
        }
    };
    make_node(dir, name, mode, make)
}

/// Makes a node in a private directory, sets its mode, and moves it to its place if that is free.
fn make_node<T>(
    dir: &Dir,
    name: &OsStr,
    mode: u32,
    make: impl Fn(&Dir, &OsStr) -> io::Result<T>,
) -> io::Result<(T, FileId)> {
    let private_name = temporary::name("hushlog");
    let private = dir.make(&private_name, 0o700)?;
    let made = make(&private, NEW.as_ref()).and_then(|made| {
        let placed = chmodat(&private, NEW, Mode::from_raw_mode(mode), AtFlags::empty())
            .map_err(io::Error::from)
            .and_then(|()| private.stat(NEW))
            .and_then(|stat| private.rename_new(NEW, dir, name).map(|()| FileId::from(&stat)));
        if placed.is_err() {
            // Only the node made here: the name may refer to another directory of this user by now.
            let _ = private.unlink(NEW);
        }
        placed.map(|id| (made, id))
    });
    // An empty directory that was renamed meanwhile stays, and holds nothing.
    let _ = dir.remove_dir(&private_name);
    match made {
        // The first version of Landlock allows no move between directories.
        Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => make_in_place(dir, name, mode, make),
        made => made,
    }
}

/// Makes a node at its place, and sets its mode through a descriptor, which no link redirects. A
/// user that exchanges the name can only change the mode of a FIFO or socket of this user, in that
/// user's own directory.
fn make_in_place<T>(
    dir: &Dir,
    name: &OsStr,
    mode: u32,
    make: impl Fn(&Dir, &OsStr) -> io::Result<T>,
) -> io::Result<(T, FileId)> {
    let made = make(dir, name)?;
    let held = dir.open_file(name, OFlags::PATH)?;
    let found = rustix::fs::fstat(&held)?;
    let is_ours = found.st_uid == rustix::process::geteuid().as_raw();
    if !is_ours || !matches!(kind(&found), FileType::Fifo | FileType::Socket) {
        return Err(in_use("another process replaced the new name"));
    }
    chmodat(CWD, format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::from_raw_mode(mode), AtFlags::empty())?;
    Ok((made, FileId::from(&found)))
}

/// Connects to the socket at a path, which may be a link that the rule of [`Links::Trusted`]
/// allows.
///
/// # Errors
///
/// `InvalidInput` for any other file; those of [`find`], and those of the system.
pub fn connect(path: &Path, kind_wanted: SocketType) -> io::Result<OwnedFd> {
    let found = find(path, Links::Trusted)?;
    let held = found.dir.open_file(&found.name, OFlags::PATH)?;
    let stat = rustix::fs::fstat(&held)?;
    if kind(&stat) != FileType::Socket {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {}", kind_name(kind(&stat)))));
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind_wanted, flags, None)?;
    rustix::net::connect(&socket, &address(held.as_fd(), None)?)?;
    Ok(socket)
}

/// Removes a socket of this user without a listener.
fn remove_abandoned(dir: &Dir, name: &OsStr, kind_wanted: SocketType) -> io::Result<()> {
    let held = match dir.open_file(name, OFlags::PATH) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        held => held?,
    };
    let found = rustix::fs::fstat(&held)?;
    if kind(&found) != FileType::Socket {
        return Err(in_use("a file that is not a socket is there"));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(in_use("a socket of another user is there"));
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, kind_wanted, flags, None)?;
    match rustix::net::connect(&probe, &address(held.as_fd(), None)?) {
        Err(Errno::CONNREFUSED) => dir.unlink_if(name, FileId::from(&found)).map(drop),
        _ => Err(in_use("another process listens there")),
    }
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why)
}

/// The address of a name in an open directory, or of the open file itself.
fn address(fd: BorrowedFd<'_>, name: Option<&OsStr>) -> io::Result<SocketAddrUnix> {
    let held = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    Ok(SocketAddrUnix::new(name.map_or(held.clone(), |name| held.join(name)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::sync::atomic::Ordering::Relaxed;

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
        // Another user's file in its place is not removed.
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

    #[test]
    fn a_node_created_in_place_has_its_mode_too() {
        let dir = tempfile::tempdir().unwrap();
        let held = Dir::open(dir.path(), Links::None).unwrap();
        for wanted in [0o600, 0o666] {
            let name = OsStr::new("fifo");
            let make = |dir: &Dir, name: &OsStr| Ok(mkfifoat(dir, name, Mode::from_raw_mode(0o600))?);
            make_in_place(&held, name, wanted, make).unwrap();
            assert_eq!(mode(&dir.path().join(name)), wanted);
            let error = make_in_place(&held, name, wanted, make).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            held.unlink(name).unwrap();
        }
    }

    #[test]
    fn a_socket_is_reached_through_own_links_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        symlink("s.sock", dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("open")).unwrap();
        symlink("../s.sock", dir.path().join("open/link")).unwrap();
        connect(&dir.path().join("link"), SocketType::STREAM).unwrap();
        connect(&dir.path().join("open/link"), SocketType::STREAM).unwrap();
        fs::set_permissions(dir.path().join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(connect(&dir.path().join("open/link"), SocketType::STREAM).is_err());
        assert!(connect(dir.path(), SocketType::STREAM).is_err());
    }

    /// An attacker exchanges each new name for a link to a private file of this user.
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
                // May fail, since the attacker interferes.
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
