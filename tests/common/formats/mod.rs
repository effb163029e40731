//! Fuzz targets for the file formats: hushlog reads or refuses any content, and reads its own
//! output as the same. Shared by `tests/engine/corpus_formats.rs` and `fuzz/`.

#![allow(unreachable_pub, reason = "used by another crate as well")]

mod sidecar_config;

use hushlog::Secret;
use hushlog::export::{Environment, Format};
use hushlog::registry::{ExportedSecret, Rank, Registry};
use hushlog::session::Session;
use hushlog::source::dotenv::{self, Dialect, Entry};

pub use sidecar_config::sidecar_config;

/// A function that checks an input.
pub type Target = fn(&[u8]);

/// A target and its name, which is also the name of its corpus.
pub const TARGETS: [(&str, Target); 4] =
    [("dotenv", dotenv), ("session", session), ("registry", registry), ("sidecar_config", sidecar_config)];

/// A registry: if read, it can be written, and is then read as the same.
pub fn registry(bytes: &[u8]) {
    let Ok(registry) = Registry::parse(bytes) else { return };
    if registry.signers().next().is_none() {
        let text = registry.to_text(None).expect("what was read can be written");
        let again = Registry::parse(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.to_text(None).expect("as before"), text);
        assert!(again.secrets().eq(registry.secrets()) && again.members().eq(registry.members()));
        assert!(again.environments().eq(registry.environments()));
    }
}

/// NAME=VALUE lines: a comment before a file changes nothing, no file swallows a line behind it,
/// and the exported formats are read back.
pub fn dotenv(bytes: &[u8]) {
    let file = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let read = dotenv::parse(bytes);
    // A copy of an environment, with a NUL behind each entry, has no comments.
    if !bytes.contains(&0) {
        let behind_comment = dotenv::parse(&[b"# a comment\n\n", file].concat());
        assert!(seen_in(&read).eq(seen_in(&behind_comment)), "other entries behind a comment");
        let unread = behind_comment.unread.iter().map(|line| line - 2);
        assert!(unread.eq(read.unread), "other lines behind a comment");
    }
    let before_line = dotenv::parse(&[file, b"\nLAST=a line\n"].concat());
    let is_last = |entry: &Entry| entry.name == "LAST" && entry.value.as_deref() == Some(b"a line");
    assert!(before_line.entries.iter().any(is_last), "an entry was swallowed");
    let environment = environment(bytes);
    let formats = [
        (Format::Dotenv, Dialect::Sh),
        (Format::Systemd, Dialect::Systemd),
        (Format::Sh, Dialect::Sh),
        (Format::Docker, Dialect::Docker),
    ];
    for (format, dialect) in formats {
        let Ok(text) = format.render(&environment) else { continue };
        let read = dotenv::parse(&text);
        let read = read.entries.iter().filter(|entry| entry.dialects.contains(dialect));
        let read = read.map(|entry| (entry.name.as_str(), entry.value.as_deref().unwrap_or_default()));
        let pairs =
            environment.variables().iter().map(|variable| (variable.variable.as_str(), variable.secret.expose()));
        assert!(read.eq(pairs), "{format:?} is read as something else");
    }
}

fn seen_in(file: &dotenv::File) -> impl Iterator<Item = (&str, Option<&[u8]>, bool)> {
    file.entries.iter().map(|entry| (&*entry.name, entry.value.as_deref(), entry.is_masked))
}

/// A session: if read, it can be written, and is then read as the same; so is a session made of the
/// input.
pub fn session(bytes: &[u8]) {
    if let Ok(session) = Session::parse(bytes) {
        let text = session.render();
        assert!(seen(&session).eq(seen(&parsed(&text))), "the secrets have changed");
        assert!(*parsed(&text).render() == *text, "what was written is read as something else");
    }
    let made = Session::new("boot", &environment(bytes));
    let read = parsed(&made.render());
    assert!(seen(&made).eq(seen(&read)) && made.boot() == read.boot() && made.into_parts().1 == read.into_parts().1);
}

/// The secrets in a session.
fn seen(session: &Session) -> impl Iterator<Item = (&str, &[u8], bool)> {
    session.entries().iter().map(|entry| (entry.secret.name(), entry.secret.expose(), entry.is_exported))
}

fn parsed(text: &[u8]) -> Session {
    Session::parse(text).unwrap_or_else(|error| panic!("what was written cannot be read: {error}"))
}

/// Variables with parts of the input as values; every third is a plain default, which is text.
fn environment(bytes: &[u8]) -> Environment {
    let values = bytes.split(|&byte| byte == 0xff || byte == 0).take(6).enumerate();
    let variables = values.map(|(n, value)| {
        let name = format!("V{n}");
        if n % 3 == 2 && std::str::from_utf8(value).is_ok() {
            return ExportedSecret::plain(name, value);
        }
        ExportedSecret::new(name.clone(), Secret::new(name, value.to_vec()), format!("{n}"), Rank::Shared)
    });
    Environment::new(variables.collect()).expect("short values with fit names and no NUL")
}
