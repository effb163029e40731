//! Needles in one buffer, by number.

use zeroize::Zeroizing;

/// Sorted and distinct byte strings, concatenated in a buffer that is wiped on drop.
pub(super) struct NeedleList {
    bytes: Zeroizing<Vec<u8>>,
    ends: Vec<u32>,
}

impl NeedleList {
    /// An empty list with room for this many needles and this many bytes in total, at most 4 GiB.
    /// It must not outgrow that: a growing buffer leaves copies behind.
    pub(super) fn with_capacity(needles: usize, bytes: usize) -> NeedleList {
        assert!(u32::try_from(bytes).is_ok(), "needles of more than 4 GiB");
        NeedleList { bytes: Zeroizing::new(Vec::with_capacity(bytes)), ends: Vec::with_capacity(needles) }
    }

    pub(super) fn push(&mut self, needle: &[u8]) {
        debug_assert!(self.bytes.len() + needle.len() <= self.bytes.capacity());
        self.bytes.extend_from_slice(needle);
        self.ends.push(self.bytes.len() as u32);
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[index] as usize]
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
        self.get(a).iter().zip(self.get(b)).take_while(|(a, b)| a == b).count()
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
