//! Counts of masked regions by name and form, as a JSON file and as one line. Reports contain no
//! value, and nothing of the input.
//!
//! They also omit the size of the output: with the size of the input and the number of masks it
//! reveals the length of a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hushlog::io::PumpSummary;
use hushlog::sys::output::Output;
use hushlog::{NeedleSet, NoticeKind, Redactor};
use serde_json::{Value, json};

use super::message::{self, Failure, reason};
use super::output::{self, Inputs};
use super::progress::size_text;

/// The version of the report's format.
const VERSION: u32 = 2;

/// The size of the input, and the masked regions.
pub(crate) struct Tally {
    /// `Some` if the input was read to its end and all output written.
    bytes_in: Option<u64>,
    secrets: BTreeMap<String, BTreeMap<&'static str, u64>>,
    notices: Vec<(String, &'static str)>,
}

impl Tally {
    /// The counts of redactors of this set, with the names of its secrets.
    pub(crate) fn new<'a>(
        names: &BTreeSet<String>,
        set: &NeedleSet,
        redactors: impl IntoIterator<Item = &'a Redactor>,
        pumped: Option<&PumpSummary>,
    ) -> Tally {
        let mut secrets: BTreeMap<String, BTreeMap<&'static str, u64>> =
            names.iter().map(|name| (name.clone(), BTreeMap::new())).collect();
        for ((name, form), count) in redactors.into_iter().flat_map(Redactor::counts) {
            *secrets.entry(name).or_default().entry(form.name()).or_default() += count;
        }
        let notices = set.notices().iter().map(|notice| (notice.name.clone(), kind(notice.kind))).collect();
        Tally { bytes_in: pumped.map(|pumped| pumped.bytes_in), secrets, notices }
    }

    /// A line for a person.
    pub(crate) fn line(&self) -> String {
        let counts = self.secrets.iter().map(|(name, forms)| (forms.values().sum::<u64>(), name));
        let mut found: Vec<(u64, &String)> = counts.filter(|(count, _)| *count > 0).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let places: u64 = found.iter().map(|(count, _)| count).sum();
        let names: Vec<String> = found.iter().map(|(count, name)| format!("{name} {count}")).collect();
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let places = if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
        let bytes = self.bytes_in.map_or_else(String::new, |bytes| format!("; {} in", size_text(bytes)));
        format!("masked {places}{names}{bytes}")
    }

    fn json(&self) -> Value {
        let secret = |(name, forms): (&String, &BTreeMap<&str, u64>)| json!({ "name": name, "masked": forms.values().sum::<u64>(), "forms": forms });
        let notice = |(name, kind): &(String, &str)| json!({ "name": name, "kind": kind });
        json!({
            "version": VERSION,
            "complete": self.bytes_in.is_some(),
            "bytes_in": self.bytes_in,
            "secrets": self.secrets.iter().map(secret).collect::<Vec<_>>(),
            "notices": self.notices.iter().map(notice).collect::<Vec<_>>(),
        })
    }
}

/// The notices about the secrets of a set.
pub(crate) fn notices(set: &NeedleSet) -> Value {
    set.notices().iter().map(|notice| json!({ "name": notice.name, "kind": kind(notice.kind) })).collect()
}

/// The report's word for a notice.
fn kind(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Blank => "blank",
        NoticeKind::TooShort => "too-short",
        NoticeKind::Short => "short",
        NoticeKind::OrdinaryWord => "ordinary-word",
        NoticeKind::MaskReplaced => "mask-replaced",
        _ => "other",
    }
}

/// The report's destination: known to be writable before any input is read, and untouched until the
/// end.
pub(crate) struct Target(Output);

impl Target {
    /// Fails, before any input is read, if the report is not writable, or would replace an input.
    /// The path - is standard output.
    pub(crate) fn new(
        path: Option<&Path>,
        inputs: impl FnOnce() -> Result<Inputs, Failure>,
    ) -> Result<Option<Target>, Failure> {
        let path = path.map(|path| if path == Path::new("-") { Path::new("/dev/stdout") } else { path });
        path.map(|path| output::named("--report", path, inputs()?).map(Target)).transpose()
    }

    /// The same for commands whose standard output is the stream itself.
    pub(crate) fn of_stream(
        path: Option<&Path>,
        inputs: impl FnOnce() -> Result<Inputs, Failure>,
    ) -> Result<Option<Target>, Failure> {
        if path == Some(Path::new("-")) {
            let text = "--report - is standard output, which has the masked text";
            return Err(Failure::config(text).hint("--report /dev/stderr, or a file; ./- is a file of that name"));
        }
        Target::new(path, inputs)
    }

    /// The output at the path.
    pub(crate) fn output(&self) -> &Output {
        &self.0
    }

    /// Writes the report.
    pub(crate) fn write(&self, tally: &Tally) -> Result<(), Failure> {
        self.write_json(tally.json())
    }

    /// Writes a report of another shape. Secrets in its names are masked.
    pub(crate) fn write_json(&self, report: Value) -> Result<(), Failure> {
        let text = message::json(report).into_bytes();
        // Counts may be readable by all users.
        let written = self.0.write(0o666, &text);
        written.map_err(|error| Failure::io(format!("cannot write the report: {}", reason(&error))))
    }
}

#[cfg(test)]
mod tests {
    use hushlog::Secret;

    use super::*;

    /// With one mask, input less output gives the secret's length.
    #[test]
    fn a17_the_summary_does_not_show_the_size_of_the_output() {
        let set = NeedleSet::builder().secret(Secret::new("KEY", b"hunter2-prod-key".to_vec())).build();
        let set = std::sync::Arc::new(set.expect("a set"));
        let mut redactor = Redactor::new(std::sync::Arc::clone(&set));
        let out = redactor.push(b"key=hunter2-prod-key\n").to_vec();
        let mut pumped = PumpSummary::default();
        (pumped.bytes_in, pumped.bytes_out) = (21, out.len() as u64);
        let tally = Tally::new(&BTreeSet::new(), &set, [&redactor], Some(&pumped));
        assert_eq!(tally.line(), "masked 1 place (KEY 1); 21 bytes in");
        assert!(!tally.json().to_string().contains(&out.len().to_string()));
    }
}
