//! The destinations of streams: one sink for all streams that name it, written by one at a time.
//!
//! There is no queue. A stream acquires a permit before it reads, in order of arrival, so that at
//! most `PERMITS` streams hold unwritten input. This is backpressure: if a sink accepts nothing,
//! its streams stop reading, and the kernel blocks their writers.

mod batch;
pub(crate) mod file;
mod open;
mod spool;
mod sync;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, Semaphore, SemaphorePermit};

use super::SidecarError;
use super::config::{OnAway, Plan, SinkPlan};
use super::event::{Event, EventSink};
use super::metrics::StreamMetrics;
use super::program::{Programs, Voice};
use crate::redact::redacted::RedactedBuf;
use crate::redact::text;
use crate::sys::backoff::Backoff;

pub(crate) use batch::Batch;
use open::Opened;
use spool::{First, Spool};
pub(crate) use sync::OutputSync;

/// The number of streams that may hold input that they cannot write yet. Their buffers are the cost
/// of a busy sink. With one, no stream could redact while another writes.
const PERMITS: usize = 4;
/// The first delay before an unavailable sink is opened again.
const DELAY_MIN: Duration = Duration::from_millis(50);
/// The longest delay.
const DELAY_MAX: Duration = Duration::from_secs(5);
/// The idle time after which delivered pieces are removed from the file of a spool.
const SETTLE_AFTER: Duration = Duration::from_secs(1);
/// The time after which an available sink counts as healthy, so that the backoff starts again at
/// its minimum.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// The outcome of a write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The sink, or its spool, has accepted it.
    Written,
    /// The batch was dropped, as configured: the sink is unavailable.
    Dropped,
}

/// A sink, shared by its streams.
pub(crate) struct Sink {
    plan: Arc<SinkPlan>,
    /// The name in messages.
    label: String,
    permits: Semaphore,
    state: Mutex<State>,
    is_unavailable: AtomicBool,
    /// The number of dropped pieces.
    dropped: AtomicU64,
    /// The number of pending pieces in the spool.
    spooled: AtomicU64,
    /// The number of damaged parts found in the spool.
    damaged: AtomicU64,
    waits: Notify,
    emit: EventSink,
    outputs: Arc<OutputSync>,
    /// Starts the program of the sink, and consumes its output.
    upkeep: OnceLock<(Programs, Option<Voice>)>,
}

/// The connection to the outlet, if available, and its history.
struct State {
    opened: Option<Opened>,
    since: Option<Instant>,
    /// The delay before the next attempt to open it.
    delay: Duration,
    backoff: Backoff,
    /// The time of the last attempt to open it, for sinks that drop.
    tried: Option<Instant>,
    /// The number of dropped pieces when the sink last became unavailable.
    dropped_before: u64,
    /// Holds the pending output while the sink is unavailable.
    spool: Option<Spool>,
    /// Whether the failure of the spool was reported.
    is_spool_reported: bool,
}

impl State {
    fn new() -> State {
        State {
            opened: None,
            since: None,
            delay: Duration::ZERO,
            backoff: Backoff::new(DELAY_MIN, DELAY_MAX),
            tried: None,
            dropped_before: 0,
            spool: None,
            is_spool_reported: false,
        }
    }
}

impl Sink {
    /// Creates a sink. `outputs` syncs its files before checkpoints.
    pub(crate) fn new(plan: Arc<SinkPlan>, emit: EventSink, outputs: &Arc<OutputSync>) -> Sink {
        if matches!(plan.away, OnAway::Spool(_)) {
            Spool::prepare();
        }
        Sink {
            label: open::label(&plan.outlet),
            plan,
            permits: Semaphore::new(PERMITS),
            state: Mutex::new(State::new()),
            is_unavailable: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            waits: Notify::new(),
            emit,
            outputs: Arc::clone(outputs),
            upkeep: OnceLock::new(),
        }
    }

    /// Sets how a program is started, and the consumer of its output. Without a consumer, the
    /// output is discarded.
    pub(crate) fn furnish(&self, programs: Programs, voice: Option<Voice>) {
        let _ = self.upkeep.set((programs, voice));
    }

    async fn open(&self) -> io::Result<Opened> {
        let upkeep = self.upkeep.get().cloned().unwrap_or_default();
        open::open(&self.plan.outlet, &upkeep, &self.outputs).await
    }

    /// Returns the name in messages.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether the sink is unavailable.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.is_unavailable.load(Relaxed)
    }

    /// Returns the number of dropped pieces.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Returns whether the sink keeps messages apart by itself, without newlines.
    pub(crate) fn separates_messages(&self) -> bool {
        matches!(self.plan.outlet, super::config::Outlet::UnixDatagram(_))
    }

    /// Acquires a permit to read. Cancel safe.
    pub(crate) async fn permit(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("nobody closes it")
    }

    /// Opens the sink as soon as a stream starts, so that a fault is reported before there is
    /// output.
    pub(crate) async fn begin(&self) -> io::Result<()> {
        let mut state = self.state.lock().await;
        if let OnAway::Spool(spool) = &self.plan.away {
            let opened = Spool::open(&spool.path, spool.len_max, &self.outputs);
            let text = |error: &io::Error| format!("the spool {}: {error}", text::path(&spool.path));
            let mut opened = opened.map_err(|error| io::Error::new(error.kind(), text(&error)))?;
            self.warn(&mut opened);
            self.count(&opened);
            state.spool = Some(opened);
        }
        match self.open().await {
            Ok(opened) => self.recovered(&mut state, opened),
            Err(error) if open::is_final(&self.plan.outlet, &error) => return Err(error),
            Err(error) => self.unavailable(&mut state, error),
        }
        Ok(())
    }

    /// Writes a batch, or spools or drops it as configured.
    ///
    /// # Errors
    ///
    /// The sink is gone for good, so that the sidecar cannot do its work.
    pub(crate) async fn write(&self, batch: &Batch<'_>) -> io::Result<WriteOutcome> {
        let mut state = self.state.lock().await;
        let mut written = 0;
        loop {
            let is_behind = state.spool.as_ref().is_some_and(|spool| state.opened.is_none() || !spool.is_empty());
            if is_behind {
                if self.spool(&mut state, batch, written) {
                    return Ok(WriteOutcome::Written);
                }
                // The spool is full, and earlier output goes first. Release the lock for the task
                // that drains it.
                drop(state);
                tokio::time::sleep(DELAY_MIN).await;
                state = self.state.lock().await;
                continue;
            }
            if state.opened.is_none() && !self.reopen(&mut state).await? {
                self.dropped.fetch_add(1, Relaxed);
                return Ok(WriteOutcome::Dropped);
            }
            let Some(opened) = &mut state.opened else { continue };
            let Err(error) = opened.write(batch, &mut written).await else { return Ok(WriteOutcome::Written) };
            if open::is_final(&self.plan.outlet, &error) {
                return Err(error);
            }
            if opened.forgets() {
                // The next reader receives an interrupted record again, as a whole.
                written = batch.line_start(written);
            }
            state.opened = None;
            self.unavailable(&mut state, error);
        }
    }

    /// Drains the spool into the sink whenever the sink is available.
    pub(crate) async fn tend(self: Arc<Sink>, metrics: Vec<Arc<StreamMetrics>>) {
        loop {
            metrics.iter().for_each(|metrics| metrics.spool(self.spooled.load(Relaxed), self.damaged.load(Relaxed)));
            match self.write_spooled().await {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tokio::select! {
                    () = self.waits.notified() => {}
                    () = self.settle() => {}
                },
            }
        }
    }

    /// Removes delivered pieces from the file of the spool, once nothing was pending for a while.
    /// Then it waits forever.
    async fn settle(&self) {
        loop {
            tokio::time::sleep(SETTLE_AFTER).await;
            let mut state = self.state.lock().await;
            // Before its file was opened, nothing would sync the output of the previous process.
            let is_opened = state.opened.is_some();
            let spool = state.spool.as_mut().filter(|spool| spool.is_empty() && spool.is_unsettled());
            let Some(spool) = spool else { break };
            if !is_opened {
                continue;
            }
            let settled = spool.settle();
            self.warn(spool);
            self.count(spool);
            if let Err(error) = settled {
                self.report_spool(&mut state, &error);
            }
        }
        std::future::pending().await
    }

    /// Writes the first pending piece. Returns the delay before the next; none, if nothing is
    /// pending.
    async fn write_spooled(&self) -> Option<Duration> {
        let mut state = self.state.lock().await;
        let first = state.spool.as_mut()?.first();
        state.spool.iter_mut().for_each(|spool| self.warn(spool));
        let First { piece, is_whole, is_within_line, mut written } = match first {
            Ok(first) => first?,
            Err(error) => {
                self.report_spool(&mut state, &error);
                return Some(DELAY_MAX);
            }
        };
        if state.opened.is_none() {
            match self.open().await {
                Ok(opened) => self.recovered(&mut state, opened),
                Err(error) => {
                    self.unavailable(&mut state, error);
                    return Some(state.delay);
                }
            }
        }
        let mut gathered = RedactedBuf::default();
        let batch = Batch::new(std::iter::once(piece.content()), &mut gathered, is_whole).within_line(is_within_line);
        if let Some(opened) = &mut state.opened
            && let Err(error) = opened.write(&batch, &mut written).await
        {
            // The next reader receives the whole piece.
            let kept = if opened.forgets() { 0 } else { written };
            if let Some(Err(error)) = state.spool.as_mut().map(|spool| spool.note_written(kept)) {
                self.report_spool(&mut state, &error);
            }
            state.opened = None;
            self.unavailable(&mut state, error);
            return Some(state.delay);
        }
        let spool = state.spool.as_mut()?;
        let forgot = spool.forget_first(piece.len());
        self.count(spool);
        if let Err(error) = forgot {
            self.report_spool(&mut state, &error);
        }
        Some(Duration::ZERO)
    }

    /// Appends the bytes of a batch after the first `written` to the spool. Returns false if it is
    /// full.
    fn spool(&self, state: &mut State, batch: &Batch<'_>, written: u64) -> bool {
        let Some(spool) = &mut state.spool else { return false };
        match spool.append(batch, written) {
            Ok(is_taken) => {
                self.count(spool);
                is_taken
            }
            Err(error) => {
                self.report_spool(state, &error);
                false
            }
        }
    }

    fn count(&self, spool: &Spool) {
        self.spooled.store(spool.count(), Relaxed);
        if !spool.is_empty() {
            self.waits.notify_one();
        }
    }

    fn warn(&self, spool: &mut Spool) {
        self.damaged.store(spool.damaged(), Relaxed);
        if let Some(text) = spool.take_warning() {
            (self.emit)(Event::Warning(text));
        }
    }

    fn report_spool(&self, state: &mut State, error: &io::Error) {
        if !std::mem::replace(&mut state.is_spool_reported, true) {
            let text = format!("the spool of {} fails, so its streams wait: {error}", self.label);
            (self.emit)(Event::Warning(text));
        }
    }

    /// Closes the sink after all streams have ended.
    pub(crate) async fn end(&self, within: Duration) {
        // A stream that still writes was abandoned.
        let Ok(mut state) = self.state.try_lock() else { return };
        if let Some(opened) = state.opened.take() {
            opened.end(within).await;
        }
    }

    /// Opens the sink again. Returns false if it is unavailable and drops output.
    async fn reopen(&self, state: &mut State) -> io::Result<bool> {
        loop {
            let waits = self.plan.away != OnAway::Drop;
            if !waits && state.tried.is_some_and(|tried| tried.elapsed() < state.delay) {
                return Ok(false);
            }
            if waits && !state.delay.is_zero() {
                tokio::time::sleep(state.delay).await;
            }
            state.tried = Some(Instant::now());
            match self.open().await {
                Ok(opened) => {
                    self.recovered(state, opened);
                    return Ok(true);
                }
                Err(error) if open::is_final(&self.plan.outlet, &error) => return Err(error),
                Err(error) => self.unavailable(state, error),
            }
            if !waits {
                return Ok(false);
            }
        }
    }

    fn recovered(&self, state: &mut State, opened: Opened) {
        state.opened = Some(opened);
        state.since = Some(Instant::now());
        if self.is_unavailable.swap(false, Relaxed) {
            let dropped = self.dropped() - state.dropped_before;
            (self.emit)(Event::SinkRecovered { sink: self.label.clone(), dropped });
        }
    }

    /// Reports the sink as unavailable once, however many attempts to open it fail.
    fn unavailable(&self, state: &mut State, error: io::Error) {
        let was_well = state.since.take().is_some_and(|since| since.elapsed() > WELL_AFTER);
        if was_well {
            state.backoff.reset();
        }
        state.delay = state.backoff.next();
        if !self.is_unavailable.swap(true, Relaxed) {
            state.dropped_before = self.dropped();
            (self.emit)(Event::SinkUnavailable { sink: self.label.clone(), error });
        }
    }
}

/// Fails if the path of a spool holds anything else. It changes nothing.
pub(super) fn check(plan: &Plan) -> Result<(), SidecarError> {
    for sink in &plan.sinks {
        let OnAway::Spool(spool) = &sink.away else { continue };
        let what = || format!("the spool {}", text::path(&spool.path));
        Spool::check(&spool.path).map_err(|error| SidecarError::Open { what: what(), error })?;
    }
    Ok(())
}

/// The reader has closed its end: a write would be lost without an error.
fn gone() -> io::Error {
    ErrorKind::BrokenPipe.into()
}
