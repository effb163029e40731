//! A redacting [`Write`].

use core::fmt;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};

use super::given::{Given, GivenBuf};
use super::line::{Gate, Release};
use crate::redact::redactor::{Redacted, Redactor};

/// How many bytes are taken in by one call of `write`.
const WRITE_LEN_MAX: usize = 64 << 10;
/// Shorter slices are gathered into one call, in bytes.
const DIRECT_LEN_MIN: usize = 4 << 10;

/// Redacts what is written to it, and writes that to `W`.
///
/// All that may go out goes out within the same call; there is no buffering beyond the redactor's hold-back. `flush` does not
/// release the hold-back, since it may be the first half of a secret: [`finish`](RedactWriter::finish) does, at the end of
/// the stream. Dropping the writer finishes too, and ignores errors.
///
/// ```
/// use std::io::Write;
/// use std::sync::Arc;
/// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::RedactWriter};
///
/// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
/// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
/// let mut log = RedactWriter::new(Vec::new(), Redactor::new(set));
/// log.write_all(b"token=hunter2-")?;
/// log.write_all(b"prod-key ok\n")?;
/// assert_eq!(log.finish()?, b"token=[REDACTED:TOKEN] ok\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of `W`. What was taken in when they occurred is kept redacted, and goes out first at the next call: a call fails
/// if and only if nothing of its own bytes was taken in, so that a caller may try again after [`ErrorKind::WouldBlock`], say.
/// Interrupted calls are repeated. At most 64 KiB of input, redacted, are kept so.
pub struct RedactWriter<W: Write> {
    redactor: Redactor,
    gate: Gate,
    debtor: Debtor<W>,
}

impl<W: Write> RedactWriter<W> {
    /// A writer at the beginning of a stream, with [`Release::Exact`].
    pub fn new(inner: W, redactor: Redactor) -> RedactWriter<W> {
        RedactWriter::with_release(inner, redactor, Release::Exact)
    }

    /// A writer at the beginning of a stream.
    pub fn with_release(inner: W, redactor: Redactor, release: Release) -> RedactWriter<W> {
        let debtor = Debtor { inner: Some(inner), owed: GivenBuf::new(WRITE_LEN_MAX), in_call: false };
        RedactWriter { redactor, gate: Gate::new(release), debtor }
    }

    /// Ends the stream: writes what was held back, flushes, and gives `W` back.
    ///
    /// # Errors
    ///
    /// Those of `W`, which is dropped then; [`try_finish`](RedactWriter::try_finish) keeps it.
    pub fn finish(mut self) -> io::Result<W> {
        self.try_finish()?;
        Ok(self.debtor.inner.take().expect("only finish takes it"))
    }

    /// Ends the stream: writes what was held back, and flushes. What is written afterwards is a new stream.
    ///
    /// # Errors
    ///
    /// Those of `W`. Calling it again goes on where it stopped.
    pub fn try_finish(&mut self) -> io::Result<()> {
        take_all(self.redactor.finish(), &mut self.gate, &mut self.debtor);
        let Ok(()) = self.gate.end(&mut |given| self.debtor.take(given));
        self.flush()
    }

    /// The writer behind this one.
    pub fn get_ref(&self) -> &W {
        self.debtor.inner.as_ref().expect("only finish takes it")
    }
}

impl<W: Write> Write for RedactWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.debtor.pay()?;
        let taken = &bytes[..bytes.len().min(WRITE_LEN_MAX)];
        take_all(self.redactor.push(taken), &mut self.gate, &mut self.debtor);
        // The bytes are taken in, so this call has succeeded: what does not go out now is owed.
        let _ = self.debtor.pay();
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.debtor.pay()?;
        self.debtor.call(|inner| inner.flush())
    }
}

impl<W: Write> Drop for RedactWriter<W> {
    fn drop(&mut self) {
        // Not after a panic of the writer behind: what state that is in is anybody's guess.
        if self.debtor.inner.is_some() && !self.debtor.in_call {
            let _ = self.try_finish();
        }
    }
}

impl<W: Write> fmt::Debug for RedactWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactWriter").finish_non_exhaustive()
    }
}

fn take_all<W: Write>(redacted: Redacted<'_>, gate: &mut Gate, debtor: &mut Debtor<W>) {
    for given in Given::all(redacted) {
        let Ok(()) = gate.pass(given, &mut |given| debtor.take(given));
    }
}

/// A writer, and what it still has to take.
struct Debtor<W> {
    /// `None` when it was given back.
    inner: Option<W>,
    owed: GivenBuf,
    /// A call of the writer is under way, or panicked.
    in_call: bool,
}

impl<W: Write> Debtor<W> {
    /// Takes a slice, and writes what it can.
    fn take(&mut self, given: Given<'_>) -> Result<(), Infallible> {
        if given.bytes().len() < DIRECT_LEN_MIN && self.owed.append(given) {
            return Ok(());
        }
        let mut rest = given;
        if self.pay().is_ok() {
            while !rest.bytes().is_empty() {
                let Ok(written) = self.write(rest) else { break };
                rest = rest.split_at(written).1;
            }
        }
        self.owed.append_growing(rest);
        Ok(())
    }

    /// Writes what is owed, all of it or an error.
    fn pay(&mut self) -> io::Result<()> {
        while !self.owed.is_empty() {
            let owed = std::mem::replace(&mut self.owed, GivenBuf::new(0));
            let written = self.write(owed.content());
            self.owed = owed;
            self.owed.consume(written?);
        }
        Ok(())
    }

    fn write(&mut self, given: Given<'_>) -> io::Result<usize> {
        match self.call(|inner| inner.write(given.bytes()))? {
            0 => Err(ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn call<T>(&mut self, mut call: impl FnMut(&mut W) -> io::Result<T>) -> io::Result<T> {
        let inner = self.inner.as_mut().expect("only finish takes it");
        self.in_call = true;
        let result = loop {
            match call(inner) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.in_call = false;
        result
    }
}
