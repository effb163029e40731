//! The definition of a stream with changes of its needle set.
//!
//! Emitted bytes are final. The bytes held back at a change of the set are the beginning of the new
//! set's text; those that belong to an occurrence of an old set stay masked in any case. The model
//! also defines the release of a partial match: the first held-back bytes, up to the first one
//! within an occurrence. They remain part of the text that is searched.

use std::sync::Arc;

use hushlog::redact::naive;
use hushlog::{Mask, NeedleSet};

use super::engine::Engine;
use super::expected::partial_lens;

/// A slow and obvious redactor. It does not know which needle names a region that two sets share,
/// so all its sets must have one nameless mask.
pub struct Model {
    set: Arc<NeedleSet>,
    mask: Mask,
    partial_len_min: usize,
    /// The text since the last change of the set, including the bytes that might have begun a
    /// needle then.
    text: Vec<u8>,
    /// Whether an older set has found each of its first bytes.
    found: Vec<bool>,
    /// The number of bytes of `text` that have been emitted, masked or not.
    given: usize,
    /// Whether the mask of a region that may still grow has been emitted.
    open: bool,
}

impl Model {
    pub fn new(set: Arc<NeedleSet>, mask: Mask, partial_len_min: usize) -> Model {
        Model { set, mask, partial_len_min, text: Vec::new(), found: Vec::new(), given: 0, open: false }
    }

    fn covered(&self) -> Vec<bool> {
        let needles: Vec<&[u8]> = self.set.expose().collect();
        let mut covered = naive::covered(&needles, &self.text);
        self.found.iter().zip(&mut covered).for_each(|(found, covered)| *covered |= found);
        covered
    }

    fn held(&self) -> usize {
        naive::held(&self.set.expose().collect::<Vec<_>>(), &self.text)
    }

    fn give(&mut self, covered: &[bool], end: usize, out: &mut Vec<u8>) {
        for (at, &covered) in covered.iter().enumerate().take(end).skip(self.given) {
            if covered {
                match &self.mask {
                    Mask::Char(c) => out.push(*c),
                    Mask::Template(mask) if !self.open => out.extend_from_slice(mask.as_bytes()),
                    Mask::Template(_) => {}
                }
            } else {
                out.push(self.text[at]);
            }
            self.open = covered;
        }
        self.given = self.given.max(end);
    }
}

impl Engine for Model {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.text.extend_from_slice(piece);
        let (covered, end) = (self.covered(), self.text.len() - self.held());
        self.give(&covered, end, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let (mut covered, end) = (self.covered(), self.text.len());
        let needles: Vec<&[u8]> = self.set.expose().collect();
        if let Some((_, len)) =
            naive::partial_match(&needles, &self.text, &partial_lens(&self.set, self.partial_len_min))
        {
            covered[end - len..].fill(true);
        }
        self.give(&covered, end, out);
        *self = Model::new(Arc::clone(&self.set), self.mask.clone(), self.partial_len_min);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        let start = self.given.min(self.text.len() - self.held());
        self.found = self.covered().split_off(start);
        self.text.drain(..start);
        self.given -= start;
        self.set = set;
        self.push(&[], out);
    }

    fn release_partial(&mut self, len_max: usize, out: &mut Vec<u8>) {
        let covered = self.covered();
        let free = covered[self.given..].iter().take_while(|covered| !**covered).count();
        let end = (self.text.len() - self.held() + len_max).min(self.given + free);
        self.give(&covered, end, out);
    }

    fn held(&self) -> Option<usize> {
        Some(self.text.len() - self.given)
    }
}
