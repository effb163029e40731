//! The readers of a secret: the acting member, all members, or those of a group.

use maud::{Markup, html};

use crate::console::form::Form;
use crate::console::layout::Notes;
use crate::console::visit::Visit;
use crate::console::wording::sentence;
use crate::registry::{By, Error, GROUP_OF_ALL, Move, Name, Registry, Scope, Value};

/// A scope, and the group of a shared secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readers {
    pub(super) scope: Scope,
    pub(super) group: Option<Name>,
}

impl Readers {
    /// Those that a form names: a scope in this field, and a group in another one. Without a scope,
    /// they are private.
    pub(super) fn read(form: &Form, field: &str, notes: &mut Notes) -> Readers {
        let scope = scope(form.text(field));
        let group = Some(form.text("group")).filter(|group| scope == Scope::Shared && !group.is_empty());
        Readers { scope, group: group.and_then(|group| notes.take(group.parse().map_err(|_| no_group(group)))) }
    }

    /// The same in words.
    pub(super) fn words(&self) -> String {
        match &self.group {
            Some(group) => format!("shared with {group}"),
            None => self.scope.word().to_owned(),
        }
    }

    /// Seals a secret of this scope to them.
    pub(super) fn take(
        &self,
        (name, from): (&Name, Scope),
        value: Value<'_>,
        registry: &mut Registry,
        by: &By<'_>,
    ) -> Result<(), Error> {
        // Of a private and a shared secret of one name, the registry moves the shared one.
        if from == Scope::Private && registry.secret(name, Some(Scope::Shared), by.member).is_some() {
            return Err(Error::SecretExists { name: name.to_string() });
        }
        let to = Move { scope: self.scope, group: self.group.as_ref(), value: Some(value), identity: None };
        registry.move_secret(name, &to, by).map(drop)
    }
}

/// The controls: a scope in this field, and a group if there are any.
pub(super) fn controls(visit: &Visit, notes: &Notes, field: &str, chosen: (&str, &str), hint: &str) -> Markup {
    let (scope, group) = chosen;
    let scope = self::scope(scope);
    let groups: Vec<_> = visit.registry().groups().filter(|(name, _)| name.as_str() != GROUP_OF_ALL).collect();
    let shared = if groups.is_empty() { "sealed to all members" } else { "sealed to all members, or to a group" };
    let choices = [(Scope::Private, "Private", "sealed to you alone"), (Scope::Shared, "Shared", shared)];
    // A group that was removed meanwhile stays chosen: all members would be others.
    let gone = Some(group).filter(|group| !group.is_empty() && groups.iter().all(|(name, _)| name.as_str() != *group));
    html! {
        fieldset #scope aria-describedby=[Some("scope-hint").filter(|_| !hint.is_empty())] {
            legend { "Scope" }
            @for (value, label, meaning) in choices {
                div.box {
                    input id=(value.word()) name=(field) type="radio" value=(value.word()) checked[value == scope]
                        aria-describedby={ (value.word()) "-hint" };
                    label for=(value.word()) { (label) }
                    p.hint id={ (value.word()) "-hint" } { (sentence(meaning)) }
                }
            }
            @if !groups.is_empty() || gone.is_some() {
                div.field.wrong[notes.of("group").is_some()] {
                    label for="group" { "Shared with" }
                    select id="group" name="group" aria-invalid=[notes.of("group").map(|_| "true")]
                        aria-describedby=[notes.of("group").map(|_| "group-error")] {
                        option value="" selected[group.is_empty()] { "All members" }
                        @for (name, members) in &groups {
                            option value=(name) selected[name.as_str() == group] {
                                "The group " (name) @if members.members().next().is_none() { ", without members" }
                            }
                        }
                        @if let Some(gone) = gone { option value=(gone) selected { (gone) ", which is no group" } }
                    }
                    (error(notes, "group"))
                }
            }
            @if !hint.is_empty() { p.hint #scope-hint { (hint) } }
            (error(notes, "scope"))
        }
    }
}

/// The scope of a word. Anything else is private: the fewest readers.
fn scope(word: &str) -> Scope {
    if word == Scope::Shared.word() { Scope::Shared } else { Scope::Private }
}

fn no_group(name: &str) -> Error {
    Error::NoGroup { name: name.to_owned() }
}

fn error(notes: &Notes, field: &str) -> Markup {
    html! { @if let Some(error) = notes.of(field) { p.error id={ (field) "-error" } { (error) } } }
}
