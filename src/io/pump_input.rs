//! The pump's input and its buffers.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, fadvise, fstat};
use rustix::io::Errno;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use zeroize::Zeroizing;

use super::vmsplice::SpliceBuf;
use crate::sys::descriptor;

/// The size of the reused read buffer, in bytes.
const BUFFER_LEN: usize = 128 << 10;
/// Pipe sizes for a busy stream, in bytes; the first permitted one applies.
const PIPE_LENS: [usize; 4] = [1 << 20, 512 << 10, 256 << 10, 128 << 10];
/// The default capacity of a pipe, in bytes.
const PIPE_LEN_DEFAULT: usize = 64 << 10;

/// The input and its memory. A reused buffer serves at first and whenever reads are small; a busy
/// stream to a pipe uses pages that can be spliced.
pub(super) struct PumpInput<'fd> {
    input: BorrowedFd<'fd>,
    output: BorrowedFd<'fd>,
    /// See [`busy_len`].
    busy_len: usize,
    was_busy: bool,
    buffer: Zeroizing<Vec<u8>>,
    splicing: Splicing,
    /// Whether pieces currently go into the pages for splicing.
    is_splicing: bool,
}

/// The pages for splicing, allocated on demand.
enum Splicing {
    Untried,
    Ready(SpliceBuf),
    Unsuitable,
}

impl<'fd> PumpInput<'fd> {
    /// Creates the input. The kind of `output` determines the buffer.
    pub(super) fn new(input: BorrowedFd<'fd>, output: BorrowedFd<'fd>) -> PumpInput<'fd> {
        advise(input);
        let to_pipe = fstat(output).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        PumpInput {
            input,
            output,
            busy_len: busy_len(input),
            was_busy: false,
            buffer: Zeroizing::new(vec![0; BUFFER_LEN]),
            splicing: if to_pipe { Splicing::Untried } else { Splicing::Unsuitable },
            is_splicing: false,
        }
    }

    /// Continues with another input.
    pub(super) fn set_input(&mut self, input: BorrowedFd<'fd>) {
        advise(input);
        (self.input, self.busy_len, self.was_busy) = (input, busy_len(input), false);
    }

    /// Reads a piece, and returns its length; 0 is end of file.
    pub(super) fn read(&mut self) -> Result<usize, Errno> {
        let input = self.input;
        match &mut self.splicing {
            Splicing::Ready(buf) if self.is_splicing => buf.fill(|room| descriptor::read(input, room)),
            _ => descriptor::read(input, &mut self.buffer),
        }
    }

    /// The last piece, of this length.
    pub(super) fn piece(&self, len: usize) -> &[u8] {
        match self.splice_buf() {
            Some(buf) => buf.piece(len),
            None => &self.buffer[..len],
        }
    }

    /// The buffer that can splice slices of the piece.
    pub(super) fn splice_buf(&self) -> Option<&SpliceBuf> {
        match &self.splicing {
            Splicing::Ready(buf) if self.is_splicing => Some(buf),
            _ => None,
        }
    }

    /// Retires the piece of this length, and prepares for more like it.
    pub(super) fn retire(&mut self, len: usize) {
        if let Splicing::Ready(buf) = &mut self.splicing {
            buf.retire();
        }
        let busy = len >= self.busy_len;
        if busy && !self.was_busy {
            self.was_busy = true;
            enlarge(self.input);
            enlarge(self.output);
        }
        self.is_splicing = busy && self.prepare_splicing();
    }

    fn prepare_splicing(&mut self) -> bool {
        if matches!(self.splicing, Splicing::Untried) {
            self.splicing = SpliceBuf::new().map_or(Splicing::Unsuitable, Splicing::Ready);
        }
        let Splicing::Ready(buf) = &mut self.splicing else { return false };
        let ready = buf.make_room().is_ok();
        if !ready {
            self.splicing = Splicing::Unsuitable;
        }
        ready
    }
}

/// Announces sequential reads. A hint; only regular files accept it.
fn advise(input: BorrowedFd<'_>) {
    let _ = fadvise(input, 0, None, rustix::fs::Advice::Sequential);
}

/// The length of a read that shows that the writer is ahead.
fn busy_len(input: BorrowedFd<'_>) -> usize {
    fcntl_getpipe_size(input).unwrap_or(PIPE_LEN_DEFAULT).min(PIPE_LEN_DEFAULT) / 2
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
