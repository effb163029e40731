//! Another address, for a browser that has lost its cookie.

use std::io::Write;
use std::process::Stdio;

use rustix::process::{Signal, kill_process};

use crate::console::{Answer, Console, exchange};
use crate::program::{HUSHLOG, kill};
use crate::registry::Desk;
use crate::tty::{Terminal, eventually, state};

#[test]
fn a_signal_prints_an_address_that_ends_the_session_when_used() {
    let desk = Desk::new();
    let mut console = Console::signed_in(&desk);
    console.says("the address works once, SIGUSR1 prints another one");
    let (first, lost) = (console.token.clone(), console.cookie());
    let with = |console: &Console, cookie: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", console.authority);
        console.ask(request.as_bytes())
    };
    kill(console.pid(), "USR1");
    console.read_address();
    console.says("the address works once, and ends the session of another browser");
    assert_ne!(console.token, first);
    with(&console, &lost).is(200).says("There is no secret yet.");
    console.get(&format!("/?token={first}")).is(303);
    console.sign_in();
    with(&console, &lost).is(401).says("Press Enter there for another one");
    console.get("/").is(200);
    with(&console, "").is(401);
    assert!(!console.said().contains(&console.token), "the token is in the log");
}

#[test]
fn a_form_of_the_session_before_is_refused() {
    let desk = Desk::new();
    let mut console = Console::signed_in(&desk);
    let page = console.get("/secrets/new").is(200);
    kill(console.pid(), "USR1");
    console.read_address();
    console.sign_in();
    let fields: &[(&str, &[u8])] = &[("name", b"a-token"), ("value", b"sk-live-4f9QzX")];
    console.submit_of(&page, "/secrets/new", fields).is(403).says("The form is of another session");
    console.submit("/secrets/new", fields).is(303);
}

#[test]
fn a_line_from_a_pipe_is_enter() {
    let desk = Desk::new();
    let mut command = desk.command(HUSHLOG);
    let mut console = Console::start_with(command.args(["console", "--no-open"]), Stdio::piped());
    console.says("the address works once, Enter prints another one");
    let mut input = console.input();
    input.write_all(b"\n").unwrap();
    console.read_address();
    console.sign_in();
    // Its end has no effect.
    drop(input);
    console.get("/").is(200);
}

#[test]
fn enter_prints_an_address_and_a_background_job_goes_on() {
    let desk = Desk::new();
    let mut command = desk.command("sh");
    // The shell gives the job a group of its own, in the background.
    command.args(["-mc", &format!("{HUSHLOG} console --no-open & wait $!")]);
    let mut terminal = Terminal::start(command);
    let addresses = |terminal: &Terminal| {
        let written = terminal.written().replace(['\r', '\n'], " ");
        let address = |word: &str| -> Option<(String, String)> {
            let (host, token) = word.strip_prefix("http://")?.split_once("/?token=")?;
            Some((host.to_owned(), token.to_owned()))
        };
        written.split(' ').filter_map(address).collect::<Vec<_>>()
    };
    terminal.until("it prints an address", |terminal| addresses(terminal).len() == 1);
    let console = terminal.last_below();
    terminal.types("\n");
    terminal.looks_for(std::time::Duration::from_millis(100));
    assert_eq!((addresses(&terminal).len(), state(console)), (1, Some('S')), "the shell reads the terminal");
    kill_process(console, Signal::TERM).unwrap();
    terminal.ends();

    let mut command = desk.command(HUSHLOG);
    command.args(["console", "--no-open"]);
    let mut terminal = Terminal::start(command);
    terminal.shows("Enter prints another one");
    terminal.types("\n");
    terminal.until("it prints another address", |terminal| addresses(terminal).len() == 2);
    let (authority, token) = addresses(&terminal).pop().unwrap();
    let request = format!("GET /?token={token} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let answer: Answer = exchange(std::net::TcpStream::connect(&authority).unwrap(), request.as_bytes());
    answer.is(303);
    kill_process(terminal.pid(), Signal::TERM).unwrap();
    eventually("it ends", || state(terminal.pid()).is_none_or(|state| state == 'Z'));
}
