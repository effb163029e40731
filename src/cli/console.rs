//! `hushlog console`: the registry's page in a browser.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use hushlog::console::{self, ConsoleError, Entrance, Event, Renewals, Setup};

use super::exit::Exit;
use super::message::{self, Failure, path_text, reason};
use super::opener::Opener;
use super::registry::{ChangeArgs, signing_key};
use super::{check, console_input, harden, stdio, value};

/// The address without --listen: any free port.
const ANY_PORT: &str = "127.0.0.1:0";

/// Arguments of `console`.
#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    change: ChangeArgs,

    /// Listen at this address, which must be on loopback [default: 127.0.0.1, any free port]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "unix")]
    listen: Option<String>,

    /// Listen at this path, for a proxy on this machine that signs people in
    ///
    /// The mode of the socket is 0600; in a directory with the setgid bit, 0660 with the group of
    /// the directory. Everyone who can connect can act as every member.
    #[arg(long, value_name = "SOCKET", requires = "user_header", conflicts_with = "member")]
    unix: Option<PathBuf>,

    /// Act as the member that this header of each request names
    ///
    /// The proxy sets it, and drops it from the requests that it receives.
    #[arg(long, value_name = "NAME", requires = "unix")]
    user_header: Option<String>,

    /// Open no browser
    #[arg(long, overrides_with = "no_open")]
    no_open: bool,
}

/// Serves the page until it is stopped.
pub(crate) fn run(args: &ConsoleArgs) -> Result<Exit, Failure> {
    harden::lock_memory();
    // Its errors are shown here, and not first in the browser.
    args.change.registry.load()?;
    let entrance = entrance(args)?;
    let place = match &entrance {
        Entrance::Loopback { address, .. } => address.to_string(),
        Entrance::Unix { path, .. } => path_text(path),
    };
    let opener: Arc<Mutex<Option<Opener>>> = Arc::default();
    let (keep, path, opens) = (Arc::clone(&opener), place.clone(), !args.no_open);
    let renewals = Renewals::default();
    let has_input = matches!(entrance, Entrance::Loopback { .. }) && console_input::watch(&renewals);
    let emit = Arc::new(move |event: Event<'_>| say(event, &path, has_input, opens, &keep));
    let setup = Setup {
        registry: args.change.registry.path()?,
        trust: args.change.registry.trust.clone(),
        key: signing_key(args.change.sign.as_deref())?,
        entrance,
        check: Arc::new(check::ask),
        emit,
        renewals,
    };
    console::run(setup).map_err(|error| failure(&error, &place))?;
    Ok(Exit::Done)
}

fn entrance(args: &ConsoleArgs) -> Result<Entrance, Failure> {
    if let (Some(path), Some(user_header)) = (&args.unix, &args.user_header) {
        return Ok(Entrance::Unix { path: path.clone(), user_header: user_header.clone() });
    }
    let address: SocketAddr = args.listen.as_deref().unwrap_or(ANY_PORT).parse().map_err(|_| {
        Failure::config("the value of --listen is not an address with a port")
            .hint("for example --listen 127.0.0.1:8080")
    })?;
    if !address.ip().is_loopback() {
        return Err(Failure::config("--listen takes an address on loopback only: the console has no TLS")
            .hint("for other machines, put a proxy with TLS before --unix SOCKET --user-header NAME"));
    }
    Ok(Entrance::Loopback { address, member: args.change.member()? })
}

fn failure(error: &ConsoleError, place: &str) -> Failure {
    match error {
        ConsoleError::Listen(error) => {
            Failure::config(format!("cannot listen at {place}: {}", reason(error))).hint("choose another address")
        }
        ConsoleError::Header => Failure::config("the value of --user-header is not the name of a header")
            .hint("for example --user-header X-Forwarded-User"),
        ConsoleError::Begin(error) => Failure::io(format!("cannot begin: {}", reason(error))),
        error => Failure::io(error.to_string()),
    }
}

/// Prints the address, opens a browser, and logs changes. A log has names, and no value.
fn say(event: Event<'_>, path: &str, has_input: bool, opens: bool, opener: &Mutex<Option<Opener>>) {
    let mut opener = opener.lock().unwrap_or_else(PoisonError::into_inner);
    let mut show = |address: &str| {
        // A closed standard output must not end the console.
        let _ = stdio::print(format!("{address}\n").as_bytes());
        // The file of the last address has the same name.
        *opener = None;
        *opener = if opens { Opener::open(address) } else { None };
    };
    match event {
        Event::Ready { address: Some(address) } => {
            let another = if has_input { "Enter" } else { "SIGUSR1" };
            show(address);
            message::summary(&format!("the address works once, {another} prints another one; Ctrl-C ends the console"));
        }
        Event::Renewed { address } => {
            show(address);
            message::summary("the address works once, and ends the session of another browser");
        }
        Event::Ready { address: None } => message::summary(&format!("the console listens at {path}")),
        Event::SignedIn => {
            *opener = None;
            message::note("a browser has signed in");
        }
        Event::WrongToken => message::warning("a request had a wrong token"),
        Event::OtherUser { uid: Some(uid) } => {
            message::warning(&format!("another user of this machine (uid {uid}) tried to connect"));
        }
        Event::OtherUser { uid: None } => message::warning("a connection of an unknown user was refused"),
        Event::MayBeSwapped => value::warn_of_swap(),
        Event::Changed { member, change } => message::note(&format!("{member} {change}")),
        _ => {}
    }
}
