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
use std::task::{Context, Poll};
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
            let _ = timeout(limits.client_time_max, answer(stream, router, limits.head_len_max)).await;
            drop(permit);
        });
    }
}

/// The buffers of a connection are freed with it.
async fn answer(mut stream: Stream, router: Router, head_len_max: usize) -> io::Result<()> {
    // A request without a meaning is an error of hyper, after it answered that one as well.
    let _ = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(head_len_max)
        .serve_connection(TokioIo::new(&mut stream), TowerToHyperService::new(router))
        .await;
    // Closing a connection with unread input resets it, and the answer may be lost.
    let mut rest = Zeroizing::new([0; 1024]);
    let drained = async {
        stream.shutdown().await?;
        while stream.read(&mut *rest).await? > 0 {}
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

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
