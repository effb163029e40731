//! The variables that usually hold secrets: the default without a source and without a session.
//!
//! The words of a name decide (see [`credential`](crate::redact::credential)), or a password in the
//! value, such as that of `HTTPS_PROXY=http://user:password@proxy`. A path is no secret; the file
//! behind it is, if the name says so: `POSTGRES_PASSWORD_FILE`.

use crate::redact::credential::name::names_credential;
use crate::redact::credential::setting::is_path;
use crate::redact::credential::{looks_random, may_be_credential};
use crate::redact::part::{has_named_credential, is_user_at_host};

/// Variables whose names say otherwise: the shell keeps directories in them.
const DIRECTORIES: [&str; 2] = ["PWD", "OLDPWD"];
/// Endings of names of addresses. An address is secret only if it holds credentials.
const ADDRESSES: [&str; 6] = ["_URL", "_URI", "_DSN", "_WEBHOOK", "_HOOK", "_ENDPOINT"];
/// Variables that hold credentials under names that do not say so: the sessions of password
/// managers, the headers of OpenTelemetry.
const OTHERS: [&str; 3] = ["BW_SESSION", "AOC_SESSION", "OTEL_EXPORTER_OTLP_HEADERS"];
/// Ending of the name of a variable with the path of a file that holds the value.
const FILE: &str = "_FILE";
/// Variables with the path of a file of credentials.
const CREDENTIAL_FILES: [&str; 4] =
    ["GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AZURE_AUTH_LOCATION", "PGPASSFILE"];

/// What a variable is, by its name and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// The value is a secret.
    Secret,
    /// The value is the path of a file that holds a secret.
    File,
    /// Name or value look like a secret, but the value is not masked.
    Doubtful,
    /// None of these.
    Other,
}

/// Classifies a variable.
pub(super) fn classify(name: &str, value: &[u8]) -> Variable {
    let upper = name.to_ascii_uppercase();
    let names_file = CREDENTIAL_FILES.contains(&&*upper)
        || upper.strip_suffix(FILE).is_some_and(|name| names_credential(name.as_bytes()));
    if is_path(value) {
        return match () {
            () if names_file => Variable::File,
            () if is_credential(&upper) => Variable::Doubtful,
            () => Variable::Other,
        };
    }
    if names_file && !value.is_empty() {
        // A path below the working directory.
        return Variable::File;
    }
    let is_address = ADDRESSES.iter().any(|ending| upper.ends_with(ending));
    let is_secret = is_conventional(&upper, value)
        || if is_address {
            has_credentials(value) || value.split(|byte| b"/?#&=:".contains(byte)).any(looks_like_token)
        } else {
            is_credential(&upper) && may_be_credential(name.as_bytes(), value) || has_credentials(value)
        };
    match () {
        () if value.trim_ascii().is_empty() => Variable::Other,
        () if is_secret => Variable::Secret,
        () if looks_random(value) => Variable::Doubtful,
        () => Variable::Other,
    }
}

/// Whether a variable with this name and value counts as a secret.
pub fn is_secret(name: &str, value: &[u8]) -> bool {
    classify(name, value) == Variable::Secret
}

fn is_credential(upper: &str) -> bool {
    names_credential(upper.as_bytes()) && !DIRECTORIES.contains(&upper)
}

/// Whether a value holds credentials: user information with a password, or a parameter for a
/// credential (`?sig=`, `Password=...;`).
fn has_credentials(value: &[u8]) -> bool {
    has_user_information(value) || has_parameter(value) || is_user_at_host(value) || has_named_credential(value)
}

/// Whether the name is one of the variables that hold credentials by convention.
fn is_conventional(upper: &str, value: &[u8]) -> bool {
    // Bundler: `BUNDLE_GEMS__EXAMPLE__COM=user:password`.
    let is_bundler = upper.starts_with("BUNDLE_") && upper.contains("__") && value.contains(&b':');
    OTHERS.contains(&upper) || upper.starts_with("OP_SESSION_") || is_bundler
}

/// `scheme://user:password@host`, `scheme://token@host`, `user:password@tcp(host)`.
fn has_user_information(value: &[u8]) -> bool {
    let of_url = memchr::memmem::find_iter(value, b"://").any(|at| {
        let rest = &value[at + 3..];
        let end = rest.iter().position(|byte| b"/?# \t\r\n".contains(byte)).unwrap_or(rest.len());
        memchr::memchr(b'@', &rest[..end]).is_some_and(|at| at > 0 && rest[..at] != *b":")
    });
    let of_dsn = memchr::memmem::find(value, b"@tcp(").or_else(|| memchr::memmem::find(value, b"@unix("));
    of_url || of_dsn.is_some_and(|at| value[..at].contains(&b':'))
}

/// Whether a parameter names a credential, and has a value: the word before a `=`.
fn has_parameter(value: &[u8]) -> bool {
    memchr::memchr_iter(b'=', value).any(|at| {
        let key = value[..at].rsplit(|byte| b"?&;, \t\n".contains(byte)).next().unwrap_or_default();
        let rest = &value[at + 1..];
        let end = rest.iter().position(|byte| b"&;, \t\r\n".contains(byte)).unwrap_or(rest.len());
        end > 0 && names_credential(key) && may_be_credential(key, &rest[..end])
    })
}

/// The shortest part of an address that counts as a credential if it mixes letters and digits, as
/// in webhooks.
const TOKEN_LEN_MIN: usize = 16;

fn looks_like_token(part: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| part.iter().any(kind);
    part.len() >= TOKEN_LEN_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && part.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_whatever_their_case() {
        for name in [
            "GITHUB_TOKEN",
            "aws_secret_access_key",
            "DB_PASSWORD",
            "PGPASSWORD",
            "npm_config__auth_token",
            "TOKENS",
            "SECRET_KEY_BASE",
            "API_KEY_2",
            "NPM_CONFIG__AUTH",
            "REDIS_AUTH",
            "DB_PWD",
            "BOT_TOKENS",
            "MYSQL_PWD",
            "REDISCLI_AUTH",
            "VAULT_PASSPHRASE",
            "GH_PAT",
            "APP_CREDENTIALS",
            "PASSWORD",
            "SENTRY_DSN_KEY",
            "apikey",
        ] {
            assert!(is_secret(name, b"some value"), "{name}");
        }
        for name in ["PATH", "HOME", "KEYBOARD", "PWD", "OLDPWD", "SSH_AUTH_SOCK", "MAX_TOKENS", "TOKEN_TTL", "AUTHOR"]
        {
            assert!(!is_secret(name, b"some value"), "{name}");
        }
    }

    #[test]
    fn values_say_that_they_hold_a_credential() {
        for value in [
            "Authorization: Bearer kx-5512-lamp",
            "{\"spring\":{\"datasource\":{\"password\":\"kx-5512-lamp\"}}}",
            "users:\n- name: x\n  user:\n    token: kx-5512-lamp\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----",
            "mysql -u root -pkx-5512-lamp",
            "robot:kx-5512-lamp@proxy.test:3128",
            "token: kx-5512-lamp",
        ] {
            assert!(is_secret("ANYTHING", value.as_bytes()), "{value}");
        }
        for value in [
            "rs=0:di=01;34:ln=01;36:*.tar=01;31:*.key=00;36",
            "/usr/local/bin:/usr/bin:/bin",
            "history -a; printf '%s' \"$PWD\"",
            "git@code.test:team/app.git",
            "team/app:1.2@sha256:0123abc",
            "\\[\\e]0;\\u@\\h: \\w\\a\\]$ ",
            "--bind 'ctrl-k:kill-line' --height 40%",
            "password: required",
            "ssh -i ~/.ssh/key robot@host.test",
            "unix:path=/run/user/1000/bus,guid=0123abc",
        ] {
            assert!(!is_secret("ANYTHING", value.as_bytes()), "{value}");
        }
        for name in ["OP_SESSION_my", "BW_SESSION", "VAULT_SECRET_ID", "RECOVERY_CODES", "ADMIN_PSWD", "NONCE_SALT"] {
            assert!(is_secret(name, b"kx-5512-lamp"), "{name}");
        }
        for name in ["DESKTOP_SESSION", "SECRET_ID", "ZIP_CODE", "KEY_MGMT", "AUTH_USER", "TOKENS_PER_MINUTE"] {
            assert!(!is_secret(name, b"kx-5512-lamp"), "{name}");
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
            assert!(!is_secret("HTTPS_PROXY", open.as_bytes()), "{open}");
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
        ] {
            assert!(is_secret("SERVICE_DSN", secret.as_bytes()), "{secret}");
            assert!(is_secret("ANYTHING", secret.as_bytes()), "{secret}");
        }
        let webhook = b"https://hooks.example.com/services/T0001/B0002/abcDEF123ghiJKL456mnoPQR";
        assert!(is_secret("SLACK_WEBHOOK", webhook) && is_secret("SERVICE_URL", webhook));
    }

    #[test]
    fn a_path_is_no_secret_but_the_file_may_be() {
        for (name, value, expected) in [
            ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json", Variable::File),
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/db", Variable::File),
            ("POSTGRES_PASSWORD_FILE", "db", Variable::File),
            ("SSL_KEY", "/etc/ssl/private/site.pem", Variable::Doubtful),
            ("LOG_FILE", "/var/log/app.log", Variable::Other),
            ("DB_PASSWORD", "/kx5512lamp", Variable::Secret),
            ("DB_PASSWORD", "/kx/5512!lamp", Variable::Secret),
            ("SESSION", "a1B2c3D4e5F6g7H8i9J0", Variable::Doubtful),
            ("TOKEN_REQUIRED", "true", Variable::Other),
            ("USE_TOKEN", "true", Variable::Other),
        ] {
            assert_eq!(classify(name, value.as_bytes()), expected, "{name}");
        }
    }
}
