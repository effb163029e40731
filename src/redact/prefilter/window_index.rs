//! The needles with a window that begins with a given word.
//!
//! A table of the words' hashes, small enough for the cache, rejects nearly all look-ups; then a
//! hash table with open addressing gives the needles.

use zeroize::Zeroize;

use super::super::isa::Isa;
use super::bloom::BloomFilter;

/// A needle, and the offset of its window.
#[derive(Clone, Copy)]
pub(super) struct WindowRef {
    pub(super) needle: u32,
    pub(super) offset: u32,
}

/// The map; see the module's documentation.
pub(super) struct WindowIndex {
    set: BloomFilter<3>,
    /// A hash of the word, and the index of its first window. The word itself is not stored: a
    /// wrong one costs a comparison.
    slots: Vec<(u32, u32)>,
    windows: Vec<WindowRef>,
    /// Whether a window is the last of its word.
    lasts: Vec<bool>,
}

const FREE: u32 = u32::MAX;

impl WindowIndex {
    pub(super) fn new(mut entries: Vec<(u64, WindowRef)>) -> WindowIndex {
        entries.sort_unstable_by_key(|&(word, window)| (word, window.needle));
        let mut map = WindowIndex {
            set: BloomFilter::new(entries.len(), 32),
            slots: vec![(0, FREE); (entries.len() * 2).next_power_of_two().max(2)],
            windows: entries.iter().map(|entry| entry.1).collect(),
            lasts: Vec::with_capacity(entries.len()),
        };
        for (i, &(word, _)) in entries.iter().enumerate() {
            map.lasts.push(entries.get(i + 1).is_none_or(|next| next.0 != word));
            if i == 0 || entries[i - 1].0 != word {
                map.set.insert(word);
                let slot = map.probe(word, |slot| slot.1 == FREE).expect("half of the slots are free");
                map.slots[slot] = (fingerprint(word), i as u32);
            }
        }
        entries.iter_mut().for_each(|entry| entry.0.zeroize()); // eight bytes of each needle
        map
    }

    /// Whether a window may begin with this word.
    #[inline(always)]
    pub(super) fn may_contain(&self, word: u64) -> bool {
        self.set.contains(word)
    }

    /// Where in a text of at most 71 bytes a window may begin, as bits. The words there are shifted
    /// up by `shift`.
    pub(super) fn may_begin(&self, text: &[u8], shift: u32, isa: Option<Isa>) -> u64 {
        self.set.contained(text, shift, isa)
    }

    /// The needles with a window that begins with this word, and perhaps those of another word.
    #[inline]
    pub(super) fn windows(&self, word: u64) -> &[WindowRef] {
        let fingerprint = fingerprint(word);
        let slot =
            self.probe(word, |slot| slot.1 == FREE || slot.0 == fingerprint).expect("half of the slots are free");
        match self.slots[slot].1 {
            FREE => &[],
            first => {
                let len = self.lasts[first as usize..].iter().position(|&last| last).map_or(0, |last| last + 1);
                &self.windows[first as usize..][..len]
            }
        }
    }

    #[inline]
    fn probe(&self, word: u64, wanted: impl Fn((u32, u32)) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let home = (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        (0..self.slots.len()).map(|step| (home + step) & mask).find(|&slot| wanted(self.slots[slot]))
    }
}

/// Thirty-two bits of the word, other than those that choose its slot.
#[inline]
fn fingerprint(word: u64) -> u32 {
    (word.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as u32
}
