//! Log shippers as users run them: found on this machine, or unpacked to a directory. A test
//! without one is listed as ignored.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program::{self, session};

/// The limit of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The test's own directory with a secret, and with a path short enough for sockets.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    /// The port of a sidecar's metrics.
    pub(crate) port: u16,
}

/// The secret, its name, and its mask.
pub(crate) const VALUE: &str = "sk-live-4f9QzX7w";
pub(crate) const MASK: &str = "[REDACTED:key]";

impl Place {
    pub(crate) fn new() -> Place {
        let dir = tempfile::Builder::new().prefix("ship").tempdir_in("/tmp").expect("room");
        fs::create_dir(dir.path().join("secrets")).expect("room");
        fs::write(dir.path().join("secrets/key"), VALUE).expect("room");
        Place { dir, port: free_port() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read(self.path(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// A file of `packaging/`, with the machine's paths replaced by those of this place. Each of
    /// `more` must occur in it.
    pub(crate) fn packaged(&self, name: &str, more: &[(&str, &str)]) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name);
        let mut text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let at = self.dir.path().to_str().expect("it is text");
        for (from, to) in more {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replace(from, to);
        }
        let sources = format!("--secret-file {at}/secrets");
        text.replace("/usr/bin/hushlog", program::HUSHLOG)
            .replace("--session", &sources)
            .replace("/var/log", at)
            .replace("/run/hushlog", at)
    }

    /// Waits until a file has this many lines, and returns it.
    #[track_caller]
    pub(crate) fn lines(&self, name: &str, count: usize) -> Vec<String> {
        let lines = || self.text(name).lines().map(str::to_owned).collect::<Vec<_>>();
        wait_for(&format!("{count} lines in {name}"), || self.text(name).matches('\n').count() >= count);
        lines()
    }
}

/// Waits, and fails the test after the limit.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The path of a program; reports it if there is none.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let found = looked_up(name);
    if found.is_none() {
        session::without(name);
    }
    found
}

fn looked_up(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// A program that runs until the test ends.
pub(crate) struct Daemon {
    child: Child,
    said: PathBuf,
}

impl Daemon {
    pub(crate) fn start(command: &mut Command, said: PathBuf) -> Daemon {
        Daemon::start_with_input(command.stdin(Stdio::null()), said)
    }

    /// The same, with the standard input of the command.
    pub(crate) fn start_with_input(command: &mut Command, said: PathBuf) -> Daemon {
        let errors = File::create(&said).expect("room");
        let child = command.stdout(errors.try_clone().expect("descriptors are left")).stderr(errors).spawn();
        Daemon { child: child.expect("it starts"), said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Whether it is still running.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        program::kill(self.id(), name);
    }

    /// Waits until a sidecar reports that it runs.
    #[track_caller]
    pub(crate) fn ready(mut self) -> Daemon {
        wait_for("the sidecar", || self.said().contains(" streams, ") || !self.runs());
        assert!(self.runs(), "{}", self.said());
        self
    }

    /// Its exit status.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> std::process::ExitStatus {
        program::ends_within(&mut self.child, PATIENCE)
    }

    /// Stops it, and returns its messages.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        program::ends_within(&mut self.child, PATIENCE);
        self.said()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the sidecar with these streams, and waits until it is ready. Secrets, control socket and
/// metrics are those of the place.
pub(crate) fn sidecar(place: &Place, streams: &str) -> Daemon {
    Daemon::start(&mut sidecar_command(place, streams), place.path("sidecar.said")).ready()
}

/// The command that [`sidecar`] starts.
pub(crate) fn sidecar_command(place: &Place, streams: &str) -> Command {
    let config = format!(
        "secrets: {{ secret_files: [PLACE/secrets] }}\ncontrol: PLACE/control\nmetrics: 127.0.0.1:{}\nstreams:\n{streams}",
        place.port
    );
    fs::write(place.path("sidecar.yaml"), config.replace("PLACE", &shown(place.dir.path()))).expect("room");
    let mut command = program::hushlog(["sidecar", "--config"]);
    command.arg(place.path("sidecar.yaml"));
    command
}

/// A free port, as far as that can be known.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has one").port()
}

/// The answer to a GET.
pub(crate) fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Starts rsyslog with this configuration, and waits for this socket.
pub(crate) fn rsyslog(place: &Place, config: &str, socket: &str) -> Option<Daemon> {
    let rsyslogd = found("rsyslogd")?;
    let work = place.path("rsyslog-work");
    fs::create_dir_all(&work).expect("room");
    let path = place.path("rsyslog.conf");
    let head = format!("global(workDirectory=\"{}\")\n", work.display());
    fs::write(&path, head + config).expect("room");
    let checked = Command::new(&rsyslogd).args(["-N1", "-f"]).arg(&path).output().expect("it starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let mut command = Command::new(rsyslogd);
    command.arg("-n").arg("-f").arg(path).arg("-i").arg(place.path("rsyslog.pid"));
    let daemon = Daemon::start(&mut command, place.path("rsyslog.said"));
    wait_for(&format!("rsyslog's {socket}; {}", daemon.said()), || place.path(socket).exists());
    Some(daemon)
}

/// The packages that syslog-ng of Debian 12 needs in addition to those of every system.
const SYSLOG_NG: &[&str] = &[
    "syslog-ng-core",
    "libivykis0",
    "libnet1",
    "libjson-c5",
    "libpcre3",
    "libwrap0",
    "libcap2",
    "libglib2.0-0",
    "libssl3",
];

/// Starts syslog-ng with this configuration, and waits for this socket.
pub(crate) fn syslog_ng(place: &Place, config: &str, socket: &str) -> Option<Daemon> {
    let mut command = syslog_ng_command()?;
    let path = place.path("syslog-ng.conf");
    fs::write(
        &path,
        format!("@version: 3.35\noptions {{ time-reopen(1); flush-lines(1); keep-hostname(yes); }};\n{config}"),
    )
    .expect("room");
    command.args(["-F", "--no-caps", "-f"]).arg(path);
    for (option, name) in [("-R", "persist"), ("-p", "syslog-ng.pid"), ("-c", "syslog-ng.ctl")] {
        command.arg(option).arg(place.path(name));
    }
    let mut daemon = Daemon::start(&mut command, place.path("syslog-ng.said"));
    wait_for("syslog-ng's socket", || place.path(socket).exists() || !daemon.runs());
    assert!(place.path(socket).exists(), "{}", daemon.said());
    Some(daemon)
}

#[linkme::distributed_slice(session::PROBES)]
static HAS_SYSLOG_NG: (&str, fn() -> bool) =
    ("syslog-ng", || looked_up("syslog-ng").is_some() || unpacked("syslog-ng", SYSLOG_NG).is_some());

fn syslog_ng_command() -> Option<Command> {
    if let Some(installed) = looked_up("syslog-ng") {
        return Some(Command::new(installed));
    }
    let root = unpacked("syslog-ng", SYSLOG_NG)?;
    let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
    let arch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let modules = fs::read_dir(root.join("usr/lib/syslog-ng")).expect("it is the package").flatten();
    let modules = modules.map(|entry| entry.path()).find(|path| path.is_dir()).expect("there are modules");
    let libraries = ["usr/lib/syslog-ng".to_owned(), format!("usr/lib/{arch}"), format!("lib/{arch}")];
    let mut search = OsString::new();
    for library in libraries {
        search.push(root.join(library));
        search.push(":");
    }
    command.env("LD_LIBRARY_PATH", search).arg("--module-path").arg(modules);
    Some(command)
}

/// The root directory of unpacked Debian packages.
pub(crate) fn unpacked(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = Path::new(program::HUSHLOG).ancestors().nth(2).expect("it is below target").join("shippers").join(name);
    let unpack = Command::new(tree.join("tests/common/shippers/unpack")).arg(&root).args(packages).output();
    match unpack {
        Ok(output) if output.status.success() => Some(root),
        _ => {
            session::without(name);
            None
        }
    }
}

/// Sends a datagram.
#[track_caller]
pub(crate) fn send(socket: &Path, datagram: impl AsRef<[u8]>) {
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.set_write_timeout(Some(PATIENCE)).expect("a time");
    sender.send_to(datagram.as_ref(), socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
}

/// Connects to a stream socket, and waits for its listener: a shipper opens its sockets one after
/// the other.
#[track_caller]
pub(crate) fn connect(socket: &Path) -> UnixStream {
    let mut connected = None;
    wait_for(&format!("{}", socket.display()), || {
        connected = UnixStream::connect(socket).ok();
        connected.is_some()
    });
    let connection = connected.expect("that was waited for");
    connection.set_write_timeout(Some(PATIENCE)).expect("a time");
    connection
}

/// The processes started by this one whose command line begins with this program.
pub(crate) fn children(of: u32, program: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("there is proc").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().nth(1));
        if parent == Some(&of.to_string()) && line.starts_with(program.as_bytes()) {
            found.push(id);
        }
    }
    found
}

/// As the shell of the test's scripts sees it.
pub(crate) fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
