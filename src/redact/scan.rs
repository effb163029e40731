//! Sieve and automaton over one piece of text: every occurrence, in the order of their ends, and the state at the end.

use super::automaton::{Automaton, ROOT, SHALLOW_DEPTH_MAX, State};
use super::sieve::{Hunt, Sieve, Variant};

/// Pieces shorter than this are walked at once: the sieve pays for what it skips only.
const SIEVE_LEN_MIN: usize = 256;
/// Two hits of the sieve nearer than this make the text *dense*, in bytes.
const DENSE_GAP: usize = 64;
/// Dense text is walked for so long before the sieve is asked again, in bytes.
const DENSE_WALK: usize = 1024;

/// The needles of a set, compiled for searching.
pub(crate) struct Scanner {
    automaton: Automaton,
    sieve: Option<Sieve>,
}

impl Scanner {
    /// Compiles needles, which are sorted, without repetitions, and not empty.
    pub(crate) fn new(needles: &[&[u8]], variant: Variant) -> Scanner {
        let sieve = if variant == Variant::Automaton { None } else { Sieve::new(needles, variant) };
        Scanner { automaton: Automaton::new(needles), sieve }
    }

    /// What is held back at this state: how many bytes of which needle.
    pub(crate) fn held(&self, state: State) -> (usize, usize) {
        self.automaton.matched(state)
    }

    /// Searches the next piece of a text. `found` is called with the end of each occurrence in the piece and the longest needle
    /// that ends there, in the order of the ends. Gives the state after the piece.
    ///
    /// Each byte is looked at by the sieve once and walked by the automaton once, whatever the text.
    pub(crate) fn scan(&self, text: &[u8], state: State, found: &mut impl FnMut(usize, u32)) -> State {
        let Some(sieve) = self.sieve.as_ref().filter(|_| text.len() >= SIEVE_LEN_MIN) else {
            return self.walk(text, Cursor { at: 0, state }, text.len(), found).state;
        };
        let mut cursor = self.walk(text, Cursor { at: 0, state }, SHALLOW_DEPTH_MAX, found);
        let mut hunt = Hunt::new(sieve, text);
        while cursor.at < text.len() {
            // All occurrences that begin before here have been found.
            let settled =
                cursor.at - self.automaton.shallow_depth(cursor.state).expect("a walk ends so, or at the end");
            let Some(hit) = hunt.next(settled) else {
                let at = settled.max(text.len().saturating_sub(sieve.blind()));
                cursor = self.walk(text, Cursor { at, state: ROOT }, text.len(), found);
                break;
            };
            let beyond = if hit - settled < DENSE_GAP { DENSE_WALK } else { SHALLOW_DEPTH_MAX + 1 };
            let at = settled.max(hit.saturating_sub(sieve.back()));
            cursor = self.walk(text, Cursor { at, state: ROOT }, hit + beyond, found);
        }
        cursor.state
    }

    /// Takes the automaton through the text to the first place, at or after `until`, where its state is shallow, or to the end.
    fn walk(&self, text: &[u8], from: Cursor, until: usize, found: &mut impl FnMut(usize, u32)) -> Cursor {
        let (automaton, Cursor { mut at, mut state }) = (&self.automaton, from);
        while at < text.len() {
            match automaton.shallow_depth(state) {
                Some(_) if at >= until => break,
                Some(depth) => {
                    let next = self.next_start(text, at, depth, until);
                    if next > at - depth.min(at) {
                        (at, state) = (next, ROOT);
                        continue;
                    }
                }
                None => {
                    let run = automaton.run(state, &text[at..]);
                    (at, state) = (at + run, state + run as State);
                }
            }
            let Some(&byte) = text.get(at) else { break };
            let before = state;
            state = automaton.step(state, byte);
            at += 1;
            let output = automaton.has_output(state).then(|| automaton.output(state));
            if let Some(needle) = output {
                found(at, needle);
                state = automaton.settle(state);
            }
            if state == before {
                at = self.repeat(text, at, output, found);
            }
        }
        Cursor { at, state }
    }

    /// Where a needle may start, as far as `until`, if not where the shallow match at hand did: then that place. Without a sieve,
    /// or where the match began in an earlier piece, that place is all there is to say.
    #[inline]
    fn next_start(&self, text: &[u8], at: usize, depth: usize, until: usize) -> usize {
        match (&self.sieve, at.checked_sub(depth)) {
            (Some(sieve), Some(start)) => sieve.next_start(text, start, until),
            (_, start) => start.unwrap_or(0),
        }
    }

    /// A byte that leaves the state as it was leaves it so again: takes the walk over all of its repetitions.
    ///
    /// Without this, a long run of `a` against the needle `aaa...b` cost a failure and a step a byte.
    fn repeat(&self, text: &[u8], at: usize, output: Option<u32>, found: &mut impl FnMut(usize, u32)) -> usize {
        let rest = &text[at..];
        let words = rest.chunks_exact(16).take_while(|&word| word == [text[at - 1]; 16]).count() * 16;
        let end = at + words + rest[words..].iter().take_while(|&&byte| byte == text[at - 1]).count();
        if let Some(needle) = output {
            (at..end).for_each(|at| found(at + 1, needle));
        }
        end
    }
}

/// Where a walk is.
#[derive(Clone, Copy)]
struct Cursor {
    at: usize,
    state: State,
}
