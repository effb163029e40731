//! Keeps secrets out of logs, at the speed of the pipe.

pub mod io;
pub mod redact;

pub use redact::build::{BuildError, NeedleSetBuilder};
pub use redact::encoding::Form;
pub use redact::mask::Mask;
pub use redact::needle::{NeedleSet, Notice, NoticeKind};
pub use redact::redactor::{Redacted, Redactor};
pub use redact::secret::Secret;
