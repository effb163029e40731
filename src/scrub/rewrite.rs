//! Rewrites a file without writers, with masks of any length; decompresses and compresses it again
//! if necessary.
//!
//! The new file replaces the old one in one step. The old file's blocks stay on the device until
//! they are reused.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{
    Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fchown, fgetxattr, flistxattr, fsetxattr, fstat, fsync, futimens,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use zeroize::Zeroizing;

use super::claim::Claim;
#[cfg(feature = "compress")]
use super::compression;
use super::content;
use super::escape;
#[cfg(feature = "compress")]
use super::file::FromStart;
use super::findings::Findings;
use super::in_place::Scrubber;
use super::kind::Compression;
use super::lease::Lease;
use super::live::is_live;
use super::outcome::ScrubError;
use super::search;
use super::torn::{self, Torn};
use crate::container::{self, RecordFormat, SplitFinder, split_secrets_with};
use crate::redact::finder::Finder;
use crate::redact::redactor::Redactor;
use crate::redact::region::Region;
use crate::sys::beneath::Dir;
use crate::sys::file::FileId;
use crate::sys::temporary;

/// The maximum total length of all extended attributes' names, and of one attribute's value, in
/// bytes: the system's own limits.
const ATTRIBUTES_LEN_MAX: usize = 64 << 10;
/// The write size, in bytes.
const WRITE_LEN: usize = 64 << 10;

/// A file in its directory.
pub(super) struct Place<'a> {
    pub(super) directory: &'a Dir,
    pub(super) name: &'a OsStr,
    pub(super) file: &'a File,
    pub(super) compression: Option<Compression>,
    /// Parts of the content that belong to secrets across the boundaries to other files, and are
    /// counted there.
    pub(super) claimed: &'a [Range<u64>],
}

impl Place<'_> {
    /// The content, from its beginning.
    pub(super) fn content(&self) -> io::Result<Box<dyn Read + '_>> {
        content::content(self.file, self.compression)
    }

    /// Searches the content, and also a compressed file's own bytes: names, comments and frames
    /// without content. Changes nothing.
    pub(super) fn count(&self, scrubber: &Scrubber) -> Result<Findings, ScrubError> {
        self.count_but(scrubber, scrubber.masks_partial()).map(|(findings, _)| findings)
    }

    /// Like [`count`](Place::count). Also returns ranges that are no needle by themselves: the
    /// rests of secrets under incomplete masks and, in a container log, the parts of secrets across
    /// records.
    fn count_but(&self, scrubber: &Scrubber, masks_partial: bool) -> Result<(Findings, Vec<Range<u64>>), ScrubError> {
        let (mut findings, mut parts) = (Findings::default(), Vec::new());
        let format = self.format()?;
        if let Some(format) = format {
            let finder = SplitFinder::new(format, scrubber.set()).beside_masks(scrubber.part_filler(), false);
            split_secrets_with(&mut *self.content()?, finder, &mut |split| {
                if split.parts.iter().all(|part| Claim::holds(self.claimed, part)) {
                    return Ok(());
                }
                findings.note_at(scrubber.set(), split.needle, split.parts[0].start);
                parts.extend(split.parts);
                Ok::<(), ScrubError>(())
            })?;
        }
        torn::find(&mut *self.content()?, scrubber.set(), scrubber.region_overlay(), &mut |torn: Torn| {
            if !Claim::holds(self.claimed, &torn.rest) {
                findings.note(scrubber.set(), &torn.region);
            }
            parts.push(torn.rest);
            Ok::<(), ScrubError>(())
        })?;
        // Only for Docker logs, which are JSON.
        let mut regions = Vec::new();
        let mut note = |region: Region| {
            regions.extend((format == Some(RecordFormat::Docker)).then(|| region.range()));
            if !Claim::holds(self.claimed, &region.range()) {
                findings.note(scrubber.set(), &region);
            }
        };
        let (mut content, mut buffer) = (self.content()?, search::buffer());
        let mut finder = Finder::new(Arc::clone(scrubber.set()));
        let progress = |bytes: usize| scrubber.progress().fetch_add(bytes as u64, Relaxed);
        loop {
            match content::read(&mut *content, &mut buffer)? {
                0 => break,
                len => {
                    finder.push(&buffer[..len]).for_each(&mut note);
                    progress(len);
                }
            }
        }
        let partial_left = !masks_partial && scrubber.masks_partial() && finder.is_at_partial_match();
        finder.finish(masks_partial).for_each(note);
        (findings.bytes, findings.partial_left) = (finder.end(), partial_left);
        if format == Some(RecordFormat::Docker) {
            regions.extend(parts.iter().chain(self.claimed).cloned());
            parts.extend(self.escapes(regions)?);
        }
        if self.compression.is_some() {
            findings.add(scrubber.search_bytes(self.file)?);
        }
        Ok((findings, parts))
    }

    /// The rest of each escape that these regions of JSON cut.
    fn escapes(&self, mut regions: Vec<Range<u64>>) -> io::Result<Vec<Range<u64>>> {
        regions.sort_by_key(|region| region.start);
        regions.dedup_by(|next, region| {
            let is_one = next.start < region.end;
            region.end = region.end.max(if is_one { next.end } else { 0 });
            is_one
        });
        if regions.is_empty() { Ok(Vec::new()) } else { escape::rests_of(&mut *self.content()?, &regions) }
    }

    fn format(&self) -> io::Result<Option<RecordFormat>> {
        let mut head = Zeroizing::new(Vec::with_capacity(container::HEAD_LEN));
        self.content()?.take(container::HEAD_LEN as u64).read_to_end(&mut head)?;
        Ok(RecordFormat::of_head(&head))
    }

    /// Rewrites the file, if there is anything to mask in it. The new file has the old one's owner,
    /// mode, access list, extended attributes and times, and is on the disk on success; on error,
    /// the old file is unchanged.
    pub(super) fn rewrite(&self, scrubber: &Scrubber) -> Result<Findings, ScrubError> {
        // Leases are not available everywhere; a recently written file is likely to be written
        // again.
        let lease = Lease::take(self.file.as_fd()).map_err(|_| ScrubError::Live)?;
        let before = fstat(self.file)?;
        if lease.is_none() && is_live(self.file.as_fd())? {
            return Err(ScrubError::Live);
        }
        // A writer that rotation gave a new file completes the secret there.
        let goes_on = self.compression.is_none() && is_live(self.file.as_fd())?;
        let masks_partial = scrubber.masks_partial() && !goes_on;
        let (mut findings, mut parts) = self.count_but(scrubber, masks_partial)?;
        let is_claimed = self.claimed.iter().any(|range| range.end == findings.bytes);
        findings.partial_left &= !is_claimed;
        parts.extend_from_slice(self.claimed);
        parts.sort_by_key(|part| part.start);
        let filler = scrubber.part_filler();
        if !parts.is_empty() && filler.is_none() {
            return Err(ScrubError::NoFiller);
        }
        if findings.count() == 0 && parts.is_empty() {
            // A run that was killed before the disk had recorded it may have rewritten the file.
            let synced = fsync(self.file).map_err(io::Error::from).and_then(|()| self.directory.sync());
            synced.map_err(ScrubError::Sync)?;
            return Ok(findings);
        }
        let temporary = Temporary::new(self.directory)?;
        let parts = Parts { parts, filler: filler.unwrap_or_default() };
        self.write_content(scrubber, &parts, masks_partial, &temporary.file)?;
        self.copy_attributes(&before, &temporary.file)?;
        fsync(&temporary.file)?;
        let now = fstat(self.file)?;
        let unchanged = |a: &Stat, b: &Stat| {
            (a.st_size, a.st_mtime, a.st_mtime_nsec) == (b.st_size, b.st_mtime, b.st_mtime_nsec)
                && FileId::from(a) == FileId::from(b)
        };
        let named = self.directory.stat(self.name)?;
        if !unchanged(&before, &now) || !unchanged(&now, &named) || lease.as_ref().is_some_and(|lease| !lease.holds()) {
            return Err(ScrubError::Live);
        }
        temporary.put(self.name)?;
        self.directory.sync().map_err(ScrubError::Sync)?;
        Ok(findings)
    }

    fn write_content(
        &self,
        scrubber: &Scrubber,
        parts: &Parts,
        masks_partial: bool,
        new: &File,
    ) -> Result<(), ScrubError> {
        let out = BufWriter::with_capacity(WRITE_LEN, new);
        let mut content = self.content()?;
        let mut redactor = Redactor::new(Arc::clone(scrubber.set())).mask_partial(masks_partial);
        match self.compression {
            None => redact(&mut content, parts, &mut redactor, out)?.flush()?,
            #[cfg(feature = "compress")]
            Some(compression) => {
                let old = FromStart::new(self.file.as_fd());
                let compressor = compression::Compressor::new(compression, old, &|name| is_clean(scrubber, name), out)?;
                redact(&mut content, parts, &mut redactor, compressor)?.finish()?.flush()?;
            }
            #[cfg(not(feature = "compress"))]
            Some(_) => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        }
        Ok(())
    }

    /// The order matters: a new owner clears set-user-ID bits and capabilities, and a mode changes
    /// the permissions of an access list.
    fn copy_attributes(&self, old: &Stat, new: &File) -> Result<(), Errno> {
        fchown(new, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid)))?;
        fchmod(new, Mode::from_raw_mode(old.st_mode))?;
        copy_extended_attributes(self.file, new)?;
        let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let last_access = time(old.st_atime, old.st_atime_nsec as _);
        let last_modification = time(old.st_mtime, old.st_mtime_nsec as _);
        futimens(new, &Timestamps { last_access, last_modification })
    }
}

/// Whether a compressed file's name contains nothing to mask.
#[cfg(feature = "compress")]
fn is_clean(scrubber: &Scrubber, name: &[u8]) -> bool {
    let mut finder = Finder::new(Arc::clone(scrubber.set()));
    finder.push(name).next().is_none() && finder.finish(scrubber.masks_partial()).next().is_none()
}

/// Includes the access list, which is an extended attribute.
fn copy_extended_attributes(old: &File, new: &File) -> Result<(), Errno> {
    let mut names = vec![0; ATTRIBUTES_LEN_MAX];
    let len = match flistxattr(old, &mut names) {
        Ok(len) => len,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut value = vec![0; ATTRIBUTES_LEN_MAX];
    for name in names[..len].split_inclusive(|&byte| byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        let len = fgetxattr(old, name, &mut value)?;
        fsetxattr(new, name, &value[..len], rustix::fs::XattrFlags::empty())?;
    }
    Ok(())
}

/// Parts of secrets across records, in order, and the byte that masks them.
struct Parts {
    parts: Vec<Range<u64>>,
    filler: u8,
}

impl Parts {
    /// Masks the parts in this piece of the content, which begins at `at`.
    fn mask(&self, piece: &mut [u8], at: u64) {
        let end = at + piece.len() as u64;
        let first = self.parts.partition_point(|part| part.end <= at);
        for part in self.parts[first..].iter().take_while(|part| part.start < end) {
            let range = part.start.max(at) - at..part.end.min(end) - at;
            piece[range.start as usize..range.end as usize].fill(self.filler);
        }
    }
}

fn redact<W: Write>(content: &mut dyn Read, parts: &Parts, redactor: &mut Redactor, mut out: W) -> io::Result<W> {
    let (mut buffer, mut at) = (search::buffer(), 0);
    loop {
        match content::read(content, &mut buffer)? {
            0 => break,
            len => {
                parts.mask(&mut buffer[..len], at);
                at += len as u64;
                redactor.push(&buffer[..len]).try_for_each(|bytes| out.write_all(bytes))?;
            }
        }
    }
    redactor.finish().try_for_each(|bytes| out.write_all(bytes))?;
    Ok(out)
}

/// A new file in the directory that only its owner may read, removed unless it is put in place.
/// Only redacted bytes are written to it, so one that a kill leaves behind holds no secret.
struct Temporary<'a> {
    directory: &'a Dir,
    name: OsString,
    file: File,
    put: bool,
}

impl<'a> Temporary<'a> {
    fn new(directory: &'a Dir) -> io::Result<Temporary<'a>> {
        let name = temporary::name("hushlog");
        let file = File::from(directory.create_masked(&name, OFlags::RDWR, 0o600)?);
        Ok(Temporary { directory, name, file, put: false })
    }

    fn put(mut self, name: &OsStr) -> io::Result<()> {
        self.directory.rename(&self.name, name)?;
        self.put = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.put {
            let _ = self.directory.unlink(&self.name);
        }
    }
}
