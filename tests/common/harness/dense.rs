//! Texts of many kilobytes from a few hundred fuzzed bytes: repeated, with needles, parts of
//! needles and near-misses between lines. So the search runs out of credit, walks, and returns to
//! the prefilter, which does not happen in short texts.

use super::engine;

/// The maximum length of a text, in bytes: three times the walk after which the search retries the
/// prefilter. The definition is slow.
const TEXT_LEN_MAX: usize = 12 << 10;
const NEEDLES_MAX: usize = 6;
const NEEDLE_LEN_MAX: usize = 48;
/// The text between rare needles.
const LINE: &[u8] = b" INFO app::http: GET /v/items?page=next status=ok duration=short user=anna\n";

/// The decoded input.
#[derive(Debug)]
pub struct Dense {
    pub needles: Vec<Vec<u8>>,
    pub text: Vec<u8>,
    pub cuts: Vec<usize>,
}

impl Dense {
    /// Decodes any bytes.
    pub fn decode(bytes: &[u8]) -> Dense {
        let mut input = Input(bytes);
        let needles = input.needles();
        let piece_lens: Vec<usize> = (0..3).map(|_| input.byte()).map(|byte| 1 + byte * byte / 4).collect();
        let text = input.text(&needles);
        let mut cuts = Vec::new();
        let mut at = 0;
        for len in piece_lens.iter().cycle() {
            at += len;
            if at >= text.len() {
                break;
            }
            cuts.push(at);
        }
        Dense { needles, text, cuts }
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next byte, or 0 at the end.
    fn byte(&mut self) -> usize {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first.into()
    }

    /// The next bytes, up to the end.
    fn take(&mut self, len: usize) -> impl Iterator<Item = u8> + use<'a> {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken.iter().copied().map(engine::plain)
    }

    /// Each has bytes of its own, or shares a prefix with the one before it.
    fn needles(&mut self) -> Vec<Vec<u8>> {
        let mut needles: Vec<Vec<u8>> = Vec::new();
        for _ in 0..1 + self.byte() % NEEDLES_MAX {
            let (shared, own) = (self.byte(), self.byte());
            let mut needle = needles.last().cloned().unwrap_or_default();
            needle.truncate(shared % NEEDLE_LEN_MAX);
            needle.extend(self.take(own % NEEDLE_LEN_MAX));
            needle.truncate(NEEDLE_LEN_MAX);
            if needle.is_empty() {
                needle.push(b'a');
            }
            needles.push(needle);
        }
        needles
    }

    fn text(&mut self, needles: &[Vec<u8>]) -> Vec<u8> {
        let mut text = Vec::new();
        while !self.0.is_empty() && text.len() < TEXT_LEN_MAX {
            let (op, amount) = (self.byte(), self.byte());
            let needle = &needles[op / 8 % needles.len()];
            match op % 8 {
                0 => text.extend(self.take(amount % 32)),
                1 => text.extend_from_slice(needle),
                2 => text.extend_from_slice(&needle[..amount % (needle.len() + 1)]),
                3 => text.extend_from_slice(&needle[amount % (needle.len() + 1)..]),
                4 => {
                    text.extend_from_slice(needle);
                    let at = text.len() - 1 - amount % needle.len();
                    text[at] = engine::plain(text[at].wrapping_add(1));
                }
                5 => (0..amount).for_each(|_| text.extend_from_slice(LINE)),
                // Repeats the last text.
                _ => {
                    let len = text.len().min(1 + self.byte());
                    let from = text.len() - len;
                    for _ in 0..amount * (op % 8 - 5) {
                        text.extend_from_within(from..from + len);
                        if text.len() > TEXT_LEN_MAX {
                            break;
                        }
                    }
                }
            }
        }
        text.truncate(TEXT_LEN_MAX);
        text
    }
}
