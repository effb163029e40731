//! `hushlog man`: man pages.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use clap::{Args, Command};
use hushlog::sys::beneath::{Dir, Links};
use hushlog::sys::replace::replace_in;

use super::exit::Exit;
use super::guide::pages::{PAGES, Page};
use super::message::{self, Failure, reason};
use super::{guide, stdio};

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// A command or subject, as `hushlog help` lists them [default: the program]
    #[arg(value_name = "PAGE")]
    page: Option<String>,

    /// Write all pages below this directory, as man1/hushlog.1 and so on, for packages
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    output: Option<PathBuf>,
}

impl ManArgs {
    /// The page to show.
    pub(crate) fn page(&self) -> Result<&'static Page, Failure> {
        guide::page(self.page.as_deref())
    }
}

/// Shows a page if a terminal gets the output, and otherwise prints its source.
pub(crate) fn run(args: &ManArgs, program: &Command) -> Result<Exit, Failure> {
    if let Some(directory) = &args.output {
        return write_all(directory, program)
            .map_err(|error| Failure::io(format!("cannot write the pages: {}", reason(&error))));
    }
    let page = args.page()?;
    let roff = guide::roff(page, program);
    if !stdio::stdout_is_terminal() {
        return stdio::print(roff.as_bytes());
    }
    // Many containers have no man, or one that only says so.
    match shown_by_man(&roff) {
        Ok(true) => Ok(Exit::Done),
        _ => stdio::print(guide::text(page, program.clone())?.as_bytes()),
    }
}

fn shown_by_man(roff: &str) -> io::Result<bool> {
    let mut man = Process::new("man").args(["-l", "-"]).stdin(Stdio::piped()).spawn()?;
    let input = man.stdin.take();
    // A pager that is left before the end of the page is no error.
    let _ = input.map(|mut input| input.write_all(roff.as_bytes()));
    Ok(man.wait()?.success())
}

fn write_all(directory: &Path, program: &Command) -> io::Result<Exit> {
    for page in PAGES {
        let section = Dir::open_or_make(&directory.join(format!("man{}", page.section)), Links::Trusted, 0o755)?;
        let name = format!("{}.{}", page.title(), page.section);
        replace_in(&section, name, 0o644, guide::roff(page, program).as_bytes())?;
    }
    message::summary(&format!("wrote {} pages", PAGES.len()));
    Ok(Exit::Done)
}
