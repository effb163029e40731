//! `--release line`: only whole lines of the output go out.
//!
//! With exact release, someone who can write into a stream and watch it live sees by what is held back how far a guess
//! agrees with a secret, and finds the secret byte by byte. What waits for the end of its line anyway does not tell.

use super::given::{Given, GivenBuf};

/// The longest unfinished line that waits for its end, in bytes of output. A longer one goes out as it comes from there to its
/// end, as with [`Release::Exact`], so that a stream without newlines neither stands still nor fills the memory.
pub const LINE_HELD_BYTES_MAX: usize = 1 << 20;

/// A line's beginning gets memory as it needs it, which is given back with the line if it was more than this, in bytes: of many streams
/// nearly all wait with nothing, or with a prompt.
const KEPT_LEN_MAX: usize = 1 << 10;

/// When redacted bytes go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// As soon as they cannot be part of a needle any more.
    #[default]
    Exact,
    /// With the newline that ends their line, or with the stream. Lines are those of the *redacted* output; the limit is
    /// [`LINE_HELD_BYTES_MAX`].
    Line,
}

/// What stands between a redactor and a sink.
pub(super) struct Gate {
    release: Release,
    held: GivenBuf,
    /// The line that is going out was too long to wait for its end.
    overlong: bool,
}

impl Gate {
    pub(super) fn new(release: Release) -> Gate {
        Gate { release, held: GivenBuf::new(KEPT_LEN_MAX), overlong: false }
    }

    /// Takes a slice in, and hands on what may go out now.
    ///
    /// # Errors
    ///
    /// Those of `sink`. What it did not take is lost then.
    pub(super) fn pass<E>(
        &mut self,
        given: Given<'_>,
        sink: &mut impl FnMut(Given<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.release == Release::Exact {
            return sink(given);
        }
        let lines_len = memchr::memrchr(b'\n', given.bytes()).map_or(0, |newline| newline + 1);
        let (lines, rest) = given.split_at(lines_len);
        if lines_len > 0 {
            self.end(sink)?;
            sink(lines)?;
        }
        self.wait(rest, sink)
    }

    /// Hands on what was waiting for the end of its line.
    ///
    /// # Errors
    ///
    /// Those of `sink`. What it did not take is lost then.
    pub(super) fn end<E>(&mut self, sink: &mut impl FnMut(Given<'_>) -> Result<(), E>) -> Result<(), E> {
        self.overlong = false;
        if self.held.is_empty() {
            return Ok(());
        }
        let sent = sink(self.held.content());
        self.held.clear_to(KEPT_LEN_MAX);
        sent
    }

    fn wait<E>(&mut self, given: Given<'_>, sink: &mut impl FnMut(Given<'_>) -> Result<(), E>) -> Result<(), E> {
        if given.bytes().is_empty() {
            return Ok(());
        }
        if !self.overlong && self.held.content().bytes().len() + given.bytes().len() <= LINE_HELD_BYTES_MAX {
            self.held.append_growing(given);
            return Ok(());
        }
        self.end(sink)?;
        self.overlong = true;
        sink(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mask, NeedleSet, Redactor};
    use std::convert::Infallible;
    use std::sync::Arc;

    /// What goes out after each piece, and at the end.
    fn released(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let set = Arc::new(NeedleSet::exactly(Vec::new(), Mask::default()).expect("no needle, no collision"));
        let (mut redactor, mut gate, mut all) = (Redactor::new(set), Gate::new(Release::Line), Vec::new());
        for piece in pieces {
            let mut out = Vec::new();
            for given in Given::all(redactor.push(piece)) {
                let Ok(()) = gate.pass(given, &mut |given| -> Result<(), Infallible> {
                    out.extend_from_slice(given.bytes());
                    Ok(())
                });
            }
            all.push(out);
        }
        let mut out = Vec::new();
        let Ok(()) = gate.end(&mut |given| -> Result<(), Infallible> {
            out.extend_from_slice(given.bytes());
            Ok(())
        });
        all.push(out);
        all
    }

    #[test]
    fn only_whole_lines_go_out() {
        assert_eq!(released(&[b"a", b"b\nc", b"\n\nd\ne", b""]), [&b""[..], b"ab\n", b"c\n\nd\n", b"", b"e"]);
        assert_eq!(released(&[b"\r", b"\0"]), [&b""[..], b"", b"\r\0"]);
    }

    #[test]
    fn a_line_of_the_limit_waits_and_one_byte_more_does_not() {
        let limit = vec![b'x'; LINE_HELD_BYTES_MAX];
        let out = released(&[&limit, b"y", b"z", b"\nw", b"v"]);
        assert!(out[0].is_empty());
        assert_eq!(out[1].len(), LINE_HELD_BYTES_MAX + 1);
        assert_eq!(out[2..], [&b"z"[..], b"\n", b"", b"wv"]);
    }

    #[test]
    fn an_overlong_piece_goes_out_at_once() {
        let long = vec![b'x'; LINE_HELD_BYTES_MAX + 1];
        let out = released(&[b"a", &long, b"b\nc"]);
        assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [0, LINE_HELD_BYTES_MAX + 2, 2, 1]);
    }
}
