//! All positions, indexed by file, inode and path: there may be ten thousand, and each is searched
//! for when the sidecar starts.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Key, Position, Slot};
use crate::sys::mutex::lock;

#[derive(Default)]
pub(super) struct Positions {
    slots: HashMap<Key, Slot>,
    streams: HashMap<Arc<str>, Stream>,
}

/// The files of a stream.
#[derive(Default)]
struct Stream {
    by_inode: HashMap<u64, HashSet<Key>>,
    /// A position keeps the path at which it was found.
    by_path: HashMap<PathBuf, HashSet<Key>>,
}

impl Positions {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Slot)> {
        self.slots.iter()
    }

    pub(super) fn get(&self, key: &Key) -> Option<std::sync::MutexGuard<'_, Position>> {
        self.slots.get(key).map(|slot| lock(slot))
    }

    pub(super) fn add(&mut self, key: Key, position: Position) -> Slot {
        let slot = Arc::new(Mutex::new(position));
        self.put(key, Arc::clone(&slot));
        slot
    }

    pub(super) fn put(&mut self, key: Key, slot: Slot) {
        self.remove(&key);
        let stream = self.streams.entry(Arc::clone(&key.stream)).or_default();
        stream.by_inode.entry(key.file.inode).or_default().insert(key.clone());
        stream.by_path.entry(lock(&slot).path.clone()).or_default().insert(key.clone());
        self.slots.insert(key, slot);
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        if let Some(stream) = self.streams.get_mut(&key.stream) {
            remove_from(&mut stream.by_inode, &key.file.inode, key);
            remove_from(&mut stream.by_path, &lock(&slot).path, key);
            if stream.by_path.is_empty() {
                self.streams.remove(&key.stream);
            }
        }
        Some(slot)
    }

    /// Removes the position of a file: by its key, or by its inode and path if the read part
    /// identifies the file.
    pub(super) fn take(&mut self, key: &Key, path: &Path) -> Option<Slot> {
        if self.slots.contains_key(key) {
            return self.remove(key);
        }
        let moved = self.streams.get(&key.stream)?.by_inode.get(&key.file.inode)?.iter().find(|other| {
            let position = self.slots.get(other).map(|slot| lock(slot));
            position.is_some_and(|position| position.path == path && position.head.len > 0)
        });
        let moved = moved?.clone();
        self.remove(&moved)
    }

    pub(super) fn knows(&self, stream: &str) -> bool {
        self.streams.contains_key(stream)
    }

    pub(super) fn at(&self, stream: &str, path: &Path) -> Vec<(Key, Position)> {
        let keys = self.streams.get(stream).and_then(|stream| stream.by_path.get(path));
        let known = keys.into_iter().flatten().filter_map(|key| Some((key, self.slots.get(key)?)));
        known.map(|(key, slot)| (key.clone(), lock(slot).clone())).collect()
    }
}

fn remove_from<K: Eq + std::hash::Hash>(all: &mut HashMap<K, HashSet<Key>>, at: &K, key: &Key) {
    if let Some(keys) = all.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            all.remove(at);
        }
    }
}
