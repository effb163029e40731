//! `hushlog secret list|search`: names and metadata of secrets.

use std::time::SystemTime;

use clap::Args;
use hushlog::registry::{Entry, Expiry, Fields, Name, Registry, Scope};
use serde_json::json;

use super::exit::Exit;
use super::message::{Failure, note};
use super::registry::{ListArgs, print_json, print_table};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// The word; case is ignored
    #[arg(value_name = "WORD")]
    word: String,
    #[command(flatten)]
    list: ListArgs,
}

/// Lists all secrets.
pub(crate) fn list(args: &ListArgs) -> Result<Exit, Failure> {
    print(args, "")
}

/// Lists the secrets that contain the word.
pub(crate) fn search(args: &SearchArgs) -> Result<Exit, Failure> {
    print(&args.list, &args.word)
}

fn print(args: &ListArgs, word: &str) -> Result<Exit, Failure> {
    let registry = args.registry.load()?;
    let found: Vec<Listed<'_>> = listed(&registry).filter(|listed| listed.matches(&word.to_lowercase())).collect();
    if args.json {
        return print_json(&found.iter().map(Listed::json).collect());
    }
    if found.is_empty() {
        note("no secret matches");
        return Ok(Exit::Done);
    }
    // A column of an optional field is shown if a secret has the field.
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| found.iter().any(|listed| column.is_used(listed))).collect();
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let rows: Vec<Vec<String>> =
        found.iter().map(|listed| columns.iter().map(|column| (column.cell)(listed)).collect()).collect();
    print_table(&titles, &rows)
}

/// Everything that is ever shown about a secret.
struct Listed<'a> {
    name: &'a Name,
    /// As the table shows it.
    variable: String,
    scope: Scope,
    entry: &'a Entry,
    fields: Fields,
}

fn listed(registry: &Registry) -> impl Iterator<Item = Listed<'_>> {
    registry.secrets().map(|(name, scope, entry)| {
        let variable = match entry.variable_of(name) {
            Ok(variable) => variable.unwrap_or_else(|| "(file only)".to_owned()),
            Err(_) => "(refused)".to_owned(),
        };
        Listed { name, variable, scope, entry, fields: entry.fields() }
    })
}

/// A column of the table.
struct Column {
    title: &'static str,
    /// Whether it is left out if no secret has a text in it.
    is_optional: bool,
    cell: fn(&Listed<'_>) -> String,
}

impl Column {
    const fn always(title: &'static str, cell: fn(&Listed<'_>) -> String) -> Column {
        Column { title, is_optional: false, cell }
    }

    const fn optional(title: &'static str, cell: fn(&Listed<'_>) -> String) -> Column {
        Column { title, is_optional: true, cell }
    }

    fn is_used(&self, listed: &Listed<'_>) -> bool {
        !self.is_optional || !(self.cell)(listed).is_empty()
    }
}

const COLUMNS: &[Column] = &[
    Column::always("NAME", |listed| listed.name.to_string()),
    Column::always("VARIABLE", |listed| listed.variable.clone()),
    Column::always("SCOPE", |listed| listed.scope.word().to_owned()),
    Column::optional("GROUP", |listed| listed.entry.group().map(Name::to_string).unwrap_or_default()),
    Column::always("OWNER", |listed| listed.entry.owner.to_string()),
    Column::always("INSTALLED", |listed| if listed.entry.install { "yes" } else { "no" }.to_owned()),
    Column::always("VERSION", |listed| listed.entry.version.clone()),
    Column::always("CHANGED", |listed| listed.entry.changed.clone()),
    Column::optional("CHANGED BY", |listed| {
        let by = Some(listed.entry.changed_by()).filter(|by| **by != listed.entry.owner);
        by.map(Name::to_string).unwrap_or_default()
    }),
    Column::optional("FILE", |listed| {
        let file = listed.fields.file.as_ref();
        file.map(|file| format!("{} {}", file.mode, file.path)).unwrap_or_default()
    }),
    Column::optional("EXPIRES", expires),
    Column::optional("NOTE", |listed| listed.fields.note.as_ref().map(ToString::to_string).unwrap_or_default()),
];

fn expires(listed: &Listed<'_>) -> String {
    let Some(date) = &listed.fields.expires else { return String::new() };
    match date.state(SystemTime::now()) {
        Expiry::Expired => format!("{date} (expired)"),
        Expiry::Soon(1) => format!("{date} (in 1 day)"),
        Expiry::Soon(days) => format!("{date} (in {days} days)"),
        Expiry::Later => date.to_string(),
    }
}

impl Listed<'_> {
    fn matches(&self, word: &str) -> bool {
        let note = self.fields.note.as_ref().map(ToString::to_string).unwrap_or_default();
        let group = self.entry.group().map_or("", Name::as_str);
        [self.name.as_str(), &self.variable, self.entry.owner.as_str(), group, &note]
            .iter()
            .any(|text| text.to_lowercase().contains(word))
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name.as_str(),
            "variable": Some(&self.variable).filter(|_| !self.fields.file_only),
            "scope": self.scope.word(),
            "group": self.entry.group().map(Name::as_str),
            "owner": self.entry.owner.as_str(),
            "installed": self.entry.install,
            "version": self.entry.version,
            "changed": self.entry.changed,
            "changed_by": self.entry.changed_by().as_str(),
            "expires": self.fields.expires,
            "file": self.fields.file,
            "file_only": self.fields.file_only,
            "note": self.fields.note,
        })
    }
}
