//! Adding and changing a secret.

use maud::{Markup, html};
use zeroize::Zeroizing;

use super::fields;
use super::readers::{self, Readers};
use crate::console::answer::{Answer, see};
use crate::console::form::Form;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::console::wording::{NEXT_BOOT, RUNNING};
use crate::registry::name::variable;
use crate::registry::{By, Draft, Edit, Entry, Error, Fields, Name, Registry, Scope, Value};
use crate::sys::locked;

/// The field for the scope that a secret moves to. Another one has the present scope.
const NEW_SCOPE: &str = "new-scope";
/// The effect of other readers.
const MOVING: &str = "Other readers are sealed with the value, so choosing them needs the value again. The readers \
before do not open it any more, and their VMs are without it from their next boot on. They may have kept it: if they \
must not know the value, save a new one.";

/// Adds a secret.
pub(super) fn add(visit: &Visit) -> Answer {
    let notes = match visit.form.is_sent().then(|| save_new(visit)) {
        Some(Ok(name)) => return see(&format!("/?done=added&name={name}")),
        Some(Err(notes)) => notes,
        None => Notes::default(),
    };
    let name = visit.text("name");
    // An unchecked box is not sent.
    let is_installed = !visit.form.is_sent() || visit.form.is_checked("install");
    let hint = html! { "Exported as " output #exported for="name" { (exported(name)) } "." };
    let content = html! {
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::marks(visit))
            (layout::line(&notes, "name", "Name", name, &hint))
            (value_fields(&notes, "Value"))
            (readers::controls(visit, &notes, "scope", (visit.text("scope"), visit.text("group")), ""))
            (install_field(is_installed))
            (fields::controls(visit, &notes, &Fields::default()))
            p { "The value is sealed when you save it, and cannot be read back here. It is " (NEXT_BOOT) "." }
            button { "Save the secret" } " " a href="/" { "Cancel" }
        }
    };
    layout::page(visit, "/", "Add a secret", &notes, &content)
}

/// The variable of a name, or the form of one.
fn exported(name: &str) -> String {
    match variable(name) {
        Ok(variable) => format!("${variable}"),
        Err(_) => "a variable in capitals, such as $OPENAI_API_KEY".to_owned(),
    }
}

/// Checks all fields before it gives up, so that all errors are shown at once.
fn save_new(visit: &Visit) -> Result<Name, Notes> {
    let form = &visit.form;
    let mut notes = Notes::default();
    let readers = Readers::read(form, "scope", &mut notes);
    let (scope, group) = (readers.scope, readers.group.as_ref());
    let name = notes.take(form.text("name").parse::<Name>().map_err(Error::Name));
    let fields = fields::read(form, &mut notes);
    if let (Some(name), true) = (&name, notes.is_empty()) {
        notes.take(visit.registry().check_new(name, scope, group, &fields, &visit.member));
    }
    let typed = typed(form, &mut notes);
    let value = typed.as_ref().and_then(|typed| notes.take(Value::new(typed)));
    let (Some(name), Some(value), true) = (name, value, notes.is_empty()) else {
        if typed.is_none() && notes.of("value").is_none() {
            notes.take(Err::<(), _>(Error::ValueEmpty));
        }
        return Err(notes);
    };
    let (install, group) = (form.is_checked("install"), readers.group.clone());
    let draft = Draft { group, install, fields, ..Draft::new(name.clone(), scope, value) };
    let mut change = |registry: &mut Registry, by: &By<'_>| registry.add(&draft, by).map(drop);
    visit.site.change(&visit.member, form.text("base"), &mut change).map_err(Notes::refused)?;
    visit.site.changed(&visit.member, &format!("added {name} ({})", readers.words()));
    Ok(name)
}

/// The secret that the query or the form names, if the member can change it.
pub(super) fn named(visit: &Visit) -> Option<(Name, Scope, &Entry)> {
    let name: Name = visit.text("name").parse().ok()?;
    let scope = [Scope::Private, Scope::Shared].into_iter().find(|scope| scope.word() == visit.text("scope"))?;
    let (_, entry) = visit.registry().secret(&name, Some(scope), &visit.member)?;
    Some((name, scope, entry))
}

/// The page if a secret is not there, or not the member's.
pub(super) fn missing(visit: &Visit, title: &str) -> Answer {
    let notes = Notes::error("", "There is no such secret that you can change. Another member may have deleted it.");
    layout::page(visit, "/", title, &notes, &html! { p { a href="/" { "Go to the secrets" } } })
}

/// Changes a secret.
pub(super) fn edit(visit: &Visit) -> Answer {
    let Some((name, scope, entry)) = named(visit) else { return missing(visit, "Edit a secret") };
    let notes = match visit.form.is_sent().then(|| save(visit, &name, scope, entry)) {
        Some(Ok(done)) => return see(&format!("/?done={done}&name={name}")),
        Some(Err(notes)) => notes,
        None => Notes::default(),
    };
    let chosen = match visit.form.is_sent() {
        true => (visit.form.text(NEW_SCOPE), visit.form.text("group")),
        false => (scope.word(), entry.group().map_or("", Name::as_str)),
    };
    let readers = Readers { scope, group: entry.group().cloned() }.words();
    let is_installed = if visit.form.is_sent() { visit.form.is_checked("install") } else { entry.install };
    let content = html! {
        p {
            @match entry.variable_of(&name) {
                Ok(Some(variable)) => { "Exported as " code { "$" (variable) } ", " }
                Ok(None) => { "In files only, " }
                Err(_) => {}
            }
            (readers) ", changed " (layout::time(&entry.changed)) " by " (entry.changed_by()) "."
        }
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::marks(visit))
            input type="hidden" name="name" value=(name);
            input type="hidden" name="scope" value=(scope.word());
            (value_fields(&notes, "New value"))
            (readers::controls(visit, &notes, NEW_SCOPE, chosen, MOVING))
            (install_field(is_installed))
            (fields::controls(visit, &notes, &entry.fields()))
            p { "Without a new value, the value stays, but other readers and another variable or file need it again. A change is " (NEXT_BOOT) "; " (RUNNING) "." }
            button { "Save the change" } " " a href="/" { "Cancel" } " "
            a href={ "/secrets/delete?scope=" (scope.word()) "&name=" (name) } { "Delete it" }
        }
    };
    layout::page(visit, "/", &format!("Edit {name}"), &notes, &content)
}

/// Returns the word for the change in the address of the list.
fn save(visit: &Visit, name: &Name, scope: Scope, entry: &Entry) -> Result<&'static str, Notes> {
    let form = &visit.form;
    let mut notes = Notes::default();
    let fields = fields::changes(form, &entry.fields(), &mut notes);
    let readers = Readers { scope, group: entry.group().cloned() };
    let is_chosen = !form.text(NEW_SCOPE).is_empty();
    let to = is_chosen.then(|| Readers::read(form, NEW_SCOPE, &mut notes)).filter(|to| *to != readers);
    let typed = typed(form, &mut notes);
    let value = typed.as_ref().and_then(|typed| notes.take(Value::new(typed)));
    if to.is_some() && typed.is_none() && notes.of("value").is_none() {
        notes.take(Err::<(), _>(Error::ValueNeeded));
    }
    if !notes.is_empty() {
        return Err(notes);
    }
    let edit = Edit { value, install: Some(form.is_checked("install")), fields, identity: None };
    let mut change = |registry: &mut Registry, by: &By<'_>| {
        registry.edit(name, Some(scope), &edit, by)?;
        match (&to, value) {
            (Some(to), Some(value)) => to.take((name, scope), value, registry, by),
            _ => Ok(()),
        }
    };
    // The name is not edited here: the variable or the readers meet another secret.
    let field = if to.is_some() { "scope" } else { "variable" };
    let changed = visit.site.change(&visit.member, form.text("base"), &mut change);
    changed.map_err(|refused| Notes::refused(refused).about("name", field))?;
    let (done, change, readers) = match (&to, value) {
        (Some(to), _) => ("moved", "moved", to),
        (None, Some(_)) => ("saved", "saved a new value of", &readers),
        (None, None) => ("saved", "changed", &readers),
    };
    visit.site.changed(&visit.member, &format!("{change} {name} ({})", readers.words()));
    Ok(done)
}

/// The value of a form: from the field for one line, from the area for several, or from a file.
/// `None` if all are empty, or it cannot be a value.
fn typed(form: &Form, notes: &mut Notes) -> Option<Zeroizing<Vec<u8>>> {
    let is_given = |name: &&str| !form.bytes(name).is_empty();
    let given: Vec<&str> = ["value", "lines", "file"].iter().filter(|name| is_given(name)).copied().collect();
    let mut value = match given[..] {
        [] => return None,
        ["lines"] => form.lines("lines"),
        [name] => locked::copy(form.bytes(name)),
        _ => {
            *notes = Notes::error("value", "Give the value in one way: as one line, as several lines, or as a file.");
            return None;
        }
    };
    if !form.is_checked("keep-newline") {
        let end = if value.ends_with(b"\r\n") { 2 } else { usize::from(value.ends_with(b"\n")) };
        let len = value.len() - end;
        value.truncate(len);
    }
    Some(value)
}

/// The fields for a value. They are empty, whatever was sent before.
fn value_fields(notes: &Notes, label: &str) -> Markup {
    let hint = html! { "4 bytes to 64 KiB, and masked wherever it occurs if it is under 8. It is never shown again." };
    let invalid = notes.of("value").map(|_| "true");
    html! {
        (layout::field(notes, "value", label, &hint, &|described| html! {
            input id="value" name="value" type="password" aria-describedby=(described) aria-invalid=[invalid]
                autocomplete="off" spellcheck="false";
        }))
        details {
            summary { "Several lines, or a file: keys and certificates" }
            div.field {
                label for="lines" { "Value of several lines" }
                textarea id="lines" name="lines" rows="6" autocomplete="off" autocapitalize="off" spellcheck="false"
                    aria-describedby="lines-hint" {}
                p.hint id="lines-hint" { "Such as a key in PEM." }
            }
            div.field {
                label for="file" { "Value from a file" }
                input id="file" name="file" type="file" aria-describedby="file-hint";
                p.hint id="file-hint" { "Its bytes are the value." }
            }
            (layout::check("keep-newline", "Keep a newline at the end", false,
                "Otherwise the last one is left out: editors append it."))
        }
    }
}

fn install_field(is_installed: bool) -> Markup {
    let hint = "Each VM that opens the registry has the variable from its next boot on.";
    layout::check("install", "Automatically install in VMs", is_installed, hint)
}
