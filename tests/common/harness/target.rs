//! The fuzz targets, which the corpus test runs too. Any bytes decide a complete run, which panics
//! on a finding.

use std::sync::Arc;

use hushlog::container::RecordFormat;
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::redact::secret::VALUE_LEN_MIN;
use hushlog::{Mask, NeedleSet, Redactor, Secret};

use super::adapter::{ReadFrom, Whim, Written};
use super::canary::{Broken, Fault};
use super::dense::Dense;
use super::engine::{self, Engine};
use super::expected::{Expected, PARTIAL_MASKED, partial_lens};
use super::masking::Masking;
use super::scenario::{Limits, ONE_SET, SWAPS, Scenario};
use super::{check, container, lines, record, regions, settings};

/// A target and its name, which is also the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 11] = [
    ("redact", redact),
    ("readings", readings),
    ("swap", swap),
    ("needles", needles),
    ("adapters", adapters),
    ("finder", finder),
    ("records", records),
    ("masks", masks),
    ("containers", containers),
    ("dense", dense),
    ("settings", settings),
];

/// One set, any text, any cuts: equal to the definition after every piece.
pub fn redact(bytes: &[u8]) {
    judge(&Scenario::decode(bytes, ONE_SET));
}

/// One set that is searched in both readings, any text, any cuts: equal to the definition after
/// each piece, for a finder, and for a record.
///
/// Two cuts, then needles and the text, each behind 0xff but the first.
pub fn readings(bytes: &[u8]) {
    let (&cuts, rest) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let mut parts: Vec<&[u8]> = rest.splitn(4, |&byte| byte == 0xff).collect();
    let text = parts.pop().unwrap_or_default();
    let text = &text[..text.len().min(400)];
    let needles = parts.into_iter().map(|needle| &needle[..needle.len().min(40)]).filter(|needle| !needle.is_empty());
    let secrets = needles.enumerate().map(|(number, needle)| Secret::new(number.to_string(), needle.to_vec()));
    let builder = NeedleSet::builder().exactly().readings(true).mask(Mask::Char(1));
    let Ok(set) = secrets.fold(builder, hushlog::NeedleSetBuilder::secret).build() else { return };
    let set = Arc::new(set);
    let mut cuts =
        [[cuts[0], cuts[1]], [cuts[2], cuts[3]]].map(|cut| usize::from(u16::from_le_bytes(cut)) % (text.len() + 1));
    cuts.sort_unstable();
    let expected = Expected::naive_at(&set, text, PARTIAL_MASKED, cuts);
    check::run(&mut Redactor::new(Arc::clone(&set)), &expected, text, &cuts, &mut Vec::new())
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(*set.redact_cow(text), expected.finished, "as a record");

    let needles: Vec<&[u8]> = set.expose().collect();
    let covered = naive::readings::covered(&needles, text, true);
    let mut finder = hushlog::Finder::new(Arc::clone(&set));
    let mut found = vec![false; text.len()];
    let mut mark = |region: hushlog::Region| {
        let range = region.range();
        found[range.start as usize..range.end as usize].fill(true);
    };
    let mut start = 0;
    for end in cuts.into_iter().chain([text.len()]) {
        finder.push(&text[start..end]).for_each(&mut mark);
        start = end;
    }
    finder.finish(false).for_each(&mut mark);
    assert_eq!(found, covered, "by a finder");
}

/// Sets that change in between; the same with line release, which reveals no partial match.
pub fn swap(bytes: &[u8]) {
    let scenario = Scenario::decode(bytes, SWAPS);
    judge(&scenario);
    lines::check(&scenario).unwrap_or_else(|error| panic!("line release: {error}\n{scenario:?}"));
}

fn judge(scenario: &Scenario) {
    scenario.check().unwrap_or_else(|error| panic!("{error}\n{scenario:?}"));
}

/// Any values: building a set from them with all their forms and parts fails or succeeds without a
/// panic. The set masks each of its needles, in one piece and cut in two.
pub fn needles(bytes: &[u8]) {
    /// The number of needles that are looked for, at most and nearly.
    const NEEDLES_CHECKED: usize = 50;

    let (&[flags, cut], rest) = bytes.split_first_chunk().unwrap_or((&[0, 0], &[]));
    // No value may contain a byte of the mask, or the set could rightly be refused.
    let values = rest.split(|&byte| byte == 0xff).take(4).map(|value| &value[..value.len().min(600)]);
    let secrets = values.enumerate().map(|(n, value)| Secret::new(n.to_string(), value.to_vec()));
    let builder = NeedleSet::builder().mask(Mask::Template("\u{1}\u{2}".to_owned()));
    let builder = builder.encodings(flags & 1 == 0).min_length(usize::from(flags >> 4));
    let Ok(set) = secrets.fold(builder, |builder, secret| builder.secret(secret)).build() else { return };
    let set = Arc::new(set);
    let mut out = Vec::new();
    assert!(set.expose().all(|needle| needle.len() >= VALUE_LEN_MIN), "a needle is too short");
    // The definition takes time by the square of their number.
    let step = set.len().div_ceil(NEEDLES_CHECKED);
    for (index, needle) in set.expose().enumerate().skip(usize::from(cut) % step.max(1)).step_by(step.max(1)) {
        let text = [b"\x01", needle, b"\x02"].concat();
        let finished = finished(&set, &text);
        for cut in [0, usize::from(cut) % text.len()] {
            assert!(masked(&set, &text, &[cut], &mut out) == finished, "needle {index} cut at {cut}");
        }
    }
    mixed_text(&set, rest);
}

/// The values themselves as text, cut in ten.
fn mixed_text(set: &Arc<NeedleSet>, text: &[u8]) {
    let text = &text[..text.len().min(600)];
    let cuts: Vec<usize> = (1..10).map(|tenth| text.len() * tenth / 10).collect();
    assert!(masked(set, text, &cuts, &mut Vec::new()) == finished(set, text), "the values as text");
}

/// The output of a redactor for a text in pieces.
fn masked<'a>(set: &Arc<NeedleSet>, text: &[u8], cuts: &[usize], out: &'a mut Vec<u8>) -> &'a [u8] {
    let mut redactor = Redactor::new(Arc::clone(set));
    let mut start = 0;
    out.clear();
    for &end in cuts.iter().chain([&text.len()]) {
        Engine::push(&mut redactor, &text[start..end], out);
        start = end;
    }
    Engine::finish(&mut redactor, out);
    out
}

/// The same by the definition.
fn finished(set: &NeedleSet, text: &[u8]) -> Vec<u8> {
    let needles: Vec<&[u8]> = set.expose().collect();
    let mut mask = |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
    match set.reads() {
        true => naive::readings::finished(&needles, text, &partial_lens(set, PARTIAL_MASKED), &mut mask),
        false => Expected::linear(set, text, PARTIAL_MASKED).finished,
    }
}

/// A writer and a reader; the first bytes decide the behaviour of their other end.
pub fn adapters(bytes: &[u8]) {
    let (head, rest) = bytes.split_at(bytes.len().min(8));
    let whim = |byte: &u8| match byte % 8 {
        0 | 1 => Whim::All,
        2 => Whim::Interrupted,
        3 => Whim::Busy,
        _ => Whim::Some(usize::from(byte / 8) + 1),
    };
    // The last one lets bytes pass, so that retries end.
    let whims: Vec<Whim> = head.iter().map(whim).chain([Whim::Some(5)]).collect();
    let scenario = Scenario::decode(rest, Limits { text_len: 1000, ..ONE_SET });
    let sets = scenario.compile(Variant::Best);
    let set = || Arc::clone(&sets[0]);
    let buffer_len = 1 + head.first().map_or(0, |&byte| usize::from(byte));
    let engines: [Box<dyn Engine>; 2] = [
        Box::new(Written::new(set(), scenario.mask_partial, &whims)),
        Box::new(ReadFrom::new(set(), scenario.mask_partial, buffer_len, &whims)),
    ];
    for mut engine in engines {
        let result = scenario.check_engine(&mut *engine, &sets);
        result.unwrap_or_else(|error| panic!("{error}\n{scenario:?}"));
    }
}

/// One set, any text, any cuts: the finder returns the definition's regions, and its parts join to
/// them.
pub fn finder(bytes: &[u8]) {
    let scenario = Scenario::decode(bytes, Limits { needle_len: 40, text_len: 400, ..ONE_SET });
    let (text, cuts) = (scenario.text(), scenario.cuts());
    for variant in Variant::ALL {
        let set = &scenario.compile(variant)[0];
        let found = regions::check(set, &text, &cuts).and_then(|()| regions::check_parts(set, &text, &cuts));
        found.unwrap_or_else(|error| panic!("{variant:?}: {error}\n{scenario:?}"));
    }
}

/// One set, any text: a whole record equals the definition, as a copy and in place.
pub fn records(bytes: &[u8]) {
    let scenario = Scenario::decode(bytes, Limits { needle_len: 40, text_len: 400, ..ONE_SET });
    for variant in Variant::ALL {
        record::check(&scenario.compile(variant)[0], &scenario.text());
    }
}

/// Any mask with any secrets: it is refused if and only if it has a part in common with one;
/// otherwise redaction is idempotent.
pub fn masks(bytes: &[u8]) {
    Masking::decode(bytes).check();
}

/// Settings of any format: a bounded number of needles, and none of a key.
pub fn settings(bytes: &[u8]) {
    settings::check(bytes);
}

/// Secrets across the records of a container's log, made from the input or the input itself, read
/// in any pieces.
pub fn containers(bytes: &[u8]) {
    let (&[kind, whims, ref rest @ ..], _) = bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let whims = [&[whims][..], rest, &[200]].concat();
    let bytes = &bytes[bytes.len().min(8)..];
    let scenario = Scenario::decode(bytes, Limits { needles: 6, needle_len: 40, text_len: 400, ..ONE_SET });
    let set = &scenario.compile(Variant::Best)[0];
    match kind % 3 {
        0 => container::check(&scenario, set, RecordFormat::Docker, &whims),
        1 => container::check(&scenario, set, RecordFormat::Cri, &whims),
        _ => container::check_raw(
            bytes,
            &engine::exactly(&[&b"ab"[..], b"cabd", b"e"], engine::named(), Variant::Best),
            &whims,
        ),
    }
}

/// Long texts with many matches and near-matches: cut, in one piece, as records, in parts, and
/// resumed at any position.
pub fn dense(bytes: &[u8]) {
    let Dense { needles, text, cuts } = Dense::decode(bytes);
    let variants = Variant::ALL;
    let variant = variants[bytes.last().map_or(0, |&byte| usize::from(byte)) % variants.len()];
    let set = engine::exactly(&needles, engine::named(), variant);
    let expected = Expected::linear(&set, &text, PARTIAL_MASKED);
    for cuts in [&cuts[..], &[]] {
        let result = check::run(&mut Redactor::new(Arc::clone(&set)), &expected, &text, cuts, &mut Vec::new());
        result.unwrap_or_else(|error| panic!("{variant:?}, {needles:?}: {error:?}"));
    }
    record::check(&set, &text);
    // The definition is slow at each of them.
    let some: Vec<usize> = cuts.iter().copied().skip(cuts.len() / 3).step_by(cuts.len() / 2 + 1).collect();
    let found = regions::check(&set, &text, &some).and_then(|()| regions::check_parts(&set, &text, &some));
    let found = some.iter().fold(found, |found, &cut| found.and_then(|()| regions::check_resumed(&set, &text, cut)));
    found.unwrap_or_else(|error| panic!("{variant:?}, {needles:?}: {error}"));
}

/// Like `redact`, with a redactor that loses its hold-back at a cut: fuzzing it must end in a
/// finding.
pub fn canary(bytes: &[u8]) {
    let scenario = Scenario::decode(bytes, ONE_SET);
    let sets = scenario.compile(Variant::Best);
    let mut broken = Broken::new(Fault::ForgetsAtCuts, Arc::clone(&sets[0]), scenario.mask_partial);
    let result = scenario.check_engine(&mut broken, &sets);
    result.unwrap_or_else(|error| panic!("the canary was caught: {error}"));
}
