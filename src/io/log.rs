//! A redacting [`Log`].

use std::borrow::Cow;

use ::log::kv::{Error, Key, Source, Value, VisitSource};
use ::log::{Log, Metadata, Record};

use super::record::LiveSet;
use crate::redact::needle::NeedleSet;

/// A logger that redacts records and passes them to another logger, of any kind.
///
/// The message, the target, and the keys and values are redacted separately. A secret that only the
/// logger's formatting puts together is not found. Where possible, redact the logger's output
/// instead: see [`RecordWriter`](super::RecordWriter).
///
/// ```
/// use hushlog::{NeedleSet, Secret, io::RedactLog};
/// # fn logger() -> impl log::Log { env_logger::Builder::new().build() }
///
/// let set = NeedleSet::builder().secret(Secret::new("TOKEN", b"hunter2-prod-key".to_vec())).build()?;
/// log::set_boxed_logger(Box::new(RedactLog::new(logger(), set)))?;
/// log::set_max_level(log::LevelFilter::Info);
/// log::info!("token is hunter2-prod-key");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Memory: the formatted message, for each record. A value that contains a secret, and one that is
/// neither text nor a number, is passed on as text.
#[derive(Debug)]
pub struct RedactLog<L> {
    inner: L,
    live: LiveSet,
}

impl<L: Log> RedactLog<L> {
    /// Redacts the records for `inner` with the secrets of a set, or of a [`LiveSet`].
    pub fn new(inner: L, set: impl Into<LiveSet>) -> RedactLog<L> {
        RedactLog { inner, live: set.into() }
    }

    /// The inner logger.
    pub fn get_ref(&self) -> &L {
        &self.inner
    }
}

impl<L: Log> Log for RedactLog<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.inner.enabled(record.metadata()) {
            return;
        }
        let set = self.live.get();
        let target = redact(&set, record.target());
        let message = record.args().to_string();
        let pairs = Pairs::new(record.key_values(), &set);
        // Fields not named here are dropped.
        self.inner.log(
            &Record::builder()
                .level(record.level())
                .target(&target)
                .args(format_args!("{}", redact(&set, &message)))
                .module_path(record.module_path())
                .file(record.file())
                .line(record.line())
                .key_values(&pairs)
                .build(),
        );
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// Redacts a text. A region may begin or end within a character; the rest of that character is
/// replaced. Masks are text.
fn redact<'a>(set: &NeedleSet, text: &'a str) -> Cow<'a, str> {
    match set.redact_cow(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(redacted) => Cow::Owned(String::from_utf8_lossy(&redacted).into_owned()),
    }
}

/// A value passed on unchanged, or as redacted text.
enum Kept<T> {
    AsItIs(T),
    Text(String),
}

/// The pairs of a record, redacted.
struct Pairs<'a> {
    set: &'a NeedleSet,
    kept: Vec<(Kept<Key<'a>>, Kept<Value<'a>>)>,
}

impl<'a> Pairs<'a> {
    fn new(source: &'a dyn Source, set: &'a NeedleSet) -> Pairs<'a> {
        let mut pairs = Pairs { set, kept: Vec::new() };
        // Keeping a pair does not fail, and a source that fails has no further pairs.
        let _ = source.visit(&mut pairs);
        pairs
    }
}

impl<'a> VisitSource<'a> for Pairs<'a> {
    fn visit_pair(&mut self, key: Key<'a>, value: Value<'a>) -> Result<(), Error> {
        let plain = value.to_borrowed_str().is_some() || value.to_f64().is_some() || value.to_bool().is_some();
        let text = value.to_string();
        let value = match redact(self.set, &text) {
            Cow::Borrowed(_) if plain => Kept::AsItIs(value),
            redacted => Kept::Text(redacted.into_owned()),
        };
        let key = match redact(self.set, key.as_str()) {
            Cow::Borrowed(_) => Kept::AsItIs(key.clone()),
            Cow::Owned(redacted) => Kept::Text(redacted),
        };
        self.kept.push((key, value));
        Ok(())
    }
}

impl Source for Pairs<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.kept.iter().try_for_each(|(key, value)| {
            let key = match key {
                Kept::AsItIs(key) => key.clone(),
                Kept::Text(text) => Key::from_str(text),
            };
            let value = match value {
                Kept::AsItIs(value) => value.clone(),
                Kept::Text(text) => Value::from(&**text),
            };
            visitor.visit_pair(key, value)
        })
    }
}
