//! A redacting [`MakeWriter`].

use tracing_core::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::record::{LiveSet, RecordWriter};

/// Makes writers for the formatter of `tracing_subscriber` that redact each event: its message, its
/// fields and those of its spans, as formatted.
///
/// ```
/// use hushlog::{NeedleSet, Secret, io::RedactMakeWriter};
///
/// let set = NeedleSet::builder().secret(Secret::new("TOKEN", b"hunter2-prod-key".to_vec())).build()?;
/// let subscriber = tracing_subscriber::fmt().with_writer(RedactMakeWriter::new(std::io::stderr, set)).finish();
/// tracing::subscriber::with_default(subscriber, || tracing::info!(token = "hunter2-prod-key", "connected"));
/// # Ok::<(), hushlog::BuildError>(())
/// ```
///
/// Errors and memory: as [`RecordWriter`]'s; each event has one. A [`LiveSet`] allows later changes
/// of the secrets.
#[derive(Clone, Debug)]
pub struct RedactMakeWriter<M> {
    inner: M,
    live: LiveSet,
}

impl<M> RedactMakeWriter<M> {
    /// Redacts the output to the writers that `inner` makes.
    pub fn new(inner: M, set: impl Into<LiveSet>) -> RedactMakeWriter<M> {
        RedactMakeWriter { inner, live: set.into() }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactMakeWriter<M> {
    type Writer = RecordWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RecordWriter::new(self.inner.make_writer(), self.live.clone())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        RecordWriter::new(self.inner.make_writer_for(metadata), self.live.clone())
    }
}
