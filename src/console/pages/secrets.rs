//! The list of secrets.

use std::time::SystemTime;

use maud::{Markup, html};

use crate::console::answer::Answer;
use crate::console::layout::{self, Notes};
use crate::console::query::encoded;
use crate::console::visit::Visit;
use crate::console::wording::{NEXT_BOOT, RUNNING, sentence};
use crate::registry::{Entry, Expiry, Fields, Name, Scope};

/// The columns that sort the list: the key in addresses, and the title.
const COLUMNS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("variable", "Variable"),
    ("scope", "Scope"),
    ("owner", "Owner"),
    ("install", "In VMs"),
    ("changed", "Changed"),
    ("expires", "Expires"),
];

/// The filters for scopes: the value in addresses, and the label.
const SCOPES: &[(&str, &str)] = &[("", "All"), ("shared", "Shared"), ("private", "Private")];

/// A row of the list.
struct Row<'a> {
    name: &'a Name,
    variable: String,
    scope: Scope,
    entry: &'a Entry,
    note: String,
    expires: String,
    expiry: Expiry,
}

impl Row<'_> {
    fn matches(&self, word: &str, scope: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(word);
        let is_of_scope = scope.is_empty() || scope == self.scope.word();
        is_of_scope && [self.name.as_str(), &self.variable, self.entry.owner.as_str(), &self.note].into_iter().any(has)
    }

    fn key(&self, column: &str) -> &str {
        match column {
            "variable" => &self.variable,
            "scope" => self.scope.word(),
            "owner" => self.entry.owner.as_str(),
            "install" => installed(self.entry),
            "changed" => &self.entry.changed,
            "expires" => &self.expires,
            _ => self.name.as_str(),
        }
    }

    /// Whether this member can change it.
    fn is_own(&self, member: &Name) -> bool {
        self.scope == Scope::Shared || self.entry.owner == *member
    }
}

fn installed(entry: &Entry) -> &'static str {
    if entry.install { "Yes" } else { "No" }
}

/// The list, with the query's search, filter and order.
pub(super) fn page(visit: &Visit) -> Answer {
    let now = SystemTime::now();
    let all = visit.registry().secrets().map(|(name, scope, entry)| {
        let variable = match entry.variable_of(name) {
            Ok(variable) => variable.map_or_else(|| "(file only)".to_owned(), |variable| format!("${variable}")),
            Err(_) => "(refused)".to_owned(),
        };
        let Fields { note, expires, .. } = entry.fields();
        let expiry = expires.as_ref().map_or(Expiry::Later, |date| date.state(now));
        let text = |field: Option<String>| field.unwrap_or_default();
        let (note, expires) = (text(note.map(String::from)), text(expires.map(String::from)));
        Row { name, variable, scope, entry, note, expires, expiry }
    });
    let all: Vec<Row<'_>> = all.collect();
    let (word, scope) = (visit.query.get("q").trim().to_lowercase(), visit.query.get("scope"));
    let mut found: Vec<&Row<'_>> = all.iter().filter(|row| row.matches(&word, scope)).collect();
    let order = visit.query.get("sort");
    let column = order.trim_start_matches('-');
    found.sort_by(|a, b| a.key(column).cmp(b.key(column)).then_with(|| a.name.cmp(b.name)));
    if order.starts_with('-') {
        found.reverse();
    }
    let shared = all.iter().filter(|row| row.scope == Scope::Shared).count();
    let content = html! {
        (done(visit))
        p { a.button href="/secrets/new" { "Add a secret" } " " a href="/import" { "Import a file" } }
        (search(visit, scope))
        p #count role="status" {
            (all.len()) (if all.len() == 1 { " secret: " } else { " secrets: " }) (shared) " shared, " (all.len() - shared) " private"
            @if found.len() < all.len() { "; " (found.len()) " shown" }
        }
        @if found.is_empty() {
            p { @if all.is_empty() { "There is no secret yet." } @else { "No secret matches." } }
        } @else {
            (table(visit, &found))
        }
    };
    layout::page(visit, "/", "Secrets", &Notes::default(), &content)
}

/// The result of the change that led here. The address names it by a word and a name.
fn done(visit: &Visit) -> Markup {
    let name = visit.query.get("name").parse::<Name>().ok();
    if visit.query.get("done") == "imported" {
        let text = format!("all entries are saved: {NEXT_BOOT}; {RUNNING}");
        return html! { p.done role="status" { (sentence(&text)) } };
    }
    let text = name.and_then(|name| match visit.query.get("done") {
        "added" => Some(format!("{name} is saved: {NEXT_BOOT}.")),
        "saved" => Some(format!("{name} is saved: {NEXT_BOOT}; {RUNNING}.")),
        "moved" => Some(format!("{name} has other readers, from their next VM boot on; {RUNNING}.")),
        "deleted" => Some(format!("{name} is deleted: the next VM boot is without it; {RUNNING}.")),
        _ => None,
    });
    html! { @if let Some(text) = text { p.done role="status" { (sentence(&text)) } } }
}

fn search(visit: &Visit, scope: &str) -> Markup {
    html! {
        form.search role="search" method="get" action="/" {
            div.field {
                label for="q" { "Search" }
                input id="q" name="q" type="search" value=(visit.query.get("q")) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="scope" { "Scope" }
                select id="scope" name="scope" {
                    @for (value, label) in SCOPES {
                        option value=(value) selected[*value == scope] { (label) }
                    }
                }
            }
            input type="hidden" name="sort" value=(visit.query.get("sort"));
            button { "Search" }
        }
    }
}

/// The list. On a narrow screen its rows become blocks, so the roles are written out.
fn table(visit: &Visit, rows: &[&Row<'_>]) -> Markup {
    let order = visit.query.get("sort");
    let (word, scope) = (encoded(visit.query.get("q")), encoded(visit.query.get("scope")));
    let address = |column: &str| {
        let reverse = if order == column || order.is_empty() && column == "name" { "-" } else { "" };
        format!("/?q={word}&scope={scope}&sort={reverse}{column}")
    };
    let direction = |column: &str| match order {
        _ if order == column || order.is_empty() && column == "name" => Some("ascending"),
        _ if order.strip_prefix('-') == Some(column) => Some("descending"),
        _ => None,
    };
    html! {
        table role="table" #secrets {
            caption.hidden { "Secrets" }
            thead role="rowgroup" { tr role="row" {
                @for (column, title) in COLUMNS {
                    th role="columnheader" scope="col" aria-sort=[direction(column)] {
                        a href=(address(column)) { (title) }
                    }
                }
                th role="columnheader" scope="col" { "Change" }
            } }
            tbody role="rowgroup" { @for row in rows { (self::row(visit, row)) } }
        }
    }
}

fn row(visit: &Visit, row: &Row<'_>) -> Markup {
    let Row { name, variable, scope, entry, note, expires, expiry } = row;
    let address = |page: &str| format!("/secrets/{page}?scope={}&name={name}", scope.word());
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (name) @if !note.is_empty() { p.hint { (note) } } }
            td role="cell" data-title="Variable" { code { (variable) } }
            td role="cell" data-title="Scope" {
                @if *scope == Scope::Shared { "Shared" } @else { "Private" }
                @if let Some(group) = entry.group() { " with " (group) }
            }
            td role="cell" data-title="Owner" { (entry.owner) }
            td role="cell" data-title="In VMs" { (installed(entry)) }
            td role="cell" data-title="Changed" { (layout::time(&entry.changed)) }
            td role="cell" data-title="Expires" {
                @match expiry {
                    Expiry::Expired => { strong.error { "Expired " (expires) } }
                    Expiry::Soon(days) => { strong { (expires) } " in " (days) " days" }
                    Expiry::Later => { (expires) }
                }
            }
            td role="cell" {
                @if row.is_own(&visit.member) {
                    a href=(address("edit")) aria-label={ "Edit " (name) } { "Edit" } " "
                    a href=(address("delete")) aria-label={ "Delete " (name) } { "Delete" }
                } @else {
                    "only by " (entry.owner)
                }
            }
        }
    }
}
