//! A document as the sections of a man page.

use crate::markdown::{Block, Inline, Inlines, plain};
use crate::roff::{Roff, bold, escaped, italic};

/// Sections of a document that each man page makes itself, for its own command, from the options
/// and tables of the program.
const MADE_BY_THE_PAGE: &[&str] = &["Options", "Environment", "Files"];

/// The document without its title.
pub(crate) fn of(document: &[Block]) -> String {
    let mut roff = Roff::default();
    let mut is_left_out = false;
    for block in document {
        if let Block::Heading(1..=2, title) = block {
            is_left_out = MADE_BY_THE_PAGE.contains(&title.iter().map(plain).collect::<String>().as_str());
        }
        if !is_left_out && !matches!(block, Block::Heading(1, _)) {
            add(&mut roff, block);
        }
    }
    roff.into_string()
}

fn add(roff: &mut Roff, block: &Block) {
    match block {
        Block::Heading(2, title) => {
            roff.call("SH", &[&title.iter().map(plain).collect::<String>().to_uppercase()]);
        }
        Block::Heading(_, title) => {
            roff.call("SS", &[&title.iter().map(plain).collect::<String>()]);
        }
        Block::Paragraph(text) => lines(roff.call("PP", &[]), text),
        Block::Code(code) => {
            roff.call("PP", &[]).call("RS", &["4"]).example(code).call("RE", &[]);
        }
        Block::List(items) => items.iter().for_each(|(number, blocks)| item(roff, *number, blocks)),
        Block::Table(head, rows) => rows.iter().for_each(|row| self::row(roff, head, row)),
    }
}

fn item(roff: &mut Roff, number: Option<u64>, blocks: &[Block]) {
    match number {
        Some(number) => roff.call("IP", &[&format!("{number}."), "4"]),
        None => roff.raw(".IP \\(bu 2"),
    };
    let mut blocks = blocks;
    if let [Block::Paragraph(text), rest @ ..] = blocks {
        lines(roff, text);
        blocks = rest;
    }
    if !blocks.is_empty() {
        roff.call("RS", &[]);
        blocks.iter().for_each(|block| add(roff, block));
        roff.call("RE", &[]);
    }
}

/// A row of a table: its first cell, and indented below it the other ones. If there are several,
/// each has its head in front. tbl(1) could draw the table, but not many cells fit a terminal.
fn row(roff: &mut Roff, head: &[Inlines], row: &[Inlines]) {
    let [first, others @ ..] = row else { return };
    lines(roff.call("TP", &[]), first);
    let filled: Vec<_> = head[1..].iter().zip(others).filter(|(_, cell)| !cell.is_empty()).collect();
    for (number, (head, cell)) in filled.iter().enumerate() {
        if number > 0 {
            roff.call("br", &[]);
        }
        let title: String = if others.len() > 1 { format!("{}: ", inlines(head)) } else { String::new() };
        roff.text(&format!("{title}{}", inlines(cell)));
    }
}

/// Each line of the source is a line of the page's source.
fn lines(roff: &mut Roff, text: &Inlines) {
    text.split(|inline| *inline == Inline::Break).for_each(|line| {
        roff.text(&inlines(line));
    });
}

fn inlines(text: &[Inline]) -> String {
    let styled = text.iter().map(|inline| match inline {
        Inline::Text(text) => escaped(text),
        Inline::Code(_) | Inline::Strong(_) => bold(&plain(inline)),
        Inline::Emphasis(_) => italic(&plain(inline)),
        Inline::Break => " ".to_owned(),
    });
    styled.collect()
}
