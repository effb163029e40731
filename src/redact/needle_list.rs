//! Needles in one buffer, by number.

use zeroize::Zeroizing;

/// The number of bytes whose needles are found from one place.
const BLOCK_LEN: usize = 64;

/// Sorted and distinct byte strings, concatenated in a buffer that is wiped on drop.
pub(super) struct NeedleList {
    bytes: Zeroizing<Vec<u8>>,
    ends: Vec<u32>,
    /// For each block of bytes, the needle that its first byte belongs to.
    blocks: Vec<u32>,
}

impl NeedleList {
    /// An empty list with room for this many needles and this many bytes in total, at most 4 GiB.
    /// It must not outgrow that: a growing buffer leaves copies behind.
    pub(super) fn with_capacity(needles: usize, bytes: usize) -> NeedleList {
        assert!(u32::try_from(bytes + 1).is_ok(), "needles of more than 4 GiB");
        NeedleList {
            bytes: Zeroizing::new(Vec::with_capacity(bytes)),
            ends: Vec::with_capacity(needles),
            blocks: Vec::with_capacity(bytes.div_ceil(BLOCK_LEN)),
        }
    }

    pub(super) fn push(&mut self, needle: &[u8]) {
        debug_assert!(self.bytes.len() + needle.len() <= self.bytes.capacity());
        self.bytes.extend_from_slice(needle);
        let begun = self.bytes.len().div_ceil(BLOCK_LEN);
        self.blocks.resize(begun, self.ends.len() as u32);
        self.ends.push(self.bytes.len() as u32);
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.end(index)]
    }

    /// The position of a needle in [all bytes](NeedleList::bytes).
    #[inline]
    pub(super) fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.end(before))
    }

    /// The end of a needle in [all bytes](NeedleList::bytes).
    #[inline]
    pub(super) fn end(&self, index: usize) -> usize {
        self.ends[index] as usize
    }

    /// The bytes of all needles, one needle behind the other.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The needle that the byte at this position belongs to.
    #[inline]
    pub(super) fn index_at(&self, position: usize) -> usize {
        let first = self.blocks[position / BLOCK_LEN] as usize;
        first + self.ends[first..].iter().take_while(|end| **end as usize <= position).count()
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The length of the common prefix of two needles; 0 if one of them does not exist.
    pub(super) fn shared_len(&self, a: usize, b: usize) -> usize {
        if a.max(b) >= self.len() {
            return 0;
        }
        let (a, b) = (self.get(a), self.get(b));
        let words = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
        words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
    }
}

impl<'a> FromIterator<&'a [u8]> for NeedleList {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(needles: T) -> NeedleList {
        let needles: Vec<&[u8]> = needles.into_iter().collect();
        let mut list = NeedleList::with_capacity(needles.len(), needles.iter().map(|needle| needle.len()).sum());
        needles.iter().for_each(|needle| list.push(needle));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::NeedleList;

    #[test]
    fn a_byte_belongs_to_the_needle_around_it() {
        let lens = [1, 63, 64, 1, 200, 3, 4, 5, 61, 1, 1, 129];
        let needles: Vec<Vec<u8>> = lens.iter().map(|len| vec![b'a'; *len]).collect();
        let list: NeedleList = needles.iter().map(|needle| &needle[..]).collect();
        for (index, needle) in needles.iter().enumerate() {
            assert_eq!(list.get(index), needle);
            assert!((list.start(index)..list.end(index)).all(|position| list.index_at(position) == index));
        }
    }
}
