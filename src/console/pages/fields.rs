//! The optional fields of a secret: note, variable, file target, expiry.

use maud::{Markup, html};

use crate::console::form::Form;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::registry::{Error, FieldChange, FieldChanges, Fields, FileTarget, Note};

/// The permissions of a file target: the value in forms, and the label. The first is the default.
const MODES: &[(&str, &str)] = &[
    ("0600", "0600: the owner reads and writes"),
    ("0400", "0400: the owner reads"),
    ("0440", "0440: owner and group read"),
    ("0640", "0640: the owner reads and writes, the group reads"),
    ("0660", "0660: owner and group read and write"),
];

/// The controls. They hold what was sent, or the present fields.
pub(super) fn controls(visit: &Visit, notes: &Notes, old: &Fields) -> Markup {
    let shown = |name: &str, old: Option<String>| match visit.form.is_sent() {
        true => visit.form.text(name).to_owned(),
        false => old.unwrap_or_default(),
    };
    // A credential never comes back.
    let note =
        if notes.is_credential() { String::new() } else { shown("note", old.note.as_ref().map(ToString::to_string)) };
    let variable = shown("variable", old.variable.as_ref().map(ToString::to_string));
    let expires = shown("expires", old.expires.as_ref().map(ToString::to_string));
    let path = shown("file-path", old.file.as_ref().map(|file| file.path.to_string()));
    let is_file_only = if visit.form.is_sent() { visit.form.is_checked("file-only") } else { old.file_only };
    let mode = shown("file-mode", old.file.as_ref().map(|file| file.mode.to_string()));
    let has_error =
        ["note", "variable", "file-path", "file-mode", "expires"].iter().any(|name| notes.of(name).is_some());
    let is_open = has_error || is_file_only || ![&note, &variable, &path, &expires].iter().all(|text| text.is_empty());
    html! {
        details open[is_open] {
            summary { "Note, variable, file, expiry" }
            (layout::line(notes, "note", "Note", &note, &html! { "For the members, in plain text: no value." }))
            (layout::line(notes, "variable", "Variable", &variable, &html! { "If it is not the one of the name." }))
            (layout::line(notes, "file-path", "File", &path, &html! {
                "An absolute path, or one below ~/. The next boot also writes the value there."
            }))
            (layout::check("file-only", "In files only", is_file_only,
                "No variable is set: for certificates and the like."))
            (layout::field(notes, "file-mode", "Permissions of the file", &html! { "Of its owner and its group." }, &|described| html! {
                select id="file-mode" name="file-mode" aria-describedby=(described) {
                    @for (value, label) in MODES { option value=(value) selected[*value == mode] { (label) } }
                }
            }))
            (layout::day(notes, "expires", "Expires on", &expires, &html! {
                "Shown and warned about. The secret is exported as before."
            }))
        }
    }
}

/// The fields of a new secret. Errors go to the notes.
pub(super) fn read(form: &Form, notes: &mut Notes) -> Fields {
    Fields {
        note: one(form.text("note"), Note::new, notes),
        variable: one(form.text("variable"), str::parse, notes),
        file: file(form, notes),
        file_only: form.is_checked("file-only"),
        expires: one(form.text("expires"), str::parse, notes),
    }
}

/// The changes of the fields of a secret that has these. An empty field is removed.
pub(super) fn changes(form: &Form, old: &Fields, notes: &mut Notes) -> FieldChanges {
    FieldChanges {
        note: change(form.text("note"), old.note.as_ref(), Note::new, notes),
        variable: change(form.text("variable"), old.variable.as_ref(), str::parse, notes),
        file: to(file(form, notes), old.file.as_ref(), form.text("file-path")),
        file_only: Some(form.is_checked("file-only")),
        expires: change(form.text("expires"), old.expires.as_ref(), str::parse, notes),
    }
}

fn file(form: &Form, notes: &mut Notes) -> Option<FileTarget> {
    let path = one(form.text("file-path"), str::parse, notes)?;
    let mode = one(form.text("file-mode"), str::parse, notes).unwrap_or_default();
    let file = FileTarget { path, mode };
    notes.take(file.check())?;
    Some(file)
}

fn one<T>(text: &str, parse: fn(&str) -> Result<T, Error>, notes: &mut Notes) -> Option<T> {
    if text.is_empty() { None } else { notes.take(parse(text)) }
}

fn change<T: PartialEq>(
    text: &str,
    old: Option<&T>,
    parse: fn(&str) -> Result<T, Error>,
    notes: &mut Notes,
) -> FieldChange<T> {
    to(one(text, parse, notes), old, text)
}

/// The change to a new field. A field whose text is empty is removed; a wrong one is an error.
fn to<T: PartialEq>(new: Option<T>, old: Option<&T>, text: &str) -> FieldChange<T> {
    match (new, old) {
        (Some(new), old) if old != Some(&new) => FieldChange::Set(new),
        (None, Some(_)) if text.is_empty() => FieldChange::Remove,
        _ => FieldChange::Keep,
    }
}
