//! A value that is typed in leaves no trace but its sealed form.

use crate::console::{Console, memory_holds, until};
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

#[test]
fn a_saved_value_is_in_no_page_of_memory() {
    needs!("root");
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    // The memory is read while a value is in it, too: half a request waits for its rest.
    let value = canary(2);
    let page = console.get("/secrets/new");
    let hidden = ["mark", "base"].map(|name| (name, page.value(name).unwrap().as_bytes()));
    let fields = [&hidden[..], &[("name", b"a-token"), ("value", value.as_bytes())]].concat();
    let body = crate::console::multipart(&fields);
    let head = console.head("POST", "/secrets/new") + &console.own();
    let form = format!("Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = console.connect();
    {
        use std::io::Write;
        stream.write_all(&[head.as_bytes(), form.as_bytes(), &body[..body.len() - 4]].concat()).unwrap();
    }
    until("the value arrives", || memory_holds(console.pid(), value.as_bytes()));
    crate::console::exchange(stream, &body[body.len() - 4..]).is(303);
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
