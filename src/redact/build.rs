//! Builds a needle set from secrets: derives needles, leaves some values out, and refuses others.

use core::fmt;

use zeroize::Zeroizing;

use super::encoding::{self, Form};
use super::mask::Mask;
use super::mask_conflict;
use super::needle::{NeedleSet, Notice, NoticeKind, Origin};
use super::needle_list::NeedleList;
use super::ordinary::is_ordinary;
use super::part;
use super::prefilter::Variant;
use super::scan::Scanner;
use super::secret::{PARTIAL_LEN_MIN, Secret, UNGUESSABLE_LEN_MIN, VALUE_LEN_MIN};

/// The maximum total length of a set's needles, in bytes.
pub const NEEDLE_BYTES_MAX: usize = 64 << 20;

/// The minimum size of the buffers that collect needles, in bytes. They do not grow: a growing
/// buffer leaves copies behind.
const CHUNK_LEN: usize = 64 << 10;

/// The fallbacks, in order, for a default mask that collides with a secret. Among many secrets with
/// punctuation, any one character may begin or end some. No typed secret begins or ends with the
/// bytes of the last masks.
const OTHER_MASKS: &[&str] = &[
    "<REDACTED:{name}>",
    "(REDACTED:{name})",
    "{REDACTED:{name}}",
    "\u{2039}REDACTED:{name}\u{203a}",
    "\u{2588}\u{2588}\u{2588}\u{2588}",
];

/// The reason why a needle set could not be built. No variant holds any part of a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// All needles together are longer than [`NEEDLE_BYTES_MAX`].
    #[error("the secrets and their encoded forms are larger than {} MiB", NEEDLE_BYTES_MAX >> 20)]
    TooLarge,
    /// A mask, by itself or beside other text, would read as a secret or as the beginning or end of
    /// one.
    #[error("the mask shares its beginning or end with the secret {name}")]
    MaskConflict {
        /// The secret's name.
        name: String,
    },
    /// The mask of a secret would be empty.
    #[error("the mask is empty")]
    MaskEmpty,
    /// The mask character is not a printable ASCII character.
    #[error("the mask character is not a printable ASCII character")]
    MaskChar,
}

/// Collects secrets, and compiles them to a [`NeedleSet`].
#[must_use = "nothing is built before `build`"]
pub struct NeedleSetBuilder {
    secrets: Vec<Secret>,
    encodings: bool,
    exactly: bool,
    readings: Option<bool>,
    value_len_min: usize,
    mask: Option<Mask>,
    variant: Variant,
}

impl Default for NeedleSetBuilder {
    fn default() -> NeedleSetBuilder {
        NeedleSetBuilder {
            secrets: Vec::new(),
            encodings: true,
            exactly: false,
            readings: None,
            value_len_min: VALUE_LEN_MIN,
            mask: None,
            variant: Variant::Best,
        }
    }
}

impl NeedleSet {
    /// Starts a new set without secrets.
    pub fn builder() -> NeedleSetBuilder {
        NeedleSetBuilder::default()
    }

    /// A set of exactly these needles, of one byte or more: no forms, no parts, no notices.
    ///
    /// # Errors
    ///
    /// Those of [`NeedleSetBuilder::build`].
    pub fn exactly(secrets: Vec<Secret>, mask: Mask) -> Result<NeedleSet, BuildError> {
        NeedleSet::exactly_by(secrets, mask, Variant::Best)
    }

    /// Like [`exactly`](NeedleSet::exactly), with a choice of search code. For tests and benches.
    ///
    /// # Errors
    ///
    /// Those of [`exactly`](NeedleSet::exactly).
    pub fn exactly_by(secrets: Vec<Secret>, mask: Mask, variant: Variant) -> Result<NeedleSet, BuildError> {
        let builder = NeedleSet::builder().exactly().mask(mask).variant(variant);
        secrets.into_iter().fold(builder, NeedleSetBuilder::secret).build()
    }
}

impl NeedleSetBuilder {
    /// Adds a secret. Of two with the same value, the first gives its name to the mask.
    pub fn secret(mut self, secret: Secret) -> NeedleSetBuilder {
        self.secrets.push(secret);
        self
    }

    /// Sets whether to search for encoded forms and identifying parts, in addition to the values.
    /// Default: yes. Without them a text is not [read](NeedleSetBuilder::readings) either, unless
    /// that is set.
    pub fn encodings(mut self, encodings: bool) -> NeedleSetBuilder {
        self.encodings = encodings;
        self
    }

    /// Sets whether to search the plain reading of a text, in which escapes are undone, besides the
    /// text itself. Default: as [`encodings`](NeedleSetBuilder::encodings), and no if the set
    /// searches for [exactly](NeedleSetBuilder::exactly) its values.
    pub fn readings(mut self, readings: bool) -> NeedleSetBuilder {
        self.readings = Some(readings);
        self
    }

    /// Sets the minimum length: shorter values are left out, with a notice. Default, and lower
    /// bound: [`VALUE_LEN_MIN`] bytes.
    pub fn min_length(mut self, bytes: usize) -> NeedleSetBuilder {
        self.value_len_min = bytes.max(VALUE_LEN_MIN);
        self
    }

    /// Searches for exactly the values, of one byte or more: no forms, no parts, no notices. Below
    /// [`VALUE_LEN_MIN`] bytes the search is slow. For tests, and for callers that derive needles
    /// themselves.
    pub fn exactly(mut self) -> NeedleSetBuilder {
        self.exactly = true;
        self
    }

    /// Sets the mask. Otherwise the default mask applies, or a fallback if that collides with a
    /// secret.
    pub fn mask(mut self, mask: Mask) -> NeedleSetBuilder {
        self.mask = Some(mask);
        self
    }

    /// Sets the search code. For tests and benches; all variants have the same output.
    pub fn variant(mut self, variant: Variant) -> NeedleSetBuilder {
        self.variant = variant;
        self
    }

    /// Compiles the set, and wipes the secrets.
    ///
    /// # Errors
    ///
    /// When the needles total more than [`NEEDLE_BYTES_MAX`], or the requested mask is unfit for
    /// these secrets.
    pub fn build(self) -> Result<NeedleSet, BuildError> {
        let reads = self.readings.unwrap_or(self.encodings && !self.exactly);
        let mut derived = Derived { reads, ..Derived::default() };
        let mut notices = Vec::new();
        for secret in &self.secrets {
            let notice = if self.exactly { None } else { notice(secret.expose(), self.value_len_min) };
            notices.extend(notice.map(|kind| Notice { name: secret.name().to_owned(), kind }));
            if !matches!(notice, Some(NoticeKind::Blank | NoticeKind::TooShort)) {
                let of_part = derived.add_secret(secret, self.encodings && !self.exactly);
                let of_part = of_part.filter(|_| notice.is_none());
                notices.extend(of_part.map(|kind| Notice { name: secret.name().to_owned(), kind }));
            }
        }
        drop(self.secrets);
        let mut set = derived.compile(self.variant)?;
        set.notices = notices;
        match self.mask {
            Some(mask) => set_mask(&mut set, mask)?,
            None => set_default_mask(&mut set)?,
        }
        Ok(set)
    }
}

impl fmt::Debug for NeedleSetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeedleSetBuilder").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// The notice about a value, if any.
fn notice(value: &[u8], value_len_min: usize) -> Option<NoticeKind> {
    match value.trim_ascii().len() {
        0 => Some(NoticeKind::Blank),
        len if len < value_len_min => Some(NoticeKind::TooShort),
        _ if is_ordinary(value) => Some(NoticeKind::OrdinaryWord),
        len if len < UNGUESSABLE_LEN_MIN => Some(NoticeKind::Short),
        _ => None,
    }
}

/// Sets the mask, if it is fit for these secrets.
fn set_mask(set: &mut NeedleSet, mask: Mask) -> Result<(), BuildError> {
    if matches!(mask, Mask::Char(c) if !c.is_ascii_graphic()) {
        return Err(BuildError::MaskChar);
    }
    set.set_mask(mask);
    if set.masks().iter().any(|mask| mask.is_empty()) {
        return Err(BuildError::MaskEmpty);
    }
    match mask_conflict::find(set) {
        Some(needle) => Err(BuildError::MaskConflict { name: set.name_and_form(needle).0.to_owned() }),
        None => Ok(()),
    }
}

/// Sets the default mask, or the first fallback without a collision.
fn set_default_mask(set: &mut NeedleSet) -> Result<(), BuildError> {
    let Err(error) = set_mask(set, Mask::default()) else { return Ok(()) };
    let others = OTHER_MASKS.iter().map(|template| Mask::Template((*template).to_owned()));
    if !others.into_iter().any(|mask| set_mask(set, mask).is_ok()) {
        return Err(error);
    }
    if let BuildError::MaskConflict { name } = error {
        set.notices.push(Notice { name, kind: NoticeKind::MaskReplaced });
    }
    Ok(())
}

/// Derived needles, with duplicates.
#[derive(Default)]
struct Derived {
    names: Vec<String>,
    chunks: Vec<Zeroizing<Vec<u8>>>,
    needles: Vec<DerivedNeedle>,
    bytes: usize,
    /// Whether the plain reading is searched, too.
    reads: bool,
}

/// A needle, and its place in the chunks.
struct DerivedNeedle {
    chunk: u32,
    start: u32,
    len: u32,
    /// See [`unguessable_len`].
    unguessable_len: u32,
    origin: Origin,
}

impl Derived {
    /// Adds the needles of a secret. Returns a notice if a part is so short or ordinary that
    /// masking it shreds logs.
    fn add_secret(&mut self, secret: &Secret, encodings: bool) -> Option<NoticeKind> {
        let name = self.names.len() as u32;
        self.names.push(secret.name().to_owned());
        if !encodings {
            self.add(name, Form::Value, secret.expose(), secret.expose().len());
            return None;
        }
        let mut notice_of_part = None;
        let core_len = encoding::core(secret.expose()).len();
        encoding::forms(secret.expose(), &mut |form, bytes| self.add(name, form, bytes, core_len));
        part::parts(secret.name().as_bytes(), secret.expose(), &mut |form, bytes, part_len| {
            notice_of_part = notice_of_part.max(notice(bytes, 0));
            self.add(name, form, bytes, part_len);
        });
        notice_of_part
    }

    fn add(&mut self, name: u32, form: Form, bytes: &[u8], value_len: usize) {
        self.bytes += bytes.len();
        if bytes.is_empty() || self.bytes > NEEDLE_BYTES_MAX {
            return;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < bytes.len()) {
            self.chunks.push(Zeroizing::new(Vec::with_capacity(bytes.len().max(CHUNK_LEN))));
        }
        let last = self.chunks.len() - 1;
        let (chunk, start) = (last as u32, self.chunks[last].len() as u32);
        self.chunks[last].extend_from_slice(bytes);
        let unguessable_len = unguessable_len(bytes.len(), value_len);
        let (len, origin) = (bytes.len() as u32, Origin { name, form });
        self.needles.push(DerivedNeedle { chunk, start, len, unguessable_len, origin });
    }

    fn bytes_of(&self, needle: &DerivedNeedle) -> &[u8] {
        &self.chunks[needle.chunk as usize][needle.start as usize..][..needle.len as usize]
    }

    /// The numbers of the needles in the order of their bytes, each with the [head](head) that most
    /// comparisons need alone. Of equal needles, the one derived first remains.
    fn sorted(&self) -> Zeroizing<Vec<(u64, u32)>> {
        let of = |number: u32| self.bytes_of(&self.needles[number as usize]);
        let numbers = 0..self.needles.len() as u32;
        let mut sorted: Zeroizing<Vec<(u64, u32)>> = Zeroizing::new(Vec::with_capacity(numbers.len()));
        sorted.extend(numbers.map(|number| (head(of(number)), number)));
        // Not by a stable sort, which leaves heads behind in memory of its own.
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| of(a.1).cmp(of(b.1)).then(a.1.cmp(&b.1))));
        sorted.dedup_by(|b, a| a.0 == b.0 && of(a.1) == of(b.1));
        sorted
    }

    fn compile(self, variant: Variant) -> Result<NeedleSet, BuildError> {
        if self.bytes > NEEDLE_BYTES_MAX {
            return Err(BuildError::TooLarge);
        }
        let sorted = self.sorted();
        let needles = || sorted.iter().map(|&(_, number)| &self.needles[number as usize]);
        let list: NeedleList = needles().map(|needle| self.bytes_of(needle)).collect();
        let origins = needles().map(|needle| needle.origin).collect();
        let unguessable_lens: Vec<u32> = needles().map(|needle| needle.unguessable_len).collect();
        drop(sorted);
        drop((self.needles, self.chunks));
        Ok(NeedleSet::new(Scanner::new(list, variant), origins, unguessable_lens, self.names, self.reads, variant))
    }
}

/// The first eight bytes of a needle, or all of a shorter one, in the order of their significance.
fn head(needle: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = needle.len().min(head.len());
    head[..len].copy_from_slice(&needle[..len]);
    u64::from_be_bytes(head)
}

/// The number of a needle's bytes that stand for [`PARTIAL_LEN_MIN`] bytes of the value: too many
/// to guess at once. Eight bytes of any form could stand for only three bytes of the value.
fn unguessable_len(len: usize, value_len: usize) -> u32 {
    // A form shorter than the value stands for no more bytes than it has.
    (PARTIAL_LEN_MIN * len).div_ceil(value_len.clamp(1, len)) as u32
}
