//! What a writer still has to take: the part of a redacting writer that is the same whether it blocks or not.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Poll, ready};

use super::line::Gate;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;

/// How many bytes are taken in by one call of `write`, so that what is owed after it is bounded.
pub(super) const WRITE_LEN_MAX: usize = 64 << 10;
/// Shorter slices are gathered into one call, in bytes.
const DIRECT_LEN_MIN: usize = 4 << 10;
/// What is gathered before it is written, in bytes.
const GATHERED_LEN_MAX: usize = 64 << 10;
/// The memory that is kept when nothing is owed, in bytes: most streams rest most of the time.
const KEPT_LEN_MAX: usize = 1 << 10;

/// Redacted bytes that were taken in, and have not gone out.
pub(super) struct Owed(RedactedBuf);

impl Default for Owed {
    fn default() -> Owed {
        Owed(RedactedBuf::new(KEPT_LEN_MAX))
    }
}

impl Owed {
    /// Pushes a piece, takes the bytes that the gate lets pass, and writes as many as it can. The
    /// rest is owed.
    pub(super) fn push(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        gate: &mut Gate,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = gate.push(redactor, input, &mut |piece| self.add(piece, write));
    }

    /// As [`push`](Owed::push), for the output of a change of the set.
    pub(super) fn swap(
        &mut self,
        redactor: &mut Redactor,
        set: &Arc<NeedleSet>,
        gate: &mut Gate,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = gate.swap(redactor, set, &mut |piece| self.add(piece, write));
    }

    /// As [`push`](Owed::push), for the end of a stream.
    pub(super) fn take_end(
        &mut self,
        redactor: &mut Redactor,
        gate: &mut Gate,
        write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>,
    ) {
        let Ok(()) = gate.finish(redactor, &mut |piece| self.add(piece, write));
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
        if matches!(self.pay(write), Poll::Ready(Ok(()))) {
            while !rest.is_empty() {
                let Poll::Ready(Ok(written)) = write_some(rest, write) else { break };
                rest = rest.split_at(written).1;
            }
        }
        self.0.append_growing(rest);
        Ok(())
    }

    /// Writes what is owed: all of it, or as far as the first error or the first wait.
    pub(super) fn pay(&mut self, write: &mut impl FnMut(Piece<'_>) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
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
