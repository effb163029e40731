//! Overlay masks: a mask of exactly the region's length, written in place.

use super::build::BuildError;
use super::mask_conflict;
use super::needle::NeedleSet;
use super::region::Region;

/// The fill characters, in order of preference. The last ones are on no keyboard, for sets of so
/// many passwords that every punctuation character begins or ends one.
const FILLERS: &[u8] = b"*#~^_=+-.:|!?@$%&;,\x1a\x7f";

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
        Ok(Overlay { filler, part_filler: part_filler(set), labels })
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
        Ok(Overlay { filler: c, part_filler, labels: vec![Box::default(); set.names().len()] })
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

fn part_filler(set: &NeedleSet) -> Option<u8> {
    FILLERS.iter().copied().find(|&filler| !mask_conflict::has_byte(set, filler))
}

fn conflict(set: &NeedleSet, c: u8) -> BuildError {
    let needle = mask_conflict::char_conflict(set, c).unwrap_or_default();
    BuildError::MaskConflict { name: set.name_and_form(needle).0.to_owned() }
}
