//! Where in the input another one could begin, should this one be lost: the beginning of a record before which all has gone out, and over
//! which no region reaches in what either of the two voices has said, nor in the records as they are.

use std::collections::VecDeque;

use super::voice::Voice;

/// So many places are kept at most. Fewer are only more to read again.
const MARKS_MAX: usize = 4_096;

/// The beginning of a record.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where it is in the input.
    at: u64,
    /// What each voice had said.
    said: [u64; 2],
}

pub(super) struct Marks {
    /// In order; the first is a good one.
    marks: VecDeque<Mark>,
    /// All before this went through the redactor, and the marks that it spoilt are gone.
    judged: u64,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks::begin(0)
    }
}

impl Marks {
    /// At the beginning of something new.
    pub(super) fn begin(at: u64) -> Marks {
        Marks { marks: VecDeque::from([Mark { at, said: [0, 0] }]), judged: at }
    }

    /// A record may begin here. With nothing in the queue and both voices quiet those before it are not needed.
    pub(super) fn add(&mut self, at: u64, voices: &[Voice; 2], is_empty: bool) {
        let said = [voices[0].end(), voices[1].end()];
        let is_good = is_empty && voices.iter().all(Voice::is_quiet);
        while self.marks.back().is_some_and(|last| last.at > self.judged && (is_good || self.marks.len() >= MARKS_MAX))
        {
            self.marks.pop_back();
        }
        self.marks.push_back(Mark { at, said });
    }

    /// All before `next` has gone to the redactor: unchanged, if it is `clean`; with nothing pending at its end, if that is `settled`.
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

    /// The last good one.
    pub(super) fn safe(&self) -> u64 {
        self.marks.front().map_or(self.judged, |mark| mark.at)
    }
}
