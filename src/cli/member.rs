//! `hushlog member add|remove|list`: the members that secrets are sealed to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hushlog::registry::{Group, Member, MemberChange, Name, PublicKey, Recipient, Registry};
use serde_json::json;

use super::exit::Exit;
use super::harden;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, ListArgs, failure, identity, name, print_json, print_table};

/// Subcommands of `member`.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Add a member, or change the recipient or signing key of one; creates the registry if needed
    ///
    /// Adding a member reseals the shared secrets, which requires an identity that can open them.
    /// If they are sealed to the group of all members, only the identity of the group is sealed to
    /// the new member. A new recipient of a member reseals the secrets of all its groups.
    Add(AddArgs),
    /// Remove a member, and the secrets private to it
    ///
    /// The shared secrets and those of its groups are resealed to the remaining members, which
    /// requires an identity that can open them. The removed member can still open older copies of
    /// the file: save new values of these secrets.
    Remove(RemoveArgs),
    /// List the members, their recipients, signing keys and groups
    List(ListArgs),
}

/// The identity that reseals.
#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    /// The identity that opens the values to reseal [default: $HUSHLOG_IDENTITY, or
    /// ~/.config/hushlog/identity.txt]
    #[arg(long, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name of the member
    #[arg(value_name = "NAME")]
    name: String,
    /// The recipient (age1...), as printed by `hushlog keygen` or `age-keygen -y`
    #[arg(value_name = "RECIPIENT")]
    recipient: String,
    /// The public key of the member's signing key, as printed by `hushlog keygen --signing`; once a
    /// member has one, the registry must be signed
    #[arg(long, value_name = "KEY")]
    signer: Option<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The name of the member
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
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
    harden::lock_memory();
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
    harden::lock_memory();
    let own = name(&args.name)?;
    let identity = identity(args.identity.identity.as_deref())?;
    let change = args.change.update_by_anyone(|registry| registry.remove_member(&own, identity.as_ref()))?;
    summary(&format!("{own} is not a member any more{}", told(change)));
    if change.resealed > 0 {
        note("the removed member may have copies of these secrets: save new values with `hushlog secret edit`");
    }
    Ok(Exit::Done)
}

fn told(change: MemberChange) -> String {
    let count = |count, what: &str| match count {
        0 => String::new(),
        1 => format!("; 1 secret was {what}"),
        _ => format!("; {count} secrets were {what}"),
    };
    count(change.resealed, "resealed") + &count(change.gone, "private to the member, and deleted")
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let registry = args.registry.load()?;
    let signer = |member: &Member| member.signer.as_ref().map(ToString::to_string);
    if args.json {
        let members = registry.members().map(|(name, member)| {
            let (name, recipient) = (name.as_str(), member.recipient.to_string());
            json!({ "name": name, "recipient": recipient, "signer": signer(member), "groups": groups(&registry, name) })
        });
        return print_json(&members.collect());
    }
    let rows = registry.members().map(|(name, member)| {
        let groups = groups(&registry, name.as_str()).join(" ");
        vec![name.to_string(), member.recipient.to_string(), signer(member).unwrap_or_default(), groups]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    let mut titles = vec!["NAME", "RECIPIENT", "SIGNS WITH", "GROUPS"];
    if registry.groups().next().is_none() {
        titles.pop();
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    print_table(&titles, &rows)
}

/// The names of a member's groups.
fn groups<'a>(registry: &'a Registry, member: &str) -> Vec<&'a str> {
    let of_member = |(_, group): &(&Name, &Group)| group.members().any(|found| found.as_str() == member);
    registry.groups().filter(of_member).map(|(name, _)| name.as_str()).collect()
}
