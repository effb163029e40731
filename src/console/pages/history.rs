//! Which member changed which entry when, as far as the file has it.

use maud::html;

use crate::console::answer::Answer;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;

/// The most changes on the page.
const CHANGES_MAX: usize = 500;

/// A change of an entry.
struct Change<'a> {
    at: &'a str,
    by: &'a str,
    entry: String,
    change: String,
}

/// The list of changes, newest first.
pub(super) fn page(visit: &Visit) -> Answer {
    let mut changes = changes(visit);
    changes.sort_by(|a, b| b.at.cmp(a.at).then_with(|| a.entry.cmp(&b.entry)));
    let rows = html! {
        @for change in changes.iter().take(CHANGES_MAX) {
            tr role="row" {
                th role="rowheader" scope="row" { (change.entry) }
                td role="cell" data-title="Change" { (change.change) }
                td role="cell" data-title="Time" { (layout::time(change.at)) }
                td role="cell" data-title="Member" { (change.by) }
            }
        }
    };
    let content = html! {
        p { "The last change of each secret, and all changes of defaults, from the registry's file. Version control \
            has the earlier ones." }
        @if changes.is_empty() {
            p { "Nothing was changed yet." }
        } @else {
            (layout::table("Changes", &["Entry", "Change", "Time", "Member"], &rows))
            @if changes.len() > CHANGES_MAX { p { "Earlier ones are not shown." } }
        }
    };
    layout::page(visit, "/history", "History", &Notes::default(), &content)
}

fn changes(visit: &Visit) -> Vec<Change<'_>> {
    let registry = visit.registry();
    let secrets = registry.secrets().map(|(name, scope, entry)| Change {
        at: &entry.changed,
        by: entry.changed_by().as_str(),
        entry: name.to_string(),
        change: format!("changed, {}", scope.word()),
    });
    let defaults = registry.environments().flat_map(|(environment, variables)| {
        variables.iter().flat_map(move |(variable, changes)| {
            changes.iter().map(move |change| Change {
                at: &change.at,
                by: change.by.as_str(),
                entry: format!("{variable} in {environment}"),
                change: change.value.as_ref().map_or("unset".to_owned(), |value| format!("set to {value}")),
            })
        })
    });
    secrets.chain(defaults).collect()
}
