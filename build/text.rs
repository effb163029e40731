//! A document as plain text for a terminal: its lines as in the source, without the links.

use crate::markdown::{Block, Inline, Inlines};

/// The width of the manual's source.
const WIDTH: usize = 100;
/// The indentation of the text below the first cell of a table's row.
const INDENT: &str = "      ";

/// The whole document.
pub(crate) fn of(document: &[Block]) -> String {
    blocks(document).join("\n")
}

/// The blocks, each with a newline at its end.
fn blocks(blocks: &[Block]) -> Vec<String> {
    blocks.iter().map(block).collect()
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, title) => {
            let title = inlines(title);
            match level {
                1 => format!("{title}\n{}\n", "=".repeat(title.chars().count())),
                2 => format!("{title}\n{}\n", "-".repeat(title.chars().count())),
                _ => format!("{title}:\n"),
            }
        }
        Block::Paragraph(text) => inlines(text) + "\n",
        Block::Code(code) => code.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect(),
        Block::List(items) => items.iter().map(|(number, blocks)| item(*number, blocks)).collect(),
        Block::Table(head, rows) => table(head, rows),
    }
}

fn item(number: Option<u64>, inner: &[Block]) -> String {
    let mark = number.map_or("- ".to_owned(), |number| format!("{number}. "));
    let indent = " ".repeat(mark.len());
    let text = blocks(inner).join("\n");
    let lines = text.lines().enumerate().map(|(number, line)| {
        let start = if number == 0 { &mark } else { &indent };
        format!("{start}{line}").trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Columns if they fit, and otherwise each row as its first cell with the others below it.
fn table(head: &[Inlines], rows: &[Vec<Inlines>]) -> String {
    let cells: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| cell_text(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    if widths.iter().sum::<usize>() + 2 * widths.len() <= WIDTH {
        return cells.iter().map(|row| columns(row, &widths)).collect();
    }
    let (head, rows) = cells.split_first().expect("a table has a head");
    rows.iter().map(|row| below(head, row)).collect()
}

fn columns(row: &[String], widths: &[usize]) -> String {
    let padded: String = row.iter().zip(widths).map(|(cell, width)| format!("  {cell:width$}")).collect();
    format!("{}\n", padded.trim_end())
}

fn below(head: &[String], row: &[String]) -> String {
    let [first, others @ ..] = row else { return String::new() };
    let mut text = format!("  {first}\n");
    for (head, cell) in head[1..].iter().zip(others).filter(|(_, cell)| !cell.is_empty()) {
        let title = if others.len() > 1 { format!("{head}: ") } else { String::new() };
        text += &filled(&format!("{title}{cell}"));
    }
    text
}

/// Breaks an indented text into lines.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut line = INDENT.to_owned();
    for word in text.split(' ') {
        if line.len() > INDENT.len() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            filled += &format!("{line}\n");
            line = INDENT.to_owned();
        }
        if line.len() > INDENT.len() {
            line.push(' ');
        }
        line += word;
    }
    filled + &line + "\n"
}

fn cell_text(cell: &[Inline]) -> String {
    inlines(cell).replace('\n', " ")
}

fn inlines(text: &[Inline]) -> String {
    let written = text.iter().map(|inline| match inline {
        Inline::Text(text) => text.clone(),
        Inline::Code(text) => format!("`{text}`"),
        Inline::Emphasis(inner) | Inline::Strong(inner) => inlines(inner),
        Inline::Break => "\n".to_owned(),
    });
    written.collect()
}
