//! What a stream is searched by: a redactor, or for the records of containers one that puts their parts together.

use std::sync::Arc;

use super::config::Way;
use super::metrics::Counts;
use crate::redact::needle::NeedleSet;
use crate::redact::redactor::Redactor;

/// The redactor of one stream.
pub(crate) struct Engine {
    redactor: Redactor,
}

impl Engine {
    pub(crate) fn new(set: Arc<NeedleSet>, way: Way) -> Engine {
        Engine { redactor: Redactor::new(set).mask_stump(way.mask_stump) }
    }

    /// Takes the next piece in, and gives out what may go out: redacted slices, none of them empty.
    pub(crate) fn push<'a>(&'a mut self, piece: &'a [u8]) -> Vec<&'a [u8]> {
        self.redactor.push(piece).collect()
    }

    /// Searches with another set from here on.
    pub(crate) fn swap(&mut self, set: Arc<NeedleSet>) -> Vec<&[u8]> {
        self.redactor.swap(set).collect()
    }

    /// Ends a whole.
    pub(crate) fn finish(&mut self) -> Vec<&[u8]> {
        self.redactor.finish().collect()
    }

    /// How many bytes of the input are held back.
    pub(crate) fn held(&self) -> u64 {
        self.redactor.held() as u64
    }

    /// How many bytes of the input another engine would have to go back, to find all that this one finds.
    pub(crate) fn unsettled(&self) -> u64 {
        self.redactor.unsettled()
    }

    /// Gives memory back: the stream is idle.
    pub(crate) fn rest(&mut self) {
        self.redactor.shrink_to_fit();
    }

    /// How many regions there were, by name and form.
    pub(crate) fn counts(&self) -> Counts {
        self.redactor.counts()
    }
}
