//! `hushlog explain`: which secrets the sources have, what is searched for because of each, and
//! what is left. Neither a value nor its length is shown.

use std::collections::BTreeMap;

use clap::Args;
use hushlog::source::{Loaded, Origin, Sourced};
use hushlog::{Form, NeedleSet, NoticeKind, Secret};
use serde_json::{Value, json};

use super::exit::Exit;
use super::message::{self, Failure};
use super::source::{self, SourceArgs};
use super::{masking, stdio};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Names of secrets, as in masks [default: all secrets of the sources]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sources: SourceArgs,
}

/// What is said about one secret.
struct Explanation {
    name: String,
    origin: Origin,
    /// Why its value is not searched for.
    left: Option<&'static str>,
    /// The number of needles of each form.
    needles: BTreeMap<Form, usize>,
    notices: Vec<&'static str>,
}

/// Explains the named secrets, or all. The status is 1 if there is none of a name.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let loaded = source::load_all(&args.sources.spec()?, true)?;
    let explained = explain(loaded)?;
    let is_asked = |explanation: &&Explanation| args.names.is_empty() || args.names.contains(&explanation.name);
    let asked: Vec<&Explanation> = explained.iter().filter(is_asked).collect();
    let unknown = (1..).zip(&args.names).filter(|(_, name)| explained.iter().all(|found| found.name != **name));
    let unknown: Vec<String> = unknown
        .map(|(number, name)| message::typed(name).unwrap_or_else(|| format!("name {number}")))
        .map(|shown| format!("{shown}: no source has this secret"))
        .collect();
    let text = if args.json {
        format!("{:#}\n", Value::from_iter(asked.iter().map(|explanation| explanation.json())))
    } else {
        asked
            .iter()
            .map(|explanation| explanation.text())
            .chain(unknown.iter().map(|line| format!("{line}\n")))
            .collect()
    };
    stdio::print(text.lines().map(|line| message::shown(line) + "\n").collect::<String>().as_bytes())?;
    Ok(if unknown.is_empty() { Exit::Done } else { Exit::No })
}

/// Builds the needle set, and describes its part of each secret, in the order of the sources.
fn explain(loaded: Loaded) -> Result<Vec<Explanation>, Failure> {
    let mut explained: Vec<Explanation> = Vec::new();
    let is_left = |name: &String| loaded.left.binary_search(name).is_ok();
    for Sourced { exported, origin, is_masked, .. } in &loaded.secrets {
        let name = exported.secret.name().to_owned();
        let left = match is_masked {
            true => None,
            false if is_left(&name) => Some("it cannot be a secret; --all masks it"),
            false => Some("--only or --except excludes it"),
        };
        // A file may define a name several times.
        if explained.iter().all(|other| other.name != name) {
            explained.push(Explanation { name, origin: *origin, left, needles: BTreeMap::new(), notices: Vec::new() });
        }
    }
    let secrets: Vec<Secret> = loaded.into_masked();
    let builder = secrets.into_iter().fold(NeedleSet::builder(), |builder, secret| builder.secret(secret));
    let set = builder.build().map_err(masking::failure)?;
    for needle in 0..set.len() {
        let (name, form) = set.name_and_form(needle);
        if let Some(explanation) = explained.iter_mut().find(|explanation| explanation.name == name) {
            *explanation.needles.entry(form).or_default() += 1;
        }
    }
    for notice in set.notices() {
        if let Some(explanation) = explained.iter_mut().find(|explanation| explanation.name == notice.name) {
            explanation.notices.push(said(notice.kind));
        }
    }
    Ok(explained)
}

impl Explanation {
    fn text(&self) -> String {
        let total: usize = self.needles.values().sum();
        let forms: Vec<String> = self.needles.iter().map(|(form, count)| format!("{} {count}", form.name())).collect();
        let mut lines = vec![format!("{}: from {}", self.name, of(self.origin))];
        match self.left {
            Some(reason) => lines.push(format!("  not masked: {reason}")),
            None if total > 0 => lines.push(format!("  searched for in {total} spellings: {}", forms.join(", "))),
            None if self.notices.is_empty() => {
                lines.push("  masked by the name of another secret with this value".to_owned())
            }
            None => {}
        }
        lines.extend(self.notices.iter().map(|notice| format!("  {notice}")));
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Value {
        let forms: BTreeMap<&str, usize> = self.needles.iter().map(|(form, count)| (form.name(), *count)).collect();
        json!({
            "name": self.name, "source": of(self.origin), "masked": self.left.is_none(), "reason": self.left,
            "forms": forms, "notices": self.notices,
        })
    }
}

fn of(origin: Origin) -> &'static str {
    match origin {
        Origin::Environment => "a variable of the environment",
        Origin::Dotenv => "a dotenv file",
        Origin::File => "a secret file",
        Origin::Session => "the session",
        Origin::Registry => "a registry",
        Origin::Key => "a key of this machine",
        Origin::Command => "a command",
        Origin::CredentialFile => "a credential file",
    }
}

fn said(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Blank => "not masked: it is blank",
        NoticeKind::TooShort => "not masked: it is too short",
        NoticeKind::Short => "masked at every occurrence, although short",
        NoticeKind::OrdinaryWord => "masked at every occurrence, although it is or contains an ordinary word",
        NoticeKind::MaskReplaced => "the default mask shares text with the value, and another one is used",
        _ => "there is a notice about it",
    }
}
