//! The reach of a set's needles across the ends of lines and pieces, which is all that line release
//! needs to know of the set.

use super::automaton::ROOT;
use super::reading::rule::{ESCAPE_LEN_MAX, READ_PER_BYTE};
use super::scan::{PIECE_LEN_MAX, Scanner};

/// The end of a text so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextEnd {
    /// Its position in the stream.
    pub(crate) at: u64,
    /// If the text ends in a line end that reads as nothing, since the line may be wrapped base64:
    /// the number of bytes from the first of such line ends on. Else 0.
    pub(crate) wrapped: u64,
}

/// The reach of a set's needles.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// The number of bytes at the end of the input in which a needle may begin that continues
    /// beyond it.
    pub(crate) tail: usize,
    /// The number of bytes before a newline that may be lines of a needle, including a guessable
    /// one.
    pub(crate) lag: usize,
}

impl Reach {
    /// The reach for a text that ends in a line end. If that reads as nothing, the line goes on,
    /// and waits like the lines of a needle.
    #[allow(dead_code, reason = "a library may be without line release")]
    pub(crate) fn at(self, end: TextEnd) -> Reach {
        Reach { lag: self.lag.max(usize::try_from(end.wrapped).unwrap_or(usize::MAX)), ..self }
    }

    /// The reach of these needles. For each, `unguessable_lens` is the number of its bytes that
    /// stand for more of the value than can be guessed at once.
    ///
    /// `reads`: the text is searched in the plain reading, too, in which a needle may be many times
    /// as long. No limit would hold all that an attacker can write; this one holds the escapes that
    /// programs write.
    pub(super) fn of(scanner: &Scanner, unguessable_lens: &[u32], reads: bool) -> Reach {
        let longest = scanner.needles().iter().map(<[u8]>::len).max().unwrap_or(0);
        let lag_of = |(needle, len): (&[u8], &u32)| lag_of(scanner, needle, *len as usize);
        let lag = scanner.needles().iter().zip(unguessable_lens).map(lag_of).max().unwrap_or(0);
        let tail = longest.saturating_sub(1);
        Reach { tail: if reads { READ_PER_BYTE * tail + ESCAPE_LEN_MAX } else { tail }, lag }
    }
}

/// The end of the last guessable line of a needle and of the public lines that follow it, since an
/// attacker who guesses the one can add the others: if only matches were held back, these would
/// show that the guess is right. A guessable line is short, not public, and not after a whole
/// needle.
fn lag_of(scanner: &Scanner, needle: &[u8], unguessable_len: usize) -> usize {
    let [inner @ .., _] = needle else { return 0 };
    let (mut lag, mut line_start, mut whole) = (0, 0, None);
    for end in memchr::memchr_iter(b'\n', inner).map(|newline| newline + 1) {
        let is_shown = match is_public(&needle[line_start..end]) {
            true => lag > 0 && lag == line_start,
            false => end - line_start < unguessable_len,
        };
        if is_shown {
            // After the first whole needle the rest is known to match.
            if end >= *whole.get_or_insert_with(|| first_end(scanner, inner).unwrap_or(needle.len())) {
                break;
            }
            lag = end;
        }
        line_start = end;
    }
    lag
}

/// Where the first whole needle in the text ends.
fn first_end(scanner: &Scanner, text: &[u8]) -> Option<usize> {
    let (mut found, mut state, mut start) = (Vec::new(), ROOT, 0);
    for piece in text.chunks(PIECE_LEN_MAX) {
        state = scanner.scan(piece, state, &mut found);
        if let Some((at, _)) = found.first() {
            return Some(start + *at as usize);
        }
        start += piece.len();
    }
    None
}

/// Whether this line is public: a blank one, or the BEGIN of PEM.
fn is_public(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    text.is_empty() || text.starts_with(b"-----BEGIN ") && text.ends_with(b"-----")
}
