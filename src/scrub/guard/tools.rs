//! The tools of a search, shared by all files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::NeedleSet;
use crate::redact::overlay::Overlay;
use crate::redact::reading::spelling::Spelling;
use crate::scrub::mask_writer::MaskWriter;
use crate::scrub::torn;
use crate::sys::sources::Sources;

/// The read size, in bytes.
const READ_LEN: usize = 256 << 10;

/// The tools of a search.
pub(super) struct Tools {
    pub(super) overlay: Arc<Overlay>,
    pub(super) partial_wait: Duration,
    /// Set at the end: aborts a long search.
    pub(super) stop: Arc<AtomicBool>,
    /// Files to leave unchanged.
    pub(super) sources: Arc<Sources>,
    /// The writer, in a thread that writes masks. Otherwise a search stops where a mask is needed.
    pub(super) writer: Option<MaskWriter>,
    pub(super) buffer: Zeroizing<Vec<u8>>,
    /// The needles with masks that take several steps.
    pub(super) long: Vec<u32>,
    pub(super) counts: Counts,
}

/// The number of regions that each needle of the set has named, by its spelling there.
pub(super) type Counts = BTreeMap<(usize, Spelling), u64>;

impl Tools {
    pub(super) fn new(
        set: &NeedleSet,
        overlay: Arc<Overlay>,
        partial_wait: Duration,
        stop: Arc<AtomicBool>,
        sources: Arc<Sources>,
        writes: bool,
    ) -> std::io::Result<Tools> {
        let buffer = Zeroizing::new(vec![0; READ_LEN]);
        Ok(Tools {
            overlay,
            partial_wait,
            stop,
            sources,
            writer: writes.then(MaskWriter::new).transpose()?,
            buffer,
            long: torn::long(set),
            counts: Counts::new(),
        })
    }
}
