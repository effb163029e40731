//! `hushlog group add|remove|join|leave|list`: groups of members that secrets are sealed to.

use clap::{Args, Subcommand};
use hushlog::registry::{Error, GROUP_OF_ALL, GroupChange, Identity, Name, Registry};
use serde_json::json;

use super::exit::Exit;
use super::harden;
use super::member::IdentityArgs;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, ListArgs, identity, name, print_json, print_table};

/// Subcommands of `group`.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group of members, or seal the shared secrets to the group of all members (`all`)
    ///
    /// The group `all` always has every member. Making it reseals the shared secrets, which
    /// requires an identity that can open them. From then on, a new member costs one sealed
    /// identity, and a shared secret is sealed once. Earlier versions of hushlog refuse a registry
    /// with groups.
    Add(AddArgs),
    /// Remove a group without secrets, or seal the shared secrets to each member again (`all`)
    Remove(RemoveArgs),
    /// Let members open the secrets of a group
    ///
    /// The identity of the group is sealed to them, which requires the identity of a member of it.
    /// A group without secrets requires none. No secret is resealed.
    Join(MembersArgs),
    /// Take members out of a group
    ///
    /// The group gets a new identity, and its secrets are resealed to it, which requires the
    /// identity of a member of it. Members that left can still open older copies of the file: save
    /// new values of the group's secrets.
    Leave(MembersArgs),
    /// List the groups, their members and the number of their secrets
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name of the group
    #[arg(value_name = "GROUP")]
    group: String,
    /// Its members; none for `all`
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The name of the group
    #[arg(value_name = "GROUP")]
    group: String,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    /// The name of the group
    #[arg(value_name = "GROUP")]
    group: String,
    /// The names of the members
    #[arg(value_name = "MEMBER", required = true)]
    members: Vec<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &GroupCommand) -> Result<Exit, Failure> {
    match command {
        GroupCommand::Add(args) => add(args),
        GroupCommand::Remove(args) => remove(args),
        GroupCommand::Join(args) => join(args),
        GroupCommand::Leave(args) => leave(args),
        GroupCommand::List(args) => list(args),
    }
}

/// Changes an existing registry, with the identity.
fn change(
    change: &ChangeArgs,
    args: &IdentityArgs,
    apply: impl FnOnce(&mut Registry, Option<&Identity>) -> Result<GroupChange, Error>,
) -> Result<GroupChange, Failure> {
    harden::lock_memory();
    // A missing registry is not created.
    change.registry.load()?;
    let identity = identity(args.identity.as_deref())?;
    change.update_by_anyone(|registry| apply(registry, identity.as_ref()))
}

fn names(names: &[String]) -> Result<Vec<Name>, Failure> {
    names.iter().map(|text| name(text)).collect()
}

fn add(args: &AddArgs) -> Result<Exit, Failure> {
    let (own, members) = (name(&args.group)?, names(&args.members)?);
    let made = change(&args.change, &args.identity, |registry, identity| registry.add_group(&own, &members, identity))?;
    summary(&format!("{own} is a group of {}{}", counted(made.members, "member"), resealed(made)));
    Ok(Exit::Done)
}

fn remove(args: &RemoveArgs) -> Result<Exit, Failure> {
    let own = name(&args.group)?;
    let removed = change(&args.change, &args.identity, |registry, identity| registry.remove_group(&own, identity))?;
    summary(&format!("{own} is not a group any more{}", resealed(removed)));
    Ok(Exit::Done)
}

fn join(args: &MembersArgs) -> Result<Exit, Failure> {
    let (own, members) = (name(&args.group)?, names(&args.members)?);
    let joined =
        change(&args.change, &args.identity, |registry, identity| registry.join_group(&own, &members, identity))?;
    summary(&match joined.members {
        0 => format!("nothing to do: all of them are in {own}"),
        count => format!("{} joined {own}", counted(count, "member")),
    });
    Ok(Exit::Done)
}

fn leave(args: &MembersArgs) -> Result<Exit, Failure> {
    let (own, members) = (name(&args.group)?, names(&args.members)?);
    let left =
        change(&args.change, &args.identity, |registry, identity| registry.leave_group(&own, &members, identity))?;
    summary(&format!("{} left {own}{}", counted(left.members, "member"), resealed(left)));
    if left.resealed > 0 {
        note("members that left may have copies of the group's secrets: save new values with `hushlog secret edit`");
    }
    Ok(Exit::Done)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn resealed(change: GroupChange) -> String {
    match change.resealed {
        0 => String::new(),
        1 => "; 1 secret was resealed".to_owned(),
        count => format!("; {count} secrets were resealed"),
    }
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let registry = args.registry.load()?;
    let secrets = |name: &Name| registry.secrets_of_group(name).count();
    if args.json {
        let groups = registry.groups().map(|(name, group)| {
            let members: Vec<&str> = group.members().map(Name::as_str).collect();
            let (name, recipient, secrets) = (name.as_str(), group.recipient.to_string(), secrets(name));
            json!({ "name": name, "recipient": recipient, "members": members, "secrets": secrets })
        });
        return print_json(&groups.collect());
    }
    if registry.groups().next().is_none() {
        note("the registry has no groups");
        return Ok(Exit::Done);
    }
    let rows = registry.groups().map(|(name, group)| {
        let members = match name.as_str() {
            GROUP_OF_ALL => format!("all {}", group.members().count()),
            _ => group.members().map(Name::as_str).collect::<Vec<_>>().join(" "),
        };
        vec![name.to_string(), secrets(name).to_string(), members]
    });
    print_table(&["GROUP", "SECRETS", "MEMBERS"], &rows.collect::<Vec<_>>())
}
