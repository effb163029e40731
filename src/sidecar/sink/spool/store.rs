//! The file operations of a spool, so that tests can fail any of them, or kill the process or cut
//! the power after any of them.

use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fallocate, fstat, ftruncate, seek};
use rustix::io::{Errno, pread, pwritev};

use super::{check_content, head};
use crate::sidecar::fd::lock;
use crate::sidecar::sink::sync::OutputSync;
use crate::sys::beneath::{Dir, Links};
use crate::sys::private;
use crate::sys::write;

/// The copy unit, in bytes.
const COPY_LEN: usize = 64 << 10;
/// The maximum number of files of damaged bytes beside a spool.
const ASIDE_MAX: u32 = 1_000;

/// The file of a spool, and its machine.
pub(in crate::sidecar::sink) trait Store {
    /// The unit that a damaged disk loses, in bytes: a write of a part of it reads the rest first.
    const BLOCK_LEN: u64;
    /// The file's length, in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads from this offset, as `pread` does.
    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes at this offset, as `pwritev` does: possibly only some of the bytes.
    fn write(&self, slices: &[IoSlice<'_>], at: u64) -> io::Result<usize>;
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Punches a hole, which reads as zeros.
    fn punch(&self, at: u64, len: u64) -> io::Result<()>;
    /// Waits until the whole file is on the disk.
    fn sync(&self) -> io::Result<()>;
    /// The next offset outside a hole, from this one. None: a hole extends to the end.
    fn data(&self, at: u64) -> io::Result<Option<u64>>;
    /// Copies a part to a new file beside the spool, and syncs it.
    fn copy_aside(&self, path: &Path, at: u64, end: u64) -> io::Result<PathBuf>;
    /// Waits until all output to sinks is on their disks.
    fn sync_sinks(&self) -> io::Result<()>;
    /// The number of failed syncs of this process.
    fn failures(&self) -> u64;
    /// The boot ID.
    fn boot(&self) -> [u8; 16];
}

/// A file of the operating system.
pub(in crate::sidecar::sink) struct Disk {
    file: Arc<OwnedFd>,
    outputs: Arc<OutputSync>,
}

impl Disk {
    /// Opens or creates the file of a spool, and locks it.
    pub(super) fn open(path: &Path, outputs: &Arc<OutputSync>) -> io::Result<Disk> {
        let disk = Disk::of(private::open(path)?, outputs);
        check_content(&disk)?;
        lock(&*disk.file)?;
        if disk.len()? == 0 {
            // The name of a new file must survive a power cut, too, if the directory can be synced:
            // one without read permission cannot.
            let _ = Dir::parent_of(path, Links::Trusted)?.0.sync();
        }
        outputs.add(&disk.file);
        Ok(disk)
    }

    /// Wraps a file that no checkpoint waits for.
    pub(super) fn of(file: OwnedFd, outputs: &Arc<OutputSync>) -> Disk {
        Disk { file: Arc::new(file), outputs: Arc::clone(outputs) }
    }
}

impl Store for Disk {
    const BLOCK_LEN: u64 = 4 << 10;

    fn len(&self) -> io::Result<u64> {
        Ok(fstat(&*self.file)?.st_size as u64)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        Ok(pread(&*self.file, buffer, at)?)
    }

    fn write(&self, slices: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        Ok(pwritev(&*self.file, slices, at)?)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        Ok(ftruncate(&*self.file, len)?)
    }

    fn punch(&self, at: u64, len: u64) -> io::Result<()> {
        Ok(fallocate(&*self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, len)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.outputs.sync(&self.file)
    }

    fn data(&self, at: u64) -> io::Result<Option<u64>> {
        match seek(&*self.file, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => Ok(None),
            found => Ok(Some(found?)),
        }
    }

    fn copy_aside(&self, path: &Path, mut at: u64, end: u64) -> io::Result<PathBuf> {
        let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
        for number in 1..=ASIDE_MAX {
            let mut aside = name.clone();
            aside.push(format!(".damaged.{number}"));
            let copy = match dir.create_new(&aside, OFlags::WRONLY, 0o600) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                copy => Disk::of(copy?, &self.outputs),
            };
            let (begin, mut buffer) = (at, vec![0; COPY_LEN]);
            while at < end {
                let len = (end - at).min(COPY_LEN as u64) as usize;
                read_around(self, &mut buffer[..len], at)?;
                write_all(&copy, &mut [IoSlice::new(&buffer[..len])], at - begin)?;
                at += len as u64;
            }
            copy.sync()?;
            dir.sync()?;
            return Ok(path.with_file_name(aside));
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn sync_sinks(&self) -> io::Result<()> {
        self.outputs.sync_all()
    }

    fn failures(&self) -> u64 {
        self.outputs.failures()
    }

    fn boot(&self) -> [u8; 16] {
        head::boot()
    }
}

/// Reads the beginning of the file, possibly less than the buffer holds.
pub(super) fn read_some(file: &impl Store, buffer: &mut [u8]) -> io::Result<usize> {
    let len = file.len()?.min(buffer.len() as u64) as usize;
    read(file, &mut buffer[..len], 0)?;
    Ok(len)
}

/// Fills the buffer from this offset. Returns false if the file is shorter.
pub(super) fn read(file: &impl Store, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(&mut buffer[done..], at + done as u64) {
            Ok(0) => return Ok(false),
            Ok(read) => done += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Fills the buffer as [`read`] does, with zeros for each block that the disk cannot read. Returns
/// false if the file is shorter, and the number of such blocks.
pub(super) fn read_around<S: Store>(file: &S, buffer: &mut [u8], at: u64) -> io::Result<(bool, u64)> {
    match read(file, buffer, at) {
        Err(error) if is_damage(&error) => {}
        is_whole => return Ok((is_whole?, 0)),
    }
    let mut unreadable = 0;
    for block in blocks(at, buffer.len(), S::BLOCK_LEN) {
        match read(file, &mut buffer[block.clone()], at + block.start as u64) {
            Ok(true) => {}
            Ok(false) => return Ok((false, unreadable)),
            Err(error) if is_damage(&error) => {
                buffer[block].fill(0);
                unreadable += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok((at + buffer.len() as u64 <= file.len()?, unreadable))
}

/// The parts of a buffer for this offset that lie in one block each.
fn blocks(at: u64, len: usize, block_len: u64) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = (at + start as u64 + 1).next_multiple_of(block_len) - at;
        let block = start..len.min(end as usize);
        start = block.end;
        (!block.is_empty()).then_some(block)
    })
}

/// Writes all slices at this offset.
pub(super) fn write_all(file: &impl Store, slices: &mut [IoSlice<'_>], mut at: u64) -> io::Result<()> {
    write::write_all(slices, |slices| {
        loop {
            match file.write(slices, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => {
                    let len = written?;
                    at += len as u64;
                    return Ok(len);
                }
            }
        }
    })
}

/// Rewrites the content without its holes, so that the next sync writes it.
pub(super) fn rewrite(file: &impl Store, mut at: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_LEN];
    while at < end {
        match file.data(at) {
            Ok(Some(data)) => at = data,
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
        let len = end.saturating_sub(at).min(COPY_LEN as u64) as usize;
        match read(file, &mut buffer[..len], at) {
            Ok(true) => write_all(file, &mut [IoSlice::new(&buffer[..len])], at)?,
            Ok(false) => return Ok(()),
            Err(error) if is_damage(&error) => rewrite_around(file, &mut buffer[..len], at)?,
            Err(error) => return Err(error),
        }
        at += len as u64;
    }
    Ok(())
}

/// Rewrites the blocks that the disk can read.
fn rewrite_around<S: Store>(file: &S, buffer: &mut [u8], at: u64) -> io::Result<()> {
    for block in blocks(at, buffer.len(), S::BLOCK_LEN) {
        let (buffer, at) = (&mut buffer[block.clone()], at + block.start as u64);
        if let (true, 0) = read_around(file, buffer, at)? {
            write_all(file, &mut [IoSlice::new(buffer)], at)?;
        }
    }
    Ok(())
}

/// Whether the disk cannot read a place: a bad sector, or a checksum of the file system.
pub(super) fn is_damage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::IO | Errno::BADMSG | Errno::UCLEAN | Errno::NODATA | Errno::REMOTEIO | Errno::ILSEQ))
}

/// Whether the disk is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
