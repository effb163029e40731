//! What is written over a region in place: a mask of exactly its length.

use super::build::BuildError;
use super::collide;
use super::needle::NeedleSet;
use super::region::Region;

/// What a mask is filled up with, in the order of preference. The last ones no keyboard has: for sets of so many passwords
/// that every mark begins or ends one of them.
const FILLERS: &[u8] = b"*#~^_=+-.:|!?@$%&;,\x1a\x7f";

/// The masks of a set for writing over regions where they stand: `[NAME]****` where that fits, `****` where it does not.
///
/// As with all masks, none of them makes a needle with what may stand beside it: a name that would is left out, and a filler that
/// would gives way to another.
#[derive(Clone, Debug)]
pub struct Cover {
    filler: u8,
    /// As `filler`, for a part of a region that may be as short as a byte, and have anything beside it.
    part_filler: Option<u8>,
    /// By the number of the secret's name; empty where the name is not to be shown.
    labels: Vec<Box<[u8]>>,
}

impl Cover {
    /// The masks with names in them.
    ///
    /// # Errors
    ///
    /// When there is no byte at all that could fill a mask.
    pub fn named(set: &NeedleSet) -> Result<Cover, BuildError> {
        let fits = |&&filler: &&u8| collide::char_collides(set, filler).is_none();
        let Some(&filler) = FILLERS.iter().find(fits) else { return Err(collides(set, FILLERS[0])) };
        let mut labels: Vec<Box<[u8]>> = set.names().iter().map(|name| label(name)).collect();
        collide::drop_colliding_labels(set, &mut labels);
        Ok(Cover { filler, part_filler: part_filler(set), labels })
    }

    /// The masks of this character alone.
    ///
    /// # Errors
    ///
    /// When the character is not printable ASCII, or stands in a secret so that a mask could be taken for a part of it.
    pub fn of_char(set: &NeedleSet, c: u8) -> Result<Cover, BuildError> {
        if !c.is_ascii_graphic() {
            return Err(BuildError::MaskChar);
        }
        if collide::char_collides(set, c).is_some() {
            return Err(collides(set, c));
        }
        let part_filler = Some(c).filter(|&c| !collide::has_byte(set, c));
        Ok(Cover { filler: c, part_filler, labels: vec![Box::default(); set.names().len()] })
    }

    /// Writes the mask of a region, or some of it: the bytes from `from` on, counted from the region's beginning.
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

    /// The byte that parts of regions are masked with, where a region does not lie in one place. `None`, if each byte there is
    /// stands in some needle.
    pub fn part_filler(&self) -> Option<u8> {
        self.part_filler
    }
}

/// A name as it may stand in any log: nothing that quotes, separates or escapes.
fn label(name: &str) -> Box<[u8]> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        Box::default()
    } else {
        format!("[{name}]").into_bytes().into()
    }
}

fn part_filler(set: &NeedleSet) -> Option<u8> {
    FILLERS.iter().copied().find(|&filler| !collide::has_byte(set, filler))
}

fn collides(set: &NeedleSet, c: u8) -> BuildError {
    let needle = collide::char_collides(set, c).unwrap_or_default();
    BuildError::MaskCollides { name: set.name_and_form(needle).0.to_owned() }
}
