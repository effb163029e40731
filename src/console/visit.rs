//! One request for a page.

use std::sync::Arc;

use super::form::Form;
use super::query::Query;
use super::site::{Site, State};
use crate::registry::{Name, Registry};

/// A request that may see pages.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    /// The acting member.
    pub(super) member: Name,
    /// The mark that forms carry.
    pub(super) mark: String,
    /// The registry when the request came.
    pub(super) state: State,
    pub(super) query: Query,
    /// The fields of a change.
    pub(super) form: Form,
}

impl Visit {
    pub(super) fn registry(&self) -> &Registry {
        self.state.snapshot.registry()
    }

    /// A field of the form, or of the query if no form was sent.
    pub(super) fn text(&self, name: &str) -> &str {
        if self.form.is_sent() { self.form.text(name) } else { self.query.get(name).trim() }
    }
}
