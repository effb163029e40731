//! Masks that a scrub had begun over long secrets when it was killed: a mask's beginning, and
//! behind it the rest of the secret, which is no needle by itself.
//!
//! A mask over a secret of more than a page is not written in one step. The rest that is left ends
//! as the needle does: its last bytes are searched for, and where they stand, it is looked how far
//! back the needle agrees, and whether the mask stands before that.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use memchr::memmem;
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{file, search};
use crate::NeedleSet;
use crate::redact::cover::Cover;
use crate::redact::region::Region;

/// Masks of this length are written in one step: within a page, or over the border of two.
const LEN_MIN: usize = 4 << 10;
/// So many bytes at a needle's end are searched for.
const END_LEN: usize = 64;

/// So many bytes of a mask before the rest are looked at.
const MASK_LEN: usize = 64;

/// A mask that has only begun.
pub(super) struct Torn {
    /// All of the secret's place, mask and rest.
    pub(super) region: Region,
    /// The rest.
    pub(super) rest: Range<u64>,
}

/// Calls `tell` with each mask that has only begun, of needles that are long enough. Costs nothing
/// if there are none, and else a search of the file for each.
pub(super) fn find<E: From<Errno>>(
    file: BorrowedFd<'_>,
    set: &NeedleSet,
    cover: &Cover,
    tell: &mut dyn FnMut(Torn) -> Result<(), E>,
) -> Result<(), E> {
    for (number, needle) in set.expose().enumerate().filter(|(_, needle)| needle.len() > LEN_MIN) {
        for end in ends(file, &needle[needle.len() - END_LEN..])? {
            if let Some(torn) = torn(file, set, cover, (number, needle), end)? {
                tell(torn)?;
            }
        }
    }
    Ok(())
}

/// Where the file holds these bytes: the places right behind them.
fn ends(file: BorrowedFd<'_>, bytes: &[u8]) -> Result<Vec<u64>, Errno> {
    let finder = memmem::Finder::new(bytes);
    let (mut buffer, mut at, mut found) = (search::buffer(), 0, Vec::new());
    loop {
        let read = file::read_full_at(file, &mut buffer[..], at)?;
        found.extend(finder.find_iter(&buffer[..read]).map(|start| at + (start + bytes.len()) as u64));
        if read < buffer.len() {
            return Ok(found);
        }
        at += (read - bytes.len() + 1) as u64;
    }
}

/// The rest of this needle that ends there, if a mask of it stands before.
fn torn(
    file: BorrowedFd<'_>,
    set: &NeedleSet,
    cover: &Cover,
    (number, needle): (usize, &[u8]),
    end: u64,
) -> Result<Option<Torn>, Errno> {
    let (Some(_), rest) = (end.checked_sub(needle.len() as u64), agreeing(file, needle, end)?) else {
        return Ok(None);
    };
    let region: Region = Region::found(set, end, number as u32);
    let masked = needle.len() - rest;
    // The mask as it would be, or, where the region began before this needle, its end.
    let looked = masked.min(MASK_LEN);
    let (mut mask, mut filler, mut there) = ([0; MASK_LEN], [0; MASK_LEN], Zeroizing::new([0; MASK_LEN]));
    cover.write(set, &region, (masked - looked) as u64, &mut mask[..looked]);
    cover.write(set, &region, needle.len() as u64, &mut filler);
    file::read_full_at(file, &mut there[..looked], end - (rest + looked) as u64)?;
    let is_torn = masked > 0 && there[..looked] == mask[..looked] || masked > MASK_LEN && *there == filler;
    Ok(is_torn.then(|| Torn { region, rest: end - rest as u64..end }))
}

/// How many bytes before this place agree with the end of a needle.
fn agreeing(file: BorrowedFd<'_>, needle: &[u8], end: u64) -> Result<usize, Errno> {
    let (mut block, mut agreed) = (Zeroizing::new([0; LEN_MIN]), 0);
    while agreed < needle.len() {
        let block = &mut block[..LEN_MIN.min(needle.len() - agreed)];
        let wanted = &needle[needle.len() - agreed - block.len()..needle.len() - agreed];
        let start = end.saturating_sub((agreed + block.len()) as u64);
        if file::read_full_at(file, block, start)? < block.len() {
            break;
        }
        let same = block.iter().zip(wanted).rev().take_while(|(there, byte)| there == byte).count();
        agreed += same;
        if same < block.len() {
            break;
        }
    }
    Ok(agreed)
}
