//! Line release against its definition, and with two sets of different secrets.

use std::sync::Arc;

use crate::redact::build::BuildError;
use crate::redact::mask::Mask;
use crate::redact::naive;
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;
use crate::redact::release::{Again, LineRelease, split_lines};
use crate::redact::secret::Secret;

/// A pseudorandom number generator (SplitMix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A stream with line release, like those of the adapters.
struct Stream {
    redactor: Redactor,
    release: LineRelease,
    waiting: Vec<u8>,
}

impl Stream {
    fn new(set: &Arc<NeedleSet>, line_len_max: usize) -> Stream {
        let redactor = Redactor::new(Arc::clone(set));
        Stream { redactor, release: LineRelease::new(line_len_max), waiting: Vec::new() }
    }

    /// The output for a piece.
    fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let (lines, rest) = split_lines(piece);
        let mut out = Vec::new();
        for (part, ends) in [(lines, true), (rest, false)] {
            if part.is_empty() {
                continue;
            }
            let reach = self.redactor.set().reach();
            let redacted = self.redactor.push(part);
            let end = redacted.text_end();
            let pieces: Vec<Piece<'_>> = redacted.pieces().collect();
            let len = match ends {
                true => self.release.lines(reach.at(end), end.at, &self.waiting, &pieces),
                false => self.release.rest(reach, end.at, &pieces, true),
            };
            pieces.iter().for_each(|piece| self.waiting.extend_from_slice(piece.bytes()));
            out.extend(self.waiting.drain(..len));
        }
        out
    }

    fn swap(&mut self, set: &Arc<NeedleSet>) {
        let (before, waiting) = (std::mem::take(&mut self.waiting), &mut self.waiting);
        self.release.swap(&mut self.redactor, set, &before, &mut |again| match again {
            Again::Same(range) => waiting.extend_from_slice(&before[range]),
            Again::New(redacted) => redacted.for_each(|slice| waiting.extend_from_slice(slice)),
        });
    }

    fn finish(&mut self) -> Vec<u8> {
        self.release.end(self.redactor.end());
        self.waiting.extend(self.redactor.finish().flatten());
        std::mem::take(&mut self.waiting)
    }

    /// Everything observable besides its output.
    fn seen(&self) -> (Option<u64>, u64, usize) {
        let end = self.redactor.end();
        let settled = end - self.redactor.unsettled();
        let start = self.release.waiting_start().unwrap_or(end).min(settled);
        (Some(start), self.release.unfinished(end), self.redactor.counts().len())
    }
}

fn exactly(needles: &[Vec<u8>]) -> Result<NeedleSet, BuildError> {
    let secrets = needles.iter().map(|needle| Secret::new("S", needle.clone())).collect();
    NeedleSet::exactly(secrets, Mask::Char(b'*'))
}

/// The length of the output after a text in these pieces, by definition, with masks as long as
/// their regions. At each newline, the settled whole lines, without the last `lag` bytes; of an
/// overlong line, all but the last `tail` bytes.
fn defined(set: &NeedleSet, text: &[u8], cuts: &[usize], line_len_max: usize) -> Vec<usize> {
    let needles: Vec<&[u8]> = set.expose().collect();
    let (reach, mut out, mut all, mut was_overlong) = (set.reach(), 0, Vec::new(), false);
    let mut start = 0;
    for &end in cuts {
        if let Some(newline) = memchr::memrchr(b'\n', &text[start..end]) {
            let end = start + newline + 1;
            let settled = end - naive::held(&needles, &text[..end]);
            let covered = naive::covered(&needles, &text[..end]);
            let is_end =
                |at: &usize| text[*at] == b'\n' && !covered[*at] && *at < settled.min(end - end.min(reach.lag));
            let lines = (0..end).filter(is_end).max().map_or(0, |newline| newline + 1);
            out = out.max(lines);
            if was_overlong || end - out > line_len_max + reach.tail {
                out = out.max(end.saturating_sub(reach.tail));
            }
            was_overlong = false;
        }
        let line = memchr::memrchr(b'\n', &text[..end]).map_or(0, |newline| newline + 1);
        was_overlong |= end > line && (end - line > line_len_max || end - out > line_len_max + reach.tail);
        if was_overlong {
            out = out.max(end.saturating_sub(reach.tail));
        }
        all.push(out);
        start = end;
    }
    all
}

#[test]
fn a01_the_output_is_the_defined_one() {
    let mut rng = Rng(1);
    let (mut overlong, mut exactly_compared) = (0, 0);
    for round in 0..20_000 {
        let word =
            |rng: &mut Rng, letters: &[u8], len: usize| -> Vec<u8> { (0..len).map(|_| rng.pick(letters)).collect() };
        let letters: &[u8] = if round % 2 == 0 { b"ab" } else { b"aab\n" };
        let needles: Vec<Vec<u8>> = (0..1 + rng.below(2))
            .map(|_| {
                let len = 1 + rng.below(9);
                word(&mut rng, letters, len)
            })
            .collect();
        let text = word(&mut rng, b"aaabb\n", 24);
        let Ok(set) = exactly(&needles) else { continue };
        let (set, line_len_max) = (Arc::new(set), rng.pick(&[3, 8, 100]));
        let mut cuts: Vec<usize> = (0..rng.below(8)).map(|_| rng.below(text.len())).chain([text.len()]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let (mut stream, mut out, mut lens, mut start) = (Stream::new(&set, line_len_max), Vec::new(), Vec::new(), 0);
        for &end in &cuts {
            out.extend(stream.push(&text[start..end]));
            lens.push(out.len());
            start = end;
        }
        // Masks emitted in pieces release more of a line at a time; then only the final output is
        // compared.
        let covered = naive::covered(&set.expose().collect::<Vec<_>>(), &text);
        let wanted = defined(&set, &text, &cuts, line_len_max);
        for ((end, len), wanted) in cuts.iter().zip(&lens).zip(&wanted) {
            let is_masked = covered[..*end].contains(&true);
            assert!(len == wanted || is_masked, "{needles:?} {text:?} {cuts:?} {line_len_max}: {lens:?}, not {wanted}");
            exactly_compared += usize::from(!is_masked);
        }
        overlong += usize::from(line_len_max == 3);
        out.extend(stream.finish());
        let mut mask = |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
        let needles: Vec<&[u8]> = set.expose().collect();
        assert_eq!(out, naive::finished(&needles, &text, &|needle| set.partial_len_min(needle), &mut mask));
    }
    assert!(overlong > 1_000 && exactly_compared > 3_000, "{overlong} {exactly_compared}");
}

/// Two sets with secrets that differ in all of their bytes, and texts of parts of both. Everything
/// observable is equal until a needle of one is complete, or a text ends in half of one.
#[test]
fn a01_two_sets_show_the_same_until_a_needle_is_complete() {
    let secrets: [[&[u8]; 2]; 4] = [
        [b"k7QmZ2pX9wLr", b"T4vNc8HsBy3E"],
        [b"sk-live-9xW2mK4p", b"tk-dead-3bQ7nT8z"],
        [
            b"-----BEGIN A KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0B\n-----END A KEY-----",
            b"-----BEGIN A KEY-----\nTUlJRXZRSUJBRB\na3Foa2lHOX\n-----END A KEY-----",
        ],
        [b"user\nhunter2x\nmore", b"name\npassword\nless"],
    ];
    let mut rng = Rng(2);
    let mut compared = 0;
    for round in 0..1_200 {
        let pair = secrets[round % secrets.len()];
        let encodings = round % 3 > 0;
        let sets = pair.map(|value| {
            let secret = Secret::new("S", value.to_vec());
            Arc::new(NeedleSet::builder().encodings(encodings).secret(secret).build().expect("the mask fits"))
        });
        if sets[0].reach().tail != sets[1].reach().tail || sets[0].reach().lag != sets[1].reach().lag {
            continue;
        }
        let needles = sets.each_ref().map(|set| set.expose().collect::<Vec<_>>());
        // Several lines that are too long to guess can be tried as a whole.
        let lines = needles.iter().flatten().filter(|needle| needle[..needle.len() - 1].contains(&b'\n'));
        let lines = lines.flat_map(|needle| needle.split_inclusive(|byte| *byte == b'\n'));
        let long_lines: Vec<&[u8]> = lines.filter(|line| line.len() >= 8 && !line.starts_with(b"-----BEGIN")).collect();
        let line_len_max = rng.pick(&[30, 200, 2_000]);
        let mut streams = sets.each_ref().map(|set| Stream::new(set, line_len_max));
        let mut text: Vec<u8> = Vec::new();
        for _ in 0..10 {
            let whose = rng.below(2);
            let of = rng.pick(&needles[whose]);
            let part = &of[..rng.below(of.len())];
            let piece = match rng.below(4) {
                0 => [&b"x".repeat(rng.below(300))[..], part].concat(),
                1 => [part, b"\n"].concat(),
                2 => [&b"a line\nand "[..], part].concat(),
                _ => part.to_vec(),
            };
            text.extend_from_slice(&piece);
            let is_found = |needles: &Vec<&[u8]>| naive::readings::covered(needles, &text, false).contains(&true);
            if needles.iter().chain([&long_lines]).any(is_found) {
                break;
            }
            let out = streams.each_mut().map(|stream| (stream.push(&piece), stream.seen()));
            assert_eq!(
                out[0],
                out[1],
                "{pair:?} after {:?}, lines up to {line_len_max}",
                String::from_utf8_lossy(&text)
            );
            compared += 1;
            // Without forms there is no second reading, and the first one has all matches of it.
            let ends = |number: usize| {
                let len_min = |needle| sets[number].partial_len_min(needle);
                !naive::readings::partial_matches(&needles[number], &text, &len_min).is_empty()
            };
            if rng.below(4) == 0 && !ends(0) && !ends(1) {
                let out = streams.each_mut().map(|stream| (stream.finish(), stream.seen()));
                assert_eq!(out[0], out[1], "{pair:?} at the end of {:?}", String::from_utf8_lossy(&text));
                text.clear();
            }
        }
    }
    assert!(compared > 3_000, "{compared}");
}

/// All words of these letters up to this length, without the empty one.
fn words(letters: &[u8], len_max: usize) -> Vec<Vec<u8>> {
    let (mut words, mut longest) = (Vec::new(), vec![Vec::new()]);
    for _ in 0..len_max {
        longest = longest
            .iter()
            .flat_map(|word: &Vec<u8>| letters.iter().map(|letter| [word, &[*letter][..]].concat()))
            .collect();
        words.extend_from_slice(&longest);
    }
    words
}

/// Small worlds of lines, blank ones included: a text of one needle's letters shows the same, byte
/// by byte, as with a needle of other letters.
#[test]
fn a01_in_small_worlds_no_line_shows_before_the_needle() {
    let mut compared = 0;
    for (letters, needle_len, text_len) in [(&b"a\n"[..], 7, 8), (b"ab\n", 5, 5)] {
        let texts: Vec<_> = words(letters, text_len).into_iter().filter(|text| text.len() == text_len).collect();
        for needle in words(letters, needle_len) {
            let twin: Vec<u8> = needle.iter().map(|byte| if *byte == b'\n' { b'\n' } else { byte + 2 }).collect();
            let (Ok(one), Ok(other)) = (exactly(std::slice::from_ref(&needle)), exactly(std::slice::from_ref(&twin)))
            else {
                continue;
            };
            let sets = [Arc::new(one), Arc::new(other)];
            for text in &texts {
                let mut streams = sets.each_ref().map(|set| Stream::new(set, 100));
                for end in 1..=text.len() {
                    if naive::covered(&[&needle, &twin], &text[..end]).contains(&true) {
                        break;
                    }
                    let [out, other] =
                        streams.each_mut().map(|stream| (stream.push(&text[end - 1..end]), stream.seen()));
                    assert_eq!(
                        out,
                        other,
                        "{:?} in {:?}",
                        needle.escape_ascii().to_string(),
                        text.escape_ascii().to_string()
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 400_000, "{compared}");
}

#[test]
fn a01_a_partial_match_counts_in_bytes_of_the_value() {
    let secret = Secret::new("S", b"k7QmZ2pX9wLr".to_vec());
    let set = NeedleSet::builder().secret(secret).build().expect("the mask fits");
    for (text, is_masked) in [
        ("k7QmZ2p", false),
        ("k7QmZ2pX", true),
        ("6b:37:51", false),
        ("6b:37:51:6d:5a:32:70", false),
        ("6b:37:51:6d:5a:32:70:58:39", true),
        ("6b37516d5a3270", false),
        ("6b37516d5a327058", true),
        ("azdRbVoy", false),
    ] {
        assert_eq!(set.is_match(text.as_bytes()), is_masked, "{text}");
    }
}

/// Most sets have no short lines, so whole lines are released at once.
#[test]
fn a01_nothing_waits_behind_a_newline_but_for_short_lines() {
    let lag_of = |value: &str, encodings| {
        let builder = NeedleSet::builder().encodings(encodings).secret(Secret::new("S", value.into()));
        builder.build().expect("the mask fits").reach().lag
    };
    let lag = |value: &str| lag_of(value, true);
    let key = "-----BEGIN A KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ\n-----END A KEY-----\n";
    for value in ["sk-live-4f9QzXabc", "0123456789abcdefghijklmnopqrstuvwxyzABCD", key, "hunter2-prod\n"] {
        assert_eq!(lag(value), 0, "{value}");
    }
    // The longest form of a short line is the one in UTF-16.
    assert_eq!(lag("user\nhunter2x\n"), 11);
    let lag = |value: &str| lag_of(value, false);
    assert_eq!(lag("user\nhunter2x\n"), 5);
    // The public lines that follow would show that the guess is right.
    assert_eq!(lag("user\n\n\n\nhunter2x\n"), 8);
    assert_eq!(lag("user\n-----BEGIN A KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n"), 27);
}

/// All texts of two letters of this length.
fn texts(len: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..1_u32 << len).map(move |bits| (0..len).map(|bit| b'a' + (bits >> bit & 1) as u8).collect())
}

/// Without any mask so far, a line held back during a change of set comes out as if the old set had
/// never existed, for any cutting.
#[test]
fn b10_a_waiting_line_is_redacted_by_the_new_set() {
    let set = |needle: &[u8]| Arc::new(exactly(&[needle.to_vec()]).expect("the mask fits"));
    let old_needles: [&[u8]; 4] = [b"aab", b"ba", b"bbbb", b"c"];
    let new_needles: [&[u8]; 5] = [b"a", b"ab", b"abb", b"babba", b"aabaabaaba"];
    let (mut compared, mut masked) = (0, 0);
    for (old_needle, new_needle) in old_needles.iter().flat_map(|old| new_needles.map(|new| (*old, new))) {
        let (old, new) = (set(old_needle), set(new_needle));
        for text in (0..=9).flat_map(texts) {
            let len_min = |_: usize| new.partial_len_min(0);
            let mut mask = |needle, first, out: &mut Vec<u8>| new.write_mask(needle, first, out);
            let wanted = naive::finished(&[new_needle], &text, &len_min, &mut mask);
            for cut in 0..=text.len() {
                if naive::covered(&[old_needle], &text[..cut]).contains(&true) {
                    continue;
                }
                let mut stream = Stream::new(&old, 100);
                let mut out = stream.push(&text[..cut / 2]);
                out.extend(stream.push(&text[cut / 2..cut]));
                stream.swap(&new);
                out.extend(stream.push(&text[cut..]));
                assert_eq!(stream.redactor.end(), text.len() as u64);
                out.extend(stream.finish());
                assert_eq!(out, wanted, "{text:?} cut at {cut}, from {old_needle:?} to {new_needle:?}");
                compared += 1;
                masked += usize::from(wanted != text);
            }
        }
    }
    assert!(compared > 40_000 && masked > 10_000, "{compared} {masked}");
}

/// Masked bytes stay masked, only needles change other bytes, and no occurrence of a new needle
/// remains between masks.
#[test]
fn b10_between_masks_a_line_that_waits_is_searched_again() {
    let mut rng = Rng(3);
    let (mut found, mut kept) = (0, 0);
    for _ in 0..20_000 {
        let word = |rng: &mut Rng, len: usize| -> Vec<u8> { (0..len).map(|_| rng.pick(b"ab")).collect() };
        let needles: Vec<Vec<u8>> = (0..3)
            .map(|_| {
                let len = 2 + rng.below(4);
                word(&mut rng, len)
            })
            .collect();
        let sets: Vec<Arc<NeedleSet>> = needles
            .iter()
            .map(|needle| Arc::new(exactly(std::slice::from_ref(needle)).expect("the mask fits")))
            .collect();
        let text = word(&mut rng, 16);
        let (one, two) = (rng.below(text.len()), rng.below(text.len()));
        let cuts = [0, one.min(two), one.max(two), text.len()];
        let mut stream = Stream::new(&sets[0], 100);
        for (number, set) in sets.iter().enumerate() {
            if number > 0 {
                stream.swap(set);
            }
            assert!(stream.push(&text[cuts[number]..cuts[number + 1]]).is_empty(), "no line has ended");
        }
        let out = stream.finish();
        let counted = stream.redactor.counts().values().sum::<u64>();
        assert_eq!(out.len(), text.len());
        let old = naive::covered(&[&needles[0]], &text[..cuts[1]]);
        let all = naive::covered(&needles.iter().map(Vec::as_slice).collect::<Vec<_>>(), &text);
        for (at, byte) in out.iter().enumerate() {
            assert!(*byte == b'*' || *byte == text[at], "a byte has changed");
            assert!(*byte == b'*' || !old.get(at).is_some_and(|covered| *covered), "what was masked is not any more");
            assert!(*byte != b'*' || all[at], "a byte is masked that is of no secret: {needles:?} {text:?} {cuts:?}");
        }
        let last = needles[2].as_slice();
        assert!(!out.windows(last.len()).any(|part| part == last), "{needles:?} {text:?} {cuts:?}: {out:?}");
        assert_eq!(counted == 0, !out.contains(&b'*'), "{needles:?} {text:?}");
        found += usize::from(out.contains(&b'*'));
        kept += usize::from(old.contains(&true));
    }
    assert!(found > 10_000 && kept > 2_000, "{found} {kept}");
}

#[test]
fn a01_a_line_that_may_be_wrapped_waits_for_the_next_one() {
    let secret = Secret::new("S", b"correct horse battery".to_vec());
    let set = Arc::new(NeedleSet::builder().secret(secret).build().expect("the mask fits"));
    let hash = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
    let mut stream = Stream::new(&set, 1_000);
    let mut push = |text: String| String::from_utf8(stream.push(text.as_bytes())).expect("UTF-8");
    assert_eq!(push(format!("a line\n{hash}\n")), "a line\n");
    assert_eq!(push(format!("{hash}\n")), "");
    assert_eq!(push(format!("and {hash}\r\n")), format!("{hash}\n{hash}\n"));
    assert_eq!(push("a line\n".to_owned()), format!("and {hash}\r\na line\n"));
    assert_eq!(push(format!("{}\n", &hash[1..])), format!("{}\n", &hash[1..]));
    // A secret that a line end cuts is masked as a whole.
    assert_eq!(push(format!("x{hash}Y29ycmVjdCBob3Jz\n")), "");
    assert_eq!(push("ZSBiYXR0ZXJ5 ok\n".to_owned()), format!("x{hash}[REDACTED:S] ok\n"));
}
