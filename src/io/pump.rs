//! The pump from descriptor to descriptor, as the filter runs it.
//!
//! Measured variants, on two cores of an AMD EPYC (Zen 5, 1 MiB of L2 each, Linux 6.18) with 538 MB
//! of log in the page cache, as `cat LOG | X | cat >/dev/null`, with a plain copier as X. Medians
//! of 15 alternating rounds, in milliseconds: elapsed time, and processor time of X:
//!
//! | X | elapsed | X |
//! | --- | ---: | ---: |
//! | `cat`, default pipes (64 KiB) | 324 | 124 |
//! | read and write, pipes of 1 MiB, 128 KiB or 256 KiB per call | 312, 318 | 122, 117 |
//! | read into and splice new huge pages, 256 KiB per call, pipes of 1 MiB (chosen) | 207 | 77 |
//! | the same with pipes of 512 KiB; 256 KiB; default | 205, 220, 261 | 78, 84, 105 |
//! | the same with new pages of 4 KiB (7 rounds, `cat`: 522) | 714 | 331 |
//! | `tee` the pages and scan a copy of them | 214 | 32 |
//! | `splice` without a scan: the limit that the two `cat`s set | 187 | 16 |
//!
//! - Larger pipes alone halve `cat`'s time elsewhere, but not here: the first `cat` needs 180 ms by
//!   itself.
//! - Rejected: `tee` and `splice` of the *input's* pages. Their writer may have used `vmsplice` or
//!   `splice` itself, and change them between the scan and the read. Output must be memory that
//!   only this process can write.
//! - Rejected: splicing the pages of one reused buffer, see [`vmsplice`](super::vmsplice).
//!   `SPLICE_F_GIFT` would change nothing.
//! - Rejected: mapping a file. It may change, or shrink, under the scan.
//! - Rejected: lists of many small slices instead of gathering, see
//!   [`fd_writer`](super::fd_writer).
//! - Not tried: a second thread that reads ahead. With three busy processes on two cores there is
//!   no core for it. It would hide the scan where the filter is the slowest process (to a file 3%
//!   to 9% behind `cat`, between sockets 9% to 39%, on a loaded machine). The costly part is ending
//!   that thread while it waits for input that never comes.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::fd_writer::FdWriter;
use super::frames::{Frames, StreamFormat};
use super::line_buffer::{LineBuffer, Release};
use super::pump_input::PumpInput;
use super::screen::ScreenSwitches;
use super::stream_head::{StreamHead, StreamNotice};
use super::vmsplice::SpliceBuf;
use crate::redact::redacted::Redacted;
use crate::redact::redactor::Redactor;

/// The maximum input that a relay still reads after a stop request, in bytes: the capacity of a
/// pipe. All input pending at the request is read, and a busy writer cannot delay the stop.
const STOPPING_LEN_MAX: u64 = 1 << 20;

/// Options of [`pump`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PumpOptions {
    /// When redacted bytes go out.
    pub release: Release,
    /// The format of the stream. Frames with lengths go out whole, with either release.
    pub format: StreamFormat,
    /// The input is the master side of a pseudo-terminal, which ends with the error EIO instead of
    /// an end of file.
    pub eio_ends: bool,
    /// The output is a terminal, where a user waits for an echo. When the input has been idle for
    /// this time, up to this many bytes that may begin a needle are written, as by
    /// [`Redactor::release_partial`]. Without this option they never are.
    pub echo: Option<Echo>,
    /// The output is a terminal. While the writer of the input uses its alternate screen, masks
    /// have the width of the bytes that they replace, so that columns stay in place: the name of
    /// the secret in brackets where it fits, and fill characters.
    pub keep_screen: bool,
    /// The counts so far, for another thread to show. Updating them takes time linear in the
    /// needles found so far, once for each read.
    pub progress: Option<Arc<PumpProgress>>,
    /// Called with the notice about the stream, if there is one.
    pub on_notice: Option<fn(StreamNotice)>,
}

/// The counts of a running [`Relay`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PumpProgress {
    /// Bytes read.
    pub bytes_in: AtomicU64,
    /// Regions masked.
    pub masked: AtomicU64,
}

/// See [`PumpOptions::echo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The idle time of the input before an echo, in milliseconds.
    pub after_ms: u32,
    /// The maximum number of bytes of a partial match that go out.
    pub len_max: usize,
}

/// The byte counts of a finished stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PumpSummary {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// Why [`pump`] stopped before the end of the input. No variant holds any input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PumpError {
    /// Reading failed. Earlier input is redacted and written, as at the end of a stream.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// Writing failed. Earlier output is a prefix of the correct output.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// The reader of the output has closed it (EPIPE). For a filter this is a normal end.
    #[error("the output has no reader")]
    OutputClosed,
}

/// Redacts the bytes of `input`, and writes them to `output`, up to the end of the input.
///
/// Each piece is written before the next is read, except for bytes that may begin a needle (and
/// with [`Release::Line`], the rest of the line). There are no threads and no timers. Descriptors
/// may be of any kind, also non-blocking; their flags stay unchanged, since other processes share
/// them. The pipes of a busy stream are enlarged, to 1 MiB where permitted. The caller must ignore
/// SIGPIPE (as Rust's runtime does) and SIGXFSZ, or they end the process instead of the pump.
///
/// Memory: 200 KiB. [`Release::Line`] adds up to 1 MiB and the longest needle; a busy stream to a
/// pipe takes 2 to 6 MiB. All of it is wiped at the end or returned to the kernel.
///
/// # Errors
///
/// When reading or writing fails, see [`PumpError`]. Raw input is never written.
pub fn pump(
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    redactor: &mut Redactor,
    options: &PumpOptions,
) -> Result<PumpSummary, PumpError> {
    let mut relay = Relay::new(input, output, redactor, options);
    let ended = relay.run(None);
    match ended {
        // A read error ends the stream at the input so far.
        Ok(_) | Err(PumpError::Input(_)) => relay.finish().and_then(|summary| ended.map(|_| summary)),
        Err(error) => Err(error),
    }
}

/// One stream from descriptor to descriptor: a [`pump`] that can be stopped and resumed.
///
/// ```no_run
/// # use std::os::fd::AsFd;
/// # use hushlog::{Redactor, io::{PumpOptions, Relay}};
/// # fn relay(input: impl AsFd, output: impl AsFd, stop: impl AsFd, redactor: &mut Redactor) -> Result<(), hushlog::io::PumpError> {
/// let mut relay = Relay::new(input.as_fd(), output.as_fd(), redactor, &PumpOptions::default());
/// relay.run(Some(stop.as_fd()))?;
/// relay.finish()?;
/// # Ok(())
/// # }
/// ```
pub struct Relay<'a> {
    input: BorrowedFd<'a>,
    pump_input: PumpInput<'a>,
    output: Output<'a>,
    redactor: &'a mut Redactor,
    options: PumpOptions,
    screen: ScreenSwitches,
    head: StreamHead,
    bytes_in: u64,
    /// New bytes were held back since the last echo.
    echo_is_due: bool,
}

/// Why [`Relay::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayStatus {
    /// The input has ended.
    Ended,
    /// The relay was stopped. All input pending at the request was written, except bytes that may
    /// begin a needle.
    Stopped,
}

impl<'a> Relay<'a> {
    /// Creates a relay, at the beginning of a stream if the redactor is.
    pub fn new(
        input: BorrowedFd<'a>,
        output: BorrowedFd<'a>,
        redactor: &'a mut Redactor,
        options: &PumpOptions,
    ) -> Relay<'a> {
        Relay {
            input,
            pump_input: PumpInput::new(input, output),
            output: Output {
                frames: Frames::new(options.format, redactor.set(), options.release == Release::Line),
                line_buffer: LineBuffer::new(options.release),
                writer: FdWriter::new(output),
            },
            redactor,
            options: options.clone(),
            screen: ScreenSwitches::default(),
            head: StreamHead::default(),
            bytes_in: 0,
            echo_is_due: false,
        }
    }

    /// Continues with another input. The stream goes on, so that a needle may begin in the one and
    /// end in the other.
    pub fn set_input(&mut self, input: BorrowedFd<'a>) {
        self.input = input;
        self.pump_input.set_input(input);
    }

    /// Redacts the input, and writes it, up to its end, or until `stop` is readable or hung up. A
    /// stopped relay may run again.
    ///
    /// # Errors
    ///
    /// Like [`pump`]. After [`PumpError::Input`] the caller must still
    /// [finish](Relay::finish) the earlier input; after any other error nothing may follow.
    pub fn run(&mut self, stop: Option<BorrowedFd<'_>>) -> Result<RelayStatus, PumpError> {
        let mut left = None;
        loop {
            if (stop.is_some() || self.options.echo.is_some()) && !self.wait(stop, &mut left)? {
                return Ok(RelayStatus::Stopped);
            }
            match self.pump_input.read() {
                Ok(0) => return Ok(RelayStatus::Ended),
                Err(Errno::IO) if self.options.eio_ends => return Ok(RelayStatus::Ended),
                Err(error) => return Err(PumpError::Input(error.into())),
                Ok(len) => {
                    self.bytes_in += len as u64;
                    left = left.map(|left: u64| left.saturating_sub(len as u64));
                    let (mut input, splice_buf) = (self.pump_input.piece(len), self.pump_input.splice_buf());
                    let notice = self.head.take(self.pump_input.piece(len));
                    self.report(notice);
                    while self.options.keep_screen
                        && let Some(switch) = self.screen.next(input)
                    {
                        let (before, after) = input.split_at(switch.len);
                        self.output.push(self.redactor, before, splice_buf).map_err(output_error)?;
                        self.redactor.keep_width(switch.is_alternate);
                        input = after;
                    }
                    let notice = self.output.push(self.redactor, input, splice_buf).map_err(output_error)?;
                    self.report(notice);
                    self.pump_input.retire(len);
                    self.echo_is_due = self.redactor.held() > 0;
                    if let Some(progress) = &self.options.progress {
                        progress.bytes_in.store(self.bytes_in, Relaxed);
                        progress.masked.store(self.redactor.masked(), Relaxed);
                    }
                }
            }
        }
    }

    /// Waits for input, and releases an echo meanwhile. Returns false when the relay should stop.
    /// `left` counts down the bytes still to read after the request.
    fn wait(&mut self, stop: Option<BorrowedFd<'_>>, left: &mut Option<u64>) -> Result<bool, PumpError> {
        loop {
            let (mut fds, stopping) = (vec![PollFd::new(&self.input, PollFlags::IN)], left.is_some());
            fds.extend(stop.as_ref().filter(|_| !stopping).map(|stop| PollFd::new(stop, PollFlags::IN)));
            let echo = self.options.echo.filter(|_| self.echo_is_due);
            let timeout = if stopping { Some(0) } else { echo.map(|echo| echo.after_ms) };
            let timeout =
                timeout.map(|ms| Timespec { tv_sec: i64::from(ms / 1000), tv_nsec: i64::from(ms % 1000) * 1_000_000 });
            let ready = match poll(&mut fds, timeout.as_ref()) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(PumpError::Input(error.into())),
                Ok(ready) => ready,
            };
            let readable = !fds[0].revents().is_empty();
            if !stopping && fds.get(1).is_some_and(|stop| !stop.revents().is_empty()) {
                *left = Some(STOPPING_LEN_MAX);
            }
            match echo {
                _ if left.is_some() => return Ok(readable && *left != Some(0)),
                _ if readable => return Ok(true),
                Some(echo) if ready == 0 => self.echo(echo).map_err(output_error)?,
                _ => {}
            }
        }
    }

    fn report(&self, notice: Option<StreamNotice>) {
        if let (Some(report), Some(notice)) = (self.options.on_notice, notice) {
            report(notice);
        }
    }

    fn echo(&mut self, echo: Echo) -> Result<(), Errno> {
        self.echo_is_due = false;
        self.output.echo(self.redactor.release_partial(echo.len_max))
    }

    /// Ends the stream: writes the held-back bytes. The redactor then begins a new stream.
    ///
    /// # Errors
    ///
    /// When writing fails, see [`PumpError`].
    pub fn finish(mut self) -> Result<PumpSummary, PumpError> {
        self.output.finish(self.redactor).map_err(output_error)?;
        Ok(PumpSummary { bytes_in: self.bytes_in, bytes_out: self.output.writer.bytes_out() })
    }
}

impl core::fmt::Debug for Relay<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Relay").field("bytes_in", &self.bytes_in).finish_non_exhaustive()
    }
}

fn output_error(error: Errno) -> PumpError {
    match error {
        Errno::PIPE => PumpError::OutputClosed,
        error => PumpError::Output(error.into()),
    }
}

/// The output side: frames, release mode, gathering, descriptor.
struct Output<'fd> {
    /// As long as the stream may consist of frames.
    frames: Option<Frames>,
    line_buffer: LineBuffer,
    writer: FdWriter<'fd>,
}

impl Output<'_> {
    /// Pushes a piece, and writes all releasable output. Bytes in `splice_buf` are not copied.
    fn push(
        &mut self,
        redactor: &mut Redactor,
        mut input: &[u8],
        mut splice_buf: Option<&SpliceBuf>,
    ) -> Result<Option<StreamNotice>, Errno> {
        let mut notice = None;
        if let Some(frames) = &mut self.frames {
            let taken = frames.push(redactor, input, &mut |piece| self.writer.write(piece))?;
            if !frames.is_lost() {
                return self.writer.flush().map(|()| None);
            }
            notice = frames.is_known().then_some(StreamNotice::NotFrames);
            let rest = frames.take_rest();
            self.frames = None;
            if !rest.is_empty() {
                self.line_buffer.push(redactor, &rest, &mut |piece| self.writer.write(piece))?;
            }
            if taken > 0 {
                (input, splice_buf) = (&input[taken..], None);
            }
        }
        let (writer, start) = (&mut self.writer, redactor.end());
        self.line_buffer.push(redactor, input, &mut |piece| match splice_buf {
            Some(splice_buf) => splice_buf.write(piece, start, writer),
            None => writer.write(piece),
        })?;
        writer.flush()?;
        Ok(notice)
    }

    /// Writes some of the held-back bytes.
    fn echo(&mut self, redacted: Redacted<'_>) -> Result<(), Errno> {
        self.line_buffer.echo(redacted, &mut |piece| self.writer.write(piece))?;
        self.writer.flush()
    }

    /// Ends the stream, and writes the rest.
    fn finish(&mut self, redactor: &mut Redactor) -> Result<(), Errno> {
        if let Some(mut frames) = self.frames.take() {
            frames.finish(redactor, &mut |piece| self.writer.write(piece))?;
            self.line_buffer.push(redactor, &frames.take_rest(), &mut |piece| self.writer.write(piece))?;
        }
        self.line_buffer.finish(redactor, &mut |piece| self.writer.write(piece))?;
        self.writer.flush()
    }
}
