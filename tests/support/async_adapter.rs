//! The asynchronous adapters as engines, polled by hand: every call is a future of its own, dropped when it has to wait.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use hushlog::io::{AsyncRedactReader, AsyncRedactWriter, EndOfStream, RedactDecoder, RedactEncoder};
use hushlog::{NeedleSet, Redactor};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

use super::adapter::Whim;
use super::engine::Engine;

/// The other side: bytes on their way, and its whims, of which [`Whim::Busy`] makes whoever asks wait.
#[derive(Clone)]
struct End(Rc<Wire>);

struct Wire {
    bytes: RefCell<VecDeque<u8>>,
    whims: Rc<[Whim]>,
    step: Cell<usize>,
    ended: Cell<bool>,
    shut_down: Cell<bool>,
}

impl End {
    fn new(whims: &[Whim]) -> End {
        End(Rc::new(Wire {
            bytes: RefCell::default(),
            whims: whims.into(),
            step: Cell::new(0),
            ended: Cell::new(false),
            shut_down: Cell::new(false),
        }))
    }

    /// How many of `len` bytes may pass now.
    fn admit(&self, len: usize) -> Poll<io::Result<usize>> {
        let step = self.0.step.replace(self.0.step.get() + 1);
        match self.0.whims[step % self.0.whims.len()] {
            Whim::All => Poll::Ready(Ok(len)),
            Whim::Some(most) => Poll::Ready(Ok(len.min(most))),
            Whim::Interrupted => Poll::Ready(Err(ErrorKind::Interrupted.into())),
            Whim::Busy => Poll::Pending,
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let admitted = self.admit(bytes.len());
        if let Poll::Ready(Ok(len)) = admitted {
            self.0.bytes.borrow_mut().extend(&bytes[..len]);
        }
        admitted
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.admit(0).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let admitted = self.admit(0).map_ok(|_| ());
        self.0.shut_down.set(matches!(admitted, Poll::Ready(Ok(()))));
        admitted
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.0.bytes.borrow_mut();
        if bytes.is_empty() {
            return if self.0.ended.get() { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        self.admit(buffer.remaining().min(bytes.len())).map_ok(|len| {
            let admitted: Vec<u8> = bytes.drain(..len).collect();
            buffer.put_slice(&admitted);
        })
    }
}

/// What the future of one call gives, polled once: `None` if it has to wait, and is cancelled.
fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// An [`AsyncRedactWriter`].
pub struct AsyncWritten {
    writer: AsyncRedactWriter<End>,
    wire: End,
    /// A stream is ended by a shutdown, and not by `finish`.
    by_shutdown: bool,
}

/// Makes a call until it has ended.
macro_rules! insist {
    ($call:expr) => {
        loop {
            match once($call) {
                Some(Ok(done)) => break done,
                Some(Err(error)) => {
                    assert!(error.kind() == ErrorKind::Interrupted, "an error that nobody made: {error}")
                }
                None => {}
            }
        }
    };
}

impl AsyncWritten {
    pub fn new(set: Arc<NeedleSet>, stump: bool, by_shutdown: bool, whims: &[Whim]) -> AsyncWritten {
        let wire = End::new(whims);
        let writer = AsyncRedactWriter::new(wire.clone(), Redactor::new(set).mask_stump(stump));
        AsyncWritten { writer, wire, by_shutdown }
    }

    fn collect(&mut self, out: &mut Vec<u8>) {
        out.extend(self.wire.0.bytes.borrow_mut().drain(..));
    }
}

impl Engine for AsyncWritten {
    fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !piece.is_empty() {
            let taken: usize = insist!(self.writer.write(piece));
            piece = &piece[taken..];
        }
        insist!(self.writer.flush());
        self.collect(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.by_shutdown {
            insist!(self.writer.shutdown());
            assert!(self.wire.0.shut_down.replace(false), "the writer behind was not shut down");
        } else {
            insist!(self.writer.finish());
        }
        self.collect(out);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.writer.swap(set);
        insist!(self.writer.flush());
        self.collect(out);
    }

    fn held(&self) -> Option<usize> {
        None
    }
}

/// An [`AsyncRedactReader`], read into buffers of one length.
pub struct AsyncReadFrom {
    set: Arc<NeedleSet>,
    stump: bool,
    reader: AsyncRedactReader<End>,
    buffer: Vec<u8>,
}

impl AsyncReadFrom {
    pub fn new(set: Arc<NeedleSet>, stump: bool, buffer_len: usize, whims: &[Whim]) -> AsyncReadFrom {
        let redactor = Redactor::new(Arc::clone(&set)).mask_stump(stump);
        let reader = AsyncRedactReader::new(End::new(whims), redactor);
        AsyncReadFrom { set, stump, reader, buffer: vec![0; buffer_len] }
    }

    /// Reads until the wire is empty, or to the end.
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            match once(self.reader.read(&mut self.buffer)) {
                Some(Ok(0)) => break,
                Some(Ok(len)) => out.extend_from_slice(&self.buffer[..len]),
                Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                None => {
                    let wire = &self.reader.get_ref().0;
                    if wire.bytes.borrow().is_empty() && !wire.ended.get() {
                        break;
                    }
                }
            }
        }
    }
}

impl Engine for AsyncReadFrom {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.reader.get_ref().0.bytes.borrow_mut().extend(piece);
        self.drain(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.reader.get_ref().0.ended.set(true);
        self.drain(out);
        let whims = Rc::clone(&self.reader.get_ref().0.whims);
        *self = AsyncReadFrom::new(Arc::clone(&self.set), self.stump, self.buffer.len(), &whims);
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

/// A [`RedactEncoder`].
pub struct Encoded {
    encoder: RedactEncoder,
    sent: BytesMut,
}

impl Encoded {
    pub fn new(set: Arc<NeedleSet>, stump: bool) -> Encoded {
        Encoded { encoder: RedactEncoder::new(Redactor::new(set).mask_stump(stump)), sent: BytesMut::new() }
    }
}

impl Engine for Encoded {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.encoder.encode(piece, &mut self.sent).expect("encoding does not fail");
        out.extend_from_slice(&self.sent.split());
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.encoder.encode(EndOfStream, &mut self.sent).expect("encoding does not fail");
        out.extend_from_slice(&self.sent.split());
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.encoder.swap(set);
        self.push(b"", out);
    }

    fn held(&self) -> Option<usize> {
        None
    }
}

/// A [`RedactDecoder`], asked as a `FramedRead` asks.
pub struct Decoded {
    decoder: RedactDecoder,
    come: BytesMut,
}

impl Decoded {
    pub fn new(set: Arc<NeedleSet>, stump: bool) -> Decoded {
        Decoded { decoder: RedactDecoder::new(Redactor::new(set).mask_stump(stump)), come: BytesMut::new() }
    }
}

impl Engine for Decoded {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.come.extend_from_slice(piece);
        while let Some(frame) = self.decoder.decode(&mut self.come).expect("decoding does not fail") {
            assert!(!frame.is_empty());
            out.extend_from_slice(&frame);
        }
        assert!(self.come.is_empty());
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        while let Some(frame) = self.decoder.decode_eof(&mut self.come).expect("decoding does not fail") {
            out.extend_from_slice(&frame);
        }
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.decoder.swap(set);
        self.push(b"", out);
    }

    fn held(&self) -> Option<usize> {
        None
    }
}
