//! From descriptor to descriptor: what the filter does.
//!
//! What was tried, on two cores of an AMD EPYC (Zen 5, 1 MiB of L2 each, Linux 6.18) with 538 MB of log in the page cache, as
//! `cat LOG | X | cat >/dev/null`, with plain copiers in the place of X, medians of 15 rounds in turn; milliseconds in all, and
//! processor time of X:
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
//! - `tee` and `splice` of the *input's* pages are out: who wrote them may have used `vmsplice` or `splice` himself, and change them
//!   after they were scanned and before they are read. What goes out must be memory that only we could write.
//! - Pages of one buffer, handed on and used again, are out: see [`gift`](super::gift). `SPLICE_F_GIFT` would change nothing.
//! - A file is read, not mapped: it may change, or shrink, under the scan.
//! - Lists of many small slices instead of gathering: see [`fd`](super::fd).
//! - Not tried: a second thread that reads ahead. With three busy processes on two cores there is no core for it. Where the filter
//!   is the slowest of all (to a file 3% to 9% behind `cat`, between sockets 9% to 39%, on a loaded machine) it would hide the
//!   scan. Ending that thread while it waits for input that never comes is what makes it costly to get right.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::fd::Outlet;
use super::gift::GiftBuf;
use super::given::Given;
use super::line::{Gate, Release};
use super::source::Source;
use crate::redact::redactor::{Redacted, Redactor};

/// How [`pump`] goes about it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PumpOptions {
    /// When redacted bytes go out.
    pub release: Release,
    /// The input is the master side of a pseudo-terminal, which ends with the error EIO instead of an end of file.
    pub eio_ends: bool,
}

/// What went through.
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
    /// Reading failed. What had been read is redacted and written, as at the end of a stream.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// Writing failed. What was written before is a beginning of the right output.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// Nobody reads the output any more (EPIPE). For a filter this is a way to end, not a fault.
    #[error("nobody reads the output")]
    OutputClosed,
}

/// Redacts what comes from `input`, and writes it to `output`, up to the end of the input.
///
/// Each piece goes out before the next is read, all of it but what may begin a needle (and with [`Release::Line`], the rest
/// of the line); there are no threads and no timers. Descriptors of every kind will do, non-blocking ones too; their flags
/// are left alone, since other processes share them. The pipes of a busy stream are enlarged, to 1 MiB where that is allowed.
/// SIGPIPE and SIGXFSZ must be ignored, as Rust's runtime does with the first, or they end the process instead of the pump.
///
/// Memory: 200 KiB, with [`Release::Line`] up to 1 MiB more, and 2 to 6 MiB for a busy stream that goes to a pipe, all of it wiped
/// in the end or given back to the kernel.
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
    let mut source = Source::new(input, output);
    let mut sink = Sink { gate: Gate::new(options.release), outlet: Outlet::new(output) };
    let mut bytes_in = 0;
    let ended = loop {
        match source.read() {
            Ok(0) => break Ok(()),
            Err(Errno::IO) if options.eio_ends => break Ok(()),
            Err(error) => break Err(PumpError::Input(error.into())),
            Ok(len) => {
                bytes_in += len as u64;
                sink.send(redactor.push(source.piece(len)), source.gifts()).map_err(output_error)?;
                source.retire(len);
            }
        }
    };
    sink.send(redactor.finish(), None).and_then(|()| sink.end()).map_err(output_error)?;
    ended.map(|()| PumpSummary { bytes_in, bytes_out: sink.outlet.bytes_out() })
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
    /// Sends out all that may go out now; what lies in `gifts` without being copied.
    fn send(&mut self, redacted: Redacted<'_>, gifts: Option<&GiftBuf>) -> Result<(), Errno> {
        let outlet = &mut self.outlet;
        for given in Given::all(redacted) {
            self.gate.pass(given, &mut |given| match gifts {
                Some(gifts) => gifts.give(given, outlet),
                None => outlet.give(given),
            })?;
        }
        outlet.flush()
    }

    /// Sends out what waits for the end of its line: the stream has ended.
    fn end(&mut self) -> Result<(), Errno> {
        self.gate.end(&mut |given| self.outlet.give(given))?;
        self.outlet.flush()
    }
}
