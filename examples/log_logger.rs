//! Masks a secret in all records of the crate `log`, in front of env_logger:
//!
//! ```sh
//! cargo run --example log_logger --features log
//! ```

use std::error::Error;

use hushlog::io::{LiveSet, RedactLog};
use hushlog::{NeedleSet, Secret};
use log::LevelFilter;

fn main() -> Result<(), Box<dyn Error>> {
    let mut logger = env_logger::Builder::new();
    logger.filter_level(LevelFilter::Info);
    run(logger)
}

/// Installs the logger, and logs before and after a change of the secrets.
fn run(mut logger: env_logger::Builder) -> Result<(), Box<dyn Error>> {
    let logger = logger.format_timestamp(None).format_target(false).build();
    // A set that can be replaced while the logger runs.
    let secrets = LiveSet::from(set("sk-live-4f9QzX")?);
    log::set_boxed_logger(Box::new(RedactLog::new(logger, secrets.clone())))?;
    log::set_max_level(LevelFilter::Info);

    log::info!("connected with sk-live-4f9QzX");
    secrets.replace(set("sk-live-new-9Z")?);
    log::warn!("the next token is sk-live-new-9Z");
    Ok(())
}

fn set(token: &str) -> Result<NeedleSet, hushlog::BuildError> {
    NeedleSet::builder().secret(Secret::new("API_TOKEN", token.as_bytes().to_vec())).build()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn both_records_are_masked() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut logger = env_logger::Builder::new();
        logger.filter_level(LevelFilter::Info).target(env_logger::Target::Pipe(Box::new(writer)));
        run(logger).unwrap();
        let expected = "[INFO ] connected with [REDACTED:API_TOKEN]\n[WARN ] the next token is [REDACTED:API_TOKEN]\n";
        let mut output = vec![0; expected.len()];
        reader.read_exact(&mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
