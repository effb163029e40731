//! A man page: the help of a command or the introduction of a subject, its options, its documents,
//! and the parts that all pages have.

use clap::Command;

use super::documents::{self, Document};
use super::options::{self, Described, marked, reference};
use super::pages::{FILTER, PAGES, Page};
use super::roff::{Roff, bold, escaped, italic};
use super::tables::{ENVIRONMENT, Entry, FILES, RULE};

const EXAMPLES: &str = "Examples";
const EXIT_STATUS: &str = "Exit status";

/// The page, in roff.
pub(crate) fn roff(page: &Page, program: &Command) -> String {
    let commands = options::commands(page, program);
    let documents: Vec<Document> = page.documents.iter().filter_map(|name| documents::named(name)).collect();
    let own = if page.name == FILTER { Some(program) } else { program.find_subcommand(page.name) };
    let own = own.filter(|_| page.section == 1);
    let end = own.and_then(|own| own.get_after_long_help()).map(ToString::to_string).unwrap_or_default();
    let end = sections(&end);
    let (last, others): (Vec<_>, Vec<_>) =
        end.into_iter().partition(|(title, _)| [EXAMPLES, EXIT_STATUS].contains(title));

    let mut roff = head(page);
    if !commands.is_empty() {
        synopsis(&mut roff, &commands);
    }
    description(&mut roff, own, &documents);
    subcommands(&mut roff, &commands);
    options::section(&mut roff, page, program);
    if page.name == FILTER {
        list(&mut roff, "COMMANDS", 1);
        list(&mut roff, "SUBJECTS", 7);
    }
    for document in &documents {
        roff.raw(parted(document.sections).1);
    }
    for (title, lines) in others {
        section(&mut roff, title, &lines);
    }
    entries(&mut roff, "ENVIRONMENT", ENVIRONMENT, page);
    entries(&mut roff, "FILES", FILES, page);
    for title in [EXIT_STATUS, EXAMPLES] {
        for (title, lines) in last.iter().filter(|(own, _)| *own == title) {
            section(&mut roff, title, lines);
        }
    }
    see_also(&mut roff, page, &documents);
    roff.into_string()
}

fn head(page: &Page) -> Roff {
    let (title, section) = (page.title(), page.section.to_string());
    let version = concat!("hushlog ", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::default();
    roff.call("TH", &[&title, &section, "", version, "hushlog"]);
    // Neither hyphens nor wider blanks: names and examples stay as they are typed.
    roff.raw(".nh\n.ad l");
    roff.call("SH", &["NAME"]).text(&format!("{} \\- {}", escaped(&title), escaped(page.about)));
    roff
}

fn synopsis(roff: &mut Roff, commands: &[Described<'_>]) {
    roff.call("SH", &["SYNOPSIS"]);
    for (number, described) in commands.iter().enumerate() {
        if number > 0 {
            roff.call("br", &[]);
        }
        let name = format!("hushlog {}", described.name);
        roff.text(&format!("{}{}", bold(name.trim_end()), usage(described.command)));
    }
}

/// The synopsis behind the name of a command.
fn usage(command: &Command) -> String {
    let has_options = command.get_arguments().any(|argument| !argument.is_positional());
    let options = if has_options { format!(" [{}]...", italic("OPTION")) } else { String::new() };
    let positionals = command.get_positionals().map(|argument| {
        let dashes = if argument.is_last_set() { format!(" {}", bold("--")) } else { String::new() };
        format!("{dashes} {}", italic(&argument.to_string().replace(['<', '>'], "")))
    });
    format!("{options}{}", positionals.collect::<String>())
}

/// The introductions of the command and of its documents.
fn description(roff: &mut Roff, command: Option<&Command>, documents: &[Document]) {
    let about = command.and_then(|command| command.get_long_about().or(command.get_about()));
    let about = about.map(ToString::to_string).unwrap_or_default();
    let introductions: String = documents.iter().map(|document| parted(document.sections).0).collect();
    if about.is_empty() && introductions.is_empty() {
        return;
    }
    roff.call("SH", &["DESCRIPTION"]);
    for paragraph in about.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        roff.call("PP", &[]).text(&marked(&sentence(paragraph)));
    }
    roff.raw(&introductions);
}

/// A text with a full stop, which clap leaves out in its lists.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// What precedes the first section of a document, and the sections.
fn parted(sections: &str) -> (&str, &str) {
    match sections.find(".SH ") {
        Some(0) => ("", sections),
        _ => sections.find("\n.SH ").map_or((sections, ""), |at| sections.split_at(at + 1)),
    }
}

/// The subcommands, each with its arguments. Their options are in the section OPTIONS.
fn subcommands(roff: &mut Roff, commands: &[Described<'_>]) {
    if commands.len() < 2 {
        return;
    }
    roff.call("SH", &["SUBCOMMANDS"]);
    for described in commands.iter().filter(|described| described.name.contains(' ')) {
        roff.raw(&format!(".SS {}", bold(&described.name)));
        let about = described.command.get_long_about().or(described.command.get_about());
        for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
            roff.call("PP", &[]).text(&marked(&sentence(paragraph)));
        }
        described.command.get_positionals().for_each(|argument| options::describe(roff, argument, &[]));
    }
}

/// The list of all other pages of a section.
fn list(roff: &mut Roff, title: &str, section: u8) {
    roff.call("SH", &[title]);
    for page in PAGES.iter().filter(|page| page.section == section && page.name != FILTER) {
        roff.call("TP", &[]).text(&reference(page)).text(&escaped(page.about));
    }
}

/// The sections of a text of [`super::texts`]: their titles and lines.
fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_suffix(':').filter(|line| !line.starts_with(' ')), sections.last_mut()) {
            (Some(title), _) => sections.push((title, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    sections
}

fn section(roff: &mut Roff, title: &str, lines: &[&str]) {
    roff.call("SH", &[&title.to_uppercase()]);
    let is_further_in = |line: &str| line.starts_with("   ");
    if title != EXAMPLES && lines.iter().any(|line| is_further_in(line)) {
        let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        roff.example(&lines.join("\n"));
        return;
    }
    let mut is_command = false;
    for line in lines {
        let text = line.trim_start();
        match text.split_once("  ").filter(|(number, _)| number.starts_with(|c: char| c.is_ascii_digit())) {
            Some((number, entry)) => {
                roff.call("TP", &["5"]).text(&bold(number)).text(&escaped(entry.trim_start()));
            }
            None if title != EXAMPLES => {
                let (number, rest) = text.split_once(". ").unwrap_or_default();
                match !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()) {
                    true => roff.call("IP", &[&format!("{number}."), "4"]).text(&escaped(rest)),
                    false => roff.call("PP", &[]).text(&escaped(text)),
                };
            }
            // Several commands can have one explanation.
            None if is_further_in(line) => {
                roff.text(&escaped(text));
                is_command = false;
            }
            None => {
                roff.call(if is_command { "TQ" } else { "TP" }, &[]).text(&bold(text));
                is_command = true;
            }
        }
    }
}

fn entries(roff: &mut Roff, title: &str, all: &[Entry], page: &Page) {
    let own: Vec<&Entry> =
        all.iter().filter(|entry| page.section == 1 && entry.commands.contains(&page.name)).collect();
    if own.is_empty() {
        return;
    }
    roff.call("SH", &[title]);
    for entry in &own {
        roff.call("TP", &[]).text(&bold(entry.name)).text(&marked(&sentence(&capitalized(entry.purpose))));
    }
    if own.iter().any(|entry| entry.name.starts_with("HUSHLOG")) {
        roff.call("PP", &[]).text(&escaped(RULE));
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn see_also(roff: &mut Roff, page: &Page, documents: &[Document]) {
    let is_linked = |other: &&Page| {
        let by_document =
            documents.iter().any(|document| document.links.split(' ').any(|link| other.documents.contains(&link)));
        let is_itself = other.name == page.name;
        !is_itself && (other.name == FILTER || page.related.contains(&other.name) || by_document)
    };
    let linked: Vec<String> = PAGES.iter().filter(is_linked).map(reference).collect();
    roff.call("SH", &["SEE ALSO"]);
    match linked.is_empty() {
        true => roff.text(&escaped("https://docs.rs/hushlog has these pages, and the library.")),
        false => roff.text(&linked.join(", ")),
    };
}
