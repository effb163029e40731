//! Credentials in the paths of URLs.

use super::name::names_credential;
use super::{changes_class, is_uuid, looks_random};

/// The minimum length of a credential that its place gives away, in bytes.
const TOKEN_LEN_MIN: usize = 12;
/// The length of a UUID in digits, in bytes.
const UUID_LEN: usize = 36;
/// A name has fewer of the places that [`changes`] counts.
const TOKEN_CHANGES_MIN: usize = 3;

/// The paths of web hooks before their tokens, and the least length of these, in bytes: Zapier's
/// have seven.
const HOOKS: [(&[u8], usize); 6] = [
    (b"/webhooks/", TOKEN_LEN_MIN),
    (b"/webhookb2/", TOKEN_LEN_MIN),
    (b"/IncomingWebhook/", TOKEN_LEN_MIN),
    (b"/hooks/catch/", 6),
    (b"/hooks/", TOKEN_LEN_MIN),
    (b"/services/", TOKEN_LEN_MIN),
];

/// Calls `emit` with the credentials in the path of a URL on this host:
///
/// - segments that look random, and the last one of a web hook, if it is no word:
///   `/services/payment-gateway` is one of a catalog;
/// - the token of a bot of Telegram, `/bot110201543:X/sendMessage`;
/// - a segment behind the name of a credential: `/trigger/EVENT/with/key/X`;
/// - a token of Anaconda, `/t/X/CHANNEL`, and the UUID that is all that a check or a customer is
///   known by: `https://hc-ping.com/X`, `/ping/X`, `/inputs/X/tag/http` of Loggly.
pub(crate) fn path_tokens(host: &[u8], path: &[u8], emit: &mut dyn FnMut(&[u8])) {
    let mut before: &[u8] = b"";
    for segment in path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()) {
        let ends_in_uuid = segment.last_chunk::<UUID_LEN>().is_some_and(|end| is_uuid(end));
        let is_known = match before {
            b"" => host == b"hc-ping.com" && is_uuid(segment),
            b"t" => ends_in_uuid,
            b"ping" | b"inputs" => is_uuid(segment),
            name => names_credential(name) && may_be_token(segment),
        };
        if is_known || looks_random(segment) {
            emit(segment);
        }
        let bot = segment.strip_prefix(b"bot").filter(|token| token.first().is_some_and(u8::is_ascii_digit));
        if let Some(token) = bot.filter(|token| token.contains(&b':')) {
            emit(token);
        }
        before = segment;
    }
    let is_hook = |(hook, len): &(&[u8], usize)| before.len() >= *len && memchr::memmem::find(path, hook).is_some();
    if !is_word(before) && !looks_random(before) && HOOKS.iter().any(is_hook) {
        emit(before);
    }
}

/// Whether a segment behind the name of a credential is one, and no word such as `refresh`,
/// `resetPasswordForm` and `introspect-v2`.
fn may_be_token(segment: &[u8]) -> bool {
    let has_digit = segment.iter().any(u8::is_ascii_digit);
    segment.len() >= TOKEN_LEN_MIN && if has_digit { changes(segment) >= 2 } else { !is_word(segment) }
}

/// Whether a segment is a name of words and numbers, such as `k8s-app-service` and
/// `deployToStaging`. A short one is none if it has a digit.
fn is_word(segment: &[u8]) -> bool {
    let is_short = segment.len() < TOKEN_LEN_MIN && segment.iter().any(u8::is_ascii_digit);
    !is_short && !is_uuid(segment) && changes(segment) < TOKEN_CHANGES_MIN.max(segment.len() / 8)
}

/// The number of places where letters of one case change to the other, or to digits and back.
fn changes(segment: &[u8]) -> usize {
    segment.windows(2).filter(|pair| changes_class(pair[0], pair[1])).count()
}

#[cfg(test)]
mod tests {
    use super::path_tokens;

    fn tokens(host: &str, path: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        path_tokens(host.as_bytes(), path.as_bytes(), &mut |token| tokens.push(String::from_utf8_lossy(token).into()));
        tokens
    }

    #[test]
    fn tokens_in_paths_of_services() {
        const UUID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";
        for (host, path, token) in [
            ("conda.anaconda.org", "/t/zz-5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/org", &format!("zz-{UUID}")[..]),
            ("hc-ping.com", "/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/start", UUID),
            ("checks.internal", "/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", UUID),
            ("logs-01.loggly.com", "/inputs/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/tag/http/", UUID),
            ("maker.ifttt.com", "/trigger/disk_full/with/key/cXyzAbCdEfGhIjKlMnOpQr", "cXyzAbCdEfGhIjKlMnOpQr"),
            ("hooks.zapier.com", "/hooks/catch/1234567/abc12de/", "abc12de"),
            ("chat.internal", "/hooks/hu9zp4ka7tbxfmz5wgq8rcy3de", "hu9zp4ka7tbxfmz5wgq8rcy3de"),
            ("hooks.slack.com", "/services/T01/B01/aBcDeFgHiJkLmNoPqRsTuVwX", "aBcDeFgHiJkLmNoPqRsTuVwX"),
            ("api.example.com", "/v1/api_key/hunter2secret/send", "hunter2secret"),
            ("a.webhook.office.com", "/webhookb2/x@y/IncomingWebhook/z/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", UUID),
            ("api.telegram.org", "/bot110201543:AAHdqTcvCH1vGWJxfSeof/sendMessage", "110201543:AAHdqTcvCH1vGWJxfSeof"),
        ] {
            assert_eq!(tokens(host, path), [token], "{path}");
        }
    }

    #[test]
    fn words_in_paths_are_no_tokens() {
        for path in [
            "/v1/secret/data/application",
            "/oauth/token/introspect-v2-endpoint",
            "/token/resetPasswordForm",
            "/password/reset",
            "/t/how-to-mask-secrets-2024/1234",
            "/users/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278",
            "/hooks/deploy",
            "/v1/catalog/services/payment-gateway",
            "/services/k8s-app-service",
            "/hooks/deployToStaging",
            "",
        ] {
            assert_eq!(tokens("example.com", path), [""; 0], "{path}");
        }
    }
}
