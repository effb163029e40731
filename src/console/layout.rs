//! The frame of all pages, and their parts.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::answer::{self, Answer};
use super::site::Refused;
use super::visit::Visit;
use super::wording::{of_field, whole};
use crate::redact::text;
use crate::registry::Error;
use crate::source::SourceError;

/// The pages that the navigation names.
const PLACES: &[(&str, &str)] = &[
    ("/", "Secrets"),
    ("/import", "Import"),
    ("/environments", "Environments"),
    ("/members", "Members"),
    ("/history", "History"),
    ("/check", "Is it set?"),
];

/// What a page shows besides its content.
#[derive(Default)]
pub(super) struct Notes {
    /// Errors, each with the field that it is about; an empty name is the whole form.
    errors: Vec<(&'static str, String)>,
    /// A default or a note looks like a credential.
    is_credential: bool,
    /// The file changed since the form was made; with the changes, if they are known.
    newer: Option<Option<Vec<String>>>,
}

impl Notes {
    /// Adds the error of a field. Returns nothing in place of its value.
    pub(super) fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn add(&mut self, error: Error) {
        self.is_credential |= matches!(error, Error::LooksLikeCredential { .. } | Error::NoteLooksLikeCredential);
        self.errors.push(of_field(error));
    }

    /// An error of a field.
    pub(super) fn error(field: &'static str, text: impl Into<String>) -> Notes {
        Notes { errors: vec![(field, text.into())], ..Notes::default() }
    }

    /// The notes of a change that was not made.
    pub(super) fn refused(refused: Refused) -> Notes {
        match refused {
            Refused::Newer(changes) => Notes { newer: Some(changes), ..Notes::default() },
            Refused::Registry(error) => {
                let mut notes = Notes::default();
                notes.add(error);
                notes
            }
            Refused::Untrusted(error) => Notes::error("", whole(&error)),
        }
    }

    /// The same, with the errors of one field at another one.
    pub(super) fn about(mut self, from: &str, to: &'static str) -> Notes {
        self.errors.iter_mut().filter(|(field, _)| *field == from).for_each(|(field, _)| *field = to);
        self
    }

    /// The error of a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(found, _)| *found == field).map(|(_, text)| text.as_str())
    }

    /// Whether a default or a note looks like a credential, and must not be shown.
    pub(super) fn is_credential(&self) -> bool {
        self.is_credential
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.newer.is_none()
    }

    /// The status of a page with these notes.
    fn status(&self) -> StatusCode {
        match (&self.newer, self.errors.is_empty()) {
            (Some(_), _) => StatusCode::CONFLICT,
            (None, false) => StatusCode::UNPROCESSABLE_ENTITY,
            (None, true) => StatusCode::OK,
        }
    }
}

fn document(title: &str, onward: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if onward { meta http-equiv="refresh" content="0; url=/"; }
                title { (title) " · hushlog" }
                link rel="icon" href="/icon.svg";
                link rel="stylesheet" href="/style.css";
                script src="/console.js" defer {}
            }
            body { (body) }
        }
    }
}

/// A page without the navigation, for requests that may not see more.
fn bare(title: &str, onward: bool, content: &Markup) -> Markup {
    document(title, onward, &html! { main.bare { h1 { (title) } (content) } })
}

/// A page of one sentence.
pub(super) fn notice(status: StatusCode, text: &str) -> Answer {
    answer::html(
        status,
        bare("hushlog console", false, &html! { p { (text) } p { a href="/" { "Go to the secrets" } } }),
    )
}

/// The last page of a console.
pub(super) fn last(text: &str) -> Answer {
    answer::html(StatusCode::OK, bare("hushlog console", false, &html! { p { (text) } }))
}

/// The registry cannot be read.
pub(super) fn trouble(error: &SourceError) -> Answer {
    let text = whole(error);
    answer::html(
        StatusCode::INTERNAL_SERVER_ERROR,
        bare(
            "The registry cannot be shown",
            false,
            &html! { p role="alert" { (text) } p { a href="/" { "Try again" } } },
        ),
    )
}

/// A page that goes on by itself.
pub(super) fn onward() -> Answer {
    answer::html(StatusCode::OK, bare("hushlog console", true, &html! { p { a href="/" { "Continue" } } }))
}

/// Asks for the token.
pub(super) fn sign_in(status: StatusCode, error: &str) -> Answer {
    let content = html! {
        p { "The terminal in which " code { "hushlog console" } " runs shows an address with a token. \
            It opens one session in one browser. Press Enter there for another one, which ends the session." }
        @if !error.is_empty() { p.error role="alert" { (error) } }
        form method="post" action="/sign-in" enctype="multipart/form-data" autocomplete="off" {
            div.field {
                label for="token" { "Token" }
                input id="token" name="token" type="password" required autocomplete="off" spellcheck="false";
            }
            button { "Sign in" }
        }
    };
    answer::html(status, bare("Sign in", false, &content))
}

/// A page with the navigation.
pub(super) fn page(visit: &Visit, place: &str, title: &str, notes: &Notes, content: &Markup) -> Answer {
    let body = html! {
        a.skip href="#main" { "Skip to the content" }
        header {
            p.brand { span { "Configuration" } }
            nav aria-label="Configuration" {
                ul {
                    @for (path, name) in PLACES {
                        li { a href=(path) aria-current=[(*path == place).then_some("page")] { (name) } }
                    }
                }
            }
        }
        main id="main" tabindex="-1" {
            h1 { (title) }
            (shown(notes))
            (content)
        }
        footer {
            p { "Acting as " strong { (visit.member) } " · registry " code { (text::path(&visit.site.path)) } }
            @if !visit.site.door.is_unix() {
                form method="post" action="/stop" enctype="multipart/form-data" {
                    (mark(visit))
                    button.plain { "Stop the console" }
                }
            }
        }
    };
    answer::html(notes.status(), document(title, false, &body))
}

/// The notes of a form, above it.
fn shown(notes: &Notes) -> Markup {
    html! {
        @if !notes.is_empty() {
            div.problem role="alert" {
                @if let Some(changes) = &notes.newer {
                    p { strong { "Nothing was saved: the registry was changed after this form was loaded." } }
                    @match changes {
                        Some(changes) => { ul { @for change in changes { li { (change) } } } }
                        None => { p { "The changes are too old to be listed here; History shows the latest." } }
                    }
                    p { "The form below is that of the current registry. Check it, type the value again, and save." }
                }
                @for (field, text) in &notes.errors {
                    p { @if field.is_empty() { (text) } @else { a href={ "#" (field) } { (text) } } }
                }
            }
        }
    }
}

/// The fields that every form has.
pub(super) fn mark(visit: &Visit) -> Markup {
    html! { input type="hidden" name="mark" value=(visit.mark); }
}

/// The fields of a form that changes the registry. They name the state that it was made from: the
/// current one, which the page shows.
pub(super) fn marks(visit: &Visit) -> Markup {
    // After a refused change, the page shows the state at the time of this request.
    html! { (mark(visit)) input type="hidden" name="base" value=(visit.state.digest); }
}

/// A field of a form: its label, its control, a hint, and its error.
pub(super) fn field(notes: &Notes, name: &str, label: &str, hint: &Markup, control: &dyn Fn(&str) -> Markup) -> Markup {
    let error = notes.of(name);
    let described = match error {
        Some(_) => format!("{name}-hint {name}-error"),
        None => format!("{name}-hint"),
    };
    html! {
        div.field.wrong[error.is_some()] {
            label for=(name) { (label) }
            (control(&described))
            p.hint id={ (name) "-hint" } { (hint) }
            @if let Some(error) = error { p.error id={ (name) "-error" } { (error) } }
        }
    }
}

/// A field for one line of text.
pub(super) fn line(notes: &Notes, name: &str, label: &str, value: &str, hint: &Markup) -> Markup {
    field(notes, name, label, hint, &|described| {
        html! {
            input id=(name) name=(name) value=(value) aria-describedby=(described)
                aria-invalid=[notes.of(name).map(|_| "true")] autocomplete="off" autocapitalize="off" spellcheck="false";
        }
    })
}

/// A field for a day.
pub(super) fn day(notes: &Notes, name: &str, label: &str, value: &str, hint: &Markup) -> Markup {
    field(notes, name, label, hint, &|described| {
        html! {
            input id=(name) name=(name) value=(value) type="date" aria-describedby=(described)
                aria-invalid=[notes.of(name).map(|_| "true")] autocomplete="off";
        }
    })
}

/// A box.
pub(super) fn check(name: &str, label: &str, is_checked: bool, hint: &str) -> Markup {
    html! {
        div.box {
            input id=(name) name=(name) type="checkbox" value="on" checked[is_checked] aria-describedby={ (name) "-hint" };
            label for=(name) { (label) }
            p.hint id={ (name) "-hint" } { (hint) }
        }
    }
}

/// A table. On a narrow screen its rows become blocks, so the roles are written out.
pub(super) fn table(caption: &str, titles: &[&str], rows: &Markup) -> Markup {
    html! {
        table.narrow role="table" {
            caption.hidden { (caption) }
            thead role="rowgroup" { tr role="row" {
                @for title in titles { th role="columnheader" scope="col" { (title) } }
            } }
            tbody role="rowgroup" { (rows) }
        }
    }
}

/// A time of the registry.
pub(super) fn time(at: &str) -> Markup {
    let shown = at.replacen('T', " ", 1);
    html! { time datetime=(at) { (shown.trim_end_matches('Z')) "\u{a0}UTC" } }
}
