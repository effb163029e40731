//! The output side of a stream.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::lines::{Lines, Upto, WaitsFor};
use super::{Broken, StreamContext};
use crate::redact::reach::Reach;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::sidecar::sink::{Batch, WriteOutcome};

/// A write that takes at least this long counts as waiting for the sink.
const WAITED_MIN: Duration = Duration::from_millis(1);

/// The output side of a stream.
pub(super) struct Out<'a> {
    pub(super) context: &'a StreamContext,
    pub(super) lines: &'a mut Lines,
    pub(super) at_line_start: &'a mut bool,
}

impl Out<'_> {
    /// Writes the released output to the sink. The pieces come from `input_len` bytes of input, and
    /// from the text before `end`.
    pub(super) async fn give(
        self,
        pieces: &[Piece<'_>],
        input_len: usize,
        upto: Upto,
        reach: Reach,
        end: u64,
    ) -> Result<(), Broken> {
        let is_last = upto == Upto::Whole;
        let cut = self.lines.cut(pieces, upto, reach, end);
        let newline = Some(Piece::fixed(b"\n", end)).filter(|_| is_last && self.needs_newline(pieces));
        if cut.is_some() || newline.is_some() {
            let gone = cut.gone(self.lines.waiting(), pieces);
            let last = gone.clone().last().and_then(|piece| piece.bytes().last()).copied();
            self.write(gone.chain(newline), input_len, is_last).await?;
            *self.at_line_start = is_last || upto == Upto::Frame || last == Some(b'\n');
        } else {
            self.context.metrics.finish(input_len);
        }
        self.lines.keep(cut, pieces, reach, end);
        Ok(())
    }

    /// Returns whether a newline must end the message, because nothing else separates it from the
    /// next.
    fn needs_newline(&self, pieces: &[Piece<'_>]) -> bool {
        let last = pieces.last().map_or(self.lines.waiting(), |piece| *piece).bytes().last();
        self.context.separates_messages && last.map_or(!*self.at_line_start, |last| *last != b'\n')
    }

    async fn write<'s>(
        &self,
        pieces: impl Iterator<Item = Piece<'s>> + Clone + Send,
        input_len: usize,
        is_last: bool,
    ) -> Result<(), Broken> {
        let mut gathered = RedactedBuf::default();
        let is_whole = is_last && self.context.waits_for == WaitsFor::Whole;
        let batch = Batch::new(pieces, &mut gathered, is_whole).within_line(!*self.at_line_start);
        let (metrics, start) = (&self.context.metrics, Instant::now());
        match self.context.sink.write(&batch).await.map_err(Broken::Sink)? {
            WriteOutcome::Written => metrics.finish(input_len),
            WriteOutcome::Dropped => drop(metrics.dropped.fetch_add(input_len as u64, Relaxed)),
        }
        let waited = start.elapsed();
        if waited >= WAITED_MIN {
            metrics.wait(waited);
        }
        Ok(())
    }
}
