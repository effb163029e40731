//! Holes in sparse files, searched as the NULs that they read as, but without reading them.
//!
//! A needle may contain NULs, so a hole is not a gap. As many NULs as the longest needle has bytes
//! go through the finder at each end of the hole. The NULs between cannot change the finder's state
//! unless a needle consists of NULs alone; then the hole is searched like data.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::fs::{SeekFrom, Stat, seek};
use rustix::io::Errno;

use crate::redact::finder::Finder;
use crate::redact::region::Region;

/// The unit of `st_blocks` on every file system, in bytes.
const BLOCK_LEN: u64 = 512;
/// The shortest hole worth skipping, in multiples of the bytes that go through the finder.
const WORTH: u64 = 4;

/// Whether a file has fewer blocks than its length requires.
pub(super) fn is_sparse(stat: &Stat) -> bool {
    (stat.st_blocks as u64).saturating_mul(BLOCK_LEN) < stat.st_size as u64
}

/// Consumes the hole at the finder's position, at most up to `until`. Overwrites the `buffer`.
/// Returns the regions that are now complete; `None` if there is data or a short hole.
///
/// Keeps the descriptor's position.
pub(super) fn skip(
    file: BorrowedFd<'_>,
    finder: &mut Finder,
    until: u64,
    buffer: &mut [u8],
) -> Result<Option<Vec<Region>>, Errno> {
    let (begin, end) = (finder.end(), hole_end(file, finder.end())?.min(until));
    let pieces = finder.set().needle_len_max().div_ceil(buffer.len()).max(1);
    let context = (pieces * buffer.len()) as u64;
    if end.saturating_sub(begin) < WORTH * context {
        return Ok(None);
    }
    buffer.fill(0);
    let mut found = Vec::new();
    (0..pieces).for_each(|_| found.extend(finder.push(buffer)));
    if finder.open(false).is_empty() {
        *finder = Finder::at(Arc::clone(finder.set()), end - context);
        (0..pieces).for_each(|_| found.extend(finder.push(buffer)));
    }
    Ok(Some(found))
}

/// The end of the hole at an offset; the offset itself if there is data.
fn hole_end(file: BorrowedFd<'_>, at: u64) -> Result<u64, Errno> {
    let position = seek(file, SeekFrom::Current(0))?;
    let end = match seek(file, SeekFrom::Data(at)) {
        Ok(data) => data,
        // The hole extends to the end of the file.
        Err(Errno::NXIO) => seek(file, SeekFrom::End(0))?.max(at),
        // The file system does not support it.
        Err(_) => at,
    };
    seek(file, SeekFrom::Start(position))?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NeedleSet, Secret};
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    /// Compares a search that skips holes with one that reads them.
    fn both(value: &[u8], pieces: &[(u64, &[u8])], len: u64) {
        let set = Arc::new(NeedleSet::builder().secret(Secret::new("KEY", value.to_vec())).build().unwrap());
        let file = tempfile::tempfile().unwrap();
        file.set_len(len).unwrap();
        pieces.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
        let (mut skipped, mut read, mut skips) = (Vec::new(), Vec::new(), 0);
        let (mut finder, mut buffer) = (Finder::new(Arc::clone(&set)), vec![0; 4 << 10]);
        while finder.end() < len {
            if let Some(found) = skip(file.as_fd(), &mut finder, len, &mut buffer).unwrap() {
                skipped.extend(found);
                skips += 1;
                continue;
            }
            let read = file.read_at(&mut buffer, finder.end()).unwrap();
            skipped.extend(finder.push(&buffer[..read]));
        }
        skipped.extend(finder.finish(true));
        let mut finder = Finder::new(set);
        while finder.end() < len {
            let len = file.read_at(&mut buffer, finder.end()).unwrap();
            read.extend(finder.push(&buffer[..len]));
        }
        read.extend(finder.finish(true));
        let ranges = |regions: &[Region]| regions.iter().map(Region::range).collect::<Vec<_>>();
        assert_eq!(ranges(&skipped), ranges(&read));
        assert!(skips > 0, "nothing was skipped");
    }

    #[test]
    fn a27_a_hole_is_searched_as_the_nuls_that_it_is() {
        let (len, far) = (1 << 20, 1 << 19);
        both(b"sk-live-4f9QzX", &[(100, b"sk-live-4f9QzX"), (far, b"sk-live-4f9QzX")], len);
        // Secrets that begin or end in the hole, or that it cuts off.
        both(b"ab\0\0cd\0\0", &[(4090, b"ab\0\0cd"), (far + 4092, b"ab\0\0cd")], len);
        both(b"\0\0ab\0\0cd", &[(far, b"ab\0\0cd"), (far + 9000, b"\0\0ab")], len);
        both(b"\0\0\0\0\0", &[(10, b"text"), (far, b"text")], len);
    }
}
