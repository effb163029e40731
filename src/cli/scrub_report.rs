//! The result of a scrub: one line for a person, JSON for programs. Neither contains a value, nor
//! anything of a file but its name.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hushlog::NeedleSet;
use hushlog::scrub::{Action, Findings, Outcome};
use serde_json::{Value, json};

use super::message::{hides, path_text, plain_reason};
use super::report;

/// The version of the report's format.
const VERSION: u32 = 1;
/// The reason that a source file is left alone.
pub(crate) const SOURCE: &str = "it is a source of the secrets";

/// The outcomes of a run. Clean files are only counted.
pub(crate) struct ScrubReport {
    action: Action,
    files: Vec<(PathBuf, Outcome)>,
    searched: u64,
    bytes: u64,
}

impl ScrubReport {
    pub(crate) fn new(action: Action) -> ScrubReport {
        ScrubReport { action, files: Vec::new(), searched: 0, bytes: 0 }
    }

    pub(crate) fn add(&mut self, path: &Path, outcome: Outcome) {
        if let Outcome::Searched(findings) = &outcome {
            self.searched += 1;
            self.bytes += findings.bytes;
            if findings.count() == 0 && !findings.partial_left && findings.restarts == 0 && findings.doubt.is_none() {
                return;
            }
        }
        self.files.push((path.to_owned(), outcome));
    }

    /// Sorts by path: threads finish in any order.
    pub(crate) fn sort(&mut self) {
        self.files.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// The regions that were masked or found. Those in a file that is left alone were found, and
    /// not masked.
    fn findings(&self) -> impl Iterator<Item = &Findings> {
        self.files.iter().filter_map(|(_, outcome)| match outcome {
            Outcome::Searched(findings) => Some(findings),
            Outcome::Left { findings, .. } if self.action == Action::Count => Some(findings),
            _ => None,
        })
    }

    /// The number of files searched.
    pub(crate) fn searched(&self) -> u64 {
        self.searched
    }

    /// The number of places found.
    pub(crate) fn found(&self) -> u64 {
        self.findings().map(Findings::count).sum()
    }

    /// Whether any file may still hold secrets.
    pub(crate) fn failed(&self) -> bool {
        self.files
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Failed(_) | Outcome::NotSearched(_) | Outcome::Left { .. }))
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.files.iter().filter(|(_, outcome)| is(outcome)).count()
    }

    /// A line for a person.
    pub(crate) fn line(&self) -> String {
        let did = if self.action == Action::Mask { "masked" } else { "found" };
        let many = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let files = self.findings().filter(|findings| findings.count() > 0).count() as u64;
        let mut line = format!("{did} {} in {}", many(self.found(), "place"), many(files, "file"));
        line += &format!("; searched {}, {} bytes", many(self.searched, "file"), self.bytes);
        let others = [
            (self.count(|outcome| matches!(outcome, Outcome::NotSearched(_) | Outcome::Left { .. })), "not searched"),
            (self.count(|outcome| matches!(outcome, Outcome::Failed(_))), "failed"),
            (self.count(|outcome| matches!(outcome, Outcome::Source)), "left alone"),
            (self.count(|outcome| matches!(outcome, Outcome::Skipped(_))), "skipped"),
        ];
        for (count, what) in others.iter().filter(|other| other.0 > 0) {
            line += &format!("; {count} {what}");
        }
        line
    }

    /// JSON for programs.
    pub(crate) fn json(&self, set: &NeedleSet) -> Value {
        json!({
            "version": VERSION,
            "complete": !self.failed(),
            "masked": self.action == Action::Mask,
            "searched": self.searched,
            "bytes": self.bytes,
            "found": self.found(),
            "files": self.files.iter().map(|(path, outcome)| file(path, outcome)).collect::<Vec<_>>(),
            "notices": report::notices(set),
        })
    }
}

/// The count for each secret.
pub(crate) fn by_name(findings: &Findings) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    findings.places.iter().for_each(|((name, _), places)| *counts.entry(name.as_str()).or_default() += places.count);
    counts
}

fn file(path: &Path, outcome: &Outcome) -> Value {
    let mut file = json!({ "path": path_text(path) });
    // The shown name may differ from the file's own. A name with a secret in it is not reported in
    // another form either.
    let (shown, encoded) = (path_text(path), BASE64.encode(path.as_os_str().as_bytes()));
    if shown.as_bytes() != path.as_os_str().as_bytes() && !hides(&shown) && !hides(&encoded) {
        file["path_base64"] = encoded.into();
    }
    let (word, reason) = match outcome {
        Outcome::Searched(findings) => {
            file["found"] = findings.count().into();
            file["bytes"] = findings.bytes.into();
            file["stump_left"] = findings.partial_left.into();
            file["restarts"] = findings.restarts.into();
            file["places"] = places(findings);
            if let Some(why) = findings.doubt {
                file["doubt"] = why.into();
            }
            ("searched", None)
        }
        Outcome::Source => ("skipped", Some(SOURCE.to_owned())),
        Outcome::Left { why, findings } => {
            file["found"] = findings.count().into();
            file["places"] = places(findings);
            ("not-searched", Some(why.clone()))
        }
        Outcome::Skipped(why) => ("skipped", Some((*why).to_owned())),
        Outcome::NotSearched(why) => ("not-searched", Some(why.clone())),
        Outcome::Failed(error) => ("failed", Some(plain_reason(&error.to_string()))),
    };
    file["outcome"] = word.into();
    if let Some(reason) = reason {
        file["reason"] = reason.into();
    }
    file
}

fn places(findings: &Findings) -> Value {
    let one = findings.places.iter().map(|((name, form), places)| {
        json!({ "name": name, "form": form.name(), "count": places.count, "offsets": places.offsets })
    });
    one.collect()
}
