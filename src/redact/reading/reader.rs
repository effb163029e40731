//! The reader: reads a text in pieces, through all levels.

use core::ops::Range;

use super::join::Joining;
use super::layer::{Layer, Layers, Waiting};
use super::level::{Level, Scratch};
use super::rule::{self, DEPTH};
use super::run::Run;
use super::spelling::Spelling;
use super::token::Before;
use super::trigger::Joints;

/// The number of layers: the text, the output of each level, and that of the last one.
const LAYERS: usize = DEPTH + 2;

/// Reads one text.
#[derive(Clone)]
pub(crate) struct Reader {
    levels: [Level; DEPTH],
    joining: Joining,
    layers: [Layer; LAYERS],
    scratch: Scratch,
    /// The number of levels that undo escapes.
    depth: usize,
}

/// The reading of one piece.
pub(crate) struct Piece<'a> {
    layers: Layers<'a>,
    top: usize,
    /// The layer that each level has read, and the number of bytes that it did.
    read: [(usize, usize); DEPTH + 1],
    /// The new beginning of the stretch of the last byte of the reading before this piece.
    pub(crate) amended: Option<u64>,
}

impl Reader {
    /// A reader from this position on, behind a text that ends so.
    pub(crate) fn new(start: u64, before: Before) -> Reader {
        Reader {
            levels: Level::all(start, before),
            joining: Joining::behind(before),
            layers: Default::default(),
            scratch: Scratch::default(),
            depth: DEPTH,
        }
    }

    /// A reader of a whole text that undoes escapes to this depth.
    pub(super) fn to_depth(depth: usize) -> Reader {
        Reader { depth, ..Reader::new(0, Before::default()) }
    }

    /// Begins anew, with the memory of before.
    pub(crate) fn restart(&mut self, start: u64, before: Before) {
        self.levels = Level::all(start, before);
        self.joining = Joining::behind(before);
        self.layers.iter_mut().for_each(|layer| {
            Waiting::default().begin(layer);
            layer.set_behind(Spelling::Own);
        });
    }

    /// Whether nothing waits, and no dropped byte has an effect on the next one.
    pub(crate) fn is_settled(&self) -> bool {
        !self.layers.iter().any(Layer::is_waiting) && self.joining.is_settled()
    }

    /// The position of the first waiting byte, if an escape there may begin a match.
    pub(crate) fn waits_from(&self) -> Option<u64> {
        let waiting = self.layers.iter().filter_map(Layer::waits_from);
        waiting.filter(|(byte, _)| *byte != rule::ESC).map(|(_, start)| start).min()
    }

    /// If the text ends in a dropped line end: where the first of those begins that follow each
    /// other in one run of token characters.
    pub(crate) fn wrapped_from(&self) -> Option<u64> {
        self.joining.wrapped_from()
    }

    /// Reads the next piece of the text, which begins at this position. [`settle`](Reader::settle)
    /// has to be called behind it.
    pub(crate) fn read<'a>(&'a mut self, joints: &Joints, text: &'a [u8], start: u64, is_last: bool) -> Piece<'a> {
        debug_assert!(text.len() < 1 << 30, "events have offsets of 32 bits");
        if self.layers[0].is_waiting() {
            self.layers[0].append(text);
        }
        let (mut top, mut read) = (0, [(0, 0); DEPTH + 1]);
        for (number, level) in self.levels[..self.depth].iter_mut().enumerate() {
            let (below, above) = self.layers.split_at_mut(number + 1);
            let below = Layers { layers: below, text, start };
            let undone = level.read(joints, below, top, is_last, &mut above[0], &mut self.scratch);
            read[number] = (top, undone.len);
            top = if undone.is_same { top } else { number + 1 };
        }
        let (below, above) = self.layers.split_at_mut(LAYERS - 1);
        let below = Layers { layers: below, text, start };
        let joined = self.joining.read(joints, below, top, is_last, &mut above[0]);
        read[DEPTH] = (top, joined.len);
        let top = if joined.is_same { top } else { LAYERS - 1 };
        self.move_behind(top);
        let layers = Layers { layers: &self.layers, text, start };
        Piece { layers, top, read, amended: joined.amended }
    }

    /// Moves the notes of bytes left out from the layers that this piece has not written to those
    /// below them that stand for them.
    fn move_behind(&mut self, top: usize) {
        let (mut layer, mut behind) = (LAYERS, Spelling::Own);
        let mut next = Some(top);
        while let Some(written) = next {
            self.layers[written + 1..layer].iter_mut().for_each(|layer| behind = behind.max(layer.take_behind()));
            self.layers[written].add_behind(std::mem::take(&mut behind));
            (layer, next) = (written, Layers { layers: &self.layers, text: &[], start: 0 }.below(written));
        }
    }

    /// Ends a piece: empties the layers, but for the bytes that wait for the next piece.
    pub(crate) fn settle(&mut self, waiting: Rest) {
        for (layer, waiting) in self.layers.iter_mut().zip(waiting.waiting.into_iter().chain([Waiting::default()])) {
            waiting.begin(layer);
        }
        self.layers.iter_mut().zip(waiting.behind).for_each(|(layer, behind)| layer.set_behind(behind));
    }

    /// Frees the memory that waiting bytes do not need.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.layers.iter_mut().for_each(Layer::shrink_to_fit);
        self.scratch = Scratch::default();
    }
}

/// The state that a piece leaves for the next one.
pub(crate) struct Rest {
    /// The bytes that wait, by level.
    waiting: [Waiting; DEPTH + 1],
    /// The spellings of the bytes left out behind the last one, by layer.
    behind: [Spelling; LAYERS],
}

impl Piece<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.layers.bytes(self.top)
    }

    /// The offsets at which any match ends.
    pub(crate) fn breaks(&self) -> &[u32] {
        self.layers.breaks(self.top)
    }

    pub(crate) fn start_of(&self, at: usize) -> u64 {
        self.layers.start_of(self.top, at)
    }

    pub(crate) fn end_of(&self, at: usize) -> u64 {
        self.layers.end_of(self.top, at)
    }

    /// Adds the stretches of some bytes to `runs`, as those of the bytes from `at` on.
    pub(crate) fn append_runs(&self, range: Range<usize>, at: u64, runs: &mut Vec<Run>) {
        self.layers.append_runs(self.top, range, at, Spelling::Own, runs);
    }

    /// The end of the last difference from the text, if there is one. Everything behind it is the
    /// text itself.
    pub(crate) fn differs_until(&self) -> Option<u64> {
        let events = (1..=self.top).filter_map(|layer| self.layers.last_event_end(layer));
        let waits = self.read.iter().any(|&(layer, len)| len < self.layers.bytes(layer).len());
        events.chain(waits.then_some(self.layers.start + self.layers.text.len() as u64)).max()
    }

    /// The state for the next piece.
    pub(crate) fn rest(&self) -> Rest {
        let waiting = self.read.map(|(layer, len)| match len < self.layers.bytes(layer).len() {
            true => Waiting::of(self.layers, layer, len),
            false => Waiting::default(),
        });
        let (mut behind, mut next) = ([Spelling::Own; LAYERS], Some(self.top));
        while let Some(layer) = next {
            behind[layer] = self.layers.left_out_at_end(layer);
            next = self.layers.below(layer);
        }
        Rest { waiting, behind }
    }
}
