//! The calls of a spool on its file, so that tests can have any of them fail, or be the last one
//! before a kill or a power cut.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fallocate, fstat, ftruncate, seek};
use rustix::io::{Errno, pread, pwritev};

use super::super::super::fd::lock;
use super::super::sync::OutputSync;
use super::{check_content, head};
use crate::sys::beneath::{Dir, Links};
use crate::sys::private;
use crate::sys::write;

/// How much is copied at once, in bytes.
const COPY_LEN: usize = 64 << 10;
/// So many files of damaged bytes are made beside a spool.
const ASIDE_MAX: u32 = 1_000;

/// The file of a spool, and the machine that it is on.
pub(in crate::sidecar::sink) trait Store {
    /// The file's length, in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads from there, as `pread` does.
    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes there, as `pwritev` does: some of the bytes may be all.
    fn write(&self, slices: &[IoSlice<'_>], at: u64) -> io::Result<usize>;
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Makes a hole, which reads as zeros.
    fn punch(&self, at: u64, len: u64) -> io::Result<()>;
    /// Waits until all of it is on the disk.
    fn sync(&self) -> io::Result<()>;
    /// The next place that is in no hole, from this one on. None: a hole goes on to the end.
    fn data(&self, at: u64) -> io::Result<Option<u64>>;
    /// Copies a part to a new file beside the spool, which is on the disk then.
    fn copy_aside(&self, path: &Path, at: u64, end: u64) -> io::Result<PathBuf>;
    /// Waits until all that sinks were given is on their disks.
    fn sync_sinks(&self) -> io::Result<()>;
    /// How many syncs of this process have failed.
    fn failures(&self) -> u64;
    /// The run of the machine.
    fn boot(&self) -> [u8; 16];
}

/// A file of the system.
pub(in crate::sidecar::sink) struct Disk {
    file: Arc<OwnedFd>,
    outputs: Arc<OutputSync>,
}

impl Disk {
    /// Opens the file of a spool, or makes it, and locks it.
    pub(super) fn open(path: &Path, outputs: &Arc<OutputSync>) -> io::Result<Disk> {
        let disk = Disk::of(private::open(path)?, outputs);
        check_content(&disk)?;
        lock(&*disk.file)?;
        if disk.len()? == 0 {
            // The name of a new file, too, is to outlive a power cut, where the directory can be
            // synced: one that gives no right to read cannot.
            let _ = Dir::parent_of(path, Links::Trusted)?.0.sync();
        }
        outputs.add(&disk.file);
        Ok(disk)
    }

    /// A file that no checkpoint waits for.
    pub(super) fn of(file: OwnedFd, outputs: &Arc<OutputSync>) -> Disk {
        Disk { file: Arc::new(file), outputs: Arc::clone(outputs) }
    }
}

impl Store for Disk {
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
                read(self, &mut buffer[..len], at)?;
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

/// Reads the beginning of the file, as far as there is one.
pub(super) fn read_some(file: &impl Store, buffer: &mut [u8]) -> io::Result<usize> {
    let len = file.len()?.min(buffer.len() as u64) as usize;
    read(file, &mut buffer[..len], 0)?;
    Ok(len)
}

/// Fills the buffer from there. False: the file is shorter.
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

/// Writes all slices from there on.
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

/// Writes the content again, but for its holes, so that the next sync has it written.
pub(super) fn rewrite(file: &impl Store, mut at: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_LEN];
    while at < end {
        match file.data(at) {
            Ok(Some(data)) => at = data,
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
        let len = end.saturating_sub(at).min(COPY_LEN as u64) as usize;
        if !read(file, &mut buffer[..len], at)? {
            return Ok(());
        }
        write_all(file, &mut [IoSlice::new(&buffer[..len])], at)?;
        at += len as u64;
    }
    Ok(())
}

/// Whether there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
