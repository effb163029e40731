//! Connections that outlive their sidecar in a service manager's descriptor store; the test plays
//! the manager.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::Signal;

use crate::sidecar::{MASK, Place, Sidecar, VALUE, until};

const UNIX: &str = "name: app, source: { unix: DIR/app }, sink: { file: DIR/out }";
/// The length from which a piece of a secret reveals too much: half of it.
const PIECE_LEN: usize = VALUE.len().div_ceil(2);
/// The manager's limit of descriptors.
const KEPT_MAX: usize = 100;

/// The manager's descriptors and messages.
#[derive(Default)]
struct Has {
    kept: BTreeMap<String, OwnedFd>,
    stored: usize,
    removed: Vec<String>,
}

/// A service manager as a sidecar sees it. It ends with the test.
struct Manager {
    socket: PathBuf,
    has: Arc<Mutex<Has>>,
    /// It does not read its messages.
    is_asleep: Arc<AtomicBool>,
    is_gone: Arc<AtomicBool>,
}

impl Manager {
    /// Forwards unknown messages to the place's notification socket.
    fn new(place: &Place) -> Manager {
        let (socket, notices) = (place.path("manager"), place.path("notify"));
        let told = UnixDatagram::bind(&socket).expect("room");
        told.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out can be set");
        let manager = Manager { socket, has: Arc::default(), is_asleep: Arc::default(), is_gone: Arc::default() };
        let (has, is_asleep, is_gone) =
            (Arc::clone(&manager.has), Arc::clone(&manager.is_asleep), Arc::clone(&manager.is_gone));
        std::thread::spawn(move || {
            while !is_gone.load(SeqCst) {
                if is_asleep.load(SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                } else if let Some((text, fd)) = receive(&told) {
                    has.lock().expect("nobody panics with it").take(text, fd, &notices);
                }
            }
        });
        manager
    }

    fn kept(&self) -> usize {
        self.has.lock().expect("nobody panics with it").kept.len()
    }

    /// Copies of all descriptors for the next sidecar: like systemd, the manager keeps its own.
    fn copies(&self) -> Vec<(String, OwnedFd)> {
        let has = self.has.lock().expect("nobody panics with it");
        has.kept.iter().map(|(name, fd)| (name.clone(), fd.try_clone().expect("a descriptor"))).collect()
    }

    /// Starts a sidecar with the stored descriptors, after these sockets.
    fn start(&self, place: Place, config: &Path, sockets: &[&OwnedFd]) -> Sidecar {
        let listening =
            sockets.iter().map(|socket| ("app.socket".to_owned(), socket.try_clone().expect("a descriptor")));
        let (names, passed): (Vec<String>, Vec<OwnedFd>) = listening.chain(self.copies()).unzip();
        place.start_as(config, |command| {
            let script = format!(
                "LISTEN_PID=$$ LISTEN_FDS={} LISTEN_FDNAMES={} FDSTORE={KEPT_MAX} NOTIFY_SOCKET={} exec \"$@\"",
                passed.len(),
                names.join(":"),
                self.socket.display()
            );
            let mut shell = Command::new("bash");
            shell.args(["-c", &script, "manager"]).arg(command.get_program()).args(command.get_args()).env_clear();
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            pass(&mut shell, passed);
            *command = shell;
        })
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.is_gone.store(true, SeqCst);
    }
}

impl Has {
    fn take(&mut self, text: String, fd: Option<OwnedFd>, notices: &Path) {
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).map(str::to_owned);
        match (text.lines().next(), name, fd) {
            (Some("FDSTORE=1"), Some(name), Some(fd)) => {
                assert!(text.contains("\nFDPOLL=0\n"), "it would be let go with what is in it");
                self.stored += 1;
                assert!(self.kept.insert(name, fd).is_none(), "two of one name");
            }
            (Some("FDSTOREREMOVE=1"), Some(name), None) => {
                drop(self.kept.remove(&name));
                self.removed.push(name);
            }
            _ => drop(UnixDatagram::unbound().and_then(|socket| socket.send_to(text.as_bytes(), notices))),
        }
    }
}

/// A message and its descriptor.
fn receive(from: &UnixDatagram) -> Option<(String, Option<OwnedFd>)> {
    let (mut text, mut room) = ([0; 4096], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))]);
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let told = recvmsg(from, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    let mut fds = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let fd = fds.next();
    assert!(fds.next().is_none(), "one each");
    Some((String::from_utf8(text[..told.bytes].to_vec()).expect("text"), fd))
}

/// Passes these descriptors, numbered from 3, to the command's process and to no other.
fn pass(command: &mut Command, passed: Vec<OwnedFd>) {
    const ASIDE: i32 = 500;
    let dup = |from: i32, to: i32, flags: i32| {
        // SAFETY: the call takes integers only; in the child, nothing else uses these descriptors.
        let duplicated = unsafe { libc::dup3(from, to, flags) };
        if duplicated < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    let all = move || {
        let numbers = || (0_i32..).zip(&passed);
        numbers().try_for_each(|(number, fd)| dup(fd.as_raw_fd(), ASIDE + number, libc::O_CLOEXEC))?;
        numbers().try_for_each(|(number, _)| dup(ASIDE + number, 3 + number, 0))
    };
    // SAFETY: between fork and exec, it makes only system calls.
    unsafe { command.pre_exec(all) };
}

/// Ends a sidecar, and returns its place for the next one.
fn end(mut sidecar: Sidecar, signal: Signal) -> Place {
    if signal == Signal::TERM {
        sidecar.stop();
    } else {
        sidecar.signal(signal);
        let _ = sidecar.child.wait();
    }
    sidecar.into_place()
}

fn has_read(sidecar: &Sidecar, len: usize) {
    until("all was read", || sidecar.status()["streams"][0]["bytes_in"] == len);
}

/// Whether the output shows a piece of the secret that reveals too much.
fn shows(out: &str) -> bool {
    VALUE.as_bytes().windows(PIECE_LEN).any(|piece| out.as_bytes().windows(PIECE_LEN).any(|shown| shown == piece))
}

/// The lines of the output, sorted, because connections are concurrent.
fn lines(place: &Place) -> Vec<String> {
    let mut lines: Vec<String> =
        fs::read_to_string(place.path("out")).unwrap_or_default().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn writers_survive_a_restart_and_a_kill_without_loss() {
    let mut place = Place::new();
    let manager = Manager::new(&place);
    let (unix, tcp) = (UnixListener::bind(place.path("app")).expect("room"), TcpListener::bind("127.0.0.1:0"));
    let tcp = tcp.expect("a port");
    let address = tcp.local_addr().expect("it has one");
    let net = format!("name: net, source: {{ tcp: \"{address}\" }}, sink: {{ file: DIR/out }}");
    let config = place.streams(&[UNIX, &net]);
    let mut sidecar =
        manager.start(place, &config, &[&unix.try_clone().expect("one").into(), &tcp.try_clone().expect("one").into()]);
    let mut writers: Vec<Box<dyn Write>> = vec![
        Box::new(sidecar.connect("app")),
        Box::new(TcpStream::connect(address).expect("it listens")),
        Box::new(sidecar.connect("app")),
    ];
    let mut wanted = Vec::new();
    let write = |writers: &mut Vec<Box<dyn Write>>, when: &str, wanted: &mut Vec<String>| {
        for (number, writer) in writers.iter_mut().enumerate() {
            writer.write_all(format!("{when} {number} {VALUE}\n").as_bytes()).expect("nobody hangs up");
            wanted.push(format!("{when} {number} {MASK}"));
        }
        wanted.sort_unstable();
    };
    for (round, signal) in [Signal::TERM, Signal::KILL, Signal::KILL, Signal::TERM].into_iter().enumerate() {
        write(&mut writers, &format!("{round} at work"), &mut wanted);
        until("each line is out once", || lines(sidecar.place()) == wanted);
        until("all are kept", || manager.kept() == writers.len());
        place = end(sidecar, signal);
        write(&mut writers, &format!("{round} away"), &mut wanted);
        sidecar = manager.start(
            place,
            &config,
            &[&unix.try_clone().expect("one").into(), &tcp.try_clone().expect("one").into()],
        );
        write(&mut writers, &format!("{round} back"), &mut wanted);
        until("each line is out once", || lines(sidecar.place()) == wanted);
        let status = fs::read_to_string(format!("/proc/{}/status", sidecar.child.id())).expect("it runs");
        assert!(status.contains("\nSeccomp:\t2\n") || sidecar.said().contains("no seccomp"), "{}", sidecar.said());
    }
    assert_eq!((manager.kept(), manager.has.lock().expect("nobody panics").stored), (3, 3), "each was sent once");
    drop(writers);
    until("none is kept any more", || manager.kept() == 0);
    sidecar.stop();
    assert_eq!(lines(sidecar.place()), wanted);
}

/// One connection for each position at which the secret can be cut: the first half is sent before
/// the sidecar ends, the second half after that.
fn cut_everywhere(signal: Signal, rest: impl Fn(usize) -> String) -> Vec<String> {
    let place = Place::new();
    let manager = Manager::new(&place);
    let listener: OwnedFd = UnixListener::bind(place.path("app")).expect("room").into();
    let config = place.streams(&[UNIX]);
    let sidecar = manager.start(place, &config, &[&listener]);
    let connect = |number| {
        let writer = sidecar.connect("app");
        // The sidecar does not wait for a slow manager.
        until("it is kept", || manager.kept() == number);
        writer
    };
    let mut writers: Vec<UnixStream> = (1..VALUE.len()).map(connect).collect();
    let mut len = 0;
    for (cut, writer) in (1..).zip(&mut writers) {
        let text = format!("{cut:02} begins\n{}", &VALUE[..cut]);
        writer.write_all(text.as_bytes()).expect("it reads");
        len += text.len();
    }
    has_read(&sidecar, len);
    until("what is finished is out", || lines(sidecar.place()).len() == writers.len());
    let sidecar = manager.start(end(sidecar, signal), &config, &[&listener]);
    for (cut, writer) in (1..).zip(&mut writers) {
        // In two pieces, of which the first alone reveals nothing.
        let (one, two) = VALUE[cut..].split_at((VALUE.len() - cut) / 2);
        writer.write_all(one.as_bytes()).expect("it is kept");
        std::thread::sleep(Duration::from_millis(2));
        writer.write_all(format!("{two} {cut:02} ends {VALUE}\n").as_bytes()).expect("it is kept");
    }
    until("all ends are out", || {
        lines(sidecar.place()).iter().filter(|line| line.contains(" ends ")).count() == writers.len()
    });
    let all = lines(sidecar.place());
    assert!(!shows(&all.join("\n")), "{all:?}");
    for cut in 1..VALUE.len() {
        let line = format!("{} {cut:02} ends {MASK}", rest(cut));
        assert!(all.contains(&line), "{line} is not in {all:?}");
    }
    drop(writers);
    until("none is kept any more", || manager.kept() == 0);
    end(sidecar, Signal::TERM);
    all
}

#[test]
fn the_rest_of_a_secret_that_a_restart_cuts_does_not_show() {
    // The next sidecar knows how much was emitted, and masks the rest, however short.
    let all = cut_everywhere(Signal::TERM, |_| MASK.to_owned());
    for cut in 1..VALUE.len() {
        let partial = if cut < PIECE_LEN { VALUE[..cut].to_owned() } else { MASK.to_owned() };
        assert!(all.contains(&partial), "{partial} is not in {all:?}");
    }
}

#[test]
fn the_rest_of_a_secret_that_a_death_cuts_does_not_show() {
    // Its beginning was held back and is lost with the sidecar: only a few bytes of the end show.
    let rest = |cut: usize| if VALUE.len() - cut < PIECE_LEN { VALUE[cut..].to_owned() } else { MASK.to_owned() };
    let all = cut_everywhere(Signal::KILL, rest);
    assert_eq!(all.len(), 2 * (VALUE.len() - 1), "{all:?}");
}

#[test]
fn a_secret_that_several_restarts_cut_does_not_show() {
    let mut place = Place::new();
    let manager = Manager::new(&place);
    let listener: OwnedFd = UnixListener::bind(place.path("app")).expect("room").into();
    let config = place.streams(&[UNIX]);
    let mut writer: Option<UnixStream> = None;
    for piece in VALUE.as_bytes().chunks(5).chain([&b" end\n"[..]]) {
        let sidecar = manager.start(place, &config, &[&listener]);
        let writer = writer.get_or_insert_with(|| sidecar.connect("app"));
        writer.write_all(piece).expect("it is kept");
        has_read(&sidecar, piece.len());
        place = end(sidecar, Signal::TERM);
    }
    let out = fs::read_to_string(place.path("out")).expect("a file");
    let shown: String = out.replace(MASK, "").replace([' ', '\n'], "").replace("end", "");
    assert!(VALUE.starts_with(&shown) && shown.len() < PIECE_LEN, "{out}");
    assert!(out.ends_with(" end\n"), "{out}");
}

#[test]
fn the_last_bytes_are_read_after_the_writer_has_gone() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let listener: OwnedFd = UnixListener::bind(place.path("app")).expect("room").into();
    let config = place.streams(&[UNIX]);
    let sidecar = manager.start(place, &config, &[&listener]);
    let mut writer = sidecar.connect("app");
    writer.write_all(b"first\n").expect("it reads");
    sidecar.file_is("out", "first\n");
    until("it is kept", || manager.kept() == 1);
    let place = end(sidecar, Signal::KILL);
    writer.write_all(format!("last words {VALUE}").as_bytes()).expect("it is kept");
    drop(writer);
    let mut sidecar = manager.start(place, &config, &[&listener]);
    sidecar.file_is("out", &format!("first\nlast words {MASK}\n"));
    until("it is not kept any more", || manager.kept() == 0);
    // A writer that has sent everything, and waits for the peer to close.
    let mut writer = sidecar.connect("app");
    writer.write_all(b"all\n").expect("it reads");
    until("it is kept", || manager.kept() == 1);
    writer.shutdown(std::net::Shutdown::Write).expect("it is open");
    writer.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    assert_eq!(writer.read(&mut [0; 1]).expect("it ends"), 0);
    until("it is not kept any more", || manager.kept() == 0);
    sidecar.stop();
}

/// Its local address may be in the private directory in which the socket was made.
#[test]
fn a_connection_to_a_socket_of_ours_is_resumed_by_its_name() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let config = place.streams(&[UNIX]);
    let sidecar = manager.start(place, &config, &[]);
    let mut writer = sidecar.connect("app");
    writer.write_all(b"first\n").expect("it reads");
    until("it is kept", || manager.kept() == 1);
    sidecar.file_is("out", "first\n");
    let place = end(sidecar, Signal::KILL);
    fs::rename(place.path("app"), place.path("moved")).expect("it is there");
    let mut sidecar = manager.start(place, &config, &[]);
    writer.write_all(format!("second {VALUE}\n").as_bytes()).expect("it is kept");
    sidecar.file_is("out", &format!("first\nsecond {MASK}\n"));
    drop(writer);
    until("it is not kept any more", || manager.kept() == 0);
    sidecar.stop();
}

#[test]
fn a_manager_that_does_not_read_keeps_nobody_waiting() {
    const COUNT: usize = 150;
    let place = Place::new();
    let manager = Manager::new(&place);
    let config = place.streams(&[UNIX]);
    let mut sidecar = manager.start(place, &config, &[]);
    manager.is_asleep.store(true, SeqCst);
    let mut writers: Vec<UnixStream> = (0..COUNT).map(|_| sidecar.connect("app")).collect();
    for round in 1..3 {
        writers.iter_mut().for_each(|writer| writer.write_all(format!("{VALUE}\n").as_bytes()).expect("it reads"));
        until("all lines are out", || lines(sidecar.place()).len() == round * COUNT);
    }
    // Until the sidecar would store connections that live longer than a moment.
    std::thread::sleep(Duration::from_millis(200));
    drop(writers);
    until("they are closed", || sidecar.status()["streams"][0]["open"] == 0);
    // Stored connections are removed as soon as it reads again.
    manager.is_asleep.store(false, SeqCst);
    until("none is kept any more", || {
        let has = manager.has.lock().expect("nobody panics with it");
        has.stored > 0 && has.stored <= KEPT_MAX && has.removed.len() == has.stored && has.kept.is_empty()
    });
    assert!(!shows(&lines(sidecar.place()).join("\n")));
    sidecar.stop();
}

#[test]
fn a_connection_of_no_stream_is_closed_and_reported() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let docker = "name: box, source: { unix: DIR/box }, sink: { file: DIR/box.out }, format: docker";
    let config = place.streams(&[UNIX, docker]);
    let mut peers: Vec<UnixStream> = ["other", "box"]
        .map(|name| {
            let listener = UnixListener::bind(place.path(name)).expect("room");
            let peer = UnixStream::connect(place.path(name)).expect("it listens");
            let accepted = listener.accept().expect("it has connected").0.into();
            manager.has.lock().expect("nobody panics with it").kept.insert(name.to_owned(), accepted);
            fs::remove_file(place.path(name)).expect("it is there");
            peer
        })
        .into();
    peers.iter_mut().for_each(|peer| peer.write_all(VALUE.as_bytes()).expect("room"));
    let other = place.path("other");
    let mut sidecar = manager.start(place, &config, &[]);
    until("none is kept any more", || manager.kept() == 0);
    sidecar.says(&format!("{} is a connection, and was closed: no plain stream", other.display()));
    for peer in &mut peers {
        peer.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
        assert!(peer.read(&mut [0; 1]).is_ok_and(|len| len == 0) || peer.write_all(b"more").is_err());
    }
    // Container records cannot be assembled from the middle of one.
    let mut records = sidecar.connect("box");
    records
        .write_all(b"{\"log\":\"text\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n")
        .expect("it reads");
    sidecar.file_has("box.out", "text");
    sidecar.send("app", "as ever\n");
    sidecar.file_is("out", "as ever\n");
    sidecar.stop();
    // Neither is a connection that sent a line and disconnected.
    assert_eq!(manager.has.lock().expect("nobody panics with it").stored, 0);
}
