//! The branches of the trie: a hash table from a node and a byte to the first node of a chain.
//!
//! Open addressing with linear probing at half load. A slot holds the parent and the node; the byte
//! is the node's label, which the next step reads anyway.

use super::{ROOT, State};

/// The table; see the module's documentation. It is not empty.
pub(super) struct Branches {
    slots: Vec<(State, State)>,
}

/// A free slot: the root is no branch.
const FREE: (State, State) = (ROOT, ROOT);

impl Branches {
    pub(super) fn with_capacity(entries: usize) -> Branches {
        Branches { slots: vec![FREE; (entries * 2).next_power_of_two().max(2)] }
    }

    /// Adds a new branch: at most as many as the capacity.
    pub(super) fn insert(&mut self, parent: State, byte: u8, node: State) {
        let mask = self.slots.len() - 1;
        let mut at = home(parent, byte) & mask;
        while self.slots[at] != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = (parent, node);
    }

    /// The branch with this label. `label` gives that of a node.
    #[inline]
    pub(super) fn get(&self, parent: State, byte: u8, label: impl Fn(State) -> u8) -> Option<State> {
        let mask = self.slots.len() - 1;
        let mut at = home(parent, byte) & mask;
        loop {
            let (found, node) = self.slots[at];
            if found == parent && node != ROOT && label(node) == byte {
                return Some(node);
            }
            if node == ROOT {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Fibonacci hashing (Knuth, TAOCP 6.4): the high half of the product is mixed best.
#[inline]
fn home(parent: State, byte: u8) -> usize {
    let key = u64::from(parent) << 8 | u64::from(byte);
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}
