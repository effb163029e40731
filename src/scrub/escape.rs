//! JSON escapes at the ends of a region. A secret that ends in a backslash, or begins with the
//! character after one, cuts an escape of other text. A mask over only its part would leave invalid
//! JSON.

use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use zeroize::Zeroizing;

use super::file::read_full_at;
use super::{content, search};
use crate::redact::json_escape::JsonEscape;

/// The read size, in bytes, when following backslashes backwards.
const BACK_LEN: u64 = 256;

/// The bytes before and after a region that complete the escapes it cuts.
pub(super) fn rests(file: BorrowedFd<'_>, region: &Range<u64>) -> Result<[Range<u64>; 2], Errno> {
    let (first, last) = (around(file, region.start)?, around(file, region.end)?);
    Ok([first.start..region.start, region.end..last.end])
}

/// Like [`rests`], for all regions of a content, in order, in one pass. No result overlaps another
/// region.
pub(super) fn rests_of(content: &mut dyn Read, regions: &[Range<u64>]) -> io::Result<Vec<Range<u64>>> {
    let mut rests = Vec::new();
    let mut take = |escape: Range<u64>| {
        // The first region that ends within the escape, or begins there.
        let first = regions.partition_point(|region| region.end <= escape.start);
        let mut at = escape.start;
        for region in regions[first..].iter().take_while(|region| region.start < escape.end) {
            rests.extend((at < region.start).then_some(at..region.start));
            at = region.end;
        }
        rests.extend((escape.start < at && at < escape.end).then_some(at..escape.end));
    };
    let (mut buffer, mut start, mut len) = (search::buffer(), 0, 0);
    loop {
        let read = content::read(content, &mut buffer[len..])?;
        len += read;
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'\\', &buffer[at..len]) {
            at += found;
            // The remainder of the escape may be in the next read.
            if len - at < JsonEscape::LEN_MAX && read > 0 {
                break;
            }
            let end = (at + escape_len(&buffer[at..len])).min(len);
            take(start + at as u64..start + end as u64);
            at = end;
        }
        if read == 0 {
            return Ok(rests);
        }
        let kept = if len - at < JsonEscape::LEN_MAX && buffer.get(at) == Some(&b'\\') { at } else { len };
        buffer.copy_within(kept..len, 0);
        (start, len) = (start + kept as u64, len - kept);
    }
}

/// The escape that contains this offset; an empty range at the offset if none does.
fn around(file: BorrowedFd<'_>, at: u64) -> Result<Range<u64>, Errno> {
    let mut from = at.saturating_sub(JsonEscape::LEN_MAX as u64);
    loop {
        let start = from.saturating_sub(BACK_LEN);
        let mut bytes = Zeroizing::new(vec![0; (at - start) as usize + JsonEscape::LEN_MAX]);
        let len = read_full_at(file, &mut bytes, start)?;
        let bytes = &bytes[..len];
        let before = bytes.get(..(from - start) as usize).unwrap_or_default();
        let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
        from -= backslashes as u64;
        // A backslash after any byte other than a backslash begins an escape.
        if from == start && start > 0 {
            continue;
        }
        let place = (at - start) as usize;
        let mut next = (from - start) as usize;
        while next < place.min(len) {
            let end = next + escape_len(&bytes[next..]);
            if end > place {
                return Ok(start + next as u64..start + end.min(len) as u64);
            }
            next = end;
        }
        return Ok(at..at);
    }
}

/// The length of the character or escape that begins here, in bytes.
fn escape_len(bytes: &[u8]) -> usize {
    match bytes.first() {
        // An invalid escape is cut no less than a valid one.
        Some(b'\\') => JsonEscape::parse(bytes).map_or(2, |escape| escape.len),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn a24_every_place_within_an_escape_is_recognized() {
        let units = [r"\\", "a", r"\n", "u", r"\u00e9", r"\ud83d\ude00", r"\ud83d", "\"", "0061", r"\x"];
        for first in units {
            for run in [0, 1, 2, 5, 300, 301] {
                for last in units {
                    let text: Vec<String> =
                        [first.to_owned(), r"\\".repeat(run), last.to_owned(), "z".to_owned()].into();
                    let mut file = tempfile::tempfile().unwrap();
                    file.write_all(text.concat().as_bytes()).unwrap();
                    let mut at = 0;
                    let whole = text.concat();
                    while at < whole.len() {
                        let len = escape_len(&whole.as_bytes()[at..]);
                        for place in at..(at + len).min(whole.len()) {
                            let wanted = if place == at { at..at } else { at..(at + len).min(whole.len()) };
                            let found = around(file.as_fd(), place as u64).unwrap();
                            let wanted = wanted.start as u64..wanted.end as u64;
                            assert_eq!(found, wanted, "{place} of {whole:?}");
                        }
                        at += len;
                    }
                }
            }
        }
    }
}
