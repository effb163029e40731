//! Deliberately broken redactors, each with a fault seen in the wild. The oracle must catch every
//! one of them.

use std::sync::Arc;

use hushlog::{NeedleSet, Redactor};

use super::engine::Engine;

/// The fault of a redactor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Forgets its held-back bytes at a cut: a value split over two writes gets out.
    ForgetsAtCuts,
    /// Emits everything only at the end: correct bytes, too late.
    Late,
    /// Emits nothing: no secret in the output, and no text either.
    Mute,
    /// Continues the search after an occurrence: the rest of an overlapping one gets out.
    SkipsOverlaps,
    /// Loses the last byte of a stream.
    LosesTheEnd,
    /// Continues with the old needles after the set has changed.
    IgnoresSwap,
    /// Forgets the rest of a partial match whose beginning was released.
    ForgetsReleased,
}

pub const FAULTS: [Fault; 7] = [
    Fault::ForgetsAtCuts,
    Fault::Late,
    Fault::Mute,
    Fault::SkipsOverlaps,
    Fault::LosesTheEnd,
    Fault::IgnoresSwap,
    Fault::ForgetsReleased,
];

/// A redactor with a fault.
pub struct Broken {
    fault: Fault,
    set: Arc<NeedleSet>,
    redactor: Redactor,
    kept: Vec<u8>,
}

impl Broken {
    pub fn new(fault: Fault, set: Arc<NeedleSet>, mask_partial: bool) -> Broken {
        let redactor = Redactor::new(Arc::clone(&set)).mask_partial(mask_partial);
        Broken { fault, set, redactor, kept: Vec::new() }
    }

    /// One occurrence after the other, the longest of those that begin first.
    fn replace(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() {
            let longest = self.set.expose().enumerate().filter(|(_, needle)| text[at..].starts_with(needle));
            match longest.max_by_key(|(_, needle)| needle.len()) {
                Some((index, needle)) => {
                    (0..needle.len()).for_each(|byte| self.set.write_mask(index, byte == 0, out));
                    at += needle.len();
                }
                None => {
                    out.push(text[at]);
                    at += 1;
                }
            }
        }
    }
}

impl Engine for Broken {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match self.fault {
            Fault::ForgetsAtCuts => {
                Engine::push(&mut self.redactor, piece, out);
                Engine::finish(&mut self.redactor, out);
            }
            Fault::Late => Engine::push(&mut self.redactor, piece, &mut self.kept),
            Fault::SkipsOverlaps => self.replace(piece, out),
            Fault::Mute => {}
            Fault::LosesTheEnd | Fault::IgnoresSwap | Fault::ForgetsReleased => {
                Engine::push(&mut self.redactor, piece, out)
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        match self.fault {
            Fault::Late => {
                out.append(&mut self.kept);
                Engine::finish(&mut self.redactor, out);
            }
            Fault::LosesTheEnd => {
                Engine::finish(&mut self.redactor, out);
                out.pop();
            }
            Fault::ForgetsAtCuts | Fault::IgnoresSwap | Fault::ForgetsReleased => {
                Engine::finish(&mut self.redactor, out)
            }
            Fault::Mute | Fault::SkipsOverlaps => {}
        }
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        if self.fault != Fault::IgnoresSwap {
            self.set = Arc::clone(&set);
            Engine::swap(&mut self.redactor, set, out);
        }
    }

    fn release_partial(&mut self, len_max: usize, out: &mut Vec<u8>) {
        match self.fault {
            Fault::ForgetsReleased => Engine::finish(&mut self.redactor, out),
            _ => Engine::release_partial(&mut self.redactor, len_max, out),
        }
    }

    /// Not reported: the output must be enough to catch the fault.
    fn held(&self) -> Option<usize> {
        None
    }
}
