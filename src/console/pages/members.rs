//! The members, read only: adding one needs an identity that opens the shared secrets.

use maud::html;

use crate::console::answer::Answer;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::registry::{Name, Scope};

/// The list of members.
pub(super) fn page(visit: &Visit) -> Answer {
    let registry = visit.registry();
    let private = |owner: &Name| {
        let secrets = registry.secrets();
        secrets.filter(|(_, scope, entry)| *scope == Scope::Private && entry.owner == *owner).count()
    };
    let rows = html! {
        @for (name, member) in registry.members() {
            tr role="row" {
                th role="rowheader" scope="row" { (name) @if *name == visit.member { " (you)" } }
                td role="cell" data-title="Private secrets" { (private(name)) }
                td role="cell" data-title="Recipient" { code { (member.recipient) } }
                td role="cell" data-title="Signs with" {
                    @match &member.signer { Some(key) => { code { (key) } } None => { "no key" } }
                }
            }
        }
    };
    let content = html! {
        p { "Shared secrets are sealed to all members. " code { "hushlog member" } " adds and removes them, on a \
            machine with an identity." }
        (layout::table("Members", &["Member", "Private secrets", "Recipient", "Signs with"], &rows))
    };
    layout::page(visit, "/members", "Members", &Notes::default(), &content)
}
