//! Memory that stays out of swap.
//!
//! Pages are locked in place, before a secret is read into them: those of our own buffers, and
//! those that another library passes to be read into. They stay locked: a page may have parts of
//! several buffers, and locks are not counted. The allocator uses the same pages again, so their
//! number is bounded by the memory that secrets occupied at once. A buffer of 128 KiB or more has
//! pages of its own, which are unlocked when it is freed.
//!
//! A separate arena was the alternative. It would copy a value once more, and would not reach the
//! buffers of the HTTP library, from which every value of a browser comes.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::mm::mlock;
use zeroize::Zeroizing;

/// The kernel's list of swap areas.
const SWAPS: &str = "/proc/swaps";

/// The limit was reached once.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// An empty buffer of this capacity, locked as far as the limit allows, and wiped on drop. It must
/// not grow: the copy would be in other pages, and the old one would not be wiped.
pub fn buffer(capacity: usize) -> Zeroizing<Vec<u8>> {
    let buffer = Vec::with_capacity(capacity);
    lock_at(buffer.as_ptr(), buffer.capacity());
    Zeroizing::new(buffer)
}

/// A locked copy of these bytes, wiped on drop.
pub fn copy(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut copy = buffer(bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

/// Locks the pages that hold these bytes. Returns false if the limit (`ulimit -l`) does not allow
/// that.
pub fn lock(bytes: &[u8]) -> bool {
    lock_at(bytes.as_ptr(), bytes.len())
}

/// Whether a secret may have been written to swap: locking was refused, and the system has swap.
pub fn may_be_swapped() -> bool {
    // Without a list, there may be some.
    REFUSED.load(Relaxed) && fs::read_to_string(SWAPS).map_or(true, |list| has_swap(&list))
}

/// Whether the list of swap areas has more than its title.
fn has_swap(list: &str) -> bool {
    list.lines().nth(1).is_some()
}

fn lock_at(start: *const u8, len: usize) -> bool {
    // SAFETY: locking changes no content, and the range lies within one allocation, which is
    // borrowed or owned by the caller. The kernel rounds it to whole pages.
    let is_locked = len == 0 || unsafe { mlock(start.cast_mut().cast(), len) }.is_ok();
    if !is_locked {
        REFUSED.store(true, Relaxed);
    }
    is_locked
}

/// The flags of the mapping that holds an address.
#[cfg(test)]
pub(crate) fn flags(address: usize) -> String {
    let maps = fs::read_to_string("/proc/self/smaps").expect("a list");
    let mut is_in = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let ends = range.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
        if let Some([Ok(from), Ok(to)]) = ends {
            is_in = (from..to).contains(&address);
        } else if let (true, Some(flags)) = (is_in, line.strip_prefix("VmFlags:")) {
            return flags.to_owned();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_buffers_are_locked() {
        let foreign = vec![1; 5000];
        assert!(lock(&foreign) && lock(&[]), "the limit is under two pages");
        let own = copy(b"sk-live-4f9QzX");
        assert_eq!((&own[..], own.capacity()), (&b"sk-live-4f9QzX"[..], 14));
        for address in [foreign.as_ptr(), &raw const foreign[4999], own.as_ptr()] {
            assert!(flags(address as usize).contains(" lo"), "{}", flags(address as usize));
        }
    }

    #[test]
    fn a_title_is_no_swap() {
        let title = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(!has_swap(title) && !has_swap(""));
        assert!(has_swap(&format!("{title}/dev/dm-1  partition\t8388604\t0\t-2\n")));
    }
}
