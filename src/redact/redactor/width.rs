//! Masks that keep the width of their regions, in a part of a stream.

use super::super::overlay::Overlay;
use super::Redactor;

/// See [`Redactor::keep_width`].
pub(super) struct Widths {
    /// The masks, if the set can have any.
    pub(super) overlay: Option<Overlay>,
    /// The positions from which masks keep the width, and no longer do, in turn.
    ends: Vec<u64>,
}

impl Widths {
    /// The masks of a region that begins here, if they keep its width.
    pub(super) fn at(&self, position: u64) -> Option<&Overlay> {
        let is_kept = self.ends.iter().take_while(|&&end| end <= position).count() % 2 == 1;
        self.overlay.as_ref().filter(|_| is_kept)
    }
}

impl Redactor {
    /// Sets whether the masks of regions that begin from here on keep the width of these regions:
    /// one byte for each of the region's, the name in brackets where it fits. For a terminal whose
    /// program addresses it by columns. A set without a character for such masks keeps its own.
    #[allow(dead_code, reason = "only the pump asks, which is for Linux")]
    pub(crate) fn keep_width(&mut self, yes: bool) {
        let is_kept = self.widths.as_ref().is_some_and(|widths| widths.ends.len() % 2 == 1);
        if yes == is_kept {
            return;
        }
        let oldest = self.regions.first().map_or(self.emitted, |region| region.range.start.min(self.emitted));
        let overlay = || Overlay::named(&self.set).ok();
        let widths = self.widths.get_or_insert_with(|| Box::new(Widths { overlay: overlay(), ends: Vec::new() }));
        // A pair that ends before all open regions counts for none.
        while widths.ends.get(1).is_some_and(|&end| end <= oldest) {
            widths.ends.drain(..2);
        }
        widths.ends.push(self.search.end());
    }

    /// The masks that keep the width of their regions, if any region can have one.
    pub(super) fn overlay(&self) -> Option<&Overlay> {
        self.widths.as_ref()?.overlay.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Arc;

    use super::super::super::mask::Mask;
    use super::super::super::naive;
    use super::super::super::needle::NeedleSet;
    use super::super::super::secret::Secret;
    use super::*;

    fn set(secrets: &[(&str, &str)]) -> Arc<NeedleSet> {
        let secrets = secrets.iter().map(|(name, value)| Secret::new(*name, value.as_bytes().to_vec())).collect();
        Arc::new(NeedleSet::exactly(secrets, Mask::Template("<{name}>".to_owned())).expect("the mask fits"))
    }

    /// The output for a text in pieces of this length. `^` stands for a switch to masks of the same
    /// width, `$` for one back.
    fn redact(set: &Arc<NeedleSet>, text: &str, piece_len: usize) -> String {
        let mut redactor = Redactor::new(Arc::clone(set));
        let mut out = Vec::new();
        for (number, part) in text.split_inclusive(['^', '$']).enumerate() {
            let raw = part.trim_end_matches(['^', '$']);
            assert!(number == 0 || !raw.is_empty());
            for piece in raw.as_bytes().chunks(piece_len) {
                out.extend(redactor.push(piece).to_vec());
            }
            redactor.keep_width(part.ends_with('^'));
        }
        out.extend(redactor.finish().to_vec());
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn masks_keep_the_width_between_the_switches() {
        let set = set(&[("KEY", "sk-live-X9Q2"), ("A_LONG_NAME", "hunter2"), ("B", "X9Q2-and-more")]);
        for (text, wanted) in [
            ("sk-live-X9Q2 ^ sk-live-X9Q2 $ sk-live-X9Q2", "<KEY>  [KEY]*******  <KEY>"),
            ("^hunter2", "*******"),
            ("^sk-live-X9Q2-and-more;", "[KEY]****************;"),
            ("^sk-live-X9Q2sk-live-X9Q2", "[KEY]*******************"),
            // A region keeps the mask of its beginning.
            ("sk-li^ve-X9Q2 hunter2", "<KEY> *******"),
            ("^sk-live-$X9Q2 hunter2", "[KEY]******* <A_LONG_NAME>"),
            ("^sk-live-X9$Q2-and-more hunter2", "[KEY]**************** <A_LONG_NAME>"),
            ("^x$y^sk-live-X9Q2$", "xy[KEY]*******"),
        ] {
            for piece_len in 1..=text.len() {
                assert_eq!(redact(&set, text, piece_len), wanted, "{text:?} in pieces of {piece_len}");
            }
        }
    }

    /// The output by definition: a region that begins between the switches has a mask of one byte
    /// for each of its own, with the needle's name in front if that fits into the needle.
    fn defined(set: &NeedleSet, text: &str, kept: Range<usize>) -> String {
        let (text, needles): (_, Vec<&[u8]>) = (text.as_bytes(), set.expose().collect());
        let len_min = |needle: usize| set.partial_len_min(needle);
        let partial_len = naive::partial_match(&needles, text, &len_min).map_or(0, |(_, len)| len);
        let mut covered = naive::covered(&needles, text);
        covered[text.len() - partial_len..].fill(true);
        let mut starts = (0..text.len()).filter(|&at| covered[at] && (at == 0 || !covered[at - 1]));
        let (mut is_kept, mut index) = (false, 0);
        let mut mask = |needle: usize, is_first: bool, out: &mut Vec<u8>| {
            if is_first {
                (is_kept, index) = (kept.contains(&starts.next().expect("a region")), 0);
            }
            let label = format!("[{}]", set.name_and_form(needle).0).into_bytes();
            match is_kept {
                true if label.len() <= needles[needle].len() => out.push(*label.get(index).unwrap_or(&b'*')),
                true => out.push(b'*'),
                false => set.write_mask(needle, is_first, out),
            }
            index += 1;
        };
        String::from_utf8(naive::finished(&needles, text, &len_min, &mut mask)).expect("it is text")
    }

    /// All texts of eight of these letters, so that occurrences meet and overlap in every way, with
    /// switches at all pairs of positions, in all pieces.
    #[test]
    fn small_worlds_equal_the_definition() {
        let set = set(&[("N", "abab"), ("M", "bb"), ("LONGER", "ababba")]);
        let len = 8;
        for number in 0..1_usize << len {
            let text: String = (0..len).map(|bit| if number >> bit & 1 == 0 { 'a' } else { 'b' }).collect();
            for (from, to) in (0..len).flat_map(|from| (from + 1..=len).map(move |to| (from, to))) {
                let wanted = defined(&set, &text, from..to);
                let switched = format!("{}^{}${}", &text[..from], &text[from..to], &text[to..]);
                let switched = switched.trim_end_matches('$');
                for piece_len in [1, 2, 3, 5, len] {
                    assert_eq!(redact(&set, switched, piece_len), wanted, "{switched} in pieces of {piece_len}");
                }
            }
        }
    }

    #[test]
    fn no_name_stands_behind_a_released_partial_match() {
        let set = set(&[("KEY", "sk-live-X9Q2")]);
        let mut redactor = Redactor::new(set);
        redactor.keep_width(true);
        assert_eq!(redactor.push(b"sk-li").to_vec(), b"");
        assert_eq!(redactor.release_partial(3).to_vec(), b"sk-");
        assert_eq!(redactor.push(b"ve-X9Q2;").to_vec(), b"*********;");
    }

    #[test]
    fn a_swap_makes_the_masks_of_the_new_set() {
        let mut redactor = Redactor::new(set(&[("KEY", "sk-live-X9Q2")]));
        redactor.keep_width(true);
        let _ = redactor.swap(set(&[("OTHER", "**hunter2**")]));
        assert_eq!(redactor.push(b"a **hunter2**;").to_vec(), b"a [OTHER]####;");
    }

    #[test]
    fn a_set_without_a_fill_character_keeps_its_masks() {
        let all: Vec<(String, String)> = (0x21..0x7f)
            .chain([0x1a])
            .map(|byte: u8| (format!("N{byte}"), format!("{0}secret{0}", char::from(byte))))
            .collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (&**name, &**value)).collect();
        let set = Arc::new(
            NeedleSet::exactly(
                all.iter()
                    .map(|(name, value)| Secret::new(*name, value.as_bytes().to_vec()))
                    .chain([Secret::new("D", b"\x7fx\x7f".to_vec())])
                    .collect(),
                Mask::Template("\u{1}{name}\u{1}".to_owned()),
            )
            .expect("the mask fits"),
        );
        let mut redactor = Redactor::new(set);
        redactor.keep_width(true);
        assert_eq!(redactor.push(b"*secret* ").to_vec(), b"\x01N42\x01 ");
    }
}
