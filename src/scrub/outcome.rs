//! The outcome for one file, and the reasons why its scrub failed.

use std::io;

use rustix::io::Errno;

use super::findings::Findings;
use super::mask_writer::MaskError;

/// The outcome for one file.
#[derive(Debug)]
pub enum Outcome {
    /// The file was searched to its end, and its secrets were masked or counted.
    Searched(Findings),
    /// The file is a source of secrets, or another file at a source's path. It is left unchanged.
    Source,
    /// The file holds no text that could contain a secret, or is not among the requested files.
    Skipped(&'static str),
    /// The file may contain secrets but was not searched; it is not clean.
    NotSearched(String),
    /// The file is not text, or not in readable form. Its bytes were searched and left unchanged;
    /// it is not clean.
    Left {
        /// Its kind, in words.
        why: String,
        /// The secrets found in it.
        findings: Findings,
    },
    /// The search failed, or a finding could not be masked.
    Failed(ScrubError),
}

/// The reason why a file was not scrubbed as a whole. Masks written until then remain. No variant
/// holds any of its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrubError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The masks were written, but may not have reached the disk.
    #[error("the masks may not have reached the disk: {0}")]
    Sync(#[source] io::Error),
    /// The file was truncated or overwritten repeatedly.
    #[error("the file kept being overwritten")]
    KeepsChanging,
    /// The file is being written, and a replacement would lose later writes to the old one.
    #[error("the file is being written to; without --rewrite, it can be scrubbed in place")]
    Live,
    /// A secret is in several records of a container log, and each byte that could mask its parts
    /// occurs in some secret.
    #[error("no character remains to mask parts of a secret with")]
    NoFiller,
    /// The file grew faster than the search.
    #[error("the file grows faster than it is searched")]
    Outgrown,
}

impl From<io::Error> for ScrubError {
    fn from(error: io::Error) -> ScrubError {
        ScrubError::Io(error)
    }
}

impl From<Errno> for ScrubError {
    fn from(error: Errno) -> ScrubError {
        ScrubError::Io(error.into())
    }
}

impl From<MaskError> for ScrubError {
    fn from(error: MaskError) -> ScrubError {
        match error {
            MaskError::Io(error) => ScrubError::Io(error),
            MaskError::Truncated | MaskError::Changed => ScrubError::KeepsChanging,
        }
    }
}
