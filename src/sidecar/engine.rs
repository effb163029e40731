//! What a stream is searched by: a redactor, or for the records of containers one that puts their parts together.

use std::sync::Arc;

use super::config::{Format, Way};
use super::metrics::Counts;
use super::parts::Parts;
use crate::redact::needle::NeedleSet;
use crate::redact::redactor::Redactor;
use crate::scrub::container;

/// The redactor of one stream.
pub(crate) enum Engine {
    Plain(Redactor),
    Parts(Box<Parts>),
}

impl Engine {
    pub(crate) fn new(set: Arc<NeedleSet>, way: Way) -> Engine {
        let parts = |format| Engine::Parts(Box::new(Parts::new(Arc::clone(&set), format, way.mask_stump)));
        match way.format {
            Format::Plain => Engine::Plain(Redactor::new(set).mask_stump(way.mask_stump)),
            Format::Docker => parts(container::Format::Docker),
            Format::Cri => parts(container::Format::Cri),
        }
    }

    /// Takes the next piece in, and gives out what may go out: redacted slices, none of them empty.
    pub(crate) fn push<'a>(&'a mut self, piece: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Engine::Plain(redactor) => redactor.push(piece).collect(),
            Engine::Parts(parts) => parts.push(piece),
        }
    }

    /// Searches with another set from here on.
    pub(crate) fn swap(&mut self, set: Arc<NeedleSet>) -> Vec<&[u8]> {
        match self {
            Engine::Plain(redactor) => redactor.swap(set).collect(),
            Engine::Parts(parts) => parts.swap(set),
        }
    }

    /// Ends a whole.
    pub(crate) fn finish(&mut self) -> Vec<&[u8]> {
        match self {
            Engine::Plain(redactor) => redactor.finish().collect(),
            Engine::Parts(parts) => parts.finish(),
        }
    }

    /// How many bytes of the input are held back.
    pub(crate) fn held(&self) -> u64 {
        match self {
            Engine::Plain(redactor) => redactor.held() as u64,
            Engine::Parts(parts) => parts.held(),
        }
    }

    /// How many bytes of the input another engine would have to go back, to find all that this one finds.
    pub(crate) fn unsettled(&self) -> u64 {
        match self {
            Engine::Plain(redactor) => redactor.unsettled(),
            Engine::Parts(parts) => parts.unsettled(),
        }
    }

    /// Gives memory back: the stream is idle.
    pub(crate) fn rest(&mut self) {
        match self {
            Engine::Plain(redactor) => redactor.shrink_to_fit(),
            Engine::Parts(parts) => parts.rest(),
        }
    }

    /// How many regions there were, by name and form.
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Engine::Plain(redactor) => redactor.counts(),
            Engine::Parts(parts) => parts.counts(),
        }
    }
}
