//! Where what is redacted waits while its sink is away: a file of bounded length, given out from its beginning when the sink is back.
//!
//! What is in it came out of a redactor, and is as clean as what the sink would have got; the file is its owner's alone all the same.
//!
//! - *Order*: what is given later goes behind what waits.
//! - *Full* is as far as the limit goes: then streams wait, as they do for a sink without a spool. Nothing is dropped.
//! - *A restart* goes on where the one before was: the place up to which the sink has taken it stands at the file's beginning, and is moved on
//!   with each piece, so that after a crash at most one piece goes out twice. A piece that was not written down as a whole is cut off: who
//!   gave it was not told that it is taken, and a followed file gives it again.
//! - *fsync*: as for a file sink, before a checkpoint says that it is out.
//!
//! The file: `hushspl1`, the place as 8 bytes, and their CRC-32 in 4; then for each piece its length in 4 bytes, the CRC-32 of what follows in
//! 4, a byte that says whether it is a whole, and the piece. All numbers are little-endian.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags, fallocate, fstat, ftruncate};
use rustix::io::{Errno, pread, pwritev};

use super::super::fd::lock;
use super::batch::Batch;
use super::file::sync_before_checkpoints;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::check_regular;
use crate::sys::private;

const MAGIC: &[u8; 8] = b"hushspl1";
/// The place where the pieces begin.
const HEAD_LEN: u64 = 20;
/// What stands before a piece, in bytes.
const FRAME_LEN: u64 = 9;
/// A piece is no longer than this: what a stream gives at once, with its masks.
const PIECE_LEN_MAX: u64 = 1 << 30;
/// What was given out is given back to the file system when it comes to so much, in bytes.
const PUNCH_LEN: u64 = 1 << 20;

/// See the front of this module.
pub(super) struct Spool {
    file: Arc<OwnedFd>,
    len_max: u64,
    /// The first piece that waits, and the end of the last one.
    start: u64,
    end: u64,
    /// How many pieces wait.
    count: u64,
    /// Up to here the file takes no room.
    punched: u64,
    can_punch: bool,
}

impl Spool {
    /// Opens the file, or makes it. An existing one is not touched unless it is empty or a spool,
    /// and this user's alone.
    ///
    /// # Errors
    ///
    /// When it cannot be, is something else, others can read or write it, or another sidecar has
    /// it.
    pub(super) fn open(path: &Path, len_max: u64) -> io::Result<Spool> {
        let file = Arc::new(private::open(path)?);
        check_content(&file)?;
        lock(&*file)?;
        sync_before_checkpoints(&file);
        let len = fstat(&*file)?.st_size as u64;
        let (start, end, punched) = (HEAD_LEN, HEAD_LEN, HEAD_LEN);
        let mut spool = Spool { file, len_max, start, end, count: 0, punched, can_punch: true };
        match read_head(&spool.file)? {
            Some(start) => spool.recover(start.min(len.max(HEAD_LEN)), len)?,
            None => spool.empty()?,
        }
        Ok(spool)
    }

    /// Fails if something else than a spool is at this path, as far as this user can see. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`open`](Spool::open); that it may not be read is none: it may be another user's spool.
    pub(super) fn check(path: &Path) -> io::Result<()> {
        let unseen = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
        let opened = Dir::parent_of(path, Links::Trusted).and_then(|(dir, name)| {
            check_regular(&dir.stat(&name)?)?;
            dir.open_file(&name, OFlags::RDONLY)
        });
        match opened {
            Ok(file) => check_content(&file),
            Err(error) if unseen(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// How many pieces wait.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How much waits, in bytes.
    fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Takes what is behind the first `written` bytes of a batch, or nothing: false, if there is no room. A batch that is longer than
    /// all of the spool is taken when that is empty.
    ///
    /// # Errors
    ///
    /// Those of the system. Nothing was taken then.
    pub(super) fn append(&mut self, batch: &Batch<'_>, written: u64) -> io::Result<bool> {
        let slices = batch.io_slices(written);
        let len: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        let taken = if self.can_punch { self.len() } else { self.end - HEAD_LEN };
        if taken > 0 && taken + FRAME_LEN + len > self.len_max || len > PIECE_LEN_MAX {
            return Ok(false);
        }
        let is_whole = [u8::from(batch.is_whole())];
        let mut hash = crc32fast::Hasher::new();
        hash.update(&is_whole);
        slices.iter().for_each(|slice| hash.update(slice));
        let (frame_len, hash) = ((len as u32).to_le_bytes(), hash.finalize().to_le_bytes());
        let mut all = vec![IoSlice::new(&frame_len), IoSlice::new(&hash), IoSlice::new(&is_whole)];
        all.extend(slices);
        if let Err(error) = write_all(&self.file, &mut all, self.end) {
            // What is behind the end would be taken for the beginning of a piece by nobody; but it takes room.
            let _ = ftruncate(&*self.file, self.end);
            return Err(error);
        }
        self.end += FRAME_LEN + len;
        self.count += 1;
        Ok(true)
    }

    /// The first piece, and whether it is a whole. None: nothing waits.
    pub(super) fn first(&self) -> io::Result<Option<(Vec<u8>, bool)>> {
        if self.is_empty() {
            return Ok(None);
        }
        let damaged = || io::Error::new(ErrorKind::InvalidData, "the spool was damaged");
        Ok(Some(self.piece(self.start, self.end)?.ok_or_else(damaged)?))
    }

    /// The sink has taken the first piece, of this length.
    pub(super) fn forget_first(&mut self, len: usize) -> io::Result<()> {
        self.start += FRAME_LEN + len as u64;
        self.count = self.count.saturating_sub(1);
        if self.is_empty() {
            return self.empty();
        }
        self.write_head()?;
        if self.can_punch && self.start - self.punched >= PUNCH_LEN {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(&*self.file, flags, HEAD_LEN, self.start - HEAD_LEN) {
                Ok(()) => self.punched = self.start,
                // There it is the file's length that is bounded, until all of it has gone out.
                Err(_) => self.can_punch = false,
            }
        }
        Ok(())
    }

    /// Finds the end of what was written as a whole, and cuts off the rest.
    fn recover(&mut self, start: u64, len: u64) -> io::Result<()> {
        (self.start, self.end, self.punched) = (start, start, start);
        while let Some((piece, _)) = self.piece(self.end, len)? {
            self.end += FRAME_LEN + piece.len() as u64;
            self.count += 1;
        }
        if self.is_empty() {
            return self.empty();
        }
        Ok(ftruncate(&*self.file, self.end)?)
    }

    /// The piece that begins there and ends before `end`, if it is one.
    fn piece(&self, at: u64, end: u64) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut frame = [0; FRAME_LEN as usize];
        if at + FRAME_LEN > end || !read(&self.file, &mut frame, at)? {
            return Ok(None);
        }
        let [a, b, c, d, hash @ .., is_whole] = frame;
        let len = u64::from(u32::from_le_bytes([a, b, c, d]));
        if len > PIECE_LEN_MAX || at + FRAME_LEN + len > end || is_whole > 1 {
            return Ok(None);
        }
        let mut piece = vec![0; len as usize];
        if !read(&self.file, &mut piece, at + FRAME_LEN)? {
            return Ok(None);
        }
        let mut found = crc32fast::Hasher::new();
        found.update(&[is_whole]);
        found.update(&piece);
        Ok((found.finalize().to_le_bytes() == hash).then_some((piece, is_whole == 1)))
    }

    /// Nothing waits: the file is no longer than its head. First it is short, then it says so: the other way about, what went out would
    /// go out again after a crash in between.
    fn empty(&mut self) -> io::Result<()> {
        (self.start, self.end, self.punched, self.count) = (HEAD_LEN, HEAD_LEN, HEAD_LEN, 0);
        ftruncate(&*self.file, HEAD_LEN)?;
        self.write_head()
    }

    fn write_head(&self) -> io::Result<()> {
        let place = self.start.to_le_bytes();
        let hash = crc32fast::hash(&place).to_le_bytes();
        write_all(&self.file, &mut [IoSlice::new(MAGIC), IoSlice::new(&place), IoSlice::new(&hash)], 0)
    }
}

/// Fails unless the file is a spool, or empty. A power cut leaves a new one as zeros that are no
/// longer than a head.
fn check_content(file: &OwnedFd) -> io::Result<()> {
    let mut head = [0; HEAD_LEN as usize];
    let len = fstat(file)?.st_size as u64;
    let is_blank = len <= HEAD_LEN && {
        read(file, &mut head[..len as usize], 0)?;
        head.iter().all(|&byte| byte == 0)
    };
    let is_spool = is_blank || len >= HEAD_LEN && read(file, &mut head, 0)? && head.starts_with(MAGIC);
    if is_spool { Ok(()) } else { Err(io::Error::new(ErrorKind::InvalidData, "it is not a spool")) }
}

fn read_head(file: &OwnedFd) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD_LEN as usize];
    if !read(file, &mut head, 0)? || !head.starts_with(MAGIC) {
        return Ok(None);
    }
    let (place, hash) = head[8..].split_at(8);
    if crc32fast::hash(place).to_le_bytes() != hash {
        // Of a crash of the machine: all that is there may not have gone out.
        return Ok(Some(HEAD_LEN));
    }
    Ok(Some(u64::from_le_bytes(place.try_into().expect("it has 8 bytes")).max(HEAD_LEN)))
}

/// Fills the buffer from there. False: the file is shorter.
fn read(file: &OwnedFd, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    let mut done = 0;
    while done < buffer.len() {
        match pread(file, &mut buffer[done..], at + done as u64) {
            Ok(0) => return Ok(false),
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn write_all(file: &OwnedFd, mut slices: &mut [IoSlice<'_>], mut at: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match pwritev(file, &slices[..slices.len().min(1_024)], at) {
            // Nothing documented does this; to go on would be to spin.
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => {
                at += len as u64;
                IoSlice::advance_slices(&mut slices, len);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn append(spool: &mut Spool, text: &str) -> bool {
        let mut gathered = Vec::new();
        let batch = Batch::new(std::iter::once(text.as_bytes()), &mut gathered, false);
        spool.append(&batch, 0).unwrap()
    }

    fn take(spool: &mut Spool) -> Option<String> {
        let (piece, _) = spool.first().unwrap()?;
        spool.forget_first(piece.len()).unwrap();
        Some(String::from_utf8(piece).unwrap())
    }

    fn all(spool: &mut Spool) -> Vec<String> {
        std::iter::from_fn(|| take(spool)).collect()
    }

    #[test]
    fn what_waits_goes_out_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path, 1000).unwrap();
        assert!(append(&mut spool, "one\n") && append(&mut spool, "two\n"));
        assert_eq!(take(&mut spool).as_deref(), Some("one\n"));
        assert!(append(&mut spool, "three\n"));
        assert_eq!(all(&mut spool), ["two\n", "three\n"]);
        assert_eq!((spool.len(), fs::metadata(&path).unwrap().len()), (0, HEAD_LEN));
        let mut gathered = Vec::new();
        let batch = Batch::new([&b"a"[..], b"bc"].into_iter(), &mut gathered, true);
        assert!(spool.append(&batch, 2).unwrap());
        assert_eq!(spool.first().unwrap(), Some((b"c".to_vec(), true)));
    }

    #[test]
    fn d12_the_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let spool = Spool::open(&path, 1000).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Spool::open(&path, 1000).err().map(|error| error.kind()), Some(ErrorKind::ResourceBusy));
        drop(spool);
        assert!(Spool::open(&path, 1000).is_ok());
    }

    #[test]
    fn a34_what_is_no_spool_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        let zeros = "\0".repeat(21);
        for text in ["x", "something", "something else, and long enough", "hushspl", "hushspl1", &zeros, "\0\0\x01"] {
            for was in [0o600, 0o644] {
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(was)).unwrap();
                assert!(Spool::open(&path, 1000).is_err() && Spool::check(&path).is_err(), "{text:?}");
                assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode()), (text, was));
            }
            fs::remove_file(&path).unwrap();
        }
        // A spool that others can read, and an empty file.
        let mut spool = Spool::open(&path, 1000).unwrap();
        assert!(append(&mut spool, "one\n"));
        drop(spool);
        for is_empty in [false, true] {
            if is_empty {
                fs::write(&path, "").unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = Spool::open(&path, 1000).err().unwrap().to_string();
            assert!(error.contains("0640"), "{error}");
            assert_eq!(mode(), 0o640);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(Spool::check(&path).is_ok() && Spool::open(&path, 1000).is_ok());
        }
        // All that a power cut may leave of a new one.
        fs::write(&path, "\0".repeat(20)).unwrap();
        assert!(Spool::open(&path, 1000).unwrap().is_empty());
        assert!(Spool::check(Path::new("/dev/null")).is_err() && Spool::check(&dir.path().join("no")).is_ok());
    }

    #[test]
    fn d09_a_full_spool_takes_nothing_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&dir.path().join("spool"), 100).unwrap();
        assert!(append(&mut spool, &"x".repeat(500)), "what is longer than all of it waits by itself");
        assert!(!append(&mut spool, "y"));
        assert_eq!(all(&mut spool).len(), 1);
        let taken = (0..20).take_while(|number| append(&mut spool, &format!("number {number:02}"))).count();
        assert_eq!((taken, spool.len()), (5, 5 * (9 + 9)));
        assert_eq!(all(&mut spool), (0..5).map(|number| format!("number {number:02}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_restart_goes_on_where_the_one_before_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path, 10_000).unwrap();
        (0..10).for_each(|number| assert!(append(&mut spool, &number.to_string())));
        assert_eq!(take(&mut spool).as_deref(), Some("0"));
        assert_eq!(take(&mut spool).as_deref(), Some("1"));
        drop(spool);
        let mut spool = Spool::open(&path, 10_000).unwrap();
        assert_eq!(all(&mut spool).concat(), "23456789");
        drop(spool);
        assert!(Spool::open(&path, 10_000).unwrap().is_empty());
    }

    #[test]
    fn a_crash_at_any_byte_loses_no_piece_that_was_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path, 10_000).unwrap();
        let pieces = ["first\n", "second\n", "third\n"];
        let mut ends = Vec::new();
        for piece in pieces {
            assert!(append(&mut spool, piece));
            ends.push(spool.end as usize);
        }
        drop(spool);
        let whole = fs::read(&path).unwrap();
        for len in HEAD_LEN as usize..=whole.len() {
            for garbage in [&b""[..], b"\0\0\0\0\0\0\0\0\0\0\0", b"\xff\xff\xff\xff"] {
                fs::write(&path, [&whole[..len], garbage].concat()).unwrap();
                let taken = ends.iter().filter(|&&end| end <= len).count();
                let mut spool = Spool::open(&path, 10_000).unwrap();
                assert!(append(&mut spool, "new\n"));
                let mut wanted = pieces[..taken].to_vec();
                // Zeros happen to be what an empty piece would look like, but for its hash.
                wanted.push("new\n");
                assert_eq!(all(&mut spool), wanted, "cut at {len}");
            }
        }
        // The place, half written: what is there goes out again.
        for byte in 8..HEAD_LEN as usize {
            let mut torn = whole.clone();
            torn[byte] ^= 1;
            fs::write(&path, &torn).unwrap();
            assert_eq!(all(&mut Spool::open(&path, 10_000).unwrap()), pieces);
        }
    }

    #[test]
    fn what_has_gone_out_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path, 4 << 20).unwrap();
        let piece = "x".repeat(256 << 10);
        (0..4).for_each(|_| assert!(append(&mut spool, &piece)));
        for _ in 0..40 {
            assert!(append(&mut spool, &piece));
            assert_eq!(take(&mut spool).map(|piece| piece.len()), Some(256 << 10));
        }
        let blocks = fs::metadata(&path).unwrap().blocks() * 512;
        assert!(!spool.can_punch || blocks <= 4 << 20, "{blocks}");
    }
}
