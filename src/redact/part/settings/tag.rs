//! Reads XML: attributes, and the text of elements.

use super::{Edge, Settings};
use crate::redact::part::written::{Style, Written};

impl<'t> Settings<'t> {
    /// Reads from a tag to the end of the outermost element, or of the text. Returns the end, and
    /// whether a tag is closed.
    pub(super) fn tags(&mut self, start: usize) -> (usize, bool) {
        let text = self.text;
        let base = self.frames.len();
        let mut at = start;
        // In a property list, a `<key>` names the element that follows.
        let mut listed: Option<&'t [u8]> = None;
        let mut is_closed = false;
        while at < text.len() {
            if text[at] != b'<' {
                let len = memchr::memchr(b'<', &text[at..]).unwrap_or(text.len() - at);
                let content = text[at..at + len].trim_ascii();
                if self.frames.len() == base && !content.is_empty() {
                    return (at, is_closed);
                }
                self.element(content, Style::Markup, &mut listed);
                at += len;
                continue;
            }
            let rest = &text[at..];
            if let Some(content) = rest.strip_prefix(b"<![CDATA[") {
                let len = memchr::memmem::find(content, b"]]>").unwrap_or(content.len());
                self.element(&content[..len], Style::Word, &mut listed);
                at = (at + 9 + len + 3).min(text.len());
            } else if rest.starts_with(b"<!--") {
                at += memchr::memmem::find(rest, b"-->").map_or(rest.len(), |len| len + 3);
            } else if rest.starts_with(b"<?php") {
                // Code follows.
                return (at + 5, true);
            } else {
                let len = tag_len(rest);
                is_closed |= matches!(rest[..len], [b'<', b'/' | b'?', ..] | [.., b'/', b'>']);
                self.tag(&rest[..len], base, &mut listed);
                at += len;
            }
        }
        while self.frames.len() > base {
            self.close();
        }
        (at, is_closed)
    }

    /// The text of the current element.
    fn element(&mut self, content: &'t [u8], style: Style, listed: &mut Option<&'t [u8]>) {
        if content.is_empty() {
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        if frame.key == b"key" && self.frames.last().is_some_and(|parent| parent.is_dict) {
            *listed = Some(content);
            self.frames.push(frame);
            return;
        }
        // Its key is the element's name, beside which other elements stand.
        let index = self.leaves.len();
        let written = Written::bare(content, style);
        if frame.edge == Edge::Tag && frame.name.is_none() {
            let key = frame.key;
            self.leaf(key, written);
            self.frames.push(frame);
        } else {
            self.frames.push(frame);
            self.leaf(b"", written);
        }
        if let (Some(frame), true) = (self.frames.last_mut(), self.leaves.len() > index) {
            frame.value = frame.value.or(Some(index));
        }
    }

    /// One tag, with its brackets.
    fn tag(&mut self, tag: &'t [u8], base: usize, listed: &mut Option<&'t [u8]>) {
        let inner = tag[1..].strip_suffix(b">").unwrap_or(&tag[1..]);
        match inner.first() {
            Some(b'/') if self.frames.len() > base => self.close(),
            Some(first) if first.is_ascii_alphabetic() => {
                let (inner, is_empty) = inner.strip_suffix(b"/").map_or((inner, false), |inner| (inner, true));
                let len = inner.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
                let name = if &inner[..len] == b"key" { b"key" } else { listed.take().unwrap_or(&inner[..len]) };
                self.open(name, Edge::Tag);
                if let Some(frame) = self.frames.last_mut().filter(|_| &inner[..len] == b"dict") {
                    frame.is_dict = true;
                }
                self.attributes(&inner[len..]);
                if is_empty {
                    self.close();
                }
            }
            _ => {}
        }
    }

    fn attributes(&mut self, text: &'t [u8]) {
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'=', rest) {
            let key = rest[..at].trim_ascii();
            let key = key.rsplit(|byte| byte.is_ascii_whitespace() || *byte == b':').next().unwrap_or_default();
            rest = rest[at + 1..].trim_ascii_start();
            let Some(value) = quoted(rest) else { continue };
            self.leaf(key, Written { text: value, style: Style::Markup });
            rest = &rest[value.len() + 2..];
        }
    }
}

/// The text between the quotes at the beginning of a text. XML has no escapes for a quote.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let &quote @ (b'"' | b'\'') = text.first()? else { return None };
    memchr::memchr(quote, &text[1..]).map(|len| &text[1..=len])
}

/// The length of a tag, in whose attributes a `>` may stand.
fn tag_len(text: &[u8]) -> usize {
    let mut at = 1;
    let mut has_quotes = true;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'>' => return at + 1,
            b'"' | b'\'' if has_quotes => {
                let quoted = quoted(&text[at..]);
                has_quotes = quoted.is_some();
                at += quoted.map_or(1, |value| value.len() + 2);
            }
            _ => at += 1,
        }
    }
    text.len()
}
