//! The rows of hex dumps, which read as the bytes that they show.
//!
//! A row is an offset, the bytes in hex, and the same bytes as text: `xxd`, `hexdump -C`, `curl
//! --trace`, `tshark -x`, `openssl s_client -debug`, and the dumps of Go, Java and Python all write
//! that, each with other separators. The column of text proves a row: each of its characters has to
//! be its byte, or a dot. So a value is found at any place of a longer dump, in any form.
//!
//! The first row of a dump begins a line, with an offset of zeros; the others follow each other.
//! Its offset and first byte, the *head*, have to stand in the text itself, so that the search for
//! places where the readings differ finds them there. A dump may begin behind no other character:
//! to look for four zeros anywhere took an eighth of the speed. Nor with another offset: then a
//! dump behind a quote would be read from its second row on, and its
//! [form](super::super::encoding) not found there.

use core::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::quick;
use super::rest::{Rest, Undecided};

/// The number of levels, counted from the text, that read rows: the second reads a dump in JSON.
pub(crate) const DUMP_DEPTH: usize = 2;

/// The most bytes in a row.
pub(crate) const ROW_BYTES_MAX: usize = 32;

/// The fewest zeros at the beginning of a dump, and the fewest digits of an offset.
pub(super) const ZEROS: usize = 4;
/// The most digits of an offset.
const OFFSET_LEN_MAX: usize = 16;
/// The fewest digits of an offset with one blank behind it, as `od` writes it. With fewer, each
/// group of four zeros in a row would be an offset.
const OFFSET_LEN_MIN_OF_OD: usize = 6;
/// The longest part of a row from the first digit to its text, in bytes: three for each byte, also
/// for those that the last row lacks, and some gaps.
const DIGITS_LEN_MAX: usize = 3 * ROW_BYTES_MAX + 8;

/// A row of a dump.
pub(crate) struct Row {
    /// The number of bytes before its offset: the end of the row before it.
    pub(crate) gap: usize,
    /// The first digit behind the offset.
    pub(crate) start: usize,
    /// The end of its text.
    pub(crate) end: usize,
    bytes: [u8; ROW_BYTES_MAX],
    count: usize,
}

impl Row {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

/// The text beside rows at one level.
#[derive(Clone, Copy)]
pub(crate) enum Beside {
    /// A row ends where its line does.
    LineEnd,
    /// A row may also end before a quote or the like, but not before a backslash: then the line
    /// ends are escaped, too, and the next level reads all rows.
    Any,
}

impl Beside {
    /// Of the level with this number: the lowest reads the text itself.
    pub(crate) fn level(number: usize) -> Beside {
        if number == 0 { Beside::LineEnd } else { Beside::Any }
    }

    fn may_follow(self, byte: Option<u8>) -> bool {
        match self {
            _ if matches!(byte, None | Some(b'\r' | b'\n')) => true,
            Beside::LineEnd => false,
            Beside::Any => byte.is_some_and(|byte| !byte.is_ascii_alphanumeric() && byte != b'\\'),
        }
    }
}

/// Whether a dump may begin behind this byte: at the beginning of a line.
pub(crate) fn may_follow(before: Option<u8>) -> bool {
    before.is_none_or(|byte| byte == b'\n')
}

/// The length of the head at the beginning of these bytes: four zeros or more, what stands behind
/// an offset, and the first byte.
pub(crate) fn head(rest: Rest<'_>) -> Result<Option<usize>, Undecided> {
    let zeros = rest.skip(0, OFFSET_LEN_MAX, |byte| byte == b'0')?;
    if zeros < ZEROS || rest.digit(zeros, 16)?.is_some() {
        return Ok(None);
    }
    Ok(first_digit(rest)?.map(|at| at + 2))
}

/// Where a dump may begin the first bytes of which are the last ones here, less than four zeros.
pub(super) fn beginning(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().rev().take(ZEROS - 1).take_while(|&&byte| byte == b'0').count();
    bytes.len() - zeros
}

/// Whether a head may stand at the beginning of these bytes, which go on somehow.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    !matches!(head(Rest { bytes, is_last: false }), Ok(None))
}

/// Of an offset: where the first byte stands behind it.
fn first_digit(rest: Rest<'_>) -> Result<Option<usize>, Undecided> {
    let len = rest.skip(0, OFFSET_LEN_MAX + 1, |byte| byte.is_ascii_hexdigit())?;
    if !(ZEROS..=OFFSET_LEN_MAX).contains(&len) {
        return Ok(None);
    }
    let mut at = len + 1;
    match rest.at(len)? {
        // xxd, curl.
        Some(b':') if rest.has(at, b' ')? => at = rest.skip(at, at + 2, |byte| byte == b' ')?,
        // openssl; hexdump, tshark; od.
        Some(b' ') if rest.has(at, b'-')? && rest.has(at + 1, b' ')? => at += 2,
        Some(b' ') if rest.has(at, b' ')? => at = rest.skip(at, at + 2, |byte| byte == b' ')?,
        Some(b' ') if len >= OFFSET_LEN_MIN_OF_OD && byte(rest, at)?.is_some() && rest.has(at + 2, b' ')? => {}
        _ => return Ok(None),
    }
    Ok(byte(rest, at)?.map(|_| at))
}

/// The row at the beginning of these bytes, with a head of this length.
pub(crate) fn row(rest: Rest<'_>, head: usize, beside: Beside) -> Result<Option<Row>, Undecided> {
    row_from(rest, 0, head - 2, beside)
}

/// The row that goes on with a dump at the beginning of these bytes, right behind the text of the
/// row before it.
pub(crate) fn next_row(rest: Rest<'_>, beside: Beside) -> Result<Option<Row>, Undecided> {
    let line_end = closed(rest, 0)?;
    match rest.at(line_end)? {
        Some(b'\r') if rest.has(line_end + 1, b'\n')? => row_behind(rest, line_end + 2, beside),
        Some(b'\n') => row_behind(rest, line_end + 1, beside),
        _ => Ok(None),
    }
}

/// The number of first bytes of these, behind a row, that no other row begins with: a border, and
/// the line end. They wait for what follows, but need not be held back.
pub(crate) fn gap_len(bytes: &[u8]) -> usize {
    let border = match bytes {
        [b'|' | b'<', ..] | [b' '] => 1,
        [b' ', b'|', ..] => 2,
        _ => 0,
    };
    let line_end = bytes[border..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    border + line_end
}

/// Where the border of a row ends that stands behind its text.
fn closed(rest: Rest<'_>, end: usize) -> Result<usize, Undecided> {
    Ok(match rest.at(end)? {
        Some(b'|' | b'<') => end + 1,
        Some(b' ') if rest.has(end + 1, b'|')? => end + 2,
        _ => end,
    })
}

/// The byte in hex at this offset.
#[inline(always)]
fn byte(rest: Rest<'_>, at: usize) -> Result<Option<u8>, Undecided> {
    match rest.bytes.get(at..at + 2) {
        Some(&[high, low]) => Ok(quick::hex(high, low)),
        _ => Ok(rest.number(at, 2, 16)?.map(|byte| byte as u8)),
    }
}

fn row_behind(rest: Rest<'_>, gap: usize, beside: Beside) -> Result<Option<Row>, Undecided> {
    let behind_gap = Rest { bytes: rest.bytes.get(gap..).unwrap_or_default(), ..rest };
    match first_digit(behind_gap)? {
        Some(first) => row_from(rest, gap, gap + first, beside),
        None => Ok(None),
    }
}

/// The row whose first byte in hex stands at this offset.
fn row_from(rest: Rest<'_>, gap: usize, start: usize, beside: Beside) -> Result<Option<Row>, Undecided> {
    let mut row = Row { gap, start, end: 0, bytes: [0; ROW_BYTES_MAX], count: 0 };
    let mut ends = [0; ROW_BYTES_MAX];
    let mut at = row.start;
    while row.count < ROW_BYTES_MAX
        && at < row.start + DIGITS_LEN_MAX
        && let Some(byte) = byte(rest, at)?
    {
        at += 2;
        (row.bytes[row.count], ends[row.count]) = (byte, at as u16);
        row.count += 1;
        at += between(rest, at)?;
    }
    // The text may begin with hexadecimal digits: all that looks like bytes, or as much as has two
    // blanks or a border behind it, or sixteen of one blank each.
    let all = row.count;
    for count in (1..=all).rev() {
        let end = usize::from(ends[count - 1]);
        if count == all || count == ROW_BYTES_MAX / 2 || rest.has(end, b' ')? && rest.digit(end + 1, 16)?.is_none() {
            row.count = count;
            if let Some(end) = text_end(rest, end, &row, beside)? {
                row.end = end;
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

/// The number of bytes between two bytes in hex, the first of which ends here.
#[inline(always)]
fn between(rest: Rest<'_>, at: usize) -> Result<usize, Undecided> {
    if let Some([b' ', next, _]) = rest.bytes.get(at..at + 3)
        && next.is_ascii_hexdigit()
    {
        return Ok(1);
    }
    Ok(match rest.at(at)? {
        Some(b' ' | b'-') if rest.digit(at + 1, 16)?.is_some() => 1,
        Some(b' ') if rest.has(at + 1, b' ')? && rest.digit(at + 2, 16)?.is_some() => 2,
        _ => 0,
    })
}

/// Where the text of a row ends, the digits of which end here; `None` if it has no such text.
fn text_end(rest: Rest<'_>, digits_end: usize, row: &Row, beside: Beside) -> Result<Option<usize>, Undecided> {
    let padded = rest.skip(digits_end, row.start + DIGITS_LEN_MAX, |byte| byte == b' ')?;
    let blanks = row.bytes().iter().take_while(|&&byte| byte == b' ').count().min(padded - digits_end);
    let bordered = if matches!(rest.at(padded)?, Some(b'|' | b'>')) { padded + 1 } else { padded };
    for start in [bordered, padded, padded - blanks] {
        // A blank at least stands before the text.
        if start > digits_end && shows(rest, start, row.bytes())? {
            let end = start + row.count;
            if beside.may_follow(rest.at(closed(rest, end)?)?) {
                return Ok(Some(end));
            }
        }
    }
    Ok(None)
}

/// Whether these bytes stand here as text.
fn shows(rest: Rest<'_>, start: usize, bytes: &[u8]) -> Result<bool, Undecided> {
    for (at, &byte) in bytes.iter().enumerate() {
        let is_shown = match rest.at(start + at)? {
            Some(b'.') => true,
            Some(b' ') if !matches!(byte, b'!'..=b'~') => true,
            shown => shown == Some(byte) && matches!(byte, b'!'..=b'~'),
        };
        if !is_shown {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first byte in this range at which a dump may begin, also if only more bytes can show that;
/// else the range's end. `before` is the byte before an offset.
pub(super) fn find(bytes: &[u8], range: Range<usize>, before: impl Fn(usize) -> Option<u8>) -> usize {
    static LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n0000"));
    if bytes[range.clone()].starts_with(b"0") && may_follow(before(range.start)) {
        return range.start;
    }
    if let Some(found) = LINE.find(&bytes[range.clone()]) {
        return range.start + found + 1;
    }
    let last = range.start + beginning(&bytes[range.clone()]);
    if last > range.start && may_follow(Some(bytes[last - 1])) { last } else { range.end }
}

#[cfg(test)]
mod tests {
    use super::{Beside, Row, gap_len, head, next_row, row};
    use crate::redact::reading::rest::Rest;

    fn rest(text: &str) -> Rest<'_> {
        Rest { bytes: text.as_bytes(), is_last: true }
    }

    fn first_row(text: &str) -> Option<Row> {
        let head = head(rest(text)).expect("the text ends")?;
        row(rest(text), head, Beside::LineEnd).expect("the text ends")
    }

    #[test]
    fn rows_of_programs_read_as_their_bytes() {
        for (text, bytes) in [
            ("00000000: 7a6b 2d34 3437                           zk-447", &b"zk-447"[..]),
            ("00000000  7a 6b 2d 34 34 37 31 2d  6d 6f                    |zk-4471-mo|", b"zk-4471-mo"),
            ("000000 7a 6b 2d 34 >zk-4<", b"zk-4"),
            ("0000 - 7a 6b 2d 34 34 37 31 2d-6d   zk-4471-m", b"zk-4471-m"),
            // Text that looks like more bytes, also behind one blank and a whole row.
            ("0000: 64 65 61 64  dead", b"dead"),
            ("0000: 61 62 20 63 64 20 65 66 20 61 62 20 63 64 20 65 ab cd ef ab cd e", b"ab cd ef ab cd e"),
            // Blanks, a border as text, and bytes that are shown as dots or blanks.
            ("0000: 20 20 7a 20    z ", b"  z "),
            ("0000: 7c 7c   ||", b"||"),
            ("0000: 00 0a ff 41   . .A", b"\0\n\xffA"),
            ("0000: 0A  .", b"\n"),
        ] {
            let found = first_row(text);
            assert_eq!(found.map(|row| row.bytes().to_vec()).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn other_lines_are_no_rows() {
        for text in [
            "0000: 7a 6b  zz",
            "0000: 7a 6b",
            "0000: 7a 6bzk",
            "0000: 7a 6b  zk more",
            "000: 7a 6b  zk",
            "00000000000000000: 7a 6b  zk",
            "0000 7a 6b  zk",
            "0000:7a 6b  zk",
            "0000: zk",
            "0000-00-00 00:00:00",
        ] {
            assert!(first_row(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_dump_begins_with_zeros_and_goes_on_behind_a_line_end() {
        assert_eq!(head(rest("00000000: 7a")).ok().flatten(), Some(12));
        for text in ["00000010: 7a", "0000", "0000: ", "0000: z"] {
            assert_eq!(head(rest(text)).ok().flatten(), None, "{text}");
        }
        for (text, is_next) in [
            ("\n0010: 7a  z", true),
            ("|\r\n0010: 7a  z", true),
            (" |\n0010: 7a  z", true),
            ("0010: 7a  z", false),
            ("\n\n0010: 7a  z", false),
            ("\n0010: 7a  y", false),
        ] {
            let next = next_row(rest(text), Beside::LineEnd).ok().flatten();
            assert_eq!(next.is_some(), is_next, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_line_is_not_held_back() {
        for (text, gap) in [("\n", 1), ("|\r\n00", 3), (" |", 2), (" ", 1), ("|", 1), ("\r", 1), ("0000", 0), ("", 0)] {
            assert_eq!(gap_len(text.as_bytes()), gap, "{}", text.escape_debug());
        }
    }

    /// No more than a row decides, however the text goes on.
    #[test]
    fn every_beginning_of_a_row_waits_for_its_end() {
        let text = format!("\n{}: {}{}", "0".repeat(16), "41 ".repeat(32), "A".repeat(32));
        for len in 0..=text.len() {
            let undecided = Rest { bytes: &text.as_bytes()[..len], is_last: false };
            assert!(next_row(undecided, Beside::Any).is_err(), "{len}");
        }
        let decided = format!("{text}\n");
        assert!(next_row(Rest { bytes: decided.as_bytes(), is_last: false }, Beside::Any).is_ok());
        let blanks = format!("\n0000: 41{}", " ".repeat(200));
        assert!(next_row(Rest { bytes: blanks.as_bytes(), is_last: false }, Beside::Any).is_ok());
    }
}
