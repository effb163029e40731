//! The pages. Each shows its form, and makes the change if one was sent.

mod check;
mod delete;
mod environments;
mod fields;
mod history;
mod import;
mod members;
mod readers;
mod secret;
mod secrets;

use axum::http::StatusCode;

use super::answer::Answer;
use super::layout;
use super::visit::Visit;

/// Answers a request for a page.
pub(super) type Page = fn(&Visit) -> Answer;

/// The pages by their paths.
pub(super) const ROUTES: &[(&str, Page)] = &[
    ("/", secrets::page),
    ("/secrets/new", secret::add),
    ("/secrets/edit", secret::edit),
    ("/secrets/delete", delete::page),
    ("/import", import::page),
    ("/environments", environments::page),
    ("/members", members::page),
    ("/history", history::page),
    ("/check", check::page),
    ("/stop", stop),
];

/// Ends the console.
fn stop(visit: &Visit) -> Answer {
    if !visit.form.is_sent() || visit.site.door.is_unix() {
        return layout::notice(StatusCode::NOT_FOUND, "There is no such page.");
    }
    visit.site.stop.notify_one();
    layout::last("The console has ended. Its terminal can start it again.")
}
