//! The records of a guarded container log. A secret across two of them is not contiguous in the
//! file; [`SplitFinder`] finds it, as in a scrub.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::io::Errno;
use zeroize::Zeroizing;

use super::tools::Counts;
use crate::NeedleSet;
use crate::container::{RecordFormat, SplitFinder, SplitSecret};
use crate::redact::overlay::Overlay;
use crate::redact::reading::spelling::Spelling;
use crate::scrub::mask_writer::{MaskError, MaskWriter};

/// The number of bytes that decide, while the first line is incomplete, whether a file is a
/// container log.
const HEAD_LEN: usize = 128;
/// An upper bound for the secrets that are open at the ends of two streams.
const OPEN_MAX: usize = 16;

/// The state of a file's reassembled records.
pub(super) struct Records {
    set: Arc<NeedleSet>,
    kind: Kind,
    /// Findings to mask, and whether each may still grow.
    pending: VecDeque<(SplitSecret, bool)>,
    /// The extent of each masked finding that may still grow, latest last.
    masked: Vec<Range<u64>>,
}

/// The format of the file.
enum Kind {
    /// Not known yet; holds the beginning of the file.
    Unknown(Zeroizing<Vec<u8>>),
    /// Not a container log.
    Other,
    Log(Box<SplitFinder>),
}

impl Records {
    pub(super) fn new(set: &Arc<NeedleSet>) -> Records {
        let kind = Kind::Unknown(Zeroizing::new(Vec::new()));
        Records { set: Arc::clone(set), kind, pending: VecDeque::new(), masked: Vec::new() }
    }

    /// Consumes the next piece of the file, and counts its findings.
    pub(super) fn push(&mut self, piece: &[u8], counts: &mut Counts) {
        let pending = &mut self.pending;
        let mut tell = |split: SplitSecret| {
            *counts.entry((split.needle, Spelling::Own)).or_default() += 1;
            pending.push_back((split, false));
            Ok::<(), std::convert::Infallible>(())
        };
        match &mut self.kind {
            Kind::Other => {}
            Kind::Log(finder) => {
                let Ok(()) = finder.push(piece, &mut tell);
            }
            Kind::Unknown(head) => {
                let known = head.len() + piece.len();
                let mut begun = Zeroizing::new(Vec::with_capacity(known));
                begun.extend_from_slice(head);
                begun.extend_from_slice(piece);
                self.kind = match RecordFormat::of_head(&begun) {
                    Some(format) => {
                        let mut finder = SplitFinder::new(format, &self.set);
                        let Ok(()) = finder.push(&begun, &mut tell);
                        Kind::Log(Box::new(finder))
                    }
                    None if known < HEAD_LEN && !begun.contains(&b'\n') => Kind::Unknown(begun),
                    None => Kind::Other,
                };
            }
        }
    }

    /// Skips a hole up to `end`.
    pub(super) fn skip_to(&mut self, end: u64) {
        match &mut self.kind {
            Kind::Log(finder) => finder.skip_to(end),
            kind => *kind = Kind::Other,
        }
    }

    /// Whether the records are JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(&self.kind, Kind::Log(finder) if finder.format() == RecordFormat::Docker)
    }

    /// Whether there is anything to mask.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Masks the findings.
    pub(super) fn mask(
        &mut self,
        file: BorrowedFd<'_>,
        writer: &mut MaskWriter,
        overlay: &Overlay,
    ) -> Result<(), MaskError> {
        let filler = overlay.part_filler().ok_or(Errno::NOTSUP)?;
        let (mut target, is_json) = (writer.on(file)?, self.is_json());
        while let Some((split, is_open)) = self.pending.front() {
            let all = extent(split);
            let known = self.masked.iter().position(|masked| masked.start == all.start);
            match known {
                // The finding has grown: its beginning is masked already, so the file no longer
                // contains it.
                Some(_) => {
                    split
                        .parts
                        .iter()
                        .try_for_each(|part| target.fill(part.clone(), &mut |_, out| out.fill(filler)))?;
                }
                None => target.overwrite_parts(&self.set, filler, split, is_json)?,
            }
            known.map(|known| self.masked.remove(known));
            if *is_open {
                self.masked.push(all);
                self.masked.drain(..self.masked.len().saturating_sub(OPEN_MAX));
            }
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Queues, at the end of the file, the findings that may still grow; with `with_partial`, also
    /// a partial match.
    pub(super) fn end(&mut self, with_partial: bool) {
        let Kind::Log(finder) = &self.kind else { return };
        for split in finder.open(with_partial) {
            let all = extent(&split);
            if !self.masked.iter().any(|masked| masked.start == all.start && masked.end >= all.end) {
                self.pending.push_back((split, true));
            }
        }
    }

    /// Whether the rest of a secret may follow in the next record.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.kind, Kind::Log(finder) if finder.is_waiting())
    }
}

/// The range from the first byte of a secret to its last.
fn extent(split: &SplitSecret) -> Range<u64> {
    let (first, last) = (split.parts.first(), split.parts.last());
    first.map_or(0, |part| part.start)..last.map_or(0, |part| part.end)
}
