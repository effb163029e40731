//! The library around the engine: the guarantees of its types, and the adapters.

mod api;
#[cfg(feature = "tokio")]
mod async_io;
mod io;
#[cfg(all(feature = "log", feature = "tracing"))]
mod loggers;
mod relay;
