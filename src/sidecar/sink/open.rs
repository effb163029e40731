//! How the outlets of sinks are opened, and written to.

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

use super::super::config::Outlet;
use super::super::fd::Fd;
use super::super::program::{self, Programs, Voice};
use super::super::source::bytes::Bytes;
use super::batch::Batch;
use super::file::{FileSink, Rotation};
use super::gone;
use super::sync::OutputSync;
use crate::redact::text;
use crate::sys::beneath::{Links, find};
use crate::sys::file::{check_placed_to_write, kind};
use crate::sys::node;

/// How long somebody who listens may take to answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// After a rest of so long it is looked whether the other side has gone meanwhile: it would take the first write, and lose it.
const REST_MIN: Duration = Duration::from_millis(20);

/// How much of the other side's answers is read at once, in bytes, and how often in a row.
const HEARD_LEN: usize = 4 << 10;
const HEARD_MAX: usize = 16;

/// How long the last words of a program that has ended may take to get out.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// An outlet that is there.
pub(super) enum Opened {
    /// What is written to by a descriptor alone.
    Fd(Open),
    /// A file, which may be rotated.
    File(FileSink),
}

/// A descriptor, and what is at its other end.
pub(super) struct Open {
    fd: Arc<Fd>,
    kind: Kind,
    last: Instant,
}

enum Kind {
    /// Bytes: a FIFO, a terminal, a file.
    Bytes,
    /// A connection, whose other side may have gone.
    Socket(Hearing),
    /// Each record is a datagram.
    Datagrams,
    /// The input of a program, and the task that carries its output.
    Command(Child, Option<JoinHandle<()>>),
}

/// Hears out what the other side of a connection says, and forgets it: one that answers each line
/// would stop reading when nobody takes its answers, and both would wait for ever. It has ended
/// when the other side will say no more.
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

/// Reads the answers that have come. True: no more will come. `is_told`: the runtime said that
/// there is something.
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

/// What messages call an outlet.
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

/// Whether there is no point in waiting: standard output cannot be opened anew.
pub(super) fn is_final(outlet: &Outlet, _error: &io::Error) -> bool {
    matches!(outlet, Outlet::Stdout)
}

/// Opens an outlet; if it is a program, in this way.
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
    /// Writes what is behind the first `written` bytes of the batch, and says there how far it came.
    pub(super) async fn write(&mut self, batch: &Batch<'_>, written: &mut u64) -> io::Result<()> {
        match self {
            Opened::Fd(open) => open.write(batch, written).await,
            Opened::File(file) => file.write(batch, written),
        }
    }

    /// Closes it. A program is given this long to finish with what it has read.
    pub(super) async fn end(self, within: Duration) {
        if let Opened::Fd(open) = self {
            open.end(within).await;
        }
    }

    /// Whether the other end may have taken the beginning of a line with it: what is in a file already is not written again.
    pub(super) fn forgets(&self) -> bool {
        matches!(self, Opened::Fd(_))
    }
}

impl Open {
    /// Writes what is behind the first `written` bytes of the batch, and says there how far it came.
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

    /// Closes it. A program is given this long to finish with what it has read.
    async fn end(self, within: Duration) {
        let Open { fd, mut kind, .. } = self;
        if let Kind::Socket(hearing) = &mut kind {
            hearing.0.abort();
            let _ = (&mut hearing.0).await;
            // What is unread when a connection is closed resets it, and what is on its way is lost.
            let _ = hear(&fd, false);
        }
        drop(fd);
        if let Kind::Command(mut child, carried) = kind {
            let has_ended = tokio::time::timeout(within, child.wait()).await.is_ok();
            if let Some(carried) = carried.filter(|_| has_ended) {
                // Others may keep its output open.
                let _ = tokio::time::timeout(LAST_WORDS, carried).await;
            }
        }
    }

    /// Whether the other side has closed its end. A program that has ended is told by the broken pipe.
    fn has_gone(&self) -> io::Result<bool> {
        match &self.kind {
            Kind::Socket(hearing) if self.last.elapsed() >= REST_MIN => {
                Ok(hearing.0.is_finished() || hear(&self.fd, false)?)
            }
            _ => Ok(false),
        }
    }

    /// Each record is sent by itself; `written` counts the bytes of those that were.
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

    /// Sends a record, in several datagrams if it is longer than one can be.
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

/// A FIFO that somebody reads.
fn fifo(path: &Path) -> io::Result<OwnedFd> {
    let no_fifo = || io::Error::new(ErrorKind::InvalidInput, "it is no FIFO");
    let found = find(path, Links::Trusted)?;
    // Known before it is opened: to open a device may do something.
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
    // A line that is out should not wait for the next one.
    stream.set_nodelay(true)?;
    Fd::new(stream.into_std()?.into(), Interest::READABLE | Interest::WRITABLE)
}

/// A program that reads. Its output goes through a redactor, as a source's program's does: it has
/// secrets of its own, and may have ours. Both its outputs are one stream, since they end in one
/// place.
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
    // Only now: the command holds the other end of the pipe that is read there.
    drop(command);
    let carried = voice.as_ref().zip(output).map(|(voice, output)| voice(Bytes(output)));
    Ok((Fd::new(ours, Interest::WRITABLE)?, Kind::Command(child, carried)))
}

/// A pipe: our non-blocking end to write to, and theirs to read from.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}
