//! Streams whose frames carry their lengths. A mask changes the length of a text, and a reader that
//! counts bytes then loses the rest of the stream. So each frame waits until it is whole, and goes
//! out with its new length.
//!
//! [`JsonLines`] has no lengths, but a syntax that a mask could break.
//!
//! [`Counted`] has the formats whose frames are texts by themselves, [`Multiplexed`] those of two
//! streams in one, whose texts go on from frame to frame. Without a declaration
//! ([`StreamFormat::Auto`]) the first byte decides which a stream may be.
//!
//! Memory: a frame of at most 1 MiB, and its output. Cost: linear, and each byte is copied once or
//! twice.

mod counted;
mod framing;
mod journal_export;
mod json_lines;
mod json_syntax;
mod multiplexed;
mod octet_counted;

#[cfg(feature = "sidecar")]
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::redact::mask::Mask;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;
use counted::Counted;
use json_lines::JsonLines;
use multiplexed::Multiplexed;

/// The format of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamFormat {
    /// Bytes.
    #[default]
    Raw,
    /// One of the formats with lengths, if the stream begins unmistakably as one; otherwise bytes.
    Auto,
    /// Syslog messages, each behind its length in decimal digits and a blank (RFC 6587, 3.4.1).
    OctetCounted,
    /// The export format of systemd's journal, in which a field of several lines has its length.
    JournalExport,
    /// The output of a container without a terminal, as Docker's API multiplexes it.
    DockerStream,
    /// A value of JSON on each line, which stays one.
    JsonLines,
}

/// The frames of one stream, before a redactor.
#[allow(clippy::large_enum_variant, reason = "one for each stream that has frames")]
pub(crate) enum Frames {
    /// Not decided: no byte has been read. Whether lengths must be counted, and lines wait.
    Auto {
        counts: bool,
        by_lines: bool,
    },
    /// Plain text from the first byte on.
    Lost,
    Counted(Counted),
    Multiplexed(Multiplexed),
    JsonLines(JsonLines),
}

impl Frames {
    /// Begins a stream. `None`: its bytes need not be counted. A mask of the same length needs no
    /// count; only a multiplexed text has to be put together.
    pub(crate) fn new(format: StreamFormat, set: &NeedleSet, by_lines: bool) -> Option<Frames> {
        let counts = !matches!(set.mask(), Mask::Char(_));
        let counted = |framing| counts.then(|| Frames::Counted(Counted::new(Some(framing), by_lines)));
        match format {
            StreamFormat::Raw => None,
            StreamFormat::Auto => Some(Frames::Auto { counts, by_lines }),
            StreamFormat::OctetCounted => counted(&octet_counted::OctetCounted),
            StreamFormat::JournalExport => counted(&journal_export::JournalExport),
            StreamFormat::JsonLines => Some(Frames::JsonLines(JsonLines::new())),
            StreamFormat::DockerStream => Some(Frames::Multiplexed(Multiplexed::new(true, by_lines))),
        }
    }

    /// Takes a piece of input, and writes all frames that may go out. Returns the number of bytes
    /// taken: fewer only if the rest is plain text ([`is_lost`](Frames::is_lost)).
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(crate) fn push<E>(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        if let (&Frames::Auto { counts, by_lines }, Some(&first)) = (&*self, input.first()) {
            *self = match multiplexed::may_begin(first) {
                true => Frames::Multiplexed(Multiplexed::new(false, by_lines)),
                false if counts => Frames::Counted(Counted::new(None, by_lines)),
                false => Frames::Lost,
            };
        }
        match self {
            Frames::Auto { .. } | Frames::Lost => Ok(0),
            Frames::Counted(frames) => frames.push(redactor, input, sink),
            Frames::Multiplexed(frames) => frames.push(redactor, input, sink),
            Frames::JsonLines(lines) => lines.push(redactor, input, sink).map(|()| input.len()),
        }
    }

    /// Ends the stream, and writes its last frame. The rest is plain text.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(crate) fn finish<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Frames::Auto { .. } | Frames::Lost => Ok(()),
            Frames::Counted(frames) => frames.finish(redactor, sink),
            Frames::Multiplexed(frames) => frames.finish(redactor, sink),
            Frames::JsonLines(lines) => lines.finish(redactor, sink),
        }
    }

    /// Whether the stream goes on as plain text: first [the bytes](Frames::take_rest) that were not
    /// searched.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Frames::Auto { .. } => false,
            Frames::Lost => true,
            Frames::Counted(frames) => frames.is_lost(),
            Frames::Multiplexed(frames) => frames.is_lost(),
            Frames::JsonLines(lines) => lines.is_lost(),
        }
    }

    /// Whether the stream was known to consist of frames.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Frames::Auto { .. } | Frames::Lost | Frames::JsonLines(_) => false,
            Frames::Counted(frames) => frames.is_known(),
            Frames::Multiplexed(frames) => frames.is_known(),
        }
    }

    /// The number of input bytes that wait, also those that were searched.
    #[cfg(feature = "sidecar")]
    pub(crate) fn held(&self) -> usize {
        match self {
            Frames::Auto { .. } | Frames::Lost => 0,
            Frames::Counted(frames) => frames.held(),
            Frames::Multiplexed(frames) => frames.held(),
            Frames::JsonLines(lines) => lines.held(),
        }
    }

    /// Gives the stream up: there is no room for a whole frame.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    #[cfg(feature = "sidecar")]
    pub(crate) fn give_up<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Frames::Auto { .. } | Frames::Lost => Ok(()),
            Frames::Counted(frames) => frames.give_up(sink),
            Frames::Multiplexed(frames) => frames.give_up(redactor, sink),
            Frames::JsonLines(lines) => lines.give_up(sink),
        }
    }

    /// Changes the set of the redactor. Bytes that it holds back are searched again.
    #[cfg(feature = "sidecar")]
    pub(crate) fn swap(&mut self, redactor: &mut Redactor, set: Arc<NeedleSet>) {
        match self {
            Frames::Auto { .. } | Frames::Lost => drop(redactor.swap(set)),
            Frames::Counted(frames) => frames.swap(redactor, set),
            Frames::Multiplexed(frames) => frames.swap(redactor, set),
            Frames::JsonLines(lines) => lines.swap(redactor, &set),
        }
    }

    /// The bytes at the end of the input so far that were not searched, once the stream is lost.
    pub(crate) fn take_rest(&mut self) -> Zeroizing<Vec<u8>> {
        match self {
            Frames::Auto { .. } | Frames::Lost | Frames::JsonLines(_) => Zeroizing::default(),
            Frames::Counted(frames) => frames.take_rest(),
            Frames::Multiplexed(frames) => frames.take_rest(),
        }
    }
}

#[cfg(test)]
mod tests;
