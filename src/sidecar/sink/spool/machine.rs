//! A simulated machine for a spool: power cuts and kills at any call, and failing calls.
//!
//! A power cut keeps any subset of the sectors written since the last sync, and any file size since
//! then. A failed sync forgets the bytes that it did not write, as real systems do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rustix::io::Errno;

use super::store::read_around;
use super::*;

pub(super) const BLOCK_LEN: usize = 2 * SLOT_LEN;

/// A call after the last sync.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Write(usize, Vec<u8>),
    /// A sync gave up its bytes.
    Size(usize),
    Truncate(usize),
    Punch(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Full,
    Broken,
    /// A part is written.
    Short,
}

/// How a process ends at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Cut,
    Kill,
    /// Within the call.
    KillWithin,
}

/// A part of a piece that the sink received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) id: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// A sync of it has failed.
    pub(super) is_lost: bool,
    pub(super) process: usize,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) cache: Vec<u8>,
    pub(super) disk: Vec<u8>,
    pub(super) events: Vec<Event>,
    pub(super) knows_no_holes: bool,
    pub(super) boot: u8,
    pub(super) process: usize,
    pub(super) calls: usize,
    pub(super) end_at: Option<(usize, End)>,
    pub(super) is_dead: bool,
    pub(super) faults: BTreeMap<usize, Fault>,
    pub(super) failures: u64,
    pub(super) sink: Vec<Span>,
    pub(super) synced: usize,
    pub(super) aside: Vec<Vec<u8>>,
    /// The numbers of the blocks that cannot be read until they are written as a whole.
    pub(super) unreadable: BTreeSet<usize>,
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.resize(bytes.len().max(at + new.len()), 0);
    bytes[at..at + new.len()].copy_from_slice(new);
}

pub(super) fn punch(bytes: &mut [u8], at: usize, len: usize) {
    let end = (at + len).min(bytes.len());
    bytes[at.min(end)..end].fill(0);
}

impl World {
    /// Counts a call. Returns whether it takes effect, and its fault; none if it succeeds.
    pub(super) fn call(&mut self) -> (bool, Option<Fault>) {
        if self.is_dead {
            return (false, Some(Fault::Broken));
        }
        self.calls += 1;
        if let Some((_, end)) = self.end_at.filter(|(at, _)| *at == self.calls) {
            self.is_dead = true;
            return (true, (end == End::KillWithin).then_some(Fault::Short));
        }
        let fault = self.faults.remove(&self.calls);
        (fault.is_none_or(|fault| fault == Fault::Short), fault)
    }

    /// Fails if a read of this range meets an unreadable block.
    fn check_readable(&self, at: usize, end: usize) -> io::Result<()> {
        let is_hit = at < end && self.unreadable.range(at / BLOCK_LEN..=(end - 1) / BLOCK_LEN).next().is_some();
        if is_hit { Err(Errno::IO.into()) } else { Ok(()) }
    }

    /// Makes the blocks readable that a write covers as a whole. It fails at others.
    fn write_blocks(&mut self, at: usize, end: usize) -> io::Result<()> {
        for edge in [at, end].into_iter().filter(|edge| edge % BLOCK_LEN > 0 && *edge < usize::MAX) {
            self.check_readable(edge, edge + 1)?;
        }
        self.unreadable.retain(|block| !(at..end).contains(&(block * BLOCK_LEN)) || (block + 1) * BLOCK_LEN > end);
        Ok(())
    }

    fn done(&self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            _ if self.is_dead => Err(ErrorKind::Other.into()),
            None => Ok(()),
            Some(Fault::Full | Fault::Short) => Err(ErrorKind::StorageFull.into()),
            Some(Fault::Broken) => Err(io::Error::other("EIO")),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let (_, fault) = self.call();
        if fault.is_none() {
            self.disk.clone_from(&self.cache);
            self.events.clear();
        } else if !self.is_dead {
            self.failures += 1;
            for event in &mut self.events {
                if let Event::Write(at, bytes) = event {
                    *event = Event::Size(*at + bytes.len());
                }
            }
        }
        self.done(fault)
    }

    /// Leaves the file as a power cut does. `choose(n)` is below `n`.
    pub(super) fn cut(&mut self, mut choose: impl FnMut(usize) -> usize) {
        let (mut disk, sized) = (self.disk.clone(), choose(self.events.len() + 1));
        let mut free_from = usize::MAX;
        for (number, event) in self.events.iter().enumerate() {
            let is_in = number < sized;
            match event {
                Event::Write(at, bytes) => {
                    let len = disk.len();
                    let mut done = 0;
                    while done < bytes.len() {
                        let end = (SLOT_LEN - (at + done) % SLOT_LEN + done).min(bytes.len());
                        if choose(2) == 0 && at + done < free_from {
                            put(&mut disk, at + done, &bytes[done..end]);
                        }
                        done = end;
                    }
                    // Sizes are ordered, and the last of them may be one within.
                    let wanted = len.max(if at + bytes.len() > len { at + bytes.len() } else { len });
                    let within = if number == sized { len + choose(wanted - len + 1) } else { len };
                    disk.resize(if is_in { wanted } else { within }, 0);
                }
                Event::Size(end) if is_in => disk.resize(disk.len().max(*end), 0),
                Event::Truncate(len) if is_in => disk.resize(*len, 0),
                Event::Punch(at, len) if is_in => punch(&mut disk, *at, *len),
                // Its blocks are not reused before.
                Event::Truncate(len) => free_from = free_from.min(*len),
                Event::Size(_) | Event::Punch(..) => {}
            }
        }
        let kept = self.synced + choose(self.sink.len() - self.synced + 1);
        self.sink.truncate(kept);
        self.sink.retain(|span| !span.is_lost);
        self.synced = self.sink.len();
        (self.disk, self.boot) = (disk.clone(), self.boot + 1);
        self.cache = disk;
        self.events.clear();
    }
}

#[derive(Clone)]
pub(super) struct Machine(pub(super) Rc<RefCell<World>>);

impl Store for Machine {
    /// Short, so that short runs have blocks.
    const BLOCK_LEN: u64 = BLOCK_LEN as u64;

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().cache.len() as u64)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let world = self.0.borrow();
        let rest = world.cache.get(at as usize..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        world.check_readable(at as usize, at as usize + len)?;
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write(&self, slices: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        world.write_blocks(at as usize, at as usize + bytes.len())?;
        let (is_in, fault) = world.call();
        if is_in {
            if fault.is_some() {
                bytes.truncate(bytes.len() / 2);
                if !world.is_dead {
                    let next = world.calls + 1;
                    world.faults.insert(next, Fault::Full);
                }
            }
            put(&mut world.cache, at as usize, &bytes);
            world.events.push(Event::Write(at as usize, bytes.clone()));
        }
        match fault {
            Some(Fault::Short) if !world.is_dead => Ok(bytes.len()),
            fault => world.done(fault).map(|()| bytes.len()),
        }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.write_blocks(len as usize, usize::MAX)?;
        let (is_in, fault) = world.call();
        if is_in {
            world.cache.resize(len as usize, 0);
            world.events.push(Event::Truncate(len as usize));
        }
        world.done(fault)
    }

    fn punch(&self, at: u64, len: u64) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.write_blocks(at as usize, (at + len) as usize)?;
        let (is_in, fault) = world.call();
        if is_in {
            punch(&mut world.cache, at as usize, len as usize);
            world.events.push(Event::Punch(at as usize, len as usize));
        }
        world.done(fault)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.borrow_mut().sync()
    }

    fn data(&self, at: u64) -> io::Result<Option<u64>> {
        let world = self.0.borrow();
        if world.knows_no_holes {
            return Err(ErrorKind::Unsupported.into());
        }
        let rest = world.cache.get(at as usize..).unwrap_or_default();
        let found = rest.iter().position(|&byte| byte != 0).map(|place| at as usize + place);
        Ok(found.map(|found| at.max((found - found % SLOT_LEN) as u64)))
    }

    fn copy_aside(&self, path: &Path, at: u64, end: u64) -> io::Result<PathBuf> {
        let mut world = self.0.borrow_mut();
        let (is_in, fault) = world.call();
        if is_in && fault.is_none() {
            let mut bytes = vec![0; (end - at) as usize];
            drop(world);
            read_around(self, &mut bytes, at)?;
            world = self.0.borrow_mut();
            world.aside.push(bytes);
        }
        world.done(fault).map(|()| path.to_owned())
    }

    fn sync_sinks(&self) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        let (_, fault) = world.call();
        let synced = world.synced;
        if fault.is_none() {
            world.synced = world.sink.len();
        } else if !world.is_dead {
            world.failures += 1;
            world.sink[synced..].iter_mut().for_each(|span| span.is_lost = true);
        }
        world.done(fault)?;
        world.sync()
    }

    fn failures(&self) -> u64 {
        self.0.borrow().failures
    }

    fn boot(&self) -> [u8; 16] {
        [self.0.borrow().boot + 1; 16]
    }
}
