//! The Aho-Corasick automaton over the needles: step, match, depth. The reference that the
//! prefilter must agree with.
//!
//! Aho and Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18(6), 1975.
//! The crate of that name was rejected here. The hold-back is the depth of a state, which the crate
//! does not expose. It also finds all failure links when it is built, which took 60 to 70 of 100
//! parts of the time to build a set: here a link is found when a search first needs it.
//!
//! The needles are sorted, so the trie is a list of *chains*: needle `i` adds a node for each byte
//! after those that it shares with needle `i - 1`. The number of a node is the position of its byte
//! in the list of needles, plus one. So
//!
//! - the child of a node is nearly always the next number, and the labels are the needles
//!   themselves, so a long match is compared eight bytes at a time;
//! - a node's needle and depth follow from its number, and need no table;
//! - the last node of a chain is the end of its needle, and no other node is.
//!
//! A node takes one byte of marks, and four for its failure link once a search has needed that.

use super::needle_list::NeedleList;
use super::nested::Nested;
use super::node_map::NodeMap;

mod branches;
mod links;

use branches::Branches;
use links::Links;

/// A node of the trie, as a state of the search: the longest suffix of the text that begins a
/// needle.
pub(super) type State = u32;

/// The state without a match.
pub(super) const ROOT: State = 0;

/// States of at most this depth are *shallow*: marked in the node itself, and left to the
/// prefilter.
pub(super) const SHALLOW_DEPTH_MAX: usize = 3;

/// The node begins a chain: its parent is not the node before it. Also a number without a node: the
/// byte is shared with an earlier needle.
const FIRST: u8 = 1;
/// A needle ends here, or a suffix of the match is a needle.
const OUTPUT: u8 = 1 << 1;
/// There are children besides the next node of the chain.
const BRANCH: u8 = 1 << 2;
/// The node has no children.
const LEAF: u8 = 1 << 3;
/// The depth is at most [`SHALLOW_DEPTH_MAX`], and is stored in the bits from `DEPTH_SHIFT` on.
const SHALLOW: u8 = 1 << 5;
const DEPTH_SHIFT: u32 = 6;
/// The depth is two or three, if the node is shallow.
const BELOW_ROWS: u8 = 1 << 7;

/// The marks that end the comparison of whole words within a chain.
const STOPS: u64 = 0x0101_0101_0101_0101 * (FIRST | OUTPUT) as u64;

/// The automaton; see the module's documentation.
pub(super) struct Automaton {
    /// Sorted, distinct and not empty.
    needles: NeedleList,
    marks: Vec<u8>,
    /// For each needle, the number of bytes that it shares with the one before it: the depth of the
    /// parent of its chain.
    shared: Vec<u32>,
    /// For each needle, the parent of its chain.
    parents: Vec<State>,
    /// The first nodes of chains from the third level on.
    branches: Branches,
    /// The longest needle that ends at a node marked `OUTPUT` at which no needle ends as a whole.
    inner_outputs: NodeMap,
    links: Links,
    /// The transitions of the root and its children, 256 each; the root's come first.
    rows: Vec<State>,
    /// For each byte, the number of the row of the root's child.
    row_numbers: [u16; 256],
}

impl Automaton {
    /// Builds the automaton. The `needles` are sorted, distinct and not empty, and total less than
    /// 4 GiB. Takes linear time in their bytes.
    ///
    /// `nested` are all needles within needles, if they are known. Otherwise they are found here,
    /// with all failure links.
    pub(super) fn new(needles: NeedleList, nested: Option<Vec<Nested>>) -> Automaton {
        let mut automaton = Automaton::trie(needles);
        automaton.add_rows();
        match nested {
            Some(nested) => nested.iter().for_each(|nested| automaton.add_nested(nested)),
            None => automaton.add_links(),
        }
        automaton
    }

    fn trie(needles: NeedleList) -> Automaton {
        let before = |needle: usize| needle.checked_sub(1).map_or(0, |before| needles.shared_len(before, needle));
        let shared: Vec<u32> = (0..needles.len()).map(|needle| before(needle) as u32).collect();
        let nodes = needles.bytes().len() + 1;
        let branches = shared.iter().filter(|shared| **shared > 1).count();
        let mut automaton = Automaton {
            marks: vec![0; nodes + 1],
            parents: Vec::with_capacity(needles.len()),
            branches: Branches::with_capacity(branches),
            inner_outputs: NodeMap::default(),
            links: Links::new(nodes),
            rows: Vec::new(),
            row_numbers: [0; 256],
            shared,
            needles,
        };
        automaton.marks[ROOT as usize] = FIRST | SHALLOW;
        automaton.marks[nodes] = FIRST;
        // The needles whose chains make up the path to the needle at hand, the deepest last.
        let mut path: Vec<usize> = Vec::new();
        for needle in 0..automaton.needles.len() {
            let shared = automaton.shared[needle];
            while path.pop_if(|before| automaton.shared[*before] >= shared).is_some() {}
            let parent = match path.last() {
                Some(&before) if shared > 0 => automaton.needles.start(before) as State + shared,
                _ => ROOT,
            };
            automaton.add_chain(needle, parent);
            path.push(needle);
        }
        automaton
    }

    /// Adds the chain of a needle to its parent.
    fn add_chain(&mut self, needle: usize, parent: State) {
        let (start, shared) = (self.needles.start(needle), self.shared[needle] as usize);
        let end = start + self.needles.get(needle).len();
        let first = start + shared + 1;
        self.parents.push(parent);
        self.marks[parent as usize] = (self.marks[parent as usize] | BRANCH) & !LEAF;
        self.marks[start + 1..=first].fill(FIRST);
        for depth in shared + 1..=SHALLOW_DEPTH_MAX.min(end - start) {
            self.marks[start + depth] |= SHALLOW | (depth as u8) << DEPTH_SHIFT;
        }
        self.marks[end] |= OUTPUT | LEAF;
        if shared > 1 {
            self.branches.insert(parent, self.needles.bytes()[first - 1], first as State);
        }
    }

    /// Gives the root and its children rows. Nearly all steps through ordinary text start there;
    /// each would otherwise need the hash map. At most 257 rows of 1 KiB.
    fn add_rows(&mut self) {
        self.rows = vec![ROOT; 256];
        let begins = |needle: &usize| self.shared[*needle] == 0;
        for needle in (0..self.needles.len()).filter(begins) {
            let start = self.needles.start(needle);
            self.rows[usize::from(self.needles.bytes()[start])] = start as State + 1;
        }
        for needle in 0..self.needles.len() {
            if let (0..2, [first, second, ..]) = (self.shared[needle], self.needles.get(needle)) {
                let number = &mut self.row_numbers[usize::from(*first)];
                if *number == 0 {
                    *number = (self.rows.len() / 256) as u16;
                    self.rows.extend_from_within(..256);
                }
                let row = usize::from(*number) * 256;
                self.rows[row + usize::from(*second)] = self.needles.start(needle) as State + 2;
            }
        }
    }

    /// Marks the end of a needle within another.
    fn add_nested(&mut self, nested: &Nested) {
        // The bytes that it shares with the needle before it have their nodes there.
        if nested.end > self.shared[nested.outer as usize] {
            self.add_output(self.needles.start(nested.outer as usize) as State + nested.end, nested.needle);
        }
    }

    /// Marks the end of a needle at a node, unless a longer one ends there.
    fn add_output(&mut self, node: State, needle: u32) {
        let len = |needle: u32| self.needles.get(needle as usize).len();
        if self.marks[node as usize] & OUTPUT == 0 {
            self.marks[node as usize] |= OUTPUT;
            *self.inner_outputs.entry(node.into()) = needle;
        } else if self.own_output(node).is_none() && len(self.output(node)) < len(needle) {
            *self.inner_outputs.entry(node.into()) = needle;
        }
    }

    /// Finds all failure links and outputs, level by level: those of a node need the ones of nodes
    /// nearer to the root.
    fn add_links(&mut self) {
        let mut growing: Vec<usize> = (0..self.needles.len()).collect();
        for depth in 1.. {
            growing.retain(|&needle| self.needles.get(needle).len() >= depth as usize);
            if growing.is_empty() {
                return;
            }
            for &needle in &growing {
                if depth <= self.shared[needle] {
                    continue; // the node stands in the chain of a needle before this one
                }
                let node = self.needles.start(needle) as State + depth;
                let target = self.target(node, self.parent(node));
                if self.has_output(target) {
                    self.add_output(node, self.output(target));
                }
                self.links.set(node, self.settle(target));
            }
        }
    }

    /// The failure link of a node, found now: the links of all nodes above it are found first, and
    /// those of their targets, without recursion, since a needle may be long.
    ///
    /// As along any path from the root, the links of the nodes on the way from a target to the root
    /// are known as soon as its own is, so that a step from there finds them.
    #[cold]
    #[inline(never)]
    fn find_link(&self, node: State) -> State {
        let mut waiting = vec![node];
        while let Some(&node) = waiting.last() {
            let parent = self.parent(node);
            if self.is_known(node) {
                waiting.pop();
            } else if !self.is_known(parent) {
                waiting.push(parent);
            } else {
                let target = self.target(node, parent);
                match self.is_known(target) {
                    true => self.links.set(node, self.settle(target)),
                    false => waiting.push(target),
                }
            }
        }
        self.fail(node)
    }

    fn is_known(&self, node: State) -> bool {
        self.has_row(node) || self.links.get(node).is_some()
    }

    /// The longest proper suffix of a node's match that begins a needle. The parent's link must be
    /// known.
    fn target(&self, node: State, parent: State) -> State {
        if parent == ROOT { ROOT } else { self.step(self.fail(parent), self.label(node)) }
    }

    fn parent(&self, node: State) -> State {
        match self.marks[node as usize] & FIRST {
            0 => node - 1,
            _ if node == ROOT => ROOT,
            _ => self.parents[self.needles.index_at(node as usize - 1)],
        }
    }

    #[inline]
    fn label(&self, node: State) -> u8 {
        self.needles.bytes()[node as usize - 1]
    }

    /// Whether the node is the root or one of its children, which have rows and link to the root.
    #[inline]
    fn has_row(&self, node: State) -> bool {
        self.marks[node as usize] & (SHALLOW | BELOW_ROWS) == SHALLOW
    }

    /// The failure link.
    #[inline]
    pub(super) fn fail(&self, state: State) -> State {
        if self.has_row(state) { ROOT } else { self.link(state) }
    }

    #[inline]
    fn link(&self, state: State) -> State {
        match self.links.get(state) {
            Some(link) => link,
            None => self.find_link(state),
        }
    }

    #[inline]
    fn child(&self, node: State, byte: u8) -> Option<State> {
        let next = node as usize + 1;
        if self.needles.bytes().get(node as usize) == Some(&byte) && self.marks[next] & FIRST == 0 {
            return Some(next as State);
        }
        if self.marks[node as usize] & BRANCH == 0 {
            return None;
        }
        self.branches.get(node, byte, |node| self.label(node))
    }

    /// The state after one more byte of text. Never called on a leaf: see
    /// [`settle`](Automaton::settle).
    #[inline]
    pub(super) fn step(&self, mut state: State, byte: u8) -> State {
        loop {
            if self.has_row(state) {
                let row = if state == ROOT { 0 } else { usize::from(self.row_numbers[usize::from(self.label(state))]) };
                return self.rows[row * 256 + usize::from(byte)];
            }
            if let Some(child) = self.child(state, byte) {
                return child;
            }
            state = self.link(state);
        }
    }

    /// The number of bytes of `text`, in whole words, that follow the chain from `state` without an
    /// output or a taken branch. The state after them is higher by that number.
    #[inline]
    pub(super) fn run(&self, state: State, text: &[u8]) -> usize {
        let labels = self.needles.bytes()[state as usize..].chunks_exact(8);
        let words = labels.zip(self.marks[state as usize + 1..].chunks_exact(8)).zip(text.chunks_exact(8));
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
        let of_suffix = || self.inner_outputs.get(state.into()).expect("a state marked so has an output");
        self.own_output(state).unwrap_or_else(of_suffix)
    }

    /// The needle that is the match at this state.
    #[inline]
    fn own_output(&self, state: State) -> Option<u32> {
        let needle = self.needles.index_at((state as usize).checked_sub(1)?);
        (self.needles.end(needle) == state as usize).then_some(needle as u32)
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
        match (state as usize).checked_sub(1) {
            Some(at) => {
                let needle = self.needles.index_at(at);
                (needle, state as usize - self.needles.start(needle))
            }
            None => (0, 0),
        }
    }

    /// The needles that share their first `len` bytes, given the first such needle.
    pub(super) fn siblings(&self, needle: usize, len: usize) -> impl Iterator<Item = usize> {
        let others = self.shared[needle + 1..].iter().take_while(move |shared| **shared as usize >= len);
        needle..=needle + others.count()
    }

    #[inline]
    pub(super) fn needles(&self) -> &NeedleList {
        &self.needles
    }
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::super::nested;
    use super::super::prefilter::{Prefilter, Variant};
    use super::{Automaton, NeedleList, ROOT};

    /// Numbers below a limit.
    fn rng() -> impl FnMut(usize) -> usize {
        let mut seed = 7_u32;
        move |limit| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % limit
        }
    }

    fn list(needles: &[Vec<u8>]) -> NeedleList {
        needles.iter().map(|needle| &needle[..]).collect()
    }

    /// Links found on demand, with the needles within needles from the prefilter, are those found
    /// level by level. The order of the walks decides which links are found first.
    #[test]
    fn links_found_on_demand_are_those_found_at_once() {
        let (mut below, mut inner) = (rng(), 0);
        for round in 0..400 {
            let letters = 2 + below(3);
            let count = 1 + below(12);
            let random = |below: &mut dyn FnMut(usize) -> usize, len: usize| -> Vec<u8> {
                (0..len).map(|_| b'a' + below(letters) as u8).collect()
            };
            let mut needles: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    let len = 4 + below([3, 12, 60][round % 3]);
                    random(&mut below, len)
                })
                .collect();
            let around = [random(&mut below, 3), needles[0].clone(), random(&mut below, 2)].concat();
            needles.push(around);
            needles.sort();
            needles.dedup();
            let prefilter = Prefilter::new(&list(&needles), Variant::Best).expect("no needle is short");
            let Some(nested) = nested::find(&list(&needles), &prefilter) else { continue };
            inner += nested.len();
            let (lazy, eager) = (Automaton::new(list(&needles), Some(nested)), Automaton::new(list(&needles), None));
            for _ in 0..10 {
                let start = needles[below(needles.len())].clone();
                let text = [start, random(&mut below, 20)].concat();
                let mut state = ROOT;
                for byte in &text[below(4)..] {
                    let next = lazy.step(state, *byte);
                    assert_eq!(next, eager.step(state, *byte), "{round}");
                    assert_eq!(lazy.has_output(next), eager.has_output(next), "{round}");
                    if lazy.has_output(next) {
                        assert_eq!(lazy.output(next), eager.output(next), "{round}");
                    }
                    assert_eq!(lazy.fail(next), eager.fail(next), "{round}");
                    state = lazy.settle(next);
                }
            }
        }
        assert!(inner > 400);
    }

    /// The row of a node with children is its own, also where a needle ends at the node.
    #[test]
    fn a_needle_of_one_byte_may_begin_others() {
        let needles = [&b"a"[..], b"ab", b"abb", b"b"].map(<[u8]>::to_vec);
        let automaton = Automaton::new(list(&needles), None);
        let depth = |text: &[u8]| {
            let state = text.iter().fold(ROOT, |state, byte| automaton.step(automaton.settle(state), *byte));
            automaton.matched(state).1
        };
        let texts = [&b"a"[..], b"b", b"ab", b"bb", b"abb", b"bab", b"aab", b"ba"];
        assert_eq!(texts.map(depth), [1, 1, 2, 1, 3, 2, 2, 1]);
    }

    /// A search for nested needles gives up where the needles repeat each other, and the links of a
    /// long needle need no stack.
    #[test]
    fn needles_of_one_letter() {
        let needles: Vec<Vec<u8>> = (4..600).map(|len| vec![b'a'; len]).collect();
        let prefilter = Prefilter::new(&list(&needles), Variant::Best).expect("no needle is short");
        assert!(nested::find(&list(&needles), &prefilter).is_none());
        let automaton = Automaton::new(list(&needles), None);
        let state = (0..599).fold(ROOT, |state, _| automaton.step(state, b'a'));
        assert_eq!((automaton.output(state), automaton.matched(state)), (595, (595, 599)));

        let long = [[vec![b'a'; 1 << 20], b"b".to_vec()].concat()];
        let automaton = Automaton::new(list(&long), Some(Vec::new()));
        let state = (0..1 << 20).fold(ROOT, |state, _| automaton.step(state, b'a'));
        assert_eq!((automaton.fail(state), automaton.step(state, b'a')), (state - 1, state));
    }
}
