//! The exported environment and the session, through the library.

use hushlog::Secret;
use hushlog::export::environment::{ENTRY_LEN_MAX, EXPORTED_BYTES_MAX};
use hushlog::export::{Environment, EnvironmentError, Format};
use hushlog::registry::{ExportedSecret, Rank};
use hushlog::session::Session;
use proptest::prelude::*;

fn secret(variable: &str, name: &str, value: &str, rank: Rank) -> ExportedSecret {
    ExportedSecret::new(variable, Secret::new(name, value.as_bytes().to_vec()), "v1", rank)
}

fn chosen(candidates: Vec<ExportedSecret>) -> Vec<(String, String)> {
    let environment = Environment::new(candidates).unwrap();
    let pair = |variable: &ExportedSecret| {
        (variable.variable.clone(), String::from_utf8(variable.secret.expose().to_vec()).unwrap())
    };
    environment.variables().iter().map(pair).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn secrets_override_defaults_and_private_ones_shared_ones() {
    let candidates = || {
        vec![
            secret("A", "a", "shared", Rank::Shared),
            secret("A", "a", "private", Rank::Private),
            ExportedSecret::plain("A", "default"),
            ExportedSecret::plain("B", "default"),
            secret("C", "c", "shared", Rank::Shared),
        ]
    };
    for rotation in 0..5 {
        let mut turned = candidates();
        turned.rotate_left(rotation);
        assert_eq!(chosen(turned), pairs(&[("A", "private"), ("B", "default"), ("C", "shared")]));
    }
}

#[test]
fn two_secrets_for_one_variable_conflict_whatever_their_rank() {
    for (one, other) in [(Rank::Shared, Rank::Shared), (Rank::Private, Rank::Shared), (Rank::Private, Rank::Private)] {
        let candidates = vec![secret("A_B", "a-b", "1", one), secret("A_B", "a.b", "2", other)];
        let conflict = EnvironmentError::Conflict { variable: "A_B".into(), one: "a-b".into(), other: "a.b".into() };
        assert_eq!(Environment::new(candidates).unwrap_err(), conflict);
    }
    // A duplicate secret counts once.
    let twice = vec![secret("A", "a", "1", Rank::Shared), secret("A", "a", "1", Rank::Shared)];
    assert_eq!(chosen(twice), pairs(&[("A", "1")]));
    let differs = vec![secret("A", "a", "1", Rank::Shared), secret("A", "a", "2", Rank::Shared)];
    assert!(matches!(Environment::new(differs), Err(EnvironmentError::Conflict { .. })));
}

#[test]
fn an_unexportable_secret_is_refused_even_if_overridden() {
    let refused = |candidate: ExportedSecret| {
        let winner = secret(&candidate.variable, "s", "other", Rank::Private);
        let error = Environment::new(vec![winner, candidate]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "the value shows");
        error
    };
    for name in ["", "1A", "A-B", "A=B", "A B", "\u{c4}"] {
        assert_eq!(refused(secret(name, "s", "canary", Rank::Shared)), EnvironmentError::Name { secret: "s".into() });
    }
    for name in ["PATH", "path", "LD_PRELOAD", "HUSHLOG_RUN_DIR", "BASH_ENV"] {
        let error = refused(secret(name, "s", "canary", Rank::Shared));
        assert_eq!(error, EnvironmentError::Reserved { secret: "s".into(), variable: name.into() });
    }
    assert_eq!(refused(secret("A", "s", "canary\0", Rank::Shared)), EnvironmentError::Nul { secret: "s".into() });
    let long = "canary".repeat(ENTRY_LEN_MAX / 6);
    assert_eq!(refused(secret("A", "s", &long, Rank::Shared)), EnvironmentError::TooLong { secret: "s".into() });
}

#[test]
fn the_limits_are_met_to_the_byte() {
    let of_len = |len: usize| secret("A", "a", &"x".repeat(len), Rank::Shared);
    // `A=`, and the NUL.
    assert!(Environment::new(vec![of_len(ENTRY_LEN_MAX - 3)]).is_ok());
    assert!(Environment::new(vec![of_len(ENTRY_LEN_MAX - 2)]).is_err());
    // Linux agrees: a program starts with the first and not with the second.
    let starts = |len: usize| std::process::Command::new("true").env_clear().env("A", "x".repeat(len)).status().is_ok();
    assert!(starts(ENTRY_LEN_MAX - 3));
    assert!(!starts(ENTRY_LEN_MAX - 2));

    let all = |last: usize| {
        let lens = [100_000; 10].into_iter().chain([last]);
        lens.enumerate().map(|(n, len)| secret(&format!("A{n:02}"), "a", &"x".repeat(len), Rank::Shared)).collect()
    };
    let rest = EXPORTED_BYTES_MAX - 10 * (100_000 + 3 + 2 + 8) - (3 + 2 + 8);
    assert!(Environment::new(all(rest)).is_ok());
    let error = Environment::new(all(rest + 1)).unwrap_err();
    assert!(matches!(error, EnvironmentError::TooLarge { .. }), "{error}");
}

#[test]
fn texts_are_written_without_a_copy_that_is_left_behind() {
    let of = |value: &str| Environment::new(vec![secret("A", "a", &value.repeat(1000), Rank::Shared)]).unwrap();
    let (environment, plain) = (of("it's \"$x\"\n"), of("it's "));
    for format in Format::ALL {
        let narrow = matches!(format, Format::Docker | Format::Dotenv);
        let text = format.render(if narrow { &plain } else { &environment }).unwrap();
        assert_eq!(text.len(), text.capacity(), "{format:?} grew, or was made too large");
    }
    let session = Session::new("boot", &environment).render();
    assert_eq!(session.len(), session.capacity());
}

#[test]
fn nothing_shows_a_value() {
    let environment = Environment::new(vec![secret("A", "a", "canary", Rank::Shared)]).unwrap();
    let session = Session::new("boot", &environment);
    let candidate = ExportedSecret::plain("B", "canary");
    assert!(!format!("{environment:?} {session:?} {candidate:?}").contains("canary"));
}

fn session_of(values: &[(String, Vec<u8>)], defaults: &[(String, String)]) -> Session {
    let secrets = values.iter().map(|(name, value)| {
        ExportedSecret::new(name.clone(), Secret::new(name.to_lowercase(), value.clone()), "v1", Rank::Shared)
    });
    let defaults = defaults.iter().map(|(name, value)| ExportedSecret::plain(name.clone(), value.clone()));
    Session::new("boot", &Environment::new(secrets.chain(defaults).collect()).unwrap())
}

type Shown = (Vec<(String, String, String, bool, Vec<u8>)>, Vec<(String, String)>);

fn shown(session: Session) -> Shown {
    let (entries, defaults) = session.into_parts();
    let entry = |entry: ExportedSecret| {
        let (name, value) = (entry.secret.name().to_owned(), entry.secret.expose().to_vec());
        (name, entry.variable, entry.version, entry.is_exported, value)
    };
    (entries.into_iter().map(entry).collect(), defaults.into_iter().collect())
}

proptest! {
    #[test]
    fn a_session_is_read_as_it_was_written(
        values in prop::collection::btree_map("A[A-Z0-9_]{0,8}", prop::collection::vec(1u8.., 0..2000), 0..6),
        defaults in prop::collection::btree_map("B[A-Z0-9_]{0,8}", "[^\0]{0,40}", 0..4),
    ) {
        let (values, defaults): (Vec<_>, Vec<_>) = (values.into_iter().collect(), defaults.into_iter().collect());
        let text = session_of(&values, &defaults).render();
        let expected = shown(session_of(&values, &defaults));
        prop_assert_eq!(shown(Session::parse(&text).unwrap()), expected);
        // And no prefix of it is a session.
        for len in [0, text.len() / 2, text.len() - 1] {
            prop_assert!(Session::parse(&text[..len]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..200) {
        let _ = Session::parse(&bytes);
        let mut text = session_of(&[("A".into(), b"value".to_vec())], &[("B".into(), "plain".into())]).render().to_vec();
        let at = at % text.len();
        let end = (at + 3).min(text.len());
        text.splice(at..end, bytes);
        let _ = Session::parse(&text);
    }
}

#[test]
fn earlier_exports_are_kept_once_and_in_the_same_boot() {
    let session = |value: &str| session_of(&[("A".into(), value.as_bytes().to_vec())], &[]);
    let mut second = session("second");
    second.keep(session("first"));
    let mut third = session("first");
    third.keep(second);
    let states: Vec<(Vec<u8>, bool)> = shown(third).0.into_iter().map(|entry| (entry.4, entry.3)).collect();
    assert_eq!(states, [(b"first".to_vec(), true), (b"second".to_vec(), false)]);
    let mut other = Session::new("another boot", &Environment::new(Vec::new()).unwrap());
    other.keep(session("first"));
    assert!(other.entries().is_empty());
}
