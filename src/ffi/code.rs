//! The result codes of calls, and their texts. The texts are fixed, and contain nothing from the
//! caller.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;

use crate::redact::build::BuildError;
use crate::redact::needle::NoticeKind;

/// The reason that a call failed. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// A pointer that must not be `NULL` is `NULL`.
    Null = -1,
    /// A size that no object in memory can have.
    Size = -2,
    /// A name or a mask is not UTF-8.
    Text = -3,
    /// The builder has built its set already.
    Used = -4,
    /// An unknown flag.
    Flag = -5,
    /// More needles than a set may have.
    TooLarge = -6,
    /// The mask collides with a secret.
    Mask = -7,
    /// The mask is empty.
    MaskEmpty = -8,
    /// The mask character is not printable ASCII.
    MaskChar = -9,
    /// The caller's buffer is too small.
    Room = -10,
    /// No notice has this number.
    Index = -11,
    /// A panic was caught.
    Bug = -12,
    /// The stream is used by its own callback.
    Busy = -13,
    /// A pattern of names is invalid.
    Pattern = -14,
}

impl From<BuildError> for Code {
    fn from(error: BuildError) -> Code {
        match error {
            BuildError::TooLarge => Code::TooLarge,
            BuildError::MaskConflict { .. } => Code::Mask,
            BuildError::MaskEmpty => Code::MaskEmpty,
            BuildError::MaskChar => Code::MaskChar,
        }
    }
}

/// The number of a notice's kind. These numbers are part of the ABI as well.
pub(super) fn of_notice(kind: NoticeKind) -> c_int {
    match kind {
        NoticeKind::Blank => 1,
        NoticeKind::TooShort => 2,
        NoticeKind::Short => 3,
        NoticeKind::OrdinaryWord => 4,
        NoticeKind::MaskReplaced => 5,
    }
}

/// The kind of the notice about a value that is left as a setting.
pub(super) const SETTING: c_int = 6;

/// The text of a code. The first two are for codes outside the list.
fn text(code: c_int) -> &'static CStr {
    match code {
        0 => c"done",
        1 => c"the value is empty or blank, and is not masked",
        2 => c"the value is too short, and is not masked",
        3 => c"the value is short; every occurrence is masked",
        4 => c"the value is an ordinary word; every occurrence is masked",
        5 => c"the value shares text with the default mask, so another mask is used",
        SETTING => c"the value cannot be a secret, and is not masked",
        -1 => c"a required pointer is NULL",
        -2 => c"a size is larger than any object can be",
        -3 => c"a name or a mask is not UTF-8",
        -4 => c"the builder has already built its set",
        -5 => c"a flag is unknown",
        -6 => c"the secrets and their encoded forms are larger than 64 MiB",
        -7 => c"the mask shares its beginning or end with a secret",
        -8 => c"the mask is empty",
        -9 => c"the mask character is not a printable ASCII character",
        -10 => c"the buffer is too small",
        -11 => c"there is no notice with this number",
        -12 => BUG.get().map_or(c"an error in hushlog itself", CString::as_c_str),
        -13 => c"the stream is in use by the function that receives its counts",
        -14 => c"a pattern of names is not valid",
        ..=0 => c"an unknown error",
        _ => c"an unknown notice",
    }
}

/// The text of [`Code::Bug`], with the location of the first panic in hushlog's source.
static BUG: OnceLock<CString> = OnceLock::new();

/// Records the location of a panic, without its message.
pub(super) fn note_bug(file: &str, line: u32) {
    if let Ok(text) = CString::new(format!("an error in hushlog itself, at {file}:{line}")) {
        let _ = BUG.set(text);
    }
}

/// `hushlog_strerror`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_strerror(code: c_int) -> *const c_char {
    text(code).as_ptr()
}

/// `hushlog_version`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// `hushlog_abi_version`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_abi_version() -> c_int {
    0
}
