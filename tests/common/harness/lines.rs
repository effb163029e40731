//! Line release through an adapter: the output of exact release, later. Until a whole needle is
//! complete, no secret influences its times.

use std::sync::Arc;

use hushlog::io::{RedactWriter, Release};
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Redactor};
use std::io::Write;

use super::scenario::{Scenario, Step};

/// A line of this length cannot be guessed at once.
const UNGUESSABLE_LEN: usize = 8;

/// Other needles of the same lengths, with other letters. Newlines stay in place.
fn twin(needles: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let other = |byte: &u8| if byte.is_ascii_lowercase() { b'a' + ((byte - b'a') ^ 1) } else { *byte };
    needles.iter().map(|needle| needle.iter().map(other).collect()).collect()
}

/// The run with newlines: each `b` of needles and text becomes one, if there are enough letters,
/// and some pieces end with one.
fn with_lines(scenario: &Scenario) -> Scenario {
    let in_needles = scenario.steps.len() % 2 == 1;
    let line = |bytes: &mut Vec<u8>| bytes.iter_mut().filter(|byte| **byte == b'b').for_each(|byte| *byte = b'\n');
    let mut scenario = scenario.clone();
    if in_needles {
        scenario.sets.iter_mut().flatten().for_each(line);
    }
    for (index, step) in scenario.steps.iter_mut().enumerate() {
        if let Step::Push(piece) = step {
            if in_needles {
                line(piece);
            }
            if index % 3 == 0 {
                piece.push(b'\n');
            }
        }
    }
    scenario
}

struct Lines {
    sets: Vec<Arc<NeedleSet>>,
    writer: RedactWriter<Vec<u8>>,
}

impl Lines {
    fn new(sets: Vec<Arc<NeedleSet>>, mask_partial: bool) -> Lines {
        let redactor = Redactor::new(Arc::clone(&sets[0])).mask_partial(mask_partial);
        Lines { sets, writer: RedactWriter::with_release(Vec::new(), redactor, Release::Line) }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Push(piece) => self.writer.write_all(piece).expect("a vector takes all"),
            Step::Swap(set) => self.writer.swap(Arc::clone(&self.sets[*set])),
            Step::ReleasePartial(_) => {}
            Step::Finish => self.writer.try_finish().expect("a vector takes all"),
        }
    }

    fn out(&self) -> &[u8] {
        self.writer.get_ref()
    }
}

/// Whether a needle from before `until` reaches into the text, or could once the text continues.
/// With line release those bytes may still wait, and are then searched with a new set; with exact
/// release they have been emitted.
fn reaches(needles: &[&[u8]], text: &[u8], until: usize) -> bool {
    let agrees = |rest: &[u8], needle: &&[u8]| rest.starts_with(needle) || needle.starts_with(rest);
    (0..until.min(text.len())).any(|start| needles.iter().any(|needle| agrees(&text[start..], needle)))
}

/// Whether the text contains a needle's beginning up to the end of a line that is too long to be
/// guessed at once. Line release then waits as exact release does, which others may observe.
fn tells(needles: &[&[u8]], text: &[u8]) -> bool {
    let lines = |needle: &&[u8]| -> bool {
        let mut line_start = 0;
        let mut ends = memchr::memchr_iter(b'\n', &needle[..needle.len() - 1]).map(|newline| newline + 1);
        ends.any(|end| {
            let len = end - std::mem::replace(&mut line_start, end);
            len >= UNGUESSABLE_LEN && memchr::memmem::find(text, &needle[..end]).is_some()
        })
    };
    needles.iter().any(lines)
}

/// Runs line release in parallel with exact release, and with sets of other secrets.
pub fn check(scenario: &Scenario) -> Result<(), String> {
    let scenario = &with_lines(scenario);
    let sets = scenario.compile(Variant::Best);
    let others = Scenario { sets: scenario.sets.iter().map(|set| twin(set)).collect(), ..scenario.clone() };
    let others = others.compile(Variant::Best);
    let mut exact = Redactor::new(Arc::clone(&sets[0])).mask_partial(scenario.mask_partial);
    let (mut lines, mut other) =
        (Lines::new(sets.clone(), scenario.mask_partial), Lines::new(others.clone(), scenario.mask_partial));
    let needles: Vec<&[u8]> = sets.iter().chain(&others).flat_map(|set| set.expose()).collect();
    let (mut whole, mut text, mut is_equal) = (Vec::new(), Vec::new(), true);
    let (mut swapped, mut is_exact): (Option<(usize, usize)>, _) = (None, true);
    for (index, step) in scenario.steps.iter().chain([&Step::Finish]).enumerate() {
        match step {
            Step::Push(piece) => {
                whole.extend(exact.push(piece).to_vec());
                text.extend_from_slice(piece);
            }
            Step::Swap(set) => {
                swapped = Some((*set, text.len() - exact.held()));
                whole.extend(exact.swap(Arc::clone(&sets[*set])).to_vec());
            }
            Step::ReleasePartial(_) => {}
            Step::Finish => {
                whole.extend(exact.finish().to_vec());
                let ends = naive::partial_match(&needles, &text, &|needle| needles[needle].len().div_ceil(2).max(8));
                is_equal &= ends.is_none() || !scenario.mask_partial;
            }
        }
        is_equal &= !naive::covered(&needles, &text).contains(&true) && !tells(&needles, &text);
        is_exact &= !swapped.is_some_and(|(set, until)| reaches(&sets[set].expose().collect::<Vec<_>>(), &text, until));
        let before = lines.out().len();
        lines.apply(step);
        other.apply(step);
        let out = lines.out();
        if is_exact && !whole.starts_with(out) {
            return Err(format!("step {index}: line release gave out something else than exact release"));
        }
        if is_exact && *step == Step::Finish && out != whole {
            return Err(format!("step {index}: {} bytes of {} are out in the end", out.len(), whole.len()));
        }
        if *step != Step::Finish && out.len() > before && !out.ends_with(b"\n") {
            return Err(format!("step {index}: a line went out unfinished"));
        }
        if is_equal && out != other.out() {
            return Err(format!(
                "step {index}: {} bytes with one set, {} with the other",
                out.len(),
                other.out().len()
            ));
        }
        if *step == Step::Finish {
            text.clear();
            swapped = None;
        }
    }
    Ok(())
}
