//! Masks against their definition: no needle has a part in common with a mask, at any position.

use hushlog::redact::naive;
use hushlog::{BuildError, Mask, NeedleSet, Overlay, Secret};

use super::engine;
use super::expected::PARTIAL_MASKED;
use std::sync::Arc;

/// Secrets and a mask decoded from bytes: short, over few letters, so that they have much in
/// common.
pub struct Masking {
    pub values: Vec<Vec<u8>>,
    pub names: Vec<String>,
    pub mask: Mask,
    pub text: Vec<u8>,
}

/// The letters of masks, names and values.
const LETTERS: &[u8] = b"ab[]*#<~";

impl Masking {
    pub fn decode(bytes: &[u8]) -> Masking {
        let mut fields = bytes.split(|&byte| byte == b'\n' || byte == 0xff);
        let word = |field: &[u8], len_max| -> Vec<u8> {
            field.iter().take(len_max).map(|&byte| LETTERS[usize::from(byte) % LETTERS.len()]).collect()
        };
        let text = |field: &[u8], len_max| String::from_utf8(word(field, len_max)).expect("ASCII");
        let mask = match fields.next().unwrap_or_default() {
            // Also a character that is not allowed.
            [b'c', char] => Mask::Char(*char),
            [b'n', before @ ..] => {
                Mask::Template(text(before, 12) + "{name}" + &text(fields.next().unwrap_or_default(), 12))
            }
            rest => Mask::Template(text(rest, 24)),
        };
        let count = fields.next().and_then(<[u8]>::first).map_or(1, |&byte| 1 + usize::from(byte) % 4);
        let mut masking = Masking { values: Vec::new(), names: Vec::new(), mask, text: Vec::new() };
        for _ in 0..count {
            masking.names.push(text(fields.next().unwrap_or_default(), 6));
            let value = word(fields.next().unwrap_or_default(), 16);
            masking.values.push(if value.is_empty() { b"a".to_vec() } else { value });
        }
        masking.text = fields.flat_map(|field| word(field, 200)).take(300).collect();
        masking
    }

    /// The masks that may occur in the output, as far as their length makes a difference.
    fn masks(&self) -> Vec<Vec<u8>> {
        match &self.mask {
            Mask::Template(template) => self.names.iter().map(|name| template.replace("{name}", name).into()).collect(),
            &Mask::Char(c) => runs(&self.values, c),
        }
    }

    /// Builds the set, and panics on a finding.
    pub fn check(&self) {
        let secrets = self.names.iter().zip(&self.values).map(|(name, value)| Secret::new(name.clone(), value.clone()));
        let built = NeedleSet::exactly(secrets.collect(), self.mask.clone());
        let masks = self.masks();
        let fit = match self.mask {
            Mask::Char(c) if !c.is_ascii_graphic() => Err(BuildError::MaskChar),
            _ if masks.iter().any(Vec::is_empty) => Err(BuildError::MaskEmpty),
            _ if overlap_any(&self.values, &masks) => Err(BuildError::MaskConflict { name: String::new() }),
            _ => Ok(()),
        };
        let kind = |error: &BuildError| std::mem::discriminant(error);
        assert_eq!(built.as_ref().err().map(kind), fit.as_ref().err().map(kind), "{:?} {:?}", self.mask, self.values);
        if let Ok(set) = built {
            self.check_text(&Arc::new(set));
        }
    }

    fn check_text(&self, set: &Arc<NeedleSet>) {
        let needles: Vec<&[u8]> = set.expose().collect();
        let once = engine::whole(set, &self.text);
        assert!(!naive::covered(&needles, &once).contains(&true), "{needles:?} in {once:?}");
        assert_eq!(engine::whole(set, &once), once, "masking twice is not masking once");
        let overlays = [Overlay::named(set), Overlay::of_char(set, b'*'), Overlay::of_char(set, b'a')];
        for (n, overlay) in overlays.into_iter().enumerate() {
            let fillers: &[u8] = if n == 0 { b"*#~^" } else { &b"*a"[n - 1..n] };
            let fit = fillers.iter().any(|&filler| !overlap_any(&self.values, &runs(&self.values, filler)));
            // There are more fillers than those.
            assert!(if n == 0 { overlay.is_ok() || !fit } else { overlay.is_ok() == fit }, "{:?}", self.values);
            let Ok(overlay) = overlay else { continue };
            let mut covered = self.text.clone();
            set.redact_in_place(&mut covered, &overlay);
            assert_eq!(set.redact_in_place(&mut covered.clone(), &overlay), 0, "{needles:?} in {covered:?}");
            let part = overlay.part_filler();
            assert!(part.is_none_or(|filler| !self.values.iter().flatten().any(|&byte| byte == filler)));
        }
    }
}

/// Runs of a character of each length that matters: longer ones have no more in common with a
/// needle.
fn runs(values: &[Vec<u8>], c: u8) -> Vec<Vec<u8>> {
    let lengths = values.iter().map(Vec::len);
    let (shortest, longest) = (lengths.clone().min().unwrap_or(0), lengths.max().unwrap_or(0));
    (shortest..=longest.max(PARTIAL_MASKED)).map(|len| vec![c; len]).collect()
}

fn overlap_any(values: &[Vec<u8>], masks: &[Vec<u8>]) -> bool {
    values.iter().any(|value| masks.iter().any(|mask| overlap(value, mask)))
}

/// Whether one contains the other, or one ends as the other begins.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    let holds = |a: &[u8], b: &[u8]| a.windows(b.len()).any(|part| part == b);
    let ends = |a: &[u8], b: &[u8]| (1..=a.len().min(b.len())).any(|len| a[a.len() - len..] == b[..len]);
    holds(a, b) || holds(b, a) || ends(a, b) || ends(b, a)
}
