//! Tracks the reads and writes in flight, so that no thread reads appended bytes before they are
//! searched.
//!
//! Permission for a read only lets it begin: the kernel copies the bytes some microseconds later,
//! and a writer may have appended meanwhile. So where the kernel announces writes, readers and
//! writers of one file take turns as long as there are readers. Without readers no event is
//! requested for writes.
//!
//! The kernel does not report the end of a read. The thread's counters `syscr` and `syscw` in
//! `/proc/TID/io` show it: they count returned calls, including those that returned no bytes.
//! (FAN_ACCESS, the event for a finished read, was rejected: it is missing at the end of a file.)

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// The time limit for a call in flight: a reader must not block writers forever.
pub(super) const IN_FLIGHT_MAX: Duration = Duration::from_millis(500);
/// Room for all lines of an `io` file, in bytes.
const IO_LEN_MAX: usize = 256;
/// The number of threads with counters kept open.
const COUNTERS_MAX: usize = 16;

/// A call that was allowed, and may still be in flight.
#[derive(Debug)]
pub(super) struct CallInFlight {
    thread: i32,
    /// The number of calls that the thread had made before.
    calls: Option<u64>,
    since: Instant,
    /// The part of the file concerned, if the kernel reported it.
    range: Option<Range<u64>>,
}

impl CallInFlight {
    /// Whether it concerns at most `len` bytes.
    pub(super) fn is_short(&self, len: u64) -> bool {
        self.range.as_ref().is_some_and(|range| range.end - range.start <= len)
    }

    /// The range of the call, if its thread still waits in it.
    pub(super) fn range(&self, counters: &mut Counters) -> Option<Range<u64>> {
        let is_same = self.thread > 0 && self.calls.is_some() && counters.calls(self.thread) == self.calls;
        self.range.clone().filter(|_| is_same)
    }
}

/// The calls in flight.
#[derive(Default)]
pub(super) struct InFlight(Vec<CallInFlight>);

impl InFlight {
    /// Adds a call of this thread.
    pub(super) fn begin(&mut self, thread: i32, range: Option<Range<u64>>, counters: &mut Counters) {
        self.0.push(CallInFlight { thread, calls: counters.calls(thread), since: Instant::now(), range });
    }

    /// Ends this thread's operation, since another one begins, and returns it.
    pub(super) fn end(&mut self, thread: i32) -> Option<CallInFlight> {
        let mut last = None;
        while let Some(at) = self.0.iter().position(|call| call.thread == thread) {
            last = Some(self.0.remove(at));
        }
        last
    }

    /// Whether any call is in flight. Drops those beyond the time limit and counts them in `lost`.
    pub(super) fn any(&mut self, counters: &mut Counters, lost: &mut u64) -> bool {
        self.0.retain(|call| {
            let over = counters.calls(call.thread) != call.calls || call.calls.is_none() && call.thread != 0;
            let late = !over && call.since.elapsed() > IN_FLIGHT_MAX;
            *lost += u64::from(late);
            !over && !late
        });
        !self.0.is_empty()
    }
}

/// The counters of the most recent threads.
#[derive(Default)]
pub(super) struct Counters(Vec<(i32, File)>);

impl Counters {
    /// The number of a thread's reads and writes; `None` if it has ended or is not visible.
    fn calls(&mut self, thread: i32) -> Option<u64> {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == thread) {
            // For an ended thread the file gives an error, even if another thread has its number
            // now.
            match calls(&self.0[at].1) {
                Some(calls) => return Some(calls),
                None => drop(self.0.remove(at)),
            }
        }
        let file = File::open(format!("/proc/{thread}/task/{thread}/io")).ok()?;
        let calls = calls(&file);
        if self.0.len() == COUNTERS_MAX {
            self.0.remove(0);
        }
        self.0.push((thread, file));
        calls
    }
}

fn calls(file: &File) -> Option<u64> {
    let mut text = [0; IO_LEN_MAX];
    let len = file.read_at(&mut text, 0).ok()?;
    parse(&text[..len])
}

fn parse(io: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(io).ok()?;
    let field =
        |name: &str| -> Option<u64> { text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok() };
    Some(field("syscr:")? + field("syscw:")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn calls_are_counted_also_at_the_end_of_a_file() {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        // In a thread of its own, so that reading the counter does not count for this thread.
        let look = || std::thread::spawn(move || Counters::default().calls(thread)).join().unwrap();
        let mut empty = tempfile::tempfile().unwrap();
        let before = look().expect("the kernel keeps counters");
        assert_eq!(empty.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(look(), Some(before + 1));
    }

    #[test]
    fn a_thread_that_has_ended_is_not_waited_for() {
        let (mut in_flight, mut counters, mut lost) = (InFlight::default(), Counters::default(), 0);
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            ended.recv().unwrap_err();
        });
        in_flight.begin(told.recv().unwrap(), None, &mut counters);
        assert!(in_flight.any(&mut counters, &mut lost));
        drop(end);
        thread.join().unwrap();
        // The kernel removes a thread some moments after the join.
        let patience = Instant::now() + Duration::from_millis(400);
        while in_flight.any(&mut counters, &mut lost) {
            assert!(Instant::now() < patience);
        }
        assert_eq!(lost, 0);
    }
}
