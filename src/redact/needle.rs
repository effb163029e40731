//! The needle set: every byte string that gives a secret away, compiled for searching.

use core::fmt;
use std::sync::OnceLock;

use super::automaton::State;
use super::bare;
use super::colour;
use super::encoding::Form;
use super::mask::Mask;
use super::prefilter::Variant;
use super::prefilter::infixes::Infixes;
use super::reach::Reach;
use super::reading::trigger::Joints;
use super::scan::Scanner;
use super::text::is_hidden;

/// The size of the batches of emitted mask characters, in bytes.
const MASK_BATCH_LEN: usize = 4096;

/// All needles of the current secrets, compiled for searching; immutable, and meant to be shared in
/// an `Arc`.
///
/// Memory: about four bytes for each byte of the needles of a large set, tables included, and four
/// more for each of their bytes behind which a search has broken off a match. Dropping the set
/// wipes all memory with needle bytes in their order. It does not wipe tables of hashes, nor the
/// automaton's table of branches.
pub struct NeedleSet {
    /// The origin of each needle of the scanner.
    origins: Vec<Origin>,
    /// For each needle, the minimum length of a partial match at the end of a text.
    partial_lens: Vec<u32>,
    reach: Reach,
    /// Whether the plain reading is searched, too.
    reads: bool,
    joints: Joints,
    absent: Option<u8>,
    names: Vec<String>,
    mask: Mask,
    /// The mask of each secret by the number of its name, or one batch of a mask character.
    masks: Vec<Box<[u8]>>,
    /// See [`quotes`](NeedleSet::quotes).
    quotes: bool,
    quotes_are_safe: bool,
    /// See [`code_separator`](NeedleSet::code_separator).
    code_separator: Option<&'static [u8]>,
    infixes: OnceLock<Option<Infixes>>,
    pub(super) notices: Vec<Notice>,
    scanner: Scanner,
}

/// The bytes that no UTF-8 text contains, and therefore no mask.
const NO_TEXT: [u8; 13] = [0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7, 0xf6, 0xf5, 0xc1, 0xc0];

/// The bytes that the needles have, by their values.
fn used_bytes(scanner: &Scanner) -> [bool; 256] {
    let mut used = [false; 256];
    scanner.needles().bytes().iter().for_each(|byte| used[usize::from(*byte)] = true);
    used
}

/// The origin of a needle.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The number of the secret's name.
    pub(super) name: u32,
    pub(super) form: Form,
}

/// The replacement for a region.
#[derive(Clone, Copy)]
pub(super) enum Replacement<'a> {
    /// These bytes, once.
    Region(&'a [u8]),
    /// One of these equal bytes for each byte of the region.
    Byte(&'a [u8]),
}

/// A notice about one secret of a set. It holds no part of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The secret's name.
    pub name: String,
    /// The kind of the notice.
    pub kind: NoticeKind,
}

/// The kind of a [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The value is empty or blank; it is not masked.
    Blank,
    /// The value is shorter than the minimum length; it is not masked.
    TooShort,
    /// The value is shorter than [`UNGUESSABLE_LEN_MIN`](super::secret::UNGUESSABLE_LEN_MIN); every
    /// occurrence is masked.
    Short,
    /// The value is an ordinary word; every occurrence is masked.
    OrdinaryWord,
    /// The default mask could read as part of the value, so the whole set has
    /// [another](NeedleSet::mask).
    MaskReplaced,
}

impl NeedleSet {
    pub(super) fn new(
        scanner: Scanner,
        origins: Vec<Origin>,
        unguessable_lens: Vec<u32>,
        names: Vec<String>,
        reads: bool,
        variant: Variant,
    ) -> NeedleSet {
        let partial_len = |(needle, len): (&[u8], &u32)| (*len).max(needle.len().div_ceil(2) as u32);
        let used = used_bytes(&scanner);
        NeedleSet {
            origins,
            partial_lens: scanner.needles().iter().zip(&unguessable_lens).map(partial_len).collect(),
            reach: Reach::of(&scanner, &unguessable_lens, reads),
            reads: reads && scanner.needles().len() > 0,
            joints: Joints::of(&used, variant.isa()),
            absent: NO_TEXT.into_iter().find(|byte| !used[usize::from(*byte)]),
            names,
            mask: Mask::default(),
            masks: Vec::new(),
            quotes: false,
            quotes_are_safe: false,
            infixes: OnceLock::new(),
            code_separator: colour::separator(scanner.needles().iter()).filter(|_| reads),
            notices: Vec::new(),
            scanner,
        }
    }

    /// A byte that occurs in no needle and in no mask, if there is one: a redactor emits it at once
    /// and unchanged.
    #[cfg_attr(not(feature = "sidecar"), allow(dead_code, reason = "only the sidecar asks"))]
    pub(crate) fn absent_byte(&self) -> Option<u8> {
        self.absent
    }

    /// Sets the mask, and its text for each name.
    pub(super) fn set_mask(&mut self, mask: Mask) {
        self.masks = match &mask {
            Mask::Template(template) => self.names.iter().map(|name| mask_text(template, name)).collect(),
            &Mask::Char(c) => vec![vec![c; MASK_BATCH_LEN].into()],
        };
        self.mask = mask;
        let mut needles = self.scanner.needles().iter();
        self.quotes_are_safe = bare::is_safe(self.scanner.needles());
        self.quotes = self.quotes_are_safe && matches!(self.mask, Mask::Template(_)) && needles.any(bare::may_be_bare);
    }

    /// Whether the mask of a [bare value of JSON](bare) has quotes.
    pub(super) fn quotes(&self) -> bool {
        self.quotes
    }

    /// The bytes between the colour codes of a region and the text behind them. `None`: [no
    /// codes](colour) come out.
    pub(super) fn code_separator(&self) -> Option<&'static [u8]> {
        self.code_separator
    }

    /// Whether a quote beside a mask cannot complete a needle.
    #[allow(dead_code, reason = "only streams with frames ask, which a library may be without")]
    pub(crate) fn quotes_are_safe(&self) -> bool {
        self.quotes_are_safe
    }

    /// The quote for both sides of a mask named after this needle, behind this output.
    pub(crate) fn quote(&self, needle: usize, before: &[u8]) -> Option<&'static [u8]> {
        self.may_be_bare(needle).then(|| bare::quote_behind(before)).flatten()
    }

    /// Whether a mask named after this needle may have quotes.
    pub(crate) fn may_be_bare(&self, needle: usize) -> bool {
        self.quotes && bare::may_be_bare(self.needle(needle))
    }

    pub(super) fn masks(&self) -> &[Box<[u8]>] {
        &self.masks
    }

    pub(super) fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Whether the [plain reading](super::reading) of a text is searched besides the text itself.
    pub fn reads(&self) -> bool {
        self.reads
    }

    pub(super) fn joints(&self) -> &Joints {
        &self.joints
    }

    /// The four-byte infixes of the needles, unless there are too many. They are collected on the
    /// first call: many streams never need them.
    pub(super) fn infixes(&self) -> Option<&Infixes> {
        self.infixes.get_or_init(|| Infixes::of(self.scanner.needles())).as_ref()
    }

    /// The bytes of one needle, by its index.
    pub(super) fn needle(&self, index: usize) -> &[u8] {
        self.scanner.needles().get(index)
    }

    /// The mask of a region named after this needle.
    pub(super) fn replacement(&self, needle: u32) -> Replacement<'_> {
        match &self.mask {
            Mask::Template(_) => Replacement::Region(&self.masks[self.origins[needle as usize].name as usize]),
            Mask::Char(_) => Replacement::Byte(&self.masks[0]),
        }
    }

    /// The number of needles.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Whether there is no needle, so that all text passes unchanged.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// The length of the longest needle, in bytes.
    pub fn needle_len_max(&self) -> usize {
        if self.is_empty() { 0 } else { self.reach.tail + 1 }
    }

    /// The reach of the needles across the ends of lines and pieces.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// The minimum length of a partial match of this needle that is masked at the end of a text:
    /// half of the needle, and the number of bytes that stand for
    /// [`PARTIAL_LEN_MIN`](super::secret::PARTIAL_LEN_MIN) bytes of the value. For the [naive
    /// definition](super::naive).
    ///
    /// # Panics
    ///
    /// When there is no such needle.
    pub fn partial_len_min(&self, needle: usize) -> usize {
        self.partial_lens[needle] as usize
    }

    /// The partial match at this state, if it is long enough to be masked at the end of a text: the
    /// needle and the length.
    pub(super) fn partial_match(&self, state: State) -> Option<(usize, usize)> {
        self.scanner.partial_match(state, &self.partial_lens)
    }

    /// The names of the secrets, indexed by the number of a needle's name.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn name_number(&self, needle: usize) -> usize {
        self.origins[needle].name as usize
    }

    /// The notices about single secrets, in the order of their addition.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The masks of regions.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The name of the secret and the form of the needle with this index, in the order of
    /// [`expose`](NeedleSet::expose).
    pub fn name_and_form(&self, needle: usize) -> (&str, Form) {
        let Origin { name, form } = self.origins[needle];
        (&self.names[name as usize], form)
    }

    /// The needles, sorted, to compare with the [naive definition](super::naive) in tests. Every
    /// use of this method is a place where a secret could get out.
    pub fn expose(&self) -> impl Iterator<Item = &[u8]> {
        self.scanner.needles().iter()
    }

    /// One of them, by its number.
    pub(crate) fn expose_one(&self, needle: usize) -> &[u8] {
        self.scanner.needles().get(needle)
    }

    /// Appends the mask of one byte of a region named after this needle. `first`: it is the first
    /// byte of the region, at which a mask for the whole region goes out, in quotes if `out` ends
    /// where a bare value of JSON begins. For the [naive definition](super::naive).
    ///
    /// # Panics
    ///
    /// When there is no such needle.
    pub fn write_mask(&self, needle: usize, first: bool, out: &mut Vec<u8>) {
        match self.replacement(needle as u32) {
            Replacement::Region(mask) if first => {
                let quote = self.quote(needle, out).unwrap_or_default();
                [quote, mask, quote].into_iter().for_each(|part| out.extend_from_slice(part));
            }
            Replacement::Region(_) => {}
            Replacement::Byte(batch) => out.push(batch[0]),
        }
    }
}

/// The mask of one secret. Hidden characters of a name (file names may have them) must not reach a
/// terminal unchanged, and quotes and backslashes must not end the string of JSON around the mask.
fn mask_text(template: &str, name: &str) -> Box<[u8]> {
    let is_safe = |c: char| !is_hidden(c) && !matches!(c, '"' | '\'' | '`' | '\\');
    let name: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    template.replace("{name}", &name).into_bytes().into()
}

impl fmt::Debug for NeedleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeedleSet")
            .field("secrets", &self.names.len())
            .field("needles", &self.origins.len())
            .finish_non_exhaustive()
    }
}
