//! Overlay masks: a mask of exactly the region's length, written in place.

use std::ops::Range;

use super::build::BuildError;
use super::mask_conflict;
use super::needle::NeedleSet;
use super::region::Region;

/// The fill characters, in order of preference. The last ones are on no keyboard, for sets of so
/// many passwords that every punctuation character begins or ends one.
const FILLERS: &[u8] = b"*#~^_=+-.:|!?@$%&;,\x1a\x7f";

/// The length of the batches of fill characters, in bytes.
const FILL_LEN: usize = 256;

/// A part of the mask of a region, for a stream. Small: a piece of the stream may need very many.
#[derive(Clone, Copy)]
pub(super) struct OverlayPart {
    /// Where it begins in the label. `None`: it consists of fill characters.
    label_start: Option<u32>,
    len: u32,
}

/// The overlay masks of a set: `[NAME]****` where that fits, otherwise `****`.
///
/// As with all masks, none forms a needle with any adjacent text: a conflicting name is left out,
/// and a conflicting fill character is replaced by another.
#[derive(Clone, Debug)]
pub struct Overlay {
    filler: u8,
    /// The fill character for a part of a region, which may be a single byte with any text beside
    /// it.
    part_filler: Option<u8>,
    /// By the number of the secret's name; empty for a name that must not be shown.
    labels: Vec<Box<[u8]>>,
    /// Whether the mask of a [bare value of JSON](super::bare) has quotes.
    quotes: bool,
    fill: Box<[u8]>,
}

impl Overlay {
    /// Masks with names.
    ///
    /// # Errors
    ///
    /// When every possible fill character conflicts with a needle.
    pub fn named(set: &NeedleSet) -> Result<Overlay, BuildError> {
        let fits = |&&filler: &&u8| mask_conflict::char_conflict(set, filler).is_none();
        let Some(&filler) = FILLERS.iter().find(fits) else { return Err(conflict(set, FILLERS[0])) };
        let mut labels: Vec<Box<[u8]>> = set.names().iter().map(|name| label(name)).collect();
        mask_conflict::drop_conflicting_labels(set, &mut labels);
        Ok(Overlay { filler, part_filler: part_filler(set), labels, quotes: set.quotes(), fill: fill(filler) })
    }

    /// Masks of this character alone.
    ///
    /// # Errors
    ///
    /// When the character is not printable ASCII, or a mask of it could read as part of a secret.
    pub fn of_char(set: &NeedleSet, c: u8) -> Result<Overlay, BuildError> {
        if !c.is_ascii_graphic() {
            return Err(BuildError::MaskChar);
        }
        if mask_conflict::char_conflict(set, c).is_some() {
            return Err(conflict(set, c));
        }
        let part_filler = Some(c).filter(|&c| !mask_conflict::has_byte(set, c));
        Ok(Overlay {
            filler: c,
            part_filler,
            labels: vec![Box::default(); set.names().len()],
            quotes: false,
            fill: fill(c),
        })
    }

    /// Writes a region's mask, or the part of it that starts at offset `from` within the region.
    pub fn write(&self, set: &NeedleSet, region: &Region, from: u64, out: &mut [u8]) {
        let label = &self.labels[set.name_number(region.needle())];
        let len = region.range().end - region.range().start;
        out.fill(self.filler);
        if label.len() as u64 <= len
            && let Some(rest) = label.get(usize::try_from(from).unwrap_or(usize::MAX)..)
        {
            let shown = rest.len().min(out.len());
            out[..shown].copy_from_slice(&rest[..shown]);
        }
    }

    /// Writes a region's whole mask behind these bytes, with its colour codes at the end: in
    /// quotes, if a [bare value of JSON](super::bare) stands there and the mask has room for them.
    pub(crate) fn write_behind(&self, before: &[u8], set: &NeedleSet, region: &Region, codes: &[u8], out: &mut [u8]) {
        let label = &self.labels[set.name_number(region.needle())];
        let codes = if codes.len() < out.len() { codes } else { &[] };
        let (out, end) = out.split_at_mut(out.len() - codes.len());
        end.copy_from_slice(codes);
        let quote = set.quote(region.needle(), before).filter(|quote| self.quotes && out.len() > 2 * quote.len());
        let Some(quote) = quote else { return self.write_alone(label, out) };
        let (first, rest) = out.split_at_mut(quote.len());
        let (inner, last) = rest.split_at_mut(rest.len() - quote.len());
        first.copy_from_slice(quote);
        last.copy_from_slice(quote);
        self.write_alone(label, inner);
    }

    fn write_alone(&self, label: &[u8], out: &mut [u8]) {
        out.fill(self.filler);
        if let Some(shown) = out.get_mut(..label.len()) {
            shown.copy_from_slice(label);
        }
    }

    /// Plans the mask for `range` of a region, counted from the region's beginning. The name is
    /// shown if it has at most `shown_max` bytes. The caller passes the length of the needle that
    /// named the region: that of the region may not be known yet.
    pub(super) fn plan(
        &self,
        set: &NeedleSet,
        needle: u32,
        shown_max: usize,
        range: Range<usize>,
        mut add: impl FnMut(OverlayPart),
    ) {
        let label = self.label(set, needle);
        let shown = if label.len() <= shown_max { label.len() } else { 0 };
        let mut at = range.start;
        if at < shown && at < range.end {
            let end = shown.min(range.end);
            add(OverlayPart { label_start: Some(at as u32), len: (end - at) as u32 });
            at = end;
        }
        while at < range.end {
            let len = (range.end - at).min(self.fill.len());
            add(OverlayPart { label_start: None, len: len as u32 });
            at += len;
        }
    }

    /// The bytes of a planned part.
    pub(super) fn part(&self, set: &NeedleSet, needle: u32, part: OverlayPart) -> &[u8] {
        let text = match part.label_start {
            Some(start) => &self.label(set, needle)[start as usize..],
            None => &self.fill,
        };
        &text[..part.len as usize]
    }

    fn label(&self, set: &NeedleSet, needle: u32) -> &[u8] {
        &self.labels[set.name_number(needle as usize)]
    }

    /// The byte that masks parts of regions that are not contiguous. `None` if each candidate
    /// occurs in some needle.
    pub fn part_filler(&self) -> Option<u8> {
        self.part_filler
    }
}

/// The label for a name that is safe in any log: without characters that quote, separate or escape.
fn label(name: &str) -> Box<[u8]> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        Box::default()
    } else {
        format!("[{name}]").into_bytes().into()
    }
}

fn fill(filler: u8) -> Box<[u8]> {
    vec![filler; FILL_LEN].into()
}

fn part_filler(set: &NeedleSet) -> Option<u8> {
    FILLERS.iter().copied().find(|&filler| !mask_conflict::has_byte(set, filler))
}

fn conflict(set: &NeedleSet, c: u8) -> BuildError {
    let needle = mask_conflict::char_conflict(set, c).unwrap_or_default();
    BuildError::MaskConflict { name: set.name_and_form(needle).0.to_owned() }
}
