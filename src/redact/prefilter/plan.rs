//! Chooses the best tiers for the needles of a set, and the positions of their windows.

use std::ops::Range;

use zeroize::Zeroizing;

use super::super::isa::Isa;
use super::super::needle_list::NeedleList;
use super::qgrams::{LOOK_LEN, QGrams};
use super::teddy::{SHORT_LEN, Teddy, WINDOW_LEN};
use super::tier::{Tier, Window, WindowSearch};
use super::window::WindowFinder;
use super::window_index::WindowRef;

/// The gram length for long needles, in bytes. Shorter grams occur in every log: there are only
/// 65,536 of four hex digits.
const GRAM_LEN: usize = 8;
/// The shortest needle with such grams, in bytes: below, the stride would be too short.
const LONG_LEN_MIN: usize = 15;
/// The longest stride; beyond it there is little gain, since every second cache line must be read
/// anyway.
const STRIDE_MAX: usize = 32;

/// The maximum number of bytes to search for if there is only one needle.
const ALONE_LEN_MAX: usize = 16;

/// A prefix shared with this many alphabetical neighbours is common; fewer may be forms of one
/// secret.
const CROWD: usize = 16;

/// The cost of a look of a gram tier, and of Teddy per byte; measured on one machine, in
/// nanoseconds. Only their ratio matters.
const LOOK_COST: f64 = 0.9;
const TEDDY_COST: f64 = 0.035;

/// The tiers for some needles.
pub(super) struct Plan {
    pub(super) tiers: Vec<Tier>,
    /// The maximum distance from an occurrence's start to its tier's position, in bytes.
    pub(super) back: usize,
    /// The maximum number of an occurrence's bytes that a tier needs to see.
    pub(super) reach: usize,
    /// The number of bytes at the end of a text in which a whole occurrence may be missed. Tiers
    /// read the text in units of [`LOOK_LEN`] bytes, so those with shorter windows do not look at
    /// its last bytes.
    pub(super) whole_reach: usize,
}

/// Plans the tiers for these needles.
pub(super) fn plan(needles: &NeedleList, isa: Option<Isa>) -> Plan {
    if needles.len() == 1 {
        return alone(needles.get(0));
    }
    let mut planner = Planner { needles, isa, back: 0, whole_reach: 0 };
    let teddy = isa.and_then(|isa| planner.teddy(isa));
    let served = teddy.as_ref().map_or(0, |&(len, _)| len);
    let mut tiers: Vec<Tier> = teddy.map(|(_, tier)| tier).into_iter().collect();
    tiers.extend(planner.grams(served..8, 4, 1));
    tiers.extend(planner.grams(served.max(8)..LONG_LEN_MIN, 5, 4));
    let long = served.max(LONG_LEN_MIN)..usize::MAX;
    let stride = planner.stride(long.clone());
    tiers.extend(planner.grams(long, GRAM_LEN, stride));
    Plan { tiers, back: planner.back, reach: planner.back + LOOK_LEN, whole_reach: planner.whole_reach }
}

/// Plans a tier for a single needle, which is three times as fast as grams.
fn alone(needle: &[u8]) -> Plan {
    let len = needle.len().min(ALONE_LEN_MAX);
    let offset = WindowFinder::default().best_offset(needle, 0, len);
    let bytes = &needle[offset..offset + len];
    let window = Window { bytes, window_ref: WindowRef { needle: 0, offset: offset as u32 } };
    let search = WindowSearch::Substring(Zeroizing::new(bytes.to_vec()));
    let whole_reach = if len < LOOK_LEN { offset + LOOK_LEN } else { 0 };
    Plan {
        tiers: vec![Tier::new(search, &[window], None)],
        back: offset,
        reach: offset + len.max(LOOK_LEN),
        whole_reach,
    }
}

struct Planner<'a> {
    needles: &'a NeedleList,
    isa: Option<Isa>,
    back: usize,
    whole_reach: usize,
}

impl<'a> Planner<'a> {
    /// A tier of grams for the needles of these lengths, if there are any.
    fn grams(&mut self, lengths: Range<usize>, gram_len: usize, stride: usize) -> Option<Tier> {
        let (windows, back) = self.windows(lengths, |_| stride - 1 + gram_len);
        self.back = self.back.max(back + stride - 1);
        if gram_len < LOOK_LEN && !windows.is_empty() {
            self.whole_reach = self.whole_reach.max(back + stride - 1 + LOOK_LEN);
        }
        let grams = QGrams::new(gram_len, stride, windows.iter().map(|window| window.bytes), self.isa);
        (!windows.is_empty()).then(|| Tier::new(WindowSearch::QGrams(grams), &windows, self.isa))
    }

    /// The longest stride for long needles of these lengths.
    fn stride(&self, lengths: Range<usize>) -> usize {
        let shortest = self.lengths().filter(|len| lengths.contains(len)).min().unwrap_or(LONG_LEN_MIN);
        (shortest - GRAM_LEN + 1).min(STRIDE_MAX)
    }

    /// Teddy for the needles below the length that makes all tiers together cheapest, and that
    /// length. `None` if it is cheaper without, or the classes would contain too much.
    fn teddy(&mut self, isa: Isa) -> Option<(usize, Tier)> {
        let has_short = self.lengths().any(|len| len < LONG_LEN_MIN);
        let alone = if has_short { f64::INFINITY } else { self.long_cost(LONG_LEN_MIN) };
        let limits = LONG_LEN_MIN..=LONG_LEN_MIN + STRIDE_MAX;
        let mut plans: Vec<(f64, usize)> = limits.map(|limit| (TEDDY_COST + self.long_cost(limit), limit)).collect();
        plans.retain(|plan| plan.0 < alone);
        plans.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        plans.into_iter().find_map(|(_, limit)| {
            let window_len = |len| if len < WINDOW_LEN { SHORT_LEN } else { WINDOW_LEN };
            let (windows, back) = self.windows(0..limit, window_len);
            let teddy = Teddy::new(isa, &windows.iter().map(|window| window.bytes).collect::<Vec<_>>())?;
            self.back = self.back.max(back);
            let short = windows.iter().filter(|window| window.bytes.len() < LOOK_LEN);
            let short_back = short.map(|window| window.window_ref.offset as usize).max();
            self.whole_reach = self.whole_reach.max(short_back.map_or(0, |back| back + LOOK_LEN));
            Some((limit, Tier::new(WindowSearch::Teddy(teddy), &windows, self.isa)))
        })
    }

    /// The cost per byte of text of the looks for all needles of at least this length.
    fn long_cost(&self, len_min: usize) -> f64 {
        LOOK_COST / self.stride(len_min..usize::MAX) as f64
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.needles.iter().map(<[u8]>::len)
    }

    /// The windows of all needles of these lengths, and the largest of their offsets.
    fn windows(&self, lengths: Range<usize>, window_len: impl Fn(usize) -> usize) -> (Vec<Window<'a>>, usize) {
        let (mut windows, mut back, mut finder) = (Vec::new(), 0, WindowFinder::default());
        for (i, needle) in self.needles.iter().enumerate().filter(|(_, needle)| lengths.contains(&needle.len())) {
            let window_len = window_len(needle.len());
            let crowd = [i.checked_sub(CROWD), Some(i + CROWD)].into_iter().flatten();
            let shared = crowd.map(|other| self.needles.shared_len(i, other)).max().unwrap_or(0);
            let offset = finder.best_offset(needle, shared, window_len);
            back = back.max(offset);
            let window_ref = WindowRef { needle: i as u32, offset: offset as u32 };
            windows.push(Window { bytes: &needle[offset..offset + window_len], window_ref });
        }
        (windows, back)
    }
}
