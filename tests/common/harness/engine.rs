//! What is under test: anything that takes pieces in and gives bytes out.

use std::sync::Arc;

use hushlog::redact::sieve::Variant;
use hushlog::{Mask, NeedleSet, Redacted, Redactor, Secret};

/// A redactor, or what a test puts in its place.
pub trait Engine {
    /// Takes a piece in, and appends what is given out.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>);
    /// Ends the stream; what follows is a new one.
    fn finish(&mut self, out: &mut Vec<u8>);
    /// Searches with another set from here on.
    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>);
    /// Gives out the beginning of the hold-back, up to so many bytes of it in all. Only runs with changing sets ask for it.
    fn release_partial(&mut self, _len_max: usize, _out: &mut Vec<u8>) {
        unreachable!("this engine is not asked for it");
    }
    /// How many bytes are held back, where the engine can tell.
    fn held(&self) -> Option<usize> {
        None
    }
}

impl Engine for Redactor {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        append(Redactor::push(self, piece), out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        append(Redactor::finish(self), out);
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        append(Redactor::swap(self, set), out);
    }

    fn release_partial(&mut self, len_max: usize, out: &mut Vec<u8>) {
        append(Redactor::release_partial(self, len_max), out);
    }

    fn held(&self) -> Option<usize> {
        Some(Redactor::held(self))
    }
}

/// Appends what is given out. As is promised, no slice of it is empty.
fn append(given: Redacted<'_>, out: &mut Vec<u8>) {
    for slice in given {
        assert!(!slice.is_empty(), "an empty slice was given out");
        out.extend_from_slice(slice);
    }
}

/// The mask with the name of the needle, `<0>` for the first that was added.
pub fn named() -> Mask {
    Mask::Template("<{name}>".to_owned())
}

/// The mask that is the same for all needles, for where it does not matter which of them names a region.
pub fn nameless() -> Mask {
    Mask::Template("<>".to_owned())
}

/// The mask as long as what it covers.
pub fn starred() -> Mask {
    Mask::Char(b'*')
}

/// The byte itself, or one with its high bit set in place of a byte that the masks above are made of. Needles of such
/// bytes cannot collide with a mask, and redacted text can be redacted again without a change.
pub fn plain(byte: u8) -> u8 {
    if matches!(byte, b'<' | b'>' | b'*' | b'0'..=b'9') { byte | 0x80 } else { byte }
}

/// A set of exactly these needles, named by their index, and searched by this code.
pub fn exactly<N: AsRef<[u8]>>(needles: &[N], mask: Mask, variant: Variant) -> Arc<NeedleSet> {
    let secrets = needles.iter().enumerate().map(|(n, needle)| Secret::new(n.to_string(), needle.as_ref().to_vec()));
    Arc::new(NeedleSet::exactly_by(secrets.collect(), mask, variant).expect("no needle collides with the mask"))
}

/// A whole text, redacted in one piece.
pub fn whole(set: &Arc<NeedleSet>, text: &[u8]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(set));
    let mut out = redactor.push(text).to_vec();
    out.extend(redactor.finish().to_vec());
    out
}
