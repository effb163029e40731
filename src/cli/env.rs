//! `hushlog env set|unset|list|history`: plain defaults that all members share.

use clap::{Args, Subcommand};
use hushlog::registry::{Change, Error, Name};
use serde_json::json;

use super::exit::Exit;
use super::message::{Failure, note, summary};
use super::registry::{ChangeArgs, ListArgs, RegistryArgs, failure, name, print_json, print_table};

/// Subcommands of `env`.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Set defaults in an environment, which is created if needed; a secret with the same variable
    /// overrides a default
    ///
    /// Defaults are kept in plain text. A value that looks like a credential is refused: save it
    /// with `hushlog secret add`.
    Set(SetArgs),
    /// Unset defaults in an environment; their history stays
    Unset(UnsetArgs),
    /// List the environments, or the settings of one of them
    List(EnvironmentsArgs),
    /// List all changes in an environment, oldest first: time, member and new value
    History(HistoryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The environment, such as production
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The defaults, such as NODE_ENV=production; all of them are set, or none
    #[arg(value_name = "NAME=VALUE", required = true)]
    settings: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// The environment
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The variables
    #[arg(value_name = "NAME", required = true)]
    variables: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EnvironmentsArgs {
    /// The environment [default: list all environments]
    #[arg(value_name = "ENVIRONMENT")]
    environment: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The environment
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// List the changes of this variable only
    #[arg(value_name = "NAME")]
    variable: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &EnvCommand) -> Result<Exit, Failure> {
    match command {
        EnvCommand::Set(args) => set(args),
        EnvCommand::Unset(args) => unset(args),
        EnvCommand::List(args) => list(args),
        EnvCommand::History(args) => history(args),
    }
}

fn set(args: &SetArgs) -> Result<Exit, Failure> {
    let environment = name(&args.environment)?;
    let mut settings: Vec<(Name, &str)> = Vec::new();
    for setting in &args.settings {
        // The message does not repeat the setting: it may be a secret by mistake.
        let (variable, value) = setting.split_once('=').ok_or_else(|| {
            Failure::config("a setting without '='").hint("for example: hushlog env set production NODE_ENV=production")
        })?;
        settings.push((name(variable)?, value));
    }
    let changed = args.change.update(|registry, by| {
        let set = settings.iter().map(|(variable, value)| registry.set_default(&environment, variable, value, by));
        set.collect::<Result<Vec<bool>, Error>>()
    })?;
    let changed = changed.into_iter().filter(|changed| *changed).count();
    summary(&format!("{changed} of {} changed in {environment}", settings.len()));
    Ok(Exit::Done)
}

fn unset(args: &UnsetArgs) -> Result<Exit, Failure> {
    let environment = name(&args.environment)?;
    let variables: Vec<Name> = args.variables.iter().map(|text| name(text)).collect::<Result<_, _>>()?;
    args.change.update(|registry, by| {
        variables.iter().try_for_each(|variable| registry.unset_default(&environment, variable, by))
    })?;
    summary(&format!("{} unset in {environment}", variables.len()));
    Ok(Exit::Done)
}

fn list(args: &EnvironmentsArgs) -> Result<Exit, Failure> {
    let registry = args.list.registry.load()?;
    let Some(environment) = &args.environment else {
        let names: Vec<&str> = registry.environments().map(|(name, _)| name.as_str()).collect();
        if args.list.json {
            return print_json(&json!(names));
        }
        if names.is_empty() {
            note("there are no environments");
        }
        return print_table(&["ENVIRONMENT"], &names.iter().map(|name| vec![(*name).to_owned()]).collect::<Vec<_>>());
    };
    let set = registry.defaults(&name(environment)?).map_err(failure)?;
    if args.list.json {
        return print_json(&json!(set));
    }
    let rows: Vec<Vec<String>> = set.into_iter().map(|(name, value)| vec![name, value]).collect();
    print_table(&["VARIABLE", "VALUE"], &rows)
}

fn history(args: &HistoryArgs) -> Result<Exit, Failure> {
    let registry = args.registry.load()?;
    let variable = args.variable.as_deref().map(name).transpose()?;
    let all = registry.environment(&name(&args.environment)?).map_err(failure)?;
    let wanted = all.iter().filter(|(name, _)| variable.as_ref().is_none_or(|wanted| wanted == *name));
    let mut changes: Vec<(&Name, &Change)> =
        wanted.flat_map(|(name, changes)| changes.iter().map(move |change| (name, change))).collect();
    changes.sort_by_key(|(_, change)| &change.at);
    if args.json {
        let of = |(name, change): &(&Name, &Change)| json!({ "at": change.at, "by": change.by.as_str(), "variable": name.as_str(), "value": change.value });
        return print_json(&changes.iter().map(of).collect());
    }
    let value = |change: &Change| change.value.as_ref().map_or("(unset)".to_owned(), String::clone);
    let row = |(name, change): (&Name, &Change)| {
        vec![change.at.clone(), change.by.to_string(), name.to_string(), value(change)]
    };
    print_table(&["AT", "BY", "VARIABLE", "VALUE"], &changes.into_iter().map(row).collect::<Vec<_>>())
}
