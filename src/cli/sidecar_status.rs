//! The status of a running sidecar for people: a table of the streams, and a few sentences.
//!
//! The table is laid out by hand. A crate for tables (comfy-table, tabled) brings borders, colours
//! and wrapping of cells; this is one table of seven columns, of which the first alone is ever cut.

use std::io;
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::termios::tcgetwinsize;
use serde_json::Value;

use super::exit::Exit;
use super::message::{self, Failure};
use super::stdio;

const TITLES: [&str; 7] = ["stream", "state", "in", "out", "masked", "waiting", "errors"];
/// The columns of words; those of numbers are aligned at the right.
const WORDS: usize = 2;
const GAP: &str = "  ";
/// The least width of the names, in characters.
const NAME_WIDTH_MIN: usize = 8;

/// Prints the status, fitted to the terminal if there is one.
pub(crate) fn print(status: &Value) -> Result<Exit, Failure> {
    let width = tcgetwinsize(io::stdout().as_fd()).ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    stdio::print(render(status, width, now).as_bytes())
}

/// The whole text. `now`: seconds since 1970.
fn render(status: &Value, width: Option<usize>, now: u64) -> String {
    let streams: Vec<&Value> = status["streams"].as_array().into_iter().flatten().collect();
    let mut text = if streams.is_empty() { String::new() } else { table(&streams, width) + "\n" };
    for sentence in sentences(status, now) {
        text.push_str(&message::shown(&sentence));
        text.push('\n');
    }
    text
}

fn table(streams: &[&Value], width: Option<usize>) -> String {
    let mut rows: Vec<[String; 7]> = vec![TITLES.map(str::to_owned)];
    rows.extend(streams.iter().map(|stream| row(stream)));
    if streams.len() > 1 {
        let sum = |key: &str| streams.iter().map(|stream| number(&stream[key])).fold(0, u64::saturating_add);
        rows.push(cells("total", "", sum));
    }
    let mut widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let all = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
    let over = width.map_or(0, |width| all.saturating_sub(width));
    widths[0] = widths[0].saturating_sub(over).max(NAME_WIDTH_MIN.min(widths[0]));
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{:width$}", cut(cell, width)),
            column if column < WORDS => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(stream: &Value) -> [String; 7] {
    let open = number(&stream["open"]);
    let state = match (stream["is_away"].as_bool(), open) {
        (Some(true), _) => "sink away".to_owned(),
        (_, 0) => "idle".to_owned(),
        (_, open) => format!("{open} open"),
    };
    cells(stream["name"].as_str().unwrap_or_default(), &state, |key| number(&stream[key]))
}

fn cells(name: &str, state: &str, figure: impl Fn(&str) -> u64) -> [String; 7] {
    [
        message::shown(name),
        state.to_owned(),
        bytes(figure("bytes_in")),
        bytes(figure("bytes_finished")),
        figure("masked").to_string(),
        bytes(figure("waiting")),
        figure("errors").to_string(),
    ]
}

/// The facts that are no figures of a stream.
fn sentences(status: &Value, now: u64) -> Vec<String> {
    let secrets = &status["secrets"];
    let masked = count(number(&secrets["masked"]), "secret");
    let age = secrets["read_at"]
        .as_u64()
        .map_or_else(String::new, |read| format!(", read {} ago", span(now.saturating_sub(read))));
    let set = number(&secrets["set"]);
    let mut sentences = vec![format!("{masked} masked{age} (set {set})")];
    let added: Vec<&str> = secrets["added"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !added.is_empty() {
        sentences.push(format!("{} by hand: {}", count(added.len() as u64, "secret"), added.join(", ")));
    }
    if let Some(error) = secrets["error"].as_str() {
        sentences.push(format!("the last reload failed, the secrets before it stay masked: {error}"));
    }
    for sink in status["sinks"].as_array().into_iter().flatten() {
        let (name, dropped) = (sink["name"].as_str().unwrap_or_default(), number(&sink["dropped"]));
        let dropped = if dropped > 0 { format!("{} dropped", count(dropped, "piece")) } else { String::new() };
        match (sink["away"].as_bool(), dropped.is_empty()) {
            (Some(true), true) => sentences.push(format!("{name} is unavailable")),
            (Some(true), false) => sentences.push(format!("{name} is unavailable, {dropped}")),
            (_, false) => sentences.push(format!("{name}: {dropped}")),
            (_, true) => {}
        }
    }
    let up = span(number(&status["uptime_seconds"]));
    sentences.push(match status["phase"].as_str() {
        Some("starting") => format!("starting for {up}"),
        Some("stopping") => format!("stopping after {up}"),
        _ => format!("running for {up}"),
    });
    sentences
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A number of things: `1 secret`, `2 secrets`.
pub(super) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A span of time in its largest unit, rounded down.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => count(seconds, "second"),
        60..3_600 => count(seconds / 60, "minute"),
        3_600..86_400 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

/// A number of bytes in its largest binary unit, with one digit behind the point.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1 << 10 {
        return format!("{bytes} B");
    }
    let unit = (bytes.ilog2() / 10 - 1) as usize;
    // In tenths of the unit, by whole numbers: 1023.99 KiB must not become 1024.0 KiB.
    let tenths = (u128::from(bytes) * 10) >> (10 * (unit + 1));
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A name cut to this many characters.
fn cut(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stream(name: &str, open: u64, figures: [u64; 5], is_away: bool) -> Value {
        let [bytes_in, bytes_finished, masked, waiting, errors] = figures;
        json!({
            "name": name, "open": open, "bytes_in": bytes_in, "bytes_finished": bytes_finished,
            "masked": masked, "waiting": waiting, "errors": errors, "is_away": is_away,
        })
    }

    fn status(streams: &[Value]) -> Value {
        json!({
            "phase": "ready", "uptime_seconds": 7_300,
            "secrets": { "masked": 2, "names": ["A"], "added": ["B"], "read_at": 1_000, "set": 3, "error": null },
            "streams": streams,
            "sinks": [{ "name": "the file /out", "away": false, "dropped": 0 }],
        })
    }

    #[test]
    fn the_table_of_two_streams_has_totals() {
        let streams = [
            stream("app", 1, [1_536, 1_536, 14, 0, 0], false),
            stream("syslog", 0, [5 << 20, 4 << 20, 0, 1 << 20, 2], true),
        ];
        let mut status = status(&streams);
        status["sinks"][0] = json!({ "name": "the socket /clean", "away": true, "dropped": 1 });
        status["secrets"]["error"] = json!("cannot read /run/secrets: no such file or directory");
        let expected = "\
stream  state           in      out  masked  waiting  errors
app     1 open     1.5 KiB  1.5 KiB      14      0 B       0
syslog  sink away  5.0 MiB  4.0 MiB       0  1.0 MiB       2
total              5.0 MiB  4.0 MiB      14  1.0 MiB       2

2 secrets masked, read 5 minutes ago (set 3)
1 secret by hand: B
the last reload failed, the secrets before it stay masked: cannot read /run/secrets: no such file or directory
the socket /clean is unavailable, 1 piece dropped
running for 2 hours
";
        assert_eq!(render(&status, None, 1_300), expected);
    }

    #[test]
    fn one_stream_and_one_secret_are_singular() {
        let mut status = status(&[stream("app", 0, [1, 1, 1, 0, 0], false)]);
        status["secrets"] = json!({ "masked": 1, "added": [], "read_at": 1_000, "set": 1, "error": null });
        status["uptime_seconds"] = json!(1);
        let expected = "\
stream  state   in  out  masked  waiting  errors
app     idle   1 B  1 B       1      0 B       0

1 secret masked, read 1 minute ago (set 1)
running for 1 second
";
        assert_eq!(render(&status, None, 1_060), expected);
    }

    #[test]
    fn a_long_name_is_cut_to_the_terminal() {
        let status = status(&[stream(&"long-name.".repeat(6), 3, [1, 1, 1, 0, 0], false)]);
        let lines = |width| render(&status, width, 1_000).lines().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert!(lines(None)[1].starts_with(&"long-name.".repeat(6)));
        let fitted = lines(Some(60));
        assert!(fitted.iter().all(|line| line.chars().count() <= 60), "{fitted:?}");
        assert!(fitted[1].starts_with("long-name.lo") && fitted[1].contains("…  3 open"), "{fitted:?}");
        assert!(lines(Some(10))[1].starts_with("long-na…  3 open"), "no name at all");
    }

    #[test]
    fn an_answer_of_another_shape_is_no_panic() {
        for status in [json!({}), json!({ "streams": [null, 5, {}], "sinks": {}, "secrets": [] })] {
            assert!(render(&status, Some(1), 0).contains("0 secrets masked (set 0)\n"));
        }
        let escape = json!({ "streams": [stream("\u{1b}[2J", 0, [0; 5], false)], "sinks": [{ "name": "\u{202e}", "away": true }] });
        assert!(!render(&escape, None, 0).contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn bytes_are_shown_in_their_largest_unit() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
