//! The keeper of the set in force: reads the secrets again, builds the next set aside, and puts it in force.
//!
//! It is a thread of its own, which gives way to those that move bytes. Whatever goes wrong with it, the set of before stays in force.
//! It forgets nothing: a value that was masked once is masked for as long as the sidecar runs, since programs that were started with it
//! may print it at any time.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, oneshot, watch};

use super::active::{self, Active};
use super::canary;
use super::config::Plan;
use super::metrics::Metrics;
use super::notice::{LoadError, Notice, Tell};
use crate::redact::mask::Mask;
use crate::redact::needle::NeedleSet;
use crate::redact::secret::Secret;
use crate::sys::sources::Sources;

/// Reads all secrets from where they come from.
pub type Loader = Arc<dyn Fn() -> Result<Vec<Secret>, LoadError> + Send + Sync>;

/// Between two reloads that nobody waits for is so much rest, at least: a thousand requests a second become a few reloads.
const REST_MIN: Duration = Duration::from_millis(200);
/// A reload takes at most this part of the time: one in so many.
const REST_FACTOR: u32 = 4;
/// How many idle streams are told of a new set at once.
const NUDGED_AT_ONCE: usize = 64;
/// The rest between two such bunches.
const NUDGE_EVERY: Duration = Duration::from_millis(1);
/// How often it is looked whether old sets can go.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// How nice the thread is. `SCHED_IDLE` was tried: reloads took three times as long, and the longest wait of a stream was no shorter.
const NICE: i32 = 10;

/// What comes of a request: how many secrets are masked now.
pub(crate) type Answer = Result<usize, LoadError>;

/// What the keeper is asked to do.
pub(crate) enum Request {
    /// Read the secrets again; somebody may wait for that.
    Reload(Option<oneshot::Sender<Answer>>),
    /// Mask this as well, from the answer on.
    Add(Secret, oneshot::Sender<Answer>),
}

/// How the secrets stand, for the status: names and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The names of what the sources hold.
    pub(crate) names: BTreeSet<String>,
    /// The names of what was added by the control socket.
    pub(crate) added: BTreeSet<String>,
    /// How many values are masked, old ones with them.
    pub(crate) values: usize,
    /// When the sources were read last.
    pub(crate) read: Option<SystemTime>,
    /// Why that did not work out the last time.
    pub(crate) error: Option<LoadError>,
}

/// The others' end of the keeper.
#[derive(Clone)]
pub(crate) struct Keeping {
    requests: Sender<Request>,
    pub(crate) active: watch::Receiver<Active>,
    pub(crate) standing: Arc<Mutex<Standing>>,
    nudges: Arc<Mutex<Vec<Weak<Notify>>>>,
    /// The files that the secrets were read from.
    pub(crate) sources: Arc<Sources>,
    /// The canary's value.
    pub(crate) canary: Arc<Secret>,
}

impl Keeping {
    /// Asks.
    pub(crate) fn ask(&self, request: Request) {
        // The keeper is there for as long as somebody can ask.
        let _ = self.requests.send(request);
    }

    /// The active set.
    pub(crate) fn set(&self) -> Arc<NeedleSet> {
        Arc::clone(&self.active.borrow().set)
    }

    /// By what a stream is told, while it is idle, that there is a newer set.
    pub(crate) fn nudge(&self) -> Arc<Notify> {
        let nudge = Arc::new(Notify::new());
        let mut nudges = lock(&self.nudges);
        if nudges.len() == nudges.capacity() {
            nudges.retain(|nudge| nudge.strong_count() > 0);
        }
        nudges.push(Arc::downgrade(&nudge));
        nudge
    }
}

/// The keeper.
pub(crate) struct Keeper {
    loader: Loader,
    options: SetOptions,
    /// All that is masked.
    values: Vec<Secret>,
    /// Sets that were in force, and that streams still have.
    old: Vec<Arc<NeedleSet>>,
    active: watch::Sender<Active>,
    keeping: Keeping,
    requests: Receiver<Request>,
    metrics: Arc<Metrics>,
    tell: Tell,
    reload_is_wanted: bool,
    next_reload: Instant,
}

/// How sets are made.
struct SetOptions {
    mask: Option<Mask>,
    min_length: usize,
    encodings: bool,
}

impl Keeper {
    /// Reads the secrets for the first time.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or no set can be made of them.
    pub(crate) fn new(loader: Loader, plan: &Plan, metrics: Arc<Metrics>, tell: Tell) -> Result<Keeper, LoadError> {
        let options = SetOptions { mask: plan.mask.clone(), min_length: plan.min_length, encodings: plan.encodings };
        let canary = Arc::new(canary::draw(plan.min_length)?);
        let sources = Arc::new(Sources::new());
        let loaded = sources.record(|| loader())?;
        let names = loaded.iter().map(|secret| secret.name().to_owned()).collect();
        let mut values: Vec<Secret> = Vec::new();
        add_new(&mut values, loaded);
        let set = Arc::new(options.build(&values, &canary)?);
        tell(Notice::InForce(Arc::clone(&set)));
        let active = active::channel(Arc::clone(&set));
        metrics.mask_with(active.subscribe());
        tell_notices(&tell, &set, &BTreeSet::new());
        metrics.secrets(values.len());
        let standing = Standing { names, values: values.len(), read: Some(SystemTime::now()), ..Standing::default() };
        let (sender, requests) = mpsc::channel();
        let keeping = Keeping {
            requests: sender,
            active: active.subscribe(),
            standing: Arc::new(Mutex::new(standing)),
            nudges: Arc::default(),
            sources,
            canary,
        };
        let next_reload = Instant::now();
        let old = Vec::new();
        Ok(Keeper {
            loader,
            options,
            values,
            old,
            active,
            keeping,
            requests,
            metrics,
            tell,
            reload_is_wanted: false,
            next_reload,
        })
    }

    /// How others ask it.
    pub(crate) fn keeping(&self) -> Keeping {
        self.keeping.clone()
    }

    /// Keeps, for as long as the process runs.
    pub(crate) fn start(self) -> std::io::Result<()> {
        thread::Builder::new().name("keeper".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        // Of this thread alone, on Linux. If it is not allowed, it competes.
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
            // All that has come meanwhile is one piece of work.
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
                // One of them makes the whole impossible; those who sent the others may try again.
                self.values.truncate(len);
            }
        }
        let answer = answer.map(|()| {
            lock(&self.keeping.standing).added.extend(names);
            self.tell_count();
            self.values.len()
        });
        replies.into_iter().for_each(|reply| drop(reply.send(answer.clone())));
    }

    fn reload(&mut self) -> Answer {
        (self.tell)(Notice::Reloading);
        self.reload_is_wanted = false;
        let start = Instant::now();
        let loaded = self.keeping.sources.record(|| (self.loader)()).and_then(|loaded| self.take_over(loaded));
        let took = start.elapsed();
        self.next_reload = Instant::now() + REST_MIN.max(took * REST_FACTOR);
        self.metrics.reload(took, loaded.is_ok());
        self.tell_count();
        match loaded {
            Ok(changed) => {
                (self.tell)(Notice::Reloaded { secrets: self.values.len(), changed });
                Ok(self.values.len())
            }
            Err(error) => {
                let before = lock(&self.keeping.standing).error.replace(error.clone());
                // The same again is not told again: what is wrong may be so for days.
                if before.as_ref() != Some(&error) {
                    (self.tell)(Notice::ReloadFailed(error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Puts what was loaded in force, beside all that was before. Tells whether anything is new.
    fn take_over(&mut self, loaded: Vec<Secret>) -> Result<bool, LoadError> {
        let names: BTreeSet<String> = loaded.iter().map(|secret| secret.name().to_owned()).collect();
        let len = self.values.len();
        let changed = add_new(&mut self.values, loaded);
        if changed && let Err(error) = self.put_in_force() {
            self.values.truncate(len);
            return Err(error);
        }
        let mut standing = lock(&self.keeping.standing);
        standing.names = names;
        standing.read = Some(SystemTime::now());
        standing.error = None;
        Ok(changed)
    }

    fn tell_count(&self) {
        lock(&self.keeping.standing).values = self.values.len();
        self.metrics.secrets(self.values.len());
    }

    /// Builds the set of all values, and puts it in force. When this returns, whatever is read is searched with it.
    fn put_in_force(&mut self) -> Result<(), LoadError> {
        let set = Arc::new(self.options.build(&self.values, &self.keeping.canary)?);
        (self.tell)(Notice::InForce(Arc::clone(&set)));
        let before = active::publish(&self.active, Arc::clone(&set));
        let told = before.notices().iter().map(|notice| notice.name.clone()).collect();
        tell_notices(&self.tell, &set, &told);
        // It is dropped here, when no stream has it any more: it takes a while.
        self.old.push(before);
        self.nudge_idle_streams();
        Ok(())
    }

    /// Streams that are busy take the new set over by themselves. All others at once would keep those waiting.
    fn nudge_idle_streams(&self) {
        let nudges: Vec<Weak<Notify>> = lock(&self.keeping.nudges).clone();
        let (tell, mut bunches) =
            (|bunch: &[Weak<Notify>]| bunch.iter().for_each(notify), nudges.chunks(NUDGED_AT_ONCE));
        if let Some(first) = bunches.next() {
            tell(first);
        }
        // Whoever waits for an answer does not wait for this.
        let rest: Vec<Weak<Notify>> = bunches.flatten().cloned().collect();
        if !rest.is_empty() {
            let aside = move || {
                rest.chunks(NUDGED_AT_ONCE).for_each(|bunch| {
                    thread::sleep(NUDGE_EVERY);
                    bunch.iter().for_each(notify);
                });
            };
            // Without a thread for it they take it over with their next bytes.
            let _ = thread::Builder::new().name("nudge".to_owned()).spawn(aside);
        }
    }
}

fn notify(nudge: &Weak<Notify>) {
    if let Some(nudge) = nudge.upgrade() {
        nudge.notify_one();
    }
}

impl SetOptions {
    fn build(&self, values: &[Secret], canary: &Secret) -> Result<NeedleSet, LoadError> {
        let mut builder = NeedleSet::builder().encodings(self.encodings).min_length(self.min_length);
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

/// Adds those whose values are not there yet, in their order. Tells whether there were any. Linear
/// in all of them: a hash finds the values that may be the same, without a copy of any.
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

/// Tells what there is to tell of values, but of those of which it was told.
fn tell_notices(tell: &Tell, set: &NeedleSet, told: &BTreeSet<String>) {
    let new: Vec<_> = set.notices().iter().filter(|notice| !told.contains(&notice.name)).cloned().collect();
    if !new.is_empty() {
        tell(Notice::OfValues(new));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: usize, value: &str) -> Secret {
        Secret::new(name.to_string(), value.as_bytes().to_vec())
    }

    #[test]
    fn a30_what_is_added_is_what_is_not_there_in_its_order() {
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
        // Each with each took minutes here, and a second or two now on a slow and busy machine.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
