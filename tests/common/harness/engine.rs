//! The engine under test: it takes pieces and emits bytes.

use std::sync::Arc;

use hushlog::redact::prefilter::Variant;
use hushlog::{Mask, NeedleSet, Redacted, Redactor, Secret};

/// A redactor, or its substitute in a test.
pub trait Engine {
    /// Pushes a piece, and appends the output.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>);
    /// Ends the stream; a new one follows.
    fn finish(&mut self, out: &mut Vec<u8>);
    /// Changes the set for the rest of the stream.
    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>);
    /// Releases the beginning of the hold-back, up to `len_max` bytes of it in total. Only runs
    /// with changing sets call it.
    fn release_partial(&mut self, _len_max: usize, _out: &mut Vec<u8>) {
        unreachable!("this engine is not asked for it");
    }
    /// The number of held-back bytes, if the engine reports it.
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

/// Appends the output. As promised, no slice of it is empty.
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

/// One mask for all needles, for tests that do not check which needle names a region.
pub fn nameless() -> Mask {
    Mask::Template("<>".to_owned())
}

/// The mask as long as its region.
pub fn starred() -> Mask {
    Mask::Char(b'*')
}

/// The byte itself, or one with its high bit set in place of a byte of the masks above. Needles of
/// such bytes cannot collide with a mask, and redacted text can be redacted again without a change.
pub fn plain(byte: u8) -> u8 {
    if matches!(byte, b'<' | b'>' | b'*' | b'0'..=b'9') { byte | 0x80 } else { byte }
}

/// A set of exactly these needles, named by their index, and searched by this variant.
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
