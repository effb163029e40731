//! The service manager's protocols: readiness, the descriptor store, and passed sockets.

use std::io::{self, ErrorKind};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use hushlog::sidecar::StoreAt;
use rustix::io::{FdFlags, fcntl_setfd};

/// The first passed descriptor, as in `sd_listen_fds(3)`.
const PASSED_FIRST: RawFd = 3;

/// Notifies systemd of a state, if systemd started this process (`Type=notify`).
pub(crate) fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&name),
    };
    // There is nowhere to report a failure.
    let _ = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
}

/// The service manager's descriptor store, if it announces one. systemd does since version 254; the
/// unit announces it for older versions.
pub(crate) fn store() -> Option<StoreAt> {
    let count_max: usize = std::env::var("FDSTORE").ok()?.parse().ok()?;
    let socket = std::env::var_os("NOTIFY_SOCKET")?;
    (count_max > 0).then_some(StoreAt { socket, count_max })
}

/// Takes the sockets from the service manager, with their names (`sd_listen_fds(3)`). Returns none,
/// unless they are marked for this process. Must be called once, before anything is opened that
/// stays open.
///
/// # Errors
///
/// When there are fewer than announced.
pub(crate) fn passed_sockets() -> io::Result<Vec<(OwnedFd, String)>> {
    let own = std::process::id().to_string();
    if std::env::var_os("LISTEN_PID").is_none_or(|pid| pid != own.as_str()) {
        return Ok(Vec::new());
    }
    let count = std::env::var("LISTEN_FDS").ok().and_then(|count| count.parse::<u16>().ok());
    let count = RawFd::from(count.ok_or(ErrorKind::InvalidInput)?);
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').chain(std::iter::repeat(""));
    let passed = |(number, name): (RawFd, &str)| Ok((passed_socket(number)?, name.to_owned()));
    (PASSED_FIRST..PASSED_FIRST + count).zip(names).map(passed).collect()
}

fn passed_socket(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes integers only, and changes nothing.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the parent declared that it is for this process. This process has
    // opened nothing yet, and each descriptor is taken once.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    // Closed in child processes.
    fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    Ok(fd)
}
