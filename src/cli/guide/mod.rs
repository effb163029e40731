//! The program's own documentation: the long help, the man pages, the subjects of `hushlog help`,
//! the completions.

mod documents;
mod options;
mod page;
pub(crate) mod pages;
mod roff;
mod subject;
mod tables;
pub(crate) mod texts;

use clap::Command;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap_complete::Shell;

pub(crate) use page::roff;
pub(crate) use subject::{help, named as page, text};

/// The end of the long help of the program.
pub(crate) fn end() -> String {
    texts::END.to_owned()
}

/// The completions of the program for a shell. Those of bash, zsh and fish offer the subjects as
/// well. The parser does not check these: its error would have no suggestion.
pub(crate) fn completions(program: Command, shell: Shell) -> Vec<u8> {
    let of_help: Vec<_> = subject::all().collect();
    let of_man: Vec<_> = pages::PAGES.iter().map(|page| (page.name, page.about)).collect();
    let values = |names: &[(&'static str, &'static str)]| {
        PossibleValuesParser::new(names.iter().map(|(name, about)| PossibleValue::new(name).help(*about)))
    };
    let mut program = program
        .mut_subcommand("help", |help| help.mut_arg("subject", |subject| subject.value_parser(values(&of_help))))
        .mut_subcommand("man", |man| man.mut_arg("page", |page| page.value_parser(values(&of_man))));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "hushlog", &mut script);
    if shell == Shell::Fish {
        // clap_complete leaves out the values of arguments that are no options.
        for (command, names) in [("help", of_help), ("man", of_man)] {
            for (name, about) in names {
                let condition = format!("__fish_hushlog_using_subcommand {command}");
                script.extend(format!("complete -c hushlog -n '{condition}' -f -a {name} -d '{about}'\n").into_bytes());
            }
        }
    }
    script
}
