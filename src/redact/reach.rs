//! How far the needles of a set reach over the ends of lines and pieces: all that line release asks
//! of the set.

use super::automaton::ROOT;
use super::scan::{PIECE_LEN_MAX, Scanner};

/// How far the needles of a set reach: all that line release asks of the set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// How many bytes at the end of the input a needle may begin in that goes on behind it.
    pub(crate) tail: usize,
    /// How many bytes before a newline may be lines of a needle of which one could be guessed.
    pub(crate) lag: usize,
}

impl Reach {
    /// Of these needles. `telling_lens`: how many bytes of each stand for more of its value than
    /// can be guessed at once.
    pub(super) fn of(scanner: &Scanner, telling_lens: &[u32]) -> Reach {
        let longest = scanner.needles().iter().map(<[u8]>::len).max().unwrap_or(0);
        let lag_of = |(needle, len): (&[u8], &u32)| lag_of(scanner, needle, *len as usize);
        let lag = scanner.needles().iter().zip(telling_lens).map(lag_of).max().unwrap_or(0);
        Reach { tail: longest.saturating_sub(1), lag }
    }
}

/// Up to where lines of a needle could be guessed, if they waited only where they match: they are
/// short, and neither public nor behind a whole needle.
fn lag_of(scanner: &Scanner, needle: &[u8], telling_len: usize) -> usize {
    let [inner @ .., _] = needle else { return 0 };
    if memchr::memchr(b'\n', inner).is_none() {
        return 0;
    }
    // Behind the first whole needle the others are known to match.
    let (mut found, mut state, mut start, mut whole) = (Vec::new(), ROOT, 0, needle.len());
    for piece in inner.chunks(PIECE_LEN_MAX) {
        state = scanner.scan(piece, state, &mut found);
        if let Some((at, _)) = found.first() {
            whole = start + *at as usize;
            break;
        }
        start += piece.len();
    }
    let (mut lag, mut line_start) = (0, 0);
    for end in memchr::memchr_iter(b'\n', inner).map(|newline| newline + 1).take_while(|end| *end < whole) {
        if end - line_start < telling_len && !is_public(&needle[line_start..end]) {
            lag = end;
        }
        line_start = end;
    }
    lag
}

/// Whether this line is public: a blank one, or the BEGIN of PEM.
fn is_public(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    text.is_empty() || text.starts_with(b"-----BEGIN ") && text.ends_with(b"-----")
}
