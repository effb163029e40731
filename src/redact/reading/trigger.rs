//! The places in a text where the plain reading may differ from it.
//!
//! They are looked for in blocks of 64 bytes, by the class of each byte: on x86-64 with AVX-512 or
//! AVX2, on 64-bit ARM with NEON, elsewhere byte by byte. A candidate is then checked by itself.

use core::ops::Range;
use std::sync::LazyLock;

use super::super::isa::Isa;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
use super::aarch64;
use super::block::{self, BLOCK_LEN, Block, Earlier, Lookups, Wanted, is_in, lookup};
use super::dump;
use super::rest::Rest;
use super::rule::{self, Escape, FIRST, ReadsAs, may_begin};
use super::token::{Before, TOKEN_RUN_MIN, are_tokens, doubles, offset};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The characters that are read as one if they are doubled.
const DOUBLED: &[u8; 6] = b"\"'$%{}";
/// The bytes that end lines.
const LINE_ENDS: &[u8] = b"\r\n";

/// The doubled characters that matter to a set, and the instructions to look for triggers with.
///
/// Of the doubled characters, those in its needles matter: where a character is in no needle, one
/// of it ends each match as well as two.
#[derive(Clone)]
pub(crate) struct Joints {
    lookups: Lookups,
    /// Whether any doubled character matters.
    has_doubled: bool,
    isa: Option<Isa>,
}

impl Joints {
    /// The characters that matter to needles with these bytes.
    pub(crate) fn of(used: &[bool; 256], isa: Option<Isa>) -> Joints {
        let quotes = used[usize::from(b'"')] || used[usize::from(b'\'')];
        Joints::with(|byte| used[usize::from(byte)] || quotes && matches!(byte, b'"' | b'\''), isa)
    }

    /// The characters for any needle.
    pub(crate) fn all() -> &'static Joints {
        static ALL: LazyLock<Joints> = LazyLock::new(|| Joints::with(|_| true, Isa::detect()));
        &ALL
    }

    fn with(is_used: impl Fn(u8) -> bool, isa: Option<Isa>) -> Joints {
        let used: Vec<u8> = DOUBLED.iter().copied().filter(|&byte| is_used(byte)).collect();
        let marks = [&FIRST[..], LINE_ENDS].concat();
        let lookups = Lookups {
            escapes: lookup(FIRST),
            line_ends: lookup(LINE_ENDS),
            doubled: lookup(&used),
            marks: lookup(&marks),
        };
        Joints { lookups, has_doubled: !used.is_empty(), isa }
    }

    /// Whether the second byte only doubles the first.
    #[inline]
    pub(crate) fn joins(&self, before: u8, byte: u8) -> bool {
        is_in(&self.lookups.doubled, byte) && doubles(before, byte)
    }
}

/// The kinds of places to look for.
#[derive(Clone, Copy)]
struct Kinds {
    escapes: bool,
    joints: bool,
}

/// The offsets of the bytes that may begin an escape. `masks` is scratch space.
pub(super) fn escapes(joints: &Joints, bytes: &[u8], masks: &mut Vec<u64>, out: &mut Vec<u32>) {
    masks.clear();
    let (blocks, rest) = bytes.split_at(bytes.len() / BLOCK_LEN * BLOCK_LEN);
    match joints.isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has these instructions, or the variant would be another.
        Some(Isa::Avx512) => unsafe { x86::escapes_avx512(&joints.lookups.escapes, blocks, masks) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Some(Isa::Avx2) => unsafe { x86::escapes_avx2(&joints.lookups.escapes, blocks, masks) },
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        // SAFETY: as above.
        Some(Isa::Neon) => unsafe { aarch64::escapes_neon(&joints.lookups.escapes, blocks, masks) },
        None => masks.extend(blocks.as_chunks().0.iter().map(|block| classify(joints, block).escapes)),
    }
    if !rest.is_empty() {
        let mut padded = [0; BLOCK_LEN];
        padded[..rest.len()].copy_from_slice(rest);
        masks.push(classify(joints, &padded).escapes);
    }
    offsets(masks, out);
}

/// The offsets of the bits of masks. Eight at a time, without a branch for their number, which
/// would be mispredicted once a block (Langdale and Lemire, "Parsing gigabytes of JSON per
/// second").
fn offsets(masks: &[u64], out: &mut Vec<u32>) {
    const AT_ONCE: usize = 8;
    let mut len = 0;
    for (block, &mask) in masks.iter().enumerate().filter(|(_, mask)| **mask != 0) {
        let (mut mask, end) = (mask, len + mask.count_ones() as usize);
        if out.len() < end + AT_ONCE {
            out.resize((end + AT_ONCE).max(2 * out.len()), 0);
        }
        for slots in out[len..].chunks_exact_mut(AT_ONCE).take((end - len).div_ceil(AT_ONCE)) {
            for slot in slots {
                *slot = (block * BLOCK_LEN) as u32 + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
            }
        }
        len = end;
    }
    out.truncate(len);
}

/// The classes of a block.
#[inline]
fn classify(joints: &Joints, block: &[u8; BLOCK_LEN]) -> Block {
    match joints.isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has these instructions, or the variant would be another.
        Some(Isa::Avx512) => unsafe { x86::classify_avx512(&joints.lookups, block) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Some(Isa::Avx2) => unsafe { x86::classify_avx2(&joints.lookups, block) },
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        // SAFETY: as above.
        Some(Isa::Neon) => unsafe { aarch64::classify_neon(&joints.lookups, block) },
        None => block::classify(&joints.lookups, block),
    }
}

/// Skips blocks without candidates from `at` on, and returns where a closer look is needed, or
/// where no block fits before the end of the text. At least a block stands before `at`. Several
/// times as fast as [`classify`], and nearly always right. Without vector instructions, it skips
/// nothing.
#[inline]
fn skip(joints: &Joints, text: &[u8], at: usize) -> usize {
    debug_assert!(at >= BLOCK_LEN);
    match joints.isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has these instructions, and this function demands the block before.
        Some(Isa::Avx512) => unsafe { x86::skip_avx512(&joints.lookups, text, at, joints.has_doubled) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Some(Isa::Avx2) => unsafe { x86::skip_avx2(&joints.lookups, text, at, joints.has_doubled) },
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        // SAFETY: as above.
        Some(Isa::Neon) => unsafe { aarch64::skip_neon(&joints.lookups, text, at, joints.has_doubled) },
        None => at,
    }
}

/// The first byte from `at` on that doubles the one before it or ends a line behind a long run of
/// token characters, or the end. `before` is the reading before `at`.
pub(super) fn first_joint(joints: &Joints, bytes: &[u8], at: usize, before: Before) -> usize {
    Triggers { joints, text: bytes, from: at, before, kinds: Kinds { escapes: false, joints: true } }.first()
}

/// The first byte from `at` on at which the reading may differ, or the end. `before` is the reading
/// before `at`.
pub(crate) fn first(joints: &Joints, text: &[u8], at: usize, before: Before) -> usize {
    Triggers { joints, text, from: at, before, kinds: Kinds { escapes: true, joints: true } }.first()
}

/// A place where the readings differ, with none near it.
pub(crate) struct Alone {
    /// The byte that stands there in the plain reading, if there is one.
    pub(crate) byte: Option<u8>,
    /// The end of the place.
    pub(crate) end: usize,
    /// Up to here, far enough for any effect of the place on another to end, the text is its own
    /// reading.
    pub(crate) clear_until: usize,
}

/// The place at this offset, which [`first`] has found, if it is simple and alone.
pub(crate) fn alone(joints: &Joints, text: &[u8], place: usize, before: Before) -> Option<Alone> {
    if text[place] == b'0' {
        return None;
    }
    let is_line_end = matches!(text[place], b'\r' | b'\n');
    let (byte, end) = if is_line_end {
        let is_blank = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t');
        let blanks = text[place..].iter().take(WRAP_LEN_MAX).take_while(is_blank).count();
        let rest = Rest { bytes: &text[place + blanks..], is_last: false };
        let is_alone = blanks < WRAP_LEN_MAX && offset(rest).ok()? == 0;
        (None, if is_alone { place + blanks } else { return None })
    } else {
        let escape = rule::escape(Rest { bytes: &text[place..], is_last: false }).ok()?;
        let (byte, len) = match escape {
            None => (Some(text[place]), 1),
            Some(Escape { len, reads_as: ReadsAs::Bytes([byte, ..], 1), .. }) => (Some(byte), len),
            Some(Escape { len, reads_as: ReadsAs::Nothing, .. }) => (None, len),
            Some(_) => return None,
        };
        let is_joint = |byte: u8| {
            before.byte.is_some_and(|before| joints.joins(before, byte))
                || matches!(byte, b'\r' | b'\n') && before.run == TOKEN_RUN_MIN
        };
        if byte.is_some_and(|byte| is_joint(byte) || len > 1 && FIRST.contains(&byte)) {
            return None;
        }
        (byte, place + len)
    };
    let clear_until = end + usize::from(TOKEN_RUN_MIN);
    // As if a long run of token characters ended here, which is so at a line end, and may be.
    let before = Before { byte: byte.or(before.byte), run: TOKEN_RUN_MIN };
    let is_clear = clear_until < text.len() && is_clear(joints, text, end..clear_until + 1, before);
    is_clear.then_some(Alone { byte, end, clear_until })
}

/// Whether there is no trigger in this range. `before` is the reading before it.
fn is_clear(joints: &Joints, text: &[u8], range: Range<usize>, before: Before) -> bool {
    // One whole block is less work than a part of one.
    let text = text.get(..range.start + BLOCK_LEN).unwrap_or(&text[..range.end]);
    let kinds = Kinds { escapes: true, joints: true };
    Triggers { joints, text, from: range.start, before, kinds }.first() >= range.end
}

/// The longest line end with blanks behind it that is passed at once.
const WRAP_LEN_MAX: usize = 64;

struct Triggers<'a> {
    joints: &'a Joints,
    text: &'a [u8],
    from: usize,
    /// The reading before `from`.
    before: Before,
    kinds: Kinds,
}

impl Triggers<'_> {
    fn first(&self) -> usize {
        let found = self.first_in_blocks();
        if found == self.text.len() && self.kinds.escapes { self.last_zeros() } else { found }
    }

    /// Where a dump may begin that goes on behind the end of the text, or the end.
    fn last_zeros(&self) -> usize {
        let first = self.from + dump::beginning(&self.text[self.from..]);
        if self.may_be_offset(first) { first } else { self.text.len() }
    }

    /// Whether an offset may begin here by the byte before it. Before the first place, that may be
    /// another byte in a deeper level.
    fn may_be_offset(&self, at: usize) -> bool {
        at == self.from || at < self.text.len() && dump::may_follow(Some(self.text[at - 1]))
    }

    fn first_in_blocks(&self) -> usize {
        let text = self.text;
        let (mut at, mut earlier, wants) = (self.from, self.earlier(), self.wants());
        while let Some(block) = text[at..].first_chunk() {
            let (candidates, next) = classify(self.joints, block).candidates(earlier, wants);
            if let Some(place) = self.first_of(candidates, at) {
                return place;
            }
            (earlier, at) = (next, at + BLOCK_LEN);
            if earlier.line_end == 1 && text.get(at) == Some(&b'0') {
                continue;
            }
            let skipped = skip(self.joints, text, at);
            if skipped > at {
                (earlier, at) = (Earlier::UNKNOWN, skipped);
            }
        }
        let (mut last, rest) = ([0; BLOCK_LEN], &text[at..]);
        if rest.is_empty() {
            return text.len();
        }
        last[..rest.len()].copy_from_slice(rest);
        let (candidates, _) = classify(self.joints, &last).candidates(earlier, wants);
        self.first_of(candidates, at).unwrap_or(text.len())
    }

    /// The first trigger among the candidates of the block at this offset.
    #[inline]
    fn first_of(&self, mut candidates: u64, at: usize) -> Option<usize> {
        while candidates != 0 {
            let place = at + candidates.trailing_zeros() as usize;
            if self.is_trigger(place) {
                return Some(place);
            }
            candidates &= candidates - 1;
        }
        None
    }

    fn wants(&self) -> Wanted {
        let all = |wanted: bool| if wanted { u64::MAX } else { 0 };
        Wanted {
            escapes: all(self.kinds.escapes),
            wraps: all(self.kinds.joints),
            doubled: all(self.kinds.joints && self.joints.has_doubled),
        }
    }

    /// The reading before the first byte.
    fn earlier(&self) -> Earlier {
        let doubled = self.before.byte.is_some_and(|byte| is_in(&self.joints.lookups.doubled, byte));
        Earlier { blanks: u64::MAX >> self.before.run, doubled: doubled.into(), line_end: 1 }
    }

    /// Whether the byte is one of those looked for.
    #[inline]
    fn is_trigger(&self, at: usize) -> bool {
        let byte = self.text[at];
        let is_line_end = matches!(byte, b'\r' | b'\n');
        if self.kinds.escapes && is_in(&self.joints.lookups.escapes, byte) && may_begin(&self.text[at..]) {
            return true;
        }
        if self.kinds.escapes && byte == b'0' && self.may_be_offset(at) && dump::may_begin(&self.text[at..]) {
            return true;
        }
        if !self.kinds.joints {
            return false;
        }
        let before = if at == self.from { self.before.byte } else { Some(self.text[at - 1]) };
        before.is_some_and(|before| self.joints.joins(before, byte)) || is_line_end && self.is_behind_run(at)
    }

    /// Whether a long run of token characters ends before this position.
    fn is_behind_run(&self, at: usize) -> bool {
        let bytes = &self.text[self.from..at];
        match bytes.last_chunk() {
            Some(run) => are_tokens(run),
            None => self.before.then(bytes).run == TOKEN_RUN_MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Joints, first, first_joint};
    use crate::redact::isa::Isa;
    use crate::redact::reading::token::{Before, TOKEN_RUN_MIN, doubles, is_token};

    /// The first joint, byte by byte.
    fn joint(text: &[u8], from: usize, before: Before) -> usize {
        let run = |at: usize| before.then(&text[from..at]);
        let is_joint = |&at: &usize| {
            let before = run(at);
            before.byte.is_some_and(|before| doubles(before, text[at]))
                || matches!(text[at], b'\r' | b'\n') && before.run == TOKEN_RUN_MIN
        };
        (from..text.len()).find(is_joint).unwrap_or(text.len())
    }

    #[test]
    fn each_variant_finds_the_first_joint() {
        let mut seed = 7_u32;
        let mut below = |limit: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % limit
        };
        let isas = [None, Isa::detect(), Isa::detect().map(Isa::without_avx512)];
        for round in 0..3_000 {
            let len = below(300) as usize;
            let letters = [
                &b"ab1+/.\n\r"[..],
                b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
                b"a\"\n'$%{ \r",
            ];
            let letters = letters[below(3) as usize];
            let text: Vec<u8> = (0..len).map(|_| letters[below(letters.len() as u32) as usize]).collect();
            let from = below(1 + len as u32) as usize;
            let before = Before::default().then(&text[..from]);
            for isa in isas {
                let joints = Joints { isa, ..Joints::all().clone() };
                assert_eq!(first_joint(&joints, &text, from, before), joint(&text, from, before), "{round} {isa:?}");
            }
        }
        assert!(is_token(b'a'));
    }

    /// Long texts with few places, which most blocks are skipped in.
    #[test]
    fn each_variant_finds_the_first_place() {
        let mut seed = 11_u32;
        let mut below = |limit: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % limit
        };
        let pieces: [&[u8]; 15] = [
            b"a-line of words\n",
            b"ab.cd,ef\r\n",
            b"0123456789abcdefghijklmnopqrstuvwxyzABC",
            b"+/=_-",
            b"\n",
            b"\r",
            b"\n\n",
            b"'",
            b"\"",
            b"&q=a&amp",
            b"100% #1 `ls` a^b",
            b"\xc3\xa9\xa5\x8a",
            b"\n0000: 7a",
            b"\r\n\r\n0000",
            b"00",
        ];
        let (mut found, mut skipped) = (0, 0);
        for round in 0..3_000 {
            let count = 1 + below(30);
            let kinds = 1 + below(pieces.len() as u32);
            let mut text = Vec::new();
            (0..count).for_each(|_| text.extend_from_slice(pieces[below(kinds) as usize]));
            let from = below(text.len() as u32) as usize;
            let before = Before::default().then(&text[..from]);
            let places = [None, Isa::detect(), Isa::detect().map(Isa::without_avx512)].map(|isa| {
                let joints = Joints { isa, ..Joints::all().clone() };
                first(&joints, &text, from, before)
            });
            assert!(places.iter().all(|place| *place == places[0]), "{round}: {places:?}");
            found += u32::from(places[0] < text.len());
            skipped += u32::from(places[0] - from > 256);
        }
        assert!(found > 500 && skipped > 100, "{found} found, {skipped} behind skipped blocks");
    }

    #[test]
    fn an_escape_is_found_at_any_place_of_a_block() {
        for isa in [None, Isa::detect(), Isa::detect().map(Isa::without_avx512)] {
            let joints = Joints { isa, ..Joints::all().clone() };
            for len in [1, 3, 63, 64, 65, 127, 130] {
                for at in 0..len {
                    let mut text = vec![b'.'; len + 2];
                    text[at] = b'\\';
                    assert_eq!(first(&joints, &text, 0, Before::default()), at, "{isa:?} {len}");
                }
            }
        }
    }
}
