//! The lines of a dotenv file that no program reads: what a warning says of them.

use std::path::PathBuf;

use super::error::shown;
use super::item::{Interface, Item};

/// The lines of a dotenv file in which no program finds a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLines {
    /// The item that names the file.
    pub item: Item,
    /// The file.
    pub path: PathBuf,
    /// The numbers of the lines, from 1.
    pub lines: Vec<usize>,
}

impl UnreadLines {
    /// The most line numbers in a message.
    const SHOWN_MAX: usize = 8;

    /// One line with the file and the line numbers.
    pub fn text(&self, interface: Interface) -> String {
        let path = shown(&self.path).unwrap_or_else(|| format!("the file of {}", self.item.name(interface)));
        let numbers: Vec<String> = self.lines.iter().take(Self::SHOWN_MAX).map(usize::to_string).collect();
        let plural = if self.lines.len() == 1 { "" } else { "s" };
        let more = match self.lines.len().saturating_sub(Self::SHOWN_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "not masked, because no program reads a variable there: line{plural} {}{more} of {path}",
            numbers.join(", ")
        )
    }
}
