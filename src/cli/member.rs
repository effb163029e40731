//! `hushlog member add|remove|list`: the members that secrets are sealed to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hushlog::registry::{MemberChange, PublicKey, Recipient};
use serde_json::json;

use super::exit::Exit;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, RegistryArgs, failure, identity, name, print_json, print_table};

/// What can be done with members.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Add a member, or give one another recipient or signing key; makes the registry if there is
    /// none
    ///
    /// What is shared is sealed to the new recipient too, which takes an identity that can open it.
    Add(AddArgs),
    /// Remove a member, and what is private to it
    ///
    /// What is shared is sealed anew to the others, which takes an identity that can open it.
    /// Copies of the file from before can still be opened by who was removed: save new values of
    /// what is shared.
    Remove(RemoveArgs),
    /// List the members, their recipients, and the keys that they sign with
    List(ListArgs),
}

/// What seals anew.
#[derive(Debug, Args)]
struct IdentityArgs {
    /// Opens what has to be sealed anew [default: $HUSHLOG_IDENTITY, or
    /// ~/.config/hushlog/identity.txt]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Its recipient, as `hushlog keygen` and `age-keygen -y` print it: age1...
    #[arg(value_name = "RECIPIENT")]
    recipient: String,
    /// The public key that it signs with, as `hushlog keygen --signing` prints it; from then on the
    /// registry has to be signed
    #[arg(long, value_name = "KEY")]
    signer: Option<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &MemberCommand) -> Result<Exit, Failure> {
    match command {
        MemberCommand::Add(args) => add(args),
        MemberCommand::Remove(args) => remove(args),
        MemberCommand::List(args) => list(args),
    }
}

fn add(args: &AddArgs) -> Result<Exit, Failure> {
    let own = name(&args.name)?;
    let recipient: Recipient = args.recipient.parse().map_err(failure)?;
    let signer: Option<PublicKey> = args.signer.as_deref().map(str::parse).transpose().map_err(failure)?;
    let identity = identity(args.identity.identity.as_deref())?;
    let change =
        args.change.update_by_anyone(|registry| registry.set_member(&own, recipient, signer, identity.as_ref()))?;
    summary(&format!("{own} is a member{}", told(change)));
    Ok(Exit::Done)
}

fn remove(args: &RemoveArgs) -> Result<Exit, Failure> {
    let own = name(&args.name)?;
    let identity = identity(args.identity.identity.as_deref())?;
    let change = args.change.update_by_anyone(|registry| registry.remove_member(&own, identity.as_ref()))?;
    summary(&format!("{own} is no member any more{}", told(change)));
    if change.resealed > 0 {
        note("it may have kept copies: save new values of what is shared, with `hushlog secret edit`");
    }
    Ok(Exit::Done)
}

fn told(change: MemberChange) -> String {
    let count = |count, what: &str| match count {
        0 => String::new(),
        1 => format!("; 1 secret was {what}"),
        _ => format!("; {count} secrets were {what}"),
    };
    count(change.resealed, "sealed anew") + &count(change.gone, "private to it, and deleted")
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let registry = args.registry.load()?;
    let members = registry.members().map(|(name, member)| {
        (name.to_string(), member.recipient.to_string(), member.signer.as_ref().map(ToString::to_string))
    });
    let members: Vec<(String, String, Option<String>)> = members.collect();
    if args.json {
        let of = |(name, recipient, signer): &(String, String, Option<String>)| json!({ "name": name, "recipient": recipient, "signer": signer });
        return print_json(&members.iter().map(of).collect());
    }
    let row =
        |(name, recipient, signer): (String, String, Option<String>)| vec![name, recipient, signer.unwrap_or_default()];
    print_table(&["NAME", "RECIPIENT", "SIGNS WITH"], &members.into_iter().map(row).collect::<Vec<_>>())
}
