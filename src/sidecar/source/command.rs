//! The output of a program, which is restarted when it exits.

use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::process::Child;

use super::bytes::Bytes;
use super::{ReadOutcome, Source};
use crate::sidecar::event::{Event, EventSink};
use crate::sidecar::fd::Fd;
use crate::sidecar::program::{self, Programs, Voice};
use crate::sys::backoff::Backoff;

/// The initial restart delay.
const DELAY_MIN: Duration = Duration::from_secs(1);
/// The maximum restart delay.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// A run of this length resets the restart delay.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// A program, read from its standard output.
pub(crate) struct Program {
    words: Vec<String>,
    stream: Arc<str>,
    emit: EventSink,
    programs: Programs,
    /// The consumer of standard error: a separate stream, since it may contain secrets as well.
    voice: Voice,
    running: Option<Running>,
    backoff: Backoff,
    /// The earliest time of the next start.
    next: Option<tokio::time::Instant>,
    was_told: bool,
}

struct Running {
    child: Child,
    output: Fd,
    since: Instant,
}

impl Program {
    pub(crate) fn new(
        words: Vec<String>,
        stream: Arc<str>,
        emit: EventSink,
        programs: Programs,
        voice: Voice,
    ) -> Program {
        let backoff = Backoff::new(DELAY_MIN, DELAY_MAX);
        Program { words, stream, emit, programs, voice, running: None, backoff, next: None, was_told: false }
    }

    fn start(&mut self) -> io::Result<Running> {
        let (output, theirs) = program::output()?;
        let (error_output, error_theirs) = program::output()?;
        let mut command = self.programs.command(&self.words);
        command.stdin(Stdio::null()).stdout(theirs).stderr(error_theirs);
        let child = command.kill_on_drop(true).spawn()?;
        (self.voice)(Bytes(error_output));
        Ok(Running { child, output, since: Instant::now() })
    }

    /// Handles a program that has closed its output.
    fn end(&mut self, mut running: Running) {
        if running.since.elapsed() > WELL_AFTER {
            self.backoff.reset();
        }
        self.rest();
        let status = match running.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            // It may keep running without an output, but no more data can come from it.
            _ => "it has closed its output".to_owned(),
        };
        program::signal(&running.child, Signal::TERM);
        (self.emit)(Event::CommandEnded { program: self.words[0].clone(), status });
    }

    fn rest(&mut self) {
        self.next = Some(tokio::time::Instant::now() + self.backoff.next());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            // Its children are of no use without it, and would keep a broken pipe.
            program::signal(&running.child, Signal::KILL);
        }
    }
}

impl Source for Program {
    async fn ready(&mut self) -> io::Result<()> {
        loop {
            if let Some(running) = &self.running {
                return running.output.readable().await;
            }
            if let Some(next) = self.next {
                tokio::time::sleep_until(next).await;
            }
            match self.start() {
                Ok(running) => {
                    self.running = Some(running);
                    if std::mem::take(&mut self.was_told) {
                        (self.emit)(Event::SourceRecovered { stream: Arc::clone(&self.stream) });
                    }
                }
                Err(error) => {
                    self.rest();
                    if !std::mem::replace(&mut self.was_told, true) {
                        (self.emit)(Event::SourceUnavailable { stream: Arc::clone(&self.stream), error });
                    }
                }
            }
        }
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        let Some(running) = &self.running else { return Err(ErrorKind::WouldBlock.into()) };
        if running.output.read(buffer)? > 0 {
            return Ok(ReadOutcome::Data);
        }
        if let Some(running) = self.running.take() {
            self.end(running);
        }
        Ok(ReadOutcome::MessageEnd)
    }
}
