//! Listening, and the way of a request to its page.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use rustix::net::SocketType;
use tokio::net::UnixListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::answer::{Answer, bytes, see, with_cookie};
use super::door::{Door, Entered, NoEntry};
use super::form::Form;
use super::layout;
use super::pages::{Page, ROUTES};
use super::peer::{self, Peer};
use super::query::Query;
use super::renewals::Renewals;
use super::site::Site;
use super::visit::Visit;
use super::{ConsoleError, Entrance, Event, EventSink, Setup, body};
use crate::sidecar::admin::server::{Limits, Listener, Stream, bind, serve};
use crate::sys::locked;
use crate::sys::node::{self, Bound};

/// The limits of a client. A change may wait 10 seconds for the lock of the file.
const LIMITS: Limits =
    Limits { client_time_max: Duration::from_secs(60), clients_max: 64, head_len_max: 16 << 10, locks_forms: true };
/// The time for the last answer, after a page has ended the console.
const FAREWELL: Duration = Duration::from_millis(500);
/// The listen backlog of a Unix socket.
const BACKLOG: i32 = 128;
/// The mode of a Unix socket.
const MODE: u32 = 0o600;
/// The same in a directory with the setgid bit, whose group may connect.
const MODE_OF_GROUP: u32 = 0o660;
const SETGID: u32 = 0o2000;

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Page(Page),
    Asset(&'static str, &'static str),
    SignIn,
    Missing,
}

const ASSETS: &[(&str, Target)] = &[
    ("/style.css", Target::Asset("text/css; charset=utf-8", include_str!("assets/style.css"))),
    ("/console.js", Target::Asset("text/javascript; charset=utf-8", include_str!("assets/console.js"))),
    ("/icon.svg", Target::Asset("image/svg+xml", include_str!("assets/icon.svg"))),
];

/// Serves the console until a signal or a browser ends it.
///
/// # Errors
///
/// When it cannot listen, or the system refuses what it needs to begin.
pub fn run(setup: Setup) -> Result<(), ConsoleError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(ConsoleError::Begin)?;
    runtime.block_on(until_stopped(setup))
}

async fn until_stopped(setup: Setup) -> Result<(), ConsoleError> {
    let mut signals = Vec::new();
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::user_defined1()];
    for kind in kinds {
        signals.push(signal(kind).map_err(ConsoleError::Begin)?);
    }
    let Opened { listener, door, address, _bound } = open(setup.entrance).await?;
    let site = Arc::new(Site {
        path: setup.registry,
        trust: setup.trust,
        key: setup.key,
        door,
        check: setup.check,
        emit: setup.emit,
        body_time_max: body::TIME_MAX,
        states: Mutex::default(),
        kept: Mutex::default(),
        pending: Mutex::default(),
        has_said_swap: AtomicBool::new(false),
        stop: Notify::new(),
    });
    let first = new_address(&site, address).map_err(ConsoleError::Begin)?;
    (site.emit)(Event::Ready { address: first.as_ref().map(|address| address.as_str()) });
    drop(first);
    let admit = admission(Arc::clone(&site.emit));
    let [interrupt, terminate, hangup, renew] = &mut signals[..] else { return Ok(()) };
    tokio::select! {
        () = serve(listener, router(&site), LIMITS, admit) => {}
        () = renew_requested(&site, address, &setup.renewals, renew) => {}
        () = site.stop.notified() => sleep(FAREWELL).await,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// A console that listens.
struct Opened {
    listener: Listener,
    door: Door,
    /// On loopback.
    address: Option<SocketAddr>,
    /// Removes a Unix socket.
    _bound: Option<Bound>,
}

async fn open(entrance: Entrance) -> Result<Opened, ConsoleError> {
    match entrance {
        Entrance::Loopback { address, member } => {
            let listener = bind(address).await.map_err(ConsoleError::Listen)?;
            let address = listener.local_addr().map_err(ConsoleError::Listen)?;
            let door = Door::loopback(member, address.port()).map_err(ConsoleError::Begin)?;
            Ok(Opened { listener: Listener::Tcp(listener), door, address: Some(address), _bound: None })
        }
        Entrance::Unix { path, user_header } => {
            let door = Door::unix(&user_header)?;
            let (listener, bound) = listen_at(&path).map_err(ConsoleError::Listen)?;
            Ok(Opened { listener: Listener::Unix(listener), door, address: None, _bound: Some(bound) })
        }
    }
}

/// An address with a new token; `None` on a Unix socket.
fn new_address(site: &Site, address: Option<SocketAddr>) -> std::io::Result<Option<Zeroizing<String>>> {
    let token = site.door.renew()?;
    let with_token = |(address, token): (SocketAddr, Zeroizing<String>)| {
        Zeroizing::new(format!("http://{address}/?token={}", *token))
    };
    Ok(address.zip(token).map(with_token))
}

/// Reports a new address for each request. Does not return.
async fn renew_requested(site: &Site, address: Option<SocketAddr>, renewals: &Renewals, signal: &mut Signal) {
    loop {
        tokio::select! {
            () = renewals.requested() => {}
            _ = signal.recv() => {}
        }
        // If the system has no random bytes, the last token stays.
        if let Ok(Some(address)) = new_address(site, address) {
            (site.emit)(Event::Renewed { address: &address });
        }
    }
}

fn listen_at(path: &Path) -> std::io::Result<(UnixListener, Bound)> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_of_group = fs::metadata(directory)?.mode() & SETGID != 0;
    let mode = if is_of_group { MODE_OF_GROUP } else { MODE };
    let (socket, bound) = node::bind(path, SocketType::STREAM, mode)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok((UnixListener::from_std(StdUnixListener::from(socket))?, bound))
}

/// Admits connections of the own user. Where the kernel lists no connections, the session's cookie
/// alone decides.
fn admission(emit: EventSink) -> impl Fn(&Stream) -> bool + Send {
    let own = rustix::process::geteuid().as_raw();
    let last = Mutex::new(None);
    move |stream| {
        let Stream::Tcp(stream) = stream else { return true };
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return false };
        let peer = peer::user(peer, local);
        let is_own = matches!(peer, Peer::Unknown) || peer == Peer::User(own);
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_own && *last != Some(peer) {
            *last = Some(peer);
            emit(Event::OtherUser { uid: if let Peer::User(uid) = peer { Some(uid) } else { None } });
        }
        is_own
    }
}

fn router(site: &Arc<Site>) -> Router {
    let methods = MethodFilter::GET.or(MethodFilter::POST);
    let pages = ROUTES.iter().map(|(path, page)| (*path, Target::Page(*page)));
    let targets = pages.chain(ASSETS.iter().copied()).chain([("/sign-in", Target::SignIn)]);
    let router = targets.fold(Router::new(), |router, (path, target)| {
        let site = Arc::clone(site);
        router.route(path, on(methods, move |request: Request| answer(site, target, request)))
    });
    let missing = |site: &Arc<Site>| {
        let site = Arc::clone(site);
        move |request: Request| answer(site, Target::Missing, request)
    };
    router.fallback(missing(site)).method_not_allowed_fallback(missing(site))
}

/// Answers one request. No answer repeats a part of a request that may not see pages.
async fn answer(site: Arc<Site>, target: Target, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !site.door.has_host(&head.headers, &head.uri) {
        let text = "The host of the address is not a loopback address.";
        return layout::notice(StatusCode::FORBIDDEN, text).response();
    }
    let is_change = head.method == Method::POST;
    if let (Target::Asset(content_type, text), false) = (target, is_change) {
        return bytes(StatusCode::OK, content_type, text);
    }
    if is_change && !site.door.is_own_change(&head.headers) {
        let text = "The form was sent by another page, or by a program.";
        return layout::notice(StatusCode::FORBIDDEN, text).response();
    }
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let entered = site.door.enter(&head.headers);
    let Some(entered) = entered else {
        let token = match target {
            Target::SignIn if is_change => match form(&site, &head, body).await {
                Ok(form) => Zeroizing::new(form.text("token").to_owned()),
                Err(refused) => return refused.response(),
            },
            // Its value stays in no page of the browser: see `Site::keep`.
            _ if is_change => return see("/").response(),
            _ => Zeroizing::new(query.get("token").to_owned()),
        };
        return enter(&site, &head, &token);
    };
    if !is_change && !query.get("token").is_empty() {
        // A new token is used up, and an old one, as in the history of the browser, has no effect.
        return signed_in(&site, query.get("token")).unwrap_or_else(|_| see("/").response());
    }
    if let Some(kept) = site.kept(&entered.member, query.get("again")).filter(|_| !is_change) {
        return kept.response();
    }
    let (keep, member) = (Arc::clone(&site), entered.member.clone());
    let kept_query = Query::parse(head.uri.query().unwrap_or_default());
    let answer = match is_change {
        true => match form(&keep, &head, body).await {
            Ok(form) => visit(site, target, entered, query, form).await,
            Err(refused) => refused,
        },
        false => visit(site, target, entered, query, Form::default()).await,
    };
    // The last page of the console has no next request.
    let is_last = head.uri.path() == "/stop";
    if is_change && !is_last { keep.keep(&member, head.uri.path(), &kept_query, answer) } else { answer }.response()
}

/// Answers a request that may see pages.
async fn visit(site: Arc<Site>, target: Target, entered: Entered, query: Query, form: Form) -> Answer {
    let page = match target {
        Target::Page(page) => page,
        Target::SignIn => return see("/"),
        Target::Asset(..) | Target::Missing => {
            return layout::notice(StatusCode::NOT_FOUND, "There is no such page.");
        }
    };
    if form.is_sent() && !site.door.is_marked(&entered, form.text("mark")) {
        return layout::notice(StatusCode::FORBIDDEN, "The form is of another session. Load the page again.");
    }
    let visited = spawn_blocking(move || match site.load() {
        Ok(state) if site.door.is_unix() && !state.has_member(&entered.member) => {
            layout::notice(StatusCode::FORBIDDEN, "You are not a member of the registry.")
        }
        Ok(state) => page(&Visit { site, member: entered.member, mark: entered.mark, state, query, form }),
        Err(error) => layout::trouble(&error),
    });
    let failed = || layout::notice(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.");
    visited.await.unwrap_or_else(|_| failed())
}

/// The form of a change.
async fn form(site: &Site, head: &Parts, body: Body) -> Result<Form, Answer> {
    let body = body::read(site.body_time_max, &head.headers, body).await.map_err(|status| {
        let is_too_large = status == StatusCode::PAYLOAD_TOO_LARGE;
        let text = if is_too_large {
            "The form is too large: it has at most 1 MiB."
        } else {
            "The form did not arrive whole."
        };
        layout::notice(status, text)
    })?;
    if locked::may_be_swapped() && !site.has_said_swap.swap(true, Relaxed) {
        (site.emit)(Event::MayBeSwapped);
    }
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|found| found.to_str().ok()).unwrap_or_default();
    let form = Form::parse(content_type, body).filter(Form::is_sent);
    form.ok_or_else(|| layout::notice(StatusCode::BAD_REQUEST, "The form is not complete."))
}

/// Exchanges a token for a session.
fn signed_in(site: &Site, token: &str) -> Result<Response, NoEntry> {
    let cookie = site.door.sign_in(token)?;
    (site.emit)(Event::SignedIn);
    Ok(with_cookie(see("/").response(), &cookie))
}

/// Answers a request that may not see pages, with the token that it has.
fn enter(site: &Site, head: &Parts, token: &str) -> Response {
    if site.door.is_unix() {
        return layout::notice(StatusCode::FORBIDDEN, "The proxy did not name one member.").response();
    }
    if token.is_empty() {
        // Browsers send no such cookie with the first request that another page has caused, such
        // as the redirect after the token. The next one comes from this page.
        let is_led_here = head.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        let page = if is_led_here { layout::onward() } else { layout::sign_in(StatusCode::UNAUTHORIZED, "") };
        return page.response();
    }
    let no = match signed_in(site, token) {
        Ok(response) => return response,
        Err(no) => no,
    };
    let used = "The token was used already. Press Enter in the terminal of the console for a new one.";
    let (status, text) = match no {
        NoEntry::Wrong => (StatusCode::FORBIDDEN, "The token is wrong."),
        NoEntry::Used => (StatusCode::FORBIDDEN, used),
        NoEntry::TooMany => (StatusCode::TOO_MANY_REQUESTS, "There were too many wrong tokens. Wait a minute."),
    };
    if no != NoEntry::TooMany {
        (site.emit)(Event::WrongToken);
    }
    layout::sign_in(status, text).response()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::interval;

    use super::*;

    const BODY_TIME_MAX: Duration = Duration::from_millis(300);

    /// Serves a console, and returns its address and a cookie.
    async fn served() -> (SocketAddr, String) {
        let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
        let address = listener.local_addr().expect("an address");
        let door = Door::loopback("alice".parse().expect("a name"), address.port()).expect("random bytes");
        let token = door.renew().expect("random bytes").expect("it has tokens");
        let cookie = door.sign_in(&token).expect("the right token");
        let site = Site {
            path: "registry.yaml".into(),
            trust: Vec::new(),
            key: None,
            door,
            check: Arc::new(|_| Err(String::new())),
            emit: Arc::new(|_| {}),
            body_time_max: BODY_TIME_MAX,
            states: Mutex::default(),
            kept: Mutex::default(),
            pending: Mutex::default(),
            has_said_swap: AtomicBool::new(false),
            stop: Notify::new(),
        };
        tokio::spawn(serve(Listener::Tcp(listener), router(&Arc::new(site)), LIMITS, |_| true));
        (address, cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// The head of a request. That of a form says that its own page sends it.
    fn head(address: SocketAddr, line: &str, more: &str) -> String {
        let origin = format!("http://{address}");
        let own = format!("Host: {address}\r\nOrigin: {origin}\r\nSec-Fetch-Site: same-origin\r\n");
        format!("{line} HTTP/1.1\r\n{own}{more}\r\n")
    }

    /// Sends the head, and then a byte every 10 ms until the answer is there.
    async fn sent_slowly(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("it is read");
        let (mut from, mut to) = stream.split();
        let mut answer = Vec::new();
        let drip = async {
            let mut ticks = interval(Duration::from_millis(10));
            while to.write_all(b"x").await.is_ok() {
                ticks.tick().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = from.read_to_end(&mut answer) => {}
            () = drip => {}
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn a_slow_upload_is_cut_off_and_others_are_served() {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (address, cookie) = served().await;
            let start = Instant::now();
            let form = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n";
            let of_browser = head(address, "POST /secrets/new", &format!("{form}Cookie: {cookie}\r\n"));
            let of_stranger = head(address, "POST /sign-in", form);
            let timed = async |head: String| (sent_slowly(address, &head).await, start.elapsed());
            let asset = timed(head(address, "GET /style.css", ""));
            let ((browser, ended), (stranger, _), (style, waited)) =
                tokio::join!(timed(of_browser), timed(of_stranger), asset);
            assert!(stranger.starts_with("HTTP/1.1 408 "), "{stranger}");
            // The answer to a form of a session is a redirect.
            let place = browser.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
            let line = format!("GET {place}");
            let kept = sent_slowly(address, &head(address, &line, &format!("Cookie: {cookie}\r\n"))).await;
            assert!(kept.starts_with("HTTP/1.1 408 ") && kept.contains("did not arrive whole"), "{browser}");
            assert!(style.starts_with("HTTP/1.1 200 ") && waited < ended, "{waited:?}: {style}");
            assert!(ended >= BODY_TIME_MAX && ended < LIMITS.client_time_max / 2, "{ended:?}");
        });
    }
}
