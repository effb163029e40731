//! `explain --sidecar`: how often each secret was masked, and where and when last.

use std::fs;
use std::io::Write;

use crate::program::{hushlog, run};
use crate::sidecar::{Place, VALUE, until};

#[test]
fn a_running_sidecar_tells_where_each_secret_was_masked() {
    let place = Place::new();
    place.save("DB_PASSWORD", "kx-5512-lamp");
    place.save("UNUSED", "my-7741-boat");
    let config = place.streams(&[
        "name: app, source: { unix: DIR/app }, sink: { file: DIR/app.log }",
        "name: web, source: { unix: DIR/web }, sink: { file: DIR/web.log }",
    ]);
    let mut sidecar = place.start(&config);
    let explain = |args: &[&str]| {
        let socket = sidecar.path("control");
        let mut command = hushlog(["explain", "--sidecar", "--socket"]);
        run(command.arg(socket).args(args), b"")
    };
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&explain(&[args, &["--json"]].concat()).ends(0).out()).expect("JSON")
    };
    assert!(explain(&[]).ends(0).out().contains("UNUSED: a secret of the sidecar\n  not masked yet"));
    for (socket, text) in [("app", format!("a {VALUE} b {VALUE}\n")), ("web", format!("{VALUE} kx-5512-lamp\n"))] {
        sidecar.connect(socket).write_all(text.as_bytes()).expect("it reads");
        let log = sidecar.path(&format!("{socket}.log"));
        until("the text is written", || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n')));
    }
    until("the masks are counted", || json(&["API_TOKEN"])[0]["sidecar"]["masked"] == 3);
    until("the masks are counted", || json(&["DB_PASSWORD"])[0]["sidecar"]["masked"] == 1);
    let token = &json(&["API_TOKEN"])[0];
    assert_eq!(token["sidecar"]["streams"], serde_json::json!({ "app": 2, "web": 1 }));
    assert_eq!(json(&["DB_PASSWORD"])[0]["sidecar"]["last_stream"], "web");
    assert!(token["sidecar"]["last_at"].as_u64().is_some_and(|at| at > 1_700_000_000));
    let text = explain(&["API_TOKEN"]).ends(0).out();
    assert!(text.starts_with("API_TOKEN: a secret of the sidecar\n  masked 3 times, last in the stream "), "{text}");
    assert_eq!(explain(&["NOPE"]).ends(1).out(), "NOPE: the sidecar does not have this secret\n");

    // Beside a source, of which the sidecar knows one secret.
    fs::write(sidecar.path("e"), "DB_PASSWORD=kx-5512-lamp\nOTHER_TOKEN=zz-1188-tree\n").expect("room for a file");
    let dotenv = sidecar.path("e").display().to_string();
    let text = explain(&["--dotenv", &dotenv]).ends(0).out();
    assert!(text.contains("\n  by the sidecar: masked 1 time, last in the stream web, "), "{text}");
    assert!(text.contains("\n  by the sidecar: not masked yet: no stream had it\n"), "{text}");
    assert!(!text.contains("5512") && !text.contains("1188"), "{text}");
    sidecar.stop();
}

#[test]
fn without_a_sidecar_there_is_no_answer() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = hushlog(["explain", "--sidecar", "--socket"]);
    run(command.arg(dir.path().join("none")), b"").ends(2).says("no sidecar is listening");
    run(&mut hushlog(["explain", "--socket", "x"]), b"").ends(2).says("--socket needs --sidecar");
}
