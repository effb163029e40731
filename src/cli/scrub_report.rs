//! The result of a scrub: one line for a person, JSON for programs. Neither contains a value, nor
//! anything of a file but its name.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hushlog::NeedleSet;
use hushlog::scrub::{Action, Findings, Outcome};
use serde_json::{Value, json};

use super::message::{self, hides, path_text, plain_reason};
use super::progress::size_text;
use super::report;

/// The version of the report's format.
const VERSION: u32 = 1;
/// The reason that a source file is left alone.
pub(crate) const SOURCE: &str = "it is a source of the secrets";

/// The maximum number of files in one message.
const LISTED_MAX: usize = 10;

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
        line += &format!("; searched {}, {}", many(self.searched, "file"), size_text(self.bytes));
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

    /// Writes the messages about single files, in the order of their paths. Files without findings
    /// that have the same warning share one message.
    pub(crate) fn say(&self, quiet: bool) {
        let did = if self.action == Action::Mask { "masked" } else { "found" };
        let mut warnings: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
        for (path, outcome) in &self.files {
            let shown = path_text(path);
            match outcome {
                Outcome::Searched(findings) if findings.count() > 0 && !quiet => {
                    message::summary(&format!("{did} {} in {shown} ({})", findings.count(), names(findings)));
                }
                Outcome::Left { why, findings } if findings.count() > 0 => {
                    let secrets = format!("it contains secrets, which stay ({})", names(findings));
                    message::warning(&format!("not searched: {shown}: {why}; {secrets}"));
                }
                _ => {}
            }
            for warning in warnings_about(outcome) {
                warnings.entry(warning).or_default().push(shown.clone());
            }
        }
        for ((kind, why), paths) in warnings {
            message::warning(&format!("{kind}: {}: {why}", listed(&paths)));
        }
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

/// The warnings about a file that do not name its secrets: their kind and reason.
fn warnings_about(outcome: &Outcome) -> Vec<(&'static str, String)> {
    match outcome {
        Outcome::Failed(error) => vec![("failed", plain_reason(&error.to_string()))],
        Outcome::NotSearched(why) => vec![("not searched", why.clone())],
        Outcome::Left { why, findings } if findings.count() == 0 => vec![("not searched", why.clone())],
        Outcome::Searched(findings) => {
            let doubt = findings.doubt.map(|why| ("doubtful", format!("{why}; searched as text")));
            let partial =
                findings.partial_left.then(|| ("still written to", "it ends in the beginning of a secret".to_owned()));
            doubt.into_iter().chain(partial).collect()
        }
        Outcome::Source => vec![("left alone", SOURCE.to_owned())],
        Outcome::Left { .. } | Outcome::Skipped(_) => Vec::new(),
    }
}

/// The first of these paths, and the number of the others.
fn listed(paths: &[String]) -> String {
    let shown = paths[..paths.len().min(LISTED_MAX)].join(", ");
    match paths.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        others => format!("{shown} and {others} more, which --report lists"),
    }
}

/// The count for each secret, as text.
fn names(findings: &Findings) -> String {
    by_name(findings).iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<String>>().join(", ")
}

/// The count for each secret.
fn by_name(findings: &Findings) -> BTreeMap<&str, u64> {
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
