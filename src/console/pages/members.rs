//! The members and groups, read only: changing them needs an identity that opens their secrets.

use maud::html;

use crate::console::answer::Answer;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::registry::{GROUP_OF_ALL, Name, Scope};

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
    let groups = html! {
        @for (name, group) in registry.groups() {
            tr role="row" {
                th role="rowheader" scope="row" { (name) }
                td role="cell" data-title="Secrets" { (registry.secrets_of_group(name).count()) }
                td role="cell" data-title="Members" {
                    @if name.as_str() == GROUP_OF_ALL { "all members" } @else {
                        @for (n, member) in group.members().enumerate() { @if n > 0 { ", " } (member) }
                    }
                }
            }
        }
    };
    let content = html! {
        p { "Shared secrets are sealed to all members, or to those of a group. " code { "hushlog member" } " and "
            code { "hushlog group" } " change them, on a machine with an identity." }
        (layout::table("Members", &["Member", "Private secrets", "Recipient", "Signs with"], &rows))
        @if registry.groups().next().is_some() {
            h2 { "Groups" }
            (layout::table("Groups", &["Group", "Secrets", "Members"], &groups))
        }
    };
    layout::page(visit, "/members", "Members", &Notes::default(), &content)
}
