//! A value that is typed in leaves no trace but its sealed form.

use std::io::Write;
use std::net::TcpStream;

use crate::console::{Console, exchange, is_locked, mappings_with, memory_holds, multipart, until};
use crate::program::HUSHLOG;
use crate::program::session::needs;
use crate::registry::Desk;

/// A value that nothing else contains, in two halves: the program's own image must not hold it.
fn canary(number: u32) -> String {
    ["zq7-canary-", "-x4Tn9Wb", &number.to_string()].concat()
}

#[test]
fn a_value_is_in_no_answer_log_or_file() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let value = canary(1);
    let sent: &[(&str, &[u8])] = &[("name", b"a-token"), ("value", value.as_bytes()), ("scope", b"shared")];
    let saved = console.submit("/secrets/new", sent).is(303);
    let again = console.submit("/secrets/new", sent).is(422);
    let twice = console.submit("/secrets/new", &[sent, &[("lines", value.as_bytes())]].concat()).is(422);
    let pages = ["/", "/secrets/edit?scope=shared&name=a-token", "/history", "/members", "/environments"];
    let pages = pages.map(|path| console.get(path).is(200));
    for answer in [&saved, &again, &twice].into_iter().chain(&pages) {
        assert!(!answer.head.contains(&value) && !answer.body.contains(&value), "{}", answer.head);
    }
    let lens = pages.iter().any(|page| page.text().contains(&format!("{} bytes", value.len())));
    assert!(!lens && !console.said().contains(&value));
    assert!(!desk.holds(value.as_bytes()), "a file holds it");
    assert_eq!(desk.content().unwrap().1[0].2, value.as_bytes());
}

/// Sends the form of a new secret but for its end, which is returned.
fn half_sent(console: &Console, value: &str) -> (TcpStream, Vec<u8>) {
    let page = console.get("/secrets/new");
    let hidden = ["mark", "base"].map(|name| (name, page.value(name).unwrap().as_bytes()));
    let fields = [&hidden[..], &[("name", b"a-token"), ("value", value.as_bytes())]].concat();
    let mut body = multipart(&fields);
    let head = console.head("POST", "/secrets/new") + &console.own();
    let form = format!("Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {}\r\n\r\n", body.len());
    let rest = body.split_off(body.len() - 4);
    let mut stream = console.connect();
    stream.write_all(&[head.as_bytes(), form.as_bytes(), &body].concat()).unwrap();
    (stream, rest)
}

#[test]
fn a_value_is_locked_where_not_all_memory_can_be() {
    needs!("root", "prlimit", "setpriv");
    let desk = Desk::new();
    let mut command = desk.command("prlimit");
    // Without this capability, the program is larger than the limit.
    let drop = ["setpriv", "--inh-caps=-ipc_lock", "--bounding-set=-ipc_lock"];
    command.arg("--memlock=4194304:4194304").args(drop).args([HUSHLOG, "console", "--no-open"]);
    let console = Console::start_by(&mut command);
    console.sign_in();
    let value = canary(9);
    let (stream, rest) = half_sent(&console, &value);
    until("the value arrives", || memory_holds(console.pid(), value.as_bytes()));
    until("all of it is locked", || {
        let mappings = mappings_with(console.pid(), value.as_bytes());
        !mappings.is_empty() && mappings.iter().all(|mapping| is_locked(console.pid(), *mapping))
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", console.pid())).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap().trim().strip_suffix(" kB").unwrap();
    assert!((4..4096).contains(&kib.parse::<u32>().unwrap()), "{kib} KiB are locked");
    exchange(stream, &rest).is(303);
    assert_eq!(desk.content().unwrap().1[0].2, value.as_bytes());
}

#[test]
fn a_saved_value_is_in_no_page_of_memory() {
    needs!("root");
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    // The memory is read while a value is in it, too: half a request waits for its rest.
    let value = canary(2);
    let (stream, rest) = half_sent(&console, &value);
    until("the value arrives", || memory_holds(console.pid(), value.as_bytes()));
    exchange(stream, &rest).is(303);
    let lines = format!("{}\r\n{}", canary(3), canary(4));
    console.submit("/secrets/new", &[("name", b"b-token"), ("lines", lines.as_bytes())]).is(303);
    console.submit("/secrets/new", &[("name", b"b-token"), ("file", canary(5).as_bytes())]).is(422);
    console.get("/").is(200).says("2 secrets");
    let text = format!("C_TOKEN={}\nD_TOKEN='{}'\n", canary(6), canary(7));
    console.submit("/import", &[("lines", text.as_bytes())]).is(200).says("2 new");
    console.submit("/import", &[("file", format!("{{\"E\": \"{}\"}}", canary(8)).as_bytes())]).is(200);
    for number in 2..=8 {
        let is_held = || memory_holds(console.pid(), canary(number).as_bytes());
        until("the last connection is closed", || !is_held());
    }
}
