//! The documents of the manual as blocks: the subset of Markdown that they use.

use std::collections::BTreeSet;
use std::iter::Peekable;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

/// A document.
pub(crate) struct Document {
    /// Its title and text, in order.
    pub(crate) blocks: Vec<Block>,
    /// The names of the other documents that it links to. The README stands for `program`: both
    /// describe the whole.
    pub(crate) links: BTreeSet<String>,
}

/// A part of a document.
pub(crate) enum Block {
    /// A heading and its level, from 1.
    Heading(u8, Inlines),
    Paragraph(Inlines),
    /// Lines that stand as they are.
    Code(String),
    /// The items of a list, each with its number if they have one.
    List(Vec<(Option<u64>, Vec<Block>)>),
    /// The head of a table, and its rows.
    Table(Vec<Inlines>, Vec<Vec<Inlines>>),
}

/// A text with styles.
pub(crate) type Inlines = Vec<Inline>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Inline {
    Text(String),
    Code(String),
    Emphasis(Inlines),
    Strong(Inlines),
    /// The end of a line of the source.
    Break,
}

impl Document {
    /// Parses a document.
    ///
    /// # Panics
    ///
    /// When it contains a construct that the renderers do not know. That fails the build, instead
    /// of losing text.
    pub(crate) fn parse(name: &str, markdown: &str) -> Document {
        let mut links = BTreeSet::new();
        let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES);
        let parser = parser.inspect(|event| {
            if let Event::Start(Tag::Link { dest_url, .. }) = event {
                let file = dest_url.split('#').next().unwrap_or_default();
                let linked = if file == "../README.md" { Some("program") } else { file.strip_suffix(".md") };
                links.extend(linked.filter(|linked| *linked != name && !linked.contains('/')).map(str::to_owned));
            }
        });
        let blocks = Reader { name, events: parser.peekable() }.blocks();
        Document { blocks, links }
    }
}

/// Reads the events of the parser.
struct Reader<'a, I: Iterator<Item = Event<'a>>> {
    name: &'a str,
    events: Peekable<I>,
}

impl<'a, I: Iterator<Item = Event<'a>>> Reader<'a, I> {
    /// The blocks up to the end of what contains them.
    fn blocks(&mut self) -> Vec<Block> {
        let mut blocks = Vec::new();
        loop {
            match self.events.peek() {
                None => return blocks,
                // A list without empty lines has no paragraphs in its items.
                Some(Event::Start(tag)) if !is_inline(tag) => {}
                Some(Event::End(_)) => {
                    self.events.next();
                    return blocks;
                }
                Some(_) => {
                    blocks.push(Block::Paragraph(self.inlines()));
                    continue;
                }
            }
            let Some(Event::Start(tag)) = self.events.next() else { unreachable!("it was seen") };
            blocks.push(self.block(&tag));
        }
    }

    /// The block with this beginning, to its end.
    fn block(&mut self, tag: &Tag<'_>) -> Block {
        let block = match tag {
            Tag::Heading { level: HeadingLevel::H1, .. } => Block::Heading(1, self.inlines()),
            Tag::Heading { level: HeadingLevel::H2, .. } => Block::Heading(2, self.inlines()),
            Tag::Heading { level: HeadingLevel::H3, .. } => Block::Heading(3, self.inlines()),
            Tag::Paragraph => Block::Paragraph(self.inlines()),
            Tag::CodeBlock(_) => Block::Code(self.inlines().iter().map(plain).collect()),
            Tag::List(first) => return Block::List(self.items(*first)),
            Tag::Table(_) => return self.table(),
            other => panic!("docs/{}.md: {other:?} is not rendered", self.name),
        };
        self.events.next();
        block
    }

    fn items(&mut self, first: Option<u64>) -> Vec<(Option<u64>, Vec<Block>)> {
        let mut items = Vec::new();
        while let Some(Event::Start(Tag::Item)) = self.events.next() {
            let number = first.map(|first| first + items.len() as u64);
            items.push((number, self.blocks()));
        }
        items
    }

    fn table(&mut self) -> Block {
        let mut rows = Vec::new();
        while let Some(Event::Start(Tag::TableHead | Tag::TableRow)) = self.events.next() {
            let mut row = Vec::new();
            while let Some(Event::Start(Tag::TableCell)) = self.events.next() {
                row.push(self.inlines());
                self.events.next();
            }
            rows.push(row);
        }
        Block::Table(rows.remove(0), rows)
    }

    /// The text up to the next block, or the end of what contains it.
    fn inlines(&mut self) -> Inlines {
        let mut inlines = Vec::new();
        loop {
            match self.events.peek() {
                None | Some(Event::End(_)) => return inlines,
                Some(Event::Start(tag)) if !is_inline(tag) => return inlines,
                Some(_) => {}
            }
            match self.events.next().expect("it was seen") {
                Event::Text(text) => inlines.push(Inline::Text(text.into_string())),
                Event::Code(text) => inlines.push(Inline::Code(text.into_string())),
                Event::SoftBreak => inlines.push(Inline::Break),
                Event::Start(tag) => {
                    let inner = self.inlines();
                    self.events.next();
                    match tag {
                        Tag::Emphasis => inlines.push(Inline::Emphasis(inner)),
                        Tag::Strong => inlines.push(Inline::Strong(inner)),
                        // Paper has no links. The page names those that it links to at its end.
                        _ => inlines.extend(inner),
                    }
                }
                other => panic!("docs/{}.md: {other:?} is not rendered", self.name),
            }
        }
    }
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Link { .. })
}

/// A text without its styles, on one line.
pub(crate) fn plain(inline: &Inline) -> String {
    match inline {
        Inline::Text(text) | Inline::Code(text) => text.clone(),
        Inline::Emphasis(inner) | Inline::Strong(inner) => inner.iter().map(plain).collect(),
        Inline::Break => " ".to_owned(),
    }
}
