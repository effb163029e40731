//! A model of a log that is scrubbed beside its writer: writes that cut lines and secrets anywhere,
//! rotation by renaming, copying and packing, scrubs between these and beside them, kills and full
//! disks, in any order.
//!
//! At no moment does a file hold a byte that is neither the writer's nor, within a secret, a
//! mask's. When the writer has ended, one scrub masks all secrets of the log, also over the borders
//! of its files, and a check finds none.
//!
//! Out of its reach are moments of microseconds, as that between the last look at a secret and its
//! mask: it passes without that look.
//!
//! `HUSHLOG_MODEL_SEED=N` runs one sequence again. Its steps are the same, and their times are not.

mod oracle;
mod world;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::program::session::needs;
use world::World;

/// Sequences that run at once: most of their time is spent waiting.
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
#[ignore = "takes minutes: tests/slow runs it"]
fn ap_s12_a_model_of_many_logs_beside_their_writers() {
    needs!("strace", "prlimit");
    sequences(1_000_000..1_002_400);
}
