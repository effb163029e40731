//! The pump's input and its buffers.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, fadvise, fstat};
use rustix::io::Errno;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use zeroize::Zeroizing;

use super::fd;
use super::gift::GiftBuf;

/// The size of the reused read buffer, in bytes.
const BUFFER_LEN: usize = 128 << 10;
/// Pipe sizes for a busy stream, in bytes; the first permitted one applies.
const PIPE_LENS: [usize; 4] = [1 << 20, 512 << 10, 256 << 10, 128 << 10];
/// The default capacity of a pipe, in bytes.
const PIPE_LEN_DEFAULT: usize = 64 << 10;

/// The input and its memory. A reused buffer serves at first and whenever reads are small; a busy
/// stream to a pipe uses pages that can be spliced.
pub(super) struct Source<'fd> {
    input: BorrowedFd<'fd>,
    output: BorrowedFd<'fd>,
    /// A read of at least this length shows that the writer is ahead.
    busy_len: usize,
    was_busy: bool,
    buffer: Zeroizing<Vec<u8>>,
    gifts: Gifts,
    /// Whether pieces currently go into `gifts`.
    in_gifts: bool,
}

/// The pages for splicing, allocated on demand.
enum Gifts {
    Untried,
    Buf(GiftBuf),
    Useless,
}

impl<'fd> Source<'fd> {
    /// Creates a source. The kind of `output` determines the buffer.
    pub(super) fn new(input: BorrowedFd<'fd>, output: BorrowedFd<'fd>) -> Source<'fd> {
        // A hint; only regular files accept it.
        let _ = fadvise(input, 0, None, rustix::fs::Advice::Sequential);
        let to_pipe = fstat(output).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        Source {
            input,
            output,
            busy_len: fcntl_getpipe_size(input).unwrap_or(PIPE_LEN_DEFAULT).min(PIPE_LEN_DEFAULT) / 2,
            was_busy: false,
            buffer: Zeroizing::new(vec![0; BUFFER_LEN]),
            gifts: if to_pipe { Gifts::Untried } else { Gifts::Useless },
            in_gifts: false,
        }
    }

    /// Reads a piece, and returns its length; 0 is end of file.
    pub(super) fn read(&mut self) -> Result<usize, Errno> {
        let input = self.input;
        match &mut self.gifts {
            Gifts::Buf(gifts) if self.in_gifts => gifts.fill(|room| fd::read(input, room)),
            _ => fd::read(input, &mut self.buffer),
        }
    }

    /// The last piece, of this length.
    pub(super) fn piece(&self, len: usize) -> &[u8] {
        match self.gifts() {
            Some(gifts) => gifts.piece(len),
            None => &self.buffer[..len],
        }
    }

    /// The buffer that can splice slices of the piece.
    pub(super) fn gifts(&self) -> Option<&GiftBuf> {
        match &self.gifts {
            Gifts::Buf(gifts) if self.in_gifts => Some(gifts),
            _ => None,
        }
    }

    /// Retires the piece of this length, and prepares for more like it.
    pub(super) fn retire(&mut self, len: usize) {
        if let Gifts::Buf(gifts) = &mut self.gifts {
            gifts.retire();
        }
        let busy = len >= self.busy_len;
        if busy && !self.was_busy {
            self.was_busy = true;
            enlarge(self.input);
            enlarge(self.output);
        }
        self.in_gifts = busy && self.gifts_are_ready();
    }

    fn gifts_are_ready(&mut self) -> bool {
        if matches!(self.gifts, Gifts::Untried) {
            self.gifts = GiftBuf::new().map_or(Gifts::Useless, Gifts::Buf);
        }
        let Gifts::Buf(gifts) = &mut self.gifts else { return false };
        let ready = gifts.make_room().is_ok();
        if !ready {
            self.gifts = Gifts::Useless;
        }
        ready
    }
}

/// Enlarges a pipe as far as permitted; any other file stays unchanged.
///
/// Only busy streams need it: the pipes of a user share a limit (64 MiB, by default), and beyond it
/// new pipes have only 8 KiB.
fn enlarge(fd: BorrowedFd<'_>) {
    let Ok(len) = fcntl_getpipe_size(fd) else { return };
    let larger = |wanted: &&usize| **wanted > len;
    let _ = PIPE_LENS.iter().filter(larger).any(|&wanted| fcntl_setpipe_size(fd, wanted).is_ok());
}
