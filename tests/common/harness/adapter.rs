//! The adapters of ring 1 as engines; their output after each piece is read at the other end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use hushlog::io::{RedactReader, RedactWriter};
use hushlog::{NeedleSet, Redactor};

use super::engine::Engine;

/// The behaviour of an adapter's other end: a sequence of steps that repeats.
#[derive(Clone, Copy)]
pub enum Whim {
    /// The whole request.
    All,
    /// At most this many bytes of it.
    Some(usize),
    /// An error after which the caller retries.
    Interrupted,
    Busy,
}

type Whims = &'static [Whim];

/// The other end: bytes written to it can be read from it, as its whims allow.
#[derive(Clone)]
pub(super) struct End(Rc<RefCell<Wire>>);

struct Wire {
    bytes: VecDeque<u8>,
    whims: Rc<[Whim]>,
    step: usize,
    ended: bool,
}

impl End {
    pub(super) fn new(whims: &[Whim]) -> End {
        End(Rc::new(RefCell::new(Wire { bytes: VecDeque::new(), whims: whims.into(), step: 0, ended: false })))
    }

    /// The number of bytes, of `len`, that may pass now.
    pub(super) fn admit(&self, len: usize) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let whim = wire.whims[wire.step % wire.whims.len()];
        wire.step += 1;
        match whim {
            Whim::All => Ok(len),
            Whim::Some(most) => Ok(len.min(most)),
            Whim::Interrupted => Err(ErrorKind::Interrupted.into()),
            Whim::Busy => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Adds bytes for the reader of this end.
    pub(super) fn bring(&self, bytes: &[u8]) {
        self.0.borrow_mut().bytes.extend(bytes);
    }

    /// Appends all bytes that were written here.
    pub(super) fn collect(&self, out: &mut Vec<u8>) {
        out.extend(self.0.borrow_mut().bytes.drain(..));
    }

    /// Ends the input.
    pub(super) fn end(&self) {
        self.0.borrow_mut().ended = true;
    }

    /// Whether a reader has to wait because there is no data, and not because of a whim.
    pub(super) fn is_idle(&self) -> bool {
        let wire = self.0.borrow();
        wire.bytes.is_empty() && !wire.ended
    }

    /// A new end with the same whims.
    pub(super) fn anew(&self) -> End {
        End::new(&self.0.borrow().whims)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.admit(bytes.len())?;
        self.bring(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for End {
    /// An empty wire is busy, or has ended.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = buffer.len().min(self.0.borrow().bytes.len());
        if waiting == 0 {
            return if self.is_idle() { Err(ErrorKind::WouldBlock.into()) } else { Ok(0) };
        }
        let len = self.admit(waiting)?;
        let mut wire = self.0.borrow_mut();
        wire.bytes.drain(..len).zip(buffer).for_each(|(byte, room)| *room = byte);
        Ok(len)
    }
}

/// A [`RedactWriter`].
pub struct Written {
    writer: RedactWriter<End>,
    wire: End,
}

impl Written {
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool, whims: &[Whim]) -> Written {
        let wire = End::new(whims);
        Written { writer: RedactWriter::new(wire.clone(), Redactor::new(set).mask_partial(mask_partial)), wire }
    }

    /// Repeats calls that fail temporarily.
    fn insist<T>(&mut self, mut call: impl FnMut(&mut RedactWriter<End>) -> io::Result<T>) -> T {
        loop {
            match call(&mut self.writer) {
                Ok(done) => return done,
                Err(error) => assert!(error.kind() == ErrorKind::WouldBlock, "an error that nobody made: {error}"),
            }
        }
    }
}

impl Engine for Written {
    fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !piece.is_empty() {
            let taken = self.insist(|writer| writer.write(piece));
            piece = &piece[taken..];
        }
        self.insist(|writer| writer.flush());
        self.wire.collect(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.insist(RedactWriter::try_finish);
        self.wire.collect(out);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.writer.swap(set);
        self.insist(|writer| writer.flush());
        self.wire.collect(out);
    }
}

/// A [`RedactReader`], read into buffers of one length.
pub struct ReadFrom {
    set: Arc<NeedleSet>,
    mask_partial: bool,
    reader: RedactReader<End>,
    buffer: Vec<u8>,
}

impl ReadFrom {
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool, buffer_len: usize, whims: &[Whim]) -> ReadFrom {
        ReadFrom::of(End::new(whims), set, mask_partial, buffer_len)
    }

    fn of(wire: End, set: Arc<NeedleSet>, mask_partial: bool, buffer_len: usize) -> ReadFrom {
        let reader = RedactReader::new(wire, Redactor::new(Arc::clone(&set)).mask_partial(mask_partial));
        ReadFrom { set, mask_partial, reader, buffer: vec![0; buffer_len] }
    }

    /// Reads until the wire is empty, or to the end.
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(len) => out.extend_from_slice(&self.buffer[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    assert!(error.kind() == ErrorKind::WouldBlock, "an error that nobody made: {error}");
                    if self.reader.get_ref().is_idle() {
                        break;
                    }
                }
            }
        }
    }
}

impl Engine for ReadFrom {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.reader.get_ref().bring(piece);
        self.drain(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.reader.get_ref().end();
        self.drain(out);
        let wire = self.reader.get_ref().anew();
        *self = ReadFrom::of(wire, Arc::clone(&self.set), self.mask_partial, self.buffer.len());
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.reader.swap(Arc::clone(&set));
        self.set = set;
        self.drain(out);
    }
}

/// The other end at its best, and at its worst.
pub const CALM: Whims = &[Whim::All];
pub const WILD: Whims =
    &[Whim::Some(1), Whim::Interrupted, Whim::Some(3), Whim::Busy, Whim::Busy, Whim::Some(2), Whim::Interrupted];
