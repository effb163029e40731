//! Commands and subjects by their names: `hushlog help` and `hushlog man`.

use clap::Command;
use hushlog::registry::nearest;

use super::documents;
use super::pages::{FILTER, PAGES, Page};
use crate::cli::message::{self, Failure};

/// The document about the program as a whole. Its man page is that of the program.
const PROGRAM: (&str, &str) = ("program", "the rules for all commands: sources, files, reports, messages, environment");

/// All commands and subjects, each with a line about it.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    commands().chain(subjects())
}

fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().filter(|page| page.section == 1).map(|page| (page.name, page.about))
}

fn subjects() -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::once(PROGRAM).chain(PAGES.iter().filter(|page| page.section == 7).map(|page| (page.name, page.about)))
}

/// The text for these words: the list, the long help of a command or subcommand, or a subject.
///
/// # Errors
///
/// When there is no such command or subject.
pub(crate) fn help(words: &[String], program: Command) -> Result<String, Failure> {
    let Some((word, rest)) = words.split_first() else { return Ok(list()) };
    let word = own_name(word);
    if commands().any(|(name, _)| name == word) {
        return help_of_command(word, rest, program);
    }
    let names = PAGES.iter().filter(|page| page.section == 7 && page.name == word).flat_map(|page| page.documents);
    let mut names: Vec<&str> = names.copied().collect();
    if word == PROGRAM.0 {
        names.push(PROGRAM.0);
    }
    match (names.is_empty(), rest.first()) {
        (true, _) => Err(unknown("command or subject", word, all().map(|(name, _)| name))),
        (false, Some(_)) => Err(Failure::config(format!("{word} has no parts")).hint(format!("hushlog help {word}"))),
        (false, None) => Ok(texts(&names)),
    }
}

/// The documents of these names.
fn texts(names: &[&str]) -> String {
    let texts = names.iter().filter_map(|name| documents::named(name)).map(|document| document.text);
    texts.collect::<Vec<_>>().join("\n")
}

/// A page as text: the long help of its command, and its documents.
///
/// # Errors
///
/// None: the commands of pages are those of the program.
pub(crate) fn text(page: &Page, program: Command) -> Result<String, Failure> {
    let help = if page.section == 1 { help_of_command(page.name, &[], program)? + "\n" } else { String::new() };
    Ok(help + &texts(page.documents))
}

fn help_of_command(name: &str, parts: &[String], mut program: Command) -> Result<String, Failure> {
    program.build();
    let mut command = &mut program;
    for part in std::iter::once(name).chain(parts.iter().map(String::as_str)) {
        let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        command = match names.iter().any(|name| name == part) {
            true => command.find_subcommand_mut(part).expect("it is one of the names"),
            false => return Err(unknown("subcommand", part, names.iter().map(String::as_str))),
        };
    }
    Ok(command.render_long_help().to_string())
}

fn list() -> String {
    let width = all().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, about): (&str, &str)| format!("  {name:width$}  {about}\n");
    let commands: String = commands().map(line).collect();
    let subjects: String = subjects().map(line).collect();
    format!(
        "Commands (hushlog help COMMAND, or hushlog COMMAND --help):\n{commands}\n\
         Subjects (hushlog help SUBJECT):\n{subjects}\n\
         hushlog man NAME shows the man page of either.\n"
    )
}

/// The page of a command or subject; without a name, that of the program.
///
/// # Errors
///
/// When there is no such page.
pub(crate) fn named(name: Option<&str>) -> Result<&'static Page, Failure> {
    let word = name.map_or(FILTER, own_name);
    let found = PAGES.iter().find(|page| page.name == word || word == PROGRAM.0 && page.name == FILTER);
    found.ok_or_else(|| unknown("page", word, all().map(|(name, _)| name)))
}

/// A name as lists have it: pages refer to each other as `hushlog-run(1)`.
fn own_name(word: &str) -> &str {
    let word = word.split('(').next().unwrap_or_default();
    if word == "hushlog" { FILTER } else { word.strip_prefix("hushlog-").unwrap_or(word) }
}

fn unknown<'a>(kind: &str, word: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let text = match message::typed(word) {
        Some(word) => format!("there is no {kind} {word}"),
        None => format!("there is no such {kind}"),
    };
    let list = "hushlog help lists the commands and subjects";
    Failure::config(text).hint(match nearest(word, names) {
        Some(name) => format!("did you mean {name}? {list}"),
        None => list.to_owned(),
    })
}
