//! Boundaries within a line between two files of one text. The parts are written as two lines,
//! since the first may be the last of a program that died. A secret across the boundary is masked
//! as one region, without a newline.
//!
//! The newline depends on the lines and on complete secrets alone: it reveals nothing of a partial
//! match.

use std::collections::VecDeque;

use super::engine::Engine;
use crate::redact::redacted::Piece;

/// The boundaries that the output has not reached.
#[derive(Default)]
pub(in crate::sidecar) struct Boundaries {
    /// Their positions in the input of the redactor, in order.
    at: VecDeque<u64>,
    /// Whether the input has ended in the middle of a line.
    is_within: bool,
}

impl Boundaries {
    /// Records pushed input.
    pub(in crate::sidecar) fn pushed(&mut self, piece: &[u8]) {
        self.is_within = !piece.ends_with(b"\n");
    }

    /// Adds a boundary here, if a line is unfinished.
    pub(in crate::sidecar) fn add(&mut self, engine: &Engine) {
        // Records end by themselves.
        if let (Engine::Plain(..), true) = (engine, self.is_within) {
            self.at.push_back(engine.input_end());
            self.is_within = false;
        }
    }

    /// Inserts a newline between pieces at each boundary.
    pub(in crate::sidecar) fn part<'a>(&mut self, pieces: Vec<Piece<'a>>) -> Vec<Piece<'a>> {
        if self.at.is_empty() {
            return pieces;
        }
        let mut parted: Vec<Piece<'a>> = Vec::with_capacity(pieces.len() + self.at.len());
        for mut rest in pieces {
            while let Some(&at) = self.at.front() {
                let start = rest.start();
                let end = start + if rest.is_mask() { 1 } else { rest.len() as u64 };
                if at >= end {
                    break;
                }
                self.at.pop_front();
                // Before this piece begins, a mask covers it.
                if at >= start {
                    let (before, after) = rest.split_at((at - start) as usize);
                    parted.extend(Some(before).filter(|before| !before.is_empty()));
                    parted.push(Piece::fixed(b"\n", at));
                    rest = after;
                }
            }
            parted.push(rest);
        }
        parted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redacted::PieceKind;

    fn parted(at: &[u64], pieces: &[(u64, bool, &str)]) -> (String, usize) {
        let mut boundaries = Boundaries { at: at.iter().copied().collect(), is_within: false };
        let kind = |is_mask: bool| if is_mask { PieceKind::Mask } else { PieceKind::Input };
        let pieces = pieces.iter().map(|&(start, is_mask, text)| Piece::of(text.as_bytes(), kind(is_mask), start));
        let parted = boundaries.part(pieces.collect());
        (parted.iter().map(|piece| String::from_utf8_lossy(piece.bytes())).collect(), boundaries.at.len())
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
