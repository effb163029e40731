//! The sidecar's sockets and FIFOs under hostile clients (docs/faults.md, D10 to D13).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program;
use crate::program::session::needs;
use crate::sidecar::{MASK, PATIENCE, Place, Reader, Sidecar, VALUE, until};

const UNIX: &str = "name: app, source: { unix: DIR/app }, sink: { file: DIR/out }";

/// Starts a sidecar that should refuse to start, and returns its messages.
fn refused(place: &Place, config: &std::path::Path) -> String {
    let mut command = program::hushlog(["sidecar", "--config"]);
    let ran = program::run_within(command.arg(config), b"", PATIENCE).ends(2);
    assert!(!place.path("control").exists() || place.path("control").is_dir());
    ran.err()
}

#[test]
fn each_connection_is_a_stream_of_its_own() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let (mut one, mut two) = (sidecar.connect("app"), sidecar.connect("app"));
    // Halves of a secret on two connections are no secret; on one connection they are.
    one.write_all(b"one sk-live-").expect("it reads");
    two.write_all(b"two 4f9QzXabc\n").expect("it reads");
    sidecar.file_is("out", "two 4f9QzXabc\n");
    one.write_all(b"4f9QzXabc end\nno end").expect("it reads");
    drop(one);
    sidecar.file_is("out", &format!("two 4f9QzXabc\none {MASK} end\nno end\n"));
    sidecar.stop();
    assert!(!sidecar.path("app").exists() && !sidecar.path("control").exists(), "its sockets go with it");
}

#[test]
fn a_stream_of_utf_16_is_warned_about_once() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let text: Vec<u8> = format!("\u{feff}{VALUE}\n").encode_utf16().flat_map(u16::to_be_bytes).collect();
    for _ in 0..3 {
        sidecar.connect("app").write_all(&text).expect("it reads");
    }
    until("all are out", || {
        fs::read(sidecar.path("out")).is_ok_and(|out| String::from_utf8_lossy(&out).matches(MASK).count() == 3)
    });
    sidecar.says("the stream app: the text is UTF-16");
    assert_eq!(sidecar.said().matches("UTF-16:").count(), 1);
    sidecar.stop();
}

/// A syslog message behind its length.
fn message(text: &str) -> String {
    format!("{} <13>{text}", text.len() + 4)
}

#[test]
fn messages_with_lengths_get_new_lengths() {
    let place = Place::new();
    let declared =
        "name: declared, format: octet-counted, source: { unix: DIR/declared }, sink: { file: DIR/of-declared }";
    let config = place.streams(&[UNIX, declared]);
    let mut sidecar = place.start(&config);
    let (first, second) = (message(&format!("a {VALUE}")), message("second"));
    let (masked, half) = (message(&format!("a {MASK}")), &second[..second.len() - 2]);
    // One waits for the next, and the last for the end of the connection.
    let mut connection = sidecar.connect("app");
    connection.write_all((first.clone() + half).as_bytes()).expect("it reads");
    sidecar.file_is("out", &masked);
    connection.write_all(b"nd").expect("it reads");
    drop(connection);
    sidecar.file_is("out", &format!("{masked}{second}"));
    sidecar.send("app", &first);
    sidecar.file_is("out", &format!("{masked}{second}{masked}"));
    // A declared one waits for nothing.
    let mut connection = sidecar.connect("declared");
    connection.write_all(first.as_bytes()).expect("it reads");
    sidecar.file_is("of-declared", &masked);
    // The stream ceases to be messages.
    connection.write_all(format!("{first}and {VALUE}\nno end").as_bytes()).expect("it reads");
    sidecar.file_is("of-declared", &format!("{masked}{masked}and {MASK}\n"));
    sidecar.says("the stream declared: the text is no more messages with their lengths");
    drop(connection);
    sidecar.file_is("of-declared", &format!("{masked}{masked}and {MASK}\nno end\n"));
    sidecar.stop();
}

/// A piece of a container's output, as Docker's API multiplexes it.
fn piece(stream: u8, text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("a short text");
    [&[stream, 0, 0, 0][..], &len.to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn the_outputs_of_a_container_get_new_lengths() {
    let place = Place::new();
    let declared = "name: declared, format: docker-stream, release: exact, source: { unix: DIR/declared }, \
                    sink: { file: DIR/of-declared }";
    let config = place.streams(&[UNIX, declared]);
    let mut sidecar = place.start(&config);
    let ((begin, end), sidecar_dir) = (VALUE.split_at(VALUE.len() / 2), sidecar.path(""));
    let is = |file: &str, wanted: &[&[u8]]| {
        let (path, wanted) = (sidecar_dir.join(file), wanted.concat());
        until("all are out", || fs::read(&path).is_ok_and(|out| out == wanted));
    };
    let mut connection = sidecar.connect("app");
    connection.write_all(&[piece(1, &format!("a {begin}")), piece(2, "between\n")].concat()).expect("it reads");
    is("out", &[&piece(2, "between\n")]);
    connection.write_all(&piece(1, &format!("{end}\n"))).expect("it reads");
    is("out", &[&piece(2, "between\n"), &piece(1, &format!("a {MASK}\n"))]);
    drop(connection);
    // A set that comes later, and a stream that ceases to be pieces.
    let mut connection = sidecar.connect("declared");
    connection.write_all(&piece(1, "a late-val")).expect("it reads");
    is("of-declared", &[&piece(1, "a late-val")]);
    connection.write_all(&piece(1, &format!(" {begin}"))).expect("it reads");
    is("of-declared", &[&piece(1, "a late-val"), &piece(1, " ")]);
    sidecar.ask(&["add", "B"], "late-value-77").ends(0);
    connection.write_all(&piece(1, &format!("{end} late-val"))).expect("it reads");
    let masked = piece(1, &format!("{MASK} "));
    is("of-declared", &[&piece(1, "a late-val"), &piece(1, " "), &masked]);
    connection.write_all(b"ue-77, no piece\n").expect("it reads");
    is("of-declared", &[&piece(1, "a late-val"), &piece(1, " "), &masked, b"[REDACTED:B], no piece\n"]);
    sidecar.says("the stream declared: the text is no more messages with their lengths");
    sidecar.stop();
}

/// A message that waits is searched with a set that came later.
#[test]
fn a_message_that_waits_is_searched_with_a_new_set() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let mut connection = sidecar.connect("app");
    connection.write_all(message("a late-value-77").as_bytes()).expect("it reads");
    sidecar.ask(&["add", "B"], "late-value-77").ends(0);
    connection.write_all(message("late-value-77").as_bytes()).expect("it reads");
    drop(connection);
    sidecar.file_is("out", &(message("a [REDACTED:B]") + &message("[REDACTED:B]")));
    sidecar.stop();
}

#[test]
fn d10_after_half_a_frame_the_others_are_served() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    for _ in 0..200 {
        let mut half = sidecar.connect("app");
        half.write_all(b"sk-li").expect("it reads");
        half.shutdown(Shutdown::Both).expect("it is open");
    }
    sidecar.send("app", &format!("{VALUE}\n"));
    let out = sidecar.file_has("out", MASK);
    until("all ends are out", || {
        fs::read_to_string(sidecar.path("out")).expect("a file").matches("sk-li\n").count() == 200
    });
    assert!(!out.contains(VALUE));
    // And half a request at the control socket.
    let mut asking = UnixStream::connect(sidecar.path("control")).expect("it listens");
    asking.write_all(b"add NAME 100\nhalf").expect("it reads");
    drop(asking);
    sidecar.ask(&["reload"], "").ends(0);
    sidecar.stop();
}

#[test]
fn d10_beside_thousands_of_idle_connections_others_are_served() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    sidecar.send("app", "first\n");
    sidecar.file_is("out", "first\n");
    let (before, descriptors) = (sidecar.resident_kib(), sidecar.descriptors());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("up to the hard limit");
    let count = limit.maximum.map_or(5_000, |most| (most as usize).saturating_sub(500).min(5_000));
    let mut idle: Vec<UnixStream> = Vec::new();
    for n in 0..count {
        let mut connection = sidecar.connect("app");
        // Some have begun a secret, some a line.
        let begin: &[u8] = [&b""[..], b"sk-live-4f", b"begun "][n % 3];
        connection.write_all(begin).expect("it reads");
        idle.push(connection);
    }
    until("they are open", || sidecar.status()["streams"][0]["open"] == count);
    sidecar.send("app", &format!("{VALUE} is served\n"));
    sidecar.file_has("out", &format!("{MASK} is served\n"));
    let each = (sidecar.resident_kib() - before) * 1024 / count as u64;
    assert!(each < 16 << 10, "{each} bytes each");
    drop(idle);
    until("they are closed", || sidecar.descriptors() <= descriptors + 2);
    let out = sidecar.file_has("out", "begun");
    assert!(!out.contains(VALUE));
    sidecar.stop();
}

/// Reads to the end; returns the number of `x`, and the text without them.
fn count_x(mut from: UnixStream) -> std::thread::JoinHandle<(u64, String)> {
    std::thread::spawn(move || {
        let (mut count, mut rest, mut buffer) = (0, Vec::new(), vec![0; 256 << 10]);
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let before = rest.len();
            rest.extend(buffer[..len].iter().filter(|byte| **byte != b'x'));
            count += (len - (rest.len() - before)) as u64;
        }
        (count, String::from_utf8(rest).expect("text was written"))
    })
}

#[test]
fn d10_a_frame_of_a_gigabyte_and_clients_of_a_byte_a_second() {
    const PIECES: u64 = 1 << 10;
    let place = Place::new();
    let listener = UnixListener::bind(place.path("sink")).expect("room");
    let config = place.streams(&[UNIX, "name: endless, source: { unix: DIR/endless }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    let counted = count_x(listener.accept().expect("it connects").0);
    let (begun, rest) = VALUE.split_at(VALUE.len() - 4);
    let mut slow: Vec<UnixStream> = (0..50).map(|_| sidecar.connect("app")).collect();
    slow.iter_mut().for_each(|slow| slow.write_all(format!("slow {begun}").as_bytes()).expect("it reads"));
    // And some that have disconnected in the middle.
    (0..50).for_each(|_| sidecar.send("app", "sk-li"));
    let before = sidecar.resident_kib();
    let (mut endless, begin) = (sidecar.connect("endless"), VALUE.len().div_ceil(2));
    let writer = std::thread::spawn(move || {
        let mut piece = vec![b'x'; 1 << 20];
        // A secret crosses each piece boundary.
        let end = piece.len() - begin;
        piece[end..].copy_from_slice(&VALUE.as_bytes()[..begin]);
        piece[..VALUE.len() - begin].copy_from_slice(&VALUE.as_bytes()[begin..]);
        (0..PIECES).for_each(|_| endless.write_all(&piece).expect("it reads"));
    });
    let (start, mut most, mut served) = (Instant::now(), before, 0);
    let (mut sent, mut expected) = (0, (0..50).map(|_| "sk-li\n").collect::<String>());
    sidecar.file_is("out", &expected);
    while !writer.is_finished() || sent < rest.len() {
        if sent < rest.len() && start.elapsed() >= Duration::from_secs(sent as u64) {
            slow.iter_mut().for_each(|slow| slow.write_all(&rest.as_bytes()[sent..=sent]).expect("it reads"));
            sent += 1;
        }
        // Other clients are served at the same time.
        sidecar.send("app", &format!("{served} {VALUE}\n"));
        expected.push_str(&format!("{served} {MASK}\n"));
        sidecar.file_is("out", &expected);
        served += 1;
        most = most.max(sidecar.resident_kib());
        std::thread::sleep(Duration::from_millis(20));
    }
    writer.join().expect("all was read");
    assert!(most < before + (16 << 10), "it took {} KiB more", most - before);
    drop(slow);
    expected.push_str(&format!("slow {MASK}\n").repeat(50));
    sidecar.file_is("out", &expected);
    println!("{} s, {served} lines of others, {} KiB more at most", start.elapsed().as_secs(), most - before);
    sidecar.stop();
    let (count, rest) = counted.join().expect("it ends");
    assert_eq!(count, PIECES * ((1 << 20) - VALUE.len() as u64), "bytes were lost");
    // The first piece begins, and the last one ends, with half a secret. The first half is not
    // recognizable; the last one is masked.
    let wanted = format!("{}{}\n", &VALUE[begin..], MASK.repeat(PIECES as usize));
    assert!(rest == wanted, "{} bytes came beside", rest.len());
}

#[test]
fn d11_a_foreign_file_at_the_path_of_a_socket_is_left_alone() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let at = place.path("app");
    fs::write(&at, "a file").expect("room");
    assert!(refused(&place, &config).contains("a file that is not a socket is there"));
    assert_eq!(fs::read_to_string(&at).expect("it is there"), "a file");
    fs::remove_file(&at).expect("it is there");

    symlink(place.path("elsewhere"), &at).expect("room");
    assert!(refused(&place, &config).contains("a file that is not a socket is there"));
    assert!(fs::symlink_metadata(&at).expect("it is there").file_type().is_symlink());
    assert!(!place.path("elsewhere").exists());
    fs::remove_file(&at).expect("it is there");

    let live = UnixListener::bind(&at).expect("room");
    assert!(refused(&place, &config).contains("another process listens there"));
    UnixStream::connect(&at).expect("it still listens");
    drop(live);
    // The remains of a killed sidecar are removed.
    let mut sidecar = place.start(&config);
    sidecar.send("app", "x\n");
    sidecar.file_is("out", "x\n");
    // If another one exists at the end, it stays.
    fs::remove_file(sidecar.path("app")).expect("it is there");
    let other = UnixListener::bind(sidecar.path("app")).expect("room");
    sidecar.stop();
    UnixStream::connect(sidecar.path("app")).expect("it still listens");
    drop(other);
}

#[test]
fn d11_the_same_for_datagrams_and_fifos() {
    let place = Place::new();
    let config = place.streams(&["name: log, source: { unix_datagram: DIR/log }, sink: { file: DIR/out }"]);
    let live = UnixDatagram::bind(place.path("log")).expect("room");
    assert!(refused(&place, &config).contains("another process listens there"));
    drop(live);
    let config = place.streams(&["name: pipe, source: { fifo: DIR/log }, sink: { file: DIR/out }"]);
    assert!(refused(&place, &config).contains("a socket is there"));
    assert!(fs::symlink_metadata(place.path("log")).expect("it is there").file_type().is_socket());
    fs::remove_file(place.path("log")).expect("it is there");
    fs::write(place.path("target"), "").expect("room");
    symlink(place.path("target"), place.path("log")).expect("room");
    refused(&place, &config);
}

/// All paths below a directory, each with its mode.
fn modes(below: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(below).expect("it is there").flatten() {
        let about = entry.path().symlink_metadata().expect("it is there");
        if about.is_dir() {
            found.extend(modes(&entry.path()));
        }
        found.insert(entry.path(), about.permissions().mode() & 0o7777);
    }
    found
}

#[test]
fn d12_all_that_it_makes_is_its_owners_alone_under_any_umask() {
    let place = Place::new();
    fs::create_dir(place.path("logs")).expect("room");
    fs::write(place.path("logs/a.log"), "").expect("room");
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nstate: DIR/made/state\nstreams:\n  - {{ {UNIX} }}\n  \
         - {{ name: log, source: {{ unix_datagram: DIR/log, mode: \"0666\" }}, sink: {{ file: DIR/out }} }}\n  \
         - {{ name: pipe, source: {{ fifo: DIR/pipe }}, sink: {{ unix: DIR/nobody, away: spool, spool: DIR/spool }} }}\n  \
         - {{ name: files, source: {{ files: DIR/logs/*.log }}, sink: {{ file: DIR/files.out, rotate_size: 8K, rotate_keep: 3 }} }}\n"
    ));
    fs::write(place.path("notify"), "").expect("room");
    let before = modes(&place.path("."));
    fs::remove_file(place.path("notify")).expect("it is there");
    let mut sidecar = place.start_as(&config, |command| {
        // SAFETY: umask is async-signal-safe, and touches no memory.
        unsafe {
            command.pre_exec(|| {
                rustix::process::umask(rustix::fs::Mode::empty());
                Ok(())
            })
        };
    });
    sidecar.send("app", "x\n");
    sidecar.file_is("out", "x\n");
    let mut pipe = OpenOptions::new().write(true).open(sidecar.path("pipe")).expect("it reads");
    pipe.write_all(format!("{VALUE}\n").as_bytes()).expect("it reads");
    until("it is spooled", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() > MASK.len() as u64));
    // Into a file for each, and one more.
    let log = sidecar.path("logs/a.log");
    for number in 0..5 {
        let mut log = OpenOptions::new().append(true).open(&log).expect("room");
        log.write_all(format!("{VALUE}\n").repeat(400).as_bytes()).expect("room");
        log.write_all(format!("end {number}\n").as_bytes()).expect("room");
        sidecar.file_has("files.out", &format!("end {number}\n"));
    }
    until("places were saved", || sidecar.path("made/state/checkpoints.json").exists());
    let mut made = modes(&sidecar.path("."));
    made.retain(|path, _| !before.contains_key(path));
    assert_eq!(made.remove(&sidecar.path("log")), Some(0o666), "as the configuration says");
    for name in ["app", "control", "pipe", "out", "spool", "files.out", "files.out.1", "files.out.3", "made/state/lock"]
    {
        assert!(made.contains_key(&sidecar.path(name)), "{name} was not made: {made:?}");
    }
    let open = made.iter().filter(|(path, mode)| **mode != if path.is_dir() { 0o700 } else { 0o600 });
    assert_eq!(open.collect::<Vec<_>>(), []);
    sidecar.stop();
}

#[test]
fn d13_other_users_are_refused_at_the_control_socket() {
    needs!("root", "python3");
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    // Opened up, as another process might do.
    for (path, mode) in [(sidecar.path("."), 0o755), (sidecar.path("control"), 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }
    let ask = "import socket,sys
s=socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try: s.sendall(sys.argv[2].encode()+b'\\n')
except BrokenPipeError: pass
print(s.recv(1000).decode())";
    for request in ["status", "reload", "canary", "add NAME 12"] {
        let mut command = program::script("exec python3 -c \"$@\"");
        command.args(["sh", ask]).arg(sidecar.path("control")).arg(request).uid(65_534).gid(65_534);
        let ran = program::run_within(&mut command, b"", PATIENCE);
        assert!(ran.out().starts_with("error only root"), "{request}: {} {}", ran.out(), ran.err());
    }
    assert_eq!(sidecar.status()["secrets"]["added"].as_array().expect("a list").len(), 0);
    sidecar.stop();
}

#[test]
fn datagrams_are_wholes() {
    let place = Place::new();
    let receiver = UnixDatagram::bind(place.path("receiver")).expect("room");
    receiver.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let config = place.streams(&[
        "name: log, source: { unix_datagram: DIR/log }, sink: { file: DIR/out }",
        "name: on, source: { unix_datagram: DIR/on }, sink: { unix_datagram: DIR/receiver }",
        "name: lines, source: { unix: DIR/lines }, sink: { unix_datagram: DIR/receiver }",
    ]);
    let mut sidecar = place.start(&config);
    let sender = UnixDatagram::unbound().expect("a socket");
    let long = format!("<13>{}{VALUE}", "x".repeat(100 << 10));
    for text in [&format!("<13>one {VALUE}"), "<13>half sk-live-4", "f9QzXabc", "<13>with a newline\n", "", &long] {
        sender.send_to(text.as_bytes(), sidecar.path("log")).expect("it receives");
    }
    let long_out = format!("<13>{}{MASK}\n", "x".repeat(100 << 10));
    // A datagram that ends within a secret, beyond its middle, has this partial match masked, like
    // a stream.
    sidecar.file_is("out", &format!("<13>one {MASK}\n<13>half {MASK}\nf9QzXabc\n<13>with a newline\n{long_out}"));
    let receive = || {
        let mut buffer = [0; 4096];
        let len = receiver.recv(&mut buffer).expect("something comes");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    sender.send_to(format!("two\nlines {VALUE}").as_bytes(), sidecar.path("on")).expect("it receives");
    assert_eq!(receive(), format!("two\nlines {MASK}"));
    sidecar.send("lines", &format!("a {VALUE}\nb\n\nc"));
    assert_eq!([receive(), receive(), receive(), receive()], [&format!("a {MASK}"), "b", "", "c"]);
    sidecar.stop();
}

#[test]
fn a_fifo_is_read_on_when_its_writers_have_gone() {
    let place = Place::new();
    let config = place.streams(&["name: pipe, source: { fifo: DIR/pipe }, sink: { file: DIR/out }"]);
    let mut sidecar = place.start(&config);
    let mut expected = String::new();
    for n in 0..20 {
        let mut writer = OpenOptions::new().write(true).open(sidecar.path("pipe")).expect("it reads");
        writer.write_all(format!("{n} {VALUE} no end").as_bytes()).expect("it reads");
        drop(writer);
        expected.push_str(&format!("{n} {MASK} no end\n"));
        sidecar.file_is("out", &expected);
    }
    // No reader: it waits, without spinning.
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", sidecar.child.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        fields[11].parse::<u64>().expect("ticks") + fields[12].parse::<u64>().expect("ticks")
    };
    let before = ticks();
    std::thread::sleep(Duration::from_millis(500));
    assert!(ticks() - before < 15, "it turns while it waits");
    sidecar.stop();
}

#[test]
fn tcp_on_loopback_goes_in_and_out() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("an address");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = free.local_addr().expect("an address");
    drop(free);
    let config = place.streams(&[&format!("name: net, source: {{ tcp: \"{from}\" }}, sink: {{ tcp: \"{to}\" }}")]);
    let mut sidecar = place.start(&config);
    let (came, _) = listener.accept().expect("it connects");
    let reader = Reader::of(came);
    let mut sender = TcpStream::connect(from).expect("it listens");
    sender.write_all(format!("one {VALUE}\ntwo").as_bytes()).expect("it reads");
    reader.becomes(&format!("one {MASK}\n"));
    drop(sender);
    reader.becomes(&format!("one {MASK}\ntwo\n"));
    sidecar.stop();
}

#[test]
fn a_fifo_as_a_sink_is_waited_for() {
    let place = Place::new();
    let made = program::run(program::script("mkfifo \"$1\"").arg("sh").arg(place.path("sink")), b"");
    made.ends(0);
    let config = place.streams(&["name: a, source: { unix: DIR/app }, sink: { fifo: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    sidecar.says("unavailable");
    sidecar.send("app", &format!("one {VALUE}\n"));
    for n in 0..3 {
        let mut read = [0; 256];
        let mut reader = File::open(sidecar.path("sink")).expect("it is there");
        let len = reader.read(&mut read).expect("something comes");
        let text = String::from_utf8_lossy(&read[..len]).into_owned();
        assert_eq!(text, if n == 0 { format!("one {MASK}\n") } else { format!("{n}\n") });
        drop(reader);
        sidecar.send("app", &format!("{}\n", n + 1));
    }
    drop(Reader::of(File::open(sidecar.path("sink")).expect("it is there")));
    sidecar.stop();
}

/// Starts a sidecar as a socket-activating service manager does: these sockets are descriptors 3
/// and 4, and the environment announces `count` of them.
fn start_with(place: Place, config: &Path, passed: [OwnedFd; 2], pid: &str, count: u32) -> Sidecar {
    place.start_as(config, |command| as_manager(command, passed, pid, count))
}

fn as_manager(command: &mut Command, [third, fourth]: [OwnedFd; 2], pid: &str, count: u32) {
    let script = format!("LISTEN_PID={pid} LISTEN_FDS={count} exec \"$@\" 3<&0 4<&1 </dev/null >/dev/null");
    let mut manager = Command::new("bash");
    manager.args(["-c", &script, "manager"]).arg(command.get_program()).args(command.get_args()).env_clear();
    manager.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    manager.stdin(third).stdout(fourth).stderr(Stdio::piped());
    *command = manager;
}

#[test]
fn passed_sockets_lose_nothing_while_no_sidecar_runs() {
    let mut place = Place::new();
    let listener = UnixListener::bind(place.path("app")).expect("room");
    let datagrams = UnixDatagram::bind(place.path("log")).expect("room");
    let config = place.streams(&[UNIX, "name: log, source: { unix_datagram: DIR/log }, sink: { file: DIR/log.out }"]);
    let (mut app, mut log) = (String::new(), String::new());
    for round in 0..6 {
        // Before the first sidecar, or between two.
        for number in 0..5 {
            let line = format!("{round}.{number} {VALUE}\n");
            UnixStream::connect(place.path("app")).expect("it is listened").write_all(line.as_bytes()).expect("room");
            let sender = UnixDatagram::unbound().expect("a socket");
            sender.send_to(line.as_bytes(), place.path("log")).expect("there is room for a few");
            app.push_str(&line.replace(VALUE, MASK));
            log.push_str(&line.replace(VALUE, MASK));
        }
        let passed = [listener.try_clone().expect("a descriptor").into(), datagrams.try_clone().expect("one").into()];
        let mut sidecar = start_with(place, &config, passed, "$$", 2);
        sidecar.file_is("log.out", &log);
        sidecar.send("app", &format!("{round}.9 {VALUE}\n"));
        app.push_str(&format!("{round}.9 {MASK}\n"));
        // Connections are separate, concurrent streams.
        until("each line came once", || {
            let out = fs::read_to_string(sidecar.path("out")).unwrap_or_default();
            let mut lines: Vec<&str> = out.lines().collect();
            lines.sort_unstable();
            lines == app.lines().collect::<Vec<&str>>()
        });
        let status = fs::read_to_string(format!("/proc/{}/status", sidecar.child.id())).expect("it runs");
        let said = sidecar.said();
        assert!(status.contains("\nSeccomp:\t2\n") || said.contains("no seccomp"), "{said}");
        if round % 2 == 0 {
            sidecar.stop();
        } else {
            sidecar.signal(rustix::process::Signal::KILL);
            let _ = sidecar.child.wait();
        }
        place = sidecar.into_place();
        for name in ["app", "log"] {
            assert!(place.path(name).exists(), "{name} is not the sidecar's, and stays");
        }
    }
}

#[test]
fn a_port_may_be_passed_but_not_for_another_process() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let datagrams = UnixDatagram::bind(place.path("log")).expect("room");
    let address = port.local_addr().expect("it has one");
    let net = format!("name: net, source: {{ tcp: \"{address}\" }}, sink: {{ file: DIR/net }}");
    let config = place.streams(&[&net, "name: log, source: { unix_datagram: DIR/log }, sink: { file: DIR/out }"]);
    let mut sidecar = start_with(place, &config, [datagrams.into(), port.into()], "$$", 2);
    TcpStream::connect(address).expect("it listens").write_all(format!("{VALUE}\n").as_bytes()).expect("it reads");
    sidecar.file_is("net", &format!("{MASK}\n"));
    sidecar.stop();

    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let nothing = || File::open("/dev/null").expect("it is there").into();
    let mut sidecar = start_with(place, &config, [nothing(), nothing()], "1", 2);
    sidecar.send("app", &format!("{VALUE}\n"));
    sidecar.file_is("out", &format!("{MASK}\n"));
    sidecar.stop();
}

#[test]
fn sockets_that_nobody_would_read_are_refused() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let refused = |third: OwnedFd, count: u32| {
        let mut command = program::hushlog(["sidecar", "--config"]);
        let nothing = File::open("/dev/null").expect("it is there");
        as_manager(command.arg(&config), [third, nothing.into()], "$$", count);
        let mut child = command.spawn().expect("it starts");
        let said = program::read_aside(child.stderr.take().expect("it is piped"));
        assert_eq!(program::ends_within(&mut child, PATIENCE).code(), Some(2));
        String::from_utf8(said.recv_timeout(PATIENCE).expect("it has ended")).expect("text")
    };
    let other = UnixListener::bind(place.path("other")).expect("room");
    let said = refused(other.into(), 1);
    let path = place.path("other");
    assert!(said.contains(&format!("{}: it is not the source of any stream", path.display())), "{said}");
    // Of another kind than the stream's.
    let datagrams = UnixDatagram::bind(place.path("app")).expect("room");
    assert!(refused(datagrams.into(), 1).contains("it is not the source of any stream"));
    let said = refused(File::open("/dev/null").expect("it is there").into(), 1);
    assert!(said.contains("descriptor 1 of the service manager: socket operation on non-socket"), "{said}");
    fs::remove_file(place.path("app")).expect("it is there");
    let app = UnixListener::bind(place.path("app")).expect("room");
    let said = refused(app.into(), 3);
    assert!(said.contains("cannot take the sockets of the service manager: bad file descriptor"), "{said}");
}

/// The peer answers each line, like collectors that acknowledge, and stops reading while its
/// answers are not read.
#[test]
fn b11_a_sink_that_answers_gets_all() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("sink")).expect("room");
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    let (mut collector, _) = listener.accept().expect("it connects");
    let text = "a line of a busy program\n".repeat(200_000);
    let mut app = sidecar.connect("app");
    app.set_write_timeout(Some(PATIENCE)).expect("a time");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| app.write_all(text.as_bytes()));
        let (mut got, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        collector.set_read_timeout(Some(PATIENCE)).expect("a time");
        collector.set_write_timeout(Some(PATIENCE)).expect("a time");
        while got.len() < text.len() {
            let read = collector.read(&mut buffer).expect("there is more");
            got.extend_from_slice(&buffer[..read]);
            collector.write_all(&buffer[..read]).expect("its answers are taken");
        }
        assert!(got == text.as_bytes(), "something else came");
        writing.join().expect("no panic").expect("it reads");
    });
    sidecar.stop();
}

/// A connection closed by the peer is not written to, also if the peer sent data before.
#[test]
fn b11_a_sink_that_said_something_and_went_loses_no_line() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let sink = listener.local_addr().expect("an address");
    let config = place.streams(&[&format!("name: app, source: {{ unix: DIR/app }}, sink: {{ tcp: \"{sink}\" }}")]);
    let mut sidecar = place.start(&config);
    for n in 0..5 {
        let line = format!("line {n}\n");
        sidecar.send("app", &line);
        let (mut collector, _) = listener.accept().expect("it connects");
        collector.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut got = vec![0; line.len()];
        collector.read_exact(&mut got).expect("the line comes");
        assert_eq!(String::from_utf8_lossy(&got), line);
        collector.write_all(b"welcome\n").expect("there is room");
        drop(collector);
        // The sidecar looks for the end of a connection after a pause.
        std::thread::sleep(Duration::from_millis(100));
    }
    sidecar.stop();
}
