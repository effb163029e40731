//! `/metrics` and `/healthz`.
//!
//! The page has the names of secrets, so other pages in a browser must not read it. The host of a
//! request has to be a loopback address or `localhost`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::server::{self, Limits, Listener, is_local};
use crate::sidecar::metrics::{Metrics, Phase};

/// The limits of a client.
const LIMITS: Limits =
    Limits { client_time_max: Duration::from_secs(5), clients_max: 16, head_len_max: 8 << 10, locks_forms: false };

/// Answers requests as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    server::serve(Listener::Tcp(listener), router(metrics), LIMITS, |_| true).await;
}

fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .route("/healthz", get(health))
        .fallback((StatusCode::NOT_FOUND, "not found; use /metrics or /healthz\n"))
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "use GET\n") })
        .layer(from_fn(from_this_machine))
        .with_state(metrics)
}

/// Refuses a request that reached the page under a name that can be rebound. The answer repeats no
/// text of the request.
async fn from_this_machine(request: Request, next: Next) -> Response {
    let named = request.headers().get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let refused = named.chain(request.uri().host()).any(|host| !is_local(host.trim()));
    let mut response = match refused {
        true => (StatusCode::FORBIDDEN, "the host is not a loopback address\n").into_response(),
        false => next.run(request).await,
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn page(State(metrics): State<Arc<Metrics>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

/// Returns the health. A failed reload is reported, but is no reason for a restart: the active set
/// still masks.
async fn health(State(metrics): State<Arc<Metrics>>) -> (StatusCode, &'static str) {
    match metrics.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        Phase::Ready if metrics.is_outdated() => {
            (StatusCode::OK, "ok, but the last reload failed: an older set of secrets is in force\n")
        }
        Phase::Ready => (StatusCode::OK, "ok\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sidecar::admin::server::bind;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpStream as Client};
    use std::time::Instant;

    /// Runs a responder, and its client.
    fn with<T: Send + 'static>(ask: impl FnOnce(SocketAddr) -> T + Send + 'static, metrics: Arc<Metrics>) -> T {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
            let address = listener.local_addr().expect("it has one");
            tokio::spawn(serve(listener, metrics));
            tokio::task::spawn_blocking(move || ask(address)).await.expect("no test failed")
        })
    }

    fn asked(address: SocketAddr, request: &[u8]) -> String {
        let mut client = Client::connect(address).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        client.write_all(request).expect("it takes that");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// The answer to this request, as it goes over a connection.
    fn answered(request: impl Into<Vec<u8>>, metrics: &Arc<Metrics>) -> String {
        let (request, metrics) = (request.into(), Arc::clone(metrics));
        with(move |address| asked(address, &request), metrics)
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
        let metrics = Arc::new(Metrics::new());
        metrics.enter(Phase::Ready);
        let page = answered("GET /metrics HTTP/1.1\r\nHost: localhost:9\r\n\r\n", &metrics);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        for header in
            ["content-type: text/plain; version=0.0.4", "cache-control: no-store\r\n", "connection: close\r\n"]
        {
            assert!(page.contains(&format!("\r\n{header}")), "{page}");
        }
        assert!(page.ends_with(&format!("\r\n\r\n{}", metrics.render())));
        assert!(answered("GET /healthz HTTP/1.0\n\n", &metrics).ends_with("\r\n\r\nok\n"));
        let head = answered("HEAD /healthz?x HTTP/1.1\r\n\r\n", &metrics);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 404),
            ("GET /metrics/../x HTTP/1.1\r\n\r\n", 404),
            ("POST /metrics HTTP/1.1\r\n\r\n", 405),
            ("GET /metrics HTTP/2\r\n\r\n", 400),
            ("GET /metrics\r\n\r\n", 400),
            ("GET\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
            ("GET /nothing HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example:9\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: loc\u{e4}lhost\r\n\r\n", 403),
            ("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
            ("GET http://localhost:9/metrics HTTP/1.1\r\nHost: localhost:9\r\n\r\n", 200),
            ("GET /metrics HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", 200),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.5\r\n\r\n", 200),
        ] {
            let answer = answered(request, &metrics);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(!answer.contains("evil"), "the answer repeats a part of the request: {answer}");
        }
        assert!(answered(b"GET /\xff\x01 HTTP/1.1\r\n\r\n", &metrics).starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn health_reports_the_phase_of_the_sidecar() {
        let metrics = Arc::new(Metrics::new());
        let health = |metrics: &Arc<Metrics>| answered("GET /healthz HTTP/1.1\r\n\r\n", metrics);
        assert!(health(&metrics).starts_with("HTTP/1.1 503") && health(&metrics).ends_with("starting\n"));
        metrics.enter(Phase::Ready);
        metrics.reload(Duration::from_secs(1), false);
        assert!(health(&metrics).starts_with("HTTP/1.1 200") && health(&metrics).contains("the last reload failed"));
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
                    (0..LIMITS.clients_max + 3).map(|_| Client::connect(address).expect("it listens")).collect();
                (&idle[0]).write_all(b"GET /met").expect("it takes that");
                let answer = asked(address, b"GET /healthz HTTP/1.1\r\n\r\n");
                assert!(answer.contains("starting"), "{answer}");
                assert!(start.elapsed() >= LIMITS.client_time_max, "more are served at once than should be");
                drop(idle);
                let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; LIMITS.head_len_max]].concat();
                assert!(asked(address, &long).starts_with("HTTP/1.1 431"));
                // Disconnects before its answer.
                drop(Client::connect(address));
                assert!(asked(address, b"GET /healthz HTTP/1.1\r\n\r\n").contains("starting"));
            },
            Arc::new(Metrics::new()),
        );
    }
}
