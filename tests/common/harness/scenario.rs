//! A whole run of a redactor, decoded from bytes: needles, text, cuts, changes of the set, ends of
//! streams.
//!
//! One decoder serves the fuzz targets, their corpus under `cargo test`, proptest (which shrinks
//! the bytes) and the soak. Any bytes decode; fewer bytes make a smaller run.

use std::fmt;
use std::sync::Arc;

use hushlog::redact::prefilter::Variant;
use hushlog::{Mask, NeedleSet, Redactor};

use super::engine::{self, Engine};
use super::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED};
use super::model::Model;
use super::rng::Rng;

/// A step of a redactor's run.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    Push(Vec<u8>),
    /// Change to the set with this index.
    Swap(usize),
    /// Release held-back bytes, up to this number in total.
    ReleasePartial(usize),
    /// End of a stream; another one follows.
    Finish,
}

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The needles of each set. The first set is active at the start.
    pub sets: Vec<Vec<Vec<u8>>>,
    pub starred: bool,
    pub mask_partial: bool,
    pub steps: Vec<Step>,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, set) in self.sets.iter().enumerate() {
            set.iter().try_for_each(|needle| writeln!(f, "set {index}: {:?}", needle.escape_ascii().to_string()))?;
        }
        writeln!(f, "starred: {}, mask_partial: {}", self.starred, self.mask_partial)?;
        for step in &self.steps {
            match step {
                Step::Push(piece) => writeln!(f, "push {:?}", piece.escape_ascii().to_string())?,
                Step::Swap(set) => writeln!(f, "swap to set {set}")?,
                Step::ReleasePartial(len_max) => writeln!(f, "release {len_max} of a partial match")?,
                Step::Finish => writeln!(f, "finish")?,
            }
        }
        Ok(())
    }
}

/// The decoder's limits.
#[derive(Clone, Copy)]
pub struct Limits {
    pub sets: usize,
    pub needles: usize,
    pub needle_len: usize,
    pub text_len: usize,
}

/// One set: the naive definition's own case.
pub const ONE_SET: Limits = Limits { sets: 1, needles: 40, needle_len: 200, text_len: 6000 };
/// Changing sets and releases of partial matches, checked against the cubic model, and so smaller.
pub const SWAPS: Limits = Limits { sets: 3, needles: 6, needle_len: 60, text_len: 300 };

impl Scenario {
    /// Decodes a run.
    pub fn decode(bytes: &[u8], limits: Limits) -> Scenario {
        Decoder { bytes, letters: Letters { count: 2, width: 1 }, limits }.scenario()
    }

    /// A random run.
    pub fn random(rng: &mut Rng, limits: Limits) -> Scenario {
        let len = 4 + rng.below(120);
        Scenario::decode(&rng.bytes(len), limits)
    }

    pub fn mask(&self) -> Mask {
        match (self.starred, self.sets.len()) {
            (true, _) => engine::starred(),
            (false, 1) => engine::named(),
            (false, _) => engine::nameless(),
        }
    }

    fn partial_len_min(&self) -> usize {
        if self.mask_partial { PARTIAL_MASKED } else { PARTIAL_KEPT }
    }

    /// The sets, to be searched by this variant.
    pub fn compile(&self, variant: Variant) -> Vec<Arc<NeedleSet>> {
        self.sets.iter().map(|needles| engine::exactly(needles, self.mask(), variant)).collect()
    }

    /// Runs the redactor with every prefilter variant. The error gives the position of the
    /// difference from the definition.
    pub fn check(&self) -> Result<(), String> {
        Variant::ALL.iter().try_for_each(|&variant| {
            let sets = self.compile(variant);
            let redactor = Redactor::new(Arc::clone(&sets[0])).mask_partial(self.mask_partial);
            self.check_engine(&mut { redactor }, &sets).map_err(|error| format!("{variant:?}: {error}"))
        })
    }

    /// Runs any engine against the definition, after every step.
    pub fn check_engine(&self, engine: &mut dyn Engine, sets: &[Arc<NeedleSet>]) -> Result<(), String> {
        let mut oracle: Box<dyn Engine> = if sets.len() == 1 {
            Box::new(self.foretell(&sets[0]))
        } else {
            Box::new(Model::new(Arc::clone(&sets[0]), self.mask(), self.partial_len_min()))
        };
        let (mut got, mut want) = (Vec::new(), Vec::new());
        for (index, step) in self.steps.iter().chain([&Step::Finish]).enumerate() {
            apply(step, engine, sets, &mut got);
            apply(step, &mut *oracle, sets, &mut want);
            if got != want {
                let same = got.iter().zip(&want).take_while(|(a, b)| a == b).count();
                let (got, want) = (got.len(), want.len());
                return Err(format!("step {index}: {got} bytes given out instead of {want}, equal up to {same}"));
            }
            if let (Some(got), Some(want)) = (engine.held(), oracle.held())
                && got != want
            {
                return Err(format!("step {index}: {got} bytes held back instead of {want}"));
            }
        }
        Ok(())
    }

    /// The complete input, as one stream without changes of the set.
    pub fn text(&self) -> Vec<u8> {
        let pieces =
            self.steps.iter().filter_map(|step| if let Step::Push(piece) = step { Some(&piece[..]) } else { None });
        pieces.collect::<Vec<_>>().concat()
    }

    /// The cuts of that text.
    pub fn cuts(&self) -> Vec<usize> {
        let (mut cuts, mut end) = (Vec::new(), 0);
        for step in &self.steps {
            if let Step::Push(piece) = step {
                end += piece.len();
                cuts.push(end);
            }
        }
        cuts.pop();
        cuts
    }

    /// The expected results for each stream of a run with one set. Short texts are also compared
    /// with the definition itself.
    fn foretell(&self, set: &NeedleSet) -> Foretold {
        let mut streams = Vec::new();
        for steps in self.steps.split(|step| *step == Step::Finish) {
            let stream = Scenario { steps: steps.to_vec(), ..self.clone() };
            let text = stream.text();
            let expected = Expected::linear(set, &text, self.partial_len_min());
            if text.len() <= 40 {
                assert!(expected == Expected::naive(set, &text, self.partial_len_min()), "the oracles differ");
            }
            streams.push(expected);
        }
        streams.reverse();
        Foretold { streams, taken: 0, given: 0 }
    }
}

fn apply(step: &Step, engine: &mut dyn Engine, sets: &[Arc<NeedleSet>], out: &mut Vec<u8>) {
    match step {
        Step::Push(piece) => engine.push(piece, out),
        Step::Swap(set) => engine.swap(Arc::clone(&sets[*set]), out),
        Step::ReleasePartial(len_max) => engine.release_partial(*len_max, out),
        Step::Finish => engine.finish(out),
    }
}

/// Expected results that play the part of a redactor.
struct Foretold {
    /// The last one is the current stream.
    streams: Vec<Expected>,
    taken: usize,
    given: usize,
}

impl Engine for Foretold {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let now = self.streams.last().expect("one for each stream");
        self.taken += piece.len();
        out.extend_from_slice(&now.pushed[self.given..now.given[self.taken]]);
        self.given = now.given[self.taken];
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let ended = self.streams.pop().expect("one for each stream");
        out.extend_from_slice(&ended.finished[self.given..]);
        (self.taken, self.given) = (0, 0);
    }

    fn swap(&mut self, _set: Arc<NeedleSet>, _out: &mut Vec<u8>) {
        unreachable!("a run with one set changes to no other");
    }

    fn held(&self) -> Option<usize> {
        self.streams.last().map(|now| now.held[self.taken])
    }
}

/// The letters of a run: few, so that needles overlap; and wide, so that they are long enough for
/// every prefilter.
#[derive(Clone, Copy)]
struct Letters {
    /// 0 means any byte.
    count: u8,
    width: usize,
}

impl Letters {
    fn write(self, letter: u8, out: &mut Vec<u8>) {
        match self.count {
            0 => out.push(engine::plain(letter)),
            count if self.width == 1 => out.push(b'a' + letter % count),
            // Wide letters share their beginnings, and each has its own last byte.
            count => {
                out.extend((1..self.width).map(|at| b"postgres://user:pw@host/"[at % 24]));
                out.push(b'a' + letter % count);
            }
        }
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
    letters: Letters,
    limits: Limits,
}

impl Decoder<'_> {
    /// The next byte, or 0 at the end.
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        first
    }

    fn scenario(mut self) -> Scenario {
        let flags = self.byte();
        self.letters = Letters {
            count: [2, 3, 4, 0][usize::from(flags >> 2 & 3)],
            width: [1, 1, 1, 1, 4, 9, 16, 24][usize::from(flags >> 4 & 7)],
        };
        let sets: Vec<_> = (0..self.limits.sets).map(|_| self.needles()).collect();
        let steps = self.steps(&sets);
        Scenario { sets, starred: flags & 1 == 1, mask_partial: flags & 2 == 0, steps }
    }

    fn needles(&mut self) -> Vec<Vec<u8>> {
        // Mostly few, sometimes the maximum.
        let count = match usize::from(self.byte()) {
            byte @ 0..224 => byte % 6 + usize::from(self.limits.sets == 1),
            byte => byte % self.limits.needles,
        };
        let mut needles: Vec<Vec<u8>> = Vec::new();
        for _ in 0..count.clamp(usize::from(self.limits.sets == 1), self.limits.needles) {
            let mut needle = self.needle(&needles);
            needle.truncate(self.limits.needle_len);
            if needle.is_empty() {
                self.letters.write(0, &mut needle);
            }
            needles.push(needle);
        }
        needles
    }

    /// Letters of its own, or a derivative of earlier needles.
    fn needle(&mut self, before: &[Vec<u8>]) -> Vec<u8> {
        let kind = self.byte();
        let mut needle = Vec::new();
        match kind {
            0..128 => self.letters(usize::from(kind % 8) + 1, &mut needle),
            128..144 => (0..kind % 16 + 1).for_each(|_| self.letters.write(0, &mut needle)),
            _ => {
                self.fragment(before, &mut needle);
                match kind % 4 {
                    0 => self.letters(1, &mut needle),
                    1 => self.fragment(before, &mut needle),
                    2 => needle.extend_from_within(..),
                    _ => {}
                }
            }
        }
        needle
    }

    fn letters(&mut self, count: usize, out: &mut Vec<u8>) {
        for _ in 0..count {
            let letter = self.byte();
            self.letters.write(letter, out);
        }
    }

    /// A part of a needle, or all of it.
    fn fragment(&mut self, needles: &[Vec<u8>], out: &mut Vec<u8>) {
        let (which, from, to) = (usize::from(self.byte()), usize::from(self.byte()), usize::from(self.byte()));
        if needles.is_empty() {
            return;
        }
        let needle = &needles[which % needles.len()];
        let from = if from < 128 { 0 } else { from % (needle.len() + 1) };
        let to = if to < 128 { needle.len() } else { from + to % (needle.len() - from + 1) };
        out.extend_from_slice(&needle[from..to]);
    }

    fn steps(&mut self, sets: &[Vec<Vec<u8>>]) -> Vec<Step> {
        let (mut steps, mut piece, mut len, mut active) = (Vec::new(), Vec::new(), 0, 0);
        while !self.bytes.is_empty() && len < self.limits.text_len {
            let before = piece.len();
            let op = self.byte();
            match op {
                0..96 => self.fragment(&sets[active], &mut piece),
                96..144 => self.letters(usize::from(op % 8) + 1, &mut piece),
                144..160 => self.near_miss(&sets[active], &mut piece),
                160..176 => self.junk(usize::from(op % 16), &mut piece),
                212..240 if sets.len() > 1 => {
                    let len_max = [3, 3, 1, 40][usize::from(op % 4)];
                    steps.extend([Step::Push(std::mem::take(&mut piece)), Step::ReleasePartial(len_max)]);
                }
                176..240 => steps.push(Step::Push(std::mem::take(&mut piece))),
                240..252 if sets.len() > 1 => {
                    active = usize::from(op) % sets.len();
                    steps.extend([Step::Push(std::mem::take(&mut piece)), Step::Swap(active)]);
                }
                240..252 => self.double(&mut piece),
                252.. => steps.extend([Step::Push(std::mem::take(&mut piece)), Step::Finish]),
            }
            len += piece.len().saturating_sub(before);
        }
        steps.push(Step::Push(piece));
        steps
    }

    /// Text without a needle moves the prefilter's windows along; a long one starts the prefilter.
    fn junk(&mut self, class: usize, piece: &mut Vec<u8>) {
        let byte = self.byte();
        let len = if class < 12 { class * 5 + 1 } else { class * 40 };
        let step = 7 * (byte & 1);
        let len = len.min(self.limits.text_len / 4);
        piece.extend((0..len).map(|at| engine::plain(byte.wrapping_add((at as u8).wrapping_mul(step)))));
    }

    /// A needle with one byte changed.
    fn near_miss(&mut self, needles: &[Vec<u8>], piece: &mut Vec<u8>) {
        let start = piece.len();
        let (which, at) = (usize::from(self.byte()), usize::from(self.byte()));
        let Some(needle) = needles.get(which % needles.len().max(1)) else { return };
        piece.extend_from_slice(needle);
        let at = start + at % needle.len();
        piece[at] = engine::plain(piece[at].wrapping_add(1));
    }

    /// Repeats the last few bytes.
    fn double(&mut self, piece: &mut Vec<u8>) {
        let back = usize::from(self.byte()).min(piece.len());
        piece.extend_from_within(piece.len() - back..);
    }
}
