//! `hushlog explain`: the secrets of the sources, the searched parts and forms of each, and the
//! values that are left; with `--sidecar`, how often the running sidecar masked each. Neither a
//! value nor its length is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use hushlog::registry::Name;
use hushlog::source::{Loaded, Origin, Sourced};
use hushlog::{Form, NeedleSet, NoticeKind, Secret};
use serde_json::{Value, json};

use super::exit::Exit;
use super::message::{self, Failure};
use super::sidecar_status::{count, span};
use super::source::{self, SourceArgs};
use super::{masking, sidecar_client as client, stdio};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Names of secrets, as in masks [default: all secrets of the sources]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Ask the running sidecar how often it masked each secret, and where and when last
    ///
    /// With sources, the counts stand beside their secrets; without, beside the sidecar's own.
    #[arg(long)]
    sidecar: bool,

    /// The control socket of the sidecar [default: /run/hushlog/sidecar.sock]
    #[arg(long, value_name = "PATH", requires = "sidecar")]
    socket: Option<PathBuf>,

    #[command(flatten)]
    sources: SourceArgs,
}

/// What is said about one secret.
struct Explanation {
    name: String,
    /// `None` for a secret of the sidecar.
    origin: Option<Origin>,
    /// The group of the registry that it is shared with.
    group: Option<Name>,
    /// Why its value is not searched for.
    left: Option<&'static str>,
    /// The number of needles of each form.
    needles: BTreeMap<Form, usize>,
    notices: Vec<&'static str>,
    /// The sidecar's answer about it.
    masked: Option<Masked>,
}

/// Explains the named secrets, or all. The status is 1 if there is none of a name.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let spec = args.sources.spec()?;
    let mut explained = Vec::new();
    if !args.sidecar || !spec.is_empty() {
        let loaded = source::load_all(&spec, true)?;
        source::tell_withheld(&args.names, &loaded.withheld);
        explained = explain(loaded)?;
    }
    if args.sidecar {
        let masked = masked(args.socket.as_deref().unwrap_or(Path::new(client::SOCKET)))?;
        if spec.is_empty() {
            explained = masked.into_iter().map(Explanation::of_sidecar).collect();
        } else {
            for explanation in &mut explained {
                let found = masked.iter().find(|(name, _)| *name == explanation.name);
                explanation.masked = Some(found.map_or_else(Masked::default, |(_, masked)| masked.clone()));
            }
        }
    }
    let is_asked = |explanation: &&Explanation| args.names.is_empty() || args.names.contains(&explanation.name);
    let asked: Vec<&Explanation> = explained.iter().filter(is_asked).collect();
    let unknown = (1..).zip(&args.names).filter(|(_, name)| explained.iter().all(|found| found.name != **name));
    let unknown: Vec<String> = unknown
        .map(|(number, name)| message::typed(name).unwrap_or_else(|| format!("name {number}")))
        .map(|shown| {
            let source = if args.sidecar && spec.is_empty() { "the sidecar does not have" } else { "no source has" };
            format!("{shown}: {source} this secret")
        })
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
            let group = exported.group.clone();
            explained.push(Explanation { left, group, ..Explanation::new(name, Some(*origin)) });
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
    fn new(name: String, origin: Option<Origin>) -> Explanation {
        let (left, needles, notices) = (None, BTreeMap::new(), Vec::new());
        Explanation { name, origin, group: None, left, needles, notices, masked: None }
    }

    fn of_sidecar((name, masked): (String, Masked)) -> Explanation {
        Explanation { masked: Some(masked), ..Explanation::new(name, None) }
    }

    fn text(&self) -> String {
        let Some(origin) = self.origin else {
            let masked = self.masked.as_ref().map_or_else(String::new, Masked::text);
            return format!("{}: a secret of the sidecar\n  {masked}\n", self.name);
        };
        let total: usize = self.needles.values().sum();
        let forms: Vec<String> = self.needles.iter().map(|(form, count)| format!("{} {count}", form.name())).collect();
        let group = self.group.as_ref().map_or_else(String::new, |group| format!(", shared with the group {group}"));
        let mut lines = vec![format!("{}: from {}{group}", self.name, of(origin))];
        match self.left {
            Some(reason) => lines.push(format!("  not masked: {reason}")),
            None if total > 0 => lines.push(format!("  searched for in {total} spellings: {}", forms.join(", "))),
            None if self.notices.is_empty() => {
                lines.push("  masked by the name of another secret with this value".to_owned())
            }
            None => {}
        }
        lines.extend(self.notices.iter().map(|notice| format!("  {notice}")));
        lines.extend(self.masked.iter().map(|masked| format!("  by the sidecar: {}", masked.text())));
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Value {
        let Some(origin) = self.origin else {
            return json!({ "name": self.name, "sidecar": self.masked.as_ref().map(Masked::json) });
        };
        let forms: BTreeMap<&str, usize> = self.needles.iter().map(|(form, count)| (form.name(), *count)).collect();
        let mut explained = json!({
            "name": self.name, "source": of(origin), "masked": self.left.is_none(), "reason": self.left,
            "forms": forms, "notices": self.notices,
        });
        if let Some(group) = &self.group {
            explained["group"] = json!(group.as_str());
        }
        if let Some(masked) = &self.masked {
            explained["sidecar"] = masked.json();
        }
        explained
    }
}

/// The masks of one secret in a sidecar.
#[derive(Clone, Default)]
struct Masked {
    count: u64,
    /// The number in each stream.
    streams: BTreeMap<String, u64>,
    /// The last stream, and its time in seconds since 1970.
    last: Option<(String, u64)>,
}

/// Asks a sidecar about all of its secrets.
fn masked(socket: &Path) -> Result<Vec<(String, Masked)>, Failure> {
    let answer = client::masked(socket)?;
    let secrets = answer["secrets"].as_array().into_iter().flatten();
    Ok(secrets.filter_map(|secret| Some((secret["name"].as_str()?.to_owned(), Masked::read(secret)))).collect())
}

impl Masked {
    fn read(secret: &Value) -> Masked {
        let streams = secret["streams"].as_object().into_iter().flatten();
        Masked {
            count: secret["masked"].as_u64().unwrap_or_default(),
            streams: streams.map(|(stream, count)| (stream.clone(), count.as_u64().unwrap_or_default())).collect(),
            last: secret["last_stream"].as_str().map(str::to_owned).zip(secret["last_at"].as_u64()),
        }
    }

    fn text(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        match &self.last {
            Some((stream, at)) => {
                let ago = span(now.saturating_sub(*at));
                format!("masked {}, last in the stream {stream}, {ago} ago", count(self.count, "time"))
            }
            None => "not masked yet: no stream had it".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let (stream, at) = self.last.clone().unzip();
        json!({ "masked": self.count, "streams": self.streams, "last_stream": stream, "last_at": at })
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
