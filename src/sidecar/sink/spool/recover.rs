//! Recovery of a spool: its pieces, the pending ones, and its damaged parts.

use std::io::{self, IoSlice};

use super::store::{Store, is_damage, write_all};
use super::{FRAME_LEN, FRAME_LEN_1, HEAD_LEN, Layout, MARK, PIECE_LEN_MAX, Spool, damaged};
use crate::redact::text;

/// The read size of the search for the next piece after damage, in bytes.
const LOOK_LEN: usize = 64 << 10;
/// Precedes bytes that were reported, and copied aside unless they were zeros.
const MARK_ASIDE: &[u8; 4] = b"hspa";
/// The mark, the end of these bytes, and the CRC-32 of the salt and both offsets.
const ASIDE_LEN: u64 = 16;

/// A piece as stored in the file.
pub(super) struct Frame {
    pub(super) piece: Vec<u8>,
    pub(super) flags: u8,
    pub(super) number: u64,
}

/// The content of a range without pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Zeros,
    /// Zeros, and damage that was reported before.
    Reported,
    /// Other bytes, from this offset.
    Data(u64),
}

impl<S: Store> Spool<S> {
    /// Finds the pending pieces, and sets unreadable parts aside.
    pub(super) fn recover(&mut self, len: u64) -> io::Result<()> {
        let (mut at, mut expected, mut start) = (HEAD_LEN, self.head.next, None);
        while let Some((found, Frame { piece, number, .. })) = self.find(at, len)? {
            if number > expected {
                self.report(at, found)?;
            }
            at = found + FRAME_LEN + piece.len() as u64;
            // An older, written piece lies behind those that restarted at the front, if it was not
            // truncated.
            if number >= expected {
                start.get_or_insert((found, number));
                (self.end, self.count, expected) = (at, self.count + 1, number + 1);
            }
        }
        if at < len {
            self.report(at, len)?;
        }
        if self.head.written > 0 && start.is_none_or(|(_, number)| number != self.head.next) {
            // The partly written piece is gone, and another one may get its number.
            (self.head.written, self.is_noted) = (0, false);
        }
        self.number = expected;
        (self.start, self.end) = (start.map_or(at, |(start, _)| start), if start.is_some() { self.end } else { at });
        self.punched = HEAD_LEN;
        if self.is_pinned {
            self.end = self.end.max(len);
            return Ok(());
        }
        // Written pieces stay until the sink's file was synced in this boot.
        let is_done = start.is_none() && (self.head.safe >= expected || at == HEAD_LEN);
        if is_done {
            return self.begin_anew();
        }
        // In an unreadable block, bytes that are no piece stay behind the end.
        self.file.truncate(self.end).or_else(|error| if is_damage(&error) { Ok(()) } else { Err(error) })
    }

    /// Reports a range that should hold a piece and does not; bytes other than zeros are copied
    /// aside. A mark shows the next restart that it was reported; without it, the restart reports
    /// it again.
    pub(super) fn report(&mut self, at: u64, end: u64) -> io::Result<()> {
        let unreadable = self.unreadable.get();
        let content = self.content(at, end)?;
        let begin = match content {
            Content::Reported => return Ok(()),
            // No piece is as short.
            Content::Zeros if end - at < FRAME_LEN => return Ok(()),
            Content::Zeros if self.unreadable.get() > unreadable => {
                self.report_unreadable(end - at);
                at
            }
            Content::Zeros => {
                self.damaged += 1;
                let (path, len) = (text::path(&self.path), end - at);
                self.warnings.push(format!("{len} bytes of the spool {path} are zeros: their pieces are lost"));
                at
            }
            Content::Data(begin) => {
                // With room for a mark.
                let begin = begin.min(end.saturating_sub(ASIDE_LEN)).max(at);
                self.set_aside(begin, end);
                begin
            }
        };
        self.gaps.push(at);
        if !self.is_pinned && self.layout == Layout::Second && end - begin >= ASIDE_LEN {
            let _ = write_all(&self.file, &mut [IoSlice::new(&self.mark_aside(begin, end))], begin);
        }
        Ok(())
    }

    fn mark_aside(&self, at: u64, end: u64) -> [u8; ASIDE_LEN as usize] {
        let mut mark = [0; ASIDE_LEN as usize];
        mark[..4].copy_from_slice(MARK_ASIDE);
        mark[4..12].copy_from_slice(&end.to_le_bytes());
        let hashed = [self.head.salt.to_le_bytes(), at.to_le_bytes(), end.to_le_bytes()].concat();
        mark[12..].copy_from_slice(&crc32fast::hash(&hashed).to_le_bytes());
        mark
    }

    /// As [`recover`](Spool::recover), for the previous layout, which has no marks at pieces.
    pub(super) fn recover_first(&mut self, start: u64, len: u64) -> io::Result<()> {
        self.layout = Layout::First;
        (self.start, self.end, self.punched) = (start, start, start);
        while self.end < len {
            match self.frame(self.end, len)? {
                Some(Frame { piece, .. }) => {
                    self.end += FRAME_LEN_1 + piece.len() as u64;
                    self.count += 1;
                }
                // The head is older than a hole behind it.
                None if self.count == 0 && self.find_data(self.end, (self.end + FRAME_LEN_1).min(len))?.is_none() => {
                    let data = self.file.data(self.end).ok().flatten().unwrap_or(len);
                    let next = (self.end..data.max(self.end + 1) + 4_096)
                        .find_map(|at| self.frame(at, len).transpose().map(|found| found.map(|_| at)));
                    let Some(next) = next.transpose()? else { break };
                    (self.start, self.end, self.punched) = (next, next, next);
                }
                None => break,
            }
        }
        if self.find_data(self.end, len)?.is_some() {
            self.set_aside(self.end, len);
        }
        match () {
            () if self.is_pinned => return Err(damaged("what is damaged cannot be copied beside it")),
            () if self.is_empty() => self.begin_anew()?,
            () => self.file.truncate(self.end)?,
        }
        Ok(())
    }

    /// The first intact piece that begins at this offset or later, and ends before `end`.
    pub(super) fn find(&self, mut at: u64, end: u64) -> io::Result<Option<(u64, Frame)>> {
        let mut buffer = vec![0; LOOK_LEN];
        while at + FRAME_LEN <= end {
            if let Some(frame) = self.frame(at, end)? {
                return Ok(Some((at, frame)));
            }
            match self.file.data(at + 1) {
                Ok(Some(data)) => at = data,
                Ok(None) => return Ok(None),
                // The file system has no holes.
                Err(_) => at += 1,
            }
            let len = (end.saturating_sub(at)).min(LOOK_LEN as u64) as usize;
            if len < MARK.len() || !self.read(&mut buffer[..len], at)? {
                return Ok(None);
            }
            let marked = memchr::memmem::find(&buffer[..len], MARK);
            at += marked.unwrap_or(len - MARK.len() + 1) as u64;
        }
        Ok(None)
    }

    /// The piece that begins at this offset and ends before `end`, if it is valid.
    pub(super) fn frame(&self, at: u64, end: u64) -> io::Result<Option<Frame>> {
        let frame_len = self.layout.frame_len();
        let mut bytes = [0; FRAME_LEN as usize];
        let skip = (FRAME_LEN - frame_len) as usize;
        if at + frame_len > end || !self.read(&mut bytes[skip..], at)? {
            return Ok(None);
        }
        let number;
        let (len, hash, flags) = match self.layout {
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
        if len > PIECE_LEN_MAX || at + frame_len + len > end || flags & !self.layout.flags() != 0 {
            return Ok(None);
        }
        let mut piece = vec![0; len as usize];
        if !self.read(&mut piece, at + frame_len)? {
            return Ok(None);
        }
        let mut found = self.hash(&number, &[flags]);
        found.update(&piece);
        let frame = Frame { piece, flags, number: u64::from_le_bytes(number) };
        Ok((found.finalize().to_le_bytes() == hash).then_some(frame))
    }

    /// The content of this range, which holds no piece.
    pub(super) fn content(&self, mut at: u64, end: u64) -> io::Result<Content> {
        let mut content = Content::Zeros;
        while let Some(begin) = self.find_data(at, end)? {
            let mut mark = [0; ASIDE_LEN as usize];
            let is_read = begin + ASIDE_LEN <= end && self.read(&mut mark, begin)?;
            let marked = u64::from_le_bytes(mark[4..12].try_into().expect("it has 8 bytes"));
            if !is_read || marked > end || marked <= begin || mark != self.mark_aside(begin, marked) {
                return Ok(Content::Data(begin));
            }
            (at, content) = (marked, Content::Reported);
        }
        Ok(content)
    }

    /// The offset of the first byte other than zero.
    fn find_data(&self, mut at: u64, end: u64) -> io::Result<Option<u64>> {
        let mut buffer = vec![0; LOOK_LEN];
        while at < end {
            match self.file.data(at) {
                Ok(Some(data)) => at = data,
                Ok(None) => return Ok(None),
                // The file system has no holes.
                Err(_) => {}
            }
            let len = end.saturating_sub(at).min(LOOK_LEN as u64) as usize;
            buffer.fill(0);
            self.read(&mut buffer[..len], at)?;
            if let Some(place) = buffer[..len].iter().position(|&byte| byte != 0) {
                return Ok(Some(at + place as u64));
            }
            at += len as u64;
        }
        Ok(None)
    }

    /// Copies the unreadable part to a new file beside the spool, and reports that. If the copy
    /// fails, the bytes stay in place.
    pub(super) fn set_aside(&mut self, at: u64, end: u64) {
        let len = end - at;
        self.damaged += 1;
        let copied = self.file.copy_aside(&self.path, at, end);
        if copied.is_err() {
            (self.is_pinned, self.can_punch) = (true, false);
        }
        let what = format!("{len} bytes of the spool {} are damaged", text::path(&self.path));
        self.warnings.push(match copied {
            Ok(path) => format!("{what}, and were copied to {}", text::path(&path)),
            Err(error) => format!("{what}, and stay in it, because copying them failed: {error}"),
        });
    }
}
