//! `docker run --env-file`: a value is the rest of the line as it stands, quotes and all. A name by
//! itself takes the value from the environment. Leading white space goes; `#` begins a comment at
//! the start of a line only.
//!
//! Source: `pkg/kvfile/kvfile.go` of github.com/docker/cli.

use memchr::memchr;

use super::scanner::lines;
use super::{Name, Reading};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let reading = |(at, line): (usize, _)| {
        let end = at + <[u8]>::len(line);
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let without = text.trim_ascii_start();
        let at = at + text.len() - without.len();
        match memchr(b'=', without) {
            Some(equals) => Reading::new(Name::new(&without[..equals], at)?, without[equals + 1..].into(), end),
            None => Reading::bare(Name::new(without, at)?, end),
        }
    };
    lines(file).filter_map(reading).collect()
}
