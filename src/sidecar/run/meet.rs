//! Conflicts between the paths of a plan: a sink that a stream follows, a spool shared by two
//! sinks, a socket that feeds itself.
//!
//! Existing files are compared by device and inode, and others by their resolved paths. A loop
//! through a program or another machine cannot be detected.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, fstat};

use crate::redact::text;
use crate::scrub::is_named;
use crate::sidecar::checkpoint;
use crate::sidecar::config::{OnAway, Outlet, Plan, SourcePlan};
use crate::sidecar::sink::file::rotated_paths;
use crate::sidecar::source::follow::FollowedPaths;
use crate::sys::file::{FileId, kind, without_links};
use crate::sys::rotation::is_rotated_from;

/// Two parts of a plan that cannot share a path.
#[derive(Debug)]
pub(in crate::sidecar) struct Meeting {
    pub(in crate::sidecar) text: String,
    pub(in crate::sidecar) hint: &'static str,
}

/// The role of a path in the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A file that is written, or a socket that belongs to no stream.
    Makes,
    /// A file of secrets or settings.
    Holds,
    /// The source of the stream with this index.
    Begins(usize),
    /// The output of the sink with this index.
    Takes(usize),
}

struct Spot {
    role: Role,
    what: String,
    /// With links resolved, as far as it exists.
    path: PathBuf,
    file: Option<FileId>,
    /// The whole directory: nothing else belongs below it.
    is_whole: bool,
    is_rotated: bool,
    /// A sink writes it, and other programs may rotate it.
    is_sinks_file: bool,
}

const APART: &str = "use a different path for each of them";
const CIRCLE: &str = "lines would circulate forever: change the sink of one stream";

/// Fails if two paths conflict. Returns descriptions of the files left out of patterns. `held`:
/// files and directories of secrets, and the configuration. `has_streams`: the standard streams are
/// those of the plan.
pub(in crate::sidecar) fn check(plan: &Plan, held: &[PathBuf], has_streams: bool) -> Result<Vec<String>, Meeting> {
    let mut spots = Spots::default();
    held.iter().for_each(|path| spots.add(Role::Holds, "a file of secrets or settings", path));
    sources(plan, &mut spots, has_streams);
    sinks(plan, &mut spots, has_streams);
    if let Some(path) = &plan.control {
        spots.add(Role::Makes, "the control socket", path);
    }
    for name in plan.state.iter().flat_map(|state| checkpoint::NAMES.iter().map(|name| state.join(name))) {
        spots.add(Role::Makes, "a file of the state directory", &name);
    }
    let mut gives = spots.meet()?;
    let left_out = followed(plan, &spots)?;
    for (at, sink) in plan.sinks.iter().enumerate() {
        let Outlet::Tcp(host) = &sink.outlet else { continue };
        for (stream, source) in plan.streams.iter().enumerate() {
            if matches!(&source.source, SourcePlan::Tcp { address, .. } if is_at(host, address)) {
                gives.push((at, stream));
            }
        }
    }
    circle(plan, &gives)?;
    Ok(left_out)
}

fn sources(plan: &Plan, spots: &mut Spots, has_streams: bool) {
    for (at, stream) in plan.streams.iter().enumerate() {
        let what = || format!("the source of stream {}", stream.name);
        match &stream.source {
            SourcePlan::Stdin if has_streams => {
                spots.add_open(Role::Begins(at), what(), std::io::stdin().as_fd());
            }
            SourcePlan::Fifo { path, .. } | SourcePlan::Unix { path, .. } | SourcePlan::UnixDatagram { path, .. } => {
                spots.add(Role::Begins(at), &what(), path)
            }
            SourcePlan::Stdin | SourcePlan::Tcp { .. } | SourcePlan::Command(_) | SourcePlan::Files { .. } => {}
        }
    }
}

fn sinks(plan: &Plan, spots: &mut Spots, has_streams: bool) {
    for (at, sink) in plan.sinks.iter().enumerate() {
        let stream = plan.streams.iter().find(|stream| stream.sink == at).map_or("", |stream| &*stream.name);
        let what = format!("the sink of stream {stream}");
        match &sink.outlet {
            Outlet::Stdout if has_streams => spots.add_open(Role::Takes(at), what, std::io::stdout().as_fd()),
            Outlet::Fifo(path) | Outlet::Unix(path) | Outlet::UnixDatagram(path) => {
                spots.add(Role::Takes(at), &what, path);
            }
            Outlet::File { path, rotate_keep, .. } => {
                spots.add(Role::Makes, &what, path);
                spots.all.iter_mut().last().into_iter().for_each(|spot| spot.is_sinks_file = true);
                let rotated = format!("a rotated file of the sink of stream {stream}");
                let first = spots.all.len();
                rotated_paths(path, *rotate_keep).for_each(|path| spots.add(Role::Makes, &rotated, &path));
                spots.all[first..].iter_mut().for_each(|spot| spot.is_rotated = true);
            }
            Outlet::Stdout | Outlet::Stderr | Outlet::Tcp(_) | Outlet::Command(_) => {}
        }
        if let OnAway::Spool(spool) = &sink.away {
            spots.add(Role::Makes, &format!("the spool of stream {stream}"), &spool.path);
        }
    }
}

/// Fails if a stream follows, by its own path, a file that the plan writes or that holds secrets. A
/// pattern leaves such a file out.
fn followed(plan: &Plan, spots: &Spots) -> Result<Vec<String>, Meeting> {
    let mut left_out = Vec::new();
    for stream in &plan.streams {
        let SourcePlan::Files { pattern, exclude, .. } = &stream.source else { continue };
        let Ok(found) = FollowedPaths::new(pattern, exclude) else { continue };
        for spot in spots.all.iter().filter(|spot| !spot.is_whole) {
            let is_meant = found.matches(&spot.path) && !is_named(exclude, &spot.path);
            if !is_meant && !spot.file.is_some_and(|file| found.holds(file)) {
                continue;
            }
            let path = text::path(&spot.path);
            if !found.is_pattern() {
                let text = format!("stream {} follows {path}, which is {}", stream.name, spot.what);
                return Err(Meeting { text, hint: APART });
            }
            // One of the rotated files represents all.
            if spot.file.is_some() || !spot.is_rotated {
                left_out.push(format!("stream {} skips {path}, which is {}", stream.name, spot.what));
            }
        }
        for (path, what) in rotated_by_others(spots, found.paths()) {
            let path = text::path(path);
            if !found.is_pattern() {
                return Err(Meeting {
                    text: format!("stream {} follows {path}, which is {what}", stream.name),
                    hint: APART,
                });
            }
            left_out.push(format!("stream {} skips {path}, which is {what}", stream.name));
        }
    }
    Ok(left_out)
}

/// Those of these paths that another program may have made by rotating the file of a sink, and the
/// sinks. Paths of the plan itself are left out.
fn rotated_by_others<'a>(spots: &'a Spots, paths: &'a [PathBuf]) -> Vec<(&'a Path, String)> {
    let known: HashSet<&Path> = spots.all.iter().map(|spot| &*spot.path).collect();
    let sinks: Vec<&Spot> = spots.all.iter().filter(|spot| spot.is_sinks_file).collect();
    let of = |path: &'a PathBuf| {
        let name = path.file_name().filter(|_| !known.contains(&**path))?;
        let is_of = |sink: &&&Spot| {
            sink.path.parent() == path.parent() && sink.path.file_name().is_some_and(|log| is_rotated_from(name, log))
        };
        sinks.iter().find(is_of).map(|sink| (&**path, format!("a rotated file of {}", sink.what)))
    };
    paths.iter().filter_map(of).collect()
}

/// Fails if streams feed each other in a loop. `gives`: the sink, and the stream that begins where
/// it ends.
fn circle(plan: &Plan, gives: &[(usize, usize)]) -> Result<(), Meeting> {
    let mut next: HashMap<usize, Vec<usize>> = HashMap::new();
    gives.iter().for_each(|(sink, stream)| next.entry(*sink).or_default().push(*stream));
    // Remove streams that lead to no loop, until none is left or all lead to one.
    let mut left: Vec<usize> = (0..plan.streams.len()).collect();
    let leads = |left: &[usize], stream: usize| {
        next.get(&plan.streams[stream].sink).is_some_and(|next| next.iter().any(|next| left.contains(next)))
    };
    loop {
        let kept: Vec<usize> = left.iter().copied().filter(|stream| leads(&left, *stream)).collect();
        match kept.first() {
            None => return Ok(()),
            Some(first) if kept.len() == left.len() => {
                let mut text = format!("the output of stream {} returns to it", plan.streams[*first].name);
                if kept.len() > 1 {
                    let names: Vec<&str> = kept.iter().map(|stream| &*plan.streams[*stream].name).collect();
                    text = format!("the output of the streams {} returns to them", names.join(", "));
                }
                return Err(Meeting { text, hint: CIRCLE });
            }
            Some(_) => left = kept,
        }
    }
}

/// Whether the host and port of a sink are those of a source.
fn is_at(host: &str, source: &SocketAddr) -> bool {
    let Some((host, port)) = host.rsplit_once(':') else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = match host.parse::<IpAddr>() {
        Ok(address) => address == source.ip() || address.is_unspecified(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    is_host && port.parse() == Ok(source.port())
}

#[derive(Default)]
struct Spots {
    all: Vec<Spot>,
}

impl Spots {
    fn add(&mut self, role: Role, what: &str, path: &Path) {
        let found = fs::metadata(path).ok();
        let is_whole = found.as_ref().is_some_and(fs::Metadata::is_dir);
        let file = found.as_ref().map(FileId::from);
        self.all.push(Spot {
            role,
            what: what.to_owned(),
            path: without_links(path),
            file,
            is_whole,
            is_rotated: false,
            is_sinks_file: false,
        });
    }

    /// Adds a standard stream, if it is a file that others can open as well.
    fn add_open(&mut self, role: Role, what: String, fd: BorrowedFd<'_>) {
        let Ok(stat) = fstat(fd) else { return };
        let role = match kind(&stat) {
            FileType::RegularFile if matches!(role, Role::Takes(_)) => Role::Makes,
            FileType::RegularFile | FileType::Fifo => role,
            _ => return,
        };
        let file = Some(FileId::from(&stat));
        let path = PathBuf::new();
        self.all.push(Spot { role, what, path, file, is_whole: false, is_rotated: false, is_sinks_file: false });
    }

    /// Fails if two conflicting roles share a path. Returns the sinks that end where a stream
    /// begins.
    fn meet(&self) -> Result<Vec<(usize, usize)>, Meeting> {
        let mut gives = Vec::new();
        let (mut by_path, mut by_file) = (HashMap::<&Path, Vec<usize>>::new(), HashMap::<FileId, Vec<usize>>::new());
        for (at, spot) in self.all.iter().enumerate() {
            let same_path = by_path.entry(&spot.path).or_default();
            let same_file = spot.file.map(|file| by_file.entry(file).or_default());
            let same_file_of = same_file.as_ref().map_or(&[][..], |same| same);
            let others = same_path.iter().filter(|_| !spot.path.as_os_str().is_empty()).chain(same_file_of);
            for other in others.map(|other| &self.all[*other]) {
                match (spot.role, other.role) {
                    (Role::Holds, Role::Holds) | (Role::Takes(_), Role::Takes(_)) => {}
                    (Role::Takes(sink), Role::Begins(stream)) | (Role::Begins(stream), Role::Takes(sink)) => {
                        gives.push((sink, stream));
                    }
                    _ => return Err(together(spot, other)),
                }
            }
            same_path.push(at);
            same_file.into_iter().for_each(|same| same.push(at));
        }
        let mut wholes = self.all.iter().filter(|spot| spot.is_whole && spot.role == Role::Holds);
        let below = wholes.find_map(|whole| {
            let made = |spot: &&Spot| spot.role != Role::Holds && spot.path.starts_with(&whole.path);
            self.all.iter().find(made).map(|spot| together(spot, whole))
        });
        below.map_or(Ok(gives), Err)
    }
}

fn together(one: &Spot, other: &Spot) -> Meeting {
    let named = if one.path.as_os_str().is_empty() { other } else { one };
    let text = match other.is_whole {
        false => format!("{} is {} and {}", text::path(&named.path), other.what, one.what),
        true => format!("{}, {}, is in a directory of secrets or settings", text::path(&named.path), one.what),
    };
    Meeting { text, hint: APART }
}
