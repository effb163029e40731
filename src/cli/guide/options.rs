//! The options in the man pages. Each is described in one page only: that of the first command that
//! has it, since many commands take the sources of secrets. The pages of the others name it.

use clap::{Arg, Command};

use super::pages::{FILTER, PAGES, Page};
use super::roff::{Roff, bold, escaped, italic};

/// A command or subcommand, with its name behind `hushlog`.
pub(super) struct Described<'a> {
    pub(super) name: String,
    pub(super) command: &'a Command,
}

impl Described<'_> {
    /// Its arguments that are options.
    fn options(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|argument| !argument.is_positional())
    }
}

/// The commands of a page.
pub(super) fn commands<'a>(page: &Page, program: &'a Command) -> Vec<Described<'a>> {
    let mut all = Vec::new();
    if page.name == FILTER {
        return vec![Described { name: String::new(), command: program }];
    }
    if let Some(command) = program.find_subcommand(page.name).filter(|_| page.section == 1) {
        add(&mut all, page.name, command);
    }
    all
}

fn add<'a>(all: &mut Vec<Described<'a>>, name: &str, command: &'a Command) {
    if !command.is_subcommand_required_set() {
        all.push(Described { name: name.to_owned(), command });
    }
    for part in command.get_subcommands() {
        add(all, &format!("{name} {}", part.get_name()), part);
    }
}

/// Options with the same name and help are one option.
fn is_same(one: &Arg, other: &Arg) -> bool {
    let help = |argument: &Arg| argument.get_help().map(ToString::to_string);
    one.get_long() == other.get_long() && help(one) == help(other)
}

/// The page that describes an option.
fn holder(option: &Arg, program: &Command) -> &'static Page {
    let has = |page: &&Page| {
        commands(page, program).iter().any(|described| described.options().any(|other| is_same(option, other)))
    };
    PAGES.iter().find(has).expect("the option is one of the program")
}

/// The section OPTIONS: those that only this page describes, and the names of the others.
pub(super) fn section(roff: &mut Roff, page: &Page, program: &Command) {
    let commands = commands(page, program);
    let mut own: Vec<(&Arg, Vec<&str>)> = Vec::new();
    let mut elsewhere: Vec<(&Page, Vec<&Arg>)> = Vec::new();
    for (option, name) in
        commands.iter().flat_map(|described| described.options().map(|option| (option, &described.name)))
    {
        let holder = holder(option, program);
        if holder.name == page.name {
            match own.iter_mut().find(|(other, _)| is_same(option, other)) {
                Some((_, names)) => names.push(name),
                None => own.push((option, vec![name])),
            }
            continue;
        }
        match elsewhere.iter_mut().find(|(other, _)| other.name == holder.name) {
            Some((_, options)) if options.iter().any(|other| is_same(option, other)) => {}
            Some((_, options)) => options.push(option),
            None => elsewhere.push((holder, vec![option])),
        }
    }
    let positionals = |described: &Described<'_>| described.command.get_positionals().count();
    if own.is_empty() && elsewhere.is_empty() && commands.iter().all(|described| positionals(described) == 0) {
        return;
    }
    roff.call("SH", &["OPTIONS"]);
    if let [only] = commands.as_slice() {
        only.command.get_positionals().for_each(|argument| describe(roff, argument, &[]));
    }
    let mut heading = None;
    for (option, names) in &own {
        if commands.len() == 1 && option.get_help_heading() != heading {
            heading = option.get_help_heading();
            roff.call("SS", &[heading.unwrap_or("Other")]);
        }
        let is_of_all = names.len() == commands.len() || option.is_global_set();
        describe(roff, option, if is_of_all { &[] } else { names });
    }
    if page.name == FILTER {
        roff.call("SS", &["Help"]);
        for (option, help) in [("--help", "Print the help; with -h a summary"), ("--version", "Print the version")] {
            roff.call("TP", &[]).text(&bold(option)).text(&escaped(help));
        }
    }
    for (holder, options) in elsewhere {
        let names: Vec<String> = options.iter().map(|option| bold(&tag(option))).collect();
        let reference = reference(holder);
        roff.call("PP", &[])
            .text(&format!("{reference} describes these options, which work here as well: {}.", names.join(", ")));
    }
}

/// A reference to a page.
pub(super) fn reference(page: &Page) -> String {
    format!("{}({})", bold(&page.title()), page.section)
}

/// The name of an option.
fn tag(option: &Arg) -> String {
    format!("--{}", option.get_long().unwrap_or_default())
}

/// An entry of the list of options: its name and values, and its help. `commands` are those that
/// have it, if not all of the page have.
pub(super) fn describe(roff: &mut Roff, argument: &Arg, commands: &[&str]) {
    let takes_value = argument.get_action().takes_values();
    let values = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let mut words: Vec<String> = values.iter().map(|value| italic(value)).collect();
    if !argument.is_positional() {
        words.insert(0, bold(&tag(argument)));
    }
    roff.call("TP", &[]).text(&words.join(" "));
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut paragraphs = help.split("\n\n").map(str::to_owned).collect::<Vec<_>>();
    let shown = argument.get_possible_values();
    let shown = shown.iter().filter(|value| takes_value && !value.is_hide_set()).collect::<Vec<_>>();
    let defaults = argument.get_default_values().iter().filter_map(|value| value.to_str());
    let default = defaults.filter(|_| takes_value).collect::<Vec<_>>().join(" ");
    if !default.is_empty() {
        paragraphs[0] += &format!(" [default: {default}]");
    }
    if !commands.is_empty() {
        paragraphs.push(format!("For {}.", commands.join(", ")));
    }
    for (number, paragraph) in paragraphs.iter().enumerate() {
        if number > 0 {
            roff.call("sp", &[]);
        }
        roff.text(&marked(paragraph));
    }
    if !shown.is_empty() {
        roff.call("RS", &[]);
        for value in shown {
            roff.call("TP", &[]).text(&bold(value.get_name()));
            roff.text(&value.get_help().map_or_else(String::new, |help| marked(&help.to_string())));
        }
        roff.call("RE", &[]);
    }
}

/// A text of clap's help, with the parts between backquotes in bold.
pub(super) fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let styled = parts.map(|(number, part)| if number % 2 == 1 { bold(part) } else { escaped(part) });
    styled.collect::<String>().replace('\n', " ")
}
