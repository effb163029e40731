//! Answers, and the headers that all of them have.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use maud::Markup;

/// Nothing from elsewhere, no inline script or style, no frame around the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
base-uri 'none'; frame-ancestors 'none'";

/// The headers of all answers.
///
/// The policy for referrers is `same-origin`, and not `no-referrer`: with that, browsers send
/// `Origin: null` with forms, so that the console could not tell its own page from another one. No
/// address of the console is sent elsewhere either way, and no page links to elsewhere.
const HEADERS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// The type of a page.
const HTML: &str = "text/html; charset=utf-8";

/// An answer of a page.
pub(super) enum Answer {
    /// A document.
    Page(StatusCode, String),
    /// Sends the browser on with `GET`, to a path of the console.
    See(String),
}

impl Answer {
    /// The answer as it is sent.
    pub(super) fn response(self) -> Response {
        match self {
            Answer::Page(status, html) => bytes(status, HTML, html),
            Answer::See(path) => {
                let mut response = bytes(StatusCode::SEE_OTHER, HTML, Body::empty());
                // Paths have visible ASCII characters only.
                if let Ok(path) = HeaderValue::from_str(&path) {
                    response.headers_mut().insert(LOCATION, path);
                }
                response
            }
        }
    }
}

/// An answer with these bytes.
pub(super) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A page.
pub(super) fn html(status: StatusCode, page: Markup) -> Answer {
    Answer::Page(status, page.into_string())
}

/// See [`Answer::See`].
pub(super) fn see(path: &str) -> Answer {
    Answer::See(path.to_owned())
}

/// Gives the browser a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(mut cookie) = HeaderValue::from_str(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
