//! The reload thread: rereads the secrets, builds the next set, and publishes it atomically.
//!
//! It runs at a lower priority than the streams. After any failure, the previous set stays active.
//! The thread forgets nothing: a value that was masked once is masked as long as the sidecar runs,
//! since programs that were started with it may print it at any time.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, oneshot, watch};

use super::active::{self, Active};
use crate::redact::mask::Mask;
use crate::redact::needle::NeedleSet;
use crate::redact::secret::Secret;
use crate::sidecar::admin::canary;
use crate::sidecar::config::Plan;
use crate::sidecar::event::{Event, EventSink, LoadError};
use crate::sidecar::metrics::Metrics;
use crate::sys::mutex::lock;
use crate::sys::sources::Sources;

/// Reads all secrets from their sources.
pub type Loader = Arc<dyn Fn() -> Result<Vec<Secret>, LoadError> + Send + Sync>;

/// The minimum pause between two reloads that no client waits for: a thousand requests a second
/// become a few reloads.
const REST_MIN: Duration = Duration::from_millis(200);
/// The minimum pause, as a multiple of the last reload's duration.
const REST_FACTOR: u32 = 4;
/// The number of idle streams woken at once.
const WOKEN_AT_ONCE: usize = 64;
/// The pause between two such batches.
const WAKE_EVERY: Duration = Duration::from_millis(1);
/// The interval at which unused old sets are dropped.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// The nice value of the thread. `SCHED_IDLE` was tried: reloads took three times as long, and the
/// longest wait of a stream was no shorter.
const NICE: i32 = 10;

/// The answer to a request: the number of masked secrets.
pub(crate) type Answer = Result<usize, LoadError>;

/// A request to the reload thread.
pub(crate) enum Request {
    /// Reread the secrets; a client may wait for that.
    Reload(Option<oneshot::Sender<Answer>>),
    /// Mask this secret as well, from the answer on.
    Add(Secret, oneshot::Sender<Answer>),
}

/// The state of the secrets for the status: names and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReloadStatus {
    /// The names of the secrets in the sources.
    pub(crate) names: BTreeSet<String>,
    /// The names added by the control socket.
    pub(crate) added: BTreeSet<String>,
    /// The number of masked values, old ones included.
    pub(crate) values: usize,
    /// The time of the last successful read.
    pub(crate) read: Option<SystemTime>,
    /// The error of the last reload, if it failed.
    pub(crate) error: Option<LoadError>,
}

/// A handle to the reload thread.
#[derive(Clone)]
pub(crate) struct ReloadHandle {
    requests: Sender<Request>,
    pub(crate) active: watch::Receiver<Active>,
    pub(crate) status: Arc<Mutex<ReloadStatus>>,
    wakes: Arc<Mutex<Vec<Weak<Notify>>>>,
    /// The files that the secrets were read from.
    pub(crate) sources: Arc<Sources>,
    /// The secret of the canary.
    pub(crate) canary: Arc<Secret>,
}

impl ReloadHandle {
    /// Sends a request.
    pub(crate) fn ask(&self, request: Request) {
        // The thread runs as long as a handle exists.
        let _ = self.requests.send(request);
    }

    /// Returns the active set.
    pub(crate) fn set(&self) -> Arc<NeedleSet> {
        Arc::clone(&self.active.borrow().set)
    }

    /// Returns a notification that wakes an idle stream when there is a newer set.
    pub(crate) fn wake(&self) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let mut wakes = lock(&self.wakes);
        if wakes.len() == wakes.capacity() {
            wakes.retain(|wake| wake.strong_count() > 0);
        }
        wakes.push(Arc::downgrade(&wake));
        wake
    }
}

/// The state of the reload thread.
pub(crate) struct Reloader {
    loader: Loader,
    options: SetOptions,
    /// All masked values.
    values: Vec<Secret>,
    /// Previous sets that streams still use.
    old: Vec<Arc<NeedleSet>>,
    active: watch::Sender<Active>,
    handle: ReloadHandle,
    requests: Receiver<Request>,
    metrics: Arc<Metrics>,
    emit: EventSink,
    reload_is_wanted: bool,
    next_reload: Instant,
}

/// The options for building sets.
struct SetOptions {
    mask: Option<Mask>,
    min_length: usize,
    encodings: bool,
    readings: bool,
}

impl Reloader {
    /// Reads the secrets for the first time.
    ///
    /// # Errors
    ///
    /// The secrets cannot be read, or no set can be built from them.
    pub(crate) fn new(
        loader: Loader,
        plan: &Plan,
        metrics: Arc<Metrics>,
        emit: EventSink,
    ) -> Result<Reloader, LoadError> {
        let Plan { min_length, encodings, readings, .. } = *plan;
        let options = SetOptions { mask: plan.mask.clone(), min_length, encodings, readings };
        let canary = Arc::new(canary::draw(plan.min_length)?);
        let sources = Arc::new(Sources::new());
        let loaded = sources.record(|| loader())?;
        let names = loaded.iter().map(|secret| secret.name().to_owned()).collect();
        let mut values: Vec<Secret> = Vec::new();
        add_new(&mut values, loaded);
        let set = Arc::new(options.build(&values, &canary)?);
        emit(Event::InForce(Arc::clone(&set)));
        let active = active::channel(Arc::clone(&set));
        metrics.mask_with(active.subscribe());
        emit_notices(&emit, &set, &BTreeSet::new());
        metrics.secrets(values.len());
        let status =
            ReloadStatus { names, values: values.len(), read: Some(SystemTime::now()), ..ReloadStatus::default() };
        let (sender, requests) = mpsc::channel();
        let handle = ReloadHandle {
            requests: sender,
            active: active.subscribe(),
            status: Arc::new(Mutex::new(status)),
            wakes: Arc::default(),
            sources,
            canary,
        };
        let next_reload = Instant::now();
        let old = Vec::new();
        Ok(Reloader {
            loader,
            options,
            values,
            old,
            active,
            handle,
            requests,
            metrics,
            emit,
            reload_is_wanted: false,
            next_reload,
        })
    }

    /// Returns a handle.
    pub(crate) fn handle(&self) -> ReloadHandle {
        self.handle.clone()
    }

    /// Starts the thread, which runs as long as the process.
    pub(crate) fn start(self) -> std::io::Result<()> {
        thread::Builder::new().name("reloader".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        // On Linux, this affects this thread only. Without permission, it competes with the
        // streams.
        let _ = rustix::process::setpriority_process(None, NICE);
        loop {
            let (mut added, mut replies) = (Vec::new(), Vec::new());
            let first = match self.patience() {
                Some(patience) => self.requests.recv_timeout(patience),
                None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(request) => self.sort(request, &mut added, &mut replies),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // All requests that have arrived meanwhile are handled together.
            while let Ok(request) = self.requests.try_recv() {
                self.sort(request, &mut added, &mut replies);
            }
            if !added.is_empty() {
                self.add(added);
            }
            if !replies.is_empty() || self.reload_is_wanted && Instant::now() >= self.next_reload {
                let answer = self.reload();
                replies.into_iter().for_each(|reply| drop(reply.send(answer.clone())));
            }
            self.old.retain(|set| Arc::strong_count(set) > 1);
        }
    }

    fn patience(&self) -> Option<Duration> {
        let reload = self.reload_is_wanted.then(|| self.next_reload.saturating_duration_since(Instant::now()));
        let sweep = (!self.old.is_empty()).then_some(SWEEP_EVERY);
        reload.into_iter().chain(sweep).min()
    }

    fn sort(
        &mut self,
        request: Request,
        added: &mut Vec<(Secret, oneshot::Sender<Answer>)>,
        replies: &mut Vec<oneshot::Sender<Answer>>,
    ) {
        match request {
            Request::Add(secret, reply) => added.push((secret, reply)),
            Request::Reload(Some(reply)) => replies.push(reply),
            Request::Reload(None) => self.reload_is_wanted = true,
        }
    }

    fn add(&mut self, added: Vec<(Secret, oneshot::Sender<Answer>)>) {
        let (secrets, replies): (Vec<Secret>, Vec<_>) = added.into_iter().unzip();
        let names: Vec<String> = secrets.iter().map(|secret| secret.name().to_owned()).collect();
        let len = self.values.len();
        let mut answer = Ok(());
        if add_new(&mut self.values, secrets) {
            answer = self.put_in_force();
            if answer.is_err() {
                // One secret makes the set impossible; the clients of the others may retry.
                self.values.truncate(len);
            }
        }
        let answer = answer.map(|()| {
            lock(&self.handle.status).added.extend(names);
            self.tell_count();
            self.values.len()
        });
        replies.into_iter().for_each(|reply| drop(reply.send(answer.clone())));
    }

    fn reload(&mut self) -> Answer {
        (self.emit)(Event::Reloading);
        self.reload_is_wanted = false;
        let start = Instant::now();
        let loaded = self.handle.sources.record(|| (self.loader)()).and_then(|loaded| self.take_over(loaded));
        let took = start.elapsed();
        self.next_reload = Instant::now() + REST_MIN.max(took * REST_FACTOR);
        self.metrics.reload(took, loaded.is_ok());
        self.tell_count();
        match loaded {
            Ok(changed) => {
                (self.emit)(Event::Reloaded { secrets: self.values.len(), changed });
                Ok(self.values.len())
            }
            Err(error) => {
                let before = lock(&self.handle.status).error.replace(error.clone());
                // The same error is not reported again: it may persist for days.
                if before.as_ref() != Some(&error) {
                    (self.emit)(Event::ReloadFailed(error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Publishes the loaded secrets beside all previous ones. Returns whether any is new.
    fn take_over(&mut self, loaded: Vec<Secret>) -> Result<bool, LoadError> {
        let names: BTreeSet<String> = loaded.iter().map(|secret| secret.name().to_owned()).collect();
        let len = self.values.len();
        let changed = add_new(&mut self.values, loaded);
        if changed && let Err(error) = self.put_in_force() {
            self.values.truncate(len);
            return Err(error);
        }
        let mut status = lock(&self.handle.status);
        status.names = names;
        status.read = Some(SystemTime::now());
        status.error = None;
        Ok(changed)
    }

    fn tell_count(&self) {
        lock(&self.handle.status).values = self.values.len();
        self.metrics.secrets(self.values.len());
    }

    /// Builds the set of all values and publishes it. After this returns, every byte read is
    /// searched with it.
    fn put_in_force(&mut self) -> Result<(), LoadError> {
        let set = Arc::new(self.options.build(&self.values, &self.handle.canary)?);
        (self.emit)(Event::InForce(Arc::clone(&set)));
        let before = active::publish(&self.active, Arc::clone(&set));
        let told = before.notices().iter().map(|notice| notice.name.clone()).collect();
        emit_notices(&self.emit, &set, &told);
        // It is dropped by this thread, after the last stream has released it: that takes a while.
        self.old.push(before);
        self.nudge_idle_streams();
        Ok(())
    }

    /// Wakes idle streams to take the new set. Busy streams take it by themselves, and would be
    /// delayed if all idle ones woke at once.
    fn nudge_idle_streams(&self) {
        let wakes: Vec<Weak<Notify>> = lock(&self.handle.wakes).clone();
        let (emit, mut bunches) = (|bunch: &[Weak<Notify>]| bunch.iter().for_each(notify), wakes.chunks(WOKEN_AT_ONCE));
        if let Some(first) = bunches.next() {
            emit(first);
        }
        // A client that waits for an answer does not wait for this.
        let rest: Vec<Weak<Notify>> = bunches.flatten().cloned().collect();
        if !rest.is_empty() {
            let aside = move || {
                rest.chunks(WOKEN_AT_ONCE).for_each(|bunch| {
                    thread::sleep(WAKE_EVERY);
                    bunch.iter().for_each(notify);
                });
            };
            // Without a thread for it, they take the set with their next bytes.
            let _ = thread::Builder::new().name("wake".to_owned()).spawn(aside);
        }
    }
}

fn notify(wake: &Weak<Notify>) {
    if let Some(wake) = wake.upgrade() {
        wake.notify_one();
    }
}

impl SetOptions {
    fn build(&self, values: &[Secret], canary: &Secret) -> Result<NeedleSet, LoadError> {
        let mut builder = NeedleSet::builder().encodings(self.encodings).readings(self.readings);
        builder = builder.min_length(self.min_length);
        if let Some(mask) = &self.mask {
            builder = builder.mask(mask.clone());
        }
        for secret in values.iter().chain([canary]) {
            builder = builder.secret(copy(secret));
        }
        builder.build().map_err(|error| LoadError { text: error.to_string(), hint: None })
    }
}

fn copy(secret: &Secret) -> Secret {
    Secret::new(secret.name(), secret.expose().to_vec())
}

/// Adds the secrets whose values are new, in order. Returns whether there were any. Linear in all
/// of them: a hash finds candidates for equal values, without a copy of any.
fn add_new(values: &mut Vec<Secret>, secrets: Vec<Secret>) -> bool {
    let len = values.len();
    let state = RandomState::new();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::with_capacity(len + secrets.len());
    for (place, secret) in values.iter().enumerate() {
        places.entry(state.hash_one(secret.expose())).or_default().push(place);
    }
    for secret in secrets {
        let alike = places.entry(state.hash_one(secret.expose())).or_default();
        if !alike.iter().any(|place| values[*place].expose() == secret.expose()) {
            alike.push(values.len());
            values.push(secret);
        }
    }
    values.len() > len
}

/// Reports the notices about values, without those already reported.
fn emit_notices(emit: &EventSink, set: &NeedleSet, told: &BTreeSet<String>) {
    let new: Vec<_> = set.notices().iter().filter(|notice| !told.contains(&notice.name)).cloned().collect();
    if !new.is_empty() {
        emit(Event::OfValues(new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: usize, value: &str) -> Secret {
        Secret::new(name.to_string(), value.as_bytes().to_vec())
    }

    #[test]
    fn a30_only_missing_values_are_added_in_their_order() {
        // All lists of up to four of three values, added to all lists of up to two.
        let lists = |len: u32| (0..3_usize.pow(len)).map(move |n| (0..len).map(move |at| n / 3_usize.pow(at) % 3));
        for (old, new) in
            (0..=2).flat_map(lists).flat_map(|old| (0..=4).flat_map(lists).map(move |new| (old.clone(), new)))
        {
            let mut values = Vec::new();
            add_new(&mut values, old.map(|value| secret(value, &format!("value-{value}"))).collect());
            let mut wanted: Vec<String> = values.iter().map(|one| one.name().to_owned()).collect();
            let len = wanted.len();
            let new: Vec<usize> = new.collect();
            for value in &new {
                if !wanted.contains(&value.to_string()) {
                    wanted.push(value.to_string());
                }
            }
            let added = new.into_iter().map(|value| secret(value, &format!("value-{value}"))).collect();
            assert_eq!(add_new(&mut values, added), wanted.len() > len);
            assert_eq!(values.iter().map(Secret::name).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn a30_a_hundred_thousand_secrets_are_added_at_once() {
        let all = || (0..100_000).map(|n| secret(n, &format!("secret-value-{n}"))).collect::<Vec<_>>();
        let (mut values, start) = (Vec::new(), Instant::now());
        assert!(add_new(&mut values, all()));
        assert!(!add_new(&mut values, all()));
        assert_eq!(values.len(), 100_000);
        // Comparing each with each took minutes here; this takes a second or two on a slow, busy
        // machine.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
