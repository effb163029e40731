//! The tools of a search, whatever the file.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::NeedleSet;
use crate::redact::cover::Cover;
use crate::scrub::pen::Pen;
use crate::scrub::torn;
use crate::sys::sources::Sources;

/// How much is read at once, in bytes.
const READ_LEN: usize = 256 << 10;

/// The tools of a search.
pub(super) struct Tools {
    pub(super) cover: Arc<Cover>,
    pub(super) stump_wait: Duration,
    /// Everything is over: a search that takes long is given up.
    pub(super) stop: Arc<AtomicBool>,
    /// Files that are left as they are.
    pub(super) sources: Arc<Sources>,
    /// What masks are written with, if they are written here. Otherwise a search stops where one is needed.
    pub(super) pen: Option<Pen>,
    pub(super) buffer: Zeroizing<Vec<u8>>,
    /// The needles over which a mask takes several steps.
    pub(super) long: Vec<u32>,
    /// How many regions each needle of the set has named.
    pub(super) counts: Vec<u64>,
}

impl Tools {
    pub(super) fn new(
        set: &NeedleSet,
        cover: Arc<Cover>,
        stump_wait: Duration,
        stop: Arc<AtomicBool>,
        sources: Arc<Sources>,
        writes: bool,
    ) -> std::io::Result<Tools> {
        let buffer = Zeroizing::new(vec![0; READ_LEN]);
        Ok(Tools {
            cover,
            stump_wait,
            stop,
            sources,
            pen: writes.then(Pen::new).transpose()?,
            buffer,
            long: torn::long(set),
            counts: vec![0; set.len()],
        })
    }
}
