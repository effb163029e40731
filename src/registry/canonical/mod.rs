//! The text of a registry as hushlog writes it: written and read many times faster than by the
//! YAML library, which is the definition of both, and reads every other text.

mod read;
mod write;

use std::fmt;

pub(super) use read::read;
pub(super) use write::write;

/// A text or value that is left to the YAML library. It explains the error, if there is one.
#[derive(Debug)]
struct Other;

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to the YAML library")
    }
}

impl std::error::Error for Other {}

impl serde::de::Error for Other {
    fn custom<T: fmt::Display>(_: T) -> Other {
        Other
    }
}

impl serde::ser::Error for Other {
    fn custom<T: fmt::Display>(_: T) -> Other {
        Other
    }
}
