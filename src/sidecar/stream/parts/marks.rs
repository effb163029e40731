//! Resume points: positions in the input where another reader could begin. Each is the beginning of
//! a record, with all output before it written, and with no region across it in either voice or in
//! the raw records.

use std::collections::VecDeque;

use super::voice::Voice;

/// The limit on the number of positions. Fewer only mean more to read again.
const MARKS_MAX: usize = 4_096;

/// The beginning of a record.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Its position in the input.
    at: u64,
    /// The length of each voice's text.
    said: [u64; 2],
}

pub(super) struct Marks {
    /// In order; the first is valid.
    marks: VecDeque<Mark>,
    /// All before this went through the redactor, and the marks that it invalidated are gone.
    judged: u64,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks::begin(0)
    }
}

impl Marks {
    /// Creates marks at the beginning of a new text.
    pub(super) fn begin(at: u64) -> Marks {
        Marks { marks: VecDeque::from([Mark { at, said: [0, 0] }]), judged: at }
    }

    /// Adds a possible beginning of a record. With an empty queue and both voices quiet, earlier
    /// ones are not needed.
    pub(super) fn add(&mut self, at: u64, voices: &[Voice; 2], is_empty: bool) {
        let said = [voices[0].end(), voices[1].end()];
        let is_good = is_empty && voices.iter().all(Voice::is_quiet);
        while self.marks.back().is_some_and(|last| last.at > self.judged && (is_good || self.marks.len() >= MARKS_MAX))
        {
            self.marks.pop_back();
        }
        self.marks.push_back(Mark { at, said });
    }

    /// Judges the marks before `next`: the redactor got this input, unchanged if `is_clean`, and
    /// with no pending bytes if `is_settled`.
    pub(super) fn judge(&mut self, next: u64, is_clean: bool, is_settled: bool, voices: &mut [Voice; 2]) {
        if !is_clean {
            let judged = self.judged;
            self.marks.retain(|mark| mark.at <= judged || mark.at > next || mark.at == next && is_settled);
        }
        self.judged = next;
        for (number, voice) in voices.iter_mut().enumerate() {
            for region in std::mem::take(&mut voice.fresh).into_iter().chain(voice.open()) {
                let is_within = |mark: &Mark| region.start < mark.said[number] && mark.said[number] < region.end;
                self.marks.retain(|mark| !is_within(mark));
            }
        }
        let resume = [voices[0].resume(), voices[1].resume()];
        let is_good = |mark: &Mark| mark.at <= next && mark.said[0] <= resume[0] && mark.said[1] <= resume[1];
        if let Some(last) = self.marks.iter().rposition(is_good) {
            self.marks.drain(..last);
        }
    }

    /// The last valid position.
    pub(super) fn safe(&self) -> u64 {
        self.marks.front().map_or(self.judged, |mark| mark.at)
    }
}
