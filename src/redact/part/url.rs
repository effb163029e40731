//! The credentials in URLs.

use zeroize::Zeroizing;

use super::Parts;
use super::written::{Style, Written, decoded};
use crate::redact::credential::name::names_credential;
use crate::redact::credential::setting::is_setting;
use crate::redact::credential::url_path::path_tokens;
use crate::redact::credential::{is_no_password, looks_random, may_be_credential};
use crate::redact::encoding::Form;

/// The maximum length of a URL, in bytes, so that a value full of `://` costs no more than any
/// other.
const URL_LEN_MAX: usize = 8 << 10;
/// The minimum length of user name and password together, in bytes.
const AUTHORITY_LEN_MIN: usize = 8;
/// The minimum length of a token in place of a user name, in bytes.
const TOKEN_LEN_MIN: usize = 12;
/// The maximum number of URLs of a value to search.
const URLS_MAX: usize = 64;
/// The network names of a data source name, in place of a scheme:
/// `user:password@tcp(host:3306)/base`.
const GO_NETWORKS: [&[u8]; 4] = [b"@tcp(", b"@unix(", b"@udp(", b"@("];

pub(super) fn urls(value: &[u8], parts: &mut Parts<'_>) {
    let starts = value.windows(3).enumerate().filter(|(_, mark)| *mark == b"://").map(|(at, _)| at + 3);
    for start in starts.take(URLS_MAX) {
        let is_web = [&b"http"[..], b"https"].iter().any(|scheme| value[..start - 3].ends_with(scheme));
        let rest = &value[start..value.len().min(start + URL_LEN_MAX)];
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let after = rest[..end].iter().rposition(|byte| !b"\"',;".contains(byte)).map_or(0, |last| last + 1);
        url(&rest[..after], is_web, parts);
    }
    let is_go = |at: &usize| GO_NETWORKS.iter().any(|network| value[*at..].starts_with(network));
    if let Some(at) = (0..value.len().min(URL_LEN_MAX)).find(is_go) {
        let host = &value[at + 1..];
        let end = host.iter().position(|&byte| byte == b')').map_or(host.len(), |last| last + 1);
        credentials(&value[..at], &host[..end], false, parts);
    }
}

/// One URL, without its scheme. `is_web`: the scheme is that of the web.
fn url(url: &[u8], is_web: bool, parts: &mut Parts<'_>) {
    let start = url.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(url.len());
    let (host, path) = url.split_at(start);
    match host.iter().rposition(|&byte| byte == b'@') {
        Some(at) => credentials(&host[..at], &host[at + 1..], is_web, parts),
        None => credentials_with_slash(url, parts),
    }
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#' | b';')).unwrap_or(path.len());
    path_tokens(host, &path[..end], &mut |token| parts.secret(Form::UrlParameter, token));
    query(&path[end..], parts);
    // `redis://host:6379,password=X`.
    for option in url.split(|byte| *byte == b',').skip(1) {
        query(option, parts);
    }
}

/// Handles a password with a bare `/`, which is invalid but accepted by some programs. Digits
/// before the slash are a port.
fn credentials_with_slash(url: &[u8], parts: &mut Parts<'_>) {
    let Some(at) = url.iter().position(|&byte| byte == b'@') else { return };
    let Some(colon) = url[..at].iter().position(|&byte| byte == b':') else { return };
    let slash = url[..at].iter().position(|&byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(at);
    if colon < slash && !url[colon + 1..slash].iter().all(u8::is_ascii_digit) {
        let host = &url[at + 1..];
        let end = host.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(host.len());
        credentials(&url[..at], &host[..end], false, parts);
    }
}

/// The text before and after the `@`. A user name alone is no credential, unless it looks like a
/// token, or is the only one for a site of the web and no plain name: `https://TOKEN@github.com`.
fn credentials(userinfo: &[u8], host: &[u8], is_web: bool, parts: &mut Parts<'_>) {
    let colon = userinfo.iter().position(|&byte| byte == b':').unwrap_or(userinfo.len());
    let (user, password) = (&userinfo[..colon], userinfo.get(colon + 1..).unwrap_or_default());
    let is_alone = is_web && password.is_empty() || is_no_password(password);
    let is_token = looks_random(user) || is_alone && user.len() >= TOKEN_LEN_MIN && !is_setting(b"user", user);
    if is_token {
        parts.secret(Form::UrlPassword, user);
    }
    if !is_token && (password.is_empty() || is_no_password(password)) {
        return;
    }
    if is_no_password(password) {
        return authority(userinfo, host, parts);
    }
    parts.secret(Form::UrlPassword, password);
    decoded(password, |plain| parts.secret(Form::UrlPassword, plain));
    authority(userinfo, host, parts);
}

/// User name, password and host together: they identify the value even if the password is too short
/// to be masked by itself.
fn authority(userinfo: &[u8], host: &[u8], parts: &mut Parts<'_>) {
    let mut authority = Zeroizing::new(Vec::with_capacity(userinfo.len() + 1 + host.len()));
    authority.extend_from_slice(userinfo);
    authority.push(b'@');
    authority.extend_from_slice(host);
    for text in [&authority[..], userinfo] {
        if text.len() >= AUTHORITY_LEN_MIN {
            parts.text(Form::UrlAuthority, text);
        }
    }
}

/// The credentials in a query: `?user=u&password=p`.
fn query(query: &[u8], parts: &mut Parts<'_>) {
    for pair in query.split(|byte| matches!(byte, b'?' | b'&' | b'#' | b';')) {
        let Some(at) = memchr::memchr(b'=', pair) else { continue };
        let (key, value) = (&pair[..at], &pair[at + 1..]);
        if names_credential(key) && may_be_credential(key, value) || looks_random(value) {
            Written { text: value, style: Style::Query }
                .readings(&mut |reading| parts.secret(Form::UrlParameter, reading));
        }
    }
}
