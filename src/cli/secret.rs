//! `hushlog secret add|edit|move|delete|list|search`: values go in, and never come out.

use clap::{Args, Subcommand};
use hushlog::registry::{By, Draft, Edit, Error, Registry, Scope, Value};

use super::exit::Exit;
use super::member::IdentityArgs;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, ListArgs, failure, name, own_identity};
use super::secret_fields::{self, FieldArgs, GroupArgs, RemovalArgs, ScopeArgs, ValueArgs, whose};
use super::secret_import::{self, ImportArgs};
use super::secret_list::{self, SearchArgs};
use super::secret_move::{self, MoveArgs};
use super::{harden, value};

/// Subcommands of `secret`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Save a new secret; its value is typed in, or read from a file or standard input
    ///
    /// Nothing on this machine can read it back: it is sealed to the members' recipients. A value
    /// has 4 bytes to 64 KiB, and no NUL bytes. One newline at its end is removed, unless
    /// --keep-newline is given.
    Add(AddArgs),
    /// Save another value of a secret, or change its fields, or whether it is exported
    ///
    /// The variable and the file target are sealed with the value. To change them without the value
    /// takes an identity that opens it; without one, the value is asked for.
    Edit(EditArgs),
    /// Save many secrets from a dotenv or JSON file: all of them, or none
    ///
    /// Each entry is shown as new, rotated or refused, and one refused entry stops all. A variable
    /// such as OPENAI_API_KEY becomes the secret openai-api-key. A rotated secret gets a new
    /// version even if the value is the same: saved values cannot be read back to compare.
    Import(ImportArgs),
    /// Move a secret to other readers: a group, all members, or the acting member alone
    ///
    /// The readers are sealed with the value, so it is sealed again, which takes an identity that
    /// opens it; without one, the value is asked for. Name, fields and installation stay. Earlier
    /// readers may have copies of the value: a new value is safe from them.
    Move(MoveArgs),
    /// Delete a secret; a running session keeps its value, and keeps masking it
    Delete(DeleteArgs),
    /// List all secrets: names and metadata, never a value or its length
    List(ListArgs),
    /// List the secrets whose name, variable, owner, group or note contains a word
    Search(SearchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name of the secret, such as openai-api-key, which is exported as OPENAI_API_KEY
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    group: GroupArgs,
    /// Keep the secret without exporting it
    #[arg(long)]
    no_install: bool,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The name of the secret
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Export the secret from the next start of the machine on; without --value-file, the value
    /// stays
    #[arg(long, conflicts_with = "no_install")]
    install: bool,
    /// Stop exporting the secret; without --value-file, the value stays
    #[arg(long)]
    no_install: bool,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    removal: RemovalArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The name of the secret
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &SecretCommand) -> Result<Exit, Failure> {
    match command {
        SecretCommand::Add(args) => add(args),
        SecretCommand::Edit(args) => edit(args),
        SecretCommand::Import(args) => secret_import::run(args),
        SecretCommand::Move(args) => secret_move::run(args),
        SecretCommand::Delete(args) => delete(args),
        SecretCommand::List(args) => secret_list::list(args),
        SecretCommand::Search(args) => secret_list::search(args),
    }
}

fn add(args: &AddArgs) -> Result<Exit, Failure> {
    harden::lock_memory();
    let own = name(&args.name)?;
    let member = args.change.member()?;
    let group = args.group.name()?;
    let usual = if group.is_some() { Scope::Shared } else { Scope::Private };
    let scope = args.scope.scope().unwrap_or(usual);
    let fields = args.fields.fields()?;
    // Checked before the user types anything.
    let before = args.change.registry.snapshot()?;
    before.registry().check_new(&own, scope, group.as_ref(), &fields, &member).map_err(failure)?;
    let typed = value::read(args.value.value_file.as_deref(), &value::of_new(own.as_str()), args.value.keep_newline)?;
    harden::fail_point("value", &typed);
    let value = Value::new(&typed).map_err(failure)?;
    let draft = Draft { name: own, scope, group, install: !args.no_install, value, fields };
    let variable = args.change.update_known(&before, |registry, by| registry.add(&draft, by))?;
    value::warn_of_short(&draft.name, &typed);
    secret_fields::warn(draft.fields.expires.iter().map(|date| (draft.name.as_str(), date)));
    let exported = match variable {
        _ if args.no_install => "not exported".to_owned(),
        None => "in files only".to_owned(),
        Some(variable) => format!("exported as {variable}"),
    };
    let whose = whose(scope, draft.group.as_ref(), &member);
    summary(&format!("saved {}: {whose}, {exported}", draft.name));
    Ok(Exit::Done)
}

fn edit(args: &EditArgs) -> Result<Exit, Failure> {
    harden::lock_memory();
    let own = name(&args.name)?;
    let scope = args.scope.scope();
    let member = args.change.member()?;
    let before = args.change.registry.snapshot()?;
    before.registry().check_old(&own, scope, &member).map_err(failure)?;
    let old = before.registry().secret(&own, scope, &member).map(|(_, entry)| entry);
    let install = if args.install { Some(true) } else { args.no_install.then_some(false) };
    let fields = args.fields.changes(&args.removal, old)?;
    // Checked before the user types anything.
    let tried = Edit { install, fields: fields.clone(), ..Edit::default() };
    let needs_value = match before.registry().clone().edit(&own, scope, &tried, &By::now(&member)) {
        Err(Error::ValueNeeded) => true,
        tried => tried.map(|_| false).map_err(failure)?,
    };
    let identity = match &args.value.value_file {
        None if needs_value => own_identity(args.identity.identity.as_deref(), before.registry(), &member)?,
        _ => None,
    };
    let typed = match &args.value.value_file {
        None if needs_value && identity.is_none() => {
            note("the variable and the file are sealed with the value, so it is needed to change them");
            Some(value::read(None, own.as_str(), false)?)
        }
        None if install.is_some() || !fields.is_empty() => None,
        file => Some(value::read(file.as_deref(), own.as_str(), args.value.keep_newline)?),
    };
    let value = typed.as_deref().map(|typed| Value::new(typed)).transpose().map_err(failure)?;
    let edit = Edit { value, install, fields, identity: identity.as_ref() };
    let change = |registry: &mut Registry, by: &By<'_>| registry.edit(&own, scope, &edit, by);
    let scope = args.change.update_known(&before, change)?;
    if let Some(typed) = &typed {
        value::warn_of_short(&own, typed);
    }
    let what = if typed.is_some() { "saved a new value of" } else { "changed" };
    summary(&format!("{what} {own} ({}); machines get it at their next start", scope.word()));
    Ok(Exit::Done)
}

fn delete(args: &DeleteArgs) -> Result<Exit, Failure> {
    let (own, scope) = (name(&args.name)?, args.scope.scope());
    let scope = args.change.update(|registry, by| registry.delete(&own, scope, by))?;
    summary(&format!("deleted {own} ({}); running machines keep it, masked, until their next start", scope.word()));
    Ok(Exit::Done)
}
