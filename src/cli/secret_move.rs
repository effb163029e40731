//! `hushlog secret move`: a secret gets other readers.

use clap::Args;
use hushlog::registry::{By, Error, Move, Registry, Scope, Value};

use super::exit::Exit;
use super::member::IdentityArgs;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, failure, name, own_identity};
use super::secret_fields::{ReaderArgs, ValueArgs, whose};
use super::{harden, value};

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The name of the secret
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    readers: ReaderArgs,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &MoveArgs) -> Result<Exit, Failure> {
    harden::lock_memory();
    let own = name(&args.name)?;
    let member = args.change.member()?;
    let (scope, group) = args.readers.readers()?;
    let group = group.as_ref();
    let before = args.change.registry.snapshot()?;
    // Checked before the user types anything.
    let tried = Move { scope, group, value: None, identity: None };
    match before.registry().clone().move_secret(&own, &tried, &By::now(&member)) {
        Ok(_) | Err(Error::ValueNeeded) => {}
        Err(error) => return Err(failure(error)),
    }
    let file = args.value.value_file.as_deref();
    let identity = match file {
        None => own_identity(args.identity.identity.as_deref(), before.registry(), &member)?,
        Some(_) => None,
    };
    let typed = match &identity {
        Some(_) => None,
        None => {
            if file.is_none() {
                note("the readers are sealed with the value, so it is needed to change them");
            }
            Some(value::read(file, own.as_str(), args.value.keep_newline)?)
        }
    };
    let value = typed.as_deref().map(|typed| Value::new(typed)).transpose().map_err(failure)?;
    let to = Move { scope, group, value, identity: identity.as_ref() };
    let change = |registry: &mut Registry, by: &By<'_>| registry.move_secret(&own, &to, by);
    let from = args.change.update_known(&before, change)?;
    if let Some(typed) = &typed {
        value::warn_of_short(&own, typed);
    }
    summary(&format!("moved {own}: {}; machines get it at their next start", whose(scope, group, &member)));
    if typed.is_none() && from == Scope::Shared {
        note("earlier readers may have copies of the value: save a new one with `hushlog secret edit`");
    }
    Ok(Exit::Done)
}
