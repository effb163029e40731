//! Which files: a path, or a pattern with `*`, `?` and `[...]` in its parts, and `**` for any directories.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

/// `**` goes down so far.
const DEPTH_MAX: usize = 32;
/// As in shells: a name that begins with a dot is meant only where that is written.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
/// What rotation leaves and nobody can go on reading.
const PACKED: &[&str] = &["gz", "xz", "zst", "bz2", "lz4", "Z", "zip", "tmp"];

/// A pattern of paths, in its parts.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Name(OsString),
    Match(glob::Pattern),
    /// Any directories, or none.
    Any,
}

/// What was found.
#[derive(Default)]
pub(super) struct Walk {
    /// Files, or what else has these names.
    pub(super) paths: Vec<PathBuf>,
    /// Where others may appear.
    pub(super) directories: Vec<PathBuf>,
}

impl Pattern {
    /// # Errors
    ///
    /// When it is none.
    pub(super) fn new(text: &str) -> io::Result<Pattern> {
        let path = std::path::absolute(text)?;
        let mut parts = Vec::new();
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            parts.push(match name.to_str() {
                Some("**") => Part::Any,
                Some(text) if text.contains(['*', '?', '[']) => {
                    let pattern = glob::Pattern::new(text);
                    Part::Match(pattern.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error.msg))?)
                }
                _ => Part::Name(name.to_owned()),
            });
        }
        match parts.last() {
            None | Some(Part::Any) => Err(io::Error::new(ErrorKind::InvalidInput, "it names no file")),
            Some(_) => Ok(Pattern(parts)),
        }
    }

    /// All that is there now.
    pub(super) fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let literal = self.0[..self.0.len() - 1].iter().take_while(|part| matches!(part, Part::Name(_))).count();
        let mut directory = PathBuf::from("/");
        for part in &self.0[..literal] {
            let Part::Name(name) = part else { continue };
            let next = directory.join(name);
            if !next.is_dir() {
                // It may come, or come back.
                walk.directories.push(directory);
                return walk;
            }
            directory = next;
        }
        walk.directories.extend(directory.parent().map(Path::to_owned));
        visit(&directory, &self.0[literal..], 0, &mut walk);
        walk
    }
}

fn visit(directory: &Path, parts: &[Part], depth: usize, walk: &mut Walk) {
    let [part, rest @ ..] = parts else { return };
    walk.directories.push(directory.to_owned());
    if let Part::Name(name) = part {
        enter(directory.join(name), rest, depth, walk);
        return;
    }
    if matches!(part, Part::Any) {
        visit(directory, rest, depth, walk);
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match part {
            Part::Match(pattern) if pattern.matches_with(&entry.file_name().to_string_lossy(), OPTIONS) => {
                enter(entry.path(), rest, depth, walk);
            }
            // Not through links: they may lead back.
            Part::Any if depth < DEPTH_MAX && entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                visit(&entry.path(), parts, depth + 1, walk);
            }
            _ => {}
        }
    }
}

fn enter(path: PathBuf, rest: &[Part], depth: usize, walk: &mut Walk) {
    if rest.is_empty() {
        walk.paths.push(path);
    } else if path.is_dir() {
        visit(&path, rest, depth, walk);
    }
}

/// The files beside this one that rotation may have made of it: `app.log.1`, `app.log-20261124`, `app-20261124.log`. Not those that
/// are packed.
pub(super) fn rotated(path: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|other| is_rotated(other, name)).collect()
}

fn is_rotated(other: &Path, name: &OsStr) -> bool {
    let (other_name, name) = (other.file_name().unwrap_or_default().to_string_lossy(), name.to_string_lossy());
    if PACKED.iter().any(|end| other.extension().is_some_and(|extension| extension == *end)) || other_name == name {
        return false;
    }
    let follows = |rest: &str| rest.starts_with(['.', '-', '_', '@']);
    let stem_and_end = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    other_name.strip_prefix(&*name).is_some_and(follows)
        || stem_and_end.is_some_and(|(stem, end)| {
            let middle = other_name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(end)?.strip_suffix('.'));
            middle.is_some_and(follows)
        })
}

/// The number that rotation put behind a name, as in `app.log.1`: the lowest is of the newest, as most count (`logrotate` does).
pub(super) fn number(path: &Path, rotated: &Path) -> Option<u32> {
    let (name, rotated) = (path.file_name()?.to_str()?, rotated.file_name()?.to_str()?);
    rotated.strip_prefix(name)?.strip_prefix('.')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_they_mean() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/x.log", "a/y.log", "a/.h.log", "a/z.txt", "b/c/w.log"] {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), "").unwrap();
        }
        let found = |pattern: &str| {
            let mut walk = Pattern::new(&format!("{}/{pattern}", dir.path().display())).unwrap().walk();
            walk.paths.sort();
            let names = walk.paths.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string());
            (names.collect::<Vec<_>>().join(" "), walk.directories.len())
        };
        assert_eq!(found("a/x.log"), ("a/x.log".into(), 2));
        assert_eq!(found("a/missing"), ("a/missing".into(), 2));
        assert_eq!(found("a/*.log"), ("a/x.log a/y.log".into(), 2));
        assert_eq!(found("*/*.log").0, "a/x.log a/y.log");
        assert_eq!(found("**/?.log").0, "a/x.log a/y.log b/c/w.log");
        assert_eq!(found("missing/deep/x.log"), (String::new(), 1));
        assert!(Pattern::new("/").is_err() && Pattern::new("/a/**").is_err() && Pattern::new("/a/[").is_err());
    }

    #[test]
    fn what_rotation_makes_of_a_name() {
        let is = |other: &str| is_rotated(Path::new(other), OsStr::new("app.log"));
        assert!(
            ["app.log.1", "app.log-20261124", "app-20261124.log", "app.1.log", "app.log.old"].iter().all(|o| is(o))
        );
        let number = |other: &str| number(Path::new("/a/app.log"), Path::new(other));
        assert_eq!((number("/a/app.log.1"), number("/a/app.log.20")), (Some(1), Some(20)));
        assert!(["/a/app.log", "/a/app.log.old", "/a/app.1.log", "/a/app.log1"].iter().all(|o| number(o).is_none()));
        assert!(!["app.log", "app.log.1.gz", "other.log.1", "app2.log", "apps.log.1"].iter().any(|o| is(o)));
    }
}
