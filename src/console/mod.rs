//! The registry's page in a browser: secrets are added, changed and deleted, and never shown.
//!
//! [`run`] serves it until the process is stopped. The machine needs no identity: values are sealed
//! to the recipients of the members.
//!
//! - On loopback, one browser session acts as one member. A token that works once opens it. If the
//!   browser loses its cookie, [`Renewals`] or SIGUSR1 make another token.
//! - On a Unix socket, a proxy signs people in, and a header names the member of each request.
//!
//! Memory: a request has at most 1 MiB, and 64 clients are served at once. Bodies are wiped. The
//! buffers of the HTTP library are freed with their connection, which carries one request; a
//! program wipes them with an allocator that wipes freed memory, as `hushlog` does. The last eight
//! states of the registry's file that pages showed stay in memory, to explain what changed since.

mod answer;
mod body;
mod door;
mod event;
mod form;
mod layout;
mod pages;
mod peer;
mod query;
mod random;
mod renewals;
mod server;
mod site;
mod visit;
mod wording;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use event::{Event, EventSink};
pub use renewals::Renewals;
pub use server::run;

use crate::registry::{Name, SigningKey};

/// The parts of a console.
pub struct Setup {
    /// The file of the registry.
    pub registry: PathBuf,
    /// Public keys and ids that the registry must have: see
    /// [`check`](crate::source::registry::check).
    pub trust: Vec<String>,
    /// Signs changes, if the registry names signers.
    pub key: Option<SigningKey>,
    /// The way in.
    pub entrance: Entrance,
    /// Answers whether a variable is set on this machine and would be masked, in one line without a
    /// value. An error is a reason, in one line.
    pub check: Check,
    /// Receives all notices.
    pub emit: EventSink,
    /// Requests new addresses.
    pub renewals: Renewals,
}

/// See [`Setup::check`].
pub type Check = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// How requests reach the console.
#[derive(Clone, Debug)]
pub enum Entrance {
    /// A port on loopback, for one browser session of the user that runs the console.
    Loopback {
        /// The address. Port 0 is any free port.
        address: SocketAddr,
        /// The acting member.
        member: Name,
    },
    /// A Unix socket, for a proxy that signs people in.
    Unix {
        /// The path of the socket. Its mode is 0600; in a directory with the setgid bit 0660, with
        /// the directory's group.
        path: PathBuf,
        /// The header with the member of each request. The proxy must set it, and drop it from the
        /// requests that it receives.
        user_header: String,
    },
}

/// Why a console cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    /// It cannot listen at the port or path.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
    /// The user header is no name of a header.
    #[error("not the name of a header")]
    Header,
    /// The system refuses what it needs to begin.
    #[error("cannot begin")]
    Begin(#[source] io::Error),
}
