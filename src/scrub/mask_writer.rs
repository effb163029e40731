//! Writes masks over regions of an open file, and over no other bytes, even if the file changes
//! meanwhile.
//!
//! `pwrite` is unsuitable: if the file has been truncated since the search, it creates a hole of
//! NULs and restores the old length. No flag forbids that, and checking the size first leaves a
//! race. So the mask is copied into a shared mapping of the file, which cannot extend it. The
//! kernel does the copying, from a file in memory, so a missing page is an error (EFAULT) and not a
//! signal (SIGBUS).

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, OFlags, SeekFrom, fcntl_getfl, fstat, fstatfs, memfd_create, seek};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use zeroize::Zeroizing;

use super::torn::{self, Torn};
use super::{escape, file};
use crate::NeedleSet;
use crate::container::SplitSecret;
use crate::redact::bare;
use crate::redact::codes;
use crate::redact::finder::Finder;
use crate::redact::overlay::Overlay;
use crate::redact::region::Region;

/// The maximum number of bytes to overwrite in one step.
const STEP_LEN: usize = 64 << 10;
/// The alignment of mappings, in bytes: a multiple of every page size.
const ALIGN: u64 = 64 << 10;
/// The length of a mapping, in bytes: millions of regions in a file must not need as many mappings.
const MAP_LEN: usize = 1 << 20;
/// The read size for checking whether a region is still there, in bytes.
const LOOK_LEN: usize = 16 << 10;

/// File systems that write back a whole page, even over another machine's writes: NFS, SMB (three
/// of them), 9P, Ceph, FUSE. There `pwrite` writes the mask, without protection against a
/// truncation in the same moment.
const SHARED_FILE_SYSTEMS: [u64; 7] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x6573_5546];

/// The reason why a region was not, or not completely, overwritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The file now ends before the region does. It was not extended.
    #[error("the file was truncated meanwhile")]
    Truncated,
    /// The file holds other bytes than those found.
    #[error("the file was overwritten meanwhile")]
    Changed,
    /// The system's reason.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for MaskError {
    fn from(error: Errno) -> MaskError {
        MaskError::Io(error.into())
    }
}

/// Overwrites regions of files. Each thread needs its own.
///
/// Memory: 80 KiB; the part with bytes read from files is wiped. It takes one descriptor.
pub struct MaskWriter {
    /// The in-memory file that the kernel copies masks from; it holds the first
    /// `prepared_len` bytes of `mask`.
    memfd: OwnedFd,
    prepared_len: usize,
    mask: Vec<u8>,
    look: Zeroizing<Vec<u8>>,
}

impl MaskWriter {
    /// Creates a writer.
    ///
    /// # Errors
    ///
    /// When there is no descriptor or memory left.
    pub fn new() -> io::Result<MaskWriter> {
        let memfd = memfd_create(c"hushlog-masks", MemfdFlags::CLOEXEC)?;
        Ok(MaskWriter { memfd, prepared_len: 0, mask: vec![0; STEP_LEN], look: Zeroizing::new(vec![0; LOOK_LEN]) })
    }

    /// Prepares to write to a file that is open for reading and writing, and not for appending.
    ///
    /// # Errors
    ///
    /// When the file is not open like that.
    pub fn on<'a>(&'a mut self, file: BorrowedFd<'a>) -> Result<MaskTarget<'a>, MaskError> {
        let flags = fcntl_getfl(file)?;
        if flags.contains(OFlags::APPEND) || flags & OFlags::RWMODE != OFlags::RDWR {
            return Err(Errno::INVAL.into());
        }
        let shared = fstatfs(file).is_ok_and(|fs| SHARED_FILE_SYSTEMS.contains(&(fs.f_type as u64 & 0xffff_ffff)));
        Ok(MaskTarget { writer: self, file, mappable: !shared, map: None })
    }

    /// Puts a mask into the in-memory file. Masks often repeat.
    fn prepare(&mut self, mask: &mut dyn FnMut(&mut [u8]), len: usize) -> Result<(), MaskError> {
        let mut fresh = [0; 256];
        if len == self.prepared_len && len <= fresh.len() {
            mask(&mut fresh[..len]);
            if fresh[..len] == self.mask[..len] {
                return Ok(());
            }
        }
        mask(&mut self.mask[..len]);
        self.prepared_len = 0;
        if file::write_at(self.memfd.as_fd(), &self.mask[..len], 0)? < len {
            return Err(Errno::IO.into());
        }
        self.prepared_len = len;
        Ok(())
    }
}

/// A file to overwrite regions of.
pub struct MaskTarget<'a> {
    writer: &'a mut MaskWriter,
    file: BorrowedFd<'a>,
    mappable: bool,
    /// The latest mapping: the next region is likely to be near.
    map: Option<Map>,
}

impl MaskTarget<'_> {
    /// Writes the mask over a region from a finder of these needles, and over no other byte. Does
    /// not extend the file, and does not wait for the disk (no fsync).
    ///
    /// Concurrent writes elsewhere in the file are preserved.
    ///
    /// # Errors
    ///
    /// See [`MaskError`]. Then a beginning of the mask may have been written.
    pub fn overwrite(&mut self, set: &NeedleSet, overlay: &Overlay, region: &Region) -> Result<(), MaskError> {
        let start = region.range().start;
        self.fill(region.range(), &mut |at, out| overlay.write(set, region, at - start, out))
    }

    /// Like [`overwrite`](MaskTarget::overwrite), if the region is still there: since the search
    /// the file may have been truncated and rewritten. Reads the region again just before the
    /// write, which leaves a race of some microseconds.
    ///
    /// # Errors
    ///
    /// See [`MaskError`].
    pub fn overwrite_if_there(
        &mut self,
        set: &Arc<NeedleSet>,
        overlay: &Overlay,
        region: &Region,
    ) -> Result<(), MaskError> {
        let before = self.before(set, region)?;
        let codes = self.look_for(set, region)?;
        self.overwrite_behind(&before, set, overlay, region, &codes)
    }

    /// Like [`overwrite_if_there`](MaskTarget::overwrite_if_there), within JSON: first overwrites
    /// the rest of each escape that the region cuts.
    pub(super) fn overwrite_in_json(
        &mut self,
        set: &Arc<NeedleSet>,
        overlay: &Overlay,
        region: &Region,
    ) -> Result<(), MaskError> {
        let before = self.before(set, region)?;
        let codes = self.look_for(set, region)?;
        let filler = overlay.part_filler().ok_or(Errno::NOTSUP)?;
        self.fill_escapes(&region.range(), filler)?;
        self.overwrite_behind(&before, set, overlay, region, &codes)
    }

    /// Like [`overwrite`](MaskTarget::overwrite), but the mask of a [bare value of JSON](bare) has
    /// quotes, and the region's colour codes stand at its end. The mask of a very long one has
    /// neither, since it would not be recognized after an interruption.
    fn overwrite_behind(
        &mut self,
        before: &[u8],
        set: &NeedleSet,
        overlay: &Overlay,
        region: &Region,
        codes: &[u8],
    ) -> Result<(), MaskError> {
        let range = region.range();
        if range.end - range.start > torn::LEN_MIN as u64 {
            return self.overwrite(set, overlay, region);
        }
        self.fill(range, &mut |_, out| overlay.write_behind(before, set, region, codes, out))
    }

    /// The bytes before a region that decide whether its mask has quotes. They are read before the
    /// last look at the region, which must be close to the write.
    fn before(&mut self, set: &NeedleSet, region: &Region) -> Result<Zeroizing<Vec<u8>>, MaskError> {
        let mut before = Zeroizing::new(Vec::with_capacity(bare::CONTEXT_LEN));
        if set.may_be_bare(region.needle()) {
            let end = region.range().start;
            let from = end.saturating_sub(bare::CONTEXT_LEN as u64);
            self.read_again(from..end, &mut |piece| before.extend_from_slice(piece))?;
        }
        Ok(before)
    }

    /// Writes this byte over the rest of each escape that a range cuts.
    pub(super) fn fill_escapes(&mut self, range: &Range<u64>, filler: u8) -> Result<(), MaskError> {
        let rests = escape::rests(self.file, range)?;
        let mut rests = rests.into_iter().filter(|rest| !rest.is_empty());
        rests.try_for_each(|rest| self.fill(rest, &mut |_, out| out.fill(filler)))
    }

    /// Writes this byte over the parts of a secret that is not contiguous, if it is still there.
    /// The last part comes first: after a kill, the beginning of the secret identifies it.
    pub(super) fn overwrite_parts(
        &mut self,
        set: &Arc<NeedleSet>,
        filler: u8,
        split: &SplitSecret,
        is_json: bool,
    ) -> Result<(), MaskError> {
        let is_there = match split.beginning(set) {
            Some(beginning) => self.holds(&split.parts, beginning)?,
            None => self.holds_one(&split.parts, set)?,
        };
        if !is_there {
            return Err(MaskError::Changed);
        }
        for part in split.parts.iter().rev() {
            if is_json {
                self.fill_escapes(part, filler)?;
            }
            self.fill(part.clone(), &mut |_, out| out.fill(filler))?;
        }
        Ok(())
    }

    /// Completes an incomplete mask, if the rest of the secret is still there.
    pub(super) fn complete(&mut self, set: &NeedleSet, overlay: &Overlay, torn: &Torn) -> Result<(), MaskError> {
        if !self.holds(std::slice::from_ref(&torn.rest), torn.expose(set))? {
            return Err(MaskError::Changed);
        }
        self.fill(torn.rest.clone(), &mut |at, out| torn.write_mask(set, overlay, at, out))
    }

    /// Whether these parts hold these bytes.
    fn holds(&mut self, parts: &[Range<u64>], mut bytes: &[u8]) -> Result<bool, MaskError> {
        let mut is_there = true;
        for part in parts {
            self.read_again(part.clone(), &mut |piece| match bytes.strip_prefix(piece) {
                Some(rest) => bytes = rest,
                None => is_there = false,
            })?;
        }
        Ok(is_there)
    }

    /// Whether these parts form one region.
    fn holds_one(&mut self, parts: &[Range<u64>], set: &Arc<NeedleSet>) -> Result<bool, MaskError> {
        let len: u64 = parts.iter().map(|part| part.end - part.start).sum();
        let (mut again, mut there) = (Finder::new(Arc::clone(set)), Vec::new());
        for part in parts {
            self.read_again(part.clone(), &mut |piece| there.extend(again.push(piece)))?;
        }
        there.extend(again.finish(true));
        Ok(matches!(&there[..], [one] if one.range() == (0..len)))
    }

    fn read_again(&mut self, range: Range<u64>, piece: &mut dyn FnMut(&[u8])) -> Result<(), MaskError> {
        let mut at = range.start;
        while at < range.end {
            let len = LOOK_LEN.min((range.end - at) as usize);
            let read = file::read_at(self.file, &mut self.writer.look[..len], at)?;
            if read == 0 {
                return Err(MaskError::Truncated);
            }
            piece(&self.writer.look[..read]);
            at += read as u64;
        }
        Ok(())
    }

    /// Fails unless the region is still there. Returns its colour codes.
    pub(super) fn look_for(&mut self, set: &Arc<NeedleSet>, region: &Region) -> Result<Vec<u8>, MaskError> {
        let mut again = Finder::at(Arc::clone(set), region.range().start);
        let len = (region.range().end - region.range().start).min(torn::LEN_MIN as u64) as usize;
        let (mut there, mut bytes) = (Vec::new(), Zeroizing::new(Vec::with_capacity(len)));
        self.read_again(region.range(), &mut |piece| {
            there.extend(again.push(piece));
            if bytes.len() + piece.len() <= len {
                bytes.extend_from_slice(piece);
            }
        })?;
        there.extend(again.finish(true));
        match &there[..] {
            [one] if one.range() == region.range() => Ok(codes::of(set, &bytes, true)),
            _ => Err(MaskError::Changed),
        }
    }

    /// Overwrites a range of the file with the output of `mask`, which receives the offset in the
    /// file.
    pub(super) fn fill(&mut self, range: Range<u64>, mask: &mut dyn FnMut(u64, &mut [u8])) -> Result<(), MaskError> {
        let mut at = range.start;
        while at < range.end {
            let rest = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            // No step is so short that, after an interruption before it, its bytes could not be
            // recognized as those of a secret.
            let len = if (STEP_LEN + 1..2 * STEP_LEN).contains(&rest) { rest / 2 } else { rest.min(STEP_LEN) };
            self.writer.prepare(&mut |out| mask(at, out), len)?;
            self.write_step(at, len)?;
            at += len as u64;
        }
        // A write into the last page may have landed after the end of a file that was truncated in
        // the same moment.
        if fstat(self.file)?.st_size as u64 >= range.end { Ok(()) } else { Err(MaskError::Truncated) }
    }

    /// Overwrites `len` bytes at `at` with the in-memory file.
    fn write_step(&mut self, at: u64, len: usize) -> Result<(), MaskError> {
        if self.mappable && !self.map.as_ref().is_some_and(|map| map.reaches(at, len)) {
            match Map::new(self.file, at) {
                Ok(map) => self.map = Some(map),
                Err(Errno::NODEV | Errno::OPNOTSUPP) => self.mappable = false,
                Err(error) => return Err(error.into()),
            }
        }
        let file = self.file;
        let Some(map) = self.map.as_mut().filter(|_| self.mappable) else {
            return write_all(file, &self.writer.mask[..len], at);
        };
        map.fill_from(self.writer.memfd.as_fd(), at, len).map_err(|error| {
            let gone = error == Errno::FAULT && fstat(file).is_ok_and(|stat| (stat.st_size as u64) < at + len as u64);
            match error {
                _ if gone => MaskError::Truncated,
                // The page is unavailable: a disk error, or no space for it.
                Errno::FAULT => Errno::IO.into(),
                error => error.into(),
            }
        })
    }
}

/// Writes to file systems without shared mappings.
fn write_all(file: BorrowedFd<'_>, mut mask: &[u8], mut at: u64) -> Result<(), MaskError> {
    if (fstat(file)?.st_size as u64) < at + mask.len() as u64 {
        return Err(MaskError::Truncated);
    }
    while !mask.is_empty() {
        match file::write_at(file, mask, at)? {
            0 => return Err(Errno::IO.into()),
            len => (mask, at) = (&mask[len..], at + len as u64),
        }
    }
    Ok(())
}

unsafe extern "C" {
    /// The C library's declaration; std links to it anyway. rustix only reads into slices.
    fn read(fd: RawFd, room: *mut c_void, len: usize) -> isize;
}

/// A stretch of a file in a shared mapping.
struct Map {
    address: NonNull<u8>,
    /// The offset of the mapping in the file.
    start: u64,
}

impl Map {
    /// A mapping that extends at least one step beyond this offset.
    fn new(file: BorrowedFd<'_>, at: u64) -> Result<Map, Errno> {
        let start = at - at % ALIGN;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice that nothing else knows. Only
        // the kernel reads or writes it, so concurrent changes of the file do no harm.
        let address = unsafe { mmap(std::ptr::null_mut(), MAP_LEN, access, MapFlags::SHARED, file, start)? };
        let address = NonNull::new(address.cast::<u8>()).ok_or(Errno::NOMEM)?;
        Ok(Map { address, start })
    }

    fn reaches(&self, at: u64, len: usize) -> bool {
        self.start <= at && at + len as u64 <= self.start + MAP_LEN as u64
    }

    /// Makes the kernel copy the beginning of another file over the bytes at `at`.
    fn fill_from(&mut self, memfd: BorrowedFd<'_>, at: u64, len: usize) -> Result<(), Errno> {
        assert!(self.reaches(at, len));
        let mut done = 0;
        while done < len {
            seek(memfd, SeekFrom::Start(done as u64))?;
            // SAFETY: the range is within the mapping. Other processes change these bytes at any
            // time, so there is no reference to them: the kernel writes through the pointer, and
            // reports an error where the file no longer has a page.
            let filled = unsafe {
                let room = self.address.as_ptr().add((at - self.start) as usize + done);
                read(memfd.as_raw_fd(), room.cast(), len - done)
            };
            match usize::try_from(filled) {
                Ok(0) => return Err(Errno::IO),
                Ok(filled) => done += filled,
                Err(_) => match Errno::from_io_error(&io::Error::last_os_error()) {
                    Some(Errno::INTR) => {}
                    error => return Err(error.unwrap_or(Errno::IO)),
                },
            }
        }
        Ok(())
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: self owns the mapping, and no slice of it outlives self.
        let unmapped = unsafe { munmap(self.address.as_ptr().cast(), MAP_LEN) };
        debug_assert!(unmapped.is_ok());
    }
}
