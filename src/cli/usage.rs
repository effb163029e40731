//! Errors of the command line, which never repeat it: a word typed by mistake may be a secret.
//!
//! Of clap's own error, only the kind is used, and names that match the program's own.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::message::Failure;

const HELP: &str = "hushlog --help shows the options; secrets are never given on the command line";

/// The failure for clap's error.
pub(crate) fn failure(error: &clap::Error, program: &Command) -> Failure {
    let name = |kind| first(error, kind).and_then(|text| own(program, text));
    let option = || name(ContextKind::InvalidArg).unwrap_or_else(|| "an option".to_owned());
    match error.kind() {
        ErrorKind::InvalidValue if first(error, ContextKind::InvalidValue).is_none_or(str::is_empty) => {
            Failure::config(format!("{} needs a value", option())).hint(HELP)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let text = format!("the value of {} is not valid", option());
            Failure::config(text).hint(values(error).unwrap_or_else(|| rule(&option()).to_owned()))
        }
        ErrorKind::InvalidUtf8 => Failure::config("a value on the command line is not UTF-8").hint(HELP),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            Failure::config(format!("{} takes no value", option())).hint(HELP)
        }
        ErrorKind::ArgumentConflict => match (name(ContextKind::InvalidArg), name(ContextKind::PriorArg)) {
            (Some(one), Some(other)) if one == other => {
                Failure::config(format!("{one} is given more than once")).hint("use it once")
            }
            (Some(one), Some(other)) => {
                Failure::config(format!("{one} and {other} cannot be combined")).hint("use one of them")
            }
            _ => Failure::config("an option stands before the subcommand").hint("put it after the subcommand"),
        },
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::config("a subcommand is missing").hint("add --help to list the subcommands")
        }
        ErrorKind::MissingRequiredArgument => Failure::config(missing(error, program)).hint(HELP),
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
            let suggestion = name(ContextKind::SuggestedArg).map(|own| format!("did you mean {own}?"));
            Failure::config("unknown argument or subcommand").hint(suggestion.unwrap_or_else(|| HELP.to_owned()))
        }
        _ => Failure::config("the command line is not valid").hint(HELP),
    }
}

/// The text for missing arguments, by their names.
fn missing(error: &clap::Error, program: &Command) -> String {
    let names: Vec<String> =
        texts(error, ContextKind::InvalidArg).iter().filter_map(|text| own(program, text)).collect();
    match names.as_slice() {
        [] => "an argument is missing".to_owned(),
        [name] => format!("{name} is missing"),
        _ => format!("{} are missing", names.join(" and ")),
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

/// The program's own option or argument that clap's text names, if any.
fn own(program: &Command, text: &str) -> Option<String> {
    let word = text.split([' ', '=']).next()?.trim_end_matches("...");
    let names = |argument: &Arg| match (argument.get_long(), argument.get_value_names()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some([name, ..])) => format!("<{name}>"),
        _ => String::new(),
    };
    let mut all = program.get_arguments().map(names).filter(|name| !name.is_empty());
    all.find(|name| name == word).or_else(|| program.get_subcommands().find_map(|command| self::own(command, text)))
}

/// The valid values, where clap lists them.
fn values(error: &clap::Error) -> Option<String> {
    let values = texts(error, ContextKind::ValidValue);
    (!values.is_empty()).then(|| format!("one of {}", values.join(", ")))
}

/// The rule for a valid value, where there is no list.
fn rule(option: &str) -> &'static str {
    match option {
        "--min-length" => "a number of bytes, 4 or more",
        "--kill-after" => "a number of seconds, 0 for never",
        "--mask-char" => "one printable ASCII character",
        _ => HELP,
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::{Arguments, parse};
    use super::*;
    use clap::CommandFactory;

    /// L03: no mistake makes a word of the command line appear in the error.
    #[test]
    fn no_word_of_the_command_line_is_repeated() {
        let canary = "hunter2canary";
        let mistakes: &[&[&str]] = &[
            &["{}"],
            &["--{}"],
            &["--{}=x"],
            &["--x={}"],
            &["-x{}"],
            &["filter", "{}"],
            &["filter", "--{}"],
            &["help", "{}"],
            &["run", "{}"],
            &["run", "--{}", "--", "true"],
            &["run", "{}", "--", "true"],
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
            &["--report", "{}", "man"],
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
            &["--identity", "{}"],
            &["--allow-empty", "{}"],
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
        assert_eq!(own(&program, "--min-length <N>").as_deref(), Some("--min-length"));
        assert_eq!(own(&program, "--min-lengths"), None);
        assert_eq!(own(&program, ""), None);
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
