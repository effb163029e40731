//! Patterns: a path, or one with `*`, `?` and `[...]` in its parts, and `**` for any directories.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use glob::MatchOptions;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::sys::beneath::{Dir, Links, find_below};
use crate::sys::file::{kind, without_links};
use crate::sys::rotation::compressed_extension;
use crate::sys::shortage::is_shortage;

/// The maximum depth of `**`.
const DEPTH_MAX: usize = 32;
/// As in shells: only a written dot matches a leading dot.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
/// A pattern of paths, as its parts.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Name(OsString),
    Match(glob::Pattern),
    /// Any number of directories, or none.
    Any,
}

/// A file that matches the pattern by its path.
pub(super) struct Match {
    /// Its path, as the pattern has it.
    pub(super) path: PathBuf,
    /// Its path with links resolved, if there are any.
    pub(super) target: Option<PathBuf>,
    /// The directory that holds it. None: it is a link.
    dir: Option<Rc<Dir>>,
    pub(super) name: OsString,
    /// Its status, or that of the link's target.
    pub(super) stat: Stat,
}

impl Match {
    /// The directory that contains the file, and its name there.
    pub(super) fn place(&self) -> io::Result<(Rc<Dir>, OsString)> {
        match &self.dir {
            Some(dir) => Ok((Rc::clone(dir), self.name.clone())),
            // Held only while needed: there may be ten thousand.
            None => {
                let target = self.target.as_ref().unwrap_or(&self.path);
                Dir::parent_of(target, Links::Trusted).map(|(dir, name)| (Rc::new(dir), name))
            }
        }
    }
}

/// The result of a walk.
#[derive(Default)]
pub(super) struct Walk {
    /// Files and other nodes with these names.
    pub(super) matches: Vec<Match>,
    /// Directories where others may appear: those of the pattern, those that hold a link, and the
    /// targets of links.
    pub(super) directories: HashSet<PathBuf>,
    /// Unreadable paths, among them links that another user may have created.
    pub(super) refused: Vec<(PathBuf, io::Error)>,
    /// Those of them that a later walk may read. Known files at or below them may still be there.
    pub(super) unseen: Vec<PathBuf>,
}

impl Pattern {
    /// # Errors
    ///
    /// When the pattern is invalid.
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
            None | Some(Part::Any) => Err(io::Error::new(ErrorKind::InvalidInput, "it does not name a file")),
            Some(_) => Ok(Pattern(parts)),
        }
    }

    /// Whether it may match several paths.
    pub(super) fn is_pattern(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Name(_)))
    }

    /// The path that it names, if it is no pattern.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let name = |part: &Part| match part {
            Part::Name(name) => Some(name.clone()),
            Part::Match(_) | Part::Any => None,
        };
        std::iter::once(Some(OsString::from("/"))).chain(self.0.iter().map(name)).collect()
    }

    /// The same pattern, with links resolved in its leading plain names.
    pub(super) fn without_links(self) -> Pattern {
        let Pattern(mut parts) = self;
        let is_plain = |part: &&Part| matches!(part, Part::Name(_));
        let plain = parts[..parts.len() - 1].iter().take_while(is_plain).count();
        let mut path = PathBuf::from("/");
        for part in &parts[..plain] {
            let Part::Name(name) = part else { continue };
            path.push(name);
        }
        let found = without_links(&path);
        let names = found.iter().skip(1).map(|name| Part::Name(name.to_owned()));
        parts = names.chain(parts.drain(plain..)).collect();
        Pattern(parts)
    }

    /// Whether the pattern matches a path.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let names: Vec<&OsStr> = path.iter().skip(1).collect();
        matches(&self.0, &names)
    }

    /// Whether it matches this name of a compressed file only because it matches so much.
    pub(super) fn leaves(&self, name: &OsStr) -> bool {
        let Some(end) = compressed_extension(name) else { return false };
        match self.0.last() {
            Some(Part::Match(pattern)) => !pattern.as_str().ends_with(end),
            _ => false,
        }
    }

    /// Finds all current matches. Each directory is opened within its parent, and a link is
    /// followed only if no other user can have created it.
    pub(super) fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let literal = self.0[..self.0.len() - 1].iter().map_while(|part| match part {
            Part::Name(name) => Some(name),
            _ => None,
        });
        let literal: PathBuf = literal.collect();
        let begin = Dir::open(Path::new("/"), Links::None).and_then(|root| match literal.parent() {
            None => Ok(Some(root)),
            Some(_) => walk.open(&root, literal.as_os_str()),
        });
        match begin {
            Ok(Some(directory)) => {
                let parts = &self.0[literal.iter().count()..];
                walk.visit(&Rc::new(directory), &Path::new("/").join(&literal), parts, 0);
            }
            Ok(None) => {}
            Err(error) => walk.refuse(Path::new("/").join(&literal), error),
        }
        walk
    }
}

/// Whether these names, one a part, are those of a path of the pattern.
fn matches(parts: &[Part], names: &[&OsStr]) -> bool {
    match (parts, names) {
        ([], []) => true,
        ([Part::Any, rest @ ..], _) => {
            matches(rest, names)
                || matches!(names, [name, below @ ..]
                    if !name.as_encoded_bytes().starts_with(b".") && matches(parts, below))
        }
        ([Part::Name(part), rest @ ..], [name, below @ ..]) => part == name && matches(rest, below),
        ([Part::Match(pattern), rest @ ..], [name, below @ ..]) => {
            pattern.matches_with(&name.to_string_lossy(), OPTIONS) && matches(rest, below)
        }
        _ => false,
    }
}

/// Whether the path does not exist, or is no directory.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether a later walk may find the files behind this error.
fn is_passing(error: &io::Error) -> bool {
    is_shortage(error) || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

impl Walk {
    /// Opens a directory by a path below another one. None: it may appear later.
    fn open(&mut self, from: &Dir, path: &OsStr) -> io::Result<Option<Dir>> {
        let found = find_below(from, Path::new(path), Links::Trusted, &mut self.directories);
        match found.and_then(|found| found.dir.sub(found.name)) {
            Err(error) if is_absent(&error) => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn visit(&mut self, directory: &Rc<Dir>, path: &Path, parts: &[Part], depth: usize) {
        let [part, rest @ ..] = parts else { return };
        self.directories.insert(directory.path().to_owned());
        if let Part::Name(name) = part {
            return self.enter(directory, name, path, rest, depth);
        }
        if matches!(part, Part::Any) {
            self.visit(directory, path, rest, depth);
        }
        let names = directory.names().unwrap_or_else(|error| {
            self.miss(path, error);
            Vec::new()
        });
        for (name, kind) in names {
            match part {
                Part::Match(pattern) if pattern.matches_with(&name.to_string_lossy(), OPTIONS) => {
                    self.enter(directory, &name, path, rest, depth);
                }
                // Not through links: they may form a loop.
                Part::Any if depth < DEPTH_MAX && matches!(kind, FileType::Directory | FileType::Unknown) => {
                    let path = path.join(&name);
                    match directory.sub(&name) {
                        Ok(below) => self.visit(&Rc::new(below), &path, parts, depth + 1),
                        Err(error) => self.miss(&path, error),
                    }
                }
                _ => {}
            }
        }
    }

    /// Continues the walk with a name that matches.
    fn enter(&mut self, directory: &Rc<Dir>, name: &OsStr, path: &Path, rest: &[Part], depth: usize) {
        let path = path.join(name);
        if rest.is_empty() {
            return match self.find(directory, name, path.clone()) {
                Ok(found) => self.matches.extend(found),
                Err(error) => self.refuse(path, error),
            };
        }
        let below = match directory.sub(name) {
            // It may be a link.
            Err(error) if error.kind() != ErrorKind::NotFound => self.open(directory, name),
            Err(_) => Ok(None),
            Ok(below) => Ok(Some(below)),
        };
        match below {
            Ok(Some(below)) => self.visit(&Rc::new(below), &path, rest, depth),
            Ok(None) => {}
            Err(error) => self.refuse(path, error),
        }
    }

    /// Records a path that cannot be opened, and for a passing reason, that files may be below it.
    fn refuse(&mut self, path: PathBuf, error: io::Error) {
        if is_passing(&error) {
            self.unseen.push(path.clone());
        }
        self.refused.push((path, error));
    }

    /// Records a directory that cannot be listed for a passing reason. Others have no matches.
    fn miss(&mut self, path: &Path, error: io::Error) {
        if is_passing(&error) {
            self.refuse(path.to_owned(), error);
        }
    }

    fn find(&mut self, directory: &Rc<Dir>, name: &OsStr, path: PathBuf) -> io::Result<Option<Match>> {
        let found = directory.stat(name).and_then(|stat| {
            if kind(&stat) != FileType::Symlink {
                return Ok((directory.path().join(name), Some(Rc::clone(directory)), stat));
            }
            let found = find_below(directory, Path::new(name), Links::Trusted, &mut self.directories)?;
            Ok((found.path(), None, found.dir.stat(&found.name)?))
        });
        match found {
            Err(error) if is_absent(&error) => Ok(None),
            found => {
                let (target, dir, stat) = found?;
                let target = Some(target).filter(|target| *target != path);
                Ok(Some(Match { path, target, dir, name: name.to_owned(), stat }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn patterns_find_their_files() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/x.log", "a/y.log", "a/.h.log", "a/z.txt", "b/c/w.log"] {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), "").unwrap();
        }
        let found = |pattern: &str| {
            let mut walk = Pattern::new(&format!("{}/{pattern}", dir.path().display())).unwrap().walk();
            walk.matches.sort_by(|a, b| a.path.cmp(&b.path));
            let names = walk.matches.iter().map(|found| found.path.strip_prefix(dir.path()).unwrap().to_str().unwrap());
            (names.collect::<Vec<_>>().join(" "), walk.directories.len())
        };
        assert_eq!(found("a/x.log"), ("a/x.log".into(), 2));
        assert_eq!(found("a/missing"), (String::new(), 2));
        assert_eq!(found("a/*.log"), ("a/x.log a/y.log".into(), 2));
        assert_eq!(found("*/*.log").0, "a/x.log a/y.log");
        assert_eq!(found("**/?.log").0, "a/x.log a/y.log b/c/w.log");
        assert_eq!(found("missing/deep/x.log"), (String::new(), 1));
        assert!(Pattern::new("/").is_err() && Pattern::new("/a/**").is_err() && Pattern::new("/a/[").is_err());
    }

    #[test]
    fn links_are_followed_where_nobody_else_can_put_them() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("pods/p")).unwrap();
        fs::create_dir_all(at("links/deep")).unwrap();
        fs::write(at("pods/p/0.log"), "").unwrap();
        symlink("../pods/p/0.log", at("links/a.log")).unwrap();
        symlink(at("links/a.log"), at("links/deep/b.log")).unwrap();
        symlink("missing", at("links/c.log")).unwrap();
        symlink("pods", at("pods.link")).unwrap();
        let found = |pattern: &str| {
            let walk = Pattern::new(&at(pattern).display().to_string()).unwrap().walk();
            let targets = walk.matches.iter().map(|found| found.target.clone()).collect::<Vec<_>>();
            (targets, walk.refused.len(), walk.directories.contains(&at("pods/p")))
        };
        let target = Some(at("pods/p/0.log"));
        assert_eq!(found("links/*.log"), (vec![target.clone()], 0, true));
        assert_eq!(found("links/**/*.log"), (vec![target.clone(), target.clone()], 0, true));
        assert_eq!(found("pods.link/*/*.log"), (vec![target.clone()], 0, true));
        fs::set_permissions(at("links"), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found("links/*.log"), (vec![], 2, false));
        assert_eq!(found("links/deep/*.log"), (vec![], 1, false));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found("pods.link/*/*.log"), (vec![], 1, false));
        assert_eq!(found("pods.link/p/0.log"), (vec![], 1, false));
        assert_eq!(found("pods*/p/0.log"), (vec![None], 1, true));
    }
}
