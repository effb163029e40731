//! Evidence around a file: its name, its directory, and its neighbours.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use super::Kind;

/// The files that SQLite keeps beside a database, by the end of their names.
const COMPANIONS: &[(&[u8], &str)] = &[
    (b"-wal", "an SQLite write-ahead log"),
    (b"-journal", "an SQLite rollback journal"),
    (b"-shm", "the shared memory of an SQLite database"),
];
/// Directories of files that are named by the hash of their content.
const STORES: &[&[u8]] = &[b"objects", b"blobs", b"sha256", b"cas"];

/// The surroundings of a file.
pub(in crate::scrub) struct Near<'a> {
    /// Its path, as far as it is known.
    pub(in crate::scrub) path: &'a Path,
    /// Whether a name exists in its directory.
    pub(in crate::scrub) beside: &'a dyn Fn(&OsStr) -> bool,
}

impl Near<'_> {
    /// Refines the kind of a file that its bytes suggest.
    pub(super) fn judged(&self, kind: Kind) -> Kind {
        if self.is_named_by_hash() {
            return Kind::Binary("named by the hash of its content");
        }
        let name = self.path.file_name().unwrap_or_default().as_bytes();
        let companion = COMPANIONS.iter().find_map(|(end, what)| Some((name.strip_suffix(*end)?, *what)));
        match (kind, companion) {
            (Kind::Doubtful(_) | Kind::Binary(_), Some((base, what)))
                if !base.is_empty() && (self.beside)(OsStr::from_bytes(base)) =>
            {
                Kind::Binary(what)
            }
            (kind, _) => kind,
        }
    }

    /// Whether the name is a hash, as in the stores of git, git LFS and container images.
    fn is_named_by_hash(&self) -> bool {
        let names: Vec<&[u8]> = self
            .path
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.as_bytes()),
                _ => None,
            })
            .collect();
        let is_hex = |name: &[u8], lens: &[usize]| lens.contains(&name.len()) && name.iter().all(u8::is_ascii_hexdigit);
        let [above @ .., name] = &names[..] else { return false };
        let parent = above.last().copied().unwrap_or_default();
        let is_whole = is_hex(name, &[40, 64]) && (is_hex(parent, &[2]) || STORES.contains(&parent));
        let is_loose = is_hex(name, &[38, 62]) && is_hex(parent, &[2]);
        is_whole || is_loose
    }
}
