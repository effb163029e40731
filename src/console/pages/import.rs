//! Importing a dotenv or JSON file: shown entry by entry, and then saved as a whole or not at all.
//!
//! The values are sealed before the entries are shown, in a copy of the registry. So no value waits
//! for the confirmation, here or in the browser.

use maud::{Markup, html};

use super::readers::{self, Readers};
use crate::console::answer::{Answer, see};
use crate::console::layout::{self, Notes};
use crate::console::site::Pending;
use crate::console::visit::Visit;
use crate::console::wording::{NEXT_BOOT, RUNNING, sentence};
use crate::redact::text;
use crate::registry::{By, Fate, ImportOptions, ImportPlan, Planned, Registry, Scope};
use crate::source::Dialect;
use crate::source::import::{ImportFile, parse};

/// Takes a file, shows its entries, and saves them once they are confirmed.
pub(super) fn page(visit: &Visit) -> Answer {
    let form = &visit.form;
    let notes = match (form.is_sent(), form.text("plan")) {
        (false, _) => Notes::default(),
        (true, "") => match plan(visit) {
            Ok((file, plan, id)) => return planned(visit, &file, &plan, &id),
            Err(notes) => notes,
        },
        (true, id) => match save(visit, id) {
            Ok(()) => return see("/?done=imported"),
            Err(notes) => notes,
        },
    };
    let is_installed = !form.is_sent() || form.is_checked("install");
    let hint = html! { "Lines such as NAME=VALUE, or one JSON object." };
    let content = html! {
        p { "All entries of the file are saved, or none. First they are listed as new, rotated, or refused with the \
            reason; values are never shown." }
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::marks(visit))
            (layout::field(&notes, "lines", "Text", &hint, &|described| html! {
                textarea id="lines" name="lines" rows="8" autocomplete="off" autocapitalize="off" spellcheck="false"
                    aria-describedby=(described) aria-invalid=[notes.of("lines").map(|_| "true")] {}
            }))
            div.field {
                label for="file" { "Or a file" }
                input id="file" name="file" type="file" aria-describedby="file-hint";
                p.hint id="file-hint" { "At most 1 MiB." }
            }
            (readers::controls(visit, &notes, "scope", (visit.text("scope"), visit.text("group")), ""))
            (layout::check("install", "Automatically install in VMs", is_installed, "New secrets. Rotated ones stay as they are."))
            button { "Show the entries" } " " a href="/" { "Cancel" }
        }
    };
    layout::page(visit, "/import", "Import", &notes, &content)
}

/// Reads the file, and plans its import. If no entry is refused, the sealed result waits under an
/// id.
fn plan(visit: &Visit) -> Result<(ImportFile, ImportPlan, String), Notes> {
    let form = &visit.form;
    let (typed, file) = (form.lines("lines"), form.bytes("file"));
    if !typed.is_empty() && !file.is_empty() {
        return Err(Notes::error("lines", "Give the text or the file, not both."));
    }
    let bytes = if file.is_empty() { &typed } else { file };
    let file = parse(bytes, Dialect::default()).map_err(|error| Notes::error("lines", sentence(&error.to_string())))?;
    let registry = visit.registry();
    let mut notes = Notes::default();
    let readers = Readers::read(form, "scope", &mut notes);
    // Otherwise, each entry would be refused.
    if let Some(group) = &readers.group {
        notes.take(registry.group(group));
    }
    if !notes.is_empty() {
        return Err(notes);
    }
    // Without a scope, new secrets are private, and present ones are found in either scope.
    let scope = Some(readers.scope).filter(|scope| *scope == Scope::Shared);
    let options = ImportOptions { scope, group: readers.group.as_ref(), install: form.is_checked("install") };
    let plan = registry.plan_import(&file.items, options, &visit.member);
    let plan = plan.map_err(|error| Notes::refused(error.into()))?;
    let mut id = String::new();
    if plan.counts()[2] == 0 {
        let mut changed = registry.clone();
        let imported = changed.import(&file.items, options, &By::now(&visit.member));
        imported.map_err(|error| Notes::refused(error.into()))?;
        let [new, rotated, _] = plan.counts();
        let pending = Pending { base: visit.state.digest.clone(), registry: changed, new, rotated };
        id = visit
            .site
            .wait(&visit.member, pending)
            .ok_or_else(|| Notes::error("", "The system returned no random bytes."))?;
    }
    Ok((file, plan, id))
}

/// The entries, and the way to save them.
fn planned(visit: &Visit, file: &ImportFile, plan: &ImportPlan, id: &str) -> Answer {
    let [new, rotated, refused] = plan.counts();
    let notes = match refused {
        0 => Notes::default(),
        1 => Notes::error("", "1 entry is refused, so none can be saved. Change it or leave it out, and try again."),
        _ => Notes::error(
            "",
            format!(
                "{refused} entries are refused, so none can be saved. Change them or leave them out, and try again."
            ),
        ),
    };
    let list = |names: &[String]| names.iter().map(|name| text::name(name.as_bytes())).collect::<Vec<_>>().join(", ");
    let content = html! {
        p { (new) " new, " (rotated) " rotated, " (refused) " refused. Nothing is saved yet." }
        (layout::table("Entries", &["Entry", "Effect", "Secret"], &html! { @for item in &plan.items { (row(item)) } }))
        @if rotated > 0 {
            p { "A rotated secret may have the same value as before: saved values cannot be read back to compare." }
        }
        @if !file.referring.is_empty() {
            p { "Read as they are, though they refer to other variables: " (list(&file.referring)) "." }
        }
        @if !file.differing.is_empty() {
            p { "Other programs read these differently: " (list(&file.differing)) "." }
        }
        @if refused == 0 {
            form.entry method="post" action="/import" enctype="multipart/form-data" {
                (layout::mark(visit))
                input type="hidden" name="plan" value=(id);
                p { "The values are " (NEXT_BOOT) "; " (RUNNING) "." }
                button { "Save all" } " " a href="/import" { "Cancel" }
            }
        } @else {
            p { a.button href="/import" { "Try again" } }
        }
    };
    layout::page(visit, "/import", "Entries to import", &notes, &content)
}

fn row(item: &Planned) -> Markup {
    let (effect, secret) = match &item.fate {
        Fate::New(to) => ("New", Ok(to)),
        Fate::Rotated(to) => ("Rotated", Ok(to)),
        Fate::Refused(error) => ("Refused", Err(error)),
    };
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (text::name(item.key.as_bytes())) }
            td role="cell" data-title="Effect" { @if secret.is_err() { strong.error { (effect) } } @else { (effect) } }
            td role="cell" data-title="Secret" {
                @match secret {
                    Ok(to) => { (to.name) ", " (to.scope.word()) ", "
                        @match &to.variable {
                            Some(variable) => { "exported as " code { "$" (variable) } }
                            None => { "in files only" }
                        }
                    }
                    Err(error) => { (sentence(&error.to_string())) }
                }
            }
        }
    }
}

/// Saves what waits under this id.
fn save(visit: &Visit, id: &str) -> Result<(), Notes> {
    let gone = "These entries were saved already, or wait no longer. Give the text or the file again.";
    let pending = visit.site.waiting(&visit.member, id).ok_or_else(|| Notes::error("", gone))?;
    let mut change = |registry: &mut Registry, _: &By<'_>| {
        *registry = pending.registry.clone();
        Ok(())
    };
    visit.site.change(&visit.member, &pending.base, &mut change).map_err(Notes::refused)?;
    let Pending { new, rotated, .. } = pending;
    visit.site.changed(&visit.member, &format!("imported secrets: {new} new, {rotated} rotated"));
    Ok(())
}
