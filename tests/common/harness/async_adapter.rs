//! The asynchronous adapters as engines, polled by hand: every call is a separate future, dropped
//! when it has to wait.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use hushlog::io::{AsyncRedactReader, AsyncRedactWriter, EndOfStream, RedactDecoder, RedactEncoder};
use hushlog::{NeedleSet, Redactor};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

use super::adapter::{End, Whim};
use super::engine::Engine;

/// The other end with a polled interface: if it is busy, the caller waits.
#[derive(Clone)]
struct Polled {
    end: End,
    shut_down: Rc<Cell<bool>>,
}

impl Polled {
    fn new(end: End) -> Polled {
        Polled { end, shut_down: Rc::default() }
    }
}

fn polled<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

impl AsyncWrite for Polled {
    fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        polled(self.end.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        polled(self.end.admit(0).map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let admitted = polled(self.end.admit(0).map(drop));
        self.shut_down.set(matches!(admitted, Poll::Ready(Ok(()))));
        admitted
    }
}

impl AsyncRead for Polled {
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.end.read(buffer.initialize_unfilled());
        polled(read.map(|len| buffer.advance(len)))
    }
}

/// The result of a call's future, polled once: `None` if it has to wait, and is cancelled.
fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// An [`AsyncRedactWriter`].
pub struct AsyncWritten {
    writer: AsyncRedactWriter<Polled>,
    wire: Polled,
    /// A stream is ended by a shutdown, and not by `finish`.
    by_shutdown: bool,
}

/// Repeats a call until it completes.
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
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool, by_shutdown: bool, whims: &[Whim]) -> AsyncWritten {
        let wire = Polled::new(End::new(whims));
        let writer = AsyncRedactWriter::new(wire.clone(), Redactor::new(set).mask_partial(mask_partial));
        AsyncWritten { writer, wire, by_shutdown }
    }
}

impl Engine for AsyncWritten {
    fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !piece.is_empty() {
            let taken: usize = insist!(self.writer.write(piece));
            piece = &piece[taken..];
        }
        insist!(self.writer.flush());
        self.wire.end.collect(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.by_shutdown {
            insist!(self.writer.shutdown());
            assert!(self.wire.shut_down.replace(false), "the writer behind was not shut down");
        } else {
            insist!(self.writer.finish());
        }
        self.wire.end.collect(out);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.writer.swap(set);
        insist!(self.writer.flush());
        self.wire.end.collect(out);
    }
}

/// An [`AsyncRedactReader`], read into buffers of one length.
pub struct AsyncReadFrom {
    set: Arc<NeedleSet>,
    mask_partial: bool,
    reader: AsyncRedactReader<Polled>,
    buffer: Vec<u8>,
}

impl AsyncReadFrom {
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool, buffer_len: usize, whims: &[Whim]) -> AsyncReadFrom {
        AsyncReadFrom::of(End::new(whims), set, mask_partial, buffer_len)
    }

    fn of(wire: End, set: Arc<NeedleSet>, mask_partial: bool, buffer_len: usize) -> AsyncReadFrom {
        let redactor = Redactor::new(Arc::clone(&set)).mask_partial(mask_partial);
        let reader = AsyncRedactReader::new(Polled::new(wire), redactor);
        AsyncReadFrom { set, mask_partial, reader, buffer: vec![0; buffer_len] }
    }

    /// Reads until the wire is empty, or to the end.
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            match once(self.reader.read(&mut self.buffer)) {
                Some(Ok(0)) => break,
                Some(Ok(len)) => out.extend_from_slice(&self.buffer[..len]),
                Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                None if self.reader.get_ref().end.is_idle() => break,
                None => {}
            }
        }
    }
}

impl Engine for AsyncReadFrom {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.reader.get_ref().end.bring(piece);
        self.drain(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.reader.get_ref().end.end();
        self.drain(out);
        let wire = self.reader.get_ref().end.anew();
        *self = AsyncReadFrom::of(wire, Arc::clone(&self.set), self.mask_partial, self.buffer.len());
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        self.reader.swap(Arc::clone(&set));
        self.set = set;
        self.drain(out);
    }
}

/// A [`RedactEncoder`].
pub struct Encoded {
    encoder: RedactEncoder,
    sent: BytesMut,
}

impl Encoded {
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool) -> Encoded {
        Encoded { encoder: RedactEncoder::new(Redactor::new(set).mask_partial(mask_partial)), sent: BytesMut::new() }
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
}

/// A [`RedactDecoder`], called as by a `FramedRead`.
pub struct Decoded {
    decoder: RedactDecoder,
    come: BytesMut,
}

impl Decoded {
    pub fn new(set: Arc<NeedleSet>, mask_partial: bool) -> Decoded {
        Decoded { decoder: RedactDecoder::new(Redactor::new(set).mask_partial(mask_partial)), come: BytesMut::new() }
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
}
