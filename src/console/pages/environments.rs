//! Plain defaults, and their history.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::console::answer::{Answer, see};
use crate::console::layout::{self, Notes};
use crate::console::query::encoded;
use crate::console::site::Refused;
use crate::console::visit::Visit;
use crate::console::wording::sentence;
use crate::registry::{By, Change, Error, Name, NameError, Registry};

/// Lists the environments, and sets and unsets a default.
pub(super) fn page(visit: &Visit) -> Answer {
    let notes = match visit.form.is_sent().then(|| change(visit)) {
        Some(Ok(name)) => return see(&format!("/environments?done=saved&name={name}")),
        Some(Err(notes)) => notes,
        None => Notes::default(),
    };
    let environments: Vec<_> = visit.registry().environments().collect();
    let done = visit.query.get("name").parse::<Name>().ok().filter(|_| visit.query.get("done") == "saved");
    let content = html! {
        @if let Some(name) = done { p.done role="status" { "The defaults of " (name) " are changed: available at the next VM boot." } }
        p { "Defaults are plain text, and shared by all that use the environment. A secret of the same variable wins." }
        @if environments.is_empty() { p { "There is no environment yet." } }
        @for (name, variables) in environments { (environment(visit, name, variables)) }
        h2 { "Set a default" }
        (set_form(visit, &notes))
    };
    layout::page(visit, "/environments", "Environments", &notes, &content)
}

fn change(visit: &Visit) -> Result<Name, Notes> {
    let form = &visit.form;
    let wrong = |field| move |error: NameError| Notes::error(field, sentence(&error.to_string()));
    let environment: Name = form.text("environment").parse().map_err(wrong("environment"))?;
    let variable: Name = form.text("variable").parse().map_err(wrong("variable"))?;
    let is_unset = form.is_checked("unset");
    // Browsers send the lines of an area with CR LF.
    let setting = form.text("setting").replace("\r\n", "\n");
    let mut change = |registry: &mut Registry, by: &By<'_>| match is_unset {
        true => registry.unset_default(&environment, &variable, by),
        false => registry.set_default(&environment, &variable, &setting, by).map(drop),
    };
    visit.site.change(&visit.member, form.text("base"), &mut change).map_err(|refused| match refused {
        // Here, the name is that of a variable.
        Refused::Registry(Error::Name(error)) => wrong("variable")(error),
        refused => Notes::refused(refused),
    })?;
    let change = if is_unset { "unset" } else { "set" };
    visit.site.changed(&visit.member, &format!("{change} {variable} in {environment}"));
    Ok(environment)
}

fn environment(visit: &Visit, name: &Name, variables: &BTreeMap<Name, Vec<Change>>) -> Markup {
    let now = |changes: &[Change]| changes.last().and_then(|change| change.value.clone());
    let rows = html! {
        @for (variable, changes) in variables {
            tr role="row" {
                th role="rowheader" scope="row" { code { (variable) } }
                td role="cell" data-title="Value" {
                    @match now(changes) { Some(value) => { code { (value) } } None => { "not set" } }
                }
                td role="cell" data-title="History" { (history(changes)) }
                td role="cell" { @if now(changes).is_some() { (unset_form(visit, name, variable)) } }
            }
        }
    };
    let id = format!("environment-{name}");
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (name) }
            (layout::table(&format!("Defaults of {name}"), &["Variable", "Value", "History", "Change"], &rows))
        }
    }
}

/// The changes of a variable, newest first.
fn history(changes: &[Change]) -> Markup {
    html! {
        details {
            summary { (changes.len()) @if changes.len() == 1 { " change" } @else { " changes" } }
            ol reversed {
                @for change in changes.iter().rev() {
                    li {
                        @match &change.value { Some(value) => { code { (value) } } None => { "unset" } }
                        " by " (change.by) ", " (layout::time(&change.at))
                    }
                }
            }
        }
    }
}

fn unset_form(visit: &Visit, environment: &Name, variable: &Name) -> Markup {
    html! {
        form method="post" enctype="multipart/form-data" {
            (layout::marks(visit))
            input type="hidden" name="environment" value=(environment);
            input type="hidden" name="variable" value=(variable);
            input type="hidden" name="unset" value="on";
            button.plain aria-label={ "Unset " (variable) " in " (environment) } { "Unset" }
        }
    }
}

fn set_form(visit: &Visit, notes: &Notes) -> Markup {
    let form = &visit.form;
    let is_credential = notes.is_credential();
    // A credential never comes back.
    let setting = if is_credential { "" } else { form.text("setting") };
    let variable = form.text("variable");
    html! {
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::marks(visit))
            (layout::line(notes, "environment", "Environment", form.text("environment"), &html! { "Such as production." }))
            (layout::line(notes, "variable", "Variable", variable, &html! { "Such as NODE_ENV." }))
            (layout::line(notes, "setting", "Value", setting, &html! {
                "Plain text: no password, key or token. "
                @if is_credential {
                    a href={ "/secrets/new?scope=shared&name=" (encoded(variable)) } { "Save it as a secret instead" }
                }
            }))
            button { "Set the default" }
        }
    }
}
