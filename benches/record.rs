//! The cost of a clean record of 200 bytes, as structured loggers have them, next to the tools of
//! today's loggers.
//!
//! The rivals answer less: whether a raw value, or any form, occurs, and not where. See
//! `benches/README.md`.

mod support;

use std::time::Instant;

use aho_corasick::AhoCorasick;
use hushlog::{NeedleSet, Overlay};
use regex::bytes::RegexSet;

use support::cases::all_forms;
use support::secrets::keys;
use support::text::Corpus;

const RECORD_LEN: usize = 200;
/// Too many records for a branch predictor to learn, and few enough for the second-level cache.
const RECORDS: usize = 3_000;
const ROUNDS: usize = 15;
const SIZES: [usize; 3] = [10, 100, 1_000];

fn main() {
    let text = Corpus::open().text(RECORD_LEN * RECORDS);
    println!(
        "\n## Nanoseconds for a clean record of {RECORD_LEN} bytes, {ROUNDS} rounds in turn: median (best..worst)\n"
    );
    println!(
        "| secrets | in place | `redact_cow` | aho-corasick, all forms | aho-corasick, values | regex set, values |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for secrets in SIZES {
        measure(secrets, text.clone());
    }
}

fn measure(secrets: usize, mut text: Vec<u8>) {
    let values = keys(secrets);
    let set = all_forms(values.clone());
    let overlay = Overlay::of_char(&set, b'*').expect("no key has a star in it");
    check(&set, &overlay, &values[0]);
    let needles: Vec<&[u8]> = set.expose().collect();
    let forms = AhoCorasick::new(&needles).expect("an automaton");
    let raw = AhoCorasick::new(&values).expect("an automaton");
    let patterns = values.iter().map(|value| std::str::from_utf8(value).expect("letters and digits"));
    let regexes = RegexSet::new(patterns).expect("a set of words");
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        times[0].push(time(&mut text, |record| set.redact_in_place(record, &overlay) > 0));
        times[1].push(time(&mut text, |record| matches!(set.redact_cow(record), std::borrow::Cow::Owned(_))));
        times[2].push(time(&mut text, |record| forms.is_match(&*record)));
        times[3].push(time(&mut text, |record| raw.is_match(&*record)));
        times[4].push(time(&mut text, |record| regexes.is_match(record)));
    }
    let row: Vec<String> = times.into_iter().map(median_and_range).collect();
    println!("| {secrets} | {} |", row.join(" | "));
}

/// Checks that each finds a secret, before it is timed on clean records.
fn check(set: &NeedleSet, overlay: &Overlay, value: &[u8]) {
    let mut record = [b"key=", value, b";"].concat();
    assert!(matches!(set.redact_cow(&record), std::borrow::Cow::Owned(_)));
    assert_eq!(set.redact_in_place(&mut record, overlay), 1);
    assert!(!record.windows(value.len()).any(|there| there == value));
}

/// Nanoseconds a record, all clean. All records pass once before the timing. Each contestant's
/// tables are then as close as in a program that logs much, and none pays for the cache misses of
/// the one before.
fn time(text: &mut [u8], mut has_any: impl FnMut(&mut [u8]) -> bool) -> f64 {
    let mut pass = || text.chunks_exact_mut(RECORD_LEN).filter_map(|record| has_any(record).then_some(())).count();
    let warming = pass();
    let start = Instant::now();
    let hits = pass();
    let took = start.elapsed();
    assert_eq!(warming + hits, 0, "the text holds none of them");
    took.as_secs_f64() * 1e9 / RECORDS as f64
}

fn median_and_range(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let [best, median, worst] = [0, times.len() / 2, times.len() - 1].map(|n| times[n]);
    format!("{median:.0} ({best:.0}..{worst:.0})")
}
