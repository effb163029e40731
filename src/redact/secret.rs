//! A secret: a name that may be shown, and a value that may not.

use core::fmt;

use zeroize::Zeroizing;

/// The shortest redacted value, or part of a value, in bytes.
pub const VALUE_LEN_MIN: usize = 4;
/// The minimum length, in bytes, of a value that is masked without a notice, and of an encoded
/// form.
pub const UNGUESSABLE_LEN_MIN: usize = 8;

/// The minimum number of the value's bytes in a masked partial match at the end of a stream, which
/// must also be at least half of the needle.
pub const PARTIAL_LEN_MIN: usize = 8;

/// A named value that must not appear in logs.
///
/// The value is wiped on drop, and [`expose`](Secret::expose) is the only access to it: there is no
/// `Deref`, `Display`, `Clone` or serialisation, and `Debug` prints `[REDACTED]` in its place.
///
/// ```
/// let secret = hushlog::Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
/// assert_eq!(format!("{secret:?}"), "Secret { name: \"API_KEY\", value: [REDACTED] }");
/// ```
pub struct Secret {
    name: String,
    value: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// Takes ownership of the value; the caller keeps no copy unless it made one.
    pub fn new(name: impl Into<String>, value: Vec<u8>) -> Secret {
        Secret { name: name.into(), value: Zeroizing::new(value) }
    }

    /// The name, as shown in masks, reports and messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value. Every use of this method is a place where the secret could get out.
    pub fn expose(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).field("value", &format_args!("[REDACTED]")).finish()
    }
}
