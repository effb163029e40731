//! A model of a log that is scrubbed while its writer runs. In any order: writes that cut lines and
//! secrets anywhere, rotation by renaming, copying and compression, scrubs between and during
//! these, kills and full disks.
//!
//! At no moment does a file hold a byte other than the writer's or, within a secret, a mask's. When
//! the writer has ended, one scrub masks all secrets of the log, also across its files, and a check
//! finds none.
//!
//! The model does not reach windows of microseconds, such as the one between the last look at a
//! secret and its mask: it passes without that look.
//!
//! `HUSHLOG_MODEL_SEED=N` repeats one sequence: its steps are the same, but not their times.

mod oracle;
mod world;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::program::session::needs;
use world::World;

/// Sequences that run at once: they spend most of their time waiting.
const THREADS: usize = 4;

fn sequences(seeds: std::ops::Range<u64>) {
    let seeds = match std::env::var("HUSHLOG_MODEL_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => seeds,
    };
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds.end {
                return failed;
            }
            if std::panic::catch_unwind(|| World::new(seed).run()).is_err() {
                failed.push(seed);
            }
        }
    };
    let failed: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it catches panics")).collect()
    });
    assert!(failed.is_empty(), "sequences failed, their steps stand above: {failed:?}");
}

#[test]
fn ap_s12_a_model_of_a_log_beside_its_writer() {
    needs!("strace", "prlimit");
    sequences(0..80);
}

#[test]
#[ignore = "takes minutes: tools/slow runs it"]
fn ap_s12_a_model_of_many_logs_beside_their_writers() {
    needs!("strace", "prlimit");
    sequences(1_000_000..1_002_400);
}
