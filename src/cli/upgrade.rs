//! `hushlog registry upgrade`: brings the registry of an earlier program forward.

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::message::{Failure, summary};
use super::registry::ChangeArgs;

/// Subcommands of `registry`.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Give a registry of an earlier program a revision, so that machines notice an older file
    ///
    /// No value is opened. Earlier programs refuse the file from then on. New registries have a
    /// revision from the start.
    Upgrade(UpgradeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &RegistryCommand) -> Result<Exit, Failure> {
    let RegistryCommand::Upgrade(args) = command;
    // A missing registry is not created.
    args.change.registry.load()?;
    let is_changed = args.change.update_by_anyone(|registry| registry.upgrade())?;
    summary(if is_changed { "the registry has a revision now" } else { "the registry is up to date" });
    Ok(Exit::Done)
}
