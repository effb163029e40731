//! Loggers, with the common crates: each record is emitted once, complete, and without the secret.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use hushlog::io::{LiveSet, RecordWriter, RedactLog, RedactMakeWriter};
use hushlog::{NeedleSet, Secret};
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing_subscriber::fmt::MakeWriter;

const VALUE: &str = "hunter2-prod-key";
/// Base64 of the value.
const ENCODED: &str = "aHVudGVyMi1wcm9kLWtleQ==";
const MASK: &str = "[REDACTED:TOKEN]";
const KEY: &str = "first line of it\nsecond line of it";

fn set() -> NeedleSet {
    NeedleSet::builder().secret(Secret::new("TOKEN", VALUE.as_bytes().to_vec())).build().expect("the mask fits")
}

fn set_with_lines() -> NeedleSet {
    let secrets = [("TOKEN", VALUE), ("KEY", KEY)].map(|(name, value)| Secret::new(name, value.into()));
    secrets.into_iter().fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build().expect("it fits")
}

/// The data of each call, and whether the next call fails.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<(Vec<String>, bool)>>);

impl Sink {
    fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }

    fn fail(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sink = self.0.lock().unwrap();
        if std::mem::take(&mut sink.1) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        sink.0.push(String::from_utf8(bytes.to_vec()).expect("text"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        self.clone()
    }
}

#[test]
fn tracing_events_come_out_whole_and_masked() {
    let sink = Sink::default();
    let make = RedactMakeWriter::new(sink.clone(), set());
    let subscriber = tracing_subscriber::fmt().with_writer(make).without_time().with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request", password = VALUE).entered();
        tracing::info!(token = VALUE, user = "app", "connected with {ENCODED}");
        tracing::warn!(bytes = ?VALUE.as_bytes(), "nothing to hide");
        drop(span);
        tracing::error!("a line\nand {VALUE}\nin three");
    });
    let calls = sink.calls();
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls.iter().all(|call| !call.contains(VALUE) && !call.contains(ENCODED)));
    assert_eq!(calls[0].matches(MASK).count(), 3, "{calls:?}");
    assert!(calls[2].ends_with(&format!("a line\nand {MASK}\nin three\n")), "{calls:?}");
}

#[test]
fn a_tracing_writer_that_fails_gets_nothing_raw_later() {
    let sink = Sink::default();
    let make = RedactMakeWriter::new(sink.clone(), set_with_lines());
    let subscriber = tracing_subscriber::fmt().with_writer(make).without_time().with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        sink.fail();
        tracing::info!("lost {VALUE}");
        tracing::info!("kept {VALUE}");
    });
    let calls = sink.calls();
    assert!(calls.len() == 1 && calls[0].ends_with(&format!("kept {MASK}\n")), "{calls:?}");
}

#[test]
fn a_live_set_changes_the_masks_of_a_running_logger() {
    let live = LiveSet::from(NeedleSet::builder().build().expect("an empty set"));
    let sink = Sink::default();
    let make = RedactMakeWriter::new(sink.clone(), live.clone());
    let subscriber = tracing_subscriber::fmt().with_writer(make).without_time().with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("{VALUE}");
        live.replace(set());
        tracing::info!("{VALUE}");
    });
    let calls = sink.calls();
    assert!(calls[0].contains(VALUE) && calls[1].contains(MASK) && !calls[1].contains(VALUE));
    assert!(!live.get().is_empty());
}

fn record(logger: &dyn Log, target: &str, message: std::fmt::Arguments<'_>, pairs: &[(&str, Value<'_>)]) {
    let pairs: Vec<(Key<'_>, Value<'_>)> =
        pairs.iter().map(|(key, value)| (Key::from_str(key), value.clone())).collect();
    logger.log(&Record::builder().level(Level::Info).target(target).args(message).key_values(&pairs).build());
}

#[test]
fn env_logger_writes_whole_records() {
    let sink = Sink::default();
    let writer = RecordWriter::new(sink.clone(), set_with_lines());
    let target = env_logger::Target::Pipe(Box::new(writer));
    let logger = env_logger::Builder::new().target(target).filter_level(LevelFilter::Info).build();
    record(&logger, "app", format_args!("a {VALUE} {ENCODED}"), &[("token", Value::from(VALUE))]);
    record(&logger, "app", format_args!("clean"), &[("n", Value::from(7))]);
    let calls = sink.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[0].matches(MASK).count() == 3 && !calls[0].contains("hunter2"), "{calls:?}");
    assert!(calls[1].contains("clean") && calls[1].contains('7'), "{calls:?}");
}

/// fern writes a record in pieces: no cut shows a secret, and the record is emitted whole.
#[test]
fn fern_writes_whole_records() {
    let sink = Sink::default();
    for set in [set(), set_with_lines()] {
        let writer: Box<dyn Write + Send> = Box::new(RecordWriter::new(sink.clone(), set));
        let (_, logger) = fern::Dispatch::new()
            .format(|out, message, _| out.finish(format_args!("[{}{}] {message}", &VALUE[..7], &VALUE[7..])))
            .chain(writer)
            .into_log();
        record(&*logger, "app", format_args!("a {VALUE}"), &[]);
        record(&*logger, "app", format_args!("{KEY}"), &[]);
    }
    let calls = sink.calls();
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert!(calls.iter().all(|call| call.contains(MASK) && call.ends_with('\n') && !call.contains("hunter2")));
    assert!(calls[1].contains("first line") && calls[3].contains("[REDACTED:KEY]"), "{calls:?}");
}

/// A secret of several lines that is logged line by line: the first line waits for the second.
#[test]
fn a_secret_over_two_writes_is_seen() {
    let sink = Sink::default();
    let mut writer = RecordWriter::new(
        sink.clone(),
        NeedleSet::builder().encodings(false).secret(Secret::new("KEY", KEY.into())).build().expect("the mask fits"),
    );
    let (first, second) = KEY.split_at(KEY.find('\n').unwrap() + 1);
    writer.write_all(first.as_bytes()).unwrap();
    assert_eq!(sink.calls(), Vec::<String>::new());
    writer.write_all(format!("{second}, and\n").as_bytes()).unwrap();
    assert_eq!(sink.calls(), ["[REDACTED:KEY], and\n"]);
    writer.write_all(first.as_bytes()).unwrap();
    drop(writer);
    assert_eq!(sink.calls()[1..], ["[REDACTED:KEY]"], "the beginning of a secret, and no more");
}

#[test]
fn a_record_without_a_newline_goes_out_with_its_writer() {
    let sink = Sink::default();
    let mut writer = RecordWriter::new(sink.clone(), set());
    write!(writer, "no newline {}", &VALUE[..5]).unwrap();
    assert_eq!(sink.calls(), Vec::<String>::new());
    drop(writer);
    assert_eq!(sink.calls(), [format!("no newline {}", &VALUE[..5])]);
}

#[test]
fn a_record_that_cannot_be_written_is_an_error_and_lost() {
    for set in [set(), set_with_lines()] {
        let sink = Sink::default();
        let mut writer = RecordWriter::new(sink.clone(), set);
        sink.fail();
        let error = writer.write_all(format!("lost {VALUE}\n").as_bytes()).expect_err("the sink is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        writer.write_all(b"kept\n").unwrap();
        drop(writer);
        assert_eq!(sink.calls(), ["kept\n"]);
    }
}

/// A logger that records all its input.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Log for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != "quiet"
    }

    fn log(&self, record: &Record<'_>) {
        struct Visit<'a>(&'a mut String);
        impl<'kvs> VisitSource<'kvs> for Visit<'_> {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
                let number = if value.to_i64().is_some() { "#" } else { "" };
                self.0.push_str(&format!(" {key}={number}{value}"));
                Ok(())
            }
        }
        let mut note = format!("{} {}", record.target(), record.args());
        record.key_values().visit(&mut Visit(&mut note)).unwrap();
        self.0.lock().unwrap().push(note);
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_behind_sees_no_secret_in_any_part_of_a_record() {
    let logger = RedactLog::new(Notes::default(), set());
    let debug = Value::from_debug(&VALUE);
    let pairs = [("user", Value::from("app")), ("n", Value::from(7)), (VALUE, Value::from(VALUE)), ("debug", debug)];
    record(&logger, VALUE, format_args!("a {}{} {ENCODED}", &VALUE[..4], &VALUE[4..]), &pairs);
    record(&logger, "quiet", format_args!("not asked for"), &[]);
    let notes = logger.get_ref().0.lock().unwrap();
    let expected = format!("{MASK} a {MASK} {MASK} user=app n=#7 {MASK}={MASK} debug=\"{MASK}\"");
    assert_eq!(*notes, [expected]);
}

/// A number may be a secret, too.
#[test]
fn a_number_that_is_a_secret_is_masked() {
    let set = NeedleSet::builder().secret(Secret::new("PIN", b"481516234".to_vec())).build().expect("the mask fits");
    let logger = RedactLog::new(Notes::default(), set);
    record(&logger, "app", format_args!("pin"), &[("pin", Value::from(481516234)), ("n", Value::from(481516235))]);
    assert_eq!(*logger.get_ref().0.lock().unwrap(), ["app pin pin=[REDACTED:PIN] n=#481516235"]);
}
