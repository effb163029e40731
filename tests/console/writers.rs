//! Several writers at once: nothing is lost, and nothing is overwritten.

use std::thread;

use crate::console::Console;
use crate::registry::Desk;

const VALUE: &[u8] = b"sk-live-4f9QzXabc";

#[test]
fn a_change_of_a_newer_file_is_refused_with_the_differences() {
    let desk = Desk::new();
    desk.add("a-token", VALUE).ends(0);
    desk.add("b-token", VALUE).ends(0);
    let console = Console::signed_in(&desk);
    let edit = "/secrets/edit?scope=shared&name=a-token";
    let page = console.get(edit).is(200);
    desk.hushlog(["secret", "edit", "a-token", "--value-file", "-"], b"sk-live-newest").ends(0);
    desk.hushlog(["secret", "delete", "b-token"], b"").ends(0);
    desk.add("c-token", VALUE).ends(0);
    desk.hushlog(["env", "set", "production", "NODE_ENV=x"], b"").ends(0);
    desk.hushlog(["group", "add", "ops", "alice"], b"").ends(0);
    let before = desk.text();
    let fields: &[(&str, &[u8])] =
        &[("name", b"a-token"), ("scope", b"shared"), ("value", b"sk-live-mine12"), ("note", b"mine")];
    let refused = console.submit_of(&page, edit, fields).is(409);
    let refused = refused.says("Nothing was saved: the registry was changed").says("a-token (shared) has a new value");
    let refused =
        refused.says("b-token (shared) was deleted").says("c-token (shared) was added").says("production were changed");
    let refused = refused.says("the groups were changed");
    assert_eq!(desk.text(), before);
    assert_eq!(refused.value("note"), Some("mine"), "what was typed stays");
    assert!(!refused.body.contains("sk-live"), "the value came back");
    console.submit_of(&refused, edit, fields).is(303);
    let unknown: Vec<_> =
        [&[("base", &b"0123"[..]), ("mark", refused.value("mark").unwrap().as_bytes())], fields].concat();
    console.send("/secrets/edit", &unknown).is(409).says("too old to be listed here");
}

#[test]
fn a_secret_that_another_writer_deleted_is_not_made_again() {
    let desk = Desk::new();
    desk.add("a-token", VALUE).ends(0);
    let console = Console::signed_in(&desk);
    let edit = "/secrets/edit?scope=shared&name=a-token";
    let page = console.get(edit).is(200);
    desk.hushlog(["secret", "delete", "a-token"], b"").ends(0);
    let fields: &[(&str, &[u8])] = &[("name", b"a-token"), ("scope", b"shared"), ("value", VALUE)];
    console.submit_of(&page, edit, fields).is(422).says("There is no such secret");
    assert!(desk.content().unwrap().1.is_empty());
}

#[test]
fn fifty_writers_lose_nothing() {
    const BY_COMMAND: usize = 25;
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let (desk_ref, authority, cookie) = (&desk, console.authority.clone(), console.cookie());
    thread::scope(|scope| {
        for number in 0..BY_COMMAND {
            scope.spawn(move || desk_ref.add(&format!("command-{number}"), VALUE).ends(0));
        }
        for number in 0..BY_COMMAND {
            let client = Client { authority: authority.clone(), cookie: cookie.clone() };
            scope.spawn(move || client.add_until_saved(&format!("page-{number}")));
        }
    });
    let (_, secrets, _) = desk.content().unwrap();
    assert_eq!(secrets.len(), 2 * BY_COMMAND);
    console.get("/").is(200).says("50 secrets: 50 shared, 0 private");
}

/// A browser of its own thread.
struct Client {
    authority: String,
    cookie: String,
}

impl Client {
    /// Sends the form until the file was not changed in between.
    fn add_until_saved(&self, name: &str) {
        use crate::console::{exchange, multipart};
        let ask = |request: &[u8]| exchange(std::net::TcpStream::connect(&self.authority).unwrap(), request);
        let head = |method: &str, path: &str| {
            let Client { authority, cookie } = self;
            format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\n")
        };
        let mut page = ask((head("GET", "/secrets/new") + "\r\n").as_bytes());
        loop {
            let fields: &[(&str, &[u8])] = &[
                ("mark", page.value("mark").unwrap().as_bytes()),
                ("base", page.value("base").unwrap().as_bytes()),
                ("name", name.as_bytes()),
                ("scope", b"shared"),
                ("value", VALUE),
            ];
            let body = multipart(fields);
            let rest = format!(
                "Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n\
                 Content-Type: multipart/form-data; boundary=limit\r\n\
                 Content-Length: {}\r\n\r\n",
                self.authority,
                body.len()
            );
            let answer = ask(&[head("POST", "/secrets/new").as_bytes(), rest.as_bytes(), &body].concat()).is(303);
            let location = answer.header("location").unwrap();
            if !location.contains("again=") {
                return;
            }
            page = ask((head("GET", location) + "\r\n").as_bytes()).is(409);
        }
    }
}
