//! Opens the outlets of sinks, and writes to them.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketType};
use tokio::io::Interest;
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::batch::Batch;
use super::file::{FileSink, Rotation};
use super::gone;
use super::sync::OutputSync;
use crate::redact::text;
use crate::sidecar::config::Outlet;
use crate::sidecar::fd::Fd;
use crate::sidecar::program::{self, Programs, Voice};
use crate::sidecar::source::bytes::Bytes;
use crate::sys::beneath::{Links, find};
use crate::sys::file::{check_placed_to_write, kind};
use crate::sys::node;

/// The timeout of a TCP connection attempt.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// After this pause, a connection is checked before the next write: a closed peer would accept that
/// write and lose it.
const REST_MIN: Duration = Duration::from_millis(20);

/// The bytes of the peer's answers read at once, and the reads in a row.
const HEARD_LEN: usize = 4 << 10;
const HEARD_MAX: usize = 16;

/// The time that the last output of an ended program may take to be carried.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// An open outlet.
pub(super) enum Opened {
    /// An outlet that needs a descriptor only.
    Fd(Open),
    /// A file, which may be rotated.
    File(FileSink),
}

/// A descriptor, and the kind of its other end.
pub(super) struct Open {
    fd: Arc<Fd>,
    kind: Kind,
    last: Instant,
}

enum Kind {
    /// Bytes: a FIFO or a standard stream.
    Bytes,
    /// A connection, whose peer may close it.
    Socket(Hearing),
    /// Datagrams, one for each record.
    Datagrams,
    /// The standard input of a program, and the task that carries its output.
    Command(Child, Option<JoinHandle<()>>),
}

/// Reads and discards the answers of the peer. A peer that answers each line would stop reading if
/// nothing read its answers, and both sides would wait forever. The task ends when the peer closes
/// its sending side.
struct Hearing(JoinHandle<()>);

impl Hearing {
    fn begin(fd: &Arc<Fd>) -> Hearing {
        let fd = Arc::clone(fd);
        Hearing(tokio::spawn(async move {
            let mut may_say_more = true;
            while may_say_more {
                may_say_more = fd.readable().await.is_ok() && hear(&fd, true).is_ok_and(|is_last| !is_last);
            }
        }))
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads the answers that have arrived. Returns true at the end of input. `is_told`: the runtime
/// has reported the descriptor as readable.
fn hear(fd: &Fd, is_told: bool) -> io::Result<bool> {
    let mut said = [0; HEARD_LEN];
    for _ in 0..HEARD_MAX {
        let mut receive = |fd: BorrowedFd<'_>| Ok(rustix::net::recv(fd, &mut said, RecvFlags::DONTWAIT)?.0);
        let heard = if is_told { fd.try_read(receive) } else { receive(fd.as_fd()) };
        match heard {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Returns the name of an outlet in messages.
pub(super) fn label(outlet: &Outlet) -> String {
    match outlet {
        Outlet::Stdout => "standard output".to_owned(),
        Outlet::Stderr => "standard error".to_owned(),
        Outlet::Fifo(path) => format!("the FIFO {}", text::path(path)),
        Outlet::Unix(path) | Outlet::UnixDatagram(path) => format!("the socket {}", text::path(path)),
        Outlet::Tcp(address) => address.clone(),
        Outlet::Command(words) => format!("the program {}", words.first().map_or("", String::as_str)),
        Outlet::File { path, .. } => format!("the file {}", text::path(path)),
    }
}

/// Returns whether waiting is useless: standard output cannot be opened again.
pub(super) fn is_final(outlet: &Outlet, _error: &io::Error) -> bool {
    matches!(outlet, Outlet::Stdout)
}

/// Opens an outlet. `upkeep` starts its program, if it is one, and consumes the output of that.
pub(super) async fn open(
    outlet: &Outlet,
    upkeep: &(Programs, Option<Voice>),
    outputs: &Arc<OutputSync>,
) -> io::Result<Opened> {
    let (fd, kind) = match outlet {
        Outlet::Unix(path) => return Ok(connection(socket(path, SocketType::STREAM)?)),
        Outlet::Tcp(address) => return Ok(connection(tcp(address).await?)),
        Outlet::Stdout => (Fd::standard(io::stdout().as_fd(), Interest::WRITABLE)?, Kind::Bytes),
        Outlet::Stderr => (Fd::standard(io::stderr().as_fd(), Interest::WRITABLE)?, Kind::Bytes),
        Outlet::Fifo(path) => (Fd::new(fifo(path)?, Interest::WRITABLE)?, Kind::Bytes),
        Outlet::UnixDatagram(path) => (socket(path, SocketType::DGRAM)?, Kind::Datagrams),
        Outlet::Command(words) => command(words, upkeep)?,
        Outlet::File { path, mode, rotate_size, rotate_keep } => {
            let rotation = rotate_size.map(|size| Rotation { size, keep: *rotate_keep });
            return Ok(Opened::File(FileSink::open(path, *mode, rotation, outputs)?));
        }
    };
    Ok(Opened::Fd(Open { fd: Arc::new(fd), kind, last: Instant::now() }))
}

fn connection(fd: Fd) -> Opened {
    let fd = Arc::new(fd);
    let kind = Kind::Socket(Hearing::begin(&fd));
    Opened::Fd(Open { fd, kind, last: Instant::now() })
}

impl Opened {
    /// Writes the bytes of the batch after the first `written`, and advances `written`.
    pub(super) async fn write(&mut self, batch: &Batch<'_>, written: &mut u64) -> io::Result<()> {
        match self {
            Opened::Fd(open) => open.write(batch, written).await,
            Opened::File(file) => file.write(batch, written),
        }
    }

    /// Closes the outlet. A program has `within` to finish with its input.
    pub(super) async fn end(self, within: Duration) {
        if let Opened::Fd(open) = self {
            open.end(within).await;
        }
    }

    /// Returns whether the start of a torn line may be lost with the other end. A file keeps it, so
    /// that only the rest is written.
    pub(super) fn forgets(&self) -> bool {
        matches!(self, Opened::Fd(_))
    }
}

impl Open {
    /// Writes the bytes of the batch after the first `written`, and advances `written`.
    async fn write(&mut self, batch: &Batch<'_>, written: &mut u64) -> io::Result<()> {
        if self.has_gone()? {
            return Err(gone());
        }
        match self.kind {
            Kind::Datagrams => self.send(batch, written).await?,
            _ => self.fd.write_all(&mut batch.io_slices(*written), written).await?,
        }
        self.last = Instant::now();
        Ok(())
    }

    /// Closes the descriptor. A program has `within` to finish with its input.
    async fn end(self, within: Duration) {
        let Open { fd, mut kind, .. } = self;
        if let Kind::Socket(hearing) = &mut kind {
            hearing.0.abort();
            let _ = (&mut hearing.0).await;
            // Closing a connection with unread input resets it, and output in flight is lost.
            let _ = hear(&fd, false);
        }
        drop(fd);
        if let Kind::Command(mut child, carried) = kind {
            let has_ended = tokio::time::timeout(within, child.wait()).await.is_ok();
            if let Some(carried) = carried.filter(|_| has_ended) {
                // Other processes may keep its output open.
                let _ = tokio::time::timeout(LAST_WORDS, carried).await;
            }
        }
    }

    /// Returns whether the peer has closed its end. The end of a program is seen by the broken
    /// pipe.
    fn has_gone(&self) -> io::Result<bool> {
        match &self.kind {
            Kind::Socket(hearing) if self.last.elapsed() >= REST_MIN => {
                Ok(hearing.0.is_finished() || hear(&self.fd, false)?)
            }
            _ => Ok(false),
        }
    }

    /// Sends each record by itself. `written` counts the bytes of the sent ones.
    async fn send(&self, batch: &Batch<'_>, written: &mut u64) -> io::Result<()> {
        let (mut at, newline) = (0, u64::from(!batch.is_whole()));
        for record in batch.records() {
            let len = record.iter().map(|slice| slice.len() as u64).sum::<u64>() + newline;
            if at >= *written {
                self.send_record(&record.concat()).await?;
                *written = at + len;
            }
            at += len;
        }
        Ok(())
    }

    /// Sends a record, in several datagrams if it is too long for one.
    async fn send_record(&self, mut record: &[u8]) -> io::Result<()> {
        let mut len_max = record.len();
        loop {
            let piece = &record[..record.len().min(len_max)];
            match self.fd.send(&[IoSlice::new(piece)]) {
                Ok(_) => record = &record[piece.len()..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.fd.writable().await?,
                Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) && len_max > 1 => {
                    len_max = len_max.div_ceil(2);
                }
                Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                    tokio::time::sleep(REST_MIN).await;
                }
                Err(error) => return Err(error),
            }
            if record.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Opens a FIFO that has a reader.
fn fifo(path: &Path) -> io::Result<OwnedFd> {
    let no_fifo = || io::Error::new(ErrorKind::InvalidInput, "it is not a FIFO");
    let found = find(path, Links::Trusted)?;
    // The type is checked before the file is opened, because opening a device may have effects.
    if kind(&found.dir.stat(&found.name)?) != FileType::Fifo {
        return Err(no_fifo());
    }
    let fd = found.dir.open_file(&found.name, OFlags::WRONLY)?;
    let stat = rustix::fs::fstat(&fd)?;
    if kind(&stat) != FileType::Fifo {
        return Err(no_fifo());
    }
    check_placed_to_write(&stat, &found.dir.stat_self()?)?;
    Ok(fd)
}

fn socket(path: &Path, kind: SocketType) -> io::Result<Fd> {
    Fd::new(node::connect(path, kind)?, Interest::READABLE | Interest::WRITABLE)
}

async fn tcp(address: &str) -> io::Result<Fd> {
    let connecting = tokio::net::TcpStream::connect(address);
    let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await.map_err(|_| ErrorKind::TimedOut)??;
    // A written line should not wait for the next one.
    stream.set_nodelay(true)?;
    Fd::new(stream.into_std()?.into(), Interest::READABLE | Interest::WRITABLE)
}

/// Starts a program that reads its standard input. A redactor filters its output, like that of a
/// source: the program has secrets of its own, and may have ours. Both outputs are one stream,
/// since both end in one place.
fn command(words: &[String], (programs, voice): &(Programs, Option<Voice>)) -> io::Result<(Fd, Kind)> {
    let (ours, theirs) = pipe()?;
    let mut command = programs.command(words);
    command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    let output = voice.as_ref().map(|_| program::output()).transpose()?;
    let output = match output {
        Some((output, theirs)) => {
            command.stdout(theirs.try_clone()?).stderr(theirs);
            Some(output)
        }
        None => None,
    };
    let child = command.spawn()?;
    // Drop the command only now: it holds the other end of the pipe that is read there.
    drop(command);
    let carried = voice.as_ref().zip(output).map(|(voice, output)| voice(Bytes(output)));
    Ok((Fd::new(ours, Interest::WRITABLE)?, Kind::Command(child, carried)))
}

/// Creates a pipe: our non-blocking end for writing, and the program's for reading.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}
