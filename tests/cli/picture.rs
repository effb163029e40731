//! The picture at the top of the README, `docs/hushlog.svg`, drawn from a real run.
//!
//! `HUSHLOG_PICTURE=draw cargo test --test cli picture` draws it again.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::program;

/// A program that logs as programs do, and its secrets.
const SETTINGS: &str = "OPENAI_API_KEY=sk-proj-4f9QzX7Lw2\n\
    DATABASE_URL=postgres://shop:hunter2-prod@db.internal/orders\n";
const DEPLOY: &str = r#"
echo "INFO  connecting to $DATABASE_URL"
echo "DEBUG POST /v1/chat Authorization: Bearer $OPENAI_API_KEY"
echo "DEBUG {\"auth\": \"$(printf 'user:%s' "$OPENAI_API_KEY" | base64)\"}"
echo "ERROR 401 Unauthorized: key ${OPENAI_API_KEY} was revoked"
"#;
/// The commands of the picture.
const COMMANDS: [&str; 2] = ["set -a; . ./.env; ./deploy", "hushlog run --dotenv .env -- ./deploy"];

/// The width of a character, the height of a line, and the margin, in pixels.
const CHAR_WIDTH: f64 = 8.4;
const LINE_HEIGHT: usize = 21;
const MARGIN: usize = 20;

/// The output of a command in a directory with the program and its settings.
fn output(command: &str) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script =
        format!("printf '%s' '{SETTINGS}' > .env\ncat > deploy <<'EOF'\n#!/bin/sh{DEPLOY}EOF\nchmod +x deploy\n");
    let mut shell = program::script(&format!("{script}exec 2>&1\n{command}\n"));
    program::run(shell.current_dir(&dir), b"").ends(0).out()
}

/// The values whose places the picture marks in the output without hushlog. Of the base64 text,
/// the first characters encode `user:`.
fn values() -> Vec<String> {
    let encoded = output("set -a; . ./.env; printf 'user:%s' \"$OPENAI_API_KEY\" | base64");
    let url = output("set -a; . ./.env; printf %s \"$DATABASE_URL\"");
    ["sk-proj-4f9QzX7Lw2", &url, &encoded.trim()[7..]].map(str::to_owned).to_vec()
}

/// A line as text with marked parts: those of `values`, and masks.
fn marked(line: &str, values: &[String]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text = String::new();
    let mut rest = line;
    loop {
        let value = values.iter().filter_map(|value| rest.find(&**value).map(|at| (at, value.len(), "secret"))).min();
        let mask = rest.find("[REDACTED:").and_then(|at| Some((at, rest[at..].find(']')? + 1, "mask")));
        let Some((at, len, class)) = value.into_iter().chain(mask).min() else { break };
        let _ = write!(text, "{}<tspan class=\"{class}\">{}</tspan>", escape(&rest[..at]), escape(&rest[at..at + len]));
        rest = &rest[at + len..];
    }
    text + &escape(rest)
}

/// The picture: both commands as a user types them, and their outputs.
fn draw() -> String {
    let values = values();
    let mut lines = Vec::new();
    for (at, command) in COMMANDS.iter().enumerate() {
        if at > 0 {
            lines.push((String::new(), 0));
        }
        let shown = format!("$ {command}");
        lines
            .push((format!("<tspan class=\"prompt\">$</tspan> <tspan class=\"typed\">{command}</tspan>"), shown.len()));
        let output = output(command);
        lines.extend(output.lines().map(|line| (marked(line, &values), line.len())));
    }
    let columns = lines.iter().map(|(_, len)| *len).max().unwrap_or_default();
    let (width, height) = ((columns as f64 * CHAR_WIDTH) as usize + 2 * MARGIN, lines.len() * LINE_HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"The log of a program, with its secrets and with masks in their places\">\n\
         <style>\n\
         rect {{ fill: #ffffff; stroke: #d0d7de; }}\n\
         text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; white-space: pre; }}\n\
         .prompt {{ fill: #6e7781; }} .typed {{ font-weight: bold; }}\n\
         .secret {{ fill: #cf222e; }} .mask {{ fill: #1a7f37; font-weight: bold; }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         rect {{ fill: #0d1117; stroke: #30363d; }} text {{ fill: #e6edf3; }} .prompt {{ fill: #8b949e; }}\n\
         .secret {{ fill: #ff7b72; }} .mask {{ fill: #3fb950; }}\n\
         }}\n\
         </style>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        width - 1,
        height - 1,
    );
    for (at, (text, len)) in lines.iter().enumerate().filter(|(_, (text, _))| !text.is_empty()) {
        let y = MARGIN + (at + 1) * LINE_HEIGHT - 6;
        // A fixed length, so that any font keeps the columns.
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>",
            *len as f64 * CHAR_WIDTH,
        );
    }
    svg + "</svg>\n"
}

#[test]
fn picture_of_the_readme_is_a_real_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hushlog.svg");
    let drawn = draw();
    let (before, after) = drawn.split_once("hushlog run").expect("the second command");
    for value in values() {
        assert!(before.contains(&value) && !after.contains(&value), "the picture shows no difference");
    }
    if std::env::var_os("HUSHLOG_PICTURE").is_some_and(|action| action == "draw") {
        fs::write(&path, &drawn).expect("the tree can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, drawn, "draw it again: HUSHLOG_PICTURE=draw cargo test --test cli picture");
}
