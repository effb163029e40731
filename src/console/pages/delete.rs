//! Deleting a secret, with its name typed in.

use maud::html;

use super::secret::{missing, named};
use crate::console::answer::{Answer, see};
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::console::wording::{RUNNING, sentence};
use crate::registry::{By, Name, Registry, Scope};

/// Asks for the name, and deletes the secret.
pub(super) fn page(visit: &Visit) -> Answer {
    let Some((name, scope, entry)) = named(visit) else { return missing(visit, "Delete a secret") };
    let notes = match visit.form.is_sent().then(|| delete(visit, &name, scope)) {
        Some(Ok(())) => return see(&format!("/?done=deleted&name={name}")),
        Some(Err(notes)) => notes,
        None => Notes::default(),
    };
    let hint = html! { "Type " strong { (name) } " to confirm." };
    let is_installed = entry.install;
    let content = html! {
        p { "This deletes the " (scope.word()) " secret " strong { (name) } "." }
        ul {
            @if let (true, Ok(Some(variable))) = (is_installed, entry.variable_of(&name)) {
                li { "The next VM boot is without " code { "$" (variable) } "." }
            }
            @if let (true, Some(file)) = (is_installed, &entry.fields().file) {
                li { "The next VM boot removes " code { (file.path) } "." }
            }
            li { (sentence(RUNNING)) }
            li { "Copies of the file, such as in version control, still hold the sealed value. If it is known to \
                others, change it where it is used." }
        }
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::marks(visit))
            input type="hidden" name="name" value=(name);
            input type="hidden" name="scope" value=(scope.word());
            (layout::line(&notes, "confirm", "Name of the secret", visit.form.text("confirm"), &hint))
            button.danger data-confirms=(name) { "Delete the secret" } " " a href="/" { "Cancel" }
        }
    };
    layout::page(visit, "/", &format!("Delete {name}"), &notes, &content)
}

fn delete(visit: &Visit, name: &Name, scope: Scope) -> Result<(), Notes> {
    if visit.form.text("confirm") != name.as_str() {
        return Err(Notes::error("confirm", "This is not the name of the secret. Nothing was deleted."));
    }
    let mut change = |registry: &mut Registry, by: &By<'_>| registry.delete(name, Some(scope), by).map(drop);
    visit.site.change(&visit.member, visit.form.text("base"), &mut change).map_err(Notes::refused)?;
    visit.site.changed(&visit.member, &format!("deleted {name} ({})", scope.word()));
    Ok(())
}
