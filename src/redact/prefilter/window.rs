//! Chooses the bytes of a needle that the prefilter looks for: the rarest ones in ordinary logs.
//!
//! `postgres://`, `eyJhbGciOi` and `-----BEGIN` begin half of all secrets and occur in half of all
//! logs; a window on them would run the automaton for nothing. The weights are guesses, checked by
//! benches on real logs; they only affect speed.

/// The maximum offset of a window within its needle, in bytes: enough for the signature of a usual
/// web token.
const OFFSET_MAX: usize = 1024;
/// The number of bytes of offset that weigh as much as one byte of weight 1: the text before the
/// window is walked again at each hit, and at the end of each piece.
const BYTES_PER_WEIGHT: usize = 16;

/// The length of the longest [common text](COMMON), in bytes.
const COMMON_LEN_MAX: usize = 14;
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

/// The common texts by their first and their second byte, in either case: a bit for each.
static STARTS: [[u64; 256]; 2] = starts();

const fn starts() -> [[u64; 256]; 2] {
    let (mut starts, mut number) = ([[0; 256]; 2], 0);
    while number < COMMON.len() {
        let text = COMMON[number].as_bytes();
        let mut at = 0;
        while at < starts.len() {
            starts[at][text[at].to_ascii_lowercase() as usize] |= 1 << number;
            starts[at][text[at].to_ascii_uppercase() as usize] |= 1 << number;
            at += 1;
        }
        number += 1;
    }
    starts
}

/// The length of the common text at the start of these bytes, if there is some.
#[inline]
fn common_len(bytes: &[u8]) -> Option<usize> {
    let &[first, second, ..] = bytes else { return None };
    let mut texts = STARTS[0][usize::from(first)] & STARTS[1][usize::from(second)];
    while texts != 0 {
        let text = COMMON[texts.trailing_zeros() as usize].as_bytes();
        if bytes.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text)) {
            return Some(text.len());
        }
        texts &= texts - 1;
    }
    None
}

/// The search for windows; it keeps its memory from needle to needle.
#[derive(Default)]
pub(super) struct WindowFinder {
    weights: Vec<u32>,
}

impl WindowFinder {
    /// The best offset of the window of `len` bytes in the needle, which is at least that long. Its
    /// first `shared` bytes also begin another needle. Ties go to the front.
    pub(super) fn best_offset(&mut self, needle: &[u8], shared: usize, len: usize) -> usize {
        let head = &needle[..needle.len().min(OFFSET_MAX + len)];
        // A later window weighs as much as its offset at least, so that a light one at the front
        // leaves few to weigh.
        self.weigh(head, shared, len + COMMON_LEN_MAX);
        let mut weight: u32 = self.weights[..len].iter().sum();
        let offsets = (weight as usize * BYTES_PER_WEIGHT).min(head.len() - len);
        let mut best = (weight, 0);
        if offsets > 0 {
            self.weigh(head, shared, len + offsets);
        }
        let weights = &self.weights;
        for offset in 1..=offsets {
            if best.0 <= (offset / BYTES_PER_WEIGHT) as u32 {
                break;
            }
            weight = weight + weights[offset + len - 1] - weights[offset - 1];
            best = best.min((weight + (offset / BYTES_PER_WEIGHT) as u32, offset));
        }
        best.1
    }

    /// Weighs up to `len` bytes: how common each is at its position.
    fn weigh(&mut self, head: &[u8], shared: usize, len: usize) {
        let bytes = &head[..head.len().min(len)];
        self.weights.clear();
        self.weights.resize(bytes.len(), 0);
        let weights = &mut self.weights;
        let mut add = |range: std::ops::Range<usize>, weight| weights[range].iter_mut().for_each(|sum| *sum += weight);
        let mut at = 0;
        while at + 1 < bytes.len() {
            let common = common_len(&bytes[at..]);
            add(at..at + common.unwrap_or(0), WEIGHT_COMMON);
            at += common.unwrap_or(1);
        }
        if head.starts_with(b"eyJ") {
            let signature = memchr::memrchr(b'.', head).unwrap_or(head.len());
            add(0..signature.min(bytes.len()), WEIGHT_TOKEN_HEAD);
        }
        if shared >= 8 {
            add(0..shared.min(bytes.len()), WEIGHT_SHARED);
        }
        // Without a branch for each byte, so that it becomes vector instructions.
        let mut is_repeated = false;
        for (three, weight) in threes(bytes).zip(&mut self.weights[bytes.len().min(1)..]) {
            let repeated = are_equal(three);
            is_repeated |= repeated;
            *weight += if are_plain(three) & !repeated { WEIGHT_PLAIN } else { 0 };
        }
        if is_repeated {
            for (at, _) in threes(bytes).enumerate().filter(|(_, three)| are_equal(*three)) {
                self.weights[at..at + 3].iter_mut().for_each(|sum| *sum += WEIGHT_REPEATED);
            }
        }
    }
}

/// Each three bytes in a row.
#[inline]
fn threes(bytes: &[u8]) -> impl Iterator<Item = [u8; 3]> {
    let [second, third] = [1, 2].map(|from| bytes.get(from..).unwrap_or_default());
    bytes.iter().zip(second).zip(third).map(|((&first, &second), &third)| [first, second, third])
}

/// Whether the bytes are all lower-case letters or all digits.
#[inline]
fn are_plain(bytes: [u8; 3]) -> bool {
    let are_letters = bytes.iter().fold(true, |all, byte| all & byte.is_ascii_lowercase());
    let are_digits = bytes.iter().fold(true, |all, byte| all & byte.is_ascii_digit());
    are_letters | are_digits
}

#[inline]
fn are_equal(bytes: [u8; 3]) -> bool {
    (bytes[0] == bytes[1]) & (bytes[1] == bytes[2])
}

#[cfg(test)]
mod tests {
    use super::{COMMON, COMMON_LEN_MAX, WindowFinder, common_len};

    fn best_offset(needle: &[u8], shared: usize, len: usize) -> usize {
        WindowFinder::default().best_offset(needle, shared, len)
    }

    #[test]
    fn each_common_text_is_found_in_either_case() {
        assert_eq!(COMMON.iter().map(|text| text.len()).max(), Some(COMMON_LEN_MAX));
        for text in COMMON {
            let there = [text.to_ascii_lowercase(), text.to_ascii_uppercase(), format!("{text}x")];
            assert!(there.iter().all(|bytes| common_len(bytes.as_bytes()) == Some(text.len())), "{text}");
            assert_eq!(common_len(&text.as_bytes()[..text.len() - 1]), None, "{text}");
        }
        assert_eq!([common_len(b""), common_len(b"m"), common_len(b"Mix")], [None; 3]);
    }

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
