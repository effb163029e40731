//! The search of a stream: a redactor, or for containers, a redactor that assembles their records.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::framed::{Framed, Rest};
use crate::container::RecordFormat;
use crate::container::redactor::ContainerRedactor;
use crate::io::budget::{Budget, BudgetShare};
use crate::io::{Release, StreamFormat};
use crate::redact::needle::NeedleSet;
use crate::redact::reach::{Reach, TextEnd};
use crate::redact::redacted::{Piece, Redacted};
use crate::redact::redactor::{Last, Redactor, RegionCounts};
use crate::redact::wiped;
use crate::sidecar::config::{Format, Way};

/// The redactor of one stream.
#[allow(clippy::large_enum_variant, reason = "nearly all streams are plain; a box only costs them")]
pub(crate) enum Engine {
    /// A redactor; and the first bytes of a stream that an earlier sidecar began.
    Plain(Redactor, Option<Box<First>>),
    Container(Box<ContainerRedactor>),
    /// A redactor behind frames with their lengths, or behind text that was such frames.
    Framed(Box<Framed>),
}

/// The first bytes of a resumed stream, until it is known whether they are the rest of a secret.
#[derive(Default)]
pub(crate) struct First {
    text: Zeroizing<Vec<u8>>,
    is_settled: bool,
    /// The number of last written bytes that may have begun a secret.
    before: usize,
    /// The length at which the text is searched. It doubles each time, so that a secret that
    /// arrives byte by byte does not cost a search for all needles per byte.
    look_at_len: usize,
}

impl First {
    fn push<'a>(&'a mut self, redactor: &'a mut Redactor, piece: &'a [u8]) -> (Vec<Piece<'a>>, TextEnd) {
        if self.is_settled {
            return output(redactor.push(piece));
        }
        wiped::append(&mut self.text, piece);
        // A whole line does not wait for more.
        if self.text.len() < self.look_at_len && !piece.ends_with(b"\n") {
            return (Vec::new(), TextEnd { at: redactor.end(), wrapped: 0 });
        }
        self.look_at_len = 2 * self.text.len();
        let start = TextEnd { at: redactor.end(), wrapped: 0 };
        self.take_in(redactor, Last::No).map_or((Vec::new(), start), output)
    }

    fn finish<'a>(&'a mut self, redactor: &'a mut Redactor) -> Vec<Piece<'a>> {
        if self.is_settled {
            redactor.finish().pieces().collect()
        } else {
            self.take_in(redactor, Last::Yes).map(|given| given.pieces().collect()).unwrap_or_default()
        }
    }

    /// Returns none if the role of the text is not known yet.
    fn take_in<'a>(&'a mut self, redactor: &'a mut Redactor, last: Last) -> Option<Redacted<'a>> {
        let given = redactor.resume(&self.text, self.before, last);
        self.is_settled = given.is_some();
        given
    }
}

/// The pieces of an output, and the end of the text that they come from.
fn output(redacted: Redacted<'_>) -> (Vec<Piece<'_>>, TextEnd) {
    let end = redacted.text_end();
    (redacted.pieces().collect(), end)
}

impl Engine {
    /// Creates the engine. Pending records count in the `budget` of all streams.
    pub(crate) fn new(set: Arc<NeedleSet>, way: Way, budget: &Arc<Budget>) -> Engine {
        let by_lines = way.release == Release::Line;
        let container = |format| {
            let redactor = ContainerRedactor::new(Arc::clone(&set), format, way.mask_partial);
            let redactor = redactor.with_budget(BudgetShare::new(Arc::clone(budget), !by_lines));
            Engine::Container(Box::new(if by_lines { redactor.by_lines() } else { redactor }))
        };
        let framed = |format| {
            let redactor = Redactor::new(Arc::clone(&set)).mask_partial(way.mask_partial);
            let share = BudgetShare::new(Arc::clone(budget), !by_lines);
            let mut engine = Engine::Framed(Box::new(Framed::new(format, by_lines, redactor, share)));
            if !engine.is_framing() {
                engine.become_plain();
            }
            engine
        };
        match way.format {
            Format::Raw => framed(StreamFormat::Raw),
            Format::Auto => framed(StreamFormat::Auto),
            Format::OctetCounted => framed(StreamFormat::OctetCounted),
            Format::JournalExport => framed(StreamFormat::JournalExport),
            Format::JsonLines => framed(StreamFormat::JsonLines),
            Format::DockerStream => framed(StreamFormat::DockerStream),
            Format::Docker => container(RecordFormat::Docker),
            Format::Cri => container(RecordFormat::Cri),
        }
    }

    /// Resumes a stream of an earlier sidecar. The last `before` bytes that it wrote may begin a
    /// secret. Must be called before the first push.
    pub(crate) fn resume(&mut self, before: usize) {
        if matches!(self, Engine::Framed(framed) if framed.goes_on()) {
            return;
        }
        self.become_plain();
        match self {
            Engine::Plain(_, first) => *first = Some(Box::new(First { before, ..First::default() })),
            Engine::Container(container) => container.resume(before),
            Engine::Framed(_) => {}
        }
    }

    /// Whether the stream may consist of frames, which go out whole.
    pub(crate) fn is_framing(&self) -> bool {
        matches!(self, Engine::Framed(framed) if framed.is_framing())
    }

    /// Pushes a piece of a stream that may consist of frames. Returns the number of bytes taken,
    /// whole frames, and the end of the text that they come from.
    pub(crate) fn push_frames(&mut self, piece: &[u8]) -> (usize, Vec<Piece<'_>>, u64) {
        match self {
            Engine::Framed(framed) => framed.push(piece),
            Engine::Plain(..) | Engine::Container(_) => (0, Vec::new(), self.end()),
        }
    }

    /// Ends a stream that may consist of frames. Returns the last one.
    pub(crate) fn finish_frames(&mut self) -> Vec<Piece<'_>> {
        if let Engine::Framed(framed) = self { framed.finish() } else { Vec::new() }
    }

    /// The text of a stream that has ceased to be frames, and goes on as any other.
    pub(crate) fn take_rest(&mut self) -> Option<Rest> {
        let Engine::Framed(framed) = self else { return None };
        let rest = framed.take_rest()?;
        if !rest.was_known {
            // All of the text went through the redactor, lengths included.
            self.become_plain();
        }
        Some(rest)
    }

    /// Begins a new stream after a whole one of frames.
    pub(crate) fn begin_frames(&mut self) {
        if let Engine::Framed(framed) = self {
            framed.begin_anew();
        }
    }

    /// The redactor, if the stream is text, whose lines wait.
    pub(crate) fn of_lines(&mut self) -> Option<&mut Redactor> {
        match self {
            Engine::Plain(redactor, _) => Some(redactor),
            Engine::Framed(framed) if !framed.is_framing() => Some(&mut framed.redactor),
            Engine::Framed(_) | Engine::Container(_) => None,
        }
    }

    fn become_plain(&mut self) {
        if let Engine::Framed(framed) = self {
            let other = Redactor::new(Arc::clone(framed.redactor.set()));
            *self = Engine::Plain(std::mem::replace(&mut framed.redactor, other), None);
        }
    }

    /// Returns how many of the last written bytes may begin or continue a secret, if the stream
    /// were left now.
    pub(crate) fn open(&self) -> usize {
        match self {
            Engine::Plain(redactor, first) => match open(first) {
                Some(first) => first.before + first.text.len(),
                None => redactor.held(),
            },
            Engine::Container(container) => container.open(),
            Engine::Framed(framed) => framed.redactor.held(),
        }
    }

    /// Pushes a piece of input. Returns the redacted pieces to release, none of them empty, and the
    /// end of the text that they come from: the input, or the assembled records.
    pub(crate) fn push<'a>(&'a mut self, piece: &'a [u8]) -> (Vec<Piece<'a>>, TextEnd) {
        match self {
            Engine::Plain(redactor, None) => output(redactor.push(piece)),
            Engine::Plain(redactor, Some(first)) => first.push(redactor, piece),
            Engine::Container(container) => {
                // Its records wait for wrapped lines before they come here.
                let (pieces, at) = container.push(piece);
                (pieces, TextEnd { at, wrapped: 0 })
            }
            Engine::Framed(framed) => output(framed.redactor.push(piece)),
        }
    }

    /// Changes the set. Held-back bytes are searched again.
    pub(crate) fn swap(&mut self, set: Arc<NeedleSet>) -> Vec<Piece<'_>> {
        match self {
            Engine::Plain(redactor, _) => redactor.swap(set).pieces().collect(),
            Engine::Container(container) => container.swap(set),
            Engine::Framed(framed) => framed.swap(set),
        }
    }

    /// Ends a message.
    pub(crate) fn finish(&mut self) -> Vec<Piece<'_>> {
        match self {
            Engine::Plain(redactor, None) => redactor.finish().pieces().collect(),
            Engine::Plain(redactor, Some(first)) => first.finish(redactor),
            Engine::Container(container) => container.finish(),
            Engine::Framed(framed) => framed.redactor.finish().pieces().collect(),
        }
    }

    /// Returns the reach of the needles in the active set.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Engine::Plain(redactor, _) => redactor.set().reach(),
            Engine::Container(container) => container.reach(),
            Engine::Framed(framed) => framed.redactor.set().reach(),
        }
    }

    /// Returns the end of the text that pieces come from: the input, or the assembled records.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Engine::Plain(redactor, _) => redactor.end(),
            Engine::Container(container) => container.end(),
            Engine::Framed(framed) => framed.redactor.end(),
        }
    }

    /// Returns the end of the input that pieces come from, first bytes of an unknown role included.
    pub(crate) fn input_end(&self) -> u64 {
        match self {
            Engine::Plain(redactor, first) => redactor.end() + open(first).map_or(0, |first| first.text.len() as u64),
            Engine::Container(container) => container.end(),
            Engine::Framed(framed) => framed.redactor.end(),
        }
    }

    /// Marks the next bytes as those of another file.
    pub(crate) fn boundary(&mut self) {
        match self {
            Engine::Plain(..) | Engine::Framed(_) => {}
            Engine::Container(container) => container.boundary(),
        }
    }

    /// Returns the number of held-back input bytes.
    pub(crate) fn held(&self) -> u64 {
        match self {
            Engine::Plain(redactor, first) => open(first).map_or(redactor.held(), |first| first.text.len()) as u64,
            Engine::Container(container) => container.held(),
            Engine::Framed(framed) => framed.held() as u64,
        }
    }

    /// Returns how many input bytes another engine must read again to find all that this one finds.
    pub(crate) fn unsettled(&self) -> u64 {
        match self {
            Engine::Plain(redactor, first) => open(first).map_or(redactor.unsettled(), |first| first.text.len() as u64),
            Engine::Container(container) => container.unsettled(),
            Engine::Framed(framed) => framed.unsettled(),
        }
    }

    /// Releases memory: the stream is idle.
    pub(crate) fn rest(&mut self) {
        match self {
            Engine::Plain(redactor, first) => {
                redactor.shrink_to_fit();
                first.take_if(|first| first.is_settled);
            }
            Engine::Container(container) => container.shrink_to_fit(),
            Engine::Framed(framed) => framed.rest(),
        }
    }

    /// Returns the number of regions, by name and form.
    pub(crate) fn counts(&self) -> RegionCounts {
        match self {
            Engine::Plain(redactor, _) => redactor.counts(),
            Engine::Container(container) => container.counts(),
            Engine::Framed(framed) => framed.redactor.counts(),
        }
    }
}

/// Returns the first bytes of a stream while their role is unknown.
fn open(first: &Option<Box<First>>) -> Option<&First> {
    first.as_deref().filter(|first| !first.is_settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::secret::Secret;

    #[test]
    fn a_whole_line_that_resembles_a_rest_does_not_wait() {
        let secret = Secret::new("KEY", b"sk-live-X9Q2-abc".to_vec());
        let set = Arc::new(NeedleSet::builder().secret(secret).build().unwrap());
        let mut engine = Engine::Plain(Redactor::new(set), None);
        engine.resume(0);
        assert!(engine.push(b"live-X").0.is_empty(), "it may go on in the secret");
        let given = engine.push(b" \n").0;
        assert_eq!(given.iter().map(|piece| piece.bytes()).collect::<Vec<_>>().concat(), b"live-X \n");
        assert_eq!((engine.held(), engine.open()), (0, 0));
    }
}
