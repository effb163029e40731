//! Control bytes in samples of a file.

/// The shortest run of NULs that is a hole, such as `copytruncate` or a crash leaves in a log.
const HOLE_LEN: usize = 16;
/// The number of leading bytes that show whether a file begins with control bytes.
const HEAD_LEN: usize = 32;
/// The number of control bytes among the first sixteen that rules out text.
const HEAD_BAD_MIN: usize = 3;
/// The number of stray bytes to ignore, even in a short file.
const STRAYS: usize = 2;
/// One stray byte in this many is ignored.
const STRAY_IN: usize = 256;
/// The minimum number of control bytes to act as separators.
const SEPARATORS_MIN: usize = 3;
/// The number of separate lines with a few consecutive NULs each that are record headers.
const HEADERS: usize = 4;
/// The minimum average length of separated fields or records, in bytes.
const SEPARATED: usize = 4;
/// The maximum average length, in bytes.
const SEPARATED_MAX: usize = 512;

/// The counts of some samples.
#[derive(Debug)]
pub(super) struct Tally {
    /// Bytes, without holes.
    bytes: usize,
    /// Control bytes that text does not need.
    bad: usize,
    /// The count of each control byte; for NUL, of single ones.
    each: [usize; 32],
    /// Bytes in lines without a bad byte.
    clean: usize,
    /// Runs of dirty lines with a few consecutive NULs.
    headers: usize,
    begins_with_control: bool,
    bad_head: bool,
}

/// A judgement by control bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Text,
    Doubtful,
    Binary,
    /// Its first bytes are not text.
    BinaryHead,
}

/// Whether text does not need this byte. Terminals use BEL, BS, TAB, LF, VT, FF, CR, SO, SI and
/// ESC; bytes from 128 on are characters in some encoding.
fn is_bad(byte: u8) -> bool {
    matches!(byte, 0..=6 | 0x10..=0x1a | 0x1c..=0x1f | 0x7f)
}

/// Whether the first bytes contain a control byte outside of holes.
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
        let text = &head[nuls..];
        let hole = memchr::memmem::find(text, &[0; HOLE_LEN]).unwrap_or(text.len());
        let text = &text[..hole.min(16)];
        let mut tally = Tally {
            bytes: 0,
            bad: 0,
            each: [0; 32],
            clean: 0,
            headers: 0,
            begins_with_control: has_control(head),
            bad_head: text.iter().filter(|&&byte| is_bad(byte)).count() >= HEAD_BAD_MIN,
        };
        tally.add(head);
        tally
    }

    /// Counts another sample.
    pub(super) fn add(&mut self, sample: &[u8]) {
        // Whether the preceding lines are dirty, and were counted as a header.
        let (mut is_dirty, mut is_header) = (false, false);
        for line in sample.split_inclusive(|&byte| byte == b'\n') {
            let bad = self.bad;
            let (holes, nuls) = self.add_line(line);
            self.bytes += line.len() - holes;
            if self.bad == bad {
                self.clean += line.len() - holes;
            }
            is_header &= is_dirty;
            is_dirty = self.bad > bad;
            if nuls && !is_header {
                self.headers += 1;
                is_header = true;
            }
        }
    }

    /// Returns the number of hole bytes in the line, and whether it has a few consecutive NULs.
    fn add_line(&mut self, line: &[u8]) -> (usize, bool) {
        let (mut at, mut holes, mut some) = (0, 0, false);
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
                nuls => {
                    self.bad += nuls;
                    some = true;
                }
            }
            at += nuls.max(1);
        }
        (holes, some)
    }

    /// Whether the first bytes contain a control byte.
    pub(super) fn begins_with_control(&self) -> bool {
        self.begins_with_control
    }

    /// Whether the control bytes are a separator of fields (FIX), records (JSON text sequences) or
    /// lines (GELF), or a pair around each.
    pub(super) fn is_separated(&self) -> bool {
        let mut each = self.each;
        each[1..].sort_unstable();
        let separator = each[0].max(each[30] + each[31]);
        let others = self.bad - separator;
        separator >= SEPARATORS_MIN
            && (separator * SEPARATED..=separator * SEPARATED_MAX).contains(&self.bytes)
            && others <= STRAYS.max(self.bytes / STRAY_IN).min(separator / 16 + STRAYS)
    }

    /// The judgement by these counts.
    pub(super) fn verdict(&self) -> Verdict {
        let Tally { bytes, bad, clean, .. } = *self;
        if self.is_separated() {
            return Verdict::Text;
        }
        let strays = STRAYS.max(bytes / STRAY_IN);
        let verdict = match () {
            () if self.headers >= HEADERS => Verdict::Binary,
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
