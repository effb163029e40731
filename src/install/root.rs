//! The root of a machine, and the files below it.
//!
//! An image (a directory that will be the root of a machine) holds links that are meant for that
//! machine: `/etc` in it may lead to `/usr/etc`. The kernel follows them as if the image were the
//! root (`RESOLVE_IN_ROOT`), so that nothing outside is read or written. On this machine, a link is
//! followed only if no other user can have created it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, Stat, fstat};
use rustix::io::Errno;

use crate::sys::beneath::{Dir, Links, find};
use crate::sys::file::{FileId, check_regular, kind};

/// The most links that are followed, as in the kernel.
const LINKS_MAX: usize = 40;
/// The longest file that blocks are added to, in bytes.
const LEN_MAX: u64 = 16 << 20;
/// The mode of created directories.
const MODE: u32 = 0o755;

/// The root of a machine: this machine's, or an image.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// The image; none for this machine.
    image: Option<Dir>,
}

impl Root {
    /// Opens a root by its path.
    ///
    /// # Errors
    ///
    /// When the path is no directory, or leads through a link that another user can have created.
    pub fn open(path: &Path) -> io::Result<Root> {
        let dir = Dir::open(path, Links::Trusted)?;
        let own = Dir::open(Path::new("/"), Links::None)?;
        let is_own = FileId::of(&dir)? == FileId::of(&own)?;
        Ok(Root { path: path.to_owned(), image: Some(dir).filter(|_| !is_own) })
    }

    /// Whether this is the root of this machine.
    pub fn is_own(&self) -> bool {
        self.image.is_none()
    }

    /// The path of a file below the root, for messages.
    pub fn path(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Whether a path leads to anything.
    pub fn has(&self, path: &str) -> bool {
        self.stat(path).is_some()
    }

    /// Whether a path leads to a file of this type.
    pub(super) fn is(&self, path: &str, wanted: FileType) -> bool {
        self.stat(path).is_some_and(|found| kind(&found) == wanted)
    }

    fn stat(&self, path: &str) -> Option<Stat> {
        let (dir, name) = self.find(path).ok()?;
        dir.stat(name).ok()
    }

    /// The content of the file that a path leads to; none if there is no file.
    ///
    /// # Errors
    ///
    /// When it is no regular file, or longer than `len_max`; errors of the system.
    pub fn read(&self, path: &Path, len_max: u64) -> io::Result<Option<Vec<u8>>> {
        let path = path.to_str().ok_or(ErrorKind::InvalidInput)?;
        match self.find(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.and_then(|(dir, name)| bytes(&dir, &name, len_max)),
        }
    }

    /// The names in a directory; empty if it cannot be read.
    pub(super) fn names(&self, path: &str) -> Vec<OsString> {
        let names = self.dir(Path::new(path), false).and_then(|dir| dir.names());
        names.unwrap_or_default().into_iter().map(|(name, _)| name).collect()
    }

    /// The directory that holds a file, and the file's name. Does not follow the name. Creates the
    /// directory if `make` is set and it is missing.
    pub(super) fn parent(&self, path: &str, make: bool) -> io::Result<(Dir, OsString)> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.dir(path.parent().unwrap_or(Path::new("")), make)?, name.to_owned()))
    }

    /// The same for the file that a path finally leads to.
    pub(super) fn find(&self, path: &str) -> io::Result<(Dir, OsString)> {
        let Some(image) = &self.image else {
            let found = find(&Path::new("/").join(path), Links::Trusted)?;
            return Ok((found.dir, found.name));
        };
        let mut path = PathBuf::from(path);
        for _ in 0..LINKS_MAX {
            let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
            let around = path.parent().unwrap_or(Path::new("")).to_owned();
            let dir = image.in_root(&around, None)?;
            match dir.stat(&name) {
                Ok(found) if kind(&found) == FileType::Symlink => path = around.join(dir.read_link(&name)?),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => return Ok((dir, name)),
            }
        }
        Err(Errno::LOOP.into())
    }

    fn dir(&self, path: &Path, make: bool) -> io::Result<Dir> {
        match &self.image {
            Some(image) => image.in_root(path, make.then_some(MODE)),
            None if make => Dir::open_or_make(&Path::new("/").join(path), Links::Trusted, MODE),
            None => Dir::open(&Path::new("/").join(path), Links::Trusted),
        }
    }
}

/// The text of a file, without following a link; none if there is no file.
pub(super) fn text(dir: &Dir, name: &OsStr) -> io::Result<Option<String>> {
    bytes(dir, name, LEN_MAX)?
        .map(|bytes| String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into()))
        .transpose()
}

fn bytes(dir: &Dir, name: &OsStr, len_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match dir.open_file(name, OFlags::RDONLY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    check_regular(&fstat(&file)?)?;
    let mut bytes = Vec::new();
    File::from(file).take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
}
