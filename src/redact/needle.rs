//! The needle set: every byte string that gives a secret away, compiled for searching.

use core::fmt;
use zeroize::Zeroizing;

use super::encoding::{self, Form};
use super::mask::Mask;
use super::part;
use super::scan::Scanner;
use super::secret::Secret;
use super::sieve::Variant;

/// The shortest value that is redacted unless [`min_length`](NeedleSetBuilder::min_length) asks for more, in bytes.
pub const VALUE_LEN_MIN: usize = 4;
/// A value shorter than this is masked with a notice, and an encoded form shorter than this is left out, in bytes.
pub const TELLING_LEN_MIN: usize = 8;
/// The most that all needles of a set may come to, in bytes.
pub const NEEDLE_BYTES_MAX: usize = 64 << 20;

/// Mask characters are given out in batches of this many bytes.
const MASK_BATCH_LEN: usize = 4096;

/// Words that are masked with a notice when they are the whole of a value: masking them shreds a log, and a shredded log
/// shows them.
const ORDINARY_WORDS: &[&str] = &["production", "postgres"];

/// Why a needle set could not be built. No variant holds any part of a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// All needles together are longer than [`NEEDLE_BYTES_MAX`].
    #[error("the secrets and their encoded forms come to more than {} MiB", NEEDLE_BYTES_MAX >> 20)]
    TooLarge,
    /// The mask could stand so beside other text that both together read as a secret, or it contains one.
    #[error("the mask and the secret {name} have a beginning or an end in common")]
    MaskCollides {
        /// The secret's name.
        name: String,
    },
    /// The mask of a secret would be empty.
    #[error("the mask is empty")]
    MaskEmpty,
    /// A mask character that is not printable ASCII.
    #[error("the mask character is not a printable ASCII character")]
    MaskChar,
}

/// What the builder of a needle set has to tell about one secret. It holds no part of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The secret's name.
    pub name: String,
    /// What was noticed.
    pub kind: NoticeKind,
}

/// See [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The value is empty or blank; it is not masked.
    Blank,
    /// The value is shorter than the least length; it is not masked.
    TooShort,
    /// The value is shorter than [`TELLING_LEN_MIN`]; it is masked wherever it stands.
    Short,
    /// The value is an ordinary word; it is masked wherever it stands.
    OrdinaryWord,
}

/// What stands for a region.
#[derive(Clone, Copy)]
pub(crate) enum Stand<'a> {
    /// This, once.
    Region(&'a [u8]),
    /// As many of these equal bytes as the region has, in batches of at most the slice's length.
    Byte(&'a [u8]),
}

/// One needle: where its bytes lie, and whose it is.
#[derive(Clone, Copy)]
pub(crate) struct Needle {
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) secret: u32,
    pub(crate) form: Form,
}

/// All needles of the secrets exported now, compiled for searching; immutable, and meant to be shared in an `Arc`.
///
/// The needles are wiped when the set is dropped.
pub struct NeedleSet {
    bytes: Zeroizing<Vec<u8>>,
    needles: Vec<Needle>,
    names: Vec<String>,
    masks: Vec<Box<[u8]>>,
    mask: Mask,
    notices: Vec<Notice>,
    scanner: Scanner,
}

impl NeedleSet {
    /// A set to be filled with secrets.
    pub fn builder() -> NeedleSetBuilder {
        NeedleSetBuilder {
            secrets: Vec::new(),
            encodings: true,
            value_len_min: VALUE_LEN_MIN,
            mask: Mask::default(),
            variant: Variant::Best,
        }
    }

    /// A set of exactly these needles, of one byte or more: no forms, no parts, no least length.
    ///
    /// # Errors
    ///
    /// As [`NeedleSetBuilder::build`].
    pub fn exactly(secrets: Vec<Secret>, mask: Mask) -> Result<NeedleSet, BuildError> {
        NeedleSet::exactly_by(secrets, mask, Variant::Best)
    }

    /// As [`exactly`](NeedleSet::exactly), searched by this code. For tests and benches.
    #[doc(hidden)]
    pub fn exactly_by(secrets: Vec<Secret>, mask: Mask, variant: Variant) -> Result<NeedleSet, BuildError> {
        let mut derived = Derived::default();
        for secret in &secrets {
            let id = derived.name(secret.name());
            derived.add(id, Form::Value, secret.expose());
        }
        derived.compile(mask, variant)
    }

    pub(crate) fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The bytes of one needle, by its index.
    pub(crate) fn needle(&self, index: usize) -> &[u8] {
        let needle = &self.needles[index];
        &self.bytes[needle.start..needle.start + needle.len]
    }

    /// What stands for a region named after this needle: as a whole, or for each of its bytes.
    pub(crate) fn mask_of(&self, needle: u32) -> Stand<'_> {
        match &self.mask {
            Mask::Template(_) => Stand::Region(&self.masks[self.needles[needle as usize].secret as usize]),
            Mask::Char(_) => Stand::Byte(&self.masks[0]),
        }
    }

    /// How many needles there are.
    pub fn len(&self) -> usize {
        self.needles.len()
    }

    /// Whether there is no needle, so that all text passes unchanged.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// What was noticed about single secrets while the set was built, in the order in which they were added.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The needles, to compare with the [naive definition](super::naive) in tests. Every use of this method is a place where
    /// a secret could get out.
    pub fn expose(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.needles.len()).map(|index| self.needle(index))
    }

    /// The name of the secret and the form of the needle with this index, in the order of [`expose`](NeedleSet::expose).
    pub fn name_and_form(&self, needle: usize) -> (String, Form) {
        let needle = &self.needles[needle];
        (self.names[needle.secret as usize].clone(), needle.form)
    }

    /// Writes what stands for one byte of a region that is named after this needle.
    pub fn write_mask(&self, needle: usize, first: bool, out: &mut Vec<u8>) {
        match self.mask {
            Mask::Char(c) => out.push(c),
            Mask::Template(_) if first => out.extend_from_slice(&self.masks[self.needles[needle].secret as usize]),
            Mask::Template(_) => {}
        }
    }
}

impl fmt::Debug for NeedleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeedleSet").field("secrets", &self.names.len()).field("needles", &self.needles.len()).finish()
    }
}

/// Collects secrets, and compiles them.
pub struct NeedleSetBuilder {
    secrets: Vec<Secret>,
    encodings: bool,
    value_len_min: usize,
    mask: Mask,
    variant: Variant,
}

impl NeedleSetBuilder {
    /// Adds a secret. Of two with the same value, the first gives its name to the mask.
    pub fn secret(mut self, secret: Secret) -> NeedleSetBuilder {
        self.secrets.push(secret);
        self
    }

    /// Whether encoded forms and telling parts are searched for, beside the values themselves. Default: yes.
    pub fn encodings(mut self, encodings: bool) -> NeedleSetBuilder {
        self.encodings = encodings;
        self
    }

    /// Values of fewer bytes are left out, with a notice. Default, and least: [`VALUE_LEN_MIN`].
    pub fn min_length(mut self, bytes: usize) -> NeedleSetBuilder {
        self.value_len_min = bytes.max(VALUE_LEN_MIN);
        self
    }

    /// Which code searches. For tests and benches; all give out the same.
    #[doc(hidden)]
    pub fn variant(mut self, variant: Variant) -> NeedleSetBuilder {
        self.variant = variant;
        self
    }

    /// What a region is replaced with.
    pub fn mask(mut self, mask: Mask) -> NeedleSetBuilder {
        self.mask = mask;
        self
    }

    /// Compiles the set. The secrets are wiped.
    ///
    /// # Errors
    ///
    /// When the set is too large, or the mask and a secret collide.
    pub fn build(self) -> Result<NeedleSet, BuildError> {
        let mut derived = Derived::default();
        let mut notices = Vec::new();
        for secret in &self.secrets {
            let value = secret.expose();
            if let Some(kind) = notice(value, self.value_len_min) {
                notices.push(Notice { name: secret.name().to_owned(), kind });
                if matches!(kind, NoticeKind::Blank | NoticeKind::TooShort) {
                    continue;
                }
            }
            let id = derived.name(secret.name());
            if self.encodings {
                encoding::forms(value, &mut |form, bytes| derived.add(id, form, bytes));
                part::parts(value, &mut |form, bytes| derived.add(id, form, bytes));
            } else {
                derived.add(id, Form::Value, value);
            }
        }
        let mut set = derived.compile(self.mask, self.variant)?;
        set.notices = notices;
        Ok(set)
    }
}

/// What is to be told about a value.
fn notice(value: &[u8], value_len_min: usize) -> Option<NoticeKind> {
    let ordinary = |word: &&str| value.eq_ignore_ascii_case(word.as_bytes());
    match value.trim_ascii().len() {
        0 => Some(NoticeKind::Blank),
        len if len < value_len_min => Some(NoticeKind::TooShort),
        _ if ORDINARY_WORDS.iter().any(ordinary) => Some(NoticeKind::OrdinaryWord),
        len if len < TELLING_LEN_MIN => Some(NoticeKind::Short),
        _ => None,
    }
}

/// Needles derived so far, with repetitions.
#[derive(Default)]
struct Derived {
    names: Vec<String>,
    bytes: Zeroizing<Vec<u8>>,
    needles: Vec<Needle>,
}

impl Derived {
    fn name(&mut self, name: &str) -> u32 {
        self.names.push(name.to_owned());
        (self.names.len() - 1) as u32
    }

    fn add(&mut self, secret: u32, form: Form, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.needles.push(Needle { start: self.bytes.len(), len: bytes.len(), secret, form });
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn compile(mut self, mask: Mask, variant: Variant) -> Result<NeedleSet, BuildError> {
        let of = |needle: &Needle| &self.bytes[needle.start..needle.start + needle.len];
        self.needles.sort_by(|a, b| of(a).cmp(of(b)).then(a.start.cmp(&b.start)));
        self.needles.dedup_by(|b, a| of(a) == of(b));
        let masks = match &mask {
            Mask::Template(template) => {
                self.names.iter().map(|name| template.replace("{name}", name).into_bytes().into()).collect()
            }
            &Mask::Char(c) => vec![vec![c; MASK_BATCH_LEN].into()],
        };
        let (bytes, needles, names) = (self.bytes, self.needles, self.names);
        let list: Vec<&[u8]> = needles.iter().map(|n| &bytes[n.start..n.start + n.len]).collect();
        let scanner = Scanner::new(&list, variant);
        Ok(NeedleSet { bytes, needles, names, masks, mask, notices: Vec::new(), scanner })
    }
}
