//! Errors of the command line. They name the program's own options and commands, and typed ones
//! that cannot be a secret; never a value, since a word typed by mistake may be one.
//!
//! Of clap's own error, only the kind is used, and these names.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use hushlog::registry::nearest;

use super::message::{Failure, typed};

/// Options that need another one. clap's error only has the other one.
const NEEDS: [(&str, &str); 10] = [
    ("--files-in", "--install"),
    ("--init", "--install"),
    ("--mark", "--protocol"),
    ("--service", "--install"),
    ("--socket", "--canary"),
    ("--socket", "--sidecar"),
    ("--through", "--canary"),
    ("--through", "NAME"),
    ("--unix", "--user-header"),
    ("--user-header", "--unix"),
];

/// The failure for clap's error about these words.
pub(crate) fn failure(error: &clap::Error, words: &[OsString], program: &Command) -> Failure {
    let (name, command) = command(program, words);
    let help = format!("{name} --help shows the options; secrets are never given on the command line");
    let own = |kind| first(error, kind).and_then(|text| own(program, text));
    let option = || own(ContextKind::InvalidArg).map_or_else(|| "an option".to_owned(), |argument| argument.name());
    match error.kind() {
        ErrorKind::InvalidValue if first(error, ContextKind::InvalidValue).is_none_or(str::is_empty) => {
            let text = own(ContextKind::InvalidArg).map(|argument| argument.needs());
            Failure::config(text.unwrap_or_else(|| "an option needs a value".to_owned())).hint(help)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let text = format!("the value of {} is not valid", option());
            let rule = rule(&option()).map(str::to_owned);
            Failure::config(text).hint(values(error).or(rule).unwrap_or(help))
        }
        ErrorKind::InvalidUtf8 => Failure::config("a value on the command line is not UTF-8").hint(help),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            Failure::config(format!("{} takes no value", option())).hint(help)
        }
        ErrorKind::ArgumentConflict => match (own(ContextKind::InvalidArg), own(ContextKind::PriorArg)) {
            (Some(one), Some(other)) if one.name() == other.name() => {
                Failure::config(format!("{} is given more than once", one.name())).hint("use it once")
            }
            (Some(one), Some(other)) => {
                let text = format!("{} and {} cannot be combined", one.name(), other.name());
                Failure::config(text).hint("use one of them")
            }
            _ => Failure::config("an option stands before the subcommand").hint("put it after the subcommand"),
        },
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let names: Vec<&str> = commands(command).collect();
            Failure::config(format!("{name} needs a subcommand")).hint(format!("one of {}", names.join(", ")))
        }
        ErrorKind::MissingRequiredArgument => Failure::config(missing(error, &name, program, words)).hint(help),
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => unknown(error, words, program, command, help),
        _ => Failure::config("the command line is not valid").hint(help),
    }
}

/// The command that the words name, and its full name.
fn command<'a>(program: &'a Command, words: &[OsString]) -> (String, &'a Command) {
    let (mut name, mut command) = ("hushlog".to_owned(), program);
    for word in words.iter().skip(1).filter_map(|word| word.to_str()).filter(|word| !word.starts_with('-')) {
        let Some(sub) = command.find_subcommand(word) else { break };
        (name, command) = (format!("{name} {}", sub.get_name()), sub);
    }
    (name, command)
}

/// The names of a command's subcommands.
fn commands(command: &Command) -> impl Iterator<Item = &str> {
    command.get_subcommands().map(Command::get_name).filter(|name| *name != "help")
}

/// The failure for a word that is no option, argument or subcommand here. It is named if it cannot
/// be a secret.
fn unknown(error: &clap::Error, words: &[OsString], program: &Command, command: &Command, help: String) -> Failure {
    let word = first(error, ContextKind::InvalidSubcommand).or_else(|| first(error, ContextKind::InvalidArg));
    let word = word.and_then(|word| word.split('=').next()).unwrap_or_default();
    let is_option = word.starts_with('-');
    let kind = match error.kind() {
        _ if is_option => "option",
        ErrorKind::InvalidSubcommand => "subcommand",
        _ => "argument",
    };
    let text = match typed(word) {
        Some(word) => format!("unknown {kind} {word}"),
        None => format!("unknown {kind}"),
    };
    let options = command.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(Arg::get_long);
    let nearest = match word.strip_prefix("--") {
        Some(long) => nearest(long, options.chain(["help"])).map(|long| format!("--{long}")),
        None if is_option => None,
        None => nearest(word, commands(command)).map(str::to_owned),
    };
    // The filter reads a mistyped command as a file.
    let first_word = words.get(1).and_then(|word| word.to_str()).filter(|_| command.get_name() == "hushlog");
    let mistyped = first_word.and_then(|word| self::nearest(word, commands(command)));
    let is_of_child = is_option && command.get_name() == "run";
    let owner = word.strip_prefix("--").and_then(|long| owner(program, long));
    Failure::config(text).hint(match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None if mistyped.is_some() => format!("did you mean the command {}?", mistyped.unwrap_or_default()),
        None if owner.is_some() => format!("{word} is an option of hushlog {}", owner.unwrap_or_default()),
        None if kind == "subcommand" => format!("one of {}", commands(command).collect::<Vec<_>>().join(", ")),
        None if is_of_child => format!("options of the command to run go after its name; {help}"),
        None => help,
    })
}

/// The command that has this option, which another one lacks.
fn owner<'a>(program: &'a Command, long: &str) -> Option<&'a str> {
    let has = |command: &&Command| command.get_arguments().any(|argument| argument.get_long() == Some(long));
    program.get_subcommands().find(has).map(Command::get_name)
}

/// The text for missing arguments, by their names.
fn missing(error: &clap::Error, command: &str, program: &Command, words: &[OsString]) -> String {
    let names: Vec<KnownArgument> =
        texts(error, ContextKind::InvalidArg).iter().filter_map(|text| own(program, text)).collect();
    let is_typed = |option: &str| {
        let has = |word: &str| word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        words.iter().filter_map(|word| word.to_str()).any(has)
    };
    for (option, needed) in NEEDS.iter().filter(|(option, _)| is_typed(option)) {
        if names.iter().any(|name| name.name() == *needed) {
            let article = if needed.starts_with('-') { "" } else { "a " };
            return format!("{option} needs {article}{needed}");
        }
    }
    match names.as_slice() {
        [] => "an argument is missing".to_owned(),
        _ => format!("{command} needs {}", and(&names.iter().map(KnownArgument::with_article).collect::<Vec<_>>())),
    }
}

/// A list in a sentence.
fn and(names: &[String]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        _ => names.concat(),
    }
}

/// The texts of this kind in clap's error.
fn texts(error: &clap::Error, kind: ContextKind) -> &[String] {
    match error.get(kind) {
        Some(ContextValue::String(text)) => std::slice::from_ref(text),
        Some(ContextValue::Strings(texts)) => texts,
        _ => &[],
    }
}

/// The first text of this kind in clap's error.
fn first(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    texts(error, kind).first().map(String::as_str)
}

/// One of the program's own options or arguments.
#[derive(Debug, PartialEq, Eq)]
struct KnownArgument {
    /// The long name of an option.
    long: Option<String>,
    /// The name of its value.
    value: Option<String>,
}

impl KnownArgument {
    /// The option or argument with this name in clap's usage.
    fn new(argument: &Arg) -> KnownArgument {
        let takes_value = argument.is_positional() || argument.get_action().takes_values();
        let value = argument.get_value_names().filter(|_| takes_value).and_then(|names| names.first());
        KnownArgument { long: argument.get_long().map(str::to_owned), value: value.map(ToString::to_string) }
    }

    /// Its name in messages.
    fn name(&self) -> String {
        match (&self.long, &self.value) {
            (Some(long), _) => format!("--{long}"),
            (None, value) => value.clone().unwrap_or_default(),
        }
    }

    /// The name of its value, with the article.
    fn value_with_article(&self) -> String {
        let value = self.value.as_deref().unwrap_or("value");
        // "a UID", "a USER".
        let article = if value.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        format!("{article} {value}")
    }

    fn with_article(&self) -> String {
        if self.long.is_some() { self.name() } else { self.value_with_article() }
    }

    /// The text for its missing value.
    fn needs(&self) -> String {
        format!("{} needs {}", self.name(), self.value_with_article())
    }
}

/// The program's own option or argument that clap's text names, if any.
fn own(program: &Command, text: &str) -> Option<KnownArgument> {
    let word = text.split([' ', '=']).next()?.trim_end_matches("...");
    let mut all = program.get_arguments().map(KnownArgument::new);
    let found = all.find(|own| !word.is_empty() && own.name() == word.trim_matches(['<', '>', '[', ']']));
    found.or_else(|| program.get_subcommands().find_map(|command| self::own(command, text)))
}

/// The valid values, where clap lists them.
fn values(error: &clap::Error) -> Option<String> {
    let values = texts(error, ContextKind::ValidValue);
    (!values.is_empty()).then(|| format!("one of {}", values.join(", ")))
}

/// The rule for a valid value, where there is no list.
fn rule(option: &str) -> Option<&'static str> {
    Some(match option {
        "--min-length" => "a number of bytes, 4 or more",
        "--kill-after" => "a number of seconds, 0 for never",
        "--partial-wait" => "a number of milliseconds",
        "--jobs" => "a number, 1 or more",
        "--mask-char" => "one printable ASCII character",
        "LENGTH" => "the length of conflict markers, a number",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::args::{Arguments, parse};
    use super::*;
    use clap::{CommandFactory, Parser};

    /// L03: no mistake makes a word of the command line appear in the error.
    #[test]
    fn no_word_of_the_command_line_is_repeated() {
        let canary = "hunter2canary";
        let mistakes: &[&[&str]] = &[
            &["--{}"],
            &["--{}=x"],
            &["--x={}"],
            &["-x{}"],
            &["filter", "--{}"],
            &["help", "{}"],
            &["help", "run", "{}"],
            &["run", "--{}", "--", "true"],
            &["run", "--kill-after", "{}", "--", "true"],
            &["run", "--"],
            &["man", "{}"],
            &["man", "--{}"],
            &["completions", "{}"],
            &["completions", "bash", "{}"],
            &["completions"],
            &["--release", "{}"],
            &["--release={}"],
            &["--min-length", "{}"],
            &["--min-length", "3"],
            &["--mask-char", "{}"],
            &["--quiet={}"],
            &["--mask", "{}", "--mask-char", "x"],
            &["--mask", "{}", "--mask", "{}"],
            &["--dotenvv", "{}"],
            &["secret", "{}"],
            &["secret", "add", "name", "{}"],
            &["secret", "add", "name", "--value", "{}"],
            &["secret", "add", "name", "--shared", "--private", "--value={}"],
            &["secret", "edit", "{}", "--install", "--no-install"],
            &["member", "add", "{}"],
            &["env", "set", "{}"],
            &["env", "set"],
            &["keygen", "{}"],
            &["--env"],
        ];
        for mistake in mistakes {
            let words = std::iter::once("hushlog".into()).chain(mistake.iter().map(|w| w.replace("{}", canary).into()));
            let Err(failure) = parse(words) else { panic!("accepted: {mistake:?}") };
            assert!(!format!("{failure:?}").contains(canary), "repeated: {mistake:?}");
            assert_eq!(failure.exit, super::super::exit::Exit::Config);
        }
    }

    #[test]
    fn own_names_are_repeated_and_others_are_not() {
        let program = Arguments::command();
        let name = |text| own(&program, text).map(|own| own.name());
        assert_eq!(name("--min-length <N>").as_deref(), Some("--min-length"));
        assert_eq!(own(&program, "--min-lengths"), None);
        assert_eq!(own(&program, ""), None);
    }

    /// Each option alone, with a value if it needs one.
    #[test]
    fn an_option_that_needs_another_one_is_named_with_it() {
        let mut found = Vec::new();
        let program = Arguments::command();
        let missing = |words: &[String]| -> Vec<String> {
            let Err(error) = Arguments::try_parse_from(words.iter().map(OsString::from)) else { return Vec::new() };
            let texts = texts(&error, ContextKind::InvalidArg).iter().filter_map(|text| self::own(&program, text));
            let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
            texts.filter(|own| is_missing && own.long.is_some()).map(|own| own.name()).collect()
        };
        let mut all: Vec<(Vec<String>, &Command)> = vec![(vec!["hushlog".to_owned()], &program)];
        while let Some((words, command)) = all.pop() {
            all.extend(command.get_subcommands().map(|sub| ([&words[..], &[sub.get_name().to_owned()]].concat(), sub)));
            let always = missing(&words);
            for option in command.get_arguments().filter(|option| option.get_long().is_some()) {
                let own = KnownArgument::new(option);
                let possible = option.get_possible_values().first().map(|value| value.get_name().to_owned());
                let value = own.value.as_ref().map(|_| possible.unwrap_or_else(|| "1".to_owned()));
                let words: Vec<String> = words.iter().cloned().chain([own.name()]).chain(value).collect();
                let needed = missing(&words).into_iter().filter(|needed| !always.contains(needed));
                found.extend(needed.map(|needed| (own.name(), needed)));
            }
        }
        found.sort();
        found.dedup();
        let needs = NEEDS.iter().map(|(option, needed)| ((*option).to_owned(), (*needed).to_owned()));
        assert_eq!(found, needs.filter(|(_, needed)| needed.starts_with("--")).collect::<Vec<_>>());
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
