//! `/metrics` and `/healthz`: an HTTP/1.1 responder on loopback, with one short answer a
//! connection.
//!
//! It answers two fixed requests, and needs only the first line and one header of a request. hyper
//! would add six crates for that, and would still leave to us the limits on the time and the number
//! of clients.
//!
//! The page has the names of secrets, so other pages in a browser must not read it. The `Host` of a
//! request has to be a loopback address or `localhost`. After a name was rebound to such an address
//! (DNS rebinding), it is neither.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::sidecar::metrics::{Metrics, Phase};

/// The time limit for a client, from its connection to the end of its answer.
const CLIENT_TIME_MAX: Duration = Duration::from_secs(5);
/// The limit on clients served at once. Others wait until the kernel refuses them.
const CLIENTS_MAX: usize = 16;
/// The maximum length of a request up to the end of its headers, in bytes.
const HEAD_LEN_MAX: usize = 8 << 10;
/// The pause after a failed accept: without descriptors it fails at once, again and again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Answers requests as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            // A client that is too slow, or disconnects, gets no answer.
            let _ = timeout(CLIENT_TIME_MAX, answer(stream, &metrics)).await;
            drop(permit);
        });
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let answer = match read_head(&mut stream).await? {
        Some(head) => respond(&head, metrics),
        None => Answer::plain("431 Request Header Fields Too Large", "the request is too long\n"),
    };
    stream.write_all(answer.text.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing a connection with unread input resets it, and the answer may be lost.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Reads the request up to the end of its headers. Returns none if it is too long.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(HEAD_LEN_MAX);
    while head.len() < HEAD_LEN_MAX {
        let room = (HEAD_LEN_MAX - head.len()) as u64;
        if (&mut *stream).take(room).read_buf(&mut head).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if [&b"\r\n\r\n"[..], b"\n\n"].iter().any(|end| memchr::memmem::find(&head, end).is_some()) {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// A response: status, headers and text.
struct Answer {
    text: String,
}

impl Answer {
    fn new(status: &str, kind: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        );
        Answer { text: head + body }
    }

    fn plain(status: &str, body: &str) -> Answer {
        Answer::new(status, "text/plain; charset=utf-8", body)
    }

    fn without_body(mut self) -> Answer {
        let end = self.text.find("\r\n\r\n").map_or(self.text.len(), |at| at + 4);
        self.text.truncate(end);
        self
    }
}

/// Answers a request. The answer repeats none of its text.
fn respond(head: &[u8], metrics: &Metrics) -> Answer {
    let Ok(head) = std::str::from_utf8(head) else { return Answer::plain("400 Bad Request", "not understood\n") };
    let mut lines = head.lines();
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = words[..] else { return Answer::plain("400 Bad Request", "not understood\n") };
    if !version.starts_with("HTTP/1.") {
        return Answer::plain("505 HTTP Version Not Supported", "HTTP/1.1, please\n");
    }
    let host = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !host.is_none_or(|(_, host)| is_local(host.trim())) {
        return Answer::plain("403 Forbidden", "the host is not a loopback address\n");
    }
    let answer = match target.split('?').next().unwrap_or_default() {
        "/metrics" => Answer::new("200 OK", "text/plain; version=0.0.4; charset=utf-8", &metrics.render()),
        "/healthz" => health(metrics),
        _ => Answer::plain("404 Not Found", "there are /metrics and /healthz\n"),
    };
    match method {
        "GET" => answer,
        "HEAD" => answer.without_body(),
        _ => Answer::plain("405 Method Not Allowed", "GET, please\n"),
    }
}

/// Returns the health. A failed reload is reported, but is no reason for a restart: the active set
/// still masks.
fn health(metrics: &Metrics) -> Answer {
    match metrics.phase() {
        Phase::Starting => Answer::plain("503 Service Unavailable", "starting\n"),
        Phase::Stopping => Answer::plain("503 Service Unavailable", "stopping\n"),
        Phase::Ready if metrics.is_outdated() => {
            Answer::plain("200 OK", "ok, but the secrets could not be read again: older ones are in force\n")
        }
        Phase::Ready => Answer::plain("200 OK", "ok\n"),
    }
}

/// Returns whether a `Host` names this machine, by an address or by the one name that cannot be
/// rebound.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream as Client;
    use std::time::Instant;

    /// Runs a responder, and its client.
    fn with(ask: impl FnOnce(SocketAddr) + Send + 'static, metrics: Metrics) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
            let address = listener.local_addr().expect("it has one");
            tokio::spawn(serve(listener, Arc::new(metrics)));
            tokio::task::spawn_blocking(move || ask(address)).await.expect("no test failed");
        });
    }

    fn asked(address: SocketAddr, request: &[u8]) -> String {
        let mut client = Client::connect(address).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        client.write_all(request).expect("it takes that");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        answer
    }

    #[track_caller]
    fn answers(request: &str, metrics: &Metrics) -> String {
        respond(request.as_bytes(), metrics).text
    }

    #[test]
    fn only_loopback_is_listened_at() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = runtime.block_on(bind(address.parse().expect("an address"))).expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{address}");
        }
    }

    #[test]
    fn two_questions_are_answered_and_no_others() {
        let metrics = Metrics::new();
        metrics.enter(Phase::Ready);
        let page = answers("GET /metrics HTTP/1.1\r\nHost: localhost:9\r\n\r\n", &metrics);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
        assert!(page.ends_with(&metrics.render()));
        assert!(answers("GET /healthz HTTP/1.0\n\n", &metrics).ends_with("\r\n\r\nok\n"));
        assert!(answers("HEAD /healthz?x HTTP/1.1\r\n\r\n", &metrics).ends_with("close\r\n\r\n"));
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 404),
            ("GET /metrics/../x HTTP/1.1\r\n\r\n", 404),
            ("POST /metrics HTTP/1.1\r\n\r\n", 405),
            ("GET /metrics HTTP/2\r\n\r\n", 505),
            ("GET /metrics\r\n\r\n", 400),
            ("\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example:9\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", 200),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.5\r\n\r\n", 200),
        ] {
            let answer = answers(request, &metrics);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        }
        assert!(respond(b"GET /\xff HTTP/1.1\r\n\r\n", &metrics).text.starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn health_is_what_the_sidecar_does() {
        let metrics = Metrics::new();
        let health = |metrics: &Metrics| answers("GET /healthz HTTP/1.1\r\n\r\n", metrics);
        assert!(health(&metrics).starts_with("HTTP/1.1 503") && health(&metrics).ends_with("starting\n"));
        metrics.enter(Phase::Ready);
        metrics.reload(Duration::from_secs(1), false);
        assert!(health(&metrics).starts_with("HTTP/1.1 200") && health(&metrics).contains("older ones are in force"));
        metrics.enter(Phase::Stopping);
        assert!(health(&metrics).starts_with("HTTP/1.1 503") && health(&metrics).ends_with("stopping\n"));
    }

    #[test]
    fn d10_beside_slow_and_long_requests_others_are_answered() {
        with(
            |address| {
                // The maximum number of clients send nothing, one sends half a request, and then
                // one asks.
                let start = Instant::now();
                let idle: Vec<Client> =
                    (0..CLIENTS_MAX + 3).map(|_| Client::connect(address).expect("it listens")).collect();
                (&idle[0]).write_all(b"GET /met").expect("it takes that");
                let answer = asked(address, b"GET /healthz HTTP/1.1\r\n\r\n");
                assert!(answer.contains("starting"), "{answer}");
                assert!(start.elapsed() >= CLIENT_TIME_MAX, "more are served at once than should be");
                drop(idle);
                let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; HEAD_LEN_MAX]].concat();
                assert!(asked(address, &long).starts_with("HTTP/1.1 431"));
                // Disconnects before its answer.
                drop(Client::connect(address));
                assert!(asked(address, b"GET /healthz HTTP/1.1\r\n\r\n").contains("starting"));
            },
            Metrics::new(),
        );
    }
}
