//! Locks that only users entitled to them can take: only they can open the lock file.
//!
//! `flock` needs no more than a descriptor, and any user gets one for a readable directory. So the
//! lock is on a separate file, which takes write permission to open:
//!
//! | lock | file | can be opened by |
//! | --- | --- | --- |
//! | [`beside`] a file | `.NAME.lock` in its directory, removed with the lock | users that may replace the file |
//! | [`of_inode`] | `DEVICE-INODE` in a private run directory | this user |
//! | [`of_file`] | a file that is open already | its owner |
//!
//! Taking a lock waits, up to a limit. After a second the wait is [reported](report_waits). At the
//! limit the error names the process that holds the lock, from `/proc/locks`.
//!
//! A lock belongs to the open file, and ends when its last descriptor is closed. If a process is
//! killed between `fork` and `exec` of a child, the child keeps the lock for some moments.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, flock, fstat, major, minor};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::beneath::{Dir, Links};
use super::file::{FileId, check_mode, check_owner, check_regular};

/// The default time limit for a lock.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The wait after which a report is due.
const REPORT_AFTER: Duration = Duration::from_secs(1);
/// The intervals between attempts: short at first, then longer.
const TRY_EVERY: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(20)];
/// The time limit for another writer's new lock file to become accessible to the group.
const MODE_PATIENCE: Duration = Duration::from_millis(200);

/// The directories of root's private lock files; the second is the fallback. Other users' files are
/// in `XDG_RUNTIME_DIR`.
const RUN_DIRECTORIES: [&str; 2] = ["/run/hushlog-locks", "/dev/shm/hushlog-locks"];

/// The number of attempts to find a holder in the table of locks.
const LOOKS_MAX: usize = 5;

static REPORT: OnceLock<fn(&str)> = OnceLock::new();

/// Sets the reporter for waits of more than a second; it receives a sentence. Only the first call
/// has an effect.
pub fn report_waits(report: fn(&str)) {
    let _ = REPORT.set(report);
}

/// A lock, released on drop.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
    /// The lock file to remove.
    name: Option<(Dir, OsString)>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the unlock: the next holder makes a new file.
        if let (Some((dir, name)), Ok(id)) = (&self.name, FileId::of(&self.file)) {
            let _ = dir.unlink_if(name, id);
        }
    }
}

/// Locks a name in a directory for all users that may replace the file: only they can open the lock
/// file.
///
/// # Errors
///
/// `ResourceBusy` when another process keeps the lock, with its name; `PermissionDenied` when users
/// without write access to the directory could open the lock file; those of the system.
pub fn beside(path: &Path, patience: Duration) -> io::Result<Lock> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    beside_in(&dir, &name, patience)
}

/// Like [`beside`], for a name in an open directory.
///
/// # Errors
///
/// Those of [`beside`].
pub fn beside_in(dir: &Dir, name: &OsStr, patience: Duration) -> io::Result<Lock> {
    let dir = dir.try_clone()?;
    let mut lock_name = OsString::from(".");
    lock_name.push(name);
    lock_name.push(".lock");
    let mut wait = Wait::new(patience);
    loop {
        let file = open_for_writers(&dir, &lock_name)?;
        wait.lock(&file)?;
        if is_current(&dir, &lock_name, &file)? {
            return Ok(Lock { file, name: Some((dir, lock_name)) });
        }
    }
}

/// Locks a file by its identity, for all processes of this user, with a lock file in a private run
/// directory.
///
/// # Errors
///
/// Those of [`beside`].
pub fn of_inode(id: FileId, patience: Duration) -> io::Result<Lock> {
    let dir = run_directory()?;
    let name = OsString::from(format!("{:x}-{}", id.device, id.inode));
    let mut wait = Wait::new(patience);
    loop {
        let (file, _) = dir.open_or_create(&name, OFlags::RDWR, 0o600)?;
        wait.lock(&file)?;
        if is_current(&dir, &name, &file)? {
            return Ok(Lock { file, name: Some((dir, name)) });
        }
    }
}

/// Locks an open file for as long as it is open.
///
/// # Errors
///
/// `PermissionDenied` when others could open it, and so take the lock; `ResourceBusy` as in
/// [`beside`].
pub fn of_file(file: impl AsFd, patience: Duration) -> io::Result<()> {
    let stat = fstat(&file)?;
    check_regular(&stat)?;
    check_owner(&stat)?;
    check_mode(&stat, 0o700)?;
    Wait::new(patience).lock(file)
}

/// Whether a lock file still has its name. Otherwise its last holder has removed it, and the next
/// one makes another.
fn is_current(dir: &Dir, name: &OsString, file: &OwnedFd) -> io::Result<bool> {
    match dir.stat(name) {
        Ok(stat) => Ok(FileId::from(&stat) == FileId::of(file)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    process: u32,
    program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.program, self.process)
    }
}

/// A wait for a lock, across several lock files if necessary.
struct Wait {
    since: Instant,
    patience: Duration,
    reported: bool,
}

impl Wait {
    fn new(patience: Duration) -> Wait {
        Wait { since: Instant::now(), patience, reported: false }
    }

    fn lock(&mut self, file: impl AsFd) -> io::Result<()> {
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                locked => return Ok(locked?),
            }
            let waited = self.since.elapsed();
            if waited >= self.patience {
                return Err(self.busy(&file));
            }
            if waited >= REPORT_AFTER && !std::mem::replace(&mut self.reported, true) {
                self.report(&file);
            }
            let pause = TRY_EVERY[usize::from(waited >= REPORT_AFTER / 10)];
            std::thread::sleep(pause.min(self.patience - waited));
        }
    }

    fn report(&self, file: impl AsFd) {
        let Some(report) = REPORT.get() else { return };
        match holder(file) {
            Some(holder) => report(&format!("waiting for {holder}, which holds the lock")),
            None => report("waiting for another process, which holds the lock"),
        }
    }

    fn busy(&self, file: impl AsFd) -> io::Error {
        let holder = holder(file).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
        let text = match self.patience.as_secs() {
            0 => format!("{holder} holds the lock"),
            seconds => format!("{holder} has held the lock for {seconds} s"),
        };
        io::Error::new(ErrorKind::ResourceBusy, text)
    }
}

/// The process that holds the lock of a file; `None` if this process's namespaces do not show it.
fn holder(file: impl AsFd) -> Option<Holder> {
    let stat = fstat(file).ok()?;
    let process = (0..LOOKS_MAX).find_map(|_| holder_in(&read_locks().ok()?, &stat))?;
    let program = std::fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
    // A process chooses its own name, so only harmless characters enter the message.
    let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    let program: String = program.trim_ascii().iter().map(shown).collect();
    Some(Holder { process, program: if program.is_empty() { "a process".to_owned() } else { program } })
}

/// The table of locks. The kernel walks it anew for each read, so a lock released between two reads
/// hides another: the reads are few and large.
fn read_locks() -> io::Result<String> {
    let (mut file, mut locks) = (File::open("/proc/locks")?, Vec::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(String::from_utf8_lossy(&locks).into_owned()),
            len => locks.extend_from_slice(&buffer[..len]),
        }
    }
}

/// The number of the process in the lines of `/proc/locks`. On btrfs the device there differs from
/// that of `stat`; then the inode number alone decides, if only one line has it.
fn holder_in(locks: &str, stat: &Stat) -> Option<u32> {
    let device = format!("{:02x}:{:02x}:", major(stat.st_dev), minor(stat.st_dev));
    let inode = stat.st_ino.to_string();
    let mut found = Vec::new();
    for line in locks.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, place, ..] = fields[..] else { continue };
        if !place.ends_with(&format!(":{inode}")) {
            continue;
        }
        let process = process.parse().ok().filter(|process| *process > 0)?;
        if place == format!("{device}{inode}") {
            return Some(process);
        }
        found.push(process);
    }
    if let [only] = found[..] { Some(only) } else { None }
}

/// Opens a lock file, or creates it with the mode and group of the right to replace files in the
/// directory, so that mere readers cannot lock it.
fn open_for_writers(dir: &Dir, name: &OsString) -> io::Result<OwnedFd> {
    let since = Instant::now();
    loop {
        let directory = dir.stat_self()?;
        let mode = writers_mode(&directory);
        match dir.open_file(name, OFlags::RDWR) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied && since.elapsed() < MODE_PATIENCE => {
                std::thread::sleep(TRY_EVERY[1]);
                continue;
            }
            opened => {
                let file = opened?;
                check_for_writers(&file, &directory, mode)?;
                return Ok(file);
            }
        }
        match dir.create_masked(name, OFlags::RDWR, 0o600) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                let file = made?;
                give_to_writers(&file, &directory, mode);
                return Ok(file);
            }
        }
    }
}

/// The mode of a lock file in this directory. In a sticky one only the owner of a file can replace
/// it.
fn writers_mode(directory: &Stat) -> u32 {
    let sticky = directory.st_mode & 0o1000 != 0;
    0o600 | if sticky { 0 } else { ((directory.st_mode & 0o020) * 3) | ((directory.st_mode & 0o002) * 3) }
}

/// Gives the lock file to the directory's writers. If that fails it stays private to this user, and
/// others get an error.
fn give_to_writers(file: &OwnedFd, directory: &Stat, mode: u32) {
    let owner = geteuid().is_root().then(|| Uid::from_raw(directory.st_uid));
    let _ = fchown(file, owner, None);
    if mode & 0o060 == 0 || fchown(file, None, Some(Gid::from_raw(directory.st_gid))).is_ok() {
        let _ = fchmod(file, Mode::from_raw_mode(mode));
    }
}

/// Fails if an existing lock file is open to users without write access to the directory.
fn check_for_writers(file: &OwnedFd, directory: &Stat, mode: u32) -> io::Result<()> {
    let stat = fstat(file)?;
    check_regular(&stat)?;
    let group = if stat.st_gid == directory.st_gid { mode & 0o060 } else { 0 };
    let is_writers = check_owner(&stat).is_ok() || stat.st_uid == directory.st_uid || mode & 0o066 != 0;
    if is_writers && stat.st_mode & 0o077 & !(group | mode & 0o006) == 0 {
        return Ok(());
    }
    if stat.st_uid == geteuid().as_raw() {
        give_to_writers(file, directory, mode);
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, "its lock file belongs to another user"))
}

/// The directory for private lock files, which no other user can enter.
fn run_directory() -> io::Result<Dir> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(|run| PathBuf::from(run).join("hushlog-locks"));
    let candidates: Vec<PathBuf> = match geteuid().is_root() {
        true => RUN_DIRECTORIES.iter().map(PathBuf::from).collect(),
        false => own.into_iter().collect(),
    };
    let mut failed = io::Error::new(ErrorKind::NotFound, "no directory for lock files is available (XDG_RUNTIME_DIR)");
    for path in candidates {
        match private_directory(&path) {
            Ok(dir) => return Ok(dir),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn private_directory(path: &Path) -> io::Result<Dir> {
    let (parent, name) = Dir::parent_of(path, Links::Trusted)?;
    match parent.make(&name, 0o700) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let dir = parent.sub(&name)?;
    let stat = dir.stat_self()?;
    if stat.st_uid != geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "other users can write to the directory for lock files",
        ));
    }
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    const SOON: Duration = Duration::from_millis(50);

    #[test]
    fn a11_a_lock_has_a_limit_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let held = beside(&path, SOON).unwrap();
        let begun = Instant::now();
        let error = beside(&path, SOON).unwrap_err();
        assert!(begun.elapsed() >= SOON);
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        let own = format!("(process {}) holds the lock", std::process::id());
        assert!(error.to_string().ends_with(&own), "{error}");
        drop(held);
        drop(beside(&path, SOON).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the lock file stays");
    }

    #[test]
    fn a11_nobody_takes_it_by_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let other = File::open(dir.path()).unwrap();
        flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        let path = dir.path().join("a");
        drop(beside(&path, SOON).unwrap());
        let id = FileId::of(&other).unwrap();
        if geteuid().is_root() {
            let held = of_inode(id, SOON).unwrap();
            assert_eq!(of_inode(id, Duration::ZERO).unwrap_err().kind(), ErrorKind::ResourceBusy);
            drop(held);
        }
    }

    #[test]
    fn a11_the_lock_file_is_for_users_with_write_access() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let lock_file = dir.path().join(".a.lock");
        for (directory, mode) in [(0o755, 0o600), (0o775, 0o660), (0o777, 0o666), (0o1777, 0o600)] {
            fs::set_permissions(dir.path(), Permissions::from_mode(directory)).unwrap();
            let held = beside(&path, SOON).unwrap();
            assert_eq!(fs::metadata(&lock_file).unwrap().permissions().mode() & 0o777, mode, "in {directory:o}");
            drop(held);
        }
        // A lock file that an earlier program left open to all users is closed to them.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(&lock_file, "").unwrap();
        fs::set_permissions(&lock_file, Permissions::from_mode(0o666)).unwrap();
        let held = beside(&path, SOON).unwrap();
        assert_eq!(fs::metadata(&lock_file).unwrap().permissions().mode() & 0o777, 0o600);
        drop(held);
        // A link in its place is not followed.
        std::os::unix::fs::symlink("/dev/null", &lock_file).unwrap();
        assert!(beside(&path, SOON).is_err());
    }

    #[test]
    fn a11_a_file_that_others_can_open_is_not_locked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        of_file(&file, SOON).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(of_file(&file, SOON).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn one_at_a_time_holds_it_though_the_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..125 {
                        let _held = beside(&path, PATIENCE).unwrap();
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                    }
                });
            }
        });
    }

    #[test]
    fn the_holder_is_found_by_device_and_file() {
        let mut stat = fstat(tempfile::tempfile().unwrap()).unwrap();
        (stat.st_dev, stat.st_ino) = (rustix::fs::makedev(0xfe, 1), 77);
        let line = |device: &str, kind: &str| format!("1: {kind}  ADVISORY  WRITE 4711 {device}:77 0 EOF\n");
        assert_eq!(holder_in(&line("fe:01", "FLOCK"), &stat), Some(4711));
        assert_eq!(holder_in(&line("00:2a", "FLOCK"), &stat), Some(4711));
        assert_eq!(holder_in(&line("fe:01", "-> FLOCK"), &stat), None);
        assert_eq!(holder_in(&line("fe:01", "POSIX"), &stat), None);
        assert_eq!(holder_in(&(line("00:2a", "FLOCK") + &line("00:2b", "FLOCK")), &stat), None);
    }
}
