//! The configuration: what stands in the file, and the plan that comes of it once all of it was checked.

mod check;
mod plan;
mod read;
mod schema;
mod section;
mod value;

pub use plan::{OnAway, Outlet, Plan, ScrubPlan, SinkPlan, SourcePlan, Spool, StreamPlan, Way};
pub use read::{CONFIG_LEN_MAX, ConfigError};
pub use schema::{Described, schema};
pub use section::{Config, Confine, Guard, Options, Scrub, Secrets, Sink, Source, Stream};
pub use value::{At, Away, Format, Mode, ReadFrom, ReleaseAt, Size};

impl Config {
    /// Reads a configuration.
    ///
    /// Time and memory are bounded by the length of the text.
    ///
    /// # Errors
    ///
    /// When it is not one. The error tells the line and the key, and nothing else of the text.
    pub fn parse(text: &[u8]) -> Result<Config, ConfigError> {
        read::parse(text)
    }
}
