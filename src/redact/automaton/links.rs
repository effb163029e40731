//! The failure links found so far.
//!
//! Links are most of an automaton's cost, and clean text needs few of them, so each is found when a
//! search first asks for it. Memory is allocated in pages, since one block would be touched as a
//! whole by an allocator that wipes memory when it is freed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::State;

/// The number of links in a page.
const PAGE_LEN: usize = 1 << 10;
/// No link yet.
const UNKNOWN: State = State::MAX;

type Page = [AtomicU32; PAGE_LEN];

/// The links by node; see the module's documentation.
pub(super) struct Links {
    pages: Box<[OnceLock<Box<Page>>]>,
}

impl Links {
    /// No links, with room for nodes below this number.
    pub(super) fn new(nodes: usize) -> Links {
        Links { pages: (0..nodes.div_ceil(PAGE_LEN)).map(|_| OnceLock::new()).collect() }
    }

    /// The link of a node, if it was found. The link of that node was found as well, by the same
    /// thread or another, and can be seen.
    #[inline]
    pub(super) fn get(&self, node: State) -> Option<State> {
        let page = self.pages[node as usize / PAGE_LEN].get()?;
        let link = page[node as usize % PAGE_LEN].load(Ordering::Acquire);
        (link != UNKNOWN).then_some(link)
    }

    /// Sets a link. Threads may set the same one, to the same node.
    pub(super) fn set(&self, node: State, link: State) {
        let page = self.pages[node as usize / PAGE_LEN]
            .get_or_init(|| Box::new([const { AtomicU32::new(UNKNOWN) }; PAGE_LEN]));
        page[node as usize % PAGE_LEN].store(link, Ordering::Release);
    }
}
