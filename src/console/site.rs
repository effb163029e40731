//! The registry behind the pages.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Notify;

use super::answer::Answer;
use super::door::Door;
use super::query::Query;
use super::random::word;
use super::wording::differences;
use super::{Check, Event, EventSink};
use crate::registry::{By, Error, Name, Registry, SigningKey, Snapshot};
use crate::source::SourceError;
use crate::source::registry::check;

/// The states of the file that are kept, to tell what changed since a form was made.
const STATES_MAX: usize = 8;

/// The answers that are kept: with many members, each has to find its own.
const KEPT_MAX: usize = 256;

/// The changes that wait for their confirmation. Each holds a registry.
const PENDING_MAX: usize = 16;

/// All that pages share.
pub(super) struct Site {
    pub(super) path: PathBuf,
    pub(super) trust: Vec<String>,
    pub(super) key: Option<SigningKey>,
    pub(super) door: Door,
    pub(super) check: Check,
    pub(super) emit: EventSink,
    /// The time limit for the body of a request.
    pub(super) body_time_max: Duration,
    /// The last states of the file, newest first.
    pub(super) states: Mutex<VecDeque<State>>,
    /// Answers to forms that wait for their reader.
    pub(super) kept: Mutex<VecDeque<Kept>>,
    /// Imports that wait for their confirmation, by id and member.
    pub(super) pending: Mutex<VecDeque<(String, Name, Pending)>>,
    /// [`Event::MayBeSwapped`] was reported.
    pub(super) has_said_swap: AtomicBool,
    /// Ends the console.
    pub(super) stop: Notify,
}

/// An answer that a redirect leads to.
pub(super) struct Kept {
    id: String,
    member: Name,
    status: StatusCode,
    html: String,
}

/// A change that waits for its confirmation, with sealed values.
#[derive(Clone)]
pub(super) struct Pending {
    /// The state that it was made from.
    pub(super) base: String,
    /// The state that it makes.
    pub(super) registry: Registry,
    /// The number of new secrets.
    pub(super) new: usize,
    /// The number of secrets with a new value.
    pub(super) rotated: usize,
}

/// The registry as a page shows it.
#[derive(Clone)]
pub(super) struct State {
    pub(super) digest: String,
    pub(super) snapshot: Arc<Snapshot>,
}

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file is newer than the form. Has the differences, unless the form's state is not known
    /// any more.
    Newer(Option<Vec<String>>),
    /// The registry refuses it.
    Registry(Error),
    /// The file does not meet the requirements.
    Untrusted(SourceError),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Registry(error)
    }
}

/// A change of the registry.
pub(super) type Change<'a> = &'a mut dyn FnMut(&mut Registry, &By<'_>) -> Result<(), Error>;

impl State {
    pub(super) fn has_member(&self, member: &Name) -> bool {
        self.snapshot.registry().members().any(|(name, _)| name == member)
    }
}

impl Site {
    /// Reads the file. It is parsed only if it has changed.
    pub(super) fn load(&self) -> Result<State, SourceError> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let read = match states.front() {
            Some(last) => last.snapshot.load_again(&self.path),
            None => Snapshot::load(&self.path).map(Arc::new),
        };
        let snapshot = read.map_err(|error| SourceError::of_registry(error, &self.path))?;
        check(snapshot.registry(), &self.path, &self.trust)?;
        if let Some(last) = states.front().filter(|last| Arc::ptr_eq(&last.snapshot, &snapshot)) {
            return Ok(last.clone());
        }
        let state = State { digest: snapshot.digest(), snapshot };
        states.truncate(STATES_MAX - 1);
        states.push_front(state.clone());
        Ok(state)
    }

    /// The state with this digest, if it is kept.
    pub(super) fn state(&self, digest: &str) -> Option<State> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().find(|state| state.digest == digest).cloned()
    }

    /// Changes the registry as this member, if the file still has the state that the form was made
    /// from. The lock of the file is held from the comparison to the end.
    pub(super) fn change(&self, member: &Name, digest: &str, change: Change<'_>) -> Result<(), Refused> {
        let base = self.state(digest).ok_or(Refused::Newer(None))?;
        let by = By::now(member);
        Registry::update_from(&self.path, Some(&base.snapshot), self.key.as_ref(), |registry| {
            if registry != base.snapshot.registry() {
                return Err(Refused::Newer(Some(differences(base.snapshot.registry(), registry))));
            }
            check(registry, &self.path, &self.trust).map_err(Refused::Untrusted)?;
            change(registry, &by).map_err(Refused::Registry)
        })
    }

    /// Keeps the answer to a form, and returns the answer that leads to it. Browsers keep the body
    /// of a form beside the page that answers it, on disk, to restore it after a crash; but not if
    /// that answer leads elsewhere.
    pub(super) fn keep(&self, member: &Name, path: &str, query: &Query, answer: Answer) -> Answer {
        let Answer::Page(status, html) = answer else { return answer };
        let Ok(id) = word() else { return Answer::Page(status, html) };
        let location = query.with(path, "again", &id);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front(Kept { id: id.to_string(), member: member.clone(), status, html });
        Answer::See(location)
    }

    /// The kept answer of this id. It stays for a reload.
    pub(super) fn kept(&self, member: &Name, id: &str) -> Option<Answer> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| kept.id == id && kept.member == *member)?;
        Some(Answer::Page(found.status, found.html.clone()))
    }

    /// Lets a change wait, and returns its id.
    pub(super) fn wait(&self, member: &Name, change: Pending) -> Option<String> {
        let id = word().ok()?.to_string();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.truncate(PENDING_MAX - 1);
        pending.push_front((id.clone(), member.clone(), change));
        Some(id)
    }

    /// Takes the change that waits under this id.
    pub(super) fn waiting(&self, member: &Name, id: &str) -> Option<Pending> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pending.iter().position(|(found, of, _)| found == id && of == member)?;
        pending.remove(at).map(|(_, _, change)| change)
    }

    /// Reports a change.
    pub(super) fn changed(&self, member: &Name, change: &str) {
        (self.emit)(Event::Changed { member, change });
    }
}
