//! Record writers for loggers: the basis of the adapters for `tracing` and `log`, and usable with
//! any logger that writes to a [`Write`].

use core::fmt;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Redacted;
use crate::redact::redacted::RedactedBuf;
use crate::redact::redactor::Redactor;

/// The initial capacity for a record that arrives in pieces, in bytes.
const RECORD_LEN: usize = 256;

/// The set of secrets that loggers currently mask. Clones share it, so that any clone can change it
/// at any time.
///
/// ```
/// use hushlog::{NeedleSet, Secret, io::LiveSet};
///
/// let live = LiveSet::from(NeedleSet::builder().build()?);
/// // ... give a clone to the logger, and later, when there is a new token:
/// live.replace(NeedleSet::builder().secret(Secret::new("TOKEN", b"hunter2-prod-key".to_vec())).build()?);
/// # Ok::<(), hushlog::BuildError>(())
/// ```
#[derive(Clone)]
pub struct LiveSet(Arc<RwLock<Current>>);

#[derive(Clone)]
struct Current {
    set: Arc<NeedleSet>,
    /// No needle contains a newline, so that lines are independent of each other.
    within_lines: bool,
}

impl LiveSet {
    /// Masks the secrets of this set, from the next record on.
    pub fn replace(&self, set: impl Into<Arc<NeedleSet>>) {
        let current = Current::new(set.into());
        // A panic under the lock cannot leave half a change.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    /// The current set.
    pub fn get(&self) -> Arc<NeedleSet> {
        self.current().set
    }

    fn current(&self) -> Current {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn new(set: Arc<NeedleSet>) -> Current {
        let within_lines = !set.expose().any(|needle| needle.contains(&b'\n'));
        Current { set, within_lines }
    }
}

impl From<Arc<NeedleSet>> for LiveSet {
    fn from(set: Arc<NeedleSet>) -> LiveSet {
        LiveSet(Arc::new(RwLock::new(Current::new(set))))
    }
}

impl From<NeedleSet> for LiveSet {
    fn from(set: NeedleSet) -> LiveSet {
        LiveSet::from(Arc::new(set))
    }
}

impl fmt::Debug for LiveSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveSet").field(&self.get()).finish()
    }
}

/// Redacts the records written to it, and writes each to `W` in one call of `write_all`.
///
/// A record ends with a call of `write` that ends with a newline (or with the writer), after any
/// number of calls. So loggers that write a record in one `write_all`, as env_logger does, and
/// loggers that write it in pieces, as fern does, both work. If the newline may be in the middle of
/// a secret of several lines, the record is written together with the next.
///
/// ```
/// use std::io::Write;
/// use hushlog::{NeedleSet, Secret, io::RecordWriter};
///
/// let set = NeedleSet::builder().secret(Secret::new("TOKEN", b"hunter2-prod-key".to_vec())).build()?;
/// let mut log = RecordWriter::new(Vec::new(), set);
/// writeln!(log, "token={}", "hunter2-prod-key")?;
/// assert_eq!(log.get_ref(), b"token=[REDACTED:TOKEN]\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With env_logger: `Builder::target(Target::Pipe(Box::new(RecordWriter::new(std::io::stderr(),
/// set))))`. With fern: `Dispatch::chain(Box::new(RecordWriter::new(file, set)) as Box<dyn Write +
/// Send>)`.
///
/// # Errors
///
/// Those of `W`. The record is then lost, as is usual with loggers, and is never written
/// unredacted.
///
/// Memory: none for a record without secrets in one call. A record in pieces is kept, redacted,
/// until it ends.
pub struct RecordWriter<W: Write> {
    inner: W,
    live: LiveSet,
    /// A record that arrives in pieces: as a stream, so that the cuts do not matter.
    pieces: Option<Redactor>,
    record: RedactedBuf,
    /// A call of the inner writer is in progress, or has panicked.
    in_call: bool,
}

impl<W: Write> RecordWriter<W> {
    /// A writer of records to `inner`, with the secrets of a set, or of a [`LiveSet`].
    pub fn new(inner: W, set: impl Into<LiveSet>) -> RecordWriter<W> {
        let record = RedactedBuf::new(RECORD_LEN);
        RecordWriter { inner, live: set.into(), pieces: None, record, in_call: false }
    }

    /// The inner writer.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Writes the current record, which has ended.
    fn end(&mut self) -> io::Result<()> {
        if let Some(mut redactor) = self.pieces.take() {
            keep(redactor.finish(), &mut self.record);
        }
        let record = std::mem::replace(&mut self.record, RedactedBuf::new(RECORD_LEN));
        self.write_whole(record.content().bytes())
    }

    fn write_whole(&mut self, redacted: &[u8]) -> io::Result<()> {
        self.in_call = true;
        let written = self.inner.write_all(redacted);
        self.in_call = false;
        written
    }
}

impl<W: Write> Write for RecordWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ends = bytes.ends_with(b"\n");
        let mut redactor = match self.pieces.take() {
            Some(redactor) => redactor,
            None => {
                let Current { set, within_lines } = self.live.current();
                if ends && within_lines {
                    return self.write_whole(&set.redact_cow(bytes)).map(|()| bytes.len());
                }
                Redactor::new(set)
            }
        };
        keep(redactor.push(bytes), &mut self.record);
        let complete = ends && redactor.held() == 0;
        self.pieces = Some(redactor);
        if complete {
            self.end()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for RecordWriter<W> {
    fn drop(&mut self) {
        // Not after a panic of the inner writer: its state is unknown.
        if self.pieces.is_some() && !self.in_call {
            let _ = self.end();
        }
    }
}

impl<W: Write> fmt::Debug for RecordWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWriter").finish_non_exhaustive()
    }
}

fn keep(redacted: Redacted<'_>, record: &mut RedactedBuf) {
    redacted.pieces().for_each(|piece| record.append_growing(piece));
}
