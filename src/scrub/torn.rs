//! Masks over long secrets that a killed scrub left incomplete: the beginning of a mask, followed
//! by the rest of the secret, which is no needle by itself.
//!
//! A mask over a secret of more than a page is not written in one step. The rest of the secret ends
//! as the needle does. So the search finds the needle's last bytes, counts the bytes before them
//! that agree with the needle, and looks for the mask in front of those. [`find`] reads the content
//! once, from its beginning, so it also serves compressed files: a log may have been compressed
//! after its scrub was killed. [`in_piece`] searches a piece of a file that was read for other
//! reasons.

use std::io::{self, Read};
use std::ops::Range;
#[cfg(feature = "guard")]
use std::os::fd::BorrowedFd;

use memchr::memmem::Finder;
use zeroize::Zeroizing;

use super::content;
#[cfg(feature = "guard")]
use super::file;
use crate::NeedleSet;
use crate::redact::overlay::Overlay;
use crate::redact::region::Region;

/// The maximum length of a mask that is written in one step, in bytes: within a page, or across the
/// boundary of two.
pub(super) const LEN_MIN: usize = 4 << 10;
/// The number of bytes at a needle's end to search for.
const END_LEN: usize = 64;
/// The number of mask bytes before the rest to compare.
const MASK_LEN: usize = 64;
/// The number of bytes to read before a search.
const READ_LEN: usize = 256 << 10;

/// An incomplete mask.
pub(super) struct Torn {
    /// The whole region of the secret, mask and rest.
    pub(super) region: Region,
    /// The rest of the secret.
    pub(super) rest: Range<u64>,
}

impl Torn {
    /// The bytes of the rest.
    pub(super) fn expose<'a>(&self, set: &'a NeedleSet) -> &'a [u8] {
        let needle = set.expose_one(self.region.needle());
        &needle[needle.len() - (self.rest.end - self.rest.start) as usize..]
    }

    /// Writes the mask's bytes from this offset in the content on.
    pub(super) fn write_mask(&self, set: &NeedleSet, overlay: &Overlay, at: u64, out: &mut [u8]) {
        overlay.write(set, &self.region, at - self.region.range().start, out);
    }
}

/// The needles of a set with masks that take several steps.
pub(super) fn long(set: &NeedleSet) -> Vec<u32> {
    let long = (0..).zip(set.expose()).filter(|(_, needle)| needle.len() > LEN_MIN);
    long.map(|(number, _)| number).collect()
}

/// Calls `tell` with each incomplete mask of a [`long`] needle. Without such needles it costs
/// nothing; otherwise one more pass over the content, and as much memory as the longest needle has
/// bytes.
pub(super) fn find<E: From<io::Error>>(
    content: &mut dyn Read,
    set: &NeedleSet,
    overlay: &Overlay,
    tell: &mut dyn FnMut(Torn) -> Result<(), E>,
) -> Result<(), E> {
    let long = long(set);
    if long.is_empty() {
        return Ok(());
    }
    let kept_max = set.needle_len_max() + END_LEN;
    let mut window = Window { bytes: Zeroizing::new(vec![0; kept_max + READ_LEN]), start: 0, len: 0 };
    loop {
        let fresh = window.len.saturating_sub(END_LEN - 1);
        if window.fill(content)? == 0 {
            return Ok(());
        }
        for &number in &long {
            for end in ends(set, number, &window.bytes[fresh..window.len]) {
                let end = window.start + (fresh + end) as u64;
                if let Some(torn) = torn(&window, set, overlay, number, end)? {
                    // Another needle may end alike; masking the rest in the window avoids a second
                    // report.
                    let at = (torn.rest.start - window.start) as usize..(end - window.start) as usize;
                    torn.write_mask(set, overlay, torn.rest.start, &mut window.bytes[at]);
                    tell(torn)?;
                }
            }
        }
        window.keep(kept_max);
    }
}

/// The incomplete masks of these [`long`] needles that have their last byte in this piece of the
/// file, which begins at `start`.
#[cfg(feature = "guard")]
pub(super) fn in_piece(
    file: BorrowedFd<'_>,
    set: &NeedleSet,
    overlay: &Overlay,
    long: &[u32],
    (start, piece): (u64, &[u8]),
) -> io::Result<Vec<Torn>> {
    let mut found = Vec::new();
    for &number in long {
        // At the piece's first boundary, a needle's end may extend over both sides.
        let over = start.saturating_sub(END_LEN as u64 - 1);
        let mut boundary = Zeroizing::new([0; 2 * (END_LEN - 1)]);
        let wanted = (start - over) as usize + piece.len().min(END_LEN - 1);
        let len = file::read_full_at(file, &mut boundary[..wanted], over)?;
        let over = ends(set, number, &boundary[..len]).into_iter().map(|end| over + end as u64);
        let within = ends(set, number, piece).into_iter().map(|end| start + end as u64);
        for end in over.chain(within) {
            found.extend(torn(&file, set, overlay, number, end)?);
        }
    }
    Ok(found)
}

/// The positions right after each occurrence of the needle's end in these bytes.
fn ends(set: &NeedleSet, number: u32, bytes: &[u8]) -> Vec<usize> {
    let needle = set.expose_one(number as usize);
    let finder = Finder::new(&needle[needle.len() - END_LEN..]);
    finder.find_iter(bytes).map(|at| at + END_LEN).collect()
}

/// Content with a part that can be read again.
trait Again {
    /// Fills the buffer from this offset, as far as there is content. Returns the number of bytes.
    fn read_again(&self, at: u64, out: &mut [u8]) -> io::Result<usize>;
}

#[cfg(feature = "guard")]
impl Again for BorrowedFd<'_> {
    fn read_again(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        Ok(file::read_full_at(*self, out, at)?)
    }
}

/// The stretch of a stream's content in which a needle can end.
struct Window {
    bytes: Zeroizing<Vec<u8>>,
    /// Its offset in the content.
    start: u64,
    /// The number of bytes that are content.
    len: usize,
}

impl Again for Window {
    fn read_again(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let Some(at) = at.checked_sub(self.start) else { return Ok(0) };
        let there = &self.bytes[at as usize..self.len];
        let len = there.len().min(out.len());
        out[..len].copy_from_slice(&there[..len]);
        Ok(len)
    }
}

impl Window {
    /// Reads until it is full, or the content ends. Returns the number of bytes read.
    fn fill(&mut self, content: &mut dyn Read) -> io::Result<usize> {
        let before = self.len;
        while self.len < self.bytes.len() {
            match content::read(content, &mut self.bytes[self.len..])? {
                0 => break,
                len => self.len += len,
            }
        }
        Ok(self.len - before)
    }

    /// Drops all but its last `len_max` bytes.
    fn keep(&mut self, len_max: usize) {
        let dropped = self.len.saturating_sub(len_max);
        self.bytes.copy_within(dropped..self.len, 0);
        (self.start, self.len) = (self.start + dropped as u64, self.len - dropped);
    }
}

/// The rest of this needle that ends at `end`, if its mask precedes it.
fn torn(content: &dyn Again, set: &NeedleSet, overlay: &Overlay, number: u32, end: u64) -> io::Result<Option<Torn>> {
    let needle = set.expose_one(number as usize);
    let (Some(_), rest) = (end.checked_sub(needle.len() as u64), agreeing(content, needle, end)?) else {
        return Ok(None);
    };
    let region: Region = Region::found(set, end, number);
    let masked = needle.len() - rest;
    // The mask as it would be or, if the region began before this needle, its end.
    let looked = masked.min(MASK_LEN);
    let (mut mask, mut filler, mut there) = ([0; MASK_LEN], [0; MASK_LEN], Zeroizing::new([0; MASK_LEN]));
    overlay.write(set, &region, (masked - looked) as u64, &mut mask[..looked]);
    overlay.write(set, &region, needle.len() as u64, &mut filler);
    content.read_again(end - (rest + looked) as u64, &mut there[..looked])?;
    let is_torn = masked > 0 && there[..looked] == mask[..looked] || masked > MASK_LEN && *there == filler;
    Ok(is_torn.then(|| Torn { region, rest: end - rest as u64..end }))
}

/// The number of bytes before `end` that agree with the end of a needle.
fn agreeing(content: &dyn Again, needle: &[u8], end: u64) -> io::Result<usize> {
    let (mut block, mut agreed) = (Zeroizing::new([0; LEN_MIN]), 0);
    while agreed < needle.len() {
        let block = &mut block[..LEN_MIN.min(needle.len() - agreed)];
        let wanted = &needle[needle.len() - agreed - block.len()..needle.len() - agreed];
        let start = end.saturating_sub((agreed + block.len()) as u64);
        if content.read_again(start, block)? < block.len() {
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
