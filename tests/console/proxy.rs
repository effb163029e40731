//! Behind a proxy: the Unix socket and the header with the member.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use crate::console::{Answer, Behind, ask_at, multipart};
use crate::program::{HUSHLOG, kill, run};
use crate::registry::Desk;

/// A desk with the members alice and bob.
fn desk() -> Desk {
    let desk = Desk::new();
    let bob = desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0).out();
    desk.hushlog(["member", "add", "bob", bob.trim()], b"").ends(0);
    desk
}

fn get(desk: &Desk, headers: &str) -> Answer {
    ask_at(&desk.path("socket"), format!("GET / HTTP/1.1\r\nHost: secrets.example\r\n{headers}\r\n").as_bytes())
}

#[test]
fn each_request_acts_as_its_member() {
    let desk = desk();
    let console = Behind::start(&desk, &desk.path("socket"));
    // There is no token to renew.
    kill(console.child.0.id(), "USR1");
    get(&desk, "X-User: alice\r\n").is(200).says("Acting as alice");
    let page = get(&desk, "X-User: bob\r\n").is(200).says("Acting as bob");
    assert!(!page.text().contains("Stop the console"));
    let add = |member: &str, mark: &str, origin: &str| {
        let page = ask_at(
            &desk.path("socket"),
            format!("GET /secrets/new HTTP/1.1\r\nHost: secrets.example\r\nX-User: {member}\r\n\r\n").as_bytes(),
        );
        let mark = if mark.is_empty() { page.value("mark").unwrap() } else { mark };
        let body = multipart(&[
            ("mark", mark.as_bytes()),
            ("base", page.value("base").unwrap().as_bytes()),
            ("name", b"own-token"),
            ("value", b"sk-live-4f9QzX"),
        ]);
        let head = format!(
            "POST /secrets/new HTTP/1.1\r\nHost: secrets.example\r\nX-User: {member}\r\nOrigin: {origin}\r\n\
             Sec-Fetch-Site: same-origin\r\nContent-Type: multipart/form-data; boundary=limit\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = ask_at(&desk.path("socket"), &[head.as_bytes(), &body].concat());
        let Some(location) = answer.header("location").filter(|location| location.contains("again=")) else {
            return answer;
        };
        let next = format!("GET {location} HTTP/1.1\r\nHost: secrets.example\r\nX-User: {member}\r\n\r\n");
        // What is kept for one member is not shown to another.
        let other = ask_at(&desk.path("socket"), next.replace(member, "bob").as_bytes()).is(200);
        assert!(member == "bob" || other.text().contains("Acting as bob"));
        ask_at(&desk.path("socket"), next.as_bytes())
    };
    let new = "GET /secrets/new HTTP/1.1\r\nHost: secrets.example\r\nX-User: bob\r\n\r\n";
    let page = ask_at(&desk.path("socket"), new.as_bytes());
    let of_bob = page.value("mark").unwrap();
    add("alice", of_bob, "https://secrets.example").is(403);
    add("alice", "", "https://evil.example").is(403);
    add("alice", "", "https://secrets.example").is(303);
    add("bob", "", "http://secrets.example").is(303);
    let listed = desk.hushlog(["secret", "list", "--json"], b"").ends(0).out();
    assert!(listed.contains("\"owner\": \"alice\"") && listed.contains("\"owner\": \"bob\""), "{listed}");
    get(&desk, "X-User: bob\r\n").is(200).says("only by alice");
}

#[test]
fn the_header_names_one_member_or_nobody() {
    let desk = desk();
    let _console = Behind::start(&desk, &desk.path("socket"));
    for headers in [
        "",
        "X-User: \r\n",
        "X-User: mallory\r\n",
        "X-User: alice\r\nX-User: bob\r\n",
        "X-User: alice\r\nx-user: alice\r\n",
        "X-User: alice, bob\r\n",
        "X-User: alice\u{e9}\r\n",
        "X_User: alice\r\n",
        "User: alice\r\n",
        "Cookie: X-User=alice\r\n",
    ] {
        let page = get(&desk, headers).is(403);
        assert!(!page.text().contains("alice"), "{headers}: {}", page.text());
    }
    for request in [
        "GET / HTTP/1.1\r\nX-User: alice\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-User: alice\r\n\r\n",
        "GET /?X-User=alice HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        ask_at(&desk.path("socket"), request.as_bytes()).is(403);
    }
    ask_at(&desk.path("socket"), b"GET / HTTP/1.1\r\nHost: a\r\nX-User : alice\r\n\r\n").is(400);
}

#[test]
fn the_socket_is_made_safely() {
    let desk = desk();
    let socket = desk.path("socket");
    let start = || run(desk.command(HUSHLOG).args(["console", "--unix", "socket", "--user-header", "X-User"]), b"");
    symlink("elsewhere", &socket).unwrap();
    start().ends(2).says("cannot listen at socket");
    assert!(!desk.path("elsewhere").exists());
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "a file").unwrap();
    start().ends(2).says("cannot listen at socket");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a file");
    fs::remove_file(&socket).unwrap();

    let mut console = Behind::start(&desk, &socket);
    assert!(socket.metadata().unwrap().file_type().is_socket());
    assert_eq!(desk.mode("socket"), 0o600);
    start().ends(2).says("cannot listen at socket");
    // A killed console leaves its socket, which the next one replaces.
    console.child.0.kill().unwrap();
    console.child.0.wait().unwrap();
    let mut console = Behind::start(&desk, &socket);
    get(&desk, "X-User: alice\r\n").is(200);
    kill(console.child.0.id(), "TERM");
    assert!(console.child.0.wait().unwrap().success());
    assert!(!socket.exists(), "it is removed at the end");
    assert!(console.said().contains("the console listens at"), "{}", console.said());

    let shared = desk.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2750)).unwrap();
    let _console = Behind::start(&desk, &shared.join("socket"));
    let found = shared.join("socket").metadata().unwrap();
    assert_eq!((found.mode() & 0o777, found.gid()), (0o660, shared.metadata().unwrap().gid()));
}

#[test]
fn the_command_line_names_one_way_in() {
    let desk = desk();
    for (args, text) in [
        (&["--unix", "socket"][..], "--user-header"),
        (&["--user-header", "X-User"], "--unix"),
        (&["--unix", "socket", "--user-header", "X User"], "not the name of a header"),
        (&["--unix", "socket", "--user-header", "X-User", "--as", "alice"], "cannot be combined"),
        (&["--unix", "socket", "--user-header", "X-User", "--listen", "127.0.0.1:0"], "cannot be combined"),
    ] {
        desk.hushlog([&["console", "--no-open"], args].concat(), b"").ends(2).says(text);
    }
}
