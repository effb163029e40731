//! Control bytes in samples of a file.

/// A run of so many NULs is a hole, as `copytruncate` or a crash leaves one in a log.
const HOLE_LEN: usize = 16;
/// So many bytes at the beginning show that a file begins with control bytes.
const HEAD_LEN: usize = 32;
/// So many control bytes among the first sixteen are no text's beginning.
const HEAD_BAD_MIN: usize = 3;
/// So many stray bytes mean nothing, however short the file.
const STRAYS: usize = 2;
/// One stray byte in so many means nothing.
const STRAY_IN: usize = 256;
/// A separator stands between fields or records of so many bytes at least, on the average.
const SEPARATED: usize = 4;

/// The counts of some samples.
#[derive(Debug)]
pub(super) struct Tally {
    /// Bytes, without holes.
    bytes: usize,
    /// Control bytes that text does not need.
    bad: usize,
    /// How often each of them stands there; a NUL, if it stands alone.
    each: [usize; 32],
    /// Bytes in lines without a bad byte.
    clean: usize,
    begins_with_control: bool,
    bad_head: bool,
}

/// A judgement by control bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Text,
    Doubtful,
    Binary,
    /// Its first bytes are not those of text.
    BinaryHead,
}

/// Whether a text does without this byte. BEL, BS, TAB, LF, VT, FF, CR, SO, SI and ESC are for terminals; bytes from 128 on are
/// characters in some encoding.
fn is_bad(byte: u8) -> bool {
    matches!(byte, 0..=6 | 0x10..=0x1a | 0x1c..=0x1f | 0x7f)
}

/// Whether a control byte that belongs to no hole stands among the first bytes.
fn has_control(head: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = head[at..].iter().take(HEAD_LEN.saturating_sub(at)).position(|&byte| is_bad(byte)) {
        at += found;
        let nuls = head[at..].iter().take_while(|&&byte| byte == 0).count();
        if nuls < HOLE_LEN {
            return true;
        }
        at += nuls;
    }
    false
}

impl Tally {
    /// The counts of a file's first sample.
    pub(super) fn of_head(head: &[u8]) -> Tally {
        let nuls = head.iter().take_while(|&&byte| byte == 0).count();
        let text = &head[nuls..head.len().min(nuls + 16)];
        let mut tally = Tally {
            bytes: 0,
            bad: 0,
            each: [0; 32],
            clean: 0,
            begins_with_control: has_control(head),
            bad_head: text.iter().filter(|&&byte| is_bad(byte)).count() >= HEAD_BAD_MIN,
        };
        tally.add(head);
        tally
    }

    /// Counts another sample.
    pub(super) fn add(&mut self, sample: &[u8]) {
        for line in sample.split_inclusive(|&byte| byte == b'\n') {
            let bad = self.bad;
            let holes = self.add_line(line);
            self.bytes += line.len() - holes;
            if self.bad == bad {
                self.clean += line.len() - holes;
            }
        }
    }

    /// Returns how many bytes of the line are holes.
    fn add_line(&mut self, line: &[u8]) -> usize {
        let (mut at, mut holes) = (0, 0);
        while let Some(found) = line[at..].iter().position(|&byte| is_bad(byte)) {
            at += found;
            let nuls = line[at..].iter().take_while(|&&byte| byte == 0).count();
            match nuls {
                0 => {
                    self.bad += 1;
                    self.each[usize::from(line[at] & 0x1f)] += 1;
                }
                1 => {
                    self.bad += 1;
                    self.each[0] += 1;
                }
                nuls if nuls >= HOLE_LEN => holes += nuls,
                nuls => self.bad += nuls,
            }
            at += nuls.max(1);
        }
        holes
    }

    /// Whether a control byte stands among the first bytes.
    pub(super) fn begins_with_control(&self) -> bool {
        self.begins_with_control
    }

    /// A judgement by these counts.
    pub(super) fn verdict(&self) -> Verdict {
        let Tally { bytes, bad, clean, .. } = *self;
        // One byte that separates fields (FIX), records (JSON text sequences) or lines (GELF).
        let separator = self.each.iter().copied().max().unwrap_or_default();
        let strays = STRAYS.max(bytes / STRAY_IN);
        if separator * SEPARATED <= bytes && bad - separator <= strays.min(separator / 16 + STRAYS) {
            return Verdict::Text;
        }
        let verdict = match () {
            () if bad <= strays => Verdict::Text,
            () if clean * 4 >= bytes * 3 && bad * 32 <= bytes => Verdict::Text,
            () if clean * 2 >= bytes && bad * 8 <= bytes => Verdict::Doubtful,
            () => Verdict::Binary,
        };
        match verdict {
            Verdict::Text if self.bad_head && clean * 10 >= bytes * 9 => Verdict::Doubtful,
            Verdict::Text | Verdict::Doubtful if self.bad_head => Verdict::BinaryHead,
            verdict => verdict,
        }
    }
}
