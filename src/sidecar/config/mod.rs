//! The configuration: the sections of the file, and the plan made of them after all checks.

mod check;
mod plan;
mod read;
mod schema;
mod section;
mod value;

pub use plan::{OnAway, Outlet, Plan, ScrubPlan, SinkPlan, SourcePlan, Spool, StreamPlan, Way};
pub use read::{CONFIG_LEN_MAX, ConfigError};
pub use schema::schema;
pub use section::{Config, Confine, Guard, Options, Scrub, Secrets, Sink, Source, Stream};
pub use value::{At, Away, Format, Mode, ReadFrom, ReleaseAt, Size};

impl Config {
    /// Parses a configuration.
    ///
    /// Time and memory are bounded by the length of the text.
    ///
    /// # Errors
    ///
    /// When it is invalid. The error names the line and the key, and quotes no other text.
    pub fn parse(text: &[u8]) -> Result<Config, ConfigError> {
        read::parse(text)
    }
}
