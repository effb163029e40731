//! A spool on the simulated machine: the sink eventually has all output of a source.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proptest::prelude::*;

use super::machine::{BLOCK_LEN, End, Fault, Machine, Span, World, punch};
use super::*;
use crate::redact::redacted::{Piece, PieceKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Append,
    Give,
    GivePart,
    Settle,
    Checkpoint,
}

const STEPS: [Step; 5] = [Step::Append, Step::Give, Step::GivePart, Step::Settle, Step::Checkpoint];

fn piece(id: usize) -> Vec<u8> {
    format!("{id:04} {}\n", "hsp2".repeat([2, 90, 5, 200][id % 4])).into_bytes()
}

/// A source, a sink, and the process with the spool between them.
struct Run {
    world: Rc<RefCell<World>>,
    spool: Option<Spool<Machine>>,
    next: usize,
    /// Pieces in the spool, and pieces that a checkpoint confirms.
    taken: Vec<usize>,
    saved: usize,
    warnings: Vec<String>,
    /// The last piece on the disk of the sink, as far as the spool knows.
    settled: Option<usize>,
}

impl Run {
    fn new(world: World) -> Run {
        let world = Rc::new(RefCell::new(world));
        let mut run =
            Run { world, spool: None, next: 0, taken: Vec::new(), saved: 0, warnings: Vec::new(), settled: None };
        run.start();
        run
    }

    /// Starts a new process.
    fn start(&mut self) {
        let mut world = self.world.borrow_mut();
        (world.is_dead, world.end_at, world.failures) = (false, None, 0);
        world.process += 1;
        drop(world);
        self.open();
    }

    /// Starts after a kill: a failed sync that the killed process did not record is unknown.
    fn start_after_kill(&mut self) {
        let failures = self.world.borrow().failures;
        if self.spool.as_ref().is_none_or(|spool| spool.failures != failures) {
            self.world.borrow_mut().sink.iter_mut().for_each(|span| span.is_lost = false);
        }
        self.start();
    }

    fn open(&mut self) {
        let machine = Machine(Rc::clone(&self.world));
        // The next process may repeat a warning.
        let opened = check_content(&machine).and_then(|()| Spool::recovered(machine, Path::new("spool"), 1 << 20));
        self.spool = opened.ok();
        self.heed();
    }

    fn heed(&mut self) {
        self.warnings.extend(self.spool.as_mut().and_then(Spool::take_warning));
    }

    fn step(&mut self, step: Step) {
        if self.world.borrow().is_dead {
            return;
        }
        if self.spool.is_none() {
            self.open();
        }
        let Some(spool) = &mut self.spool else { return };
        match step {
            Step::Append => {
                let (text, mut gathered) = (piece(self.next), RedactedBuf::default());
                let batch = Batch::new(std::iter::once(Piece::of(&text, PieceKind::Input, 0)), &mut gathered, false);
                if spool.append(&batch, 0).is_ok_and(|is_taken| is_taken) {
                    self.taken.push(self.next);
                    self.next += 1;
                } else if self.world.borrow().is_dead {
                    self.next += 1;
                }
            }
            Step::Give | Step::GivePart => {
                let Ok(Some(First { piece: text, written, .. })) = spool.first() else { return self.heed() };
                let text = text.content().bytes();
                let id: usize = String::from_utf8_lossy(&text[..4]).parse().expect("garbage goes out");
                assert!(text == piece(id) && id <= self.next, "garbage goes out");
                let from = written as usize;
                let to = if step == Step::Give { text.len() } else { (from + text.len()) / 2 };
                {
                    let mut world = self.world.borrow_mut();
                    let (is_in, fault) = world.call();
                    let to = if is_in { if fault.is_some() { (from + to) / 2 } else { to } } else { from };
                    let process = world.process;
                    world.sink.push(Span { id, from, to, is_lost: false, process });
                    if fault.is_some() {
                        drop(world);
                        let _ = spool.note_written(to as u64);
                        return self.heed();
                    }
                }
                let _ = match step {
                    Step::Give => spool.forget_first(text.len()),
                    _ => spool.note_written(to as u64),
                };
            }
            Step::Settle => {
                let failures = self.world.borrow().failures;
                let last = self.world.borrow().sink.iter().map(|span| span.id).max();
                if spool.settle().is_ok() && self.world.borrow().failures == failures && spool.is_empty() {
                    self.settled = last.or(self.settled);
                }
            }
            Step::Checkpoint => {
                if spool.file.sync_sinks().is_ok() && self.world.borrow().failures == 0 {
                    self.saved = self.taken.len();
                }
            }
        }
        self.heed();
    }

    /// Writes all pending pieces.
    fn drain(&mut self) {
        // An unreadable piece is looked at several times.
        let looks = self.world.borrow().unreadable.len() * 13;
        for _ in 0..self.next * 3 + 20 + looks {
            self.step(Step::Give);
            self.step(Step::Settle);
        }
        assert!(self.spool.as_ref().is_some_and(Spool::is_empty), "it does not come to an end: {:?}", self.warnings);
    }

    /// Checks that the sink has all of these pieces, in order and complete.
    fn check(&self, wanted: &[usize], may_repeat: bool) {
        let world = self.world.borrow();
        let (mut ends, mut last): (BTreeMap<usize, (usize, usize)>, Option<Span>) = (BTreeMap::new(), None);
        for span in &world.sink {
            let (end, whole) = ends.entry(span.id).or_default();
            // After a failed sync, a part may be lost and repeated later.
            let is_joined = span.from <= *end;
            assert!(is_joined || may_repeat, "a hole in piece {}: {:?}", span.id, world.sink);
            *end = match (span.from, is_joined) {
                (0, _) => span.to,
                (_, true) => (*end).max(span.to),
                (_, false) => 0,
            };
            *whole = (*whole).max(*end);
            if let Some(last) = last.filter(|last| last.process == span.process && !may_repeat) {
                let is_next = if span.from == 0 { span.id > last.id } else { span.id == last.id };
                assert!(is_next || last.to == last.from, "out of order: {:?}", world.sink);
            }
            last = Some(*span);
        }
        for id in wanted {
            let whole = ends.get(id).map_or(0, |(_, whole)| *whole);
            assert_eq!(whole, piece(*id).len(), "piece {id} is lost: {:?} {:?}", world.sink, self.warnings);
        }
    }
}

/// Each end of a process at each call of short runs, and outcomes of each power cut.
#[test]
fn a33_an_end_at_each_call_of_each_short_run_loses_nothing() {
    let mut runs = vec![vec![Step::Append]];
    for _ in 0..3 {
        let longer: Vec<Vec<Step>> =
            runs.iter().flat_map(|run| STEPS.map(|step| [&run[..], &[step]].concat())).collect();
        runs = longer;
    }
    // Long enough for a hole in front of a pending piece.
    let hole = [Step::Append, Step::Append, Step::Checkpoint, Step::Give, Step::Settle, Step::Give, Step::Settle];
    runs.push(hole.into());
    for (number, run) in runs.iter().enumerate() {
        for end in [End::Cut, End::Kill, End::KillWithin] {
            for at in 1.. {
                let outcomes = if end == End::Cut { 8 } else { 1 };
                if !(0..outcomes).all(|outcome| ended(run, (at, end), outcome, number)) {
                    break;
                }
            }
        }
    }
}

/// Returns false if there are fewer calls.
fn ended(steps: &[Step], (at, end): (usize, End), outcome: usize, number: usize) -> bool {
    let mut run = Run::new(World::default());
    run.world.borrow_mut().calls = 0;
    run.world.borrow_mut().end_at = Some((at, end));
    steps.iter().for_each(|&step| run.step(step));
    if !run.world.borrow().is_dead {
        return false;
    }
    let mut seed = ((number * 8 + outcome) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) + at as u64;
    let mut choose = |n: usize| match outcome {
        0 => 0,
        1 => n - 1,
        _ => {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        }
    };
    let last = run.world.borrow().sink.iter().map(|span| span.id).max();
    if end == End::Cut {
        run.world.borrow_mut().cut(&mut choose);
    }
    let process = run.world.borrow().process;
    let settled = run.settled;
    run.start();
    assert!(run.spool.is_some(), "it is not taken for a spool: {steps:?} {at} {end:?} {outcome}");
    run.drain();
    let what = format!("{steps:?} {at} {end:?} {outcome}: {:?}", run.warnings);
    let wanted = if end == End::Cut { &run.taken[..run.saved] } else { &run.taken[..] };
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.check(wanted, false)));
    assert!(found.is_ok(), "{what}");
    // A kill repeats one piece at most; a power cut all output since the last sync of the sink.
    let first = run.world.borrow().sink.iter().find(|span| span.process > process).map(|span| span.id);
    let repeats_from = if end == End::Cut { settled.map(|id| id + 1) } else { last };
    assert!(first.is_none_or(|first| Some(first) >= repeats_from), "{what}");
    // Pieces in flight, or on no disk, may be partial or zeros.
    let is_all_saved = run.saved == run.next;
    assert!(run.warnings.is_empty() || end == End::KillWithin || end == End::Cut && !is_all_saved, "{what}");
    true
}

#[derive(Clone, Debug)]
enum Act {
    Step(usize),
    Fault(usize, u8),
    End(usize, u8),
    /// A flipped bit, or a hole of this length, at an offset in thousandths of the file.
    Damage(usize, usize),
    /// An unreadable block, at an offset in thousandths of the file.
    Unreadable(usize),
}

fn damage() -> impl Strategy<Value = Act> {
    (0..1_000_usize, prop_oneof![Just(0), 1..700_usize]).prop_map(|(at, len)| Act::Damage(at, len))
}

fn acts(damages: u32) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => (0..STEPS.len()).prop_map(Act::Step),
        2 => (1..6_usize, 0..3_u8).prop_map(|(at, fault)| Act::Fault(at, fault)),
        1 => (1..12_usize, 0..3_u8).prop_map(|(at, end)| Act::End(at, end)),
        damages => damage(),
    ];
    prop::collection::vec(act, 1..60)
}

fn is_over(run: &mut Run, rng: &mut impl FnMut(usize) -> usize, was: Option<End>) -> bool {
    if !run.world.borrow().is_dead {
        return false;
    }
    run.world.borrow_mut().faults.clear();
    if was == Some(End::Cut) {
        run.world.borrow_mut().cut(&mut *rng);
        // The source restarts at its checkpoint.
        run.taken.truncate(run.saved);
        run.start();
    } else {
        run.start_after_kill();
    }
    true
}

/// The damaged pieces in the file; all of them if the head is lost.
#[derive(Default)]
struct Damaged {
    pieces: BTreeSet<usize>,
    heads: usize,
}

impl Damaged {
    fn add_pieces(&mut self, next: usize, file: &[u8], begin: usize, end: usize) {
        for id in 0..=next {
            let text = piece(id);
            let is_hit = |at: usize| begin < at + text.len() && at < end + FRAME_LEN as usize;
            if memchr::memmem::find(file, &text).is_some_and(is_hit) {
                self.pieces.insert(id);
            }
        }
    }

    fn add_block(&mut self, run: &Run, block: usize) {
        let mut world = run.world.borrow_mut();
        self.add_pieces(run.next, &world.cache, block * BLOCK_LEN, (block + 1) * BLOCK_LEN);
        world.unreadable.insert(block);
    }

    fn add(&mut self, run: &Run, place: usize, len: usize) {
        let mut world = run.world.borrow_mut();
        // A file without its head cannot be recognized as a spool.
        let begin = place * world.cache.len() / 1_000;
        let end = (begin + len.max(1)).min(world.cache.len());
        if begin >= end || begin < HEAD_LEN as usize && len > 0 {
            return;
        }
        self.add_pieces(run.next, &world.cache, begin, end);
        self.heads += usize::from(begin < HEAD_LEN as usize);
        if self.heads > 1 {
            self.pieces.extend(0..=run.next);
        }
        let World { cache, disk, .. } = &mut *world;
        for bytes in [cache, disk] {
            match len {
                0 => bytes.get_mut(begin).into_iter().for_each(|byte| *byte ^= 1 << (begin % 8)),
                len => punch(bytes, begin, len),
            }
        }
    }
}

/// Performs these acts, and checks the outcome.
fn lived(acts: Vec<Act>, mut seed: u64, knows_no_holes: bool) {
    let mut choose = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut run = Run::new(World { knows_no_holes, ..World::default() });
    let (mut end, mut damaged) = (None, Damaged::default());
    for act in acts {
        let calls = run.world.borrow().calls;
        match act {
            Act::Step(step) => run.step(STEPS[step]),
            Act::Fault(at, fault) => {
                let fault = [Fault::Full, Fault::Broken, Fault::Short][fault as usize];
                run.world.borrow_mut().faults.insert(calls + at, fault);
            }
            Act::End(at, kind) => {
                let kind = [End::Cut, End::Kill, End::KillWithin][kind as usize];
                run.world.borrow_mut().end_at = Some((calls + at, kind));
                end = Some(kind);
            }
            Act::Damage(at, len) => damaged.add(&run, at, len),
            Act::Unreadable(at) => {
                let block = at * run.world.borrow().cache.len() / 1_000 / BLOCK_LEN;
                // A file without a readable head is not opened.
                damaged.add_block(&run, block.max(1));
            }
        }
        is_over(&mut run, &mut choose, end);
    }
    run.world.borrow_mut().faults.clear();
    run.world.borrow_mut().end_at = None;
    // Damage is reported once, also while pieces wait behind it. An unreadable place takes no mark.
    run.start_after_kill();
    let told = |run: &Run| (run.warnings.len(), run.world.borrow().aside.len());
    let before = told(&run);
    run.start_after_kill();
    assert!(told(&run) == before || !run.world.borrow().unreadable.is_empty(), "{:?}", run.warnings);
    run.drain();
    run.step(Step::Settle);
    // Only pieces on the disk of the sink are durable.
    run.world.borrow_mut().cut(|_| 0);
    let wanted: Vec<usize> = run.taken.iter().copied().filter(|id| !damaged.pieces.contains(id)).collect();
    run.check(&wanted, true);
    let found: BTreeSet<usize> = run.world.borrow().sink.iter().map(|span| span.id).collect();
    let is_lost = run.taken.iter().any(|id| !found.contains(id));
    assert!(!is_lost || !run.warnings.is_empty(), "a piece is lost in silence");
}

/// The head cannot be written for a while: the disk is full.
#[test]
fn a33_a_repair_on_a_full_disk_is_tried_again() {
    let [append, give, checkpoint] = [0, 1, 4].map(Act::Step);
    let full = |at| Act::Fault(at, 0);
    let begun = [append.clone(), give.clone(), full(4), append, full(5), give.clone(), checkpoint];
    for later in 1..8 {
        lived([&begun[..], &[full(4), full(1), give.clone()]].concat(), 0, false);
        // The process goes on, and the next power cut finds the file repaired.
        let on = vec![give.clone(); later];
        lived([&begun[..], &[full(4), full(1), give.clone()], &on, &[Act::Step(3), Act::End(1, 0)]].concat(), 0, false);
    }
}

/// The head's block is written anew, pieces behind an unreadable block go out, and new ones are
/// appended behind an unreadable end.
#[test]
fn an_unreadable_block_costs_its_pieces_and_is_reported_once() {
    for (block, restarts) in (0..7).flat_map(|block| [(block, false), (block, block > 0)]) {
        let (mut run, mut damaged) = (Run::new(World::default()), Damaged::default());
        (0..12).for_each(|_| run.step(Step::Append));
        run.step(Step::Give);
        damaged.add_block(&run, block);
        if restarts {
            run.start();
        }
        (0..3).for_each(|_| run.step(Step::Append));
        assert_eq!(run.taken.len(), 15, "block {block}");
        run.drain();
        let wanted: Vec<usize> = run.taken.iter().copied().filter(|id| !damaged.pieces.contains(id)).collect();
        run.check(&wanted, false);
        assert!(wanted.len() >= 10 && run.warnings.len() <= 1, "block {block}: {:?}", run.warnings);
        assert_eq!(run.warnings.is_empty(), wanted.len() == 15, "block {block}: {:?}", run.warnings);
        run.start();
        run.step(Step::Append);
        run.drain();
        run.check(&[&wanted[..], &[15]].concat(), false);
    }
}

#[test]
fn a_spool_with_an_unreadable_head_is_left_as_it_is() {
    let mut run = Run::new(World::default());
    run.step(Step::Append);
    let was = run.world.borrow().cache.clone();
    run.world.borrow_mut().unreadable.insert(0);
    run.start();
    assert!(run.spool.is_none() && run.world.borrow().cache == was);
    run.world.borrow_mut().unreadable.clear();
    run.start();
    run.drain();
    run.check(&[0], false);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a33_faults_kills_and_power_cuts_in_any_order_lose_nothing(
        acts in acts(0), seed: u64, knows_no_holes: bool,
    ) {
        lived(acts, seed, knows_no_holes);
    }

    #[test]
    fn a33_damage_among_all_that_costs_only_the_pieces_it_hits(
        acts in acts(2), seed: u64, knows_no_holes: bool,
    ) {
        lived(acts, seed, knows_no_holes);
    }

    #[test]
    fn a_damaged_disk_costs_only_its_unreadable_pieces(
        acts in acts(0), blocks in prop::collection::vec((0..60_usize, 0..1_000_usize), 1..4),
        seed: u64, knows_no_holes: bool,
    ) {
        let mut acts = acts;
        for (at, place) in blocks {
            acts.insert(at.min(acts.len()), Act::Unreadable(place));
        }
        lived(acts, seed, knows_no_holes);
    }
}
