//! Chooses the bytes of a needle that the prefilter looks for: the rarest ones in ordinary logs.
//!
//! `postgres://`, `eyJhbGciOi` and `-----BEGIN` begin half of all secrets and occur in half of all
//! logs; a window on them would run the automaton for nothing. The weights are guesses, checked by
//! benches on real logs; they only affect speed.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// The maximum offset of a window within its needle, in bytes: enough for the signature of a usual
/// web token.
const OFFSET_MAX: usize = 1024;
/// The number of bytes of offset that weigh as much as one byte of weight 1: the text before the
/// window is walked again at each hit, and at the end of each piece.
const BYTES_PER_WEIGHT: usize = 16;

const WEIGHT_COMMON: u32 = 8;
const WEIGHT_TOKEN_HEAD: u32 = 3;
const WEIGHT_REPEATED: u32 = 3;
const WEIGHT_SHARED: u32 = 2;
const WEIGHT_PLAIN: u32 = 2;

/// Text that is common in secrets and logs, in either case.
const COMMON: &[&str] = &[
    "-----BEGIN",
    "-----END",
    "PRIVATE KEY",
    "CERTIFICATE",
    "://",
    "postgres",
    "mysql",
    "redis",
    "mongodb",
    "amqp",
    "http",
    "localhost",
    "password",
    "passwd",
    "secret",
    "token",
    "server=",
    "user",
    "endpoint=",
    "accountkey=",
    "accountname=",
    "bearer ",
    "basic ",
    ".com",
    ".net",
    ".org",
    ".internal",
    ".local",
    "eyJhbGciOi",
    "eyJ0eXAiOi",
    "eyJraWQiOi",
    "github_pat_",
    "ghp_",
    "sk-live",
    "sk_live_",
    "sk-proj-",
    "xoxb-",
    "AKIA",
    "AIza",
    "MII",
    "LS0tLS1CRUdJTi",
];

static COMMON_SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).build(COMMON).expect("a short list of short words")
});

/// The best offset of the window of `len` bytes in the needle, which is at least that long. Its
/// first `shared` bytes also begin another needle. Ties go to the front.
pub(super) fn best_offset(needle: &[u8], shared: usize, len: usize) -> usize {
    let head = &needle[..needle.len().min(OFFSET_MAX + len)];
    let weights = weights(head, shared);
    let mut weight: u32 = weights[..len].iter().sum();
    let mut best = (weight, 0);
    for offset in 1..=head.len() - len {
        weight = weight + weights[offset + len - 1] - weights[offset - 1];
        best = best.min((weight + (offset / BYTES_PER_WEIGHT) as u32, offset));
    }
    best.1
}

/// The weight of each byte: how common it is at its position.
fn weights(head: &[u8], shared: usize) -> Vec<u32> {
    let mut weights = vec![0; head.len()];
    let mut add = |range: std::ops::Range<usize>, weight| weights[range].iter_mut().for_each(|sum| *sum += weight);
    for found in COMMON_SEARCH.find_iter(head) {
        add(found.range(), WEIGHT_COMMON);
    }
    if head.starts_with(b"eyJ") {
        let signature = memchr::memrchr(b'.', head).unwrap_or(head.len());
        add(0..signature, WEIGHT_TOKEN_HEAD);
    }
    if shared >= 8 {
        add(0..shared.min(head.len()), WEIGHT_SHARED);
    }
    for (i, bytes) in head.windows(3).enumerate() {
        if bytes[0] == bytes[1] && bytes[1] == bytes[2] {
            add(i..i + 3, WEIGHT_REPEATED);
        } else if bytes.iter().all(u8::is_ascii_lowercase) || bytes.iter().all(u8::is_ascii_digit) {
            add(i + 1..i + 2, WEIGHT_PLAIN);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::best_offset;

    #[test]
    fn a_window_avoids_frequent_bytes_of_logs() {
        let url = b"postgres://app:x9Kq-27vLm_0zRt@db-1.internal:5432/orders";
        assert!(best_offset(url, 0, 15) >= 11);
        let token = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
        assert!(best_offset(token, 0, 39) >= 67);
    }

    #[test]
    fn a_window_of_nothing_special_stands_at_the_start() {
        assert_eq!(best_offset(b"x9Kq-27vLm_0zRtx9Kq-27vLm_0zRt", 0, 15), 0);
        assert_eq!(best_offset(b"aaaaaaaa", 0, 8), 0);
    }
}
