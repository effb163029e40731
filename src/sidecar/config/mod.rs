//! The configuration: the sections of the file, and the plan made of them after all checks.

mod check;
mod plan;
mod problem;
mod read;
mod schema;
mod section;
mod value;

pub use plan::{OnAway, Outlet, Plan, ScrubPlan, SinkPlan, SourcePlan, Spool, StreamPlan, Way};
pub use read::{CONFIG_LEN_MAX, ConfigError};
pub use schema::schema;
pub use section::{Config, Confine, Guard, Options, Scrub, SecretCommand, Secrets, Sink, Source, Stream};
pub use value::{Away, Format, Mode, ReadFrom, ReleaseAt, Size};

impl Config {
    /// Reads a configuration, and checks it without a look at the machine.
    ///
    /// Time and memory are bounded by the length of the text.
    ///
    /// # Errors
    ///
    /// When it is no configuration, a value is invalid, or two values conflict. The error names the
    /// line, the column and the keys, and quotes no other text.
    pub fn read(text: &[u8]) -> Result<(Config, Plan), ConfigError> {
        read::read(text)
    }
}
