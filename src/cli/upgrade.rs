//! `hushlog registry upgrade`: brings the registry of an earlier program forward.

use clap::{Args, Subcommand};
use hushlog::registry::{GROUP_OF_ALL, Registry, Scope};

use super::exit::Exit;
use super::message::{Failure, note, summary};
use super::registry::ChangeArgs;

/// With this number of members, the group of all makes the file and each change much smaller.
const MEMBERS_MANY: usize = 16;

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
    let (is_changed, lone) = args.change.update_by_anyone(|registry| Ok((registry.upgrade()?, lone(registry))))?;
    summary(if is_changed { "the registry has a revision now" } else { "the registry is up to date" });
    if let Some(members) = lone {
        note(&format!(
            "each shared secret is sealed to {members} members; `hushlog group add all` seals it once, to all of them"
        ));
    }
    Ok(Exit::Done)
}

/// The number of members that shared secrets are sealed to one by one, if it is large.
fn lone(registry: &Registry) -> Option<usize> {
    let has_group = registry.groups().any(|(name, _)| name.as_str() == GROUP_OF_ALL);
    let has_shared = registry.secrets().any(|(_, scope, entry)| scope == Scope::Shared && entry.group().is_none());
    let members = registry.members().count();
    (!has_group && has_shared && members >= MEMBERS_MANY).then_some(members)
}
