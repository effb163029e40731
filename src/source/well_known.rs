//! The variables that usually hold secrets: the default without a source and without a session.

use glob::{MatchOptions, Pattern};

/// Patterns for the names, regardless of case. They cover the conventions of CI systems, clouds and
/// databases.
pub const GLOBS: &[&str] = &[
    "*_TOKEN",
    "*_SECRET",
    "*_PASSWORD",
    "*_PASSWD",
    "*_PASS",
    "*_PASSPHRASE",
    "*_KEY",
    "*_APIKEY",
    "*_PAT",
    "*_CREDENTIALS",
    "*_CREDENTIAL",
    "*_CONNECTION_STRING",
    "*_DSN",
    "*_URL",
    "*_URI",
    "*_WEBHOOK",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "APIKEY",
    "PGPASSWORD",
    "MYSQL_PWD",
    "REDISCLI_AUTH",
];

/// Endings of names of addresses. An address is secret only if it holds credentials.
const ADDRESSES: &[&str] = &["_URL", "_URI", "_DSN", "_WEBHOOK"];

/// Parts of the names of parameters that hold a credential.
const CREDENTIAL_WORDS: &[&[u8]] = &[b"pass", b"pwd", b"secret", b"token", b"key", b"sig", b"auth", b"cred", b"jwt"];

/// The shortest part of a path that counts as a credential if it mixes letters and digits, as in
/// webhook addresses.
const RANDOM_LEN_MIN: usize = 16;

/// Whether a variable with this name and value counts as a secret.
pub fn is_secret(name: &str, value: &[u8]) -> bool {
    let options = MatchOptions { case_sensitive: false, ..MatchOptions::default() };
    let matches = |glob: &&str| Pattern::new(glob).is_ok_and(|pattern| pattern.matches_with(name, options));
    let upper = name.to_ascii_uppercase();
    let address = ADDRESSES.iter().any(|ending| upper.ends_with(ending));
    GLOBS.iter().any(matches) && (!address || has_credentials(value))
}

/// Whether an address holds credentials: user information, a parameter for a credential (`?sig=`,
/// `Password=...;`), or a random-looking part of its path.
fn has_credentials(address: &[u8]) -> bool {
    address.contains(&b'@') || parameters(address).any(is_credential) || parts(address).any(looks_random)
}

/// The names of parameters: the text before each `=`.
fn parameters(address: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut pieces: Vec<&[u8]> = address.split(|&b| b == b'=').collect();
    pieces.pop();
    pieces.into_iter().map(|piece| piece.rsplit(|b| b"?&;, \t\n".contains(b)).next().unwrap_or_default())
}

fn is_credential(parameter: &[u8]) -> bool {
    let lower = parameter.to_ascii_lowercase();
    CREDENTIAL_WORDS.iter().any(|word| lower.windows(word.len()).any(|window| window == *word))
}

fn parts(address: &[u8]) -> impl Iterator<Item = &[u8]> {
    address.split(|b| b"/?#&=:".contains(b))
}

fn looks_random(part: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| part.iter().any(kind);
    part.len() >= RANDOM_LEN_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && part.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_whatever_their_case() {
        for name in ["GITHUB_TOKEN", "aws_secret_access_key", "DB_PASSWORD", "PGPASSWORD", "npm_config__auth_token"] {
            assert!(is_secret(name, b"some value"), "{name}");
        }
        for name in ["PATH", "HOME", "TOKENS", "KEYBOARD", "PWD", "OLDPWD", "SSH_AUTH_SOCK"] {
            assert!(!is_secret(name, b"some value"), "{name}");
        }
    }

    #[test]
    fn an_address_without_credentials_is_no_secret() {
        for open in [
            "https://api.example.com/v2/",
            "http://localhost:3000",
            "redis://cache.internal:6379/0",
            "postgres://db.internal/app?sslmode=require",
            "unix:///var/run/docker.sock",
            "",
        ] {
            assert!(!is_secret("SERVICE_URL", open.as_bytes()), "{open}");
        }
    }

    #[test]
    fn an_address_with_credentials_is_a_secret() {
        for secret in [
            "postgres://app:pw@db.internal/app",
            "https://0123abc@sentry.example.com/1",
            "app:pw@tcp(db:3306)/app",
            "https://store.example.com/a?sig=abc",
            "Server=db;User=app;Password=pw",
            "host=db user=app password=pw",
            "https://hooks.example.com/services/T0001/B0002/abcDEF123ghiJKL456mnoPQR",
        ] {
            assert!(is_secret("SERVICE_DSN", secret.as_bytes()));
        }
    }
}
