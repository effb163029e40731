//! From descriptor to descriptor, as the filter does.
//!
//! Tried variants, on two cores of an AMD EPYC (Zen 5, 1 MiB of L2 each, Linux 6.18) with 538 MB of
//! log in the page cache, as `cat LOG | X | cat >/dev/null`, with plain copiers in the place of X,
//! medians of 15 rounds in turn; milliseconds in all, and processor time of X:
//!
//! | X | all | X |
//! | --- | ---: | ---: |
//! | `cat`, pipes as they are (64 KiB) | 324 | 124 |
//! | read and write, pipes of 1 MiB, 128 KiB or 256 KiB at once | 312, 318 | 122, 117 |
//! | read, and hand on new huge pages, 256 KiB at once, pipes of 1 MiB: what is done here | 207 | 77 |
//! | the same with pipes of 512 KiB; 256 KiB; as they are | 205, 220, 261 | 78, 84, 105 |
//! | the same with new pages of 4 KiB (7 rounds, `cat`: 522) | 714 | 331 |
//! | `tee` the pages and scan a copy of them | 214 | 32 |
//! | `splice` without looking: what the two `cat`s leave possible | 187 | 16 |
//!
//! - Half of `cat`'s time, which larger pipes alone give elsewhere, is out of reach here: the first `cat` needs 180 ms by itself.
//! - `tee` and `splice` of the *input's* pages are out: their writer may have used `vmsplice` or
//!   `splice` itself, and change them after they were scanned and before they are read. Output must
//!   be memory that only we could write.
//! - Pages of one buffer, handed on and used again, are out: see [`gift`](super::gift). `SPLICE_F_GIFT` would change nothing.
//! - A file is read, not mapped: it may change, or shrink, under the scan.
//! - Lists of many small slices instead of gathering: see [`fd`](super::fd).
//! - Not tried: a second thread that reads ahead. With three busy processes on two cores there is
//!   no core for it. Where the filter is the slowest of all (to a file 3% to 9% behind `cat`,
//!   between sockets 9% to 39%, on a loaded machine) it would hide the scan. The costly part is
//!   ending that thread while it waits for input that never comes.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::fd::Outlet;
use super::gift::GiftBuf;
use super::line::{Gate, Release};
use super::source::Source;
use crate::redact::redacted::Redacted;
use crate::redact::redactor::Redactor;

/// How much is still taken in when a relay is told to stop while its input has more, in bytes: as
/// much as a pipe holds. All input of that moment is taken in, and a writer that never rests does
/// not keep the relay.
const STOPPING_LEN_MAX: u64 = 1 << 20;

/// How [`pump`] goes about it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PumpOptions {
    /// When redacted bytes go out.
    pub release: Release,
    /// The input is the master side of a pseudo-terminal, which ends with the error EIO instead of an end of file.
    pub eio_ends: bool,
    /// The output is a terminal, where a user waits for an echo: when no input comes for so long,
    /// up to so many bytes that may begin a needle are written, as [`Redactor::release_partial`]
    /// does. Never without this.
    pub echo: Option<Echo>,
}

/// See [`PumpOptions::echo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// How long the input has to rest, in milliseconds.
    pub after_ms: u32,
    /// How many bytes of a partial match go out at most.
    pub len_max: usize,
}

/// The amounts that went through.
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
    /// Writing failed. Earlier output is a beginning of the right one.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// Nobody reads the output any more (EPIPE). For a filter this is a way to end, not a fault.
    #[error("nobody reads the output")]
    OutputClosed,
}

/// Redacts the bytes of `input`, and writes them to `output`, up to the end of the input.
///
/// Each piece goes out before the next is read, all of it but bytes that may begin a needle (and
/// with [`Release::Line`], the rest of the line); there are no threads and no timers. Descriptors
/// of every kind will do, non-blocking ones too; their flags are left alone, since other processes
/// share them. The pipes of a busy stream are enlarged, to 1 MiB where that is allowed. SIGPIPE and
/// SIGXFSZ must be ignored, as Rust's runtime does with the first, or they end the process instead
/// of the pump.
///
/// Memory: 200 KiB, with [`Release::Line`] up to 1 MiB and the longest needle more, and 2 to 6 MiB
/// for a busy stream that goes to a pipe, all of it wiped in the end or given back to the kernel.
///
/// # Errors
///
/// When reading or writing fails. Nothing is written raw in any case: see [`PumpError`].
pub fn pump(
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    redactor: &mut Redactor,
    options: &PumpOptions,
) -> Result<PumpSummary, PumpError> {
    let mut relay = Relay::new(input, output, redactor, options);
    let ended = relay.run(None);
    match ended {
        // The input so far is a stream that ended here.
        Ok(_) | Err(PumpError::Input(_)) => relay.finish().and_then(|summary| ended.map(|_| summary)),
        Err(error) => Err(error),
    }
}

/// [`pump`] that can be stopped, and go on: one stream from descriptor to descriptor.
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
    source: Source<'a>,
    sink: Sink<'a>,
    redactor: &'a mut Redactor,
    options: PumpOptions,
    bytes_in: u64,
    /// The held-back bytes have just come in, and may be released as an echo.
    echo_is_due: bool,
}

/// Why [`Relay::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The input has ended.
    Ended,
    /// It was stopped. All input of that moment went through, except bytes that may begin a needle.
    Stopped,
}

impl<'a> Relay<'a> {
    /// A stream at its beginning, if the redactor is.
    pub fn new(
        input: BorrowedFd<'a>,
        output: BorrowedFd<'a>,
        redactor: &'a mut Redactor,
        options: &PumpOptions,
    ) -> Relay<'a> {
        Relay {
            input,
            source: Source::new(input, output),
            sink: Sink { gate: Gate::new(options.release), outlet: Outlet::new(output) },
            redactor,
            options: options.clone(),
            bytes_in: 0,
            echo_is_due: false,
        }
    }

    /// Redacts the input, and writes it, up to its end, or until `stop` can be read or is hung up.
    /// It may be called again then.
    ///
    /// # Errors
    ///
    /// As [`pump`]. After [`PumpError::Input`] the earlier input is still to be
    /// [finished](Relay::finish); after any other error nothing may follow.
    pub fn run(&mut self, stop: Option<BorrowedFd<'_>>) -> Result<Rest, PumpError> {
        let mut left = None;
        loop {
            if (stop.is_some() || self.options.echo.is_some()) && !self.wait(stop, &mut left)? {
                return Ok(Rest::Stopped);
            }
            match self.source.read() {
                Ok(0) => return Ok(Rest::Ended),
                Err(Errno::IO) if self.options.eio_ends => return Ok(Rest::Ended),
                Err(error) => return Err(PumpError::Input(error.into())),
                Ok(len) => {
                    self.bytes_in += len as u64;
                    left = left.map(|left: u64| left.saturating_sub(len as u64));
                    let (input, gifts) = (self.source.piece(len), self.source.gifts());
                    self.sink.push(self.redactor, input, gifts).map_err(output_error)?;
                    self.source.retire(len);
                    self.echo_is_due = self.redactor.held() > 0;
                }
            }
        }
    }

    /// Waits for input, and releases an echo meanwhile. False: it is time to stop. `left` counts
    /// down the bytes that are still taken in then.
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

    fn echo(&mut self, echo: Echo) -> Result<(), Errno> {
        self.echo_is_due = false;
        self.sink.echo(self.redactor.release_partial(echo.len_max))
    }

    /// Ends the stream: writes the held-back bytes. The redactor is at the beginning of a new one
    /// then.
    ///
    /// # Errors
    ///
    /// When writing fails: see [`PumpError`].
    pub fn finish(mut self) -> Result<PumpSummary, PumpError> {
        self.sink.finish(self.redactor).map_err(output_error)?;
        Ok(PumpSummary { bytes_in: self.bytes_in, bytes_out: self.sink.outlet.bytes_out() })
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

/// The way out: gate, gathering, descriptor.
struct Sink<'fd> {
    gate: Gate,
    outlet: Outlet<'fd>,
}

impl Sink<'_> {
    /// Pushes a piece, and sends out all that may go out now; bytes in `gifts` are not copied.
    fn push(&mut self, redactor: &mut Redactor, input: &[u8], gifts: Option<&GiftBuf>) -> Result<(), Errno> {
        let (outlet, start) = (&mut self.outlet, redactor.end());
        self.gate.push(redactor, input, &mut |piece| match gifts {
            Some(gifts) => gifts.give(piece, start, outlet),
            None => outlet.give(piece),
        })?;
        outlet.flush()
    }

    /// Sends out some of the held-back bytes.
    fn echo(&mut self, redacted: Redacted<'_>) -> Result<(), Errno> {
        self.gate.pass(redacted, &mut |piece| self.outlet.give(piece))?;
        self.outlet.flush()
    }

    /// Ends the stream, and sends out all that is left.
    fn finish(&mut self, redactor: &mut Redactor) -> Result<(), Errno> {
        self.gate.finish(redactor, &mut |piece| self.outlet.give(piece))?;
        self.outlet.flush()
    }
}
