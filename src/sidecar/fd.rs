//! Descriptors under the runtime: pollable or not, and standard streams with shared flags.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::sys::lock;
use crate::sys::write::Unwritten;

/// Closes all descriptors but the standard ones on exec, also inherited ones, so that no child gets
/// them.
pub(crate) fn keep_from_programs() {
    const FIRST: libc::c_uint = 3;
    // SAFETY: the call takes integers only. It closes nothing here, and the flag matters to an exec
    // alone.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return;
    }
    // A kernel before 5.11 does not know the call.
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<libc::c_int>().ok());
    for number in numbers.filter(|&number| number >= FIRST.cast_signed()) {
        // SAFETY: as above; a number that is not open any more is an error that changes nothing.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// A descriptor with non-blocking reads and writes.
pub(crate) enum Fd {
    /// A descriptor that reports readiness.
    Polled(AsyncFd<OwnedFd>, Calls),
    /// A regular file or the like, which is always ready.
    Plain(OwnedFd),
}

/// The calls that do not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// `read` and `write`: the descriptor is non-blocking.
    File,
    /// Socket calls with a flag against blocking: others share the descriptor's flags.
    Socket,
}

impl Fd {
    /// Wraps a descriptor of our own, and makes it non-blocking if possible.
    pub(crate) fn new(fd: OwnedFd, interest: Interest) -> io::Result<Fd> {
        Fd::with(fd, interest, Calls::File)
    }

    fn with(fd: OwnedFd, interest: Interest, calls: Calls) -> io::Result<Fd> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
        // SAFETY: an `OwnedFd` is the same open descriptor for as long as it lives, and no code
        // takes it out of the `AsyncFd`.
        let registered = unsafe { AsyncFd::register_with_interest(fd, interest) };
        match registered {
            Ok(fd) => Ok(Fd::Polled(fd, calls)),
            Err(error) => {
                let (fd, error) = error.into_parts();
                // A file that epoll refuses never blocks: regular files, directories, /dev/null.
                if matches!(
                    kind,
                    FileType::RegularFile | FileType::Directory | FileType::CharacterDevice | FileType::BlockDevice
                ) {
                    Ok(Fd::Plain(fd))
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Wraps a standard stream. Other processes share its flags, so a pipe or terminal is reopened,
    /// and each call on a socket has a flag against blocking.
    pub(crate) fn standard(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Fd> {
        use std::os::fd::AsRawFd;
        match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
            FileType::Fifo | FileType::CharacterDevice => {
                let access = if interest.is_readable() { OFlags::RDONLY } else { OFlags::WRONLY };
                let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
                Fd::with(rustix::fs::open(path, flags, Mode::empty())?, interest, Calls::File)
            }
            FileType::Socket => Fd::with(fd.try_clone_to_owned()?, interest, Calls::Socket),
            _ => Ok(Fd::Plain(fd.try_clone_to_owned()?)),
        }
    }

    /// Waits until the descriptor may be readable. Cancel-safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Fd::Polled(fd, _) => fd.readable().await.map(|mut guard| guard.retain_ready()),
            Fd::Plain(_) => Ok(()),
        }
    }

    /// Waits until the descriptor may be writable. Cancel-safe.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Fd::Polled(fd, _) => fd.writable().await.map(|mut guard| guard.retain_ready()),
            Fd::Plain(_) => Ok(()),
        }
    }

    /// Reads available data into the buffer's spare capacity. 0 is end of file.
    pub(crate) fn read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Fd::Plain(fd) => again(|| rustix::io::read(fd, spare_capacity(buffer))),
            Fd::Polled(fd, calls) => fd.try_io(Interest::READABLE, |fd| match calls {
                Calls::File => again(|| rustix::io::read(fd, spare_capacity(buffer))),
                Calls::Socket => {
                    again(|| rustix::net::recv(fd, spare_capacity(buffer), RecvFlags::DONTWAIT).map(|(len, _)| len))
                }
            }),
        }
    }

    /// Makes calls that read available data; the last one fails with
    /// [`WouldBlock`](ErrorKind::WouldBlock).
    pub(crate) fn try_read<T>(&self, mut calls: impl FnMut(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        match self {
            Fd::Plain(fd) => calls(fd.as_fd()),
            Fd::Polled(fd, _) => fd.try_io(Interest::READABLE, |fd| calls(fd.as_fd())),
        }
    }

    /// Receives one datagram. `true`: it exceeded the buffer's spare capacity, and its end is lost.
    pub(crate) fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<(usize, bool)> {
        let Fd::Polled(fd, _) = self else { return Err(ErrorKind::Unsupported.into()) };
        fd.try_io(Interest::READABLE, |fd| {
            let room = buffer.capacity() - buffer.len();
            let (len, told) =
                again(|| rustix::net::recv(fd, spare_capacity(buffer), RecvFlags::DONTWAIT | RecvFlags::TRUNC))?;
            Ok((len, told > room))
        })
    }

    /// Writes some of the slices.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Fd::Plain(fd) => again(|| rustix::io::writev(fd, slices)),
            Fd::Polled(fd, calls) => fd.try_io(Interest::WRITABLE, |fd| match calls {
                Calls::File => again(|| rustix::io::writev(fd, slices)),
                Calls::Socket => send(fd.as_fd(), slices),
            }),
        }
    }

    /// Sends the slices as one datagram.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Fd::Polled(fd, _) = self else { return Err(ErrorKind::Unsupported.into()) };
        fd.try_io(Interest::WRITABLE, |fd| send(fd.as_fd(), slices))
    }

    /// Writes all slices, and counts the bytes in `written`.
    pub(crate) async fn write_all(&self, slices: &mut [IoSlice<'_>], written: &mut u64) -> io::Result<()> {
        let mut unwritten = Unwritten::new(slices);
        while let Some(slices) = unwritten.next() {
            match self.write(slices) {
                Ok(len) => {
                    *written += len as u64;
                    unwritten.advance(len)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Fd::Polled(fd, _) => fd.get_ref().as_fd(),
            Fd::Plain(fd) => fd.as_fd(),
        }
    }
}

fn send(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    again(|| rustix::net::sendmsg(fd, slices, &mut SendAncillaryBuffer::default(), flags))
}

/// The time limit for a lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Locks a file for as long as it is open.
///
/// Retries a locked file briefly: a sidecar that was killed between fork and exec of a program
/// leaves a copy of its descriptors, and so its locks, in the child until the exec.
///
/// # Errors
///
/// As [`of_file`](lock::of_file): another process holds it, or users other than its owner can open
/// it.
pub(crate) fn lock(file: impl AsFd) -> io::Result<()> {
    lock::of_file(file, LOCK_PATIENCE)
}

/// Repeats a call that a signal has interrupted.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
