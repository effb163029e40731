//! Treats an open file as its content allows: masks, rewrites, counts, or leaves it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;

use super::claim::Claim;
use super::findings::Findings;
use super::in_place::Action;
use super::kind::{self, Compression, Kind};
use super::mask_writer::MaskWriter;
use super::outcome::{Outcome, ScrubError};
use super::rewrite::Place;
use super::rules::Rules;
use crate::sys::beneath::Dir;

/// The requested treatment.
pub(super) struct Treat<'a> {
    pub(super) rules: Rules<'a>,
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
        let masks = self.rules.scrubber.does(Action::Mask);
        let place = |compression| Place { directory, name, file, compression, claimed: &self.claim.ranges };
        match kind {
            Kind::Text if masks && self.rules.rewrite => {
                place(None).rewrite(self.rules.scrubber).map(Outcome::Searched)
            }
            Kind::Doubtful(why) if masks && self.rules.rewrite => {
                self.left(file, format!("{why}, and its length must stay; without --rewrite, it is masked in place"))
            }
            Kind::Text => self.in_place(file, None, writer),
            Kind::Doubtful(why) => self.in_place(file, Some(why), writer),
            Kind::Binary(why) if self.rules.binary && !self.rules.rewrite => self.in_place(file, Some(why), writer),
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
        let findings = self.rules.scrubber.scrub_but(file.as_fd(), self.claim, writer)?;
        Ok(Outcome::Searched(Findings { doubt, ..findings }))
    }

    fn compressed(&self, place: &Place<'_>, compression: Compression) -> Result<Outcome, ScrubError> {
        let masks = self.rules.scrubber.does(Action::Mask);
        let name = compression.name();
        let has_to_be_anew = masks && !self.rules.rewrite && compression != Compression::Zlib;
        if has_to_be_anew || !cfg!(feature = "compress") {
            let how = if has_to_be_anew { "; use --rewrite" } else { "" };
            return self.left(place.file, format!("it is compressed ({name}){how}"));
        }
        let content = kind::of_content(&mut *place.content()?)?;
        let why = match content {
            Kind::Text | Kind::Doubtful(_) if !masks => {
                let mut findings = place.count(self.rules.scrubber)?;
                if let Kind::Doubtful(why) = content {
                    findings.doubt = Some(why);
                }
                return Ok(Outcome::Searched(findings));
            }
            Kind::Text if compression != Compression::Zlib => {
                return place.rewrite(self.rules.scrubber).map(Outcome::Searched);
            }
            Kind::Text => format!("it is compressed ({name}), a format that hushlog cannot write"),
            Kind::Doubtful(why) => format!("{why}, compressed ({name})"),
            Kind::Binary(why) | Kind::Opaque(why) => format!("{}, compressed ({name})", as_sentence(why)),
            Kind::Compressed(inner) => format!("it is compressed twice ({}, {name})", inner.name()),
        };
        Ok(Outcome::Left { why, findings: place.count(self.rules.scrubber)? })
    }

    /// The outcome for an unclean file that is left unchanged, with the secrets that it holds.
    fn left(&self, file: &File, why: String) -> Result<Outcome, ScrubError> {
        Ok(Outcome::Left { why, findings: self.rules.scrubber.search_bytes(file)? })
    }
}

/// "it is a tar archive", "not text: many control bytes".
fn as_sentence(why: &str) -> String {
    if why.starts_with("not ") { why.to_owned() } else { format!("it is {why}") }
}
