//! One stream: from its source through its redactor to its sink.

pub(super) mod boundaries;
pub(super) mod buffer;
pub(super) mod engine;
mod framed;
pub(super) mod lines;
mod out;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::config::Way;
use super::metrics::StreamMetrics;
use super::secrets::active::{self, Active};
use super::sink::Sink;
use super::source::{ReadOutcome, Source};
use super::stream::boundaries::Boundaries;
use super::stream::buffer::Buffer;
use super::stream::engine::Engine;
use super::stream::lines::{Lines, Upto, WaitsFor};
use super::stream::out::Out;
use crate::io::StreamNotice;
use crate::io::budget::Budget;
use crate::io::stream_head::StreamHead;
use crate::redact::redactor::RegionCounts;
use crate::redact::release::split_lines;
use crate::sys::mutex::lock;

/// The bytes after which a busy stream yields the thread: some 100 microseconds of work.
const BYTES_IN_A_ROW: u64 = 256 << 10;
/// The pieces after which a busy stream yields the thread, if they are short.
const PIECES_IN_A_ROW: usize = 64;
/// The interval at which a busy stream reports its counts.
const UPDATE_EVERY: Duration = Duration::from_secs(1);
/// The bytes that a stream still reads when the sidecar stops: more than any socket or pipe holds
/// by default.
const STOPPING_LEN_MAX: u64 = 4 << 20;

/// The most positions noted in the text of records. With fewer, only more is repeated after a
/// crash.
const RECORDS_MAX: usize = 64;

/// The time that a stopping stream waits for more input.
pub(crate) const STOPPING_GRACE: Duration = Duration::from_millis(5);

/// The state that all streams of one name share.
pub(crate) struct StreamContext {
    pub(crate) active: watch::Receiver<Active>,
    pub(crate) sink: Arc<Sink>,
    pub(crate) way: Way,
    pub(crate) waits_for: WaitsFor,
    /// Whether a newline must separate the output of one message from the next.
    pub(crate) separates_messages: bool,
    pub(crate) metrics: Arc<StreamMetrics>,
    pub(crate) budget: Arc<Budget>,
    /// Takes the first notice about these streams.
    pub(crate) on_notice: Mutex<Option<OnNotice>>,
    pub(crate) stop: CancellationToken,
}

/// A consumer of one notice.
pub(crate) type OnNotice = Box<dyn FnOnce(StreamNotice) + Send>;

impl StreamContext {
    fn report(&self, notice: StreamNotice) {
        if let Some(report) = lock(&self.on_notice).take() {
            report(notice);
        }
    }
}

/// The reason that a stream ended before its source did.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Reading failed; all that was read is written.
    Source(io::Error),
    /// The sink is gone for good.
    Sink(io::Error),
}

/// The state of a stream between its source and its sink.
pub(crate) struct Stream {
    context: Arc<StreamContext>,
    engine: Engine,
    active: watch::Receiver<Active>,
    lines: Lines,
    /// The number of pushed bytes.
    pushed: u64,
    /// The pushed bytes before this position are written.
    finished: u64,
    /// Positions in that text, with pending records: see
    /// [`finish_records`](Stream::finish_records).
    records: VecDeque<(u64, u64)>,
    /// Whether there was output since the last message ended.
    is_begun: bool,
    /// Whether the last byte of the output was a newline.
    at_line_start: bool,
    boundaries: Boundaries,
    head: StreamHead,
    counted: Counted,
}

/// The last values reported to the metrics.
struct Counted {
    regions: RegionCounts,
    held: u64,
    lag: u64,
    /// There may be unreported regions.
    is_due: bool,
    last: Instant,
}

impl Stream {
    pub(crate) fn new(context: Arc<StreamContext>) -> Stream {
        let mut active = context.active.clone();
        let set = Arc::clone(&active.borrow_and_update().set);
        let way = context.way;
        let counted = Counted { regions: RegionCounts::new(), held: 0, lag: 0, is_due: false, last: Instant::now() };
        context.metrics.open.fetch_add(1, Relaxed);
        Stream {
            engine: Engine::new(set, way, &context.budget),
            active,
            lines: Lines::new(context.waits_for, way.line_max, Arc::clone(&context.budget)),
            pushed: 0,
            finished: 0,
            records: VecDeque::new(),
            is_begun: false,
            at_line_start: true,
            boundaries: Boundaries::default(),
            head: StreamHead::default(),
            counted,
            context,
        }
    }

    /// Runs to the end of the source, or until the sidecar stops. `wake` reports a newer set: an
    /// idle stream takes it as well, or old sets would pile up.
    ///
    /// The steps are boxed: an idle stream does not pay for the memory that they take while they
    /// run.
    pub(crate) async fn run(mut self, mut source: impl Source, wake: Arc<Notify>) -> Result<(), Broken> {
        let context = Arc::clone(&self.context);
        if let Some(before) = source.begun() {
            self.engine.resume(before);
        }
        self.at_line_start = !source.is_within_line();
        let ended = loop {
            tokio::select! {
                biased;
                () = context.stop.cancelled() => break Box::pin(self.drain(&mut source)).await,
                () = wake.notified() => {
                    // With exact release, held-back bytes may be written. Otherwise there is
                    // nothing to write, and no permit to acquire.
                    let may_write = context.waits_for == WaitsFor::Nothing && self.engine.held() > 0;
                    let _permit = if may_write { Some(context.sink.permit().await) } else { None };
                    Box::pin(self.take_newest_set()).await?;
                    continue;
                }
                ready = source.ready() => if let Err(error) = ready { break Err(Broken::Source(error)) },
                () = tokio::time::sleep(UPDATE_EVERY), if self.counted.is_due && self.may_update() => {
                    self.update_metrics();
                    continue;
                }
            }
            match Box::pin(self.take_in(&mut source, u64::MAX)).await {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(broken) => break Err(broken),
            }
        };
        if let Err(Broken::Sink(_)) = ended {
            return ended;
        }
        if context.stop.is_cancelled() && source.resumes() && ended.is_ok() {
            // The next sidecar repeats all pending output.
            source.suspend();
            return ended;
        }
        if context.stop.is_cancelled() {
            source.leave(self.engine.open());
        }
        let finished = Box::pin(self.finish()).await;
        self.confirm(&mut source);
        ended.and(finished)
    }

    /// Drains the source when the sidecar stops, up to `STOPPING_LEN_MAX`.
    async fn drain(&mut self, source: &mut impl Source) -> Result<(), Broken> {
        let until = self.pushed + STOPPING_LEN_MAX;
        // A source is known to be ready only after the runtime has asked the kernel, which it does
        // before any timer ends.
        while let Ok(ready) = tokio::time::timeout(STOPPING_GRACE, source.ready()).await {
            ready.map_err(Broken::Source)?;
            let left = until.saturating_sub(self.pushed);
            if left == 0 || !self.take_in(source, left).await? {
                break;
            }
        }
        Ok(())
    }

    /// Reads and pushes the available input, at most `len_max` bytes and a piece. Returns false at
    /// the end of the source.
    async fn take_in(&mut self, source: &mut impl Source, len_max: u64) -> Result<bool, Broken> {
        let context = Arc::clone(&self.context);
        let until = self.pushed.saturating_add(len_max);
        let (mut pieces, mut row) = (0, self.pushed);
        loop {
            let permit = context.sink.permit().await;
            let mut buffer = Buffer::take();
            let given = match source.read(&mut buffer) {
                Ok(given) => given,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.update_metrics_if_due();
                    self.engine.rest();
                    return Ok(true);
                }
                Err(error) => return Err(Broken::Source(error)),
            };
            if !buffer.is_empty() {
                self.push(&buffer).await?;
            }
            if given != ReadOutcome::Data {
                source.boundary(self.engine.open());
            }
            match given {
                ReadOutcome::Data => {}
                ReadOutcome::Boundary => self.boundary(),
                ReadOutcome::MessageEnd | ReadOutcome::Eof => self.finish().await?,
            }
            if given == ReadOutcome::MessageEnd
                && let Some(before) = source.begun()
            {
                self.engine.resume(before);
            }
            drop(buffer);
            drop(permit);
            self.confirm(source);
            if given == ReadOutcome::Eof {
                return Ok(false);
            }
            if self.pushed >= until {
                return Ok(true);
            }
            pieces += 1;
            if pieces >= PIECES_IN_A_ROW || self.pushed - row >= BYTES_IN_A_ROW {
                (pieces, row) = (0, self.pushed);
                self.update_metrics_if_due();
                tokio::task::yield_now().await;
                if context.stop.is_cancelled() && len_max == u64::MAX {
                    return Ok(true);
                }
            }
        }
    }

    /// Takes the newest set, if there is a newer one. Held-back bytes are searched again.
    pub(crate) async fn take_newest_set(&mut self) -> Result<(), Broken> {
        let Some(set) = active::take_newer(&mut self.active) else { return Ok(()) };
        if let (Some(redactor), WaitsFor::Line) = (self.engine.of_lines(), self.context.waits_for) {
            self.counted.is_due |= !self.lines.waiting().is_empty();
            self.lines.swap(redactor, &set);
            self.is_begun |= !self.lines.waiting().is_empty();
        } else {
            let (reach, end) = (set.reach(), self.engine.end());
            let pieces = self.boundaries.part(self.engine.swap(set));
            self.is_begun |= !pieces.is_empty();
            let out = Out { context: &self.context, lines: &mut self.lines, at_line_start: &mut self.at_line_start };
            out.give(&pieces, 0, Upto::Before, reach, end).await?;
        }
        if self.lines.waiting().is_empty() {
            self.finished = self.finished.max(self.settled());
        }
        Ok(())
    }

    /// Pushes a piece that was just read, with the newest set: the piece may have been written
    /// after the publication of that set.
    pub(crate) async fn push(&mut self, piece: &[u8]) -> Result<(), Broken> {
        self.take_newest_set().await?;
        self.context.metrics.read(piece.len());
        if let Some(notice) = self.head.take(piece) {
            self.context.report(notice);
        }
        let taken = if self.engine.is_framing() { self.push_frames(piece).await? } else { 0 };
        self.push_text(&piece[taken..]).await?;
        let held = match (&self.engine, self.context.waits_for) {
            (Engine::Plain(..), WaitsFor::Line | WaitsFor::Whole) => self.pushed - self.finished,
            _ => self.engine.held() + self.lines.waiting().len() as u64,
        };
        self.context.metrics.hold(&mut self.counted.held, held as usize);
        Ok(())
    }

    /// Pushes a piece of a stream that may consist of frames, which go out whole. Returns the
    /// number of bytes taken: fewer only if the rest is text.
    async fn push_frames(&mut self, piece: &[u8]) -> Result<usize, Broken> {
        let reach = self.engine.reach();
        let (taken, pieces, end) = self.engine.push_frames(piece);
        self.counted.is_due |= pieces.iter().any(|piece| piece.is_mask());
        let out = Out { context: &self.context, lines: &mut self.lines, at_line_start: &mut self.at_line_start };
        out.give(&pieces, taken, Upto::Frame, reach, end).await?;
        drop(pieces);
        self.pushed += taken as u64;
        self.end_frames().await?;
        Ok(taken)
    }

    /// Settles the frames that are out. If the stream has ceased to be frames, its text follows.
    async fn end_frames(&mut self) -> Result<(), Broken> {
        self.lines.end(self.engine.end());
        if let Some(rest) = self.engine.take_rest() {
            if rest.was_known {
                self.context.report(StreamNotice::NotFrames);
            }
            self.pushed -= rest.text.len() as u64;
            self.push_text(&rest.text).await?;
        } else {
            self.finished = self.settled();
            self.update_metrics_if_due();
        }
        Ok(())
    }

    /// Pushes text. The bytes after the last newline are pushed separately: at a newline there is
    /// no partial match that could show.
    async fn push_text(&mut self, text: &[u8]) -> Result<(), Broken> {
        let (lines, rest) = match self.context.waits_for {
            WaitsFor::Line => split_lines(text),
            WaitsFor::Nothing | WaitsFor::Whole => (&[][..], text),
        };
        if !lines.is_empty() {
            self.push_part(lines, Upto::Newline).await?;
            self.update_metrics_if_due();
        }
        if !rest.is_empty() {
            self.push_part(rest, Upto::Line).await?;
        }
        Ok(())
    }

    async fn push_part(&mut self, part: &[u8], upto: Upto) -> Result<(), Broken> {
        let (reach, has_records) = (self.engine.reach(), matches!(self.engine, Engine::Container(_)));
        let (pieces, end) = self.engine.push(part);
        let pieces = self.boundaries.part(pieces);
        self.counted.is_due |= pieces.iter().any(|piece| piece.is_mask() || has_records);
        self.is_begun |= !pieces.is_empty();
        let out = Out { context: &self.context, lines: &mut self.lines, at_line_start: &mut self.at_line_start };
        out.give(&pieces, part.len(), upto, reach.at(end), end.at).await?;
        drop(pieces);
        self.pushed += part.len() as u64;
        self.boundaries.pushed(part);
        match (&self.engine, self.context.waits_for) {
            (_, WaitsFor::Whole) => {}
            (Engine::Plain(..), _) => {
                self.finished = self.lines.waiting_start().unwrap_or(self.pushed).min(self.settled());
            }
            (Engine::Container(_) | Engine::Framed(_), _) => self.finish_records(),
        }
        Ok(())
    }

    /// Advances `finished` for records. Pending records have positions in the assembled text. Each
    /// end of that text is noted with the settled length of the input, and the input is finished
    /// when all text before that end is written.
    fn finish_records(&mut self) {
        let (end, settled) = (self.engine.end(), self.settled());
        let Some(start) = self.lines.waiting_start() else {
            self.records = VecDeque::new();
            self.finished = settled;
            return;
        };
        let is_full = self.records.len() == RECORDS_MAX;
        match self.records.back_mut().filter(|(at, _)| is_full || *at == end) {
            Some(last) => *last = (end, settled),
            None => self.records.push_back((end, settled)),
        }
        while let Some((_, settled)) = self.records.front().copied().filter(|(at, _)| *at <= start) {
            self.finished = settled;
            self.records.pop_front();
        }
    }

    /// Ends a message: held-back bytes are released, and the next input begins anew.
    pub(crate) async fn finish(&mut self) -> Result<(), Broken> {
        if self.engine.is_framing() {
            let (reach, end) = (self.engine.reach(), self.engine.end());
            let pieces = self.engine.finish_frames();
            self.counted.is_due |= pieces.iter().any(|piece| piece.is_mask());
            let out = Out { context: &self.context, lines: &mut self.lines, at_line_start: &mut self.at_line_start };
            out.give(&pieces, 0, Upto::Frame, reach, end).await?;
            drop(pieces);
            self.end_frames().await?;
        }
        if self.engine.is_framing() {
            self.engine.begin_frames();
            self.finished = self.pushed;
            self.context.metrics.hold(&mut self.counted.held, 0);
            return Ok(());
        }
        let (reach, end) = (self.engine.reach(), self.engine.end());
        let pieces = self.boundaries.part(self.engine.finish());
        self.counted.is_due |= !pieces.is_empty();
        let is_begun = std::mem::take(&mut self.is_begun) || !pieces.is_empty();
        let out = Out { context: &self.context, lines: &mut self.lines, at_line_start: &mut self.at_line_start };
        let upto = if is_begun { Upto::Whole } else { Upto::Before };
        out.give(&pieces, 0, upto, reach, end).await?;
        drop(pieces);
        self.lines.end(self.engine.end());
        (self.finished, self.records, self.boundaries) = (self.pushed, VecDeque::new(), Boundaries::default());
        self.context.metrics.hold(&mut self.counted.held, 0);
        Ok(())
    }

    /// Marks the next bytes as those of another file. Records and secrets continue in it. A line
    /// does too, but its two parts are written as two lines, unless a secret joins them.
    fn boundary(&mut self) {
        if self.context.separates_messages {
            self.boundaries.add(&self.engine);
        }
        self.engine.boundary();
    }

    /// The input before this position is settled, and written unless it waits for the end of its
    /// line.
    fn settled(&self) -> u64 {
        self.pushed - self.engine.unsettled()
    }

    /// Returns whether regions may be counted in public. The count within an unfinished line
    /// depends on the rest of the line.
    fn may_update(&self) -> bool {
        match self.context.waits_for {
            WaitsFor::Nothing => true,
            WaitsFor::Line => self.lines.is_at_newline(self.engine.end()),
            WaitsFor::Whole => self.finished == self.pushed,
        }
    }

    fn confirm(&mut self, source: &mut impl Source) {
        source.confirm(self.finished);
        self.context.metrics.lag(&mut self.counted.lag, source.lag());
    }

    fn update_metrics_if_due(&mut self) {
        if self.counted.is_due && self.counted.last.elapsed() >= UPDATE_EVERY && self.may_update() {
            self.update_metrics();
        }
    }

    fn update_metrics(&mut self) {
        if std::mem::take(&mut self.counted.is_due) {
            self.context.metrics.regions(&mut self.counted.regions, self.engine.counts());
        }
        self.counted.last = Instant::now();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.update_metrics();
        self.context.metrics.hold(&mut self.counted.held, 0);
        self.context.metrics.lag(&mut self.counted.lag, 0);
        self.context.metrics.open.fetch_sub(1, Relaxed);
    }
}
