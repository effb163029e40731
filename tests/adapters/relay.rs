//! Streams that stop, resume and echo: the parts of `run`.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;

use hushlog::io::{Echo, PumpOptions, Relay, RelayStatus, StreamNotice};
use hushlog::{Mask, NeedleSet, Redactor, Secret};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

const SECRET: &str = "hunter2-prod-key";

fn redactor() -> Redactor {
    let secrets = vec![Secret::new("K", SECRET.as_bytes().to_vec())];
    Redactor::new(Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("the mask fits")))
}

fn pipe() -> (File, File) {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    (File::from(reader), File::from(writer))
}

fn echoing() -> PumpOptions {
    let mut options = PumpOptions::default();
    options.echo = Some(Echo { after_ms: 50, len_max: 3 });
    options
}

/// A relay between two pipes, in a thread; it resumes after a stop as long as it gets bytes from
/// `control`.
struct Running {
    input: Option<File>,
    output: File,
    control: Option<File>,
    thread: JoinHandle<Vec<RelayStatus>>,
}

impl Running {
    fn new(options: PumpOptions) -> Running {
        let ((from, input), (output, to), (stop, control)) = (pipe(), pipe(), pipe());
        let thread = std::thread::spawn(move || {
            let (mut redactor, mut rests) = (redactor(), Vec::new());
            let mut relay = Relay::new(from.as_fd(), to.as_fd(), &mut redactor, &options);
            loop {
                let rest = relay.run(Some(stop.as_fd())).expect("it goes through");
                rests.push(rest);
                if rest == RelayStatus::Ended || (&stop).read(&mut [0]).expect("a pipe") == 0 {
                    relay.finish().expect("it goes through");
                    return rests;
                }
            }
        });
        Running { input: Some(input), output, control: Some(control), thread }
    }

    fn write(&mut self, text: &str) {
        self.input.as_mut().expect("open").write_all(text.as_bytes()).expect("it is read");
    }

    /// The next `len` bytes.
    #[track_caller]
    fn gives(&mut self, expected: &str) {
        let mut got = vec![0; expected.len()];
        self.output.read_exact(&mut got).expect("it is written");
        assert_eq!(String::from_utf8_lossy(&got), expected);
    }

    /// Asserts silence for four times as long as an echo takes.
    #[track_caller]
    fn gives_nothing(&self) {
        let rest = rustix::event::Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        let ready = poll(&mut [PollFd::new(&self.output, PollFlags::IN)], Some(&rest)).expect("a pipe");
        assert_eq!(ready, 0, "something came");
    }

    fn end(mut self) -> (String, Vec<RelayStatus>) {
        drop((self.input.take(), self.control.take()));
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        (rest, self.thread.join().expect("it ends"))
    }
}

#[test]
fn pending_bytes_are_relayed_after_a_stop() {
    for len in [0, 5, 100, 60_000] {
        let ((from, mut input), (output, to), (stop, control)) = (pipe(), pipe(), pipe());
        let text = "x".repeat(len) + SECRET + "hunt";
        input.write_all(text.as_bytes()).expect("room");
        drop(control);
        let mut redactor = redactor();
        let mut relay = Relay::new(from.as_fd(), to.as_fd(), &mut redactor, &PumpOptions::default());
        assert_eq!(relay.run(Some(stop.as_fd())).expect("it goes through"), RelayStatus::Stopped);
        relay.finish().expect("it goes through");
        drop(to);
        let mut got = String::new();
        (&output).read_to_string(&mut got).expect("text");
        assert_eq!(got, "x".repeat(len) + "[REDACTED:K]hunt");
        // The writer still exists, and notices.
        drop(from);
        assert!(input.write_all(b"late").is_err());
    }
}

#[test]
fn a_busy_writer_does_not_keep_a_relay_from_stopping() {
    let ((from, mut input), (output, to), (stop, control)) = (pipe(), pipe(), pipe());
    let writer = std::thread::spawn(move || while input.write_all(&[b'x'; 4096]).is_ok() {});
    let reader = std::thread::spawn(move || std::io::copy(&mut { output }, &mut std::io::sink()));
    drop(control);
    let mut redactor = redactor();
    let mut relay = Relay::new(from.as_fd(), to.as_fd(), &mut redactor, &PumpOptions::default());
    assert_eq!(relay.run(Some(stop.as_fd())).expect("it goes through"), RelayStatus::Stopped);
    drop(relay);
    drop((from, to));
    writer.join().expect("it meets a closed pipe");
    reader.join().expect("it ends").expect("it reads");
}

#[test]
fn a_stream_goes_on_after_a_stop_where_it_was() {
    let mut running = Running::new(PumpOptions::default());
    running.write("is hunter2-");
    running.gives("is ");
    running.control.as_mut().expect("open").write_all(b"r").expect("it is read");
    running.write("prod-key.");
    running.gives("[REDACTED:K].");
    drop(running.input.take());
    let (rest, rests) = running.end();
    assert_eq!((rest.as_str(), rests.last()), ("", Some(&RelayStatus::Ended)));
    assert!(rests[..rests.len() - 1].iter().all(|rest| *rest == RelayStatus::Stopped));
}

#[test]
fn an_echo_comes_after_a_rest_and_once() {
    let mut running = Running::new(echoing());
    running.write("$ hunt");
    running.gives("$ hun");
    running.gives_nothing();
    running.write("er2-");
    running.gives_nothing();
    running.write("prod-key\n");
    running.gives("[REDACTED:K]\n");
    running.write("h");
    running.gives("h");
    running.write("u");
    running.gives("u");
    running.write("g");
    running.gives("g");
    assert_eq!(running.end().0, "");
}

#[test]
fn nothing_is_released_by_a_timer_without_an_echo() {
    let mut running = Running::new(PumpOptions::default());
    running.write("$ hunt");
    running.gives("$ ");
    running.gives_nothing();
    assert_eq!(running.end().0, "hunt");
}

/// A pipe's content at the stop is read completely, for any pipe size.
#[test]
fn a_full_pipe_at_a_stop_is_taken_whole() {
    let ((from, mut input), (output, to), (stop, control)) = (pipe(), pipe(), pipe());
    let len = fcntl_setpipe_size(&input, 1 << 20).expect("a pipe");
    let text: Vec<u8> = (0..len).map(|n| (n % 251) as u8 | 0x80).collect();
    input.write_all(&text).expect("room for all");
    drop(control);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        (&output).read_to_end(&mut all).map(|_| all)
    });
    let carry = |to: OwnedFd| {
        let mut redactor = redactor();
        let mut relay = Relay::new(from.as_fd(), to.as_fd(), &mut redactor, &PumpOptions::default());
        assert_eq!(relay.run(Some(stop.as_fd())).expect("it goes through"), RelayStatus::Stopped);
        relay.finish().expect("it goes through").bytes_in
    };
    assert_eq!(carry(to.into()), len as u64);
    assert!(reader.join().expect("it ends").expect("it reads") == text);
}

/// UTF-16 is reported once, however it arrives, and passes through.
#[test]
fn a_stream_of_utf_16_is_reported_once() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let text: Vec<u8> = "\u{feff}two\r\nlines\r\n".repeat(100).encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (reported, piece_len) in [1, 3, 100, text.len()].into_iter().enumerate() {
        let ((from, mut input), (mut output, to)) = (pipe(), pipe());
        let written = text.clone();
        let writer = std::thread::spawn(move || {
            written.chunks(piece_len).for_each(|piece| input.write_all(piece).expect("a pipe takes it"));
        });
        let mut options = PumpOptions::default();
        options.on_notice = Some(|notice| {
            assert_eq!(notice, StreamNotice::Utf16);
            REPORTS.fetch_add(1, Relaxed);
        });
        hushlog::io::pump(from.as_fd(), to.as_fd(), &mut redactor(), &options).expect("it goes through");
        writer.join().expect("it was written");
        drop(to);
        let mut out = Vec::new();
        output.read_to_end(&mut out).expect("a pipe");
        assert!(out == text, "all bytes stay");
        assert_eq!(REPORTS.load(Relaxed), reported + 1, "pieces of {piece_len} bytes");
    }
}
