//! Treats an open file as its content allows: masks, rewrites, counts, or leaves it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::fstat;

use super::boundary::Claim;
use super::findings::Findings;
use super::in_place::{Action, ScrubError, Scrubber};
use super::kind::{self, Compression, Kind};
use super::mask_writer::MaskWriter;
use super::rewrite::Place;
use super::search;
use super::tree::Outcome;
use crate::redact::finder::Finder;
use crate::redact::region::Region;
use crate::sys::beneath::Dir;

/// The requested treatment.
pub(super) struct Treat<'a> {
    pub(super) scrubber: &'a Scrubber,
    /// Rewrite files.
    pub(super) rewrite: bool,
    /// Mask files that are not text, too.
    pub(super) binary: bool,
    /// The parts of the file that belong to secrets across its boundaries.
    pub(super) claim: &'a Claim,
}

impl Treat<'_> {
    /// Treats a file by its kind.
    pub(super) fn file(
        &self,
        directory: &Dir,
        name: &OsStr,
        file: &File,
        kind: Kind,
        writer: &mut Option<MaskWriter>,
    ) -> Result<Outcome, ScrubError> {
        let masks = self.scrubber.does(Action::Mask);
        let place = |compression| Place { directory, name, file, compression, claimed: &self.claim.ranges };
        match kind {
            Kind::Text if masks && self.rewrite => place(None).rewrite(self.scrubber).map(Outcome::Searched),
            Kind::Doubtful(why) if masks && self.rewrite => {
                self.left(file, format!("{why}, and its length must stay; without --rewrite, it is masked in place"))
            }
            Kind::Text => self.in_place(file, None, writer),
            Kind::Doubtful(why) => self.in_place(file, Some(why), writer),
            Kind::Binary(why) if self.binary && !self.rewrite => self.in_place(file, Some(why), writer),
            Kind::Binary(why) | Kind::Opaque(why) => self.left(file, as_sentence(why)),
            Kind::Compressed(compression) => self.compressed(&place(Some(compression)), compression),
        }
    }

    fn in_place(
        &self,
        file: &File,
        doubt: Option<&'static str>,
        writer: &mut Option<MaskWriter>,
    ) -> Result<Outcome, ScrubError> {
        let writer = match writer {
            Some(writer) => writer,
            None => writer.insert(MaskWriter::new().map_err(ScrubError::Io)?),
        };
        let findings = self.scrubber.scrub_but(file.as_fd(), self.claim, writer)?;
        Ok(Outcome::Searched(Findings { doubt, ..findings }))
    }

    fn compressed(&self, place: &Place<'_>, compression: Compression) -> Result<Outcome, ScrubError> {
        let masks = self.scrubber.does(Action::Mask);
        let name = compression.name();
        let has_to_be_anew = masks && !self.rewrite && compression != Compression::Zlib;
        if has_to_be_anew || !cfg!(feature = "compress") {
            let how = if has_to_be_anew { "; use --rewrite" } else { "" };
            return self.left(place.file, format!("it is compressed ({name}){how}"));
        }
        let content = kind::of_content(&mut *place.content()?)?;
        let why = match content {
            Kind::Text | Kind::Doubtful(_) if !masks => {
                let mut findings = place.count(self.scrubber)?;
                if let Kind::Doubtful(why) = content {
                    findings.doubt = Some(why);
                }
                return Ok(Outcome::Searched(findings));
            }
            Kind::Text if compression != Compression::Zlib => {
                return place.rewrite(self.scrubber).map(Outcome::Searched);
            }
            Kind::Text => format!("it is compressed ({name}), a format that hushlog cannot write"),
            Kind::Doubtful(why) => format!("{why}, compressed ({name})"),
            Kind::Binary(why) | Kind::Opaque(why) => format!("{}, compressed ({name})", as_sentence(why)),
            Kind::Compressed(inner) => format!("it is compressed twice ({}, {name})", inner.name()),
        };
        Ok(Outcome::Left { why, findings: place.count(self.scrubber)? })
    }

    /// The outcome for an unclean file that is left unchanged, with the secrets that it holds.
    fn left(&self, file: &File, why: String) -> Result<Outcome, ScrubError> {
        Ok(Outcome::Left { why, findings: search_bytes(self.scrubber, file)? })
    }
}

/// Searches a file's own bytes, of any kind, and changes nothing.
pub(super) fn search_bytes(scrubber: &Scrubber, file: &File) -> Result<Findings, ScrubError> {
    let (set, progress) = (scrubber.set(), scrubber.progress());
    let mut findings = Findings::default();
    let len = fstat(file)?.st_size as u64;
    let mut finder = Finder::new(Arc::clone(set));
    let mut note = |region: Region| {
        findings.note(set, &region);
        Ok::<(), ScrubError>(())
    };
    search::to_end(file.as_fd(), &mut finder, len, &mut search::buffer(), progress, &mut note)?;
    finder.finish(false).try_for_each(note)?;
    findings.bytes = len;
    Ok(findings)
}

/// "it is a tar archive", "not text: many control bytes".
fn as_sentence(why: &str) -> String {
    if why.starts_with("not ") { why.to_owned() } else { format!("it is {why}") }
}
