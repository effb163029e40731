//! Secrets across the boundary of two files of one log. A rotation cut them in two, so a search of
//! either file misses them.
//!
//! The names of the files identify a log ([`rotation`](crate::sys::rotation)) but not its order:
//! some programs count upwards, others downwards. So each file is tried with its neighbours and
//! with the current log. A wrong pair does no harm: only a whole needle, with a part in each file,
//! is masked.
//!
//! Boundaries are searched before the files themselves. A file that ends in a partial match gets a
//! mask there, after which nothing would identify the remainder in the next file.

mod begun;
mod find;
mod mask;
mod text;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rustix::fs::{FileType, OFlags, fstat, fsync};
use zeroize::Zeroizing;

use super::claim::{Claim, stamp};
use super::file;
use super::in_place::Action;
use super::kind::{self, Compression, Kind};
use super::live::{is_live_since, note_the_time};
use super::mask_writer::{MaskError, MaskWriter};
use super::outcome::ScrubError;
use super::rules::Rules;
use super::site::{Opened, Site};
use crate::sys::file::{FileId, kind as type_of};
use crate::sys::mutex::lock;
use crate::sys::rotation::{self, Log};
use crate::sys::strict;
use find::{End, Found, Row};
use mask::{fill, is_json, set_modified};
use text::Text;

/// The maximum number of files that one secret extends over. A file's claim is complete once this
/// many file ends on both sides of it were searched.
const FOLLOWERS_MAX: usize = 8;
/// The maximum number of attempts at a boundary while its files change.
const TRIES_MAX: usize = 4;

/// A site among the files of related logs.
#[derive(Clone)]
pub(super) struct Place {
    boundaries: Arc<Boundaries>,
    site: usize,
}

/// The files of related logs. Each boundary is searched once, before the files on either side of
/// it.
#[derive(Default)]
struct Boundaries {
    sites: Vec<Site>,
    logs: Vec<Log>,
    /// For each log, the searches done at the ends of its rotated files.
    ends: Vec<Vec<Searched>>,
    /// For each site, the logs that it belongs to, and its index among their rotated files.
    roles: Vec<Vec<(usize, Option<usize>)>>,
    claims: Mutex<HashMap<FileId, Claim>>,
}

/// The completed searches of a file's end.
#[derive(Default)]
struct Searched {
    /// For whole secrets. Holds whether a partially masked one may be there.
    whole: OnceLock<bool>,
    /// For partially masked secrets. It comes later, since files that are not consecutive may seem
    /// to hold one.
    begun: OnceLock<()>,
}

/// For each site in one directory, its place among the files of its log, if it shares a log with
/// others.
pub(super) fn of(sites: &[Site]) -> Vec<Option<Place>> {
    let names: Vec<OsString> = sites.iter().map(|site| site.name.clone()).collect();
    let (mut all, mut which): (Vec<Boundaries>, Vec<Option<(usize, usize)>>) = (Vec::new(), vec![None; names.len()]);
    let logs = rotation::logs(&names);
    for (number, files) in together(&logs).into_iter().enumerate() {
        let mut boundaries = Boundaries::default();
        for log in files {
            let mut local = |file: usize| {
                let (_, site) = *which[file].get_or_insert_with(|| {
                    boundaries.sites.push(sites[file].clone());
                    boundaries.roles.push(Vec::new());
                    (number, boundaries.sites.len() - 1)
                });
                site
            };
            let rotated: Vec<usize> = log.rotated.iter().map(|&file| local(file)).collect();
            let current = log.current.map(local);
            let role = boundaries.logs.len();
            rotated.iter().enumerate().for_each(|(at, &site)| boundaries.roles[site].push((role, Some(at))));
            current.into_iter().for_each(|site| boundaries.roles[site].push((role, None)));
            boundaries.ends.push(rotated.iter().map(|_| Searched::default()).collect());
            boundaries.logs.push(Log { rotated, current });
        }
        all.push(boundaries);
    }
    let all: Vec<Arc<Boundaries>> = all.into_iter().map(Arc::new).collect();
    let place = |(number, site): (usize, usize)| Place { boundaries: Arc::clone(&all[number]), site };
    which.into_iter().map(|which| which.map(place)).collect()
}

/// Groups logs that share a file: a rotated file of one may itself be another log.
fn together(logs: &[Log]) -> Vec<Vec<&Log>> {
    let (mut groups, mut group_of): (Vec<Vec<&Log>>, HashMap<usize, usize>) = (Vec::new(), HashMap::new());
    for log in logs {
        let files = || log.rotated.iter().chain(&log.current);
        let mut shared: Vec<usize> = files().filter_map(|file| group_of.get(file).copied()).collect();
        shared.sort_unstable();
        shared.dedup();
        let mut group = vec![log];
        shared.iter().for_each(|&other| group.append(&mut groups[other]));
        let number = groups.len();
        for log in &group {
            group_of.extend(log.rotated.iter().chain(&log.current).map(|&file| (file, number)));
        }
        groups.push(group);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

impl Place {
    /// The claim on the file. Searches its boundaries unless that is done; other threads wait for
    /// the result. `is_done` returns whether a file's results are already out.
    pub(super) fn claim(
        &self,
        rules: Rules<'_>,
        id: FileId,
        is_done: &dyn Fn(FileId) -> bool,
        writer: &mut Option<MaskWriter>,
    ) -> Claim {
        let boundaries = &*self.boundaries;
        let mut search = Search { rules, boundaries, is_done, at_hand: id };
        let near = |&(log, at): &(usize, Option<usize>)| {
            let ends = boundaries.ends[log].len();
            let near = match at {
                Some(at) => at.saturating_sub(FOLLOWERS_MAX)..ends.min(at + FOLLOWERS_MAX + 1),
                None => 0..ends,
            };
            near.map(move |at| (&boundaries.logs[log], at, &boundaries.ends[log][at]))
        };
        let roles = &boundaries.roles[self.site];
        for (log, at, searched) in roles.iter().flat_map(near) {
            searched.whole.get_or_init(|| search.end_of(log, at, Look::Whole, writer));
        }
        for (log, at, searched) in roles.iter().flat_map(near) {
            if searched.whole.get().is_some_and(|may_be_begun| *may_be_begun) {
                searched.begun.get_or_init(|| {
                    search.end_of(log, at, Look::Begun, writer);
                });
            }
        }
        boundaries.claims().remove(&id).unwrap_or_default()
    }
}

impl Boundaries {
    fn claims(&self) -> MutexGuard<'_, HashMap<FileId, Claim>> {
        lock(&self.claims)
    }
}

/// A file of a log while its boundaries are searched.
struct Member {
    site: usize,
    id: FileId,
    text: Text,
}

/// The kind of secret that a search of a file's end looks for.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    /// Whole secrets.
    Whole,
    /// Partially masked secrets.
    Begun,
}

/// The files around one, as the order of their names may be read.
struct Around {
    /// Those that may follow it, in order.
    rows: Vec<Vec<usize>>,
    /// Those that may precede it, the nearest first.
    before: [Vec<usize>; 2],
}

struct Search<'a> {
    rules: Rules<'a>,
    boundaries: &'a Boundaries,
    is_done: &'a dyn Fn(FileId) -> bool,
    at_hand: FileId,
}

impl Search<'_> {
    /// Searches the end of a rotated file with the beginnings of those that may follow it. Returns
    /// whether a partially masked secret may be there.
    fn end_of(&mut self, log: &Log, at: usize, look: Look, writer: &mut Option<MaskWriter>) -> bool {
        let (rotated, site) = (&log.rotated, log.rotated[at]);
        let current = || log.current.into_iter();
        let down: Vec<usize> = rotated[..at].iter().rev().copied().take(FOLLOWERS_MAX).collect();
        let up: Vec<usize> = rotated[at + 1..].iter().copied().take(FOLLOWERS_MAX).collect();
        let with_current = |sites: &[usize]| sites.iter().copied().chain(current()).collect();
        let mut rows: Vec<Vec<usize>> = vec![with_current(&down), with_current(&up), current().collect()];
        rows.retain(|row| !row.is_empty());
        rows.dedup();
        let around = Around { rows, before: [up, down] };
        for _ in 0..TRIES_MAX {
            match self.end(site, &around, look, writer) {
                Err(Halt::Changed) => {}
                Ok(may_be_begun) => return may_be_begun,
                // An unreadable file is reported by its own scrub.
                Err(Halt::Failed) => return false,
            }
        }
        if let Ok(Some(member)) = self.open(site) {
            self.boundaries.claims().entry(member.id).or_default().failed = Some(ScrubError::KeepsChanging);
        }
        false
    }

    /// Searches the boundaries of a file with those that may follow it.
    fn end(&mut self, site: usize, around: &Around, look: Look, writer: &mut Option<MaskWriter>) -> Result<bool, Halt> {
        let Some(older) = self.open(site)? else { return Ok(false) };
        let (set, filler) = (self.rules.scrubber.set(), self.rules.scrubber.part_filler());
        if older.text.compression.is_some() && !self.may_go_on(&around.rows)? {
            return Ok(false);
        }
        let end = End::of(set, &older.text)?;
        if end.is_closed(filler) {
            return Ok(false);
        }
        let is_growing = older.text.compression.is_none() && is_live_since(older.text.stat()?.st_mtime as _);
        let [up, down] = &around.before;
        let before = match look {
            Look::Begun if end.may_be_all_mask(filler) => [self.members(up, &older)?, self.members(down, &older)?],
            _ => Default::default(),
        };
        for row in &around.rows {
            let members = self.members(row, &older)?;
            let texts = [&older].into_iter().chain(&members).map(|member| &member.text).collect();
            let before = before.each_ref().map(|members| members.iter().map(|member| &member.text).collect());
            let row = Row { set, filler, texts, before };
            let found = match look {
                Look::Whole => row.search(&end, is_growing)?,
                Look::Begun => row.search_begun(&end, is_growing)?.into_iter().collect(),
            };
            let files: Vec<&Member> = [&older].into_iter().chain(&members).collect();
            let mut is_found = false;
            for found in found {
                is_found |= self.take(&found, &files, writer)?;
            }
            if is_found {
                return Ok(false);
            }
        }
        Ok(end.may_be_begun(filler))
    }

    /// Opens the files of a row. An empty file is no boundary.
    fn members(&self, sites: &[usize], but: &Member) -> Result<Vec<Member>, Halt> {
        let mut members = Vec::new();
        for &site in sites {
            members.extend(self.open(site)?.filter(|member| member.id != but.id));
        }
        Ok(members)
    }

    /// Whether a file that may follow begins with the remainder of a secret. Only then is a
    /// compressed file decompressed to its end.
    fn may_go_on(&self, rows: &[Vec<usize>]) -> Result<bool, Halt> {
        let (set, filler) = (self.rules.scrubber.set(), self.rules.scrubber.part_filler());
        for row in rows {
            for &site in row.iter().take(FOLLOWERS_MAX) {
                let Some(member) = self.open(site)? else { continue };
                let head = member.text.beginning(HEAD_LEN)?;
                if find::begins_with_a_rest(set, filler, &head) {
                    return Ok(true);
                }
                if head.len() == HEAD_LEN {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// Opens a file to search, if it has content. Leaves out files that only their own scrub
    /// understands.
    fn open(&self, site: usize) -> Result<Option<Member>, Halt> {
        let (rules, known) = (self.rules, &self.boundaries.sites[site]);
        let compression = match rotation::compressed_extension(&known.name) {
            None => None,
            Some(_) if rules.scrubber.does(Action::Mask) && !rules.rewrite => return Ok(None),
            Some(end) => match Compression::of_extension(end).filter(|_| cfg!(feature = "compress")) {
                None => return Ok(None),
                compression => compression,
            },
        };
        // A FIFO or a device is not even opened.
        if !known.stat().is_ok_and(|stat| type_of(&stat) == FileType::RegularFile) {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOATIME;
        let open = |flags| strict::open(&*known.directory, &known.name, flags, known.reach());
        // Only the owner may set `O_NOATIME`.
        let opened = open(flags).or_else(|_| open(flags.difference(OFlags::NOATIME)));
        let Ok(file) = opened else { return Ok(None) };
        let stat = fstat(&file)?;
        if type_of(&stat) != FileType::RegularFile
            || stat.st_size == 0
            || !rules.may_have(&stat)
            || rules.scrubber.sources().holds(&file)?
        {
            return Ok(None);
        }
        let text = Text { file: File::from(file), compression };
        Ok(Some(Member { site, id: FileId::from(&stat), text }))
    }

    /// Whether this file may be masked, or its secrets reported, by the rules of the file's own
    /// scrub.
    fn is_ours(&self, member: &Member) -> Result<bool, Halt> {
        let rules = self.rules;
        let masks = rules.scrubber.does(Action::Mask);
        let kind = self.boundaries.sites[member.site].kind(&member.text.file)?;
        Ok(match (kind, member.text.compression) {
            (Kind::Text, None) => true,
            (Kind::Doubtful(_), None) => !(masks && rules.rewrite),
            (Kind::Binary(_), None) => rules.binary && !rules.rewrite,
            (Kind::Compressed(found), Some(compression)) if found == compression => {
                match kind::of_content(&mut *member.text.head()?)? {
                    Kind::Text => true,
                    Kind::Doubtful(_) => !masks,
                    _ => false,
                }
            }
            _ => false,
        })
    }

    /// Masks or records a finding. Returns whether it was accepted.
    fn take(&mut self, found: &Found, files: &[&Member], writer: &mut Option<MaskWriter>) -> Result<bool, Halt> {
        let masks = self.rules.scrubber.does(Action::Mask);
        let mut opened = Vec::new();
        for (at, range) in &found.parts {
            let member = files[*at];
            if !self.is_ours(member)? {
                return Ok(false);
            }
            let in_place = masks && member.text.compression.is_none();
            let access = if in_place { OFlags::RDWR } else { OFlags::RDONLY };
            match self.boundaries.sites[member.site].open(self.rules, member.id, access) {
                Ok(Opened::File(file)) => opened.push((file, range.clone(), member, in_place)),
                Ok(Opened::Moved) => return Err(Halt::Changed),
                Ok(Opened::No(_)) => return Ok(false),
                // The file's own scrub fails as well, and reports it.
                Err(_) => return Ok(false),
            }
        }
        let is_known = |member: &Member, range: &Range<u64>| {
            self.boundaries.claims().get(&member.id).is_some_and(|claim| Claim::holds(&claim.ranges, range))
        };
        if opened.iter().all(|(_, range, member, _)| is_known(member, range)) {
            return Ok(true);
        }
        // Appended text continues in the same file.
        if files[0].text.compression.is_none() && files[0].text.stat()?.st_size as u64 != found.boundary {
            return Err(Halt::Changed);
        }
        let failed = if masks { self.mask(found, &opened, writer)? } else { None };
        self.note(found, &opened, failed)?;
        Ok(true)
    }

    fn mask(
        &mut self,
        found: &Found,
        opened: &[(File, Range<u64>, &Member, bool)],
        writer: &mut Option<MaskWriter>,
    ) -> Result<Option<ScrubError>, Halt> {
        let Some(filler) = self.rules.scrubber.part_filler() else { return Ok(Some(ScrubError::NoFiller)) };
        let writer = match writer {
            Some(writer) => writer,
            None => writer.insert(MaskWriter::new()?),
        };
        let mut bytes = &found.bytes[..];
        let mut parts = Vec::new();
        for (file, range, member, in_place) in opened {
            let part;
            (part, bytes) = bytes.split_at((range.end - range.start) as usize);
            if *in_place {
                is_there(file, range, part)?;
                parts.push((file, range, member, part));
            }
        }
        // A kill between two writes leaves the longer part, and in records the first part: the next
        // scrub recognizes it.
        match found.is_in_records {
            true => parts.reverse(),
            false => parts.sort_by_key(|(_, range, ..)| range.end - range.start),
        }
        for (file, range, member, part) in parts {
            let (before, is_json) = (fstat(file)?, is_json(file)?);
            // The file may have changed while fsync waited.
            is_there(file, range, part)?;
            match fill(file, range, filler, is_json, writer) {
                Ok(()) => {}
                Err(MaskError::Truncated | MaskError::Changed) => return Err(Halt::Changed),
                Err(MaskError::Io(error)) => return Ok(Some(ScrubError::Io(error))),
            }
            if let Err(error) = fsync(file) {
                return Ok(Some(ScrubError::Sync(error.into())));
            }
            let is_quiet = !is_live_since(before.st_mtime as _) && fstat(file)?.st_size == before.st_size;
            if is_quiet && !(self.is_done)(member.id) {
                // Otherwise the file's own scrub would take it for one that is being written.
                set_modified(file, &before);
                self.boundaries.claims().entry(member.id).or_default().is_written = true;
            } else {
                note_the_time(file.as_fd());
            }
        }
        Ok(None)
    }

    /// Records a secret across boundaries, with the first file that is not reported yet.
    fn note(
        &mut self,
        found: &Found,
        opened: &[(File, Range<u64>, &Member, bool)],
        failed: Option<ScrubError>,
    ) -> Result<(), Halt> {
        let set = self.rules.scrubber.set();
        let untold = opened.iter().find(|(_, _, member, _)| member.id == self.at_hand || !(self.is_done)(member.id));
        let (owner, offset) = untold.map_or((self.at_hand, 0), |(_, range, member, _)| (member.id, range.start));
        for (file, range, member, _) in opened.iter().filter(|(.., in_place)| !in_place) {
            let stamp = if member.text.compression.is_some() { Some(stamp(&fstat(file)?)) } else { None };
            let mut claims = self.boundaries.claims();
            let claim = claims.entry(member.id).or_default();
            claim.ranges.push(range.clone());
            claim.stamp = stamp;
        }
        let mut claims = self.boundaries.claims();
        let claim = claims.entry(owner).or_default();
        claim.findings.note_at(set, found.needle, offset);
        claim.failed = claim.failed.take().or(failed);
        Ok(())
    }
}

/// The part of a file to inspect before a compressed neighbour is decompressed, in bytes.
const HEAD_LEN: usize = 64 << 10;

/// Fails unless the file still has these bytes there.
fn is_there(file: &File, range: &Range<u64>, bytes: &[u8]) -> Result<(), Halt> {
    let mut there = Zeroizing::new(vec![0; bytes.len()]);
    let read = file::read_full_at(file.as_fd(), &mut there, range.start)?;
    if there[..read] == *bytes { Ok(()) } else { Err(Halt::Changed) }
}

/// The reason why a boundary was not searched.
enum Halt {
    /// A file has changed.
    Changed,
    /// A file cannot be read.
    Failed,
}

impl<E: Into<io::Error>> From<E> for Halt {
    fn from(_: E) -> Halt {
        Halt::Failed
    }
}
