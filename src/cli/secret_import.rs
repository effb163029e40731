//! `hushlog secret import`: many secrets from a dotenv or JSON file, all or none.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use glob::Pattern;
use hushlog::registry::{Destination, Fate, ImportItem, ImportOptions, ImportPlan, Planned};
use hushlog::source::Dialect;
use hushlog::source::import::{IMPORT_LEN_MAX, parse};
use hushlog::sys::locked;

use super::exit::Exit;
use super::message::{self, Failure, note, printable, prompt, reason, summary, warning};
use super::registry::{ChangeArgs, failure, print_table};
use super::secret_fields::{GroupArgs, ScopeArgs};
use super::source::dialects;
use super::{harden, value};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A file of NAME=VALUE lines or a JSON object, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    group: GroupArgs,
    /// Keep new secrets without exporting them
    #[arg(long)]
    no_install: bool,
    /// Import only the entries with matching names; may be repeated
    #[arg(long, value_name = "GLOB")]
    only: Vec<Pattern>,
    /// Leave out the entries with matching names; may be repeated
    #[arg(long, value_name = "GLOB")]
    except: Vec<Pattern>,
    /// Read the lines as this program does
    #[arg(long, value_name = "DIALECT", value_parser = dialects(), default_value = "compose")]
    dotenv_dialect: Dialect,
    /// Show the entries, and save nothing
    #[arg(long)]
    dry_run: bool,
    /// Save without asking; needed where there is no terminal
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Shows the plan, asks, and saves all entries.
pub(crate) fn run(args: &ImportArgs) -> Result<Exit, Failure> {
    harden::lock_memory();
    let member = args.change.member()?;
    let before = args.change.registry.snapshot()?;
    before.registry().check_member(&member).map_err(failure)?;
    let items = items(args)?;
    let group = args.group.name()?;
    let options = ImportOptions { scope: args.scope.scope(), group: group.as_ref(), install: !args.no_install };
    let plan = before.registry().plan_import(&items, options, &member).map_err(failure)?;
    print_table(&["", "NAME", "SECRET"], &plan.items.iter().map(row).collect::<Vec<_>>())?;
    let [new, rotated, refused] = plan.counts();
    if rotated > 0 {
        note("a rotated secret may have the same value as before: saved values cannot be read back to compare");
    }
    if args.dry_run {
        summary(&format!("nothing was saved: {new} new, {rotated} rotated, {refused} refused"));
        return Ok(if refused > 0 { Exit::No } else { Exit::Done });
    }
    if refused == 0 && !args.yes && !is_confirmed(&plan, &args.file)? {
        summary("nothing was saved");
        return Ok(Exit::No);
    }
    // A change of the registry meanwhile may change the plan. Then it is another question.
    let saved = args.change.update_known(&before, |registry, by| {
        if registry.plan_import(&items, options, by.member)?.is_same(&plan) {
            registry.import(&items, options, by).map(Some)
        } else {
            Ok(None)
        }
    })?;
    if saved.is_none() {
        return Err(Failure::config("the registry was changed meanwhile, so nothing was saved").hint("run it again"));
    }
    warn_of_short(&items);
    summary(&format!("saved {}: {new} new, {rotated} rotated", count(new + rotated)));
    Ok(Exit::Done)
}

/// The entries of the file that are chosen.
fn items(args: &ImportArgs) -> Result<Vec<ImportItem>, Failure> {
    let text = value::read_many(&args.file, IMPORT_LEN_MAX)?;
    let file = parse(&text, args.dotenv_dialect).map_err(|error| {
        Failure::config(error.to_string()).hint("nothing was saved; a file has NAME=VALUE lines, or one JSON object")
    })?;
    if locked::may_be_swapped() {
        value::warn_of_swap();
    }
    message::hide(file.items.iter().filter_map(|item| item.value.as_ref()));
    let any = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let is_chosen = |name: &str| (args.only.is_empty() || any(&args.only, name)) && !any(&args.except, name);
    let names = |names: &[String]| names.iter().filter(|name| is_chosen(name)).cloned().collect::<Vec<_>>().join(", ");
    let (referring, differing) = (names(&file.referring), names(&file.differing));
    if !referring.is_empty() {
        warning(&format!("saved with the references to other variables as they are: {referring}"));
    }
    if !differing.is_empty() {
        let dialect = args.dotenv_dialect.name();
        warning(&format!("saved as {dialect} reads it, though other programs read it differently: {differing}"));
    }
    let items: Vec<ImportItem> = file.items.into_iter().filter(|item| is_chosen(&item.key)).collect();
    match items.is_empty() {
        true => Err(Failure::config("no entry of the file has a matching name").hint("check --only and --except")),
        false => Ok(items),
    }
}

/// The line of an item.
fn row(item: &Planned) -> Vec<String> {
    let (word, text) = match &item.fate {
        Fate::New(to) => ("new", destination(to)),
        Fate::Rotated(to) => ("rotated", destination(to)),
        Fate::Refused(error) => ("refused", error.to_string()),
    };
    vec![word.to_owned(), printable(item.key.as_bytes()), text]
}

/// Asks on the terminal.
fn is_confirmed(plan: &ImportPlan, file: &Path) -> Result<bool, Failure> {
    if file == Path::new("-") || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::config("there is no terminal to ask on, so nothing was saved")
            .hint("--yes saves without asking, --dry-run only shows the entries"));
    }
    prompt(&format!("Save {}? [y/N] ", count(plan.items.len())));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::io(format!("cannot read the answer: {}", reason(&error))))?;
    Ok(answer.trim_start().starts_with(['y', 'Y']))
}

fn count(secrets: usize) -> String {
    if secrets == 1 { "1 secret".to_owned() } else { format!("{secrets} secrets") }
}

/// Warns about short values, which are masked wherever they occur.
fn warn_of_short(items: &[ImportItem]) {
    let is_short = |item: &&ImportItem| item.value.as_ref().is_some_and(|value| value::is_short(value.expose()));
    let names: Vec<String> = items.iter().filter(is_short).map(|item| printable(item.key.as_bytes())).collect();
    if !names.is_empty() {
        warning(&format!("masked at every occurrence, although short: {}", names.join(", ")));
    }
}

fn destination(to: &Destination) -> String {
    let exported = to.variable.as_ref().map(|variable| format!("exported as {variable}"));
    format!("{} ({}), {}", to.name, to.scope.word(), exported.as_deref().unwrap_or("in files only"))
}
