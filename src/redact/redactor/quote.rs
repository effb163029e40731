//! Quotes around the masks of bare values of JSON: see [`bare`](super::super::bare).

use super::super::bare::{OutputEnd, quote_behind};
use super::super::redacted::{Segment, Texts};
use super::Redactor;
use super::kept::HeldCopy;

impl Redactor {
    /// Adds quotes to the planned output, and takes in its end for the next masks. A region of an
    /// earlier set has none: the quotes may form a needle of this one.
    ///
    /// The output before a mask is looked at only if its needle may be bare: a piece may have
    /// thousands of masks.
    pub(super) fn quote(&mut self, copy: HeldCopy, input: &[u8]) {
        let (mut segments, old) = (std::mem::take(&mut self.segments), self.output_end.take().unwrap_or_default());
        let texts = self.texts(copy, input);
        let may_be_bare = |segment: &Segment| match segment {
            Segment::Mask { needle, old_set: None, .. } => self.set.may_be_bare(*needle as usize),
            _ => false,
        };
        if let Some(first) = segments.iter().position(may_be_bare) {
            let rest = segments.split_off(first);
            for segment in rest {
                let quote = match &segment {
                    Segment::Mask { start, .. } if may_be_bare(&segment) => {
                        let before = end_of(&old, &segments, texts);
                        quote_behind(before.bytes()).map(|quote| (quote, *start))
                    }
                    _ => None,
                };
                let part = quote.map(|(quote, start)| Segment::Quote { len: quote.len() as u8, start });
                segments.extend(part.clone());
                segments.push(segment);
                segments.extend(part);
            }
        }
        let end = end_of(&old, &segments, texts);
        (self.segments, self.output_end) = (segments, Some(Box::new(end)));
    }
}

/// The end of the output with these segments.
fn end_of(old: &OutputEnd, segments: &[Segment], texts: Texts<'_>) -> OutputEnd {
    old.behind(segments.iter().rev().map(|segment| texts.piece(segment).bytes()))
}
