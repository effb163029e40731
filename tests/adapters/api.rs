//! Guarantees for embedders that no signature shows: the types that may cross threads and live
//! through a caught panic. A broken guarantee fails to compile.

use std::panic::{RefUnwindSafe, UnwindSafe};

use hushlog::io::{LiveSet, RecordWriter, RedactReader, RedactWriter, Release};
use hushlog::{
    BuildError, Finder, Form, Mask, NeedleSet, NeedleSetBuilder, Notice, NoticeKind, Overlay, Piece, PieceKind,
    Redacted, Redactor, Region, Secret,
};

fn crosses_threads<T: Send + Sync>() {}
fn lives_through_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn is_free<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin + 'static>() {}

#[test]
fn everything_crosses_threads_and_lives_through_panics() {
    is_free::<NeedleSet>();
    is_free::<NeedleSetBuilder>();
    is_free::<Redactor>();
    is_free::<Finder>();
    is_free::<Overlay>();
    is_free::<Secret>();
    is_free::<Mask>();
    is_free::<Region>();
    is_free::<Form>();
    is_free::<Notice>();
    is_free::<NoticeKind>();
    is_free::<BuildError>();
    is_free::<Release>();
    is_free::<LiveSet>();
    is_free::<RedactWriter<Vec<u8>>>();
    is_free::<RedactReader<std::io::Empty>>();
    is_free::<RecordWriter<Vec<u8>>>();
    crosses_threads::<Redacted<'_>>();
    lives_through_panics::<Redacted<'_>>();
    crosses_threads::<Piece<'_>>();
    lives_through_panics::<Piece<'_>>();
    is_free::<PieceKind>();
}

#[cfg(feature = "tokio")]
#[test]
fn the_asynchronous_adapters_may_be_spawned() {
    use hushlog::io::{AsyncRedactReader, AsyncRedactWriter, RedactDecoder, RedactEncoder};

    is_free::<AsyncRedactWriter<Vec<u8>>>();
    is_free::<AsyncRedactReader<tokio::io::Empty>>();
    is_free::<RedactEncoder>();
    is_free::<RedactDecoder>();
    // So is an embedder's own future.
    fn spawned(_: impl Send) {}
    let set = std::sync::Arc::new(NeedleSet::builder().build().expect("an empty set"));
    let mut writer = AsyncRedactWriter::new(Vec::new(), Redactor::new(set));
    spawned(writer.finish());
}

#[cfg(all(feature = "log", feature = "tracing"))]
#[test]
fn loggers_are_for_all_threads() {
    fn is_logger<T: log::Log>() {}
    is_logger::<hushlog::io::RedactLog<env_logger::Logger>>();
    is_free::<hushlog::io::RedactMakeWriter<fn() -> std::io::Stderr>>();
}

/// Every public error is a standard error that may cross threads.
#[test]
fn errors_are_errors_of_all_threads() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<BuildError>();
    #[cfg(target_os = "linux")]
    is_error::<hushlog::io::PumpError>();
}
