//! The names that rotation gives to the files of a log: one rule for all parts of the program.
//!
//! Rotation puts a mark after a log's name (`app.log.1`, `app.log-20261124`) or before its last
//! extension (`app.1.log`, `app-20261124.log`), and a compressor adds an extension of its own
//! (`app.log.2.gz`).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The extensions of compressed files, which cannot be appended to.
const COMPRESSED: &[&str] = &["gz", "xz", "zst", "bz2", "lz4", "Z", "zip", "tmp"];

/// Marks that are words: `app.log.old`.
const WORDS: &[&[u8]] = &[b"old", b"bak", b"prev", b"previous", b"orig", b"save"];
/// The separators of a mark.
const SEPARATORS: &[u8] = b".-_@:+";
/// The minimum number of digits in a date.
const DATE_LEN: usize = 6;
/// Numbers after a log's name from here on are dates.
const NUMBER_MAX: u32 = 100_000;

/// The extension of a compressed file's name.
pub fn compressed_extension(name: &OsStr) -> Option<&'static str> {
    let extension = Path::new(name).extension()?;
    COMPRESSED.iter().copied().find(|end| extension == *end)
}

/// Whether rotation may have made `other` from a log with this name, without compressing it.
pub fn is_rotated(other: &OsStr, name: &OsStr) -> bool {
    let name = name.as_bytes();
    compressed_extension(other).is_none() && readings(other.as_bytes()).any(|reading| reading.is_of(name))
}

/// The number that rotation put after a name, as in `app.log.1`. By the usual count (`logrotate`)
/// the lowest belongs to the newest file. A date is not such a number.
pub fn number(name: &OsStr, rotated: &OsStr) -> Option<u32> {
    let number = rotated.to_str()?.strip_prefix(name.to_str()?)?.strip_prefix('.')?.parse().ok();
    number.filter(|number| *number < NUMBER_MAX)
}

/// The log names that a file of this name may have had, before rotation put a number, a date or a
/// word after the name, or a date before its extension. `web-1.log` is a log of its own: a number
/// there often marks the first of several programs.
pub fn logs_of(name: &OsStr) -> Vec<OsString> {
    let marked = |is_whole: bool| {
        let mut readings = readings(name.as_bytes());
        readings.find(|reading| reading.tail.is_empty() == is_whole && reading.is_mark())
    };
    let inner = marked(false).filter(Reading::is_date);
    marked(true).into_iter().chain(inner).map(|reading| OsString::from_vec(reading.log())).collect()
}

/// Whether rotation makes `other` from a log with this name, also by compressing it: one of
/// [`logs_of`], or with a number or word between dots, as in `app.1.log`.
pub fn is_rotated_from(other: &OsStr, name: &OsStr) -> bool {
    let is_made = |reading: &Reading<'_>| {
        let is_whole = reading.tail.is_empty() || reading.mark.starts_with(b".");
        is_whole && reading.is_mark() || reading.is_date()
    };
    readings(plain(other)).any(|reading| reading.is_of(name.as_bytes()) && is_made(&reading))
}

/// A file's name without the extension of a compressor.
fn plain(name: &OsStr) -> &[u8] {
    let bytes = name.as_bytes();
    compressed_extension(name).map_or(bytes, |end| &bytes[..bytes.len() - end.len() - 1])
}

/// An interpretation of a name as that of a log with a mark in it.
#[derive(Clone, Copy)]
struct Reading<'a> {
    /// The log's name up to the mark.
    head: &'a [u8],
    /// The log's name after the mark.
    tail: &'a [u8],
    mark: &'a [u8],
}

impl Reading<'_> {
    fn is_of(&self, log: &[u8]) -> bool {
        log.len() == self.head.len() + self.tail.len() && log.starts_with(self.head) && log.ends_with(self.tail)
    }

    fn log(&self) -> Vec<u8> {
        [self.head, self.tail].concat()
    }

    /// Whether the mark is a number or a time, which identifies a rotated file even without the log
    /// beside it.
    fn is_counted(&self) -> bool {
        let rest = self.mark.get(1..).unwrap_or_default();
        let is_of_time = |byte: &u8| byte.is_ascii_digit() || SEPARATORS.contains(byte) || b"TZ".contains(byte);
        rest.iter().any(u8::is_ascii_digit) && rest.iter().all(is_of_time)
    }

    /// Whether the mark is a number or time with as many digits as a date.
    fn is_date(&self) -> bool {
        self.is_counted() && self.mark.iter().filter(|byte| byte.is_ascii_digit()).count() >= DATE_LEN
    }

    /// Whether the mark identifies a rotated file.
    fn is_mark(&self) -> bool {
        self.is_counted() || self.is_word()
    }

    /// Whether the mark is a word that programs give to the last file.
    fn is_word(&self) -> bool {
        WORDS.contains(&self.mark.get(1..).unwrap_or_default())
    }
}

/// The interpretations of a name, the shortest log name first.
fn readings(name: &[u8]) -> impl Iterator<Item = Reading<'_>> {
    let last_dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
    let begins_mark = |byte: u8| matches!(byte, b'.' | b'-' | b'_' | b'@');
    let marks = name.iter().enumerate().filter(move |&(at, &byte)| at > 0 && begins_mark(byte));
    marks.flat_map(move |(at, _)| {
        let (head, mark) = name.split_at(at);
        let before = last_dot.filter(|&dot| dot > at);
        let inner = before.map(|dot| Reading { head, tail: &name[dot..], mark: &name[at..dot] });
        inner.into_iter().chain([Reading { head, tail: &[], mark }])
    })
}

/// The files of one log, by their indices in a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Rotated files, in the order of their marks; numbers and times compare by value.
    pub rotated: Vec<usize>,
    /// The file that rotation starts from, if it exists.
    pub current: Option<usize>,
}

/// The logs of these names that have at least two files. Takes linear time, except for sorting.
pub fn logs(names: &[OsString]) -> Vec<Log> {
    let known: HashMap<&[u8], usize> = names.iter().enumerate().map(|(at, name)| (name.as_bytes(), at)).collect();
    let mut logs: HashMap<Vec<u8>, Vec<(&[u8], usize)>> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(reading) = best(plain(name), &known) {
            logs.entry(reading.log()).or_default().push((reading.mark, at));
        }
    }
    let with_current = logs.into_iter().map(|(log, mut marked)| {
        marked.sort_by(|a, b| natural(a.0, b.0).then(a.1.cmp(&b.1)));
        Log { rotated: marked.into_iter().map(|(_, at)| at).collect(), current: known.get(&log[..]).copied() }
    });
    let mut found: Vec<Log> =
        with_current.filter(|log| log.rotated.len() + usize::from(log.current.is_some()) > 1).collect();
    found.sort_by_key(|log| log.rotated[0]);
    found
}

/// The interpretation of a rotated file's name: the longest number or time, or a word, or else the
/// shortest other mark on the name of an existing file.
fn best<'a>(name: &'a [u8], known: &HashMap<&[u8], usize>) -> Option<Reading<'a>> {
    let marked = readings(name).find(Reading::is_mark);
    // A name such as `10.0.0.1`, or one of many `part-7`, is a log of its own if no related file is
    // beside it.
    let others = readings(name).filter(|reading| !reading.is_mark() && known.contains_key(&reading.log()[..]));
    marked.or_else(|| others.last())
}

/// Compares text with numbers in it by value.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let number = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    loop {
        let (a_len, b_len) = (number(a), number(b));
        if a_len > 0 && b_len > 0 {
            let value = |text: &[u8]| text.iter().position(|&byte| byte != b'0').unwrap_or(text.len());
            let (a_digits, b_digits) = (&a[..a_len], &b[..b_len]);
            let (a_value, b_value) = (&a_digits[value(a_digits)..], &b_digits[value(b_digits)..]);
            let order = a_value.len().cmp(&b_value.len()).then(a_value.cmp(b_value));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[a_len..], &b[b_len..]);
        } else {
            match (a.split_first(), b.split_first()) {
                (Some((x, a_rest)), Some((y, b_rest))) if x == y => (a, b) = (a_rest, b_rest),
                (x, y) => return x.map(|x| x.0).cmp(&y.map(|y| y.0)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files() {
        let is = |other: &str| is_rotated(OsStr::new(other), OsStr::new("app.log"));
        assert!(
            ["app.log.1", "app.log-20261124", "app-20261124.log", "app.1.log", "app.log.old"].iter().all(|o| is(o))
        );
        let number = |other: &str| number(OsStr::new("app.log"), OsStr::new(other));
        assert_eq!((number("app.log.1"), number("app.log.20")), (Some(1), Some(20)));
        assert!(["app.log", "app.log.old", "app.1.log", "app.log1"].iter().all(|o| number(o).is_none()));
        assert_eq!(number("app.log.20261124"), None);
        assert!(!["app.log", "app.log.1.gz", "other.log.1", "app2.log", "apps.log.1"].iter().any(|o| is(o)));
    }

    #[test]
    fn a_rotated_name_identifies_its_log() {
        let logs = |name: &str| {
            let logs = logs_of(OsStr::new(name)).into_iter().map(|log| log.into_string().unwrap());
            logs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(logs("app.log.1"), "app.log");
        assert_eq!(logs("app-1.2.log.2026-11-24_10:00"), "app-1.2.log");
        assert_eq!(logs("app-20261124.log"), "app.log");
        assert_eq!(logs("0.log.20261124-101010"), "0.log");
        assert_eq!((logs("web-1.log"), logs("web-1.log.2")), (String::new(), "web-1.log".into()));
        assert_eq!((logs("app.log"), logs("0.log"), logs(".1")), Default::default());
        assert_eq!(
            (logs("app.log.old"), logs("app.log.0"), logs("app-old.log")),
            ("app.log".into(), "app.log".into(), String::new())
        );
    }

    #[test]
    fn au_names_that_other_programs_give_rotated_files() {
        let is = |other: &str| is_rotated_from(OsStr::new(other), OsStr::new("app.log"));
        // logrotate with its options, savelog, log4j and others.
        for other in [
            "app.log.1",
            "app.log.1.gz",
            "app.log-20261130",
            "app.log-20261130.gz",
            "app.log-2026-11-30",
            "app.log.0",
            "app.log-20261130-1530",
            "app.log.2026-11-30_15-30.zst",
            "app.log-1796052600",
            "app.1.log",
            "app.log.old",
            "app-20261130.log",
            "app.2026-11-30.0.log.gz",
            "app.old.log",
            "app.log.bak",
            "app.log_20261130",
        ] {
            assert!(is(other), "{other}");
        }
        for other in [
            "app.log",
            "app-1.log",
            "app-errors.log",
            "app.log.json",
            "app2.log",
            "web.log.1",
            "app.log.",
            "app.log.gz",
        ] {
            assert!(!is(other), "{other}");
        }
    }

    #[test]
    fn the_files_of_a_log_are_found_in_their_order() {
        let of = |names: &[&str]| {
            let names: Vec<OsString> = names.iter().map(OsString::from).collect();
            let name = |at: &usize| names[*at].to_str().unwrap().to_owned();
            let logs = logs(&names).into_iter();
            logs.map(|log| (log.rotated.iter().map(name).collect::<Vec<_>>().join(" "), log.current.as_ref().map(name)))
                .collect::<Vec<_>>()
        };
        let one = |rotated: &str, current: Option<&str>| vec![(rotated.to_owned(), current.map(str::to_owned))];
        assert_eq!(
            of(&["a.log.10", "a.log", "a.log.2.gz", "a.log.1", "b.log"]),
            one("a.log.1 a.log.2.gz a.log.10", Some("a.log"))
        );
        assert_eq!(
            of(&["a.log-20261127", "a.log-2026-11-26.xz", "a.log"]),
            one("a.log-2026-11-26.xz a.log-20261127", Some("a.log"))
        );
        assert_eq!(of(&["a.2.log", "a.1.log"]), one("a.1.log a.2.log", None));
        assert_eq!(of(&["a.1.log", "a.log"]), one("a.1.log", Some("a.log")));
        assert_eq!(of(&["0.log.20261127-101010.gz", "0.log"]), one("0.log.20261127-101010.gz", Some("0.log")));
        assert_eq!(of(&["a.log.old", "a.log"]), one("a.log.old", Some("a.log")));
        assert_eq!(of(&["a.log.old", "a.log.1"]), one("a.log.1 a.log.old", None));
        assert_eq!(
            of(&["a-2026-11-27T10-11-12.123.log", "a-2026-11-27T10-11-12.45.log"]),
            one("a-2026-11-27T10-11-12.45.log a-2026-11-27T10-11-12.123.log", None)
        );
        assert_eq!(of(&["a.log", "b.log", "a.txt", ".1", "x.gz", "a.log.1.gz.tmp"]), vec![]);
    }
}
