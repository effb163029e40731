//! A followed log: one file after another, read as one text.
//!
//! A successor (the file that now has the path, or the target of its link, or the same file after
//! truncation) continues its predecessor: in the middle of a line, of a record, or of a secret. So
//! the same source reads it and the same redactor searches it, with a
//! [`Boundary`](ReadOutcome::Boundary) between.
//!
//! - The next file is read when this one is at its end and no process has it open for writing,
//!   which a read lease shows. So lines written after a rename come before those of the next file.
//! - A writer that keeps the file open delays the next file for [`SILENT`] without a write; without
//!   leases, for [`SILENT_UNKNOWN`]; with an unfinished line or the beginning of a secret at its
//!   end, for [`LINGER`]. A writer that never pauses delays it for [`LINGER`] at most. After that
//!   the file is read beside its successor, as a log of its own ([`Back`]).
//! - An unfinished tail waits for its rest, but not forever: it is written [`UNFINISHED`] after its
//!   file was gone, or after the next file was still empty. A later rest is recognized as one.
//! - Unread text of a truncated file is looked up in its copy.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Files;
use super::file::{Read, Standing, Writers};
use super::rotated::copy_of;
use super::shared::{Held, Link, Shared};
use crate::sidecar::checkpoint::{Fingerprint, Slot, tail};
use crate::sidecar::source::ReadOutcome;
use crate::sidecar::source::Source;
use crate::sys::mutex::lock;
use crate::sys::shortage::complete;

/// A file without a write for this time has ended, though a process may have it open.
const LINGER: Duration = Duration::from_secs(60);
/// The same, if another file waits, and nothing is unfinished.
const SILENT: Duration = Duration::from_secs(5);
/// The same where the writers are unknown.
const SILENT_UNKNOWN: Duration = Duration::from_secs(1);
/// The wait of an unfinished tail for its rest, when no file could hold it.
const UNFINISHED: Duration = Duration::from_secs(5);
/// The interval of checks whether the writers have gone.
const LEAVING_LOOK: Duration = Duration::from_millis(250);
/// The interval of looks at a file without a change event: another machine may write to it.
const LOOK: Duration = Duration::from_secs(5);
/// The interval where the kernel reports no changes.
const LOOK_UNTOLD: Duration = Duration::from_millis(250);

/// The source that reads a followed log.
pub(crate) struct Followed {
    files: Arc<Files>,
    back: Weak<Back>,
    part: Link,
    /// The truncated file that follows the part, which is its copy.
    truncated: Option<Link>,
    /// The number of bytes passed on from all files, and the number of them written.
    given: u64,
    confirmed: u64,
    /// The texts that are not completely written, in order; the last is that of the part.
    texts: VecDeque<Text>,
    /// Since when an unfinished tail waits for its rest.
    unfinished: Option<Instant>,
    /// Since when the next file waits.
    kept_waiting: Option<Instant>,
    why: Why,
    /// When the copy of a truncated file is searched for again.
    retry: Option<tokio::time::Instant>,
    /// See [`Source::begun`].
    begun: Option<u64>,
    /// The number of last written bytes that may begin a secret, when the sidecar stops or the file
    /// is over: it may grow all the same.
    left: Option<u64>,
}

/// The content of a file.
struct Text {
    /// Its beginning, in the text passed on and in the file.
    given: u64,
    offset: u64,
    file: Arc<OwnedFd>,
    /// Its checkpoint slot; none if the text is in no file any more.
    slot: Option<Slot>,
    /// The text is complete.
    is_done: bool,
    /// It continues the text before it, which is not completely written.
    is_next: bool,
    /// Keeps any other reader from reading the file again.
    _held: Held,
}

/// Why the text ended, or has a boundary.
#[derive(Default)]
enum Why {
    #[default]
    Nothing,
    /// The wait for the rest of the unfinished tail timed out.
    Waited,
    /// Text between the two is lost.
    Lost,
    /// The text before it is gone.
    Truncated,
    /// The file before it is read beside it.
    Beside(Box<Link>),
    Over,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Read,
    Truncated,
    /// The next file.
    Next,
    /// The next file, with this one beside it.
    NextBeside,
    /// The unfinished tail has waited long enough.
    End,
    Over,
    Nothing,
}

/// The queue back to the follower, for files that are read beside their successors.
#[derive(Default)]
pub(super) struct Back {
    pub(super) beside: Mutex<Vec<Followed>>,
    pub(super) changed: Arc<Notify>,
}

impl Followed {
    pub(super) fn new(files: &Arc<Files>, back: &Arc<Back>, part: Link) -> Followed {
        Followed::of(Arc::clone(files), Arc::downgrade(back), part)
    }

    fn of(files: Arc<Files>, back: Weak<Back>, part: Link) -> Followed {
        Followed {
            files,
            back,
            truncated: None,
            given: 0,
            confirmed: 0,
            texts: VecDeque::from([Text::of(&part, 0)]),
            unfinished: None,
            kept_waiting: None,
            why: Why::default(),
            retry: None,
            begun: part.before,
            left: None,
            part,
        }
    }

    fn is_unfinished(&self) -> bool {
        self.confirmed < self.given
    }

    fn step(&mut self) -> io::Result<Step> {
        match self.part.look()? {
            Standing::Behind => return Ok(Step::Read),
            Standing::Truncated => return Ok(Step::Truncated),
            Standing::AtEnd => {}
        }
        if self.unfinished.is_some_and(|since| since.elapsed() >= UNFINISHED) && self.is_unfinished() {
            return Ok(Step::End);
        }
        if self.part.is_copy {
            return Ok(Step::Next);
        }
        let has_next = self.part.shared.has_next();
        if !has_next && !self.part.shared.is_displaced() {
            return Ok(Step::Nothing);
        }
        let writers = self.part.writers();
        // The last writer may have written just before it closed the file.
        if !self.part.is_at_end()? {
            return Ok(Step::Read);
        }
        Ok(if has_next { self.give_way(writers) } else { self.leave(writers) })
    }

    /// Decides the step when another file waits.
    fn give_way(&mut self, writers: Writers) -> Step {
        let waiting = self.kept_waiting.get_or_insert_with(Instant::now).elapsed();
        let (silence, is_unfinished) = (self.part.silence(), self.is_unfinished());
        let is_enough = match writers {
            Writers::None => return Step::Next,
            _ if is_unfinished => silence >= LINGER,
            Writers::Some => silence >= SILENT,
            Writers::Unknown => silence >= SILENT_UNKNOWN,
        };
        if is_enough || waiting >= LINGER && !is_unfinished { Step::NextBeside } else { Step::Nothing }
    }

    /// Decides the step for a file that has lost its names, without a successor.
    fn leave(&mut self, writers: Writers) -> Step {
        if writers != Writers::None && self.part.silence() < LINGER {
            return Step::Nothing;
        }
        if self.is_unfinished() && self.unfinished.get_or_insert_with(Instant::now).elapsed() < UNFINISHED {
            return Step::Nothing;
        }
        Step::Over
    }

    /// Continues with the next file.
    fn go_on(&mut self, is_beside: bool) -> ReadOutcome {
        let next = match self.truncated.take() {
            Some(truncated) => truncated,
            None => match self.part.shared.end() {
                Some(next) => *next,
                None => return ReadOutcome::Data,
            },
        };
        let mut old = std::mem::replace(&mut self.part, next);
        if let Some(text) = self.texts.back_mut() {
            text.is_done = !is_beside;
        }
        self.begin_text();
        if is_beside {
            old.shared = Arc::new(Shared::beside());
            self.files.register(&old);
            self.why = Why::Beside(Box::new(old));
        } else if self.part.before.is_some() {
            self.why = Why::Lost;
            return ReadOutcome::MessageEnd;
        }
        ReadOutcome::Boundary
    }

    fn begin_text(&mut self) {
        self.texts.push_back(Text::of(&self.part, self.given));
        (self.unfinished, self.kept_waiting) = (Some(Instant::now()), None);
    }

    /// Handles a change in the part already read: a copy may hold it.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: there is no descriptor for the search. It is repeated.
    fn begin_anew(&mut self) -> io::Result<ReadOutcome> {
        let files = Arc::clone(&self.files);
        let _step = files.checkpoints.step();
        let (position, (head, tail)) = (lock(&self.part.slot).clone(), self.part.marks());
        let content = (head, tail, self.part.offset);
        let Ok(copy) = complete(|| copy_of(&self.files, &self.part.key, &position, content)) else {
            self.retry = Some(tokio::time::Instant::now() + LEAVING_LOOK);
            return Err(ErrorKind::WouldBlock.into());
        };
        let is_copied = copy.is_some();
        if let Some(text) = self.texts.back_mut() {
            text.slot = copy.as_ref().map(|copy| Arc::clone(&copy.slot));
        }
        if let Some(mut copy) = copy {
            copy.go_on_as(&self.part);
            self.files.register(&copy);
            if let Some(text) = self.texts.back_mut() {
                (text.file, text._held) = (Arc::clone(&copy.file), Held::of(&copy.shared));
            }
            self.truncated = Some(std::mem::replace(&mut self.part, copy));
        }
        let part = self.truncated.as_mut().unwrap_or(&mut self.part);
        part.begin_anew();
        {
            let mut position = lock(&part.slot);
            (position.offset, position.len, position.before) = (0, 0, None);
            (position.head, position.tail) = (Fingerprint::default(), Fingerprint::default());
        }
        self.files.checkpoints.touch();
        if is_copied {
            return Ok(ReadOutcome::Data);
        }
        self.begin_text();
        self.why = Why::Truncated;
        Ok(ReadOutcome::Boundary)
    }

    /// Records that all bytes of a text before this position are written.
    fn settle(&self, text: &Text, position: u64, is_over: bool) {
        let Some(slot) = &text.slot else { return };
        let offset = text.offset + (position - text.given);
        let is_at_hand = Arc::ptr_eq(slot, &self.part.slot);
        let mut position = lock(slot);
        if position.offset == offset && position.is_done == is_over && self.left.is_none() {
            return;
        }
        let as_read = is_at_hand && offset == self.part.offset;
        position.tail = if as_read { self.part.tail() } else { tail_of(&text.file, offset) };
        let before = self.left.filter(|open| *open > 0);
        (position.offset, position.is_done, position.before) = (offset, is_over, before);
        if is_at_hand {
            position.len = self.part.len;
            if self.part.checked != i64::MIN {
                position.modified = self.part.checked;
            }
        } else {
            position.len = position.len.max(offset);
        }
        drop(position);
        self.files.checkpoints.touch();
    }
}

impl Text {
    fn of(part: &Link, given: u64) -> Text {
        let (file, slot) = (Arc::clone(&part.file), Some(Arc::clone(&part.slot)));
        Text {
            given,
            offset: part.offset,
            file,
            slot,
            is_done: false,
            is_next: given > 0,
            _held: Held::of(&part.shared),
        }
    }
}

/// The hash of the bytes before the offset; unknown if they cannot be read.
fn tail_of(file: &OwnedFd, offset: u64) -> Fingerprint {
    tail(file, offset).map(|bytes| Fingerprint::new(&bytes)).unwrap_or_default()
}

impl Source for Followed {
    async fn ready(&mut self) -> io::Result<()> {
        if let Some(retry) = self.retry.take() {
            tokio::time::sleep_until(retry).await;
        }
        loop {
            match self.step()? {
                Step::Read => return self.part.warm().await,
                Step::Nothing => {}
                _ => return Ok(()),
            }
            let wake = Arc::clone(&self.part.shared.wake);
            let is_told = self.files.watch.file(self.part.file.as_fd(), &wake);
            // It may have changed before the kernel watched it.
            if self.step()? != Step::Nothing {
                continue;
            }
            let shared = &self.part.shared;
            let look = match (shared.is_displaced() || shared.has_next(), is_told) {
                (true, _) => LEAVING_LOOK,
                (false, true) => LOOK,
                (false, false) => LOOK_UNTOLD,
            };
            let is_unfinished = self.is_unfinished();
            let left =
                self.unfinished.filter(|_| is_unfinished).map(|since| UNFINISHED.saturating_sub(since.elapsed()));
            let _ = tokio::time::timeout(left.map_or(look, |left| left.min(look)), wake.notified()).await;
        }
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        match self.step()? {
            Step::Read if self.part.is_warm()? => {
                let start = buffer.len();
                if self.part.read(buffer)? == Read::Truncated {
                    return self.begin_anew();
                }
                self.given += (buffer.len() - start) as u64;
                self.unfinished = None;
                Ok(ReadOutcome::Data)
            }
            Step::Truncated => self.begin_anew(),
            Step::Next => Ok(self.go_on(false)),
            Step::NextBeside => Ok(self.go_on(true)),
            Step::End => {
                (self.unfinished, self.why) = (None, Why::Waited);
                Ok(ReadOutcome::MessageEnd)
            }
            Step::Over if self.part.shared.end_if_last() => {
                self.why = Why::Over;
                Ok(ReadOutcome::Eof)
            }
            Step::Read | Step::Nothing | Step::Over => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn boundary(&mut self, open: usize) {
        let open = open as u64;
        match std::mem::take(&mut self.why) {
            // For a sidecar that finds only this file.
            Why::Nothing => {
                lock(&self.part.slot).before = Some(open).filter(|open| *open > 0);
                self.files.checkpoints.touch();
            }
            Why::Waited => {
                // With nothing open at the end, no rest can follow.
                self.begun = Some(open).filter(|open| *open > 0);
                self.texts.iter_mut().for_each(|text| text.is_next = false);
                if self.texts.back().is_some_and(|text| text.offset == self.part.offset) {
                    lock(&self.part.slot).before = Some(open).filter(|open| *open > 0);
                }
            }
            Why::Lost => self.begun = self.part.before,
            Why::Truncated => {
                lock(&self.part.slot).before = Some(open).filter(|_| self.is_unfinished());
                self.files.checkpoints.touch();
            }
            Why::Beside(mut part) => {
                part.before = Some(open).filter(|open| *open > 0);
                if let Some(back) = self.back.upgrade() {
                    let beside = Followed::of(Arc::clone(&self.files), Weak::clone(&self.back), *part);
                    lock(&back.beside).push(beside);
                    back.changed.notify_one();
                }
            }
            Why::Over => {
                self.part.shared.leave_open(open);
                self.left = Some(open);
                self.why = Why::Over;
            }
        }
    }

    fn lag(&self) -> u64 {
        self.part.len.saturating_sub(self.part.offset)
    }

    fn resumes(&self) -> bool {
        self.files.checkpoints.are_kept() && self.texts.iter().all(|text| text.slot.is_some())
    }

    fn begun(&self) -> Option<usize> {
        self.begun.map(|open| usize::try_from(open).unwrap_or(usize::MAX))
    }

    fn is_within_line(&self) -> bool {
        self.part.is_within_line()
    }

    fn leave(&mut self, open: usize) {
        self.left = Some(open as u64);
    }

    fn suspend(&mut self) {
        self.part.shared.leave();
        self.truncated.iter().for_each(|part| part.shared.leave());
    }

    fn confirm(&mut self, position: u64) {
        self.confirmed = position;
        let files = Arc::clone(&self.files);
        let _step = (self.texts.len() > 1).then(|| files.checkpoints.step());
        while let Some(next) = self.texts.get(1).map(|next| next.given).filter(|next| *next <= position) {
            let Some(text) = self.texts.pop_front() else { break };
            self.settle(&text, next, text.is_done);
        }
        // All before it is written, and nothing continues in it.
        if let Some(text) = self.texts.front_mut()
            && std::mem::take(&mut text.is_next)
        {
            text.slot.iter().for_each(|slot| lock(slot).before = None);
        }
        if let Some(text) = self.texts.front() {
            let is_over = matches!(self.why, Why::Over) && position == self.given;
            self.settle(text, position, is_over);
        }
    }
}
