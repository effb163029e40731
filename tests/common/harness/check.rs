//! Compares an engine with the expected output, after every piece.

use std::fmt;

use super::engine::Engine;
use super::expected::Expected;

/// The position at which an engine differs from the definition. It never shows text.
#[derive(PartialEq, Eq, Clone)]
pub struct Difference {
    pub cuts: Vec<usize>,
    /// The number of text bytes pushed so far, and whether the stream had ended.
    pub after: usize,
    pub ended: bool,
    pub what: &'static str,
    pub got: usize,
    pub want: usize,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { cuts, after, ended, what, got, want } = self;
        let end = if *ended { " and the end" } else { "" };
        write!(f, "cut at {cuts:?}, after {after} bytes{end}: {what}: {got} instead of {want}")
    }
}

/// Runs the text through the engine with these cuts, and compares the output after each piece.
/// `out` is only for reuse.
pub fn run(
    engine: &mut dyn Engine,
    expected: &Expected,
    text: &[u8],
    cuts: &[usize],
    out: &mut Vec<u8>,
) -> Result<(), Difference> {
    out.clear();
    let fail = |after, ended, what, got, want| Err(Difference { cuts: cuts.to_vec(), after, ended, what, got, want });
    let mut start = 0;
    let mut compared = 0;
    for end in cuts.iter().copied().chain([text.len()]) {
        engine.push(&text[start..end], out);
        start = end;
        let want = expected.given[end];
        if out.len() != want {
            return fail(end, false, "bytes given out", out.len(), want);
        }
        if out[compared..] != expected.pushed[compared..want] {
            let same = out.iter().zip(&expected.pushed).take_while(|(a, b)| a == b).count();
            return fail(end, false, "other bytes given out, from", same, want);
        }
        compared = want;
        if engine.held().is_some_and(|held| held != expected.held[end]) {
            return fail(end, false, "bytes held back", engine.held().unwrap_or(0), expected.held[end]);
        }
    }
    engine.finish(out);
    if *out != expected.finished {
        let same = out.iter().zip(&expected.finished).take_while(|(a, b)| a == b).count();
        let what = if out.len() == expected.finished.len() { "other bytes given out, from" } else { "bytes given out" };
        let (got, want) =
            if out.len() == expected.finished.len() { (same, out.len()) } else { (out.len(), expected.finished.len()) };
        return fail(text.len(), true, what, got, want);
    }
    Ok(())
}
