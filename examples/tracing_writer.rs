//! Masks a secret in the events and spans that `tracing_subscriber` formats:
//!
//! ```sh
//! cargo run --example tracing_writer --features tracing
//! ```

use hushlog::io::RedactMakeWriter;
use hushlog::{BuildError, NeedleSet, Secret};
use tracing_subscriber::fmt::MakeWriter;

fn main() -> Result<(), BuildError> {
    run(std::io::stderr)
}

/// Writes events with a secret in a field of a span, in a field of theirs and in their text.
fn run<M>(writer: M) -> Result<(), BuildError>
where
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let token = "sk-live-4f9QzX";
    let set = NeedleSet::builder().secret(Secret::new("API_TOKEN", token.as_bytes().to_vec())).build()?;
    // The formatted event is masked, so nothing that the formatter puts together can escape.
    let writer = RedactMakeWriter::new(writer, set);
    let subscriber = tracing_subscriber::fmt().with_writer(writer).without_time().with_ansi(false).with_target(false);
    tracing::subscriber::with_default(subscriber.finish(), || {
        let _request = tracing::info_span!("request", token).entered();
        tracing::info!(user = "app", "connected");
        tracing::warn!(header = "Bearer sk-live-4f9QzX", "sk-live-4f9QzX expires");
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn fields_spans_and_texts_are_masked() {
        let output = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&output);
        run(move || Shared(Arc::clone(&writer))).unwrap();
        let masked = "[REDACTED:API_TOKEN]";
        let expected = format!(
            " INFO request{{token=\"{masked}\"}}: connected user=\"app\"\n \
             WARN request{{token=\"{masked}\"}}: {masked} expires header=\"Bearer {masked}\"\n"
        );
        assert_eq!(String::from_utf8(output.lock().unwrap().clone()).unwrap(), expected);
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
