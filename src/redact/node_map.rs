//! A hash map keyed by node or needle, for the few nodes of the automaton at which a needle ends
//! within another, and for the found needles of a set.
//!
//! Open addressing with linear probing at half load. `std`'s map defends against chosen keys with a
//! hash that costs more than the rest of a step; here the keys are node numbers, which no outsider
//! can choose.

/// No key: node and needle numbers are lower.
const EMPTY: u64 = u64::MAX;

/// The map; see the module's documentation.
pub(super) struct NodeMap<V = u32> {
    slots: Vec<(u64, V)>,
    len: usize,
}

impl<V: Copy + Default> NodeMap<V> {
    pub(super) fn with_capacity(entries: usize) -> NodeMap<V> {
        NodeMap { slots: vec![(EMPTY, V::default()); (entries * 2).next_power_of_two().max(2)], len: 0 }
    }

    /// Adds an entry with a new key.
    pub(super) fn insert(&mut self, key: u64, value: V) {
        if (self.len + 1) * 2 > self.slots.len() {
            let larger = NodeMap::with_capacity(self.slots.len().max(1));
            let old = std::mem::replace(self, larger);
            old.iter().for_each(|(key, value)| self.insert(key, value));
        }
        let free = self.slot(key);
        self.slots[free] = (key, value);
        self.len += 1;
    }

    /// The value of a key; a new key gets the default value.
    pub(super) fn entry(&mut self, key: u64) -> &mut V {
        let there =
            if self.slots.is_empty() { None } else { Some(self.slot(key)).filter(|&at| self.slots[at].0 == key) };
        let at = there.unwrap_or_else(|| {
            self.insert(key, V::default());
            self.slot(key)
        });
        &mut self.slots[at].1
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, V)> {
        self.slots.iter().copied().filter(|slot| slot.0 != EMPTY)
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<V> {
        let (found, value) = self.slots[self.slot(key)];
        (found == key).then_some(value)
    }

    /// The slot of the key, or the free slot for it.
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

impl<V> Default for NodeMap<V> {
    /// An empty map without memory. Call `get` only after the first insertion.
    fn default() -> NodeMap<V> {
        NodeMap { slots: Vec::new(), len: 0 }
    }
}
