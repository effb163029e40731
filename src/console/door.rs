//! Who may come in: the token, the session, the member of a request, and the marks of a change.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Uri};
use zeroize::Zeroizing;

use super::ConsoleError;
use super::random::{Hash, word};
use crate::registry::Name;
use crate::sidecar::admin::server::is_local;

/// The wrong tokens that are compared within [`GUESSES_WITHIN`]. Later ones wait.
const GUESSES_MAX: u32 = 5;
/// The time after which wrong tokens are forgotten.
const GUESSES_WITHIN: Duration = Duration::from_secs(60);

/// The way in.
pub(super) struct Door {
    way: Way,
    /// Makes the marks of forms, and is in no answer.
    key: Zeroizing<String>,
}

enum Way {
    Loopback { member: Name, cookie: String, state: Mutex<State> },
    Unix { header: HeaderName },
}

/// A token that works once, and then its session.
struct State {
    token: Option<Hash>,
    session: Option<Hash>,
    guesses: u32,
    since: Instant,
}

/// A request that may see pages.
pub(super) struct Entered {
    /// The acting member.
    pub(super) member: Name,
    /// The mark that its forms carry.
    pub(super) mark: String,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// It is wrong.
    Wrong,
    /// A browser has used it.
    Used,
    /// There were too many wrong ones.
    TooMany,
}

impl Door {
    /// For one browser session of one member. [`renew`](Door::renew) makes the token that opens it.
    pub(super) fn loopback(member: Name, port: u16) -> io::Result<Door> {
        let state = State { token: None, session: None, guesses: 0, since: Instant::now() };
        // Browsers send a cookie to every port: its name tells two consoles apart.
        let cookie = format!("hushlog_console_{port}");
        let way = Way::Loopback { member, cookie, state: Mutex::new(state) };
        Ok(Door { way, key: word()? })
    }

    /// A new token, in place of the last one. The session stays until a browser uses the token, so
    /// that a form in a browser outlasts a request that was not meant. `None` if requests come by a
    /// Unix socket.
    pub(super) fn renew(&self) -> io::Result<Option<Zeroizing<String>>> {
        let Way::Loopback { state, .. } = &self.way else { return Ok(None) };
        let token = word()?;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.token = Some(Hash::of(&[token.as_bytes()]));
        // They guessed at the last one.
        state.guesses = 0;
        Ok(Some(token))
    }

    /// For the members that this header names.
    pub(super) fn unix(header: &str) -> Result<Door, ConsoleError> {
        let header: HeaderName = header.parse().map_err(|_| ConsoleError::Header)?;
        Ok(Door { way: Way::Unix { header }, key: word().map_err(ConsoleError::Begin)? })
    }

    /// Whether requests come by a Unix socket.
    pub(super) fn is_unix(&self) -> bool {
        matches!(self.way, Way::Unix { .. })
    }

    /// Whether a request names one host, which cannot be a rebound name. Behind a proxy, any name
    /// may be the right one.
    pub(super) fn has_host(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(host) = only(headers, &HOST) else { return false };
        self.is_unix() || [Some(host), uri.host()].into_iter().flatten().all(is_local)
    }

    /// Whether the console's own page made this change: its origin is that of the address.
    pub(super) fn is_own_change(&self, headers: &HeaderMap) -> bool {
        let (Some(host), Some(origin)) = (only(headers, &HOST), only(headers, &ORIGIN)) else { return false };
        let is_own = match origin.split_once("://") {
            Some(("https", authority)) => self.is_unix() && authority.eq_ignore_ascii_case(host),
            Some(("http", authority)) => authority.eq_ignore_ascii_case(host),
            _ => false,
        };
        is_own && only(headers, &HeaderName::from_static("sec-fetch-site")) == Some("same-origin")
    }

    /// The member of a request, if it may see pages.
    pub(super) fn enter(&self, headers: &HeaderMap) -> Option<Entered> {
        match &self.way {
            Way::Loopback { member, cookie, state } => {
                let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let session = state.session?;
                let sent = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
                let mut sent =
                    sent.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
                sent.find(|(name, value)| name == cookie && Hash::of(&[value.as_bytes()]).is(&session))?;
                Some(Entered { member: member.clone(), mark: self.mark(member, Some(&session)) })
            }
            Way::Unix { header } => {
                let member: Name = only(headers, header)?.parse().ok()?;
                Some(Entered { mark: self.mark(&member, None), member })
            }
        }
    }

    /// Exchanges the token for a session, and returns the value of `Set-Cookie`. The session before
    /// it ends.
    pub(super) fn sign_in(&self, token: &str) -> Result<String, NoEntry> {
        let Way::Loopback { cookie, state, .. } = &self.way else { return Err(NoEntry::Wrong) };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.elapsed() > GUESSES_WITHIN {
            (state.guesses, state.since) = (0, Instant::now());
        }
        if state.guesses >= GUESSES_MAX {
            return Err(NoEntry::TooMany);
        }
        let right = state.token.is_some_and(|right| right.is(&Hash::of(&[token.as_bytes()])));
        if !right {
            state.guesses += 1;
            return Err(if state.token.is_none() { NoEntry::Used } else { NoEntry::Wrong });
        }
        let session = word().map_err(|_| NoEntry::Wrong)?;
        state.token = None;
        state.session = Some(Hash::of(&[session.as_bytes()]));
        Ok(format!("{cookie}={}; Path=/; HttpOnly; SameSite=Strict", *session))
    }

    /// Whether a form carries the mark of this member.
    pub(super) fn is_marked(&self, entered: &Entered, mark: &str) -> bool {
        Hash::of(&[mark.as_bytes()]).is(&Hash::of(&[entered.mark.as_bytes()]))
    }

    fn mark(&self, member: &Name, session: Option<&Hash>) -> String {
        let session = session.map_or_else(String::new, Hash::text);
        Hash::of(&[self.key.as_bytes(), member.as_str().as_bytes(), session.as_bytes()]).text()
    }
}

/// The value of a header that must stand once. Two could mean one thing to a proxy, and another
/// here.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn door() -> (Door, Zeroizing<String>) {
        let door = Door::loopback("alice".parse().expect("a name"), 9).expect("random bytes");
        let token = token(&door);
        (door, token)
    }

    fn token(door: &Door) -> Zeroizing<String> {
        door.renew().expect("random bytes").expect("it has tokens")
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn a_token_works_once() {
        let (door, token) = door();
        assert!(door.enter(&headers(&[("cookie", "hushlog_console_9=")])).is_none());
        let cookie = door.sign_in(&token).expect("the right token");
        let (pair, attributes) = cookie.split_once(';').expect("attributes");
        assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(door.sign_in(&token), Err(NoEntry::Used));
        let entered = door.enter(&headers(&[("cookie", &format!("a=b; {pair}"))])).expect("a session");
        assert_eq!(entered.member.as_str(), "alice");
        assert!(door.is_marked(&entered, &entered.mark) && !door.is_marked(&entered, ""));
        for wrong in ["", "hushlog_console_9=x", &pair.replace("_9=", "_8="), &format!("{pair}x")] {
            assert!(door.enter(&headers(&[("cookie", wrong)])).is_none(), "{wrong}");
        }
    }

    #[test]
    fn guesses_are_few() {
        let (door, token) = door();
        for _ in 0..GUESSES_MAX {
            assert_eq!(door.sign_in("guess"), Err(NoEntry::Wrong));
        }
        assert_eq!(door.sign_in(&token), Err(NoEntry::TooMany), "the right one waits, too");
    }

    #[test]
    fn a_new_token_ends_the_session_when_it_is_used() {
        let (door, first) = door();
        let enter = |cookie: &str| {
            let (pair, _) = cookie.split_once(';').expect("attributes");
            door.enter(&headers(&[("cookie", pair)]))
        };
        let old = door.sign_in(&first).expect("the right token");
        let (second, third) = (token(&door), token(&door));
        let before = enter(&old).expect("the session goes on");
        assert_eq!(door.sign_in(&first), Err(NoEntry::Wrong));
        assert_eq!(door.sign_in(&second), Err(NoEntry::Wrong), "the last token alone is right");
        let new = door.sign_in(&third).expect("the right token");
        assert!(enter(&old).is_none(), "there is one session at a time");
        let after = enter(&new).expect("a session");
        assert!(!door.is_marked(&after, &before.mark), "a form of the old session is refused");
        for _ in 0..GUESSES_MAX {
            let _ = door.sign_in("guess");
        }
        assert!(door.sign_in(&token(&door)).is_ok(), "guesses at the old token do not count");
    }

    #[test]
    fn a_change_comes_from_the_own_page() {
        let (door, _) = door();
        let origin = ("origin", "http://127.0.0.1:9");
        let own = [("host", "127.0.0.1:9"), origin, ("sec-fetch-site", "same-origin")];
        assert!(door.is_own_change(&headers(&own)));
        for (name, value) in [
            ("origin", "http://127.0.0.1:8"),
            ("origin", "https://127.0.0.1:9"),
            ("origin", "null"),
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "none"),
        ] {
            let others = own.iter().filter(|(own, _)| *own != name).copied();
            let missing: Vec<_> = others.clone().collect();
            assert!(!door.is_own_change(&headers(&missing)), "without {name}");
            let other: Vec<_> = others.chain([(name, value)]).collect();
            assert!(!door.is_own_change(&headers(&other)), "{name}: {value}");
            let both: Vec<_> = own.into_iter().chain([(name, value)]).collect();
            assert!(!door.is_own_change(&headers(&both)), "two of {name}");
        }
    }

    #[test]
    fn the_user_header_stands_once() {
        let door = Door::unix("X-User").expect("a header");
        assert_eq!(door.enter(&headers(&[("x-user", "bob")])).expect("a member").member.as_str(), "bob");
        for wrong in [&[][..], &[("x-user", "bob"), ("x-user", "bob")], &[("x-user", "a, b")], &[("x-user", "")]] {
            assert!(door.enter(&headers(wrong)).is_none(), "{wrong:?}");
        }
        assert!(Door::unix("X User").is_err());
        assert_eq!(door.sign_in(""), Err(NoEntry::Wrong));
        assert!(door.renew().expect("no error").is_none());
    }
}
