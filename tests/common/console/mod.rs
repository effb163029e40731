//! A running console, and its client: requests as a browser sends them, by plain sockets.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::program::{HUSHLOG, Killed, ends_within, kill};
pub(crate) use super::program::{PATIENCE, until};
use super::registry::Desk;

/// A console of a desk, ended with the test.
pub(crate) struct Console {
    child: Killed,
    said: Arc<Mutex<String>>,
    /// `127.0.0.1:PORT`.
    pub(crate) authority: String,
    pub(crate) token: String,
    printed: RefCell<BufReader<ChildStdout>>,
    cookie: RefCell<String>,
}

/// An answer. Its body is text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn of(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The value of a control.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    }

    /// Fails unless it has this status, and returns it.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    /// Fails unless its text contains this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Answer {
        assert!(self.text().contains(text), "{}", self.text());
        self
    }

    /// The body without tags.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.body.chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                _ if in_tag => {}
                c => text.push(c),
            }
        }
        text.replace('\u{a0}', " ")
    }
}

/// A form as browsers send it.
pub(crate) fn multipart(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), value, b"\r\n"].concat());
    }
    [body, b"--limit--\r\n".to_vec()].concat()
}

/// Sends a request, and reads the answer to its end.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    // A server that refuses a request may not read all of it.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::of(&answer)
}

impl Console {
    /// Starts a console, which has no browser yet.
    pub(crate) fn start(desk: &Desk, more: &[&str]) -> Console {
        Console::start_by(desk.command(HUSHLOG).args(["console", "--no-open"]).args(more))
    }

    pub(crate) fn start_by(command: &mut Command) -> Console {
        Console::start_with(command, Stdio::null())
    }

    /// The same with a standard input.
    pub(crate) fn start_with(command: &mut Command, input: Stdio) -> Console {
        let mut child = spawn(command, input);
        let printed = RefCell::new(BufReader::new(child.stdout.take().unwrap()));
        let said = gather(&mut child);
        let (authority, token) = (String::new(), String::new());
        let mut console = Console { child: Killed(child), said, authority, token, printed, cookie: RefCell::default() };
        console.read_address();
        console
    }

    /// Reads the next address that it prints.
    pub(crate) fn read_address(&mut self) {
        let mut address = String::new();
        self.printed.get_mut().read_line(&mut address).unwrap();
        let Some((authority, token)) =
            address.trim().strip_prefix("http://").and_then(|rest| rest.split_once("/?token="))
        else {
            panic!("it printed {address:?} and said {}", self.said());
        };
        (self.authority, self.token) = (authority.to_owned(), token.to_owned());
    }

    /// Its standard input, if that is a pipe.
    pub(crate) fn input(&mut self) -> ChildStdin {
        self.child.0.stdin.take().unwrap()
    }

    /// Starts a console, and exchanges its token.
    pub(crate) fn signed_in(desk: &Desk) -> Console {
        let console = Console::start(desk, &[]);
        console.sign_in();
        console
    }

    pub(crate) fn sign_in(&self) {
        let answer = self.get(&format!("/?token={}", self.token)).is(303);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
        cookie.clone_into(&mut self.cookie.borrow_mut());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub(crate) fn cookie(&self) -> String {
        self.cookie.borrow().clone()
    }

    /// Its messages so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        until(text, || self.said().contains(text));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes.
    pub(crate) fn ask(&self, request: &[u8]) -> Answer {
        exchange(self.connect(), request)
    }

    /// The head of a request of the signed-in browser, without its last line.
    pub(crate) fn head(&self, method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n", self.authority, self.cookie.borrow())
    }

    /// The headers that mark a change of an own page.
    pub(crate) fn own(&self) -> String {
        format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", self.authority)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(format!("{}\r\n", self.head("GET", path)).as_bytes())
    }

    /// Sends a form with exactly these fields.
    pub(crate) fn send(&self, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        let body = multipart(fields);
        let head = self.head("POST", path) + &self.own();
        let form =
            format!("Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {}\r\n\r\n", body.len());
        self.follow(self.ask(&[head.as_bytes(), form.as_bytes(), &body].concat()))
    }

    /// The page that an answer to a form leads to, unless the change was made.
    pub(crate) fn follow(&self, answer: Answer) -> Answer {
        match answer.header("location").filter(|location| location.contains("again=")) {
            Some(location) => self.get(location),
            None => answer,
        }
    }

    /// Loads the page, and sends its form with these fields and those that the page hides.
    pub(crate) fn submit(&self, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        let page = self.get(path).is(200);
        self.submit_of(&page, path, fields)
    }

    /// The same with a page that was loaded earlier.
    pub(crate) fn submit_of(&self, page: &Answer, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        let hidden = ["mark", "base"].map(|name| (name, page.value(name).unwrap_or_default().as_bytes()));
        let path = path.split('?').next().unwrap();
        self.send(path, &[&hidden, fields].concat())
    }

    /// Waits for its end after a signal.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        kill(self.child.0.id(), "TERM");
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        ends_within(&mut self.child.0, PATIENCE).code()
    }
}

/// Starts the program with piped outputs.
fn spawn(command: &mut Command, input: Stdio) -> Child {
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Gathers the messages of a program.
fn gather(child: &mut Child) -> Arc<Mutex<String>> {
    let (said, stderr) = (Arc::new(Mutex::new(String::new())), child.stderr.take());
    let keep = Arc::clone(&said);
    std::thread::spawn(move || {
        let lines = stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines());
        lines.map_while(Result::ok).for_each(|line| keep.lock().unwrap().push_str(&(line + "\n")));
    });
    said
}

/// A console on a Unix socket.
pub(crate) struct Behind {
    pub(crate) child: Killed,
    said: Arc<Mutex<String>>,
}

impl Behind {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(desk: &Desk, socket: &Path) -> Behind {
        let mut command = desk.command(HUSHLOG);
        command.args(["console", "--unix"]).arg(socket).args(["--user-header", "X-User"]);
        let mut child = spawn(&mut command, Stdio::null());
        let said = gather(&mut child);
        let behind = Behind { child: Killed(child), said };
        until("it listens", || behind.said().contains("the console listens"));
        behind
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

/// Sends a request to a Unix socket.
pub(crate) fn ask_at(socket: &Path, request: &[u8]) -> Answer {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, request)
}

/// Whether the memory of a process contains these bytes. Needs root: the process is not dumpable.
pub(crate) fn memory_holds(pid: u32, bytes: &[u8]) -> bool {
    !mappings_with(pid, bytes).is_empty()
}

/// The mappings of a process that contain these bytes, by their first addresses.
pub(crate) fn mappings_with(pid: u32, bytes: &[u8]) -> Vec<u64> {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let ranges =
        maps.lines().filter(|line| line.contains(" r")).filter_map(|line| line.split(' ').next()?.split_once('-'));
    let ranges = ranges.map(|(from, to)| [from, to].map(|end| u64::from_str_radix(end, 16).unwrap()));
    let mut pages = 0;
    let found = ranges.filter(|[from, to]| {
        let mut part = vec![0; (to - from) as usize];
        // Some ranges of the kernel cannot be read.
        if memory.read_exact_at(&mut part, *from).is_err() {
            return false;
        }
        pages += 1;
        memchr::memmem::find(&part, bytes).is_some()
    });
    let found: Vec<u64> = found.map(|[from, _]| from).collect();
    assert!(!found.is_empty() || pages > 5, "the memory could not be read");
    found
}

/// Whether the mapping that begins at this address is locked.
pub(crate) fn is_locked(pid: u32, mapping: u64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let start = format!("{mapping:08x}-");
    let of_it = maps.lines().skip_while(|line| !line.starts_with(&start));
    let flags = of_it.filter_map(|line| line.strip_prefix("VmFlags:")).next();
    flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "lo"))
}
