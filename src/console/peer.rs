//! The user at the other end of a loopback connection.
//!
//! Every user of the machine can connect to a port on loopback, and browsers send a cookie to every
//! port of a host: a page that another user serves on another port can read the console's cookie
//! from the requests that the browser sends there. So a cookie is not enough. The kernel lists the
//! user of each connection in `/proc/net/tcp`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::sys::input::Input;

/// The largest list, in bytes.
const LIST_LEN_MAX: u64 = 16 << 20;

/// The user at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The list has the connection, with this user.
    User(u32),
    /// The list has no open connection with these ends.
    Gone,
    /// There is no list.
    Unknown,
}

/// Finds the user of the socket at `peer`, which is connected to `local`.
pub(super) fn user(peer: SocketAddr, local: SocketAddr) -> Peer {
    let path = if peer.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let Some(list) = read(path) else { return Peer::Unknown };
    let ends = format!("{} {} ", end(peer), end(local));
    // sl: local remote state queues timer retransmissions uid timeout inode ...
    let line = list.lines().filter_map(|line| line.split_once(": ")).find_map(|(_, line)| line.strip_prefix(&ends));
    let mut fields = line.unwrap_or_default().split_ascii_whitespace();
    let (state, user, inode) = (fields.next(), fields.nth(3), fields.nth(1));
    match user.and_then(|user| user.parse().ok()) {
        // A socket that its process has closed has no inode, and root as its user.
        Some(user) if state == Some("01") && inode != Some("0") => Peer::User(user),
        _ => Peer::Gone,
    }
}

/// An end of a connection as the list has it: the words of the address in the machine's order of
/// bytes, and the port.
fn end(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.chunks_exact(4) {
        // Writing to a text does not fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

fn read(path: &str) -> Option<String> {
    use std::io::Read;
    let mut list = String::new();
    let file = Input::find(path.as_ref()).and_then(Input::open).ok()?;
    file.take(LIST_LEN_MAX).read_to_string(&mut list).ok()?;
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_user_of_a_connection_is_known() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let local = listener.local_addr().expect("an address");
            let client = TcpStream::connect(local).expect("it listens");
            let peer = client.local_addr().expect("an address");
            let own = rustix::process::geteuid().as_raw();
            assert_eq!(user(peer, local), Peer::User(own), "{address}");
            assert_eq!(user(local, local), Peer::Gone);
            drop(client);
            assert_eq!(user(peer, local), Peer::Gone, "a closed connection has no user");
        }
    }
}
