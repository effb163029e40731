//! Reading a spool: its pieces, the pending ones in a file that was left, and its damaged parts.

use std::io::{self, ErrorKind, IoSlice};
use std::path::PathBuf;

use rustix::fs::{OFlags, SeekFrom, fdatasync, ftruncate, seek};
use rustix::io::Errno;

use super::{FRAME_LEN, FRAME_LEN_1, HEAD_LEN, Layout, MARK, PIECE_LEN_MAX, Spool, damaged, read, write_all};
use crate::redact::text;
use crate::sys::beneath::{Dir, Links};

/// How much is read at once to find the next piece behind damage, in bytes.
const LOOK_LEN: usize = 64 << 10;
/// So many files of damaged bytes are made beside a spool.
const ASIDE_MAX: u32 = 1_000;

/// A piece as it is in the file.
pub(super) struct Frame {
    pub(super) piece: Vec<u8>,
    pub(super) is_whole: bool,
    pub(super) number: u64,
}

impl Spool {
    /// Finds the pending pieces, and sets unreadable parts aside.
    pub(super) fn recover(&mut self, len: u64) -> io::Result<()> {
        let (mut at, mut expected, mut start) = (HEAD_LEN, self.head.next, None);
        while let Some((found, Frame { piece, number, .. })) = self.find(at, len)? {
            if number > expected && self.has_data(at, found)? {
                self.set_aside(at, found);
                self.gaps.push(at);
            }
            at = found + FRAME_LEN + piece.len() as u64;
            // An older piece went out, and lies behind those that begin anew at the front, if it
            // was not cut off.
            if number >= expected {
                start.get_or_insert(found);
                (self.end, self.count, expected) = (at, self.count + 1, number + 1);
            }
        }
        if self.has_data(at, len)? {
            self.set_aside(at, len);
            self.gaps.push(at);
        }
        self.number = expected;
        self.start = start.unwrap_or(self.end);
        self.punched = HEAD_LEN;
        if self.is_pinned {
            self.end = self.end.max(len);
            return Ok(());
        }
        match start {
            Some(_) => Ok(ftruncate(&*self.file, self.end)?),
            None => self.begin_anew(),
        }
    }

    /// As [`recover`](Spool::recover), for the layout of before, in which nothing marks a piece.
    pub(super) fn recover_first(&mut self, start: u64, len: u64) -> io::Result<()> {
        self.layout = Layout::First;
        (self.start, self.end, self.punched) = (start, start, start);
        while self.end < len {
            match self.frame(self.end, len)? {
                Some(Frame { piece, .. }) => {
                    self.end += FRAME_LEN_1 + piece.len() as u64;
                    self.count += 1;
                }
                // A head that is older than a hole behind it.
                None if self.count == 0 && !self.has_data(self.end, (self.end + FRAME_LEN_1).min(len))? => {
                    let data = seek(&*self.file, SeekFrom::Data(self.end)).unwrap_or(len);
                    let next = (self.end..data.max(self.end + 1) + 4_096)
                        .find_map(|at| self.frame(at, len).transpose().map(|found| found.map(|_| at)));
                    let Some(next) = next.transpose()? else { break };
                    (self.start, self.end, self.punched) = (next, next, next);
                }
                None => break,
            }
        }
        if self.has_data(self.end, len)? {
            self.set_aside(self.end, len);
        }
        match () {
            () if self.is_pinned => return Err(damaged("what is damaged cannot be copied beside it")),
            () if self.is_empty() => self.begin_anew()?,
            () => ftruncate(&*self.file, self.end)?,
        }
        Ok(())
    }

    /// The first whole piece that begins there or later, and ends before `end`.
    pub(super) fn find(&self, mut at: u64, end: u64) -> io::Result<Option<(u64, Frame)>> {
        let mut buffer = vec![0; LOOK_LEN];
        while at + FRAME_LEN <= end {
            if let Some(frame) = self.frame(at, end)? {
                return Ok(Some((at, frame)));
            }
            match seek(&*self.file, SeekFrom::Data(at + 1)) {
                Ok(data) => at = data,
                Err(Errno::NXIO) => return Ok(None),
                // A file system that knows no holes.
                Err(_) => at += 1,
            }
            let len = (end.saturating_sub(at)).min(LOOK_LEN as u64) as usize;
            if len < MARK.len() || !read(&self.file, &mut buffer[..len], at)? {
                return Ok(None);
            }
            let marked = memchr::memmem::find(&buffer[..len], MARK);
            at += marked.unwrap_or(len - MARK.len() + 1) as u64;
        }
        Ok(None)
    }

    /// The piece that begins there and ends before `end`, if it is one.
    pub(super) fn frame(&self, at: u64, end: u64) -> io::Result<Option<Frame>> {
        let frame_len = self.layout.frame_len();
        let mut bytes = [0; FRAME_LEN as usize];
        let skip = (FRAME_LEN - frame_len) as usize;
        if at + frame_len > end || !read(&self.file, &mut bytes[skip..], at)? {
            return Ok(None);
        }
        let number;
        let (len, hash, is_whole) = match self.layout {
            Layout::First => {
                number = [0; 8];
                (&bytes[skip..][..4], &bytes[skip + 4..][..4], bytes[20])
            }
            Layout::Second if !bytes.starts_with(MARK) => return Ok(None),
            Layout::Second => {
                number = bytes[12..20].try_into().expect("it has 8 bytes");
                (&bytes[4..8], &bytes[8..12], bytes[20])
            }
        };
        let len = u64::from(u32::from_le_bytes(len.try_into().expect("it has 4 bytes")));
        if len > PIECE_LEN_MAX || at + frame_len + len > end || is_whole > 1 {
            return Ok(None);
        }
        let mut piece = vec![0; len as usize];
        if !read(&self.file, &mut piece, at + frame_len)? {
            return Ok(None);
        }
        let mut found = self.hash(&number, &[is_whole]);
        found.update(&piece);
        let frame = Frame { piece, is_whole: is_whole == 1, number: u64::from_le_bytes(number) };
        Ok((found.finalize().to_le_bytes() == hash).then_some(frame))
    }

    /// Whether anything but zeros stands there.
    pub(super) fn has_data(&self, mut at: u64, end: u64) -> io::Result<bool> {
        let mut buffer = vec![0; LOOK_LEN];
        while at < end {
            match seek(&*self.file, SeekFrom::Data(at)) {
                Ok(data) => at = data,
                Err(Errno::NXIO) => return Ok(false),
                Err(_) => {}
            }
            let len = end.saturating_sub(at).min(LOOK_LEN as u64) as usize;
            read(&self.file, &mut buffer[..len], at)?;
            if buffer[..len].iter().any(|&byte| byte != 0) {
                return Ok(true);
            }
            at += len as u64;
        }
        Ok(false)
    }

    /// Copies the unreadable part to a new file beside the spool, and reports that. If that cannot
    /// be, the bytes stay where they are.
    pub(super) fn set_aside(&mut self, at: u64, end: u64) {
        let len = end - at;
        let copied = self.copy_aside(at, end);
        if copied.is_err() {
            (self.is_pinned, self.can_punch) = (true, false);
        }
        let what = format!("{len} bytes of the spool {} are damaged", text::path(&self.path));
        self.warning = Some(match copied {
            Ok(path) => format!("{what}, and were copied to {}", text::path(&path)),
            Err(error) => format!("{what}, and stay in it: they cannot be copied beside it: {error}"),
        });
    }

    fn copy_aside(&self, mut at: u64, end: u64) -> io::Result<PathBuf> {
        let (dir, name) = Dir::parent_of(&self.path, Links::Trusted)?;
        for number in 1..=ASIDE_MAX {
            let mut aside = name.clone();
            aside.push(format!(".damaged.{number}"));
            let copy = match dir.create_new(&aside, OFlags::WRONLY, 0o600) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                copy => copy?,
            };
            let (begin, mut buffer) = (at, vec![0; LOOK_LEN]);
            while at < end {
                let len = (end - at).min(LOOK_LEN as u64) as usize;
                read(&self.file, &mut buffer[..len], at)?;
                write_all(&copy, &mut [IoSlice::new(&buffer[..len])], at - begin)?;
                at += len as u64;
            }
            fdatasync(&copy)?;
            dir.sync()?;
            return Ok(self.path.with_file_name(aside));
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}
