//! Reports the events of the sidecar to people and to the service manager.
//!
//! A separate thread writes them: a standard error without a reader must not stop a stream. Names
//! in them are masked and escaped like in all messages: see [`message`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hushlog::scrub::guard;
use hushlog::sidecar::{Event, EventSink, Unconfined};
use rustix::time::{ClockId, clock_gettime};

use super::message::{self, note, path_text, reason, warning};
use super::{masking, service};

/// The maximum number of queued events. Further ones are dropped, and counted.
const WAITING_MAX: usize = 1_000;
/// The timeout for the last events.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Reports events on its own thread.
pub(crate) struct SidecarLog {
    sink: EventSink,
    thread: JoinHandle<()>,
    sender: SyncSender<Option<Event>>,
}

impl SidecarLog {
    pub(crate) fn new(quiet: bool) -> io::Result<SidecarLog> {
        let (sender, events) = sync_channel(WAITING_MAX);
        let left_out = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&left_out);
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || say_all(&events, &counted, quiet))?;
        let send = sender.clone();
        let sink: EventSink = Arc::new(move |event| {
            // At once: later messages may report places that were found with it.
            if let Event::InForce(set) = &event {
                return message::pass(set);
            }
            if send.try_send(Some(event)).is_err() {
                left_out.fetch_add(1, Relaxed);
            }
        });
        Ok(SidecarLog { sink, thread, sender })
    }

    pub(crate) fn sink(&self) -> EventSink {
        Arc::clone(&self.sink)
    }

    /// Writes the remaining events, unless nothing reads them.
    pub(crate) fn end(self) {
        let _ = self.sender.try_send(None);
        let end = std::time::Instant::now() + END_WITHIN;
        while !self.thread.is_finished() && std::time::Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Returns the interval of the watchdog events for the service manager.
pub(crate) fn alive_every() -> Option<Duration> {
    let microseconds: u64 = std::env::var_os("WATCHDOG_USEC")?.to_str()?.parse().ok()?;
    let is_ours =
        std::env::var_os("WATCHDOG_PID").is_none_or(|pid| pid.to_str() == Some(&std::process::id().to_string()));
    (is_ours && microseconds > 0).then(|| Duration::from_micros(microseconds / 2))
}

/// Reports a part of the requested confinement that is not in force.
pub(crate) fn unconfined(unconfined: Unconfined, quiet: bool) {
    let note = |text: &str| {
        if !quiet {
            note(text);
        }
    };
    match unconfined {
        Unconfined::NoLandlock => warning("this kernel has no Landlock: access to files is not confined"),
        Unconfined::OldLandlock => note("this kernel's Landlock is old, and confines less than a newer one"),
        Unconfined::Commands => note("access to files is not confined, because the configuration has commands"),
        Unconfined::Guard => note("access to files is not confined, because the configuration has a guard"),
        Unconfined::NoSeccomp => warning("this kernel has no seccomp filters: system calls are not confined"),
        _ => {}
    }
}

fn say_all(events: &Receiver<Option<Event>>, left_out: &AtomicU64, quiet: bool) {
    while let Ok(Some(event)) = events.recv() {
        say(event, quiet);
        let count = left_out.swap(0, Relaxed);
        if count > 0 {
            warning(&format!("dropped {count} messages, which came faster than standard error accepted them"));
        }
    }
}

fn say(event: Event, quiet: bool) {
    let say_note = |text: &str| {
        if !quiet {
            note(text)
        }
    };
    match event {
        Event::Ready { streams, secrets } => {
            service::notify("READY=1");
            say_note(&format!("{streams} streams, {secrets} secrets"));
        }
        Event::Reloading => service::notify(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us())),
        Event::Reloaded { secrets, changed } => {
            service::notify("READY=1");
            say_note(&format!(
                "reloaded the secrets: {}; {secrets} are masked",
                if changed { "changed" } else { "unchanged" }
            ));
        }
        Event::ReloadFailed(error) => {
            service::notify("READY=1");
            warning(&format!("reload failed, the previous secrets stay masked: {}", error.text));
        }
        Event::OfValues(notices) => masking::warn_of(&notices, quiet),
        Event::SourceUnavailable { stream, error } => {
            warning(&format!("source of stream {stream} unavailable: {}", reason(&error)));
        }
        Event::Note(text) => say_note(&text),
        Event::SourceRecovered { stream } => say_note(&format!("source of stream {stream} recovered")),
        Event::CommandEnded { program, status } => {
            warning(&format!("{} ended ({status}); restarting it", program));
        }
        Event::SinkUnavailable { sink, error } => {
            warning(&format!("{sink} unavailable: {}", reason(&error)));
        }
        Event::SinkRecovered { sink, dropped } => match dropped {
            0 => say_note(&format!("{sink} recovered")),
            dropped => warning(&format!("{sink} recovered; {dropped} pieces were dropped")),
        },
        Event::DatagramCut { stream } => warning(&format!(
            "a datagram of stream {stream} was longer than 256 KiB, and its end is lost; further ones are not reported"
        )),
        Event::Scrubbed { path, places } => say_note(&format!("masked {places} in {}", path_text(&path))),
        Event::Guarding(guard::GuardEvent::Ready { directories, files }) => {
            say_note(&format!("guarding {files} files in {directories} directories"));
        }
        Event::Guarding(event) => super::guard::log_event(event, quiet),
        Event::Warning(text) => warning(&text),
        Event::Stopping => service::notify("STOPPING=1"),
        Event::DrainGaveUp { streams } => {
            warning(&format!("{streams} streams were not drained in time, and their last input is lost"));
        }
        Event::Alive if alive_every().is_some() => service::notify("WATCHDOG=1"),
        Event::Status(text) => service::notify(&format!("STATUS={text}")),
        _ => {}
    }
}

fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}
