//! A stream that may consist of frames with their lengths: these, and the redactor behind them.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::io::StreamFormat;
use crate::io::budget::BudgetShare;
use crate::io::frames::Frames;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, PieceBuf};
use crate::redact::redactor::Redactor;

/// The redactor of such a stream.
pub(crate) struct Framed {
    /// As long as the stream may consist of frames.
    frames: Option<Frames>,
    format: StreamFormat,
    by_lines: bool,
    /// The share of a frame that is not whole in the limit of all streams.
    share: BudgetShare,
    output: PieceBuf,
    pub(super) redactor: Redactor,
}

/// The state of a stream that has left its format.
pub(crate) struct Rest {
    /// The bytes that were not searched.
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// Whether the stream was known to be frames.
    pub(crate) was_known: bool,
}

impl Framed {
    pub(super) fn new(format: StreamFormat, by_lines: bool, redactor: Redactor, share: BudgetShare) -> Framed {
        let frames = Frames::new(format, redactor.set(), by_lines);
        Framed { frames, format, by_lines, share, output: PieceBuf::default(), redactor }
    }

    /// Whether the stream may still consist of frames.
    pub(super) fn is_framing(&self) -> bool {
        self.frames.is_some()
    }

    /// Pushes a piece. Returns the number of bytes taken, whole frames, and the end of their text.
    pub(super) fn push(&mut self, piece: &[u8]) -> (usize, Vec<Piece<'_>>, u64) {
        self.output.clear();
        let Some(frames) = &mut self.frames else { return (0, Vec::new(), self.redactor.end()) };
        let mut sink = |piece: Piece<'_>| -> Result<(), core::convert::Infallible> {
            self.output.push(piece);
            Ok(())
        };
        let Ok(taken) = frames.push(&mut self.redactor, piece, &mut sink);
        let held = frames.held();
        if self.share.fits(held) {
            self.share.take(held);
        } else {
            let Ok(()) = frames.give_up(&mut self.redactor, &mut sink);
        }
        (taken, self.output.pieces(), self.redactor.end())
    }

    /// Ends the stream. Returns the last frame.
    pub(super) fn finish(&mut self) -> Vec<Piece<'_>> {
        self.output.clear();
        if let Some(frames) = &mut self.frames {
            let mut sink = |piece: Piece<'_>| -> Result<(), core::convert::Infallible> {
                self.output.push(piece);
                Ok(())
            };
            let Ok(()) = frames.finish(&mut self.redactor, &mut sink);
        }
        self.share.take(0);
        self.output.pieces()
    }

    /// Whether a stream can go on where an earlier sidecar left it: it wrote whole lines.
    pub(super) fn goes_on(&self) -> bool {
        self.format == StreamFormat::JsonLines
    }

    /// Begins a new stream.
    pub(super) fn begin_anew(&mut self) {
        self.frames = Frames::new(self.format, self.redactor.set(), self.by_lines);
    }

    /// Ends the frames, if the stream has ceased to be frames.
    pub(super) fn take_rest(&mut self) -> Option<Rest> {
        let mut frames = self.frames.take_if(|frames| frames.is_lost())?;
        self.share.take(0);
        Some(Rest { text: frames.take_rest(), was_known: frames.is_known() })
    }

    /// Changes the set. A frame that was not searched is searched with it.
    pub(super) fn swap(&mut self, set: Arc<NeedleSet>) -> Vec<Piece<'_>> {
        match &mut self.frames {
            None => self.redactor.swap(set).pieces().collect(),
            Some(frames) => {
                frames.swap(&mut self.redactor, set);
                Vec::new()
            }
        }
    }

    /// The number of input bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.frames.as_ref().map_or_else(|| self.redactor.held(), Frames::held)
    }

    /// The number of input bytes that another engine must read again.
    pub(super) fn unsettled(&self) -> u64 {
        self.frames.as_ref().map_or_else(|| self.redactor.unsettled(), |frames| frames.held() as u64)
    }

    /// Releases memory: the stream is idle.
    pub(super) fn rest(&mut self) {
        self.output = PieceBuf::default();
        self.redactor.shrink_to_fit();
    }
}
