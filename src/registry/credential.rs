//! Detects credentials among plain defaults, which every reader of the registry can see.
//!
//! Not by the rule of [`redact::credential`](crate::redact::credential): in doubt, that takes a
//! name for that of a credential, since a mask too many does little harm. Here a wrong guess
//! refuses a default, or exports a variable: of the variables that programs read, that rule takes
//! some 80 more for credentials, such as `LESSKEY`, `GIT_SSL_KEY` and `SEED`.

use crate::redact::ordinary::is_ordinary;
use crate::redact::secret::UNGUESSABLE_LEN_MIN;

/// Endings of credential names.
const NAMES: &[&str] = &[
    "ACCESS_KEY",
    "APIKEY",
    "API_KEY",
    "AUTH",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "ENCRYPTION_KEY",
    "MASTER_KEY",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PAT",
    "PRIVATE_KEY",
    "PWD",
    "SECRET",
    "SECRET_KEY",
    "SIGNING_KEY",
    "TOKEN",
    "WEBHOOK",
];

/// Endings that name a credential even without a `_` before them, as in `PGPASSWORD`.
const JOINED: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN"];
/// The entries of [`NAMES`] that may also name a setting, in a variable that programs read.
const VAGUE: &[&str] = &["AUTH", "PASS", "PAT"];

/// Prefixes of credentials, by issuer.
const BEGINNINGS: &[&str] = &[
    "AGE-SECRET-KEY-",
    "AIza",
    "AKIA",
    "ASIA",
    "Basic ",
    "Bearer ",
    "SG.",
    "dckr_pat_",
    "dop_v1_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "hvs.",
    "npm_",
    "pypi-",
    "rk_live_",
    "rk_test_",
    "sk-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xapp-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "ya29.",
];

/// The length from which a word of digits and letters of both cases counts as random.
const RANDOM_LEN_MIN: usize = 20;

/// Whether this name and value look like a secret rather than a plain default.
pub(super) fn looks_like_credential(name: &str, value: &str) -> bool {
    let value = value.trim();
    let upper = name.to_ascii_uppercase();
    let names = NAMES.iter().any(|end| ends_in_word(&upper, end));
    // `AUTH=none` and `TOKEN=on` are settings. A path locates the credential, and holds none.
    let is_unguessable = value.len() >= UNGUESSABLE_LEN_MIN && !is_ordinary(value.as_bytes()) && !is_path(value);
    (names && is_unguessable)
        || BEGINNINGS
            .iter()
            .any(|start| value.strip_prefix(start).is_some_and(|rest| rest.len() >= UNGUESSABLE_LEN_MIN))
        || value.contains("PRIVATE KEY-----")
        || has_password(value)
        || value.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c))).any(is_random)
}

/// The longest name that a message repeats, in bytes.
const REPEATED_LEN_MAX: usize = 64;

/// Whether a message may repeat an unknown name that the user typed. The user may have typed a
/// secret in place of the name. Only words of letters pass, in one case or capitalized, and none
/// that looks like a credential.
#[must_use]
pub fn may_be_repeated(word: &str) -> bool {
    let is_word = |part: &str| {
        let rest = part.get(1..).unwrap_or_default();
        let all = |text: &str, is: fn(&u8) -> bool| text.as_bytes().iter().all(is);
        all(part, u8::is_ascii_uppercase)
            || part.starts_with(|c: char| c.is_ascii_alphabetic()) && all(rest, u8::is_ascii_lowercase)
    };
    !word.is_empty()
        && word.len() <= REPEATED_LEN_MAX
        && word.split(['-', '_', '.', '/']).all(is_word)
        && !BEGINNINGS.iter().any(|start| word.starts_with(start))
        && !looks_like_credential("", word)
}

/// The typed name, or its placeholder.
pub(super) fn named<'a>(word: &'a str, instead: &'a str) -> &'a str {
    if may_be_repeated(word) { word } else { instead }
}

/// Whether the last words of a name in capitals identify a credential, for a variable that programs
/// read. Earlier words count less: `RESTIC_PASSWORD_COMMAND` is a command.
pub(super) fn names_credential(name: &str) -> bool {
    let joined = JOINED.iter().any(|end| name.ends_with(end));
    joined || NAMES.iter().filter(|end| !VAGUE.contains(end)).any(|end| ends_in_word(name, end))
}

fn ends_in_word(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}

fn is_path(value: &str) -> bool {
    value.starts_with(['/', '.', '~']) && value.contains('/') && !value.contains(char::is_whitespace)
}

/// `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let authorities = value.split("://").skip(1).filter_map(|rest| rest.split(['/', '?', '#', ' ']).next());
    authorities.filter_map(|authority| authority.rsplit_once('@')).any(|(user, _)| {
        user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.starts_with(['$', '{']))
    })
}

/// Whether a word is mixed as no natural word is. Host names, versions and image names do not
/// match: they have separators, or one case.
fn is_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let hex = word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit()) && digits >= 4;
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && digits >= 2 && !word.contains('/');
    word.len() >= RANDOM_LEN_MIN && (mixed || hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognized_by_name_or_value() {
        for (name, value) in [
            ("DB_PASSWORD", "correct horse"),
            ("TOKEN", "abcdefgh12"),
            ("GREETING", "ghp_abcdefghijkl"),
            ("URL", "postgres://app:pa55@db/app"),
            ("KEY", "-----BEGIN PRIVATE KEY-----\nMC4C"),
            ("ANYTHING", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7"),
            ("DIGEST", "0123456789abcdef0123456789abcdef"),
            ("HEADER", "Bearer abcdefghijk"),
        ] {
            assert!(looks_like_credential(name, value), "{name}");
        }
    }

    #[test]
    fn a18_only_words_that_read_as_names_are_repeated() {
        for name in ["openai-api-key", "NODE_ENV", "production", "Alice", "db.url", "account/token", "NOPE"] {
            assert!(may_be_repeated(name), "{name}");
        }
        for word in [
            "",
            "hunter2-prod-key",
            "hunter2",
            "s3cr3t",
            "sk-live-abc",
            "ghp_abcdef",
            "aBcDeF",
            "correcthorse!",
            "a b",
            "x\u{202e}y",
            "\u{e4}pfel",
            "1234",
            "PAssword",
        ] {
            assert!(!may_be_repeated(word), "{word}");
        }
        assert!(!may_be_repeated(&"a".repeat(REPEATED_LEN_MAX + 1)));
    }

    #[test]
    fn settings_are_none() {
        for (name, value) in [
            ("NODE_ENV", "development"),
            ("LOG_LEVEL", "debug"),
            ("DATABASE_URL", "postgres://db.internal:5432/app"),
            ("ENDPOINT", "https://api.example.com/v2/things?limit=10"),
            ("TOKEN", "none"),
            ("TOKEN_PATH", "/run/secrets/token"),
            ("PASSWORD", "/run/secrets/password"),
            ("KEYBOARD", "dvorak"),
            ("JAVA_OPTS", "-Xmx512m -XX:+UseG1GC -Dfile.encoding=UTF-8"),
            ("IMAGE", "registry.example.com/team/app:1.2.3-rc1"),
            ("CACHE", "redis://user@cache.internal/0"),
            ("AUTH", "production"),
            ("EMPTY", ""),
        ] {
            assert!(!looks_like_credential(name, value), "{name}");
        }
    }
}
