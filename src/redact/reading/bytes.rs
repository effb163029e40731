//! A piece of a reading: bytes, and the stretch of the text that each came from.

use zeroize::Zeroizing;

/// The stretches of some consecutive bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The offset of the first of these bytes.
    pub(crate) at: u64,
    /// The stretch of the first byte. In a *plain* run each byte is its own stretch, and they
    /// follow each other; in any other, all bytes have this one stretch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_plain: bool,
}

impl Run {
    /// Where the stretch of the byte at this offset begins.
    pub(crate) fn start_of(&self, at: u64) -> u64 {
        self.start + if self.is_plain { at - self.at } else { 0 }
    }

    /// Where the stretch of the byte at this offset ends.
    pub(crate) fn end_of(&self, at: u64) -> u64 {
        if self.is_plain { self.start_of(at) + 1 } else { self.end }
    }
}

/// Bytes with their stretches, and the offsets at which any match ends.
#[derive(Clone, Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) runs: Vec<Run>,
    pub(crate) breaks: Vec<usize>,
}

impl Bytes {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.breaks.is_empty()
    }

    /// Empties it, and wipes its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.runs.clear();
        self.breaks.clear();
    }

    /// Makes room, so that no growth leaves a copy behind.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.bytes.capacity() - self.bytes.len() < len {
            let mut bytes = Zeroizing::new(Vec::with_capacity((self.bytes.len() + len).next_power_of_two()));
            bytes.extend_from_slice(&self.bytes);
            self.bytes = bytes;
        }
    }

    /// Appends bytes that stand for themselves, the first at this position of the text.
    #[inline]
    pub(crate) fn push_plain(&mut self, bytes: &[u8], start: u64) {
        if bytes.is_empty() {
            return;
        }
        let at = self.bytes.len() as u64;
        if !self.runs.last().is_some_and(|last| last.is_plain && last.start_of(at) == start) {
            self.runs.push(Run { at, start, end: start + 1, is_plain: true });
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends bytes with one stretch.
    #[inline]
    pub(crate) fn push_escape(&mut self, bytes: &[u8], start: u64, end: u64) {
        self.runs.push(Run { at: self.bytes.len() as u64, start, end, is_plain: false });
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn push_break(&mut self) {
        self.breaks.push(self.bytes.len());
    }

    /// Appends all of `other`.
    pub(crate) fn append(&mut self, other: &Bytes) {
        let len = self.bytes.len();
        Source::of(other).copy(0..other.bytes.len(), self);
        self.breaks.extend(other.breaks.iter().map(|at| len + at));
    }

    /// Drops all bytes before this offset, and the breaks before the next byte.
    pub(crate) fn drop_front(&mut self, len: usize) {
        let mut rest = Source::of(self);
        let mut kept = Bytes::default();
        kept.reserve(self.bytes.len() - len);
        rest.copy(len..self.bytes.len(), &mut kept);
        kept.breaks.extend(self.breaks.iter().filter_map(|at| at.checked_sub(len)));
        *self = kept;
    }

    /// Where the stretch of the byte at this offset ends.
    pub(crate) fn end_of(&self, at: usize) -> u64 {
        Source::of(self).end_of(at)
    }

    /// Where the stretch of the first byte begins.
    pub(crate) fn start(&self) -> Option<u64> {
        self.runs.first().map(|run| run.start)
    }
}

/// Bytes to read from: a part of the text itself, or what an earlier level has read.
///
/// It is read from front to back, so that the run of a byte is near that of the last one.
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    runs: Runs<'a>,
    /// The run of the last byte that was asked for.
    run: usize,
}

#[derive(Clone, Copy)]
enum Runs<'a> {
    /// Each byte stands for itself; the first is at this position.
    Text(u64),
    Read(&'a [Run]),
}

impl<'a> Source<'a> {
    /// A part of the text that begins at this position.
    pub(crate) fn text(bytes: &'a [u8], start: u64) -> Source<'a> {
        Source { bytes, runs: Runs::Text(start), run: 0 }
    }

    pub(crate) fn of(bytes: &'a Bytes) -> Source<'a> {
        Source { bytes: &bytes.bytes, runs: Runs::Read(&bytes.runs), run: 0 }
    }

    /// Where the stretch of the byte at this offset begins.
    #[inline]
    pub(crate) fn start_of(&mut self, at: usize) -> u64 {
        match self.runs {
            Runs::Text(start) => start + at as u64,
            Runs::Read(runs) => runs[self.run_at(runs, at)].start_of(at as u64),
        }
    }

    /// Where the stretch of the byte at this offset ends.
    #[inline]
    pub(crate) fn end_of(&mut self, at: usize) -> u64 {
        match self.runs {
            Runs::Text(start) => start + at as u64 + 1,
            Runs::Read(runs) => runs[self.run_at(runs, at)].end_of(at as u64),
        }
    }

    fn run_at(&mut self, runs: &[Run], at: usize) -> usize {
        let at = at as u64;
        if runs[self.run].at > at {
            self.run = run_of(&runs[..self.run], at);
        }
        while runs.get(self.run + 1).is_some_and(|next| next.at <= at) {
            self.run += 1;
        }
        self.run
    }

    /// Appends some of the bytes to `out`, with their stretches.
    pub(crate) fn copy(&mut self, range: core::ops::Range<usize>, out: &mut Bytes) {
        if range.is_empty() {
            return;
        }
        let runs = match self.runs {
            Runs::Text(start) => return out.push_plain(&self.bytes[range.clone()], start + range.start as u64),
            Runs::Read(runs) => runs,
        };
        let (mut at, first) = (range.start, self.run_at(runs, range.start));
        for (number, run) in runs.iter().enumerate().skip(first) {
            if at >= range.end {
                break;
            }
            self.run = number;
            let next = runs.get(number + 1).map_or(range.end, |next| range.end.min(next.at as usize));
            match run.is_plain {
                true => out.push_plain(&self.bytes[at..next], run.start_of(at as u64)),
                false => out.push_escape(&self.bytes[at..next], run.start, run.end),
            }
            at = next;
        }
    }
}

/// The run of the byte at this offset.
pub(crate) fn run_of(runs: &[Run], at: u64) -> usize {
    runs.partition_point(|run| run.at <= at) - 1
}

impl Bytes {
    /// Moves the beginning of the stretch of the last byte.
    pub(crate) fn amend_last(&mut self, start: u64) {
        let at = self.bytes.len() as u64 - 1;
        let Some(run) = self.runs.last_mut() else { return };
        let amended = Run { at, start, end: run.end_of(at), is_plain: false };
        if run.at == at { *run = amended } else { self.runs.push(amended) }
    }
}
