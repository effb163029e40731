//! Resume points: positions in the input where another reader could begin. Each is the beginning of
//! a record, with all output before it written, and with no region across it in either stream or in
//! the raw records.

use std::collections::VecDeque;

use super::output::OutputStream;

/// The limit on the number of positions. Fewer only mean more to read again.
const POINTS_MAX: usize = 4_096;

/// The beginning of a record.
#[derive(Clone, Copy, Debug)]
struct ResumePoint {
    /// Its position in the input.
    at: u64,
    /// The length of each stream's text.
    text_lens: [u64; 2],
}

pub(super) struct ResumePoints {
    /// In order; the first is valid.
    points: VecDeque<ResumePoint>,
    /// All before this went through the redactor, and the points that it invalidated were dropped.
    judged: u64,
}

impl Default for ResumePoints {
    fn default() -> ResumePoints {
        ResumePoints::begin(0)
    }
}

impl ResumePoints {
    /// Creates resume points at the beginning of a new text.
    pub(super) fn begin(at: u64) -> ResumePoints {
        ResumePoints { points: VecDeque::from([ResumePoint { at, text_lens: [0, 0] }]), judged: at }
    }

    /// Adds a possible beginning of a record. With an empty queue and both streams quiet, earlier
    /// ones are not needed.
    pub(super) fn add(&mut self, at: u64, streams: &[OutputStream; 2], is_empty: bool) {
        let text_lens = [streams[0].end(), streams[1].end()];
        let is_good = is_empty && streams.iter().all(OutputStream::is_quiet);
        while self
            .points
            .back()
            .is_some_and(|last| last.at > self.judged && (is_good || self.points.len() >= POINTS_MAX))
        {
            self.points.pop_back();
        }
        self.points.push_back(ResumePoint { at, text_lens });
    }

    /// Drops the points before `next` that are invalid: the redactor got this input, unchanged if
    /// `is_clean`, and with no pending bytes if `is_settled`.
    pub(super) fn judge(&mut self, next: u64, is_clean: bool, is_settled: bool, streams: &mut [OutputStream; 2]) {
        if !is_clean {
            let judged = self.judged;
            self.points.retain(|point| point.at <= judged || point.at > next || point.at == next && is_settled);
        }
        self.judged = next;
        for (number, stream) in streams.iter_mut().enumerate() {
            for region in std::mem::take(&mut stream.fresh).into_iter().chain(stream.open()) {
                let is_within = |point: &ResumePoint| {
                    region.start < point.text_lens[number] && point.text_lens[number] < region.end
                };
                self.points.retain(|point| !is_within(point));
            }
        }
        let resume = [streams[0].resume(), streams[1].resume()];
        let is_good = |point: &ResumePoint| {
            point.at <= next && point.text_lens[0] <= resume[0] && point.text_lens[1] <= resume[1]
        };
        if let Some(last) = self.points.iter().rposition(is_good) {
            self.points.drain(..last);
        }
    }

    /// The last valid position.
    pub(super) fn safe(&self) -> u64 {
        self.points.front().map_or(self.judged, |point| point.at)
    }
}
