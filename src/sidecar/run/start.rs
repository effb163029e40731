//! The start and the end of a sidecar.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::running::Running;
use super::serve;
use crate::io::Release;
use crate::io::budget::Budget;
use crate::redact::text;
use crate::sidecar::admin::control;
use crate::sidecar::admin::{http, server};
use crate::sidecar::checkpoint::Checkpoints;
use crate::sidecar::config::{Plan, SourcePlan, StreamPlan};
use crate::sidecar::event::{Event, EventSink};
use crate::sidecar::metrics::{Metrics, Phase};
use crate::sidecar::program::Programs;
use crate::sidecar::secrets::directories;
use crate::sidecar::secrets::reloader::{ReloadHandle, Reloader, Request};
use crate::sidecar::secrets::watch;
use crate::sidecar::sink::{OutputSync, Sink};
use crate::sidecar::source::follow::Files;
use crate::sidecar::source::own::Own;
use crate::sidecar::stream::lines::WaitsFor;
use crate::sidecar::stream::{OnNotice, StreamContext};
use crate::sidecar::systemd::fd_store::FdStore;
use crate::sidecar::systemd::socket_activation::PassedSockets;
use crate::sidecar::{Setup, SidecarError};
use crate::sys::mutex::lock;

/// The maximum number of threads: more do not help with one machine's logs.
const THREADS_MAX: usize = 16;
/// The interval of status messages to the service manager.
const STATUS_EVERY: Duration = Duration::from_secs(10);

pub(in crate::sidecar) fn worker_threads() -> usize {
    // With one thread, a stream that waits for the disk would block all others.
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, THREADS_MAX))
}

/// Signal handlers, active from creation.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Runs the sidecar to its end.
pub(in crate::sidecar) async fn run(
    setup: Setup,
    reloader: Reloader,
    metrics: Arc<Metrics>,
) -> Result<(), SidecarError> {
    let Setup { plan, watched, passed, store, emit, alive_every, .. } = setup;
    let signals = Signals::new().map_err(SidecarError::Begin)?;
    let handle = reloader.handle();
    let store = Arc::new(FdStore::new(store.as_ref()));
    let passed = PassedSockets::new(passed, &plan.streams, &store, &emit)?;
    let outputs = Arc::default();
    let files = files(&plan, &watched, &outputs, &emit)?;
    let running = Arc::new(assemble(plan, handle, metrics, (files, outputs), (passed, store), emit));
    for sink in &running.sinks {
        sink.furnish(running.programs.clone(), serve::voice_of_sink(sink, &running));
        sink.begin().await.map_err(|error| SidecarError::Open { what: sink.label().to_owned(), error })?;
        let of_sink = running.streams.values().filter(|context| Arc::ptr_eq(&context.sink, sink));
        let metrics = of_sink.map(|context| Arc::clone(&context.metrics)).collect();
        tokio::spawn(Arc::clone(sink).tend(metrics));
    }
    tokio::spawn(Arc::clone(&running.store).retry_removals());
    let mut tasks = JoinSet::new();
    for stream in &running.plan.streams {
        let context = Arc::clone(&running.streams[&stream.name]);
        let opened = serve::open(stream, &running);
        let failed = |error| SidecarError::Open { what: serve::describe(stream), error };
        let mut opened = opened.map_err(failed)?;
        if let serve::Opened::Files(files) = &mut opened {
            files.look_first().await.map_err(failed)?;
        }
        tasks.spawn(serve::serve(opened, stream.clone(), context, Arc::clone(&running)));
    }
    if let Some(path) = &running.plan.control {
        let opened = control::listen(path);
        let what = || format!("the control socket {}", text::path(path));
        let connections = opened.map_err(|error| SidecarError::Open { what: what(), error })?;
        tokio::spawn(control::serve(connections, Arc::clone(&running)));
    }
    if let Some(address) = running.plan.metrics {
        let what = || format!("the port {address} of the metrics");
        let listener = server::bind(address).await;
        let listener = listener.map_err(|error| SidecarError::Open { what: what(), error })?;
        tokio::spawn(http::serve(listener, Arc::clone(&running.metrics)));
    }
    if let Some(files) = &running.files {
        tokio::spawn(Arc::clone(&files.checkpoints).run());
    }
    reloader.start().map_err(SidecarError::Begin)?;
    watch::start(watched, running.reloader.clone(), Arc::clone(&running.emit)).map_err(SidecarError::Begin)?;
    if let Some(every) = running.plan.reread_every {
        tokio::spawn(reread(running.reloader.clone(), every));
    }
    let guard = directories(&running)?;
    running.metrics.enter(Phase::Ready);
    let secrets = lock(&running.reloader.status).values;
    (running.emit)(Event::Ready { streams: running.streams.len(), secrets });
    tokio::spawn(report_life(Arc::clone(&running), alive_every));
    until_told(&running, signals, &mut tasks).await;
    stop(&running, tasks).await;
    // It masks the matches found, and releases waiting readers.
    let end = Instant::now() + running.plan.drain;
    while guard.as_ref().is_some_and(|guard| !guard.is_finished()) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    match lock(&running.failed).take() {
        Some((what, error)) => Err(SidecarError::Gone { what, error }),
        None => Ok(()),
    }
}

/// Starts the scrubs and the guard. Returns the guard's thread.
fn directories(running: &Arc<Running>) -> Result<Option<JoinHandle<()>>, SidecarError> {
    for plan in &running.plan.scrub {
        directories::scrub(plan.clone(), Arc::clone(running)).map_err(SidecarError::Begin)?;
    }
    let guard = running.plan.guard.clone().map(|section| directories::guard(section, Arc::clone(running)));
    guard.transpose().map_err(|error| SidecarError::Open { what: "the guard of directories".to_owned(), error })
}

/// The state that followed files share, if there are any. Their checkpoints are read before any
/// input.
fn files(
    plan: &Plan,
    secrets: &[PathBuf],
    outputs: &Arc<OutputSync>,
    emit: &EventSink,
) -> Result<Option<Arc<Files>>, SidecarError> {
    if !plan.streams.iter().any(|stream| matches!(stream.source, SourcePlan::Files { .. })) {
        return Ok(None);
    }
    let checkpoints = Checkpoints::open(plan.state.as_deref(), outputs, Arc::clone(emit));
    let checkpoints =
        checkpoints.map_err(|error| SidecarError::Open { what: "the state directory".to_owned(), error })?;
    Ok(Some(Files::new(Arc::new(checkpoints), Own::new(plan, secrets), Arc::clone(emit))))
}

fn assemble(
    plan: Plan,
    handle: ReloadHandle,
    metrics: Arc<Metrics>,
    (files, outputs): (Option<Arc<Files>>, Arc<OutputSync>),
    (passed, store): (PassedSockets, Arc<FdStore>),
    emit: EventSink,
) -> Running {
    let sinks: Vec<Arc<Sink>> =
        plan.sinks.iter().map(|sink| Arc::new(Sink::new(Arc::clone(sink), Arc::clone(&emit), &outputs))).collect();
    let (budget, stop) = (Arc::new(Budget::default()), CancellationToken::new());
    let context = |stream: &StreamPlan| StreamContext {
        active: handle.active.clone(),
        sink: Arc::clone(&sinks[stream.sink]),
        way: stream.way,
        waits_for: match (&stream.source, stream.way.release) {
            (SourcePlan::UnixDatagram { .. }, _) => WaitsFor::Whole,
            (_, Release::Line) => WaitsFor::Line,
            (_, Release::Exact) => WaitsFor::Nothing,
        },
        separates_messages: separates_messages(stream, &plan, &sinks[stream.sink]),
        metrics: metrics.stream(&stream.name),
        budget: Arc::clone(&budget),
        on_notice: Mutex::new(Some(warning_about(stream, plan.encodings, &emit))),
        stop: stop.clone(),
    };
    let streams: BTreeMap<Arc<str>, Arc<StreamContext>> =
        plan.streams.iter().map(|stream| (Arc::clone(&stream.name), Arc::new(context(stream)))).collect();
    Running {
        programs: Programs::new(&plan.environment),
        budget,
        plan,
        reloader: handle,
        metrics,
        sinks,
        outputs,
        streams,
        files,
        passed,
        store,
        stop,
        emit,
        since: Instant::now(),
        failed: Mutex::default(),
    }
}

fn warning_about(stream: &StreamPlan, encodings: bool, emit: &EventSink) -> OnNotice {
    let (name, emit) = (Arc::clone(&stream.name), Arc::clone(emit));
    Box::new(move |notice| emit(Event::Warning(format!("the stream {name}: {}", notice.text(encodings)))))
}

/// Whether a message without a final newline gets one: wherever other text could follow it.
fn separates_messages(stream: &StreamPlan, plan: &Plan, sink: &Sink) -> bool {
    let is_alone = plan.streams.iter().filter(|other| other.sink == stream.sink).count() == 1;
    let stays_as_it_is = stream.source == SourcePlan::Stdin && is_alone;
    !(stays_as_it_is || sink.separates_messages())
}

/// Requests a reload at an interval, for secrets from commands, which cannot be watched.
async fn reread(reloader: ReloadHandle, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        reloader.ask(Request::Reload(None));
    }
}

/// Waits for a stop signal, or until no work is left.
async fn until_told(running: &Running, mut signals: Signals, tasks: &mut JoinSet<()>) {
    let has_more = running.plan.guard.is_some() || !running.plan.scrub.is_empty();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hang_up.recv() => {
                running.reloader.ask(Request::Reload(None));
            }
            () = running.stop.cancelled() => return,
            ended = tasks.join_next(), if !tasks.is_empty() => {
                if ended.is_some() && tasks.is_empty() && !has_more {
                    return;
                }
            }
        }
    }
}

/// Drains output in flight.
async fn stop(running: &Running, mut tasks: JoinSet<()>) {
    running.metrics.enter(Phase::Stopping);
    (running.emit)(Event::Stopping);
    running.stop.cancel();
    let draining = async { while tasks.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(running.plan.drain, draining).await;
    if in_time.is_err() {
        (running.emit)(Event::DrainGaveUp { streams: tasks.len() });
        tasks.shutdown().await;
    }
    for sink in &running.sinks {
        sink.end(running.plan.drain).await;
    }
    if let Some(files) = &running.files {
        files.checkpoints.save();
    }
}

/// Sends signs of life and the status to the service manager.
async fn report_life(running: Arc<Running>, alive_every: Option<Duration>) {
    let mut every = tokio::time::interval(alive_every.unwrap_or(STATUS_EVERY).min(STATUS_EVERY));
    let mut status = (Instant::now(), String::new());
    loop {
        every.tick().await;
        (running.emit)(Event::Alive);
        if status.1.is_empty() || status.0.elapsed() >= STATUS_EVERY {
            let secrets = lock(&running.reloader.status).clone();
            let away = running.sinks.iter().filter(|sink| sink.is_unavailable()).count();
            let outdated = if secrets.error.is_some() { ", the last reload failed" } else { "" };
            let away = if away > 0 { format!(", {away} sinks away") } else { String::new() };
            let now = format!("{} streams, {} secrets{outdated}{away}", running.streams.len(), secrets.values);
            if now != status.1 {
                (running.emit)(Event::Status(now.clone()));
            }
            status = (Instant::now(), now);
        }
    }
}
