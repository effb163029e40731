//! The state of a file that reveals a write to it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::BorrowedFd;

use rustix::fs::Stat;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use zeroize::Zeroizing;

use crate::scrub::file::read_full_at;

/// The length of each fingerprint, at the beginning and before the searched end, in bytes.
const PRINT_LEN: usize = 64;
/// The resolution of coarse clocks, in nanoseconds: changes within it may keep the same time of
/// change.
const TICK_NANOSECONDS: i64 = 20_000_000;

/// The part of a file's state that reveals a write. Its owner can set the modification time, but
/// not the time of change.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl From<Stat> for Stamp {
    #[allow(clippy::unnecessary_cast, reason = "it is unnecessary on half of the targets")]
    fn from(stat: Stat) -> Stamp {
        Stamp {
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

impl Stamp {
    /// Whether any further change is certain to be visible. Linux 6.13 stamps finely enough on the
    /// usual file systems; before, the next change may get the same time.
    pub(super) fn is_settled(&self) -> bool {
        let now = clock_gettime(ClockId::Realtime);
        let age = (now.tv_sec as i64).saturating_sub(self.changed.0).saturating_mul(1_000_000_000);
        age.saturating_add(now.tv_nsec as i64 - self.changed.1).saturating_abs() > TICK_NANOSECONDS
    }
}

/// A hash of the first bytes, and of the last bytes before `end`.
pub(super) fn print(file: BorrowedFd<'_>, end: u64) -> Result<u64, Errno> {
    let mut bytes = Zeroizing::new([0; 2 * PRINT_LEN]);
    let (head, tail) = bytes.split_at_mut(PRINT_LEN);
    let len = end.min(PRINT_LEN as u64) as usize;
    let read = (read_full_at(file, &mut head[..len], 0)?, read_full_at(file, &mut tail[..len], end - len as u64)?);
    let mut hasher = DefaultHasher::new();
    (read, &bytes[..]).hash(&mut hasher);
    Ok(hasher.finish())
}
