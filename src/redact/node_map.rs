//! A hash map from `u64` keys to `u32`, for the few nodes of the automaton that need more than the next number.
//!
//! Open addressing with linear probing at half load. `std`'s map defends against chosen keys with a hash that costs more than
//! the rest of a step; here the keys are node numbers, which nobody outside can choose.

/// No key: node numbers stay below it.
const EMPTY: u64 = u64::MAX;

/// See the module's documentation.
pub(super) struct NodeMap {
    slots: Vec<(u64, u32)>,
    len: usize,
}

impl NodeMap {
    pub(super) fn with_capacity(entries: usize) -> NodeMap {
        NodeMap { slots: vec![(EMPTY, 0); (entries * 2).next_power_of_two().max(2)], len: 0 }
    }

    /// Adds an entry whose key is not in the map yet.
    pub(super) fn insert(&mut self, key: u64, value: u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            let old = std::mem::take(self);
            *self = NodeMap::with_capacity(self.slots.len().max(old.slots.len()));
            old.slots.iter().filter(|slot| slot.0 != EMPTY).for_each(|&(key, value)| self.insert(key, value));
        }
        let free = self.slot(key);
        self.slots[free] = (key, value);
        self.len += 1;
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<u32> {
        let (found, value) = self.slots[self.slot(key)];
        (found == key).then_some(value)
    }

    /// Where the key stands, or the free slot where it would.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing (Knuth, TAOCP 6.4): the high half of the product is mixed best.
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.slots[at].0 != key && self.slots[at].0 != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }
}

impl Default for NodeMap {
    fn default() -> NodeMap {
        NodeMap::with_capacity(0)
    }
}
