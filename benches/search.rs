//! The speed of a search, next to other libraries on the same text with the same needles in the
//! same run.
//!
//! Machines are shared, and their clocks change. So the bench counts the thread's CPU time, and
//! contestants take turns for several rounds. The ratios within a round matter most. Each answer is
//! compared with a plain one before anything is timed. See `benches/README.md`.

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libloading::Library;

use support::cases::{CASES, Case};
use support::clock::CpuTime;
use support::contestants::{AhoCorasickAuto, AhoCorasickStream, Contestant, Daachorse, Hushlog, Reading};
use support::hyperscan::{self, Hyperscan, Target};
use support::oracle::Oracle;
use support::text::Corpus;

/// Text that fits into a second-level cache.
const L2_TEXT_LEN: usize = 256 << 10;
/// The fewest blocks of it in a sample.
const L2_BLOCKS_MIN: usize = 9;
/// The length of a filter's read.
const L2_PIECE_LEN: usize = 64 << 10;
/// Text that no cache holds. Each sample continues at the end of the last one.
const COLD_TEXT_LEN: usize = 512 << 20;
/// The length of a scrub's read.
const COLD_PIECE_LEN: usize = 1 << 20;
/// The most needles for which Hyperscan may be faster when compiled for any CPU.
const HYPERSCAN_ANY_MAX: usize = 100;
/// The most text on which answers are compared.
const CHECKED_LEN_MAX: usize = 4 << 20;

/// The options of the command line.
struct Options {
    /// Whole names of cases, or the part before the slash; empty: all.
    cases: Vec<String>,
    contestants: String,
    rounds: usize,
    sample: Duration,
}

impl Options {
    fn wants(&self, case: &str) -> bool {
        let group = case.split('/').next();
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == case || Some(wanted.as_str()) == group)
    }
}

fn main() {
    let options = options();
    let corpus = Corpus::open();
    let libraries = hyperscan::libraries();
    println!("text: {} ({:.1} MB before it repeats)", corpus.source, corpus.len() as f64 / 1e6);
    let mut cold = vec![0; COLD_TEXT_LEN];
    for recipe in CASES.iter().filter(|recipe| options.wants(recipe.name)) {
        run(&recipe.make(&corpus), &libraries, &mut cold, &options);
    }
}

/// `cargo bench --bench search -- [CASE...] [--only CONTESTANT] [--rounds N]
/// [--sample MILLISECONDS]`
fn options() -> Options {
    let mut options =
        Options { cases: Vec::new(), contestants: String::new(), rounds: 7, sample: Duration::from_millis(40) };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--only" => options.contestants = value(),
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--sample" => options.sample = Duration::from_millis(value().parse().expect("milliseconds")),
            _ => options.cases.push(argument),
        }
    }
    options
}

fn run(case: &Case, libraries: &[Arc<Library>], cold: &mut [u8], options: &Options) {
    let needles: Vec<&[u8]> = case.set.expose().collect();
    println!("\n## {}: {} needles\n", case.name, needles.len());
    let mut contestants = contestants(case, &needles, libraries, &options.contestants);
    let checked = &case.text[..case.text.len().min(CHECKED_LEN_MAX)];
    check(&mut contestants, &needles, &checked[..L2_TEXT_LEN], L2_PIECE_LEN);
    check(&mut contestants, &needles, checked, COLD_PIECE_LEN);
    fill(cold, &case.text);
    let (mut block_at, mut stretch_at) = (0, 0);
    let in_l2 =
        race(&mut contestants, options, &mut |contestant, sample| in_cache(contestant, cold, &mut block_at, sample));
    let in_memory = race(&mut contestants, options, &mut |contestant, sample| {
        from_memory(contestant, cold, &mut stretch_at, sample)
    });
    print(&contestants, &in_l2, &in_memory);
}

fn contestants(case: &Case, needles: &[&[u8]], libraries: &[Arc<Library>], only: &str) -> Vec<Box<dyn Contestant>> {
    let mut all: Vec<Box<dyn Contestant>> = vec![
        Box::new(Hushlog::new(&case.set)),
        Box::new(AhoCorasickAuto::new(needles)),
        Box::new(AhoCorasickStream::new(needles)),
        Box::new(Daachorse::new(needles)),
    ];
    let targets = if needles.len() <= HYPERSCAN_ANY_MAX { &[Target::Host, Target::Any][..] } else { &[Target::Host] };
    for (library, &target) in libraries.iter().flat_map(|library| targets.iter().map(move |target| (library, target))) {
        match Hyperscan::new(library, needles, target) {
            Ok(hyperscan) => all.push(Box::new(hyperscan)),
            Err(why) => println!("hyperscan is left out: {why}\n"),
        }
    }
    all.push(Box::new(Reading));
    all.retain(|contestant| contestant.name().contains(only));
    all
}

/// Removes contestants that fail, with a message; panics at a wrong answer.
fn check(contestants: &mut Vec<Box<dyn Contestant>>, needles: &[&[u8]], text: &[u8], piece_len: usize) {
    let oracle = Oracle::new(needles, text);
    contestants.retain_mut(|contestant| match contestant.check(&oracle, piece_len) {
        Ok(()) => true,
        Err(why) => {
            println!("{} is left out: {why}\n", contestant.name());
            false
        }
    });
}

fn fill(text: &mut [u8], unit: &[u8]) {
    text.chunks_mut(unit.len()).for_each(|chunk| chunk.copy_from_slice(&unit[..chunk.len()]));
}

/// Bytes per nanosecond of each contestant (outer) in each round (inner).
type Speeds = Vec<Vec<f64>>;

/// Runs all contestants in turn, round after round.
fn race(
    contestants: &mut [Box<dyn Contestant>],
    options: &Options,
    sample: &mut dyn FnMut(&mut dyn Contestant, Duration) -> f64,
) -> Speeds {
    let mut speeds = vec![Vec::with_capacity(options.rounds); contestants.len()];
    for _ in 0..options.rounds {
        for (contestant, speeds) in contestants.iter_mut().zip(&mut speeds) {
            speeds.push(sample(contestant.as_mut(), options.sample));
        }
    }
    speeds
}

/// Fresh text each time, copied into the cache just before, as a pipe does. A repeated text would
/// measure how well the branch predictor learns it.
///
/// Takes the lesser of two clocks, both of which read too high. Reading the CPU clock takes a good
/// part of the fastest scans; the wall clock includes other programs' time.
fn in_cache(contestant: &mut dyn Contestant, text: &[u8], at: &mut usize, at_least: Duration) -> f64 {
    let (mut block, mut speeds) = (vec![0; L2_TEXT_LEN], Vec::new());
    let start = CpuTime::now();
    while start.elapsed() < at_least || speeds.len() < L2_BLOCKS_MIN {
        block.copy_from_slice(&text[*at..*at + L2_TEXT_LEN]);
        *at = (*at + L2_TEXT_LEN) % text.len();
        let (cpu, wall) = (CpuTime::now(), Instant::now());
        black_box(contestant.scan(black_box(&block), L2_PIECE_LEN));
        let took = wall.elapsed().min(cpu.elapsed());
        speeds.push(L2_TEXT_LEN as f64 / took.as_nanos() as f64);
    }
    median(speeds)
}

/// Text not touched since all the rest was, in stretches of a few pieces.
fn from_memory(contestant: &mut dyn Contestant, text: &[u8], at: &mut usize, at_least: Duration) -> f64 {
    const STRETCH_LEN: usize = 8 * COLD_PIECE_LEN;
    let (mut scanned, start) = (0, CpuTime::now());
    while start.elapsed() < at_least {
        black_box(contestant.scan(&text[*at..*at + STRETCH_LEN], COLD_PIECE_LEN));
        scanned += STRETCH_LEN;
        *at = (*at + STRETCH_LEN) % text.len();
    }
    scanned as f64 / start.elapsed().as_nanos() as f64
}

fn print(contestants: &[Box<dyn Contestant>], in_l2: &Speeds, in_memory: &Speeds) {
    println!(
        "| {:<32} | {:>22} | {:>8} | {:>22} | {:>8} |",
        "", "L2, GB/s (from..to)", "hushlog", "cold, GB/s (from..to)", "hushlog"
    );
    println!("| :{:-<31} | {:->21}: | {:->7}: | {:->21}: | {:->7}: |", "", "", "", "", "");
    for (n, contestant) in contestants.iter().enumerate() {
        let (l2, cold) = (speed(&in_l2[n]), speed(&in_memory[n]));
        let (l2_ratio, cold_ratio) = (ratio(&in_l2[0], &in_l2[n]), ratio(&in_memory[0], &in_memory[n]));
        println!("| {:<32} | {l2:>22} | {l2_ratio:>7.2}x | {cold:>22} | {cold_ratio:>7.2}x |", contestant.name());
    }
}

fn speed(speeds: &[f64]) -> String {
    let (from, to) = speeds.iter().fold((f64::MAX, 0f64), |(from, to), &speed| (from.min(speed), to.max(speed)));
    format!("{:.2} ({from:.2}..{to:.2})", median(speeds.to_vec()))
}

/// The median of the rounds' ratios: the machine's effects on both of a round cancel out.
fn ratio(first: &[f64], other: &[f64]) -> f64 {
    median(first.iter().zip(other).map(|(first, other)| first / other).collect())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
