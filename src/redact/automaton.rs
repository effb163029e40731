//! The Aho-Corasick automaton over the needles: step, match, depth. The reference that the
//! prefilter must agree with.
//!
//! Aho and Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18(6), 1975.
//! The crate of that name, used elsewhere in this project, was rejected here. The hold-back is the
//! depth of a state, which the crate does not expose. For 16,000 needles it builds in 89 ms; the
//! whole set here, prefilter included, takes 36 (`cargo bench --bench startup`).
//!
//! The needles are sorted, so the trie is a list of *chains*: needle `i` adds a node for each byte
//! after those that it shares with needle `i - 1`, and these nodes have consecutive numbers. So
//!
//! - the child of a node is nearly always the next number, and a chain's labels are laid out in
//!   memory like the needle, so a long match is compared eight bytes at a time;
//! - a node's needle and depth follow from its number, and need no table;
//! - the last node of a chain is the end of its needle, and no other node is.
//!
//! A node takes 6 bytes: label, marks, failure link.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::needle_list::NeedleList;
use super::node_map::NodeMap;

/// A node of the trie, as a state of the search: the longest suffix of the text that begins a
/// needle.
pub(super) type State = u32;

/// The state without a match.
pub(super) const ROOT: State = 0;

/// States of at most this depth are *shallow*: marked in the node itself, and left to the
/// prefilter.
pub(super) const SHALLOW_DEPTH_MAX: usize = 3;

/// The node begins a chain: its parent is not the node before it.
const FIRST: u8 = 1;
/// A needle ends here, or a suffix of the match is a needle.
const OUTPUT: u8 = 1 << 1;
/// There are children besides the next node of the chain.
const BRANCH: u8 = 1 << 2;
/// The node has no children.
const LEAF: u8 = 1 << 3;
/// All transitions are in a row, and its number replaces the failure link.
const WIDE: u8 = 1 << 4;
/// The depth is at most [`SHALLOW_DEPTH_MAX`], and is stored in the bits from `DEPTH_SHIFT` on.
const SHALLOW: u8 = 1 << 5;
const DEPTH_SHIFT: u32 = 6;

/// The number of levels with failure links found level by level. With fewer levels too many needles
/// wait: every combination of four hex digits begins some needle of a large set.
const LEVELS: usize = 10;
/// No failure link yet.
const UNKNOWN: State = State::MAX;

/// The marks that end the comparison of whole words within a chain.
const STOPS: u64 = 0x0101_0101_0101_0101 * (FIRST | OUTPUT) as u64;
/// The number of nodes after the last one. They begin chains that are never entered, so a word can
/// be read at any node.
const PADDING: usize = 9;

/// The nodes that one needle adds.
struct Chain {
    first: State,
    /// The number of bytes that the needle shares with the one before it: the depth of the chain's
    /// parent node.
    shared: u32,
    parent: State,
}

/// The automaton; see the module's documentation.
pub(super) struct Automaton {
    labels: Zeroizing<Vec<u8>>,
    marks: Vec<u8>,
    fails: Vec<State>,
    chains: Vec<Chain>,
    /// The first nodes of chains: (parent, byte) to node.
    branches: NodeMap,
    /// The longest needle that ends at a node marked `OUTPUT`.
    outputs: NodeMap,
    /// The transitions of `WIDE` nodes, 256 each; the root's come first.
    rows: Vec<State>,
}

impl Automaton {
    /// Builds the automaton. The `needles` are sorted, distinct and not empty, and total less than
    /// 4 GiB. Takes linear time in their bytes.
    pub(super) fn new(needles: &NeedleList) -> Automaton {
        let mut automaton = Automaton::trie(needles);
        automaton.add_rows(needles);
        automaton.add_failures(needles);
        automaton
    }

    fn trie(needles: &NeedleList) -> Automaton {
        let before = |needle: usize| needle.checked_sub(1).map_or(0, |before| needles.shared_len(before, needle));
        let shared: Vec<usize> = (0..needles.len()).map(before).collect();
        let nodes = 1 + needles.iter().zip(&shared).map(|(needle, shared)| needle.len() - shared).sum::<usize>();
        let mut automaton = Automaton {
            labels: Zeroizing::new(Vec::with_capacity(nodes + PADDING)),
            marks: Vec::with_capacity(nodes + PADDING),
            fails: vec![UNKNOWN; nodes],
            chains: Vec::with_capacity(needles.len()),
            branches: NodeMap::with_capacity(needles.len()),
            outputs: NodeMap::with_capacity(needles.len()),
            rows: Vec::new(),
        };
        automaton.labels.push(0);
        automaton.marks.push(FIRST | SHALLOW);
        let mut path = vec![ROOT]; // the node at each depth of the needle at hand
        for (needle, shared) in needles.iter().zip(shared) {
            path.truncate(shared + 1);
            automaton.add_chain(&needle[shared..], &mut path);
        }
        automaton.labels.resize(nodes + PADDING, 0);
        automaton.marks.resize(nodes + PADDING, FIRST);
        for chain in &automaton.chains {
            automaton.marks[chain.parent as usize] &= !LEAF;
        }
        automaton
    }

    /// Adds a chain to the last node of the path, and extends the path by it.
    fn add_chain(&mut self, labels: &[u8], path: &mut Vec<State>) {
        let (shared, parent, first) = (path.len() - 1, path[path.len() - 1], self.labels.len() as State);
        self.chains.push(Chain { first, shared: shared as u32, parent });
        self.branches.insert(branch_key(parent, labels[0]), first);
        self.marks[parent as usize] |= BRANCH;
        for (depth, &label) in (shared + 1..).zip(labels) {
            path.push(self.labels.len() as State);
            self.labels.push(label);
            self.marks.push(if depth <= SHALLOW_DEPTH_MAX { SHALLOW | (depth as u8) << DEPTH_SHIFT } else { 0 });
        }
        self.marks[first as usize] |= FIRST;
        let end = self.marks.len() - 1;
        self.marks[end] |= OUTPUT | LEAF;
        self.outputs.insert(end as u64, (self.chains.len() - 1) as u32);
    }

    /// Gives the root and its children rows. Nearly all steps through ordinary text start there;
    /// each would otherwise need the hash map. At most 257 rows of 1 KiB.
    fn add_rows(&mut self, needles: &NeedleList) {
        self.rows = (0..=255).map(|byte| self.child(ROOT, byte).unwrap_or(ROOT)).collect();
        self.marks[ROOT as usize] |= WIDE;
        self.fails[ROOT as usize] = 0;
        for (i, needle) in needles.iter().enumerate() {
            let Chain { first, shared, .. } = self.chains[i];
            let (node, grown) = match shared {
                0 if needle.len() > 1 => (first, first + 1),
                1 => (self.chains[i].parent, first),
                _ => continue,
            };
            if self.marks[node as usize] & WIDE == 0 {
                self.marks[node as usize] |= WIDE;
                self.fails[node as usize] = (self.rows.len() / 256) as u32;
                self.rows.extend_from_within(..256);
            }
            let row = self.fails[node as usize] as usize * 256;
            self.rows[row + needle[1] as usize] = grown;
        }
    }

    /// Finds each node's failure link and longest output.
    ///
    /// A node's link needs the links of nodes nearer to the root, so the textbook goes level by
    /// level. But that jumps from needle to needle, and took nearly half of the build time of a set
    /// of 140,000 needles. Links are rarely deep, so after the first levels each needle is followed
    /// to its end. The few needles that meet an unknown link wait, and then go level by level.
    fn add_failures(&mut self, needles: &NeedleList) {
        let all: Vec<usize> = (0..needles.len()).collect();
        self.add_levels(needles, all.clone(), 1..=LEVELS);
        let mut follow =
            |needle: usize| (LEVELS + 1..=needles.get(needle).len()).all(|depth| self.add_failure(needle, depth));
        let waiting: Vec<usize> = all.into_iter().filter(|&needle| !follow(needle)).collect();
        self.add_levels(needles, waiting, LEVELS + 1..=usize::MAX);
    }

    fn add_levels(&mut self, needles: &NeedleList, mut growing: Vec<usize>, depths: RangeInclusive<usize>) {
        for depth in depths {
            growing.retain(|&needle| needles.get(needle).len() >= depth);
            if growing.is_empty() {
                return;
            }
            for &needle in &growing {
                self.add_failure(needle, depth);
            }
        }
    }

    /// Finds the link of the needle's node at this depth. Returns false if a required link is not
    /// known yet.
    fn add_failure(&mut self, needle: usize, depth: usize) -> bool {
        let Chain { first, shared, parent } = self.chains[needle];
        if depth <= shared as usize {
            return true; // the node stands in the chain of a needle before this one
        }
        let node = first + (depth as u32 - shared - 1);
        let parent = if node == first { parent } else { node - 1 };
        if self.fails[node as usize] != UNKNOWN {
            return true;
        }
        if self.fails[parent as usize] == UNKNOWN {
            return false;
        }
        let mut fail = if depth == 1 { ROOT } else { self.step(self.fail(parent), self.labels[node as usize]) };
        if self.fails[fail as usize] == UNKNOWN {
            return false;
        }
        if self.marks[fail as usize] & OUTPUT != 0 && self.marks[node as usize] & OUTPUT == 0 {
            self.marks[node as usize] |= OUTPUT;
            self.outputs.insert(u64::from(node), self.output(fail));
        }
        if self.marks[fail as usize] & LEAF != 0 {
            fail = self.fail(fail); // no step goes on from a leaf
        }
        self.fails[node as usize] = fail;
        true
    }

    /// The failure link. `WIDE` nodes are the root and its children, which link to the root.
    #[inline]
    pub(super) fn fail(&self, state: State) -> State {
        if self.marks[state as usize] & WIDE != 0 { ROOT } else { self.fails[state as usize] }
    }

    fn child(&self, node: State, byte: u8) -> Option<State> {
        let next = node as usize + 1;
        if self.labels[next] == byte && self.marks[next] & FIRST == 0 {
            return Some(next as State);
        }
        if self.marks[node as usize] & BRANCH == 0 {
            return None;
        }
        self.branches.get(branch_key(node, byte))
    }

    /// The state after one more byte of text. Never called on a leaf: see
    /// [`settle`](Automaton::settle).
    #[inline]
    pub(super) fn step(&self, mut state: State, byte: u8) -> State {
        loop {
            if self.marks[state as usize] & WIDE != 0 {
                return self.rows[self.fails[state as usize] as usize * 256 + byte as usize];
            }
            if let Some(child) = self.child(state, byte) {
                return child;
            }
            state = self.fails[state as usize];
        }
    }

    /// The number of bytes of `text`, in whole words, that follow the chain from `state` without an
    /// output or a taken branch. The state after them is higher by that number.
    #[inline]
    pub(super) fn run(&self, state: State, text: &[u8]) -> usize {
        let next = state as usize + 1;
        let words =
            self.labels[next..].chunks_exact(8).zip(self.marks[next..].chunks_exact(8)).zip(text.chunks_exact(8));
        let plain = |((labels, marks), text): ((&[u8], &[u8]), &[u8])| labels == text && word(marks) & STOPS == 0;
        8 * words.take_while(|&words| plain(words)).count()
    }

    /// Whether a needle ends at this state.
    #[inline]
    pub(super) fn has_output(&self, state: State) -> bool {
        self.marks[state as usize] & OUTPUT != 0
    }

    /// The longest needle that ends at this state, which must have an output.
    #[inline]
    pub(super) fn output(&self, state: State) -> u32 {
        self.outputs.get(u64::from(state)).expect("a state marked so has an output")
    }

    /// The state to continue from: a needle that no longer needle extends stops being a beginning.
    #[inline]
    pub(super) fn settle(&self, state: State) -> State {
        if self.marks[state as usize] & LEAF != 0 { self.fail(state) } else { state }
    }

    /// The state's depth, if it is at most [`SHALLOW_DEPTH_MAX`].
    #[inline]
    pub(super) fn shallow_depth(&self, state: State) -> Option<usize> {
        let mark = self.marks[state as usize];
        (mark & SHALLOW != 0).then_some((mark >> DEPTH_SHIFT) as usize)
    }

    /// The match at this state: the needle and the number of its bytes.
    pub(super) fn matched(&self, state: State) -> (usize, usize) {
        let needle = self.chains.partition_point(|chain| chain.first <= state);
        match needle.checked_sub(1) {
            Some(needle) => {
                let chain = &self.chains[needle];
                (needle, (chain.shared + state - chain.first + 1) as usize)
            }
            None => (0, 0),
        }
    }

    /// The needles that share their first `len` bytes, given the first such needle.
    pub(super) fn siblings(&self, needle: usize, len: usize) -> impl Iterator<Item = usize> {
        let others = self.chains[needle + 1..].iter().take_while(move |chain| chain.shared as usize >= len);
        needle..=needle + others.count()
    }
}

fn branch_key(parent: State, byte: u8) -> u64 {
    u64::from(parent) << 8 | u64::from(byte)
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}
