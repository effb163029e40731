//! Quotes around the masks of bare values of JSON: see [`bare`](super::super::bare).

use super::super::redacted::Segment;
use super::Redactor;
use super::kept::HeldCopy;

impl Redactor {
    /// Adds quotes to the planned output, and takes in its end for the next masks. A region of an
    /// earlier set has none: the quotes may form a needle of this one.
    pub(super) fn quote(&mut self, copy: HeldCopy, input: &[u8]) {
        let (planned, mut end) = (std::mem::take(&mut self.segments), self.output_end.take().unwrap_or_default());
        let (texts, mut segments) = (self.texts(copy, input), Vec::with_capacity(planned.len()));
        for segment in planned {
            let quote = match &segment {
                &Segment::Mask { needle, old_set: None, start, .. } => {
                    self.set.quote(needle as usize, end.bytes()).map(|quote| (quote, start))
                }
                _ => None,
            };
            let part = quote.map(|(quote, start)| Segment::Quote { len: quote.len() as u8, start });
            let parts = [part.clone(), Some(segment), part];
            segments.extend(parts.into_iter().flatten().inspect(|part| end.push(texts.piece(part).bytes())));
        }
        (self.segments, self.output_end) = (segments, Some(end));
    }
}
