//! Notices of a console.

use std::sync::Arc;

use crate::registry::Name;

/// A notice. No variant holds a value.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It listens. On loopback, the address has the token: it is for the user alone.
    Ready {
        /// The address, `http://127.0.0.1:PORT/?token=TOKEN`, or `None` on a Unix socket.
        address: Option<&'a str>,
    },
    /// A new address was requested, on loopback. The session ends when a browser uses its token.
    Renewed {
        /// The address, as in [`Event::Ready`].
        address: &'a str,
    },
    /// A browser exchanged the token for its session.
    SignedIn,
    /// A request had a wrong token.
    WrongToken,
    /// Another user of the machine connected to the port, and was refused.
    OtherUser {
        /// The user's id; `None` if it is not known.
        uid: Option<u32>,
    },
    /// The limit for locked memory is too small, so that the system may write values to swap. It is
    /// reported once.
    MayBeSwapped,
    /// A member changed the registry.
    Changed {
        /// The acting member.
        member: &'a Name,
        /// The change, in words.
        change: &'a str,
    },
}

/// Receives notices.
pub type EventSink = Arc<dyn Fn(Event<'_>) + Send + Sync>;
