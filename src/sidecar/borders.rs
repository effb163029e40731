//! Where a text goes on in another file in the middle of a line: the two parts are given out as two
//! lines, since the first may be the last of a program that died. A secret over the border is
//! masked as a whole, and then nothing parts them.
//!
//! Whether there is a newline follows from the lines and from whole secrets alone: nothing of a
//! partial match shows by it.

use std::collections::VecDeque;

use super::engine::{Engine, Slice};
use crate::redact::redactor::Placed;

/// The borders that the output has not reached.
#[derive(Default)]
pub(super) struct Borders {
    /// Where they are in the input of the redactor, in order.
    at: VecDeque<u64>,
    /// Whether the input has ended in the middle of a line.
    is_within: bool,
}

impl Borders {
    /// More was pushed.
    pub(super) fn pushed(&mut self, piece: &[u8]) {
        self.is_within = !piece.ends_with(b"\n");
    }

    /// There is one here, if a line is unfinished.
    pub(super) fn add(&mut self, engine: &Engine) {
        // Records end by themselves.
        if let (Engine::Plain(..), true) = (engine, self.is_within) {
            self.at.push_back(engine.input_end());
            self.is_within = false;
        }
    }

    /// Puts a newline between slices where a border is.
    pub(super) fn part<'a>(&mut self, slices: Vec<Slice<'a>>) -> Vec<Slice<'a>> {
        if self.at.is_empty() {
            return slices;
        }
        let mut parted: Vec<Slice<'a>> = Vec::with_capacity(slices.len() + self.at.len());
        for (placed, slice) in slices {
            let (mut placed, mut rest) = (placed, slice);
            while let Some(&at) = self.at.front() {
                let end = placed.start + if placed.is_mask { 1 } else { rest.len() as u64 };
                if at >= end {
                    break;
                }
                self.at.pop_front();
                // Before this slice begins, a mask covers it.
                if at >= placed.start {
                    let (before, after) = rest.split_at((at - placed.start) as usize);
                    parted.extend(Some((placed, before)).filter(|_| !before.is_empty()));
                    parted.push((Placed { start: at, is_mask: true }, b"\n"));
                    (placed.start, rest) = (at, after);
                }
            }
            parted.push((placed, rest));
        }
        parted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(at: &[u64], slices: &[(u64, bool, &str)]) -> (String, usize) {
        let mut borders = Borders { at: at.iter().copied().collect(), is_within: false };
        let slice = |&(start, is_mask, text): &(u64, bool, &'static str)| (Placed { start, is_mask }, text.as_bytes());
        let slices: Vec<(u64, bool, &'static str)> = slices.iter().map(|s| (s.0, s.1, leak(s.2))).collect();
        let parted = borders.part(slices.iter().map(slice).collect());
        (parted.iter().map(|(_, slice)| String::from_utf8_lossy(slice)).collect(), borders.at.len())
    }

    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }

    #[test]
    fn ap_a_newline_stands_where_no_secret_joins_two_files() {
        assert_eq!(parted(&[3], &[(0, false, "abcdef")]), ("abc\ndef".into(), 0));
        assert_eq!(parted(&[3], &[(0, false, "abc")]), ("abc".into(), 1));
        assert_eq!(parted(&[3], &[(3, false, "def")]), ("\ndef".into(), 0));
        assert_eq!(parted(&[3], &[(0, false, "ab"), (2, true, "*"), (5, false, "f")]), ("ab*f".into(), 0));
        assert_eq!(parted(&[3], &[(0, false, "ab"), (2, true, "*")]), ("ab*".into(), 1));
        assert_eq!(parted(&[3], &[(0, false, "abc"), (3, true, "*"), (5, false, "f")]), ("abc\n*f".into(), 0));
        assert_eq!(parted(&[5], &[(2, true, "*"), (5, false, "f")]), ("*\nf".into(), 0));
        assert_eq!(parted(&[1, 2, 2], &[(0, false, "abc")]), ("a\nb\n\nc".into(), 0));
    }
}
