//! The output that a stream passes to a sink at once: redacted pieces, in order.

use std::io::IoSlice;

use memchr::{memchr_iter, memrchr};

use crate::redact::redacted::{Piece, RedactedBuf};

/// Above this number of slices, the short ones are gathered: see the figures in
/// [`io::fd_writer`](crate::io).
const SLICES_MAX: usize = 8;
/// Slices of at least this length are written from where they lie, in bytes.
const DIRECT_LEN_MIN: usize = 16 << 10;

/// Redacted bytes on their way to a sink. A batch consists of pieces only, and a sink accepts
/// nothing else.
pub(crate) struct Batch<'a> {
    slices: Vec<&'a [u8]>,
    /// The batch is one message, with any newlines in it.
    is_whole: bool,
    /// The batch continues the line at the end of the output before it.
    is_within_line: bool,
}

impl<'a> Batch<'a> {
    /// Creates a batch of these pieces. If they are many, the short ones are gathered in
    /// `gathered`.
    pub(crate) fn new<'s: 'a>(
        pieces: impl Iterator<Item = Piece<'s>> + Clone,
        gathered: &'a mut RedactedBuf,
        is_whole: bool,
    ) -> Batch<'a> {
        if pieces.clone().take(SLICES_MAX + 1).count() <= SLICES_MAX {
            let slices = pieces.filter(|piece| !piece.is_empty()).map(|piece| -> &'a [u8] { piece.bytes() });
            return Batch { slices: slices.collect(), is_whole, is_within_line: false };
        }
        // The end in `gathered` of each run of short slices; a long slice follows it.
        let mut runs: Vec<(usize, &'a [u8])> = Vec::new();
        for piece in pieces {
            if piece.len() < DIRECT_LEN_MIN {
                gathered.append_growing(piece);
            } else {
                runs.push((gathered.len(), piece.bytes()));
            }
        }
        let (gathered, mut at, mut all) = (gathered.content().bytes(), 0, Vec::with_capacity(2 * runs.len() + 1));
        for (end, long) in runs {
            all.extend([&gathered[at..end], long]);
            at = end;
        }
        all.push(&gathered[at..]);
        all.retain(|slice| !slice.is_empty());
        Batch { slices: all, is_whole, is_within_line: false }
    }

    /// Sets whether the batch continues the line at the end of the output before it.
    pub(crate) fn within_line(self, is_within_line: bool) -> Batch<'a> {
        Batch { is_within_line, ..self }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns the bytes after the first `written`.
    pub(super) fn io_slices(&self, written: u64) -> Vec<IoSlice<'a>> {
        let mut before = written as usize;
        let mut rest = Vec::with_capacity(self.slices.len());
        for slice in &self.slices {
            let gone = before.min(slice.len());
            before -= gone;
            if gone < slice.len() {
                rest.push(IoSlice::new(&slice[gone..]));
            }
        }
        rest
    }

    /// Returns the start of the line that contains the end of the first `written` bytes.
    pub(super) fn line_start(&self, written: u64) -> u64 {
        let (mut at, mut start) = (0, 0);
        for slice in &self.slices {
            let gone = (written as usize - at).min(slice.len());
            if let Some(newline) = memrchr(b'\n', &slice[..gone]) {
                start = at + newline + 1;
            }
            at += gone;
        }
        start as u64
    }

    /// Returns whether the bytes after the first `written` begin a line.
    pub(super) fn begins_line(&self, written: u64) -> bool {
        self.line_start(written) == written && (written > 0 || !self.is_within_line)
    }

    /// Returns each line without its newline, as slices; the whole batch, if it is one message.
    pub(super) fn records(&self) -> Vec<Vec<&'a [u8]>> {
        if self.is_whole {
            return vec![self.slices.clone()];
        }
        let (mut records, mut record) = (Vec::new(), Vec::new());
        for slice in &self.slices {
            let mut at = 0;
            for newline in memchr_iter(b'\n', slice) {
                record.push(&slice[at..newline]);
                records.push(std::mem::take(&mut record));
                at = newline + 1;
            }
            if at < slice.len() {
                record.push(&slice[at..]);
            }
        }
        if !record.is_empty() {
            records.push(record);
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redacted::PieceKind;

    fn pieces<'a>(slices: &'a [&'a [u8]]) -> impl Iterator<Item = Piece<'a>> + Clone {
        slices.iter().map(|slice| Piece::of(slice, PieceKind::Input, 0))
    }

    #[test]
    fn many_pieces_are_gathered_and_stay_in_order() {
        let long = vec![b'x'; DIRECT_LEN_MIN];
        let slices: Vec<&[u8]> = vec![b"a", b"b\n", b"c", &long, b"d", b"e", b"f\n", b"", b"g", &long];
        let mut gathered = RedactedBuf::default();
        let batch = Batch::new(pieces(&slices), &mut gathered, false);
        assert_eq!(batch.slices.concat(), slices.concat());
        assert_eq!(batch.slices.len(), 4);
        let all = slices.concat();
        for written in [0, 1, 2, 3, 4, DIRECT_LEN_MIN + 3, all.len() - 1, all.len()] {
            let rest: Vec<u8> = batch.io_slices(written as u64).iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(rest, all[written..]);
            let start = all[..written].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
            assert_eq!(batch.line_start(written as u64), start as u64);
            assert_eq!(batch.begins_line(written as u64), start == written);
        }
        let batch = batch.within_line(true);
        assert_eq!([0, 3, 4].map(|written| batch.begins_line(written)), [false, true, false]);
    }

    #[test]
    fn each_line_is_a_record() {
        let mut gathered = RedactedBuf::default();
        let slices: [&[u8]; 3] = [b"a\nb", b"c\n\nd", b"e"];
        let records = Batch::new(pieces(&slices), &mut gathered, false).records();
        let records: Vec<Vec<u8>> = records.iter().map(|record| record.concat()).collect();
        assert_eq!(records, [&b"a"[..], b"bc", b"", b"de"]);
        let whole = Batch::new(pieces(&slices), &mut gathered, true).records();
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].concat(), b"a\nbc\n\nde");
    }
}
