//! Requests that must not get in.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use crate::console::{Console, PATIENCE, multipart, until};
use crate::program::run;
use crate::program::session::needs;
use crate::registry::Desk;

#[test]
fn a_token_works_once_and_only_its_browser_is_in() {
    let desk = Desk::new();
    let console = Console::start(&desk, &[]);
    console.get("/").is(401).says("Sign in");
    console.get("/members").is(401);
    console.get("/?token=guess").is(403).says("wrong");
    let answer = console.get(&format!("/?token={}", console.token)).is(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    console.get(&format!("/?token={}", console.token)).is(403).says("used already");
    console.get("/").is(401);
    let as_browser = |cookie: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", console.authority);
        console.ask(request.as_bytes())
    };
    let pair = cookie.split(';').next().unwrap();
    as_browser(&format!("theme=dark; {pair}")).is(200);
    as_browser(&format!("{pair}x")).is(401);
    console.says("warning: a request had a wrong token");
    assert!(!console.said().contains(&console.token), "the token is in the log");
}

#[test]
fn the_token_can_be_typed() {
    let desk = Desk::new();
    let console = Console::start(&desk, &[]);
    console.send("/sign-in", &[("token", console.token.as_bytes())]).is(303);
    console.send("/sign-in", &[("token", console.token.as_bytes())]).is(403);
}

#[test]
fn guessed_tokens_have_to_wait() {
    let desk = Desk::new();
    let console = Console::start(&desk, &[]);
    for number in 0..5 {
        console.get(&format!("/?token=guess{number}")).is(403);
    }
    console.get(&format!("/?token={}", console.token)).is(429);
    console.send("/sign-in", &[("token", console.token.as_bytes())]).is(429);
}

#[test]
fn a_page_that_another_site_leads_to_goes_on_by_itself() {
    let desk = Desk::new();
    let console = Console::start(&desk, &[]);
    let led = format!("GET / HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: cross-site\r\n\r\n", console.authority);
    let page = console.ask(led.as_bytes()).is(200);
    assert!(page.body.contains("http-equiv=\"refresh\" content=\"0; url=/\""), "{}", page.body);
}

#[test]
fn a_rebound_host_is_refused() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let port = console.authority.rsplit(':').next().unwrap();
    let ask = |line: &str, host: &str| {
        console.ask(format!("GET {line} HTTP/1.1\r\n{host}Cookie: {}\r\n\r\n", console.cookie()).as_bytes())
    };
    ask("/", &format!("Host: localhost:{port}\r\n")).is(200);
    // Another port: a tunnel leads here.
    ask("/", "Host: 127.0.0.1:1\r\n").is(200);
    for host in ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example", "0.0.0.0"] {
        let page = ask("/", &format!("Host: {host}\r\n")).is(403);
        assert!(!page.body.contains("evil"), "it repeats the request");
    }
    ask("/", "").is(403);
    ask("/", "Host: localhost\r\nHost: localhost\r\n").is(403);
    ask("http://evil.example/", "Host: localhost\r\n").is(403);
    ask("/style.css", "Host: evil.example\r\n").is(403);
}

#[test]
fn a_change_comes_from_the_own_page_with_its_mark() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let page = console.get("/secrets/new");
    let (mark, base) = (page.value("mark").unwrap(), page.value("base").unwrap());
    let fields: &[(&str, &[u8])] =
        &[("mark", mark.as_bytes()), ("base", base.as_bytes()), ("name", b"a-token"), ("value", b"sk-live-4f9QzX")];
    let body = multipart(fields);
    let post = |headers: &str, body: &[u8]| {
        let head = console.head("POST", "/secrets/new");
        let rest = format!(
            "Content-Type: multipart/form-data; boundary=limit\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        console.follow(console.ask(&[head.as_bytes(), rest.as_bytes(), body].concat()))
    };
    let origin = format!("Origin: http://{}\r\n", console.authority);
    let site = "Sec-Fetch-Site: same-origin\r\n";
    for headers in [
        String::new(),
        origin.clone(),
        site.to_owned(),
        format!("{origin}Sec-Fetch-Site: same-site\r\n"),
        format!("{origin}Sec-Fetch-Site: cross-site\r\n"),
        format!("Origin: null\r\n{site}"),
        format!("Origin: http://127.0.0.1:1\r\n{site}"),
        format!("Origin: http://evil.example\r\n{site}"),
        format!("{origin}{origin}{site}"),
    ] {
        post(&headers, &body).is(403).says("another page");
    }
    let own = format!("{origin}{site}");
    let other = |mark: &[u8]| multipart(&[&[("mark", mark)], &fields[1..]].concat());
    post(&own, &other(b"")).is(403).says("another session");
    post(&own, &other(mark.replace(char::is_alphabetic, "0").as_bytes())).is(403);
    post(&own, &multipart(&fields[1..])).is(403);
    post(&own, b"--limit--\r\n").is(400);
    post(&own, b"name=a-token&value=sk-live-4f9QzX").is(400);
    assert!(desk.content().unwrap().1.is_empty(), "something got in");
    post(&own, &body).is(303);
}

#[test]
fn every_answer_has_the_headers_that_keep_it_private() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    for path in ["/", "/style.css", "/console.js", "/icon.svg", "/missing", "/?token=x", "/members", "/secrets/new"] {
        let answer = console.get(path);
        let has = |name: &str, text: &str| {
            assert!(answer.header(name).is_some_and(|value| value.contains(text)), "{path}: {name}: {}", answer.head);
        };
        has("cache-control", "no-store");
        has("x-content-type-options", "nosniff");
        has("referrer-policy", "same-origin");
        has("x-frame-options", "DENY");
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "base-uri 'none'"] {
            has("content-security-policy", rule);
        }
        assert!(!answer.body.contains(" style=") && !answer.body.contains(" onclick="), "{path}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[test]
fn paths_and_methods_have_no_tricks() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    for path in [
        "/../registry.yaml",
        "/%2e%2e/registry.yaml",
        "/..%2fregistry.yaml",
        "//etc/passwd",
        "/secrets",
        "/secrets/new/",
        "/SECRETS/NEW",
        "/.git/config",
    ] {
        console.get(path).is(404);
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"] {
        let answer = console.ask(format!("{}\r\n", console.head(method, "/")).as_bytes());
        assert!([403, 404].contains(&answer.status), "{method}: {}", answer.head);
        assert!(answer.header("content-security-policy").is_some(), "{method}: {}", answer.head);
    }
    console.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n").is(400);
    console.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01").is(400);
    console.get("/").is(200);
}

#[test]
fn long_requests_are_refused() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    console.ask(format!("{}X: {}\r\n\r\n", console.head("GET", "/"), "x".repeat(20 << 10)).as_bytes()).is(431);
    let head = console.head("POST", "/secrets/new") + &console.own();
    let form = "Content-Type: multipart/form-data; boundary=limit\r\n";
    let follow = |request: String| console.follow(console.ask(request.as_bytes()));
    follow(format!("{head}{form}Content-Length: 1048577\r\n\r\n")).is(413);
    follow(format!("{head}{form}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).is(411);
    let huge = vec![b'x'; (64 << 10) + 1];
    console.submit("/secrets/new", &[("name", b"a-token"), ("value", &huge)]).is(422).says("longer than 64 KiB");
    console.submit("/secrets/new", &[("name", b"a-token"), ("value", &huge[1..])]).is(303);
}

#[test]
fn slow_clients_are_dropped_and_others_served_meanwhile() {
    let desk = Desk::new();
    let console = Console::signed_in(&desk);
    let start = Instant::now();
    // The rest of a head never comes.
    let mut slow: Vec<_> = (0..64).map(|_| console.connect()).collect();
    for client in &mut slow {
        client.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    }
    console.get("/").is(200);
    let waited = start.elapsed();
    assert!(waited.as_secs() >= 4, "more than 64 clients are served at once: {waited:?}");
    assert!(waited < PATIENCE / 2, "slow clients are not dropped: {waited:?}");
}

#[test]
fn another_user_of_the_machine_is_refused() {
    needs!("root", "curl", "setpriv");
    let desk = Desk::new();
    let console = Console::start(&desk, &[]);
    let address = format!("http://{}/?token={}", console.authority, console.token);
    let mut other = Command::new("setpriv");
    other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s", "-i", &address]);
    let ran = run(&mut other, b"");
    assert!(ran.code != Some(0) && ran.stdout.is_empty(), "{}", ran.out());
    console.says("another user of this machine (uid 65534) tried to connect");
    // The token was not used.
    console.sign_in();
}

#[test]
fn only_loopback_is_served() {
    let desk = Desk::new();
    for (address, text) in [("0.0.0.0:0", "on loopback only"), ("8080", "not an address with a port")] {
        desk.hushlog(["console", "--no-open", "--listen", address], b"").ends(2).says(text);
    }
    let console = Console::start(&desk, &["--listen", "127.0.0.5:0"]);
    assert!(console.authority.starts_with("127.0.0.5:"));
    let taken = console.authority.clone();
    desk.hushlog(["console", "--no-open", "--listen", &taken], b"").ends(2).says("cannot listen at");
}

#[test]
fn the_browser_is_opened_by_way_of_a_private_file() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let path = desk.path("xdg-open");
    std::fs::write(&path, "#!/bin/sh\necho \"$1\" > opened.new\nmv opened.new opened\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(desk.path("run")).unwrap();
    let mut command = desk.command(crate::program::HUSHLOG);
    command.arg("console").env("DISPLAY", ":9").env("XDG_RUNTIME_DIR", desk.path("run"));
    command.env("PATH", format!("{}:/usr/bin:/bin", desk.path("").display()));
    let console = Console::start_by(&mut command);
    until("the browser is started", || desk.path("opened").exists());
    let page = std::fs::read_to_string(desk.path("opened")).unwrap();
    let page = std::path::Path::new(page.trim_end());
    assert!(page.starts_with(desk.path("run")) && !page.display().to_string().contains(&console.token));
    assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let address = format!("url=http://{}/?token={}\"", console.authority, console.token);
    assert!(std::fs::read_to_string(page).unwrap().contains(&address));
    console.sign_in();
    until("the file is removed", || !page.exists());
}
