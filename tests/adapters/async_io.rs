//! The asynchronous adapters of ring 1: their specific faults. `tests/engine/table.rs` compares
//! their output with the definition, for any peer and for futures dropped at any point.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::{SinkExt, StreamExt};
use hushlog::io::{
    AsyncRedactReader, AsyncRedactWriter, EndOfStream, LINE_HELD_BYTES_MAX, RedactDecoder, RedactEncoder, Release,
};
use hushlog::{Mask, NeedleSet, Redactor, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio_util::codec::{FramedRead, FramedWrite};

const SECRET: &[u8] = b"hunter2-prod-key";
const TEXT: &[u8] = b"a hunter2-prod-key\nhunter2-prod-ke hunter2-prod-keyhunter2-prod-key\n tail hunter2-prod";
const REDACTED: &[u8] = b"a [REDACTED:S]\nhunter2-prod-ke [REDACTED:S]\n tail [REDACTED:S]";

fn redactor() -> Redactor {
    let secrets = vec![Secret::new("S", SECRET.to_vec())];
    Redactor::new(Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("the mask fits")))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// A text much longer than all buffers, with secrets at many distances, and its redacted form.
fn long() -> (Vec<u8>, Vec<u8>) {
    let (mut text, mut redacted) = (Vec::new(), Vec::new());
    for n in 0..400 {
        let clean = vec![b'.'; n * 7 % 3_000];
        text.extend_from_slice(&[&clean[..], SECRET, b"\n"].concat());
        redacted.extend_from_slice(&[&clean[..], b"[REDACTED:S]\n"].concat());
    }
    (text, redacted)
}

/// A peer that transfers a limited number of bytes per call, and fails after some calls, once or
/// permanently.
struct Peer {
    bytes: Vec<u8>,
    len_max: usize,
    calls: usize,
    fails: Option<(usize, ErrorKind)>,
    once: bool,
}

impl Peer {
    fn new(bytes: &[u8], len_max: usize) -> Peer {
        Peer { bytes: bytes.to_vec(), len_max, calls: 0, fails: None, once: false }
    }

    fn failing(len_max: usize, after: usize, kind: ErrorKind) -> Peer {
        Peer { fails: Some((after, kind)), ..Peer::new(b"", len_max) }
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        let Some((after, kind)) = self.fails else { return Ok(()) };
        if self.calls == after + 1 || self.calls > after && !self.once { Err(kind.into()) } else { Ok(()) }
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.call()?;
        let len = bytes.len().min(self.len_max);
        self.bytes.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let len = self.len_max.min(buffer.remaining()).min(self.bytes.len());
        self.call()?;
        let bytes: Vec<u8> = self.bytes.drain(..len).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_long_text_through_a_narrow_pipe() {
    let (text, redacted) = long();
    for release in [Release::Exact, Release::Line] {
        for pipe_len in [1 << 6, 1 << 20] {
            let got = run(async {
                let (mut near, far) = duplex(pipe_len);
                let mut writer = AsyncRedactWriter::with_release(far, redactor(), release);
                let mut out = Vec::new();
                let write = async {
                    writer.write_all(&text).await.expect("the pipe is open");
                    writer.shutdown().await.expect("the pipe is open");
                };
                let read = near.read_to_end(&mut out);
                let ((), read) = tokio::join!(write, read);
                read.expect("the pipe is open");
                out
            });
            assert!(got == redacted, "written, {release:?}, a pipe of {pipe_len} bytes");
            let got = run(async {
                let (mut near, far) = duplex(pipe_len);
                let mut reader = AsyncRedactReader::with_release(far, redactor(), release);
                let mut out = Vec::new();
                let write = async {
                    near.write_all(&text).await.expect("the pipe is open");
                    near.shutdown().await.expect("the pipe is open");
                };
                let ((), read) = tokio::join!(write, reader.read_to_end(&mut out));
                read.expect("the pipe is open");
                out
            });
            assert!(got == redacted, "read, {release:?}, a pipe of {pipe_len} bytes");
        }
    }
}

#[test]
fn frames_are_the_pieces_of_one_stream() {
    let (text, redacted) = long();
    let got = run(async {
        let mut frames = FramedRead::new(&text[..], RedactDecoder::new(redactor()));
        let mut out = Vec::new();
        while let Some(frame) = frames.next().await {
            out.extend_from_slice(&frame.expect("a slice does not fail"));
        }
        out
    });
    assert!(got == redacted);
    let got = run(async {
        let mut frames = FramedWrite::new(Vec::new(), RedactEncoder::new(redactor()));
        for piece in TEXT.chunks(5) {
            frames.send(piece).await.expect("a vector takes all");
        }
        frames.send(EndOfStream).await.expect("a vector takes all");
        frames.into_inner()
    });
    assert_eq!(got, REDACTED);
}

/// Wherever it fails, the output is a prefix of the right one, and the error is reported.
#[test]
fn a_writer_that_fails_at_the_nth_call_has_written_a_beginning() {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
        for nth in 0..12 {
            let peer = Peer::failing(2, nth, kind);
            let mut writer = AsyncRedactWriter::new(peer, redactor());
            let error = run(async {
                for piece in TEXT.chunks(7) {
                    writer.write_all(piece).await?;
                }
                writer.shutdown().await
            });
            assert_eq!(error.expect_err("the peer fails for good").kind(), kind);
            let peer = writer.into_inner();
            assert!(REDACTED.starts_with(&peer.bytes), "failed at call {nth}");
            assert!((nth..=2 * nth).contains(&peer.bytes.len()), "failed at call {nth}");
        }
    }
}

/// After a temporary error, the same writer continues, and not a byte is missing or doubled.
#[test]
fn a_writer_goes_on_after_an_error() {
    for nth in 0..12 {
        let peer = Peer { once: true, ..Peer::failing(3, nth, ErrorKind::ConnectionReset) };
        let mut writer = AsyncRedactWriter::new(peer, redactor());
        run(async {
            let mut rest = TEXT;
            while !rest.is_empty() {
                let taken = writer.write(&rest[..rest.len().min(9)]).await;
                rest = &rest[taken.unwrap_or(0)..];
            }
            while writer.finish().await.is_err() {}
        });
        assert_eq!(writer.get_ref().bytes, REDACTED, "failed at call {nth}");
    }
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let peer = Peer::new(b"", 0);
    let mut writer = AsyncRedactWriter::new(peer, redactor());
    run(async {
        writer.write_all(b"text").await.expect("taken in, and pending");
        assert_eq!(writer.flush().await.expect_err("0 bytes were taken").kind(), ErrorKind::WriteZero);
    });
}

#[test]
fn a_reader_hands_errors_on_and_loses_nothing() {
    for nth in 0..12 {
        let peer = Peer { bytes: TEXT.to_vec(), ..Peer::failing(5, nth, ErrorKind::ConnectionReset) };
        let mut reader = AsyncRedactReader::new(peer, redactor());
        let mut out = Vec::new();
        let error = run(reader.read_to_end(&mut out)).expect_err("the peer fails for good");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let mut redactor = redactor();
        assert_eq!(out, redactor.push(&TEXT[..5 * nth]).to_vec(), "failed at call {nth}");
    }
}

#[test]
fn a_reader_ends_for_good() {
    let peer = Peer::new(b"text hunt", 100);
    let mut reader = AsyncRedactReader::new(peer, redactor());
    run(async {
        let mut buffer = [0; 100];
        assert_eq!(reader.read(&mut []).await.expect("no room, no error"), 0);
        assert_eq!(reader.read(&mut buffer).await.expect("some text"), 5);
        assert_eq!(reader.read(&mut buffer).await.expect("the end"), 4);
        let calls = reader.get_ref().calls;
        for _ in 0..3 {
            assert_eq!(reader.read(&mut buffer).await.expect("the end"), 0);
        }
        assert_eq!(reader.get_ref().calls, calls, "the peer was asked again after its end");
    });
}

/// An unfinished line that became too long is emitted, so that no stream stalls: all but a constant
/// end, where a secret could begin.
#[test]
fn an_overlong_line_goes_out() {
    let mut writer = AsyncRedactWriter::with_release(Vec::new(), redactor(), Release::Line);
    run(async {
        writer.write_all(b"line\nprompt ").await.expect("a vector takes all");
        assert_eq!(writer.get_ref(), b"line\n");
        writer.write_all(&vec![b'x'; LINE_HELD_BYTES_MAX]).await.expect("a vector takes all");
        let line_len = "prompt ".len() + LINE_HELD_BYTES_MAX;
        assert_eq!(writer.get_ref().len(), "line\n".len() + line_len - (SECRET.len() - 1));
    });
}

/// `Debug` shows no data, and a dropped writer emits none.
#[test]
fn nothing_shows_by_itself() {
    let mut writer = AsyncRedactWriter::new(Vec::new(), redactor());
    run(writer.write_all(b"hunter2-prod-ke")).expect("a vector takes all");
    assert_eq!(format!("{writer:?}"), "AsyncRedactWriter { .. }");
    assert_eq!(writer.into_inner(), b"");
    let reader = AsyncRedactReader::new(TEXT, redactor());
    assert_eq!(format!("{reader:?}"), "AsyncRedactReader { .. }");
    assert_eq!(format!("{:?}", RedactEncoder::new(redactor())), "RedactEncoder { .. }");
    assert_eq!(format!("{:?}", RedactDecoder::new(redactor())), "RedactDecoder { .. }");
}

/// A sink that cannot be moved as long as its future is alive.
#[test]
fn a_pinned_writer_is_driven_by_hand() {
    struct Unmovable(Vec<u8>, std::marker::PhantomPinned);
    impl AsyncWrite for Unmovable {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            // SAFETY: the vector is not structurally pinned, and nothing is moved out of it.
            unsafe { self.get_unchecked_mut() }.0.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let unmovable = Unmovable(Vec::new(), std::marker::PhantomPinned);
    let mut writer = Box::pin(AsyncRedactWriter::new(unmovable, redactor()));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(writer.as_mut().poll_write(cx, TEXT), Poll::Ready(Ok(len)) if len == TEXT.len()));
    assert!(matches!(writer.as_mut().poll_finish(cx), Poll::Ready(Ok(()))));
    assert_eq!(writer.get_ref().0, REDACTED);
}
