//! `release: line`: what of the redacted output may go out now, and what waits for the end of its line.
//!
//! It is the rule of [`io::Release::Line`](crate::io::Release::Line), with another keeping: what waits takes as much memory as it is long,
//! and none when nothing waits, since there are many streams; and all of them together may keep so much and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use memchr::memrchr;

/// What the unfinished lines of all streams may come to, in bytes. Beyond that a line goes out as it comes, as one that is too long
/// does: ten thousand connections that each send a line without an end do not fill the memory.
pub(crate) const ALL_LINES_LEN_MAX: usize = 256 << 20;

/// The unfinished lines of all streams, in bytes.
#[derive(Debug, Default)]
pub(crate) struct AllLines(AtomicUsize);

/// What the output of a stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Nothing.
    Nothing,
    /// The end of its line.
    Line,
    /// The end of the whole, which is a datagram.
    Whole,
}

/// What waits in one stream.
pub(crate) struct Lines {
    waits_for: WaitsFor,
    len_max: usize,
    all: Arc<AllLines>,
    waiting: Vec<u8>,
    /// The line that is going out was too long to wait for its end.
    overlong: bool,
}

/// How much of some slices goes out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// So many slices as a whole.
    whole: usize,
    /// Of the next one so many bytes.
    part: usize,
}

impl Lines {
    pub(crate) fn new(waits_for: WaitsFor, len_max: usize, all: Arc<AllLines>) -> Lines {
        Lines { waits_for, len_max, all, waiting: Vec::new(), overlong: false }
    }

    /// What waits. It goes out before the slices, if anything of these does.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// How much of the slices goes out now.
    pub(crate) fn cut(&mut self, slices: &[&[u8]]) -> Cut {
        let (all, none) = (Cut { whole: slices.len(), part: 0 }, Cut { whole: 0, part: 0 });
        match self.waits_for {
            WaitsFor::Nothing => return all,
            WaitsFor::Whole => return none,
            WaitsFor::Line => {}
        }
        let newline = slices.iter().enumerate().rev().find_map(|(at, slice)| Some((at, memrchr(b'\n', slice)?)));
        let cut = newline.map_or(none, |(whole, newline)| Cut { whole, part: newline + 1 });
        let rest: usize = cut.rest(slices).map(<[u8]>::len).sum();
        let begun = if newline.is_some() { 0 } else { self.waiting.len() };
        let was_overlong = self.overlong && newline.is_none();
        self.overlong = rest > 0 && (was_overlong || begun + rest > self.len_max || !self.all.has_room(rest))
            || rest == 0 && was_overlong;
        if self.overlong { all } else { cut }
    }

    /// All goes out now: a whole ends.
    pub(crate) fn cut_all(slices: &[&[u8]]) -> Cut {
        Cut { whole: slices.len(), part: 0 }
    }

    /// Goes on after what [`cut`](Lines::cut) said has gone out.
    pub(crate) fn keep(&mut self, cut: Cut, slices: &[&[u8]]) {
        if cut.is_some() {
            self.clear();
        }
        for slice in cut.rest(slices) {
            self.all.0.fetch_add(slice.len(), Relaxed);
            self.waiting.extend_from_slice(slice);
        }
    }

    /// Forgets what waited: it has gone out.
    pub(crate) fn clear(&mut self) {
        self.all.0.fetch_sub(self.waiting.len(), Relaxed);
        self.waiting = Vec::new();
    }

    /// The stream has ended, and what comes next begins a line.
    pub(crate) fn end(&mut self) {
        self.clear();
        self.overlong = false;
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Cut {
    /// Whether anything goes out.
    pub(crate) fn is_some(self) -> bool {
        self.whole + self.part > 0
    }

    /// What goes out.
    pub(crate) fn gone<'s>(self, slices: &'s [&'s [u8]]) -> impl Iterator<Item = &'s [u8]> + Clone {
        let part = slices.get(self.whole).map(|slice| &slice[..self.part]).filter(|part| !part.is_empty());
        slices[..self.whole].iter().copied().chain(part)
    }

    /// What does not.
    pub(crate) fn rest<'s>(self, slices: &'s [&'s [u8]]) -> impl Iterator<Item = &'s [u8]> {
        let part = slices.get(self.whole).map(|slice| &slice[self.part..]).filter(|part| !part.is_empty());
        part.into_iter().chain(slices.iter().skip(self.whole + 1).copied())
    }
}

impl AllLines {
    fn has_room(&self, len: usize) -> bool {
        self.0.load(Relaxed) + len <= ALL_LINES_LEN_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out after each push of slices, and at the end.
    fn released(lines: &mut Lines, pushes: &[&[&[u8]]]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for slices in pushes {
            let cut = lines.cut(slices);
            let mut out = if cut.is_some() { lines.waiting().to_vec() } else { Vec::new() };
            out.extend(cut.gone(slices).flatten());
            lines.keep(cut, slices);
            all.push(out);
        }
        all.push(lines.waiting().to_vec());
        lines.end();
        all
    }

    fn lines(len_max: usize) -> Lines {
        Lines::new(WaitsFor::Line, len_max, Arc::default())
    }

    #[test]
    fn only_whole_lines_go_out() {
        let out =
            released(&mut lines(100), &[&[b"a"], &[b"b", b"c\nd", b"e"], &[], &[b"\n"], &[b"f\n", b"g\n"], &[b"h"]]);
        assert_eq!(out, [&b""[..], b"abc\n", b"", b"de\n", b"f\ng\n", b"", b"h"]);
    }

    #[test]
    fn a_line_of_the_limit_waits_and_one_byte_more_does_not() {
        let out = released(&mut lines(4), &[&[b"abcd"], &[b"e"], &[b"f"], &[b"\nghij"], &[b"k\nl"], &[b"m"]]);
        assert_eq!(out, [&b""[..], b"abcde", b"f", b"\n", b"ghijk\n", b"", b"lm"]);
        let out = released(&mut lines(4), &[&[b"a\nbcdefg"], &[b"h"], &[b"i\nj"]]);
        assert_eq!(out, [&b"a\nbcdefg"[..], b"h", b"i\n", b"j"]);
    }

    #[test]
    fn a_whole_waits_for_its_end() {
        let mut whole = Lines::new(WaitsFor::Whole, 4, Arc::default());
        assert_eq!(released(&mut whole, &[&[b"a\n", b"b"], &[b"c\ndefgh"]]), [&b""[..], b"", b"a\nbc\ndefgh"]);
    }

    #[test]
    fn what_all_lines_come_to_is_bounded_and_given_back() {
        let all = Arc::new(AllLines::default());
        let long = vec![b'x'; ALL_LINES_LEN_MAX];
        let mut one = Lines::new(WaitsFor::Line, usize::MAX, Arc::clone(&all));
        one.keep(Cut { whole: 0, part: 0 }, &[&long]);
        let mut two = Lines::new(WaitsFor::Line, usize::MAX, Arc::clone(&all));
        // There is no room for a single byte.
        assert_eq!(released(&mut two, &[&[b"a"], &[b"\nb"]]), [&b"a"[..], b"\nb", b""]);
        drop(one);
        assert_eq!(released(&mut two, &[&[b"a"], &[b"\nb"]]), [&b""[..], b"a\n", b"b"]);
        drop(two);
        assert_eq!(all.0.load(Relaxed), 0);
    }
}
