//! The places in a text where the plain reading may differ from it.
//!
//! They are looked for in blocks of 64 bytes, by the class of each byte. On x86-64 one instruction
//! looks up the classes of a block (AVX-512 VBMI), or six (AVX2); elsewhere the compiler compares
//! with each byte in turn. A candidate is then checked by itself.

use super::super::isa::Isa;
use super::block::{BLOCK_LEN, Block, DOUBLED, ESCAPE, Earlier, LINE_END, TOKEN, Wanted};
use super::rule::{FIRST, may_begin};
use super::token::{Before, TOKEN_RUN_MIN, doubles, is_token};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The classes of a text's bytes, as far as they matter to a set.
///
/// Of the doubled characters, those in its needles matter: where a character is in no needle, one
/// of it ends each match as well as two.
#[derive(Clone)]
pub(crate) struct Joints {
    pub(super) classes: [u8; 128],
    /// Whether any doubled character matters.
    has_doubled: bool,
    isa: Option<Isa>,
}

impl Joints {
    /// The classes for these needles.
    pub(crate) fn of<'a>(needles: impl Iterator<Item = &'a [u8]>, isa: Option<Isa>) -> Joints {
        let mut used = [false; 128];
        needles.flatten().filter(|byte| byte.is_ascii()).for_each(|&byte| used[usize::from(byte)] = true);
        let quotes = used[usize::from(b'"')] || used[usize::from(b'\'')];
        Joints::with(|byte| used[usize::from(byte)] || quotes && matches!(byte, b'"' | b'\''), isa)
    }

    /// The classes for any needle.
    pub(crate) fn all() -> Joints {
        Joints::with(|_| true, None)
    }

    fn with(is_used: impl Fn(u8) -> bool, isa: Option<Isa>) -> Joints {
        let class = |byte: u8| {
            let of = |class: u8, is_of: bool| if is_of { class } else { 0 };
            of(ESCAPE, FIRST.contains(&byte))
                | of(LINE_END, matches!(byte, b'\r' | b'\n'))
                | of(TOKEN, is_token(byte))
                | of(DOUBLED, doubles(byte, byte) && is_used(byte))
        };
        let classes = std::array::from_fn(|byte| class(byte as u8));
        Joints { classes, has_doubled: classes.iter().any(|class| class & DOUBLED != 0), isa }
    }

    /// Whether the second byte only doubles the first.
    pub(crate) fn joins(&self, before: u8, byte: u8) -> bool {
        self.class(byte) & DOUBLED != 0 && doubles(before, byte)
    }

    #[inline(always)]
    fn class(&self, byte: u8) -> u8 {
        self.classes.get(usize::from(byte)).copied().unwrap_or(0)
    }
}

/// The kinds of places to look for.
#[derive(Clone, Copy)]
struct Kinds {
    escapes: bool,
    joints: bool,
}

/// The first byte from `at` on that may begin an escape, or the end.
#[inline]
pub(super) fn first_escape(joints: &Joints, bytes: &[u8], at: usize) -> usize {
    let near = bytes.len().min(at + NEAR);
    for at in at..near {
        if joints.class(bytes[at]) & ESCAPE != 0 && may_begin(bytes[at], bytes.get(at + 1).copied()) {
            return at;
        }
    }
    let at = near;
    find(joints, bytes, at, Before::default(), Kinds { escapes: true, joints: false })
}

/// The first byte from `at` on that doubles the one before it or ends a line behind a long run of
/// token characters, or the end. `before` is the reading before `at`.
pub(super) fn first_joint(joints: &Joints, bytes: &[u8], at: usize, before: Before) -> usize {
    find(joints, bytes, at, before, Kinds { escapes: false, joints: true })
}

/// The first byte from `at` on that is one of either kind, or the end.
pub(crate) fn first(joints: &Joints, text: &[u8], at: usize, before: Before) -> usize {
    find(joints, text, at, before, Kinds { escapes: true, joints: true })
}

/// The number of bytes that are looked at one by one before the first block.
const NEAR: usize = 12;

fn find(joints: &Joints, text: &[u8], from: usize, before: Before, kinds: Kinds) -> usize {
    let search = Triggers { joints, text, from, before, kinds };
    // In text full of escapes the next one is near.
    let near = if kinds.joints { text.len().min(from + NEAR) } else { from };
    if let Some(found) = (from..near).find(|&at| search.is_trigger(at)) {
        return found;
    }
    let (mut at, mut earlier) = (near, if kinds.joints { search.earlier(near) } else { Earlier::default() });
    while at + BLOCK_LEN <= text.len() {
        let Some((mut candidates, block)) = search.skip(&mut at, &mut earlier) else { break };
        while candidates != 0 {
            let candidate = at + candidates.trailing_zeros() as usize;
            if search.is_trigger(candidate) {
                return candidate;
            }
            candidates &= candidates - 1;
        }
        (earlier, at) = (block.of_next(), at + BLOCK_LEN);
    }
    (at..text.len()).find(|&at| search.is_trigger(at)).unwrap_or(text.len())
}

struct Triggers<'a> {
    joints: &'a Joints,
    text: &'a [u8],
    from: usize,
    /// The reading before `from`.
    before: Before,
    kinds: Kinds,
}

impl Triggers<'_> {
    /// The classes of the bytes before this position, as if they were a block.
    fn earlier(&self, at: usize) -> Earlier {
        let mut earlier = Earlier::default();
        for (bit, at) in (0..64).rev().zip((self.from..at).rev()) {
            let class = self.joints.class(self.text[at]);
            earlier.token |= u64::from(class & TOKEN != 0) << bit;
            earlier.doubled |= u64::from(class & DOUBLED != 0) << bit;
        }
        let known = (at - self.from).min(64) as u32;
        if known < 64 {
            let token = !u64::MAX.checked_shr(self.before.run.into()).unwrap_or(0);
            let doubled = self.before.byte.is_some_and(|byte| self.joints.class(byte) & DOUBLED != 0);
            earlier.token |= token >> known;
            earlier.doubled |= u64::from(doubled) << 63 >> known;
        }
        earlier
    }

    /// Moves on to the first block with candidates, and returns both; none at the end of the text.
    fn skip(&self, at: &mut usize, earlier: &mut Earlier) -> Option<(u64, Block)> {
        let all = |wanted: bool| if wanted { u64::MAX } else { 0 };
        let wants = Wanted {
            escapes: all(self.kinds.escapes),
            wraps: all(self.kinds.joints),
            doubled: all(self.kinds.joints && self.joints.has_doubled),
        };
        match self.joints.isa {
            #[cfg(target_arch = "x86_64")]
            Some(Isa::Avx512) => {
                // SAFETY: the machine has these instructions, or the variant would be another.
                unsafe { x86::skip_avx512(&self.joints.classes, self.text, at, earlier, wants) }
            }
            #[cfg(target_arch = "x86_64")]
            Some(Isa::Avx2) => {
                // SAFETY: as above.
                unsafe { x86::skip_avx2(self.text, at, earlier, wants) }
            }
            _ => {
                while *at + BLOCK_LEN <= self.text.len() {
                    let block = classify(self.joints, self.text, *at);
                    let candidates = block.candidates(*earlier, wants);
                    if candidates != 0 {
                        return Some((candidates, block));
                    }
                    (*earlier, *at) = (block.of_next(), *at + BLOCK_LEN);
                }
                None
            }
        }
    }

    /// Whether the byte is one of those looked for.
    #[inline(always)]
    fn is_trigger(&self, at: usize) -> bool {
        let byte = self.text[at];
        let class = self.joints.class(byte);
        if class & !TOKEN == 0 {
            return false;
        }
        let before = if at == self.from { self.before.byte } else { Some(self.text[at - 1]) };
        (self.kinds.escapes && class & ESCAPE != 0 && may_begin(byte, self.text.get(at + 1).copied()))
            || (self.kinds.joints
                && (class & DOUBLED != 0 && before.is_some_and(|before| doubles(before, byte))
                    || class & LINE_END != 0 && self.run_before(at) == TOKEN_RUN_MIN))
    }

    /// The number of token characters before this position.
    fn run_before(&self, at: usize) -> u8 {
        let most = usize::from(TOKEN_RUN_MIN);
        let bytes = &self.text[self.from.max(at.saturating_sub(most))..at];
        let before = if bytes.len() < most { self.before } else { Before::default() };
        before.then(bytes).run
    }
}

/// The classes of the block at this position.
fn classify(joints: &Joints, text: &[u8], at: usize) -> Block {
    let mut block = Block::default();
    for (bit, &byte) in text[at..at + BLOCK_LEN].iter().enumerate() {
        let class = u64::from(joints.class(byte));
        block.escape |= (class & 1) << bit;
        block.line_end |= (class >> 1 & 1) << bit;
        block.token |= (class >> 2 & 1) << bit;
        block.doubled |= (class >> 3 & 1) << bit;
    }
    block
}
