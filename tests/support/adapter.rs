//! The adapters of ring 1 as engines: what they have given out after each piece is seen from behind.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use hushlog::io::{RedactReader, RedactWriter};
use hushlog::{NeedleSet, Redactor};

use super::engine::Engine;

/// How the other side of an adapter behaves, step after step, and from the start again at the end.
#[derive(Clone, Copy)]
pub enum Whim {
    /// All that is asked for.
    All,
    /// So many bytes of it at most.
    Some(usize),
    /// An error after which one tries again.
    Interrupted,
    Busy,
}

type Whims = &'static [Whim];

/// The other side: bytes on their way, and its whims.
struct Wire {
    bytes: VecDeque<u8>,
    whims: Rc<[Whim]>,
    step: usize,
}

impl Wire {
    /// How many of `len` bytes may pass now.
    fn admit(&mut self, len: usize) -> io::Result<usize> {
        let whim = self.whims[self.step % self.whims.len()];
        self.step += 1;
        match whim {
            Whim::All => Ok(len),
            Whim::Some(most) => Ok(len.min(most)),
            Whim::Interrupted => Err(ErrorKind::Interrupted.into()),
            Whim::Busy => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

#[derive(Clone)]
struct End(Rc<RefCell<Wire>>);

impl End {
    fn new(whims: &[Whim]) -> End {
        End(Rc::new(RefCell::new(Wire { bytes: VecDeque::new(), whims: whims.into(), step: 0 })))
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let len = wire.admit(bytes.len())?;
        wire.bytes.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for End {
    /// With nothing on the wire it is busy; it never ends by itself.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let waiting = buffer.len().min(wire.bytes.len());
        let len = wire.admit(waiting)?;
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = wire.bytes.drain(..len).collect();
        buffer[..len].copy_from_slice(&bytes);
        Ok(len)
    }
}

/// A [`RedactWriter`].
pub struct Written {
    writer: RedactWriter<End>,
    wire: End,
}

impl Written {
    pub fn new(set: Arc<NeedleSet>, stump: bool, whims: &[Whim]) -> Written {
        let wire = End::new(whims);
        Written { writer: RedactWriter::new(wire.clone(), Redactor::new(set).mask_stump(stump)), wire }
    }

    /// Repeats what failed for a moment.
    fn insist<T>(&mut self, mut call: impl FnMut(&mut RedactWriter<End>) -> io::Result<T>) -> T {
        loop {
            match call(&mut self.writer) {
                Ok(done) => return done,
                Err(error) => assert!(error.kind() == ErrorKind::WouldBlock, "an error that nobody made: {error}"),
            }
        }
    }

    fn collect(&mut self, out: &mut Vec<u8>) {
        out.extend(self.wire.0.borrow_mut().bytes.drain(..));
    }
}

impl Engine for Written {
    fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !piece.is_empty() {
            let taken = self.insist(|writer| writer.write(piece));
            piece = &piece[taken..];
        }
        self.insist(|writer| writer.flush());
        self.collect(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.insist(RedactWriter::try_finish);
        self.collect(out);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.writer.swap(set);
        self.insist(|writer| writer.flush());
        self.collect(out);
    }

    fn held(&self) -> Option<usize> {
        None
    }
}

/// A reader that ends when it is told to.
struct Ending {
    wire: End,
    ended: Rc<RefCell<bool>>,
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if *self.ended.borrow() && self.wire.0.borrow().bytes.is_empty() { Ok(0) } else { self.wire.read(buffer) }
    }
}

/// A [`RedactReader`], read into buffers of one length.
pub struct ReadFrom {
    set: Arc<NeedleSet>,
    stump: bool,
    reader: RedactReader<Ending>,
    buffer: Vec<u8>,
}

impl ReadFrom {
    pub fn new(set: Arc<NeedleSet>, stump: bool, buffer_len: usize, whims: &[Whim]) -> ReadFrom {
        let ending = Ending { wire: End::new(whims), ended: Rc::default() };
        let reader = RedactReader::new(ending, Redactor::new(Arc::clone(&set)).mask_stump(stump));
        ReadFrom { set, stump, reader, buffer: vec![0; buffer_len] }
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
                    if self.reader.get_ref().wire.0.borrow().bytes.is_empty() && !*self.reader.get_ref().ended.borrow()
                    {
                        break;
                    }
                }
            }
        }
    }
}

impl Engine for ReadFrom {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.reader.get_ref().wire.0.borrow_mut().bytes.extend(piece);
        self.drain(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.reader.get_ref().ended.replace(true);
        self.drain(out);
        let whims: Vec<Whim> = self.reader.get_ref().wire.0.borrow().whims.to_vec();
        *self = ReadFrom::new(Arc::clone(&self.set), self.stump, self.buffer.len(), &whims);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.reader.swap(Arc::clone(&set));
        self.set = set;
        self.drain(out);
    }

    fn held(&self) -> Option<usize> {
        None
    }
}

/// The other side at its best, and at its worst.
pub const CALM: Whims = &[Whim::All];
pub const WILD: Whims =
    &[Whim::Some(1), Whim::Interrupted, Whim::Some(3), Whim::Busy, Whim::Busy, Whim::Some(2), Whim::Interrupted];
