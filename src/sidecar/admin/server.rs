//! HTTP/1.1 on loopback or a Unix socket, one answer a connection: for metrics, and for the
//! console.
//!
//! hyper reads the request and axum routes it. `axum::serve` limits neither the number of clients
//! nor their time, so the loop that accepts connections is here.
//!
//! A web page elsewhere may rebind its own name to a loopback address (DNS rebinding), and then
//! read an answer. So callers check the host of each request: see [`is_local`].

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::sys::locked;

/// The time limit for the head of a request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// The time that a client has to read its answer and close the connection.
const LINGER: Duration = Duration::from_secs(2);
/// The pause after a failed accept: without descriptors it fails at once, again and again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The time limit for a client, from its connection to the end of its answer.
    pub(crate) client_time_max: Duration,
    /// The limit on clients served at once. Others wait until the kernel refuses them.
    pub(crate) clients_max: usize,
    /// The maximum length of a request up to the end of its headers, in bytes. hyper's least limit
    /// is 8 KiB.
    pub(crate) head_len_max: usize,
    /// Whether forms hold secrets. Memory is locked then before a form is read into it.
    pub(crate) locks_forms: bool,
}

/// A listening socket.
#[cfg_attr(not(feature = "console"), expect(dead_code, reason = "only the console has a path"))]
pub(crate) enum Listener {
    /// At a port.
    Tcp(TcpListener),
    /// At a path.
    Unix(UnixListener),
}

/// A connection. Of one type, so that hyper is compiled once.
pub(crate) enum Stream {
    /// By a port.
    Tcp(TcpStream),
    /// By a path.
    Unix(UnixStream),
}

/// A connection with the memory that its request is read into.
struct Client {
    stream: Stream,
    locking: Locking,
}

/// Whether memory is locked before a request is read into it.
#[derive(Clone, Copy)]
enum Locking {
    No,
    Yes,
    /// The first byte of the request decides: GET has no form. Locking each request would spread
    /// the locked pages over the heap, up to the limit.
    ByMethod,
}

/// Listens at this address.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) if other machines can reach the address, and those of
/// the system.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a loopback address"));
    }
    TcpListener::bind(address).await
}

/// Answers the requests of admitted connections as long as it is polled.
pub(crate) async fn serve(listener: Listener, router: Router, limits: Limits, admit: impl Fn(&Stream) -> bool + Send) {
    let clients = Arc::new(Semaphore::new(limits.clients_max));
    loop {
        let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        };
        let Ok(stream) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if !admit(&stream) {
            continue;
        }
        let router = router.clone();
        tokio::spawn(async move {
            // A client that is too slow, or disconnects, gets no answer.
            let locking = if limits.locks_forms { Locking::ByMethod } else { Locking::No };
            let client = Client { stream, locking };
            let _ = timeout(limits.client_time_max, answer(client, router, limits.head_len_max)).await;
            drop(permit);
        });
    }
}

/// The buffers of a connection are freed with it.
async fn answer(mut client: Client, router: Router, head_len_max: usize) -> io::Result<()> {
    // A request without a meaning is an error of hyper, after it answered that one as well.
    let _ = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(head_len_max)
        .serve_connection(TokioIo::new(&mut client), TowerToHyperService::new(router))
        .await;
    // Closing a connection with unread input resets it, and the answer may be lost.
    let mut rest = Zeroizing::new([0; 1024]);
    let drained = async {
        client.shutdown().await?;
        while client.read(&mut *rest).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, drained).await?
}

/// Whether a `Host` names this machine, by an address or by the one name that cannot be rebound.
pub(crate) fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Client {
    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        match client.locking {
            Locking::No => client.poll_stream(cx, buffer),
            Locking::Yes => {
                // Without this, a form could be swapped before its page sees it.
                locked::lock(buffer.initialize_unfilled());
                client.poll_stream(cx, buffer)
            }
            Locking::ByMethod => {
                let mut first = [0];
                let mut one = ReadBuf::new(&mut first);
                ready!(client.poll_stream(cx, &mut one))?;
                client.locking = if one.filled() == b"G" { Locking::No } else { Locking::Yes };
                buffer.put_slice(one.filled());
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Mutex;

    use axum::body::Body;
    use hyper::body::Body as _;
    use tokio::runtime::Builder;

    use super::*;

    /// Of each part of the body: the number of bytes, and whether the first and the last one were
    /// in locked memory when they arrived.
    type Parts = Arc<Mutex<Vec<(usize, bool)>>>;

    async fn look(body: Body, parts: Parts) {
        let mut body = body;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Some(data) = frame.data_ref() else { continue };
            let ends = [&data[0], &data[data.len() - 1]].map(|byte| std::ptr::from_ref(byte) as usize);
            let is_locked = ends.iter().all(|end| locked::flags(*end).contains(" lo"));
            parts.lock().expect("no panic").push((data.len(), is_locked));
        }
    }

    #[test]
    fn a_form_arrives_in_locked_memory() {
        const LEN: usize = 100_000;
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let parts = Parts::default();
        let keep = Arc::clone(&parts);
        runtime.block_on(async {
            let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().fallback(move |body: Body| look(body, keep));
            let client_time_max = Duration::from_secs(60);
            let limits = Limits { client_time_max, clients_max: 1, head_len_max: 16 << 10, locks_forms: true };
            tokio::spawn(serve(Listener::Tcp(listener), router, limits, |_| true));
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LEN}\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &[b'x'; LEN]].concat()).await.expect("it is read");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("an answer");
            assert!(answer.starts_with(b"HTTP/1.1 200 "));
        });
        let parts = parts.lock().expect("no panic");
        assert_eq!(parts.iter().map(|(len, _)| len).sum::<usize>(), LEN);
        assert!(parts.len() > 1 && parts.iter().all(|(_, is_locked)| *is_locked), "{parts:?}");
    }
}
