//! Pending output of a redacting writer: the part that blocking and async writers share.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Poll, ready};

use super::line_buffer::LineBuffer;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;

/// The maximum input of one call of `write`, in bytes, which bounds the pending output.
pub(super) const WRITE_LEN_MAX: usize = 64 << 10;
/// The minimum length of a slice that gets a call of its own, in bytes; shorter ones are gathered.
const DIRECT_LEN_MIN: usize = 4 << 10;
/// The maximum length gathered for one write, in bytes.
const GATHERED_LEN_MAX: usize = 64 << 10;
/// The memory kept while nothing is pending, in bytes: most streams are idle most of the time.
const KEPT_LEN_MAX: usize = 1 << 10;

/// Redacted bytes that the inner writer has not taken yet.
pub(super) struct PendingOutput(RedactedBuf);

impl Default for PendingOutput {
    fn default() -> PendingOutput {
        PendingOutput(RedactedBuf::new(KEPT_LEN_MAX))
    }
}

impl PendingOutput {
    /// Pushes a piece, and writes as much of the released output as the writer takes. The rest is
    /// pending.
    pub(super) fn push(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        line_buffer: &mut LineBuffer,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = line_buffer.push(redactor, input, &mut |piece| self.add(piece, write));
    }

    /// Like [`push`](PendingOutput::push), for the output of a change of the set.
    pub(super) fn swap(
        &mut self,
        redactor: &mut Redactor,
        set: &Arc<NeedleSet>,
        line_buffer: &mut LineBuffer,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = line_buffer.swap(redactor, set, &mut |piece| self.add(piece, write));
    }

    /// Like [`push`](PendingOutput::push), for the end of a stream.
    pub(super) fn finish(
        &mut self,
        redactor: &mut Redactor,
        line_buffer: &mut LineBuffer,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = line_buffer.finish(redactor, &mut |piece| self.add(piece, write));
    }

    fn add(
        &mut self,
        piece: Piece<'_>,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) -> Result<(), Infallible> {
        let len = piece.len();
        if len < DIRECT_LEN_MIN && self.0.len() + len <= GATHERED_LEN_MAX {
            self.0.append_growing(piece);
            return Ok(());
        }
        let mut rest = piece;
        if matches!(self.write_out(write), Poll::Ready(Ok(()))) {
            while !rest.is_empty() {
                let Poll::Ready(Ok(written)) = write_some(rest, write) else { break };
                rest = rest.split_at(written).1;
            }
        }
        self.0.append_growing(rest);
        Ok(())
    }

    /// Writes the pending bytes, up to the first error or the first wait.
    pub(super) fn write_out(
        &mut self,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        while !self.0.is_empty() {
            let written = ready!(write_some(self.0.content(), write))?;
            self.0.consume(written);
        }
        self.0.clear_to(KEPT_LEN_MAX);
        Poll::Ready(Ok(()))
    }
}

fn write_some(
    piece: Piece<'_>,
    write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    Poll::Ready(match ready!(write(piece))? {
        0 => Err(ErrorKind::WriteZero.into()),
        written => Ok(written),
    })
}
