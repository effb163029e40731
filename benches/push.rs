//! The engine against its previous version, with criterion's statistics. `search.rs` compares it
//! with others.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use support::cases::CASES;
use support::contestants::{Contestant, Hushlog};
use support::oracle::Oracle;
use support::text::Corpus;

/// Too long for a branch predictor to learn; most of it stays in a third-level cache.
const TEXT_LEN: usize = 2 << 20;
const PIECE_LEN: usize = 64 << 10;
/// The length of a write by a line-buffered program, and of a logger's record.
const RECORD_LEN: usize = 200;

fn push(criterion: &mut Criterion) {
    pieces(criterion, "push", PIECE_LEN);
}

fn records(criterion: &mut Criterion) {
    pieces(criterion, "records", RECORD_LEN);
}

fn pieces(criterion: &mut Criterion, name: &str, piece_len: usize) {
    let corpus = Corpus::open();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(TEXT_LEN as u64)).sample_size(20);
    for recipe in CASES {
        // Built only when criterion's filter selects it: some sets take seconds.
        group.bench_function(BenchmarkId::from_parameter(recipe.name), |bencher| {
            let case = recipe.make(&corpus);
            let text = &case.text[..TEXT_LEN];
            let mut hushlog = Hushlog::new(&case.set);
            let needles: Vec<&[u8]> = case.set.expose().collect();
            hushlog.check(&Oracle::new(&needles, text), piece_len).expect("a search that cannot fail");
            bencher.iter(|| hushlog.scan(text, piece_len));
        });
    }
    group.finish();
}

criterion_group!(benches, push, records);
criterion_main!(benches);
