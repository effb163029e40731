//! `--release line`: only whole lines of the output go out. The engine has the rule
//! (`redact::release`); this module holds the pending bytes.
//!
//! With exact release, an attacker with write access to a stream and a live view of it can recover
//! a secret byte by byte: the held-back length shows how much of a guess matched. Line release
//! shows nothing of a partial match.

use std::sync::Arc;

use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, Redacted, RedactedBuf};
use crate::redact::redactor::Redactor;
use crate::redact::release::{Again, LineRelease, split_lines};

/// The maximum length of an unfinished line that waits for its end, in bytes of input. A longer
/// line goes out except for its end, which is one byte less than the longest needle. So a stream
/// without newlines neither stalls nor fills the memory.
pub const LINE_HELD_BYTES_MAX: usize = 1 << 20;

/// The maximum memory kept between lines, in bytes. The buffer grows as a line needs it, and a
/// larger one is freed with its line: of many streams, nearly all hold nothing or a prompt.
const KEPT_LEN_MAX: usize = 1 << 10;

/// When redacted bytes go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// As soon as they can no longer be part of a needle.
    #[default]
    Exact,
    /// With the newline that ends their line, or at the end of the stream. Lines are those of the
    /// *redacted* output, up to [`LINE_HELD_BYTES_MAX`].
    ///
    /// Until a whole needle is complete, the output and its times depend on no secret, except for
    /// the length of the set's longest needle: that much of an overlong line waits. In a secret of
    /// several lines, an attacker can test a line of eight bytes or more as a whole. For shorter
    /// ones, as many bytes wait after every newline as could belong to them: none for most sets.
    Line,
}

/// Applies the release mode between a redactor and a sink.
pub(super) struct LineBuffer {
    /// `None` with exact release.
    release: Option<LineRelease>,
    held: RedactedBuf,
}

impl LineBuffer {
    pub(super) fn new(release: Release) -> LineBuffer {
        let release = match release {
            Release::Exact => None,
            Release::Line => Some(LineRelease::new(LINE_HELD_BYTES_MAX)),
        };
        LineBuffer { release, held: RedactedBuf::new(KEPT_LEN_MAX) }
    }

    /// Pushes a piece, and writes all output that may be released now.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn push<E>(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(release) = &mut self.release else {
            return redactor.push(input).pieces().try_for_each(sink);
        };
        let (lines, rest) = split_lines(input);
        if !lines.is_empty() {
            let reach = redactor.set().reach();
            let redacted = redactor.push(lines);
            let end = redacted.text_end();
            let pieces: Vec<Piece<'_>> = redacted.pieces().collect();
            let len = release.lines(reach.at(end), end.at, self.held.content().bytes(), &pieces);
            write_released(&mut self.held, len, &pieces, sink)?;
        }
        if !rest.is_empty() {
            let (reach, end) = (redactor.set().reach(), redactor.end() + rest.len() as u64);
            let pieces: Vec<Piece<'_>> = redactor.push(rest).pieces().collect();
            let len = release.rest(reach, end, &pieces, true);
            write_released(&mut self.held, len, &pieces, sink)?;
        }
        Ok(())
    }

    /// Switches to another set, and searches pending lines with it. Writes the bytes that the
    /// change releases; lines wait for the next newline.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn swap<E>(
        &mut self,
        redactor: &mut Redactor,
        set: &Arc<NeedleSet>,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(release) = &mut self.release else {
            return redactor.swap(Arc::clone(set)).pieces().try_for_each(sink);
        };
        search_again(release, &mut self.held, redactor, set);
        Ok(())
    }

    /// Writes the output of an echo; lines wait for the next newline.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn echo<E>(
        &mut self,
        redacted: Redacted<'_>,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(release) = &mut self.release else { return redacted.pieces().try_for_each(sink) };
        let pieces: Vec<Piece<'_>> = redacted.pieces().collect();
        release.add(&pieces);
        pieces.into_iter().for_each(|piece| self.held.append_growing(piece));
        Ok(())
    }

    /// Writes the pending bytes of the unfinished line.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn give_out<E>(&mut self, end: u64, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        if let Some(release) = &mut self.release {
            release.end(end);
        }
        let sent = if self.held.is_empty() { Ok(()) } else { sink(self.held.content()) };
        self.held.clear_to(KEPT_LEN_MAX);
        sent
    }

    /// Whether bytes of an unfinished line are pending.
    pub(super) fn is_pending(&self) -> bool {
        !self.held.is_empty()
    }

    /// Ends the stream, and writes the rest.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn finish<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.give_out(redactor.end(), sink)?;
        redactor.finish().pieces().try_for_each(sink)
    }
}

/// Changes the set, and searches the pending bytes with it.
pub(super) fn search_again(
    release: &mut LineRelease,
    held: &mut RedactedBuf,
    redactor: &mut Redactor,
    set: &Arc<NeedleSet>,
) {
    let before = std::mem::replace(held, RedactedBuf::new(KEPT_LEN_MAX));
    let waited = before.content();
    release.swap(redactor, set, waited.bytes(), &mut |again| match again {
        Again::Same(range) => held.append_growing(waited.part(range)),
        Again::New(redacted) => redacted.pieces().for_each(|piece| held.append_growing(piece)),
    });
}

/// Writes the first `len` bytes of the pending ones and of the pieces after them, and keeps the
/// rest.
fn write_released<E>(
    held: &mut RedactedBuf,
    mut len: usize,
    pieces: &[Piece<'_>],
    sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let waiting = held.len().min(len);
    if waiting > 0 {
        let sent = sink(held.content().split_at(waiting).0);
        held.consume(waiting);
        if held.is_empty() {
            held.clear_to(KEPT_LEN_MAX);
        }
        sent?;
    }
    len -= waiting;
    for piece in pieces {
        let (now, later) = piece.split_at(piece.len().min(len));
        len -= now.len();
        if !now.is_empty() {
            sink(now)?;
        }
        if !later.is_empty() {
            held.append_growing(later);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mask, NeedleSet, Secret};
    use std::convert::Infallible;

    /// The output after each piece, and at the end.
    fn released_with(needles: &[&[u8]], pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let secrets = needles.iter().map(|needle| Secret::new("S", needle.to_vec())).collect();
        let set = Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("no collision"));
        let (mut redactor, mut line_buffer, mut all) = (Redactor::new(set), LineBuffer::new(Release::Line), Vec::new());
        for input in pieces {
            let mut out = Vec::new();
            let Ok(()) = line_buffer.push(&mut redactor, input, &mut |piece| -> Result<(), Infallible> {
                out.extend_from_slice(piece.bytes());
                Ok(())
            });
            all.push(out);
        }
        let mut out = Vec::new();
        let Ok(()) = line_buffer.finish(&mut redactor, &mut |piece| -> Result<(), Infallible> {
            out.extend_from_slice(piece.bytes());
            Ok(())
        });
        all.push(out);
        all
    }

    fn released(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        released_with(&[], pieces)
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
    #[test]
    fn a01_of_an_overlong_line_a_constant_end_waits() {
        let (long, key) = (vec![b'x'; LINE_HELD_BYTES_MAX + 100], &b"0123456789abcdef"[..]);
        for guess in [&b"0123456789"[..], b"0123456788", b"abcdefghij"] {
            let out = released_with(&[key], &[&long, guess, b"z", b"\n", b"q"]);
            assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [long.len() - 15, 10, 1, 16, 0, 1]);
            assert_eq!(out.concat(), [&long[..], guess, b"z\nq"].concat());
        }
        let out = released_with(&[key], &[&long, key, b"z", b"\n"]);
        assert_eq!(out.concat(), [&long[..], b"[REDACTED:S]z\n"].concat());
    }

    #[test]
    fn a01_a_line_of_a_longer_secret_cannot_be_tried_byte_by_byte() {
        let key = b"-----BEGIN KEY-----\nsecond-line-1\nthird-line-12\n-----END KEY-----";
        for guess in [&b"s"[..], b"x"] {
            let out = released_with(&[key, b"second-line-1"], &[b"-----BEGIN KEY-----\n", guess, b"y\n"]);
            assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 23, 0]);
        }
        // The first line is no needle, so as many bytes wait after each newline.
        for first in [&b"ab\n"[..], b"ac\n"] {
            let out = released_with(&[b"ab\ncd-and-more"], &[b"a line\n", first, b"cd\n", b"next\n"]);
            assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [0, 7, 3, 3, 5]);
        }
    }

    #[test]
    fn b10_a_line_that_waits_is_searched_with_a_new_set() {
        let set = |needles: &[&str]| {
            let secrets = needles.iter().map(|needle| Secret::new("S", (*needle).into())).collect();
            Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("no collision"))
        };
        let both = set(&["hunter2-prod", "late-secret"]);
        let mut writer =
            crate::io::RedactWriter::with_release(Vec::new(), Redactor::new(set(&["hunter2-prod"])), Release::Line);
        let write = |writer: &mut crate::io::RedactWriter<Vec<u8>>, text: &str| {
            std::io::Write::write_all(writer, text.as_bytes()).expect("a vector takes all");
        };
        write(&mut writer, "out late-secret\nlate-secret hunter2-prod late-secret, late-");
        writer.swap(both);
        write(&mut writer, "secret hunter2-prod\n");
        let out = writer.finish().expect("a vector takes all");
        let wanted = "out late-secret\n[REDACTED:S] [REDACTED:S] [REDACTED:S], [REDACTED:S] [REDACTED:S]\n";
        assert_eq!(String::from_utf8_lossy(&out), wanted);
    }
}
