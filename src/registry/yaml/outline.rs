//! The outline of a YAML text: its nodes, their keys and their places.

use std::borrow::Cow;

use serde_yaml::granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle};

/// The maximum number of nodes. Later ones are left out, which costs an error its path of keys.
const NODES_MAX: usize = 200_000;

/// A position in a text: its line and column, in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Place {
    pub(super) const START: Place = Place { line: 1, column: 1 };

    fn of(mark: Marker) -> Place {
        Place { line: (mark.line() as u64).max(1), column: mark.col() as u64 + 1 }
    }
}

/// A step on the path from the root to a node.
#[cfg(feature = "sidecar")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(&'static str),
    Item(usize),
}

/// The last step to a node.
#[derive(Debug)]
pub(super) enum Edge<'a> {
    Root,
    /// A key of a section. One that is no scalar is empty.
    Key(Cow<'a, str>),
    /// An item of a list.
    Item(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    /// A scalar without a text, or `null`.
    Empty,
    List,
    Section,
    Alias,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) parent: usize,
    pub(super) edge: Edge<'a>,
    pub(super) kind: Kind,
    /// The place of the key; of an item, its own.
    pub(super) key_at: Place,
    at: Place,
}

/// The nodes of a text in its order, the root first.
pub(crate) struct Outline<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    stopped: Option<(Place, ErrorKind)>,
    /// The last node is a key whose value did not come.
    is_pending: bool,
}

/// A list or section whose end has not come.
struct Open<'a> {
    node: usize,
    is_list: bool,
    items: usize,
    /// The key whose value comes next.
    key: Option<(Cow<'a, str>, Place)>,
}

impl<'a> Outline<'a> {
    /// Reads the outline, up to the first error. A byte order mark takes no column.
    pub(crate) fn of(text: &'a str) -> Outline<'a> {
        let mut outline = Outline { nodes: Vec::new(), stopped: None, is_pending: false };
        let mut open: Vec<Open<'a>> = Vec::new();
        for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    outline.stopped = Some((Place::of(*error.marker()), error.kind().clone()));
                    outline.add_pending(open.pop());
                    break;
                }
            };
            let (kind, word) = match event {
                Event::Scalar(word, style, ..) => {
                    let is_empty = style == ScalarStyle::Plain && matches!(&*word, "" | "~" | "null" | "Null" | "NULL");
                    (if is_empty { Kind::Empty } else { Kind::Scalar }, word)
                }
                Event::Alias(_) => (Kind::Alias, Cow::Borrowed("")),
                Event::SequenceStart(..) => (Kind::List, Cow::Borrowed("")),
                Event::MappingStart(..) => (Kind::Section, Cow::Borrowed("")),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::DocumentEnd => break,
                _ => continue,
            };
            outline.add(&mut open, kind, word, Place::of(span.start));
            if outline.nodes.len() >= NODES_MAX {
                break;
            }
        }
        outline
    }

    fn add(&mut self, open: &mut Vec<Open<'a>>, kind: Kind, word: Cow<'a, str>, at: Place) {
        let is_collection = matches!(kind, Kind::List | Kind::Section);
        let (parent, edge, key_at) = match open.last_mut() {
            None => (0, Edge::Root, at),
            Some(list) if list.is_list => {
                list.items += 1;
                (list.node, Edge::Item(list.items - 1), at)
            }
            Some(section) => match section.key.take() {
                Some((key, key_at)) => (section.node, Edge::Key(key), key_at),
                None => {
                    section.key = Some((word, at));
                    if !is_collection {
                        return;
                    }
                    (section.node, Edge::Key(Cow::Borrowed("")), at)
                }
            },
        };
        if is_collection {
            open.push(Open { node: self.nodes.len(), is_list: kind == Kind::List, items: 0, key: None });
        }
        self.nodes.push(Node { parent, edge, kind, key_at, at });
    }

    /// Adds the key whose value was to come when an error ended the outline.
    fn add_pending(&mut self, open: Option<Open<'a>>) {
        if let Some(Open { node: parent, key: Some((key, at)), .. }) = open {
            self.nodes.push(Node { parent, edge: Edge::Key(key), kind: Kind::Empty, key_at: at, at });
            self.is_pending = true;
        }
    }

    /// The place and kind of the error that ended the outline.
    pub(super) fn stopped_at(&self) -> Option<&(Place, ErrorKind)> {
        self.stopped.as_ref()
    }

    /// The place to report for a node: that of its value if it stands on the line of the key, as in
    /// `key: value`, else that of the key.
    pub(crate) fn place(&self, node: usize) -> Place {
        let node = &self.nodes[node];
        let is_beside = node.at.line == node.key_at.line && node.kind != Kind::Empty;
        if is_beside { node.at } else { node.key_at }
    }

    /// The node that an error at this place interrupted: the one whose key has no value yet, or the
    /// last one on the same line.
    pub(super) fn stopped_in(&self, place: Place) -> Option<usize> {
        if self.is_pending {
            return self.nodes.len().checked_sub(1);
        }
        self.nodes
            .iter()
            .rposition(|node| node.key_at <= place)
            .filter(|node| self.nodes[*node].key_at.line == place.line)
    }

    /// The scalar at this place, or else the one whose key is there. serde names either place.
    pub(super) fn value_at(&self, place: Place) -> Option<usize> {
        let is_value = |node: &Node<'_>| matches!(node.kind, Kind::Scalar | Kind::Empty | Kind::Alias);
        let by_value = self.nodes.iter().position(|node| is_value(node) && node.at == place);
        by_value.or_else(|| self.nodes.iter().position(|node| is_value(node) && node.key_at == place))
    }

    /// The node at the end of a path, or the last one on it that exists; none in an empty text.
    /// `now`: the present name of a key.
    #[cfg(feature = "sidecar")]
    pub(crate) fn find(&self, steps: &[Step], now: impl Fn(&str) -> String) -> Option<usize> {
        let mut found = 0;
        for step in steps {
            let is_next = |node: &Node<'_>| match (&node.edge, step) {
                (Edge::Key(key), Step::Key(name)) => now(key) == *name,
                (Edge::Item(item), Step::Item(index)) => item == index,
                _ => false,
            };
            let next = self.nodes.iter().skip(1).position(|node| node.parent == found && is_next(node));
            match next {
                Some(next) => found = next + 1,
                None => break,
            }
        }
        (found < self.nodes.len()).then_some(found)
    }
}
