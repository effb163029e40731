//! Serving streams: opens the source of each, and runs one stream, or one for each connection.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::Interest;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::running::Running;
use crate::redact::text;
use crate::sidecar::config::{Format, OnAway, Outlet, SinkPlan, SourcePlan, StreamPlan, Way};
use crate::sidecar::event::Event;
use crate::sidecar::fd::Fd;
use crate::sidecar::metrics::StreamMetrics;
use crate::sidecar::program::Voice;
use crate::sidecar::sink::Sink;
use crate::sidecar::source::bytes::Bytes;
use crate::sidecar::source::command::Program;
use crate::sidecar::source::fifo::Fifo;
use crate::sidecar::source::follow::Following;
use crate::sidecar::source::socket::{Connections, Datagrams};
use crate::sidecar::source::{Listener, Source};
use crate::sidecar::stream::lines::WaitsFor;
use crate::sidecar::stream::{Broken, STOPPING_GRACE, Stream, StreamContext};
use crate::sys::backoff::Backoff;

/// The initial delay before a failed source is reopened.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// The maximum delay.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// An open source.
pub(in crate::sidecar) enum Opened {
    Bytes(Bytes),
    Fifo(Fifo),
    Datagrams(Datagrams),
    Program(Box<Program>),
    Connections(Connections, usize),
    Files(Following),
}

/// The name of a stream's source in messages.
pub(in crate::sidecar) fn describe(stream: &StreamPlan) -> String {
    let source = match &stream.source {
        SourcePlan::Stdin => "standard input".to_owned(),
        SourcePlan::Fifo { path, .. } => format!("the FIFO {}", text::path(path)),
        SourcePlan::Unix { path, .. } | SourcePlan::UnixDatagram { path, .. } => {
            format!("the socket {}", text::path(path))
        }
        SourcePlan::Tcp { address, .. } => format!("the port {address}"),
        SourcePlan::Command(words) => format!("the program {}", words[0]),
        SourcePlan::Files { pattern, .. } => format!("the files {pattern}"),
    };
    format!("{source} of the stream {}", stream.name)
}

/// Opens the source of a stream.
pub(in crate::sidecar) fn open(stream: &StreamPlan, running: &Arc<Running>) -> io::Result<Opened> {
    let emit = Arc::clone(&running.emit);
    let passed = running.passed.socket_of(&stream.source)?;
    Ok(match &stream.source {
        SourcePlan::Stdin => Opened::Bytes(Bytes(Fd::standard(io::stdin().as_fd(), Interest::READABLE)?)),
        SourcePlan::Fifo { path, mode } => Opened::Fifo(Fifo::open(path, *mode)?),
        SourcePlan::Unix { path, mode, connections_max } => {
            let own = || Connections::at_path(path, *mode);
            let connections = passed.map_or_else(own, Connections::passed)?;
            Opened::Connections(keep(connections, stream, running), *connections_max)
        }
        SourcePlan::UnixDatagram { path, mode } => {
            let name = Arc::clone(&stream.name);
            Opened::Datagrams(match passed {
                Some(socket) => Datagrams::passed(socket, name, emit)?,
                None => Datagrams::at_path(path, *mode, name, emit)?,
            })
        }
        SourcePlan::Tcp { address, connections_max } => {
            let own = || Connections::at_port(address);
            let connections = passed.map_or_else(own, Connections::passed)?;
            Opened::Connections(keep(connections, stream, running), *connections_max)
        }
        SourcePlan::Command(words) => {
            let (name, programs) = (Arc::clone(&stream.name), running.programs.clone());
            let program = Program::new(words.clone(), name, emit, programs, voice_of_source(stream, running));
            Opened::Program(Box::new(program))
        }
        SourcePlan::Files { pattern, exclude, from, files_max } => {
            let files = running.files.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let (files, name) = (Arc::clone(files), Arc::clone(&stream.name));
            Opened::Files(Following::new(files, name, (pattern, exclude), *from, *files_max)?)
        }
    })
}

/// Lets connections outlive the sidecar, except with container records and messages with lengths:
/// after a part of one, the next has no known beginning.
fn keep(connections: Connections, stream: &StreamPlan, running: &Arc<Running>) -> Connections {
    if !stream.way.format.goes_on_anywhere() {
        return connections;
    }
    connections
        .keep((Arc::clone(&running.store), Arc::clone(&stream.name)), running.passed.connections_of(&stream.name))
}

/// Redacts the error output of a source's program, until the sidecar stops.
fn voice_of_source(stream: &StreamPlan, running: &Arc<Running>) -> Voice {
    let of = Arc::clone(running);
    let name = Arc::clone(&stream.name);
    voice(running, move || {
        let context = &of.streams[&name];
        (context.way, Arc::clone(&context.metrics), context.stop.clone())
    })
}

/// Redacts all output of a sink's program to its end: it may still write when the sidecar has
/// stopped.
pub(in crate::sidecar) fn voice_of_sink(sink: &Arc<Sink>, running: &Arc<Running>) -> Option<Voice> {
    let way = running.streams.values().find(|context| Arc::ptr_eq(&context.sink, sink))?.way;
    let metrics = Arc::new(StreamMetrics::default());
    Some(voice(running, move || (way, Arc::clone(&metrics), CancellationToken::new())))
}

/// Passes the program's output line by line through a redactor to our standard error.
fn voice(
    running: &Arc<Running>,
    of: impl Fn() -> (Way, Arc<StreamMetrics>, CancellationToken) + Send + Sync + 'static,
) -> Voice {
    let running = Arc::clone(running);
    let plan = Arc::new(SinkPlan { outlet: Outlet::Stderr, away: OnAway::Drop });
    let sink = Arc::new(Sink::new(plan, Arc::clone(&running.emit), &running.outputs));
    Arc::new(move |output| {
        let (way, metrics, stop) = of();
        let context = Arc::new(StreamContext {
            active: running.reloader.active.clone(),
            sink: Arc::clone(&sink),
            // These lines are no records of the stream, in any format.
            way: Way { format: Format::Raw, ..way },
            waits_for: WaitsFor::Line,
            separates_messages: true,
            metrics,
            budget: Arc::clone(&running.budget),
            on_notice: Mutex::default(),
            stop,
        });
        let wake = running.reloader.wake();
        tokio::spawn(async move { drop(Stream::new(context).run(output, wake).await) })
    })
}

/// Serves a stream until it ends, or the sidecar stops.
pub(in crate::sidecar) async fn serve(
    opened: Opened,
    stream: StreamPlan,
    context: Arc<StreamContext>,
    running: Arc<Running>,
) {
    match opened {
        Opened::Connections(connections, at_once) => serve_all(connections, at_once, &context, &running).await,
        // It has its own limit on open files.
        Opened::Files(files) => serve_all(files, Semaphore::MAX_PERMITS, &context, &running).await,
        Opened::Bytes(source) => {
            if let Some(error) = serve_one(source, &context, &running).await {
                running.fail(format!("cannot read {}", describe(&stream)), error);
            }
        }
        Opened::Fifo(source) => again(source, &stream, &context, &running).await,
        Opened::Datagrams(source) => again(source, &stream, &context, &running).await,
        Opened::Program(source) => again(*source, &stream, &context, &running).await,
    }
}

/// Serves one source to its end. Returns the reason if it ended early.
async fn serve_one(source: impl Source, context: &Arc<StreamContext>, running: &Arc<Running>) -> Option<io::Error> {
    let wake = running.reloader.wake();
    match Stream::new(Arc::clone(context)).run(source, wake).await {
        Ok(()) => None,
        Err(Broken::Source(error)) => Some(error),
        Err(Broken::Sink(error)) => {
            running.fail(format!("cannot write to {}", context.sink.label()), error);
            None
        }
    }
}

/// Serves a source, and reopens it when it fails.
async fn again(source: impl Source, stream: &StreamPlan, context: &Arc<StreamContext>, running: &Arc<Running>) {
    let mut broken = serve_one(source, context, running).await;
    let mut backoff = Backoff::new(DELAY_MIN, DELAY_MAX);
    while let Some(error) = broken.take() {
        (running.emit)(Event::SourceUnavailable { stream: Arc::clone(&stream.name), error });
        let opened = loop {
            let delay = backoff.next();
            tokio::select! {
                () = running.stop.cancelled() => return,
                () = tokio::time::sleep(delay) => {}
            }
            if let Ok(opened) = open(stream, running) {
                break opened;
            }
        };
        (running.emit)(Event::SourceRecovered { stream: Arc::clone(&stream.name) });
        broken = match opened {
            Opened::Fifo(source) => serve_one(source, context, running).await,
            Opened::Datagrams(source) => serve_one(source, context, running).await,
            Opened::Program(source) => serve_one(*source, context, running).await,
            Opened::Bytes(_) | Opened::Connections(..) | Opened::Files(_) => None,
        };
    }
}

/// Serves all sources of a listener, at most this many at once, each as a stream of its own.
async fn serve_all(mut listener: impl Listener, at_once: usize, context: &Arc<StreamContext>, running: &Arc<Running>) {
    let (permits, mut streams) = (Arc::new(Semaphore::new(at_once)), JoinSet::new());
    loop {
        let next = async {
            // Connections above the limit wait in the kernel.
            let permit = Arc::clone(&permits).acquire_owned().await.expect("nobody closes it");
            listener.next().await.map(|source| (permit, source))
        };
        tokio::select! {
            () = running.stop.cancelled() => break,
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
            next = next => match next {
                Ok((permit, source)) => {
                    let (context, running) = (Arc::clone(context), Arc::clone(running));
                    streams.spawn(async move {
                        let _permit = permit;
                        // A broken connection has ended; all data read from it is written.
                        let _ = serve_one(source, &context, &running).await;
                    });
                }
                Err(error) => {
                    running.fail("cannot accept connections any more".to_owned(), error);
                    break;
                }
            },
        }
    }
    // Clients that had already connected are still served.
    while let Ok(Ok(source)) = tokio::time::timeout(STOPPING_GRACE, listener.next()).await {
        let (context, running) = (Arc::clone(context), Arc::clone(running));
        streams.spawn(async move { drop(serve_one(source, &context, &running).await) });
    }
    while streams.join_next().await.is_some() {}
}
