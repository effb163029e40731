//! Reads lines: `key: value` with indented maps and lists, `key = value` with sections, `key
//! value`, blocks in braces, block scalars and here-documents.

use super::line::{is_authorization, is_credential_before, is_netrc, key, without_command};
use super::{Edge, Settings};
use crate::redact::credential::name::{Meaning, names_credential};
use crate::redact::part::is_url;
use crate::redact::part::written::{Style, Written};

/// The first bytes of comments.
const COMMENTS: [&[u8]; 7] = [b"#", b";", b"// ", b"/*", b"*/", b"* ", b"-- "];
/// The longest name of a here-document's end, in bytes.
const MARKER_LEN_MAX: usize = 32;

impl<'t> Settings<'t> {
    /// Reads the text, from its beginning.
    pub(super) fn block(&mut self) {
        let mut at = 0;
        while at < self.text.len() {
            at = self.block_line(at);
        }
    }

    /// Reads the line at this offset, and all lines of its value. Returns the end.
    fn block_line(&mut self, at: usize) -> usize {
        let text = self.text;
        let end = line_end(text, at);
        let line = text[at..end].trim_ascii_end();
        let indent = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let mut content = &line[indent..];
        let mut column = indent;
        if content.is_empty() {
            return end + 1;
        }
        if is_comment(content) {
            return end + 1;
        }
        if let Some(after) = self.record(content, end) {
            return after;
        }
        if is_opening_tag(content) {
            let (after, is_closed) = self.tags(at + indent);
            self.count(is_closed, at, after);
            return after;
        }
        if let Some(name) = section(content) {
            if memchr::memmem::find(name, b"://").is_some() {
                self.loose(Written::bare(name, Style::Bare));
            }
            self.close_to(|edge| matches!(edge, Edge::Section | Edge::Indent(_)));
            self.open(name, Edge::Section);
            self.structured += 1;
            return end + 1;
        }
        if matches!(content.first(), Some(b'{' | b'[' | b'(')) && self.may_flow() {
            let flow = self.flow(at + indent);
            if flow.is_structured {
                self.count(true, at, flow.end);
                return flow.end + punctuation_len(&text[flow.end..]);
            }
            self.unclosed += u32::from(flow.end > end);
        }
        while let Some(rest) = content.strip_prefix(b"- ").or_else(|| (content == b"-").then_some(b"")) {
            self.close_indented(2 * column + 1);
            self.open(b"", Edge::Indent(2 * column + 1));
            let trimmed = rest.trim_ascii_start();
            column += content.len() - trimmed.len();
            content = trimmed;
        }
        if column > indent && content.is_empty() {
            self.structured += 1;
            return end + 1;
        }
        self.close_indented(2 * column);
        if column == indent && matches!(content, [b'}' | b']' | b')', ..]) {
            self.close_to(|edge| matches!(edge, Edge::Bracket(_) | Edge::Indent(_)));
            self.structured += 1;
            return end + 1;
        }
        let start = at + line.len() - content.len();
        if column > indent {
            let found = key(content).filter(|key| key.is_plausible(content));
            if found.is_none() {
                // An entry of a list. Its lines are indented more than its dash.
                self.structured += 1;
                return self.value(b"", start, end, column.saturating_sub(2));
            }
            let is_listed = self.frames.last().is_some_and(|frame| frame.meaning == Meaning::Collection);
            if found.is_some_and(|key| is_listed || !content.get(key.value).is_some_and(u8::is_ascii_whitespace)) {
                self.leaf(b"", Written::bare(content, Style::Bare));
            }
        }
        self.entry(content, start, end, column)
    }

    /// Reads a line without its indentation: a key and a value, or words.
    fn entry(&mut self, content: &'t [u8], start: usize, end: usize, column: usize) -> usize {
        if let Some(after) = self.known_line(content, start, end, column) {
            return after;
        }
        // The options of a command are no key.
        let is_command = |name: &[u8]| name.starts_with(b"-") || memchr::memmem::find(name, b" -").is_some();
        let Some(found) = key(content).filter(|found| !is_command(found.name)) else {
            return self.line_without_key(content, start, end);
        };
        self.structured += usize::from(found.is_plausible(content));
        self.unstructured += usize::from(!found.is_plausible(content));
        // `db.password:x=y`: what ends the key is not certain.
        if let Some((name, value)) = found.other {
            self.leaf(name, Written::bare(value, Style::Bare));
        }
        if is_credential_before(content, &found) && self.words(content) {
            self.directives += 1;
        }
        // The whole value of a credential may look like a list.
        if self.may_name_credential(found.name) {
            let after = self.value(found.name, start + found.value, end, column);
            self.list(content);
            return after;
        }
        if self.list(content) {
            return end + 1;
        }
        self.value(found.name, start + found.value, end, column)
    }

    /// Reads a line of a known format, if it is one. Returns the end of its value's lines.
    fn known_line(&mut self, content: &'t [u8], start: usize, end: usize, column: usize) -> Option<usize> {
        if let Some(password) = pgpass(content) {
            self.leaf(b"password", Written::bare(password, Style::Word));
            self.structured += 1;
            return Some(end + 1);
        }
        if is_netrc(content) {
            self.words(content);
            self.directives += 1;
            return Some(end + 1);
        }
        if is_url(content) {
            self.leaf(b"", Written::bare(content, Style::Word));
            self.structured += 1;
            return Some(end + 1);
        }
        if is_authorization(content) && self.words(content) {
            self.directives += 1;
            return Some(end + 1);
        }
        if self.columns(content) {
            return Some(end + 1);
        }
        if let Some(bracket) = named_block(content).filter(|_| self.may_flow()) {
            self.open(content[..bracket].trim_ascii(), Edge::Indent(2 * column));
            let flow = self.flow(start + bracket);
            self.close();
            if flow.is_structured {
                self.structured += 1;
                return Some(line_end(self.text, flow.end) + 1);
            }
            self.unclosed += u32::from(flow.end > end);
        }
        None
    }

    /// Reads a line without a key: the head of a block, a call, words, a list.
    fn line_without_key(&mut self, content: &'t [u8], start: usize, end: usize) -> usize {
        if let Some(name) = content.strip_suffix(b"{") {
            self.open(name.trim_ascii(), Edge::Bracket(b'{'));
            self.structured += 1;
        } else if let Some(call) = call(content).filter(|_| self.may_flow()) {
            let flow = self.flow(start + call);
            self.structured += usize::from(flow.is_structured);
            self.unclosed += u32::from(!flow.is_structured && flow.end > end);
            return if flow.is_structured { line_end(self.text, flow.end) + 1 } else { end + 1 };
        } else if self.words(content) {
            self.directives += 1;
        } else if self.list(content) {
            self.structured += 1;
        } else if self.alone(content) || is_directive(without_command(content)) {
            self.likely_directives += 1;
        } else {
            self.unstructured += 1;
        }
        end + 1
    }

    /// Reads the value of a key, at this offset of a line with this end. Returns the end of the
    /// value's lines.
    fn value(&mut self, key: &'t [u8], at: usize, end: usize, column: usize) -> usize {
        let text = self.text;
        let value = text[at..end].trim_ascii();
        let at = at + text[at..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let untagged = without_prefix(without_tag(value));
        let at = at + value.len() - untagged.len();
        let value = untagged;
        match value {
            [] => self.open(key, Edge::Indent(2 * column)),
            [b'#', ..] if !key.is_empty() => {
                // A comment in YAML; a value in other formats.
                self.leaf(key, Written::bare(value, Style::Bare));
                self.open(key, Edge::Indent(2 * column));
            }
            [b'|' | b'>', rest @ ..] if is_block_head(rest) => return self.block_scalar(key, end + 1, column),
            [b'<', b'<', marker @ ..] if marker.len() <= MARKER_LEN_MAX && self.may_flow() => {
                return self.here_document(key, marker, end + 1);
            }
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => {
                let marker = &value[..3];
                if let Some(len) = memchr::memmem::find(&text[at + 3..], marker) {
                    self.leaf(key, Written::bare(&text[at + 3..at + 3 + len], Style::Quoted(value[0])));
                    return line_end(text, at + 6 + len) + 1;
                }
                self.leaf(key, Written::bare(value, Style::Bare));
            }
            [b'"' | b'\'' | b'`', ..] => match Written::quoted(&text[at..]) {
                Some((written, len)) => {
                    self.leaf(key, written);
                    let after = at + len;
                    // Not all formats have quotes: a value may begin with one.
                    if text[after..end.max(after)].first().is_some_and(|next| !b" \t\r,;#)]}.".contains(next)) {
                        self.leaf(key, Written::bare(value, Style::Bare));
                    }
                    return line_end(text, after.max(end)) + 1;
                }
                None => self.leaf(key, Written::bare(value, Style::Bare)),
            },
            [b'{' | b'[', ..] if self.may_flow() => {
                self.open(key, Edge::Indent(2 * column));
                let flow = self.flow(at);
                self.close();
                if !flow.is_structured && (!flow.is_matched || names_credential(key)) {
                    self.leaf(key, Written::bare(value, Style::Bare));
                }
                if flow.is_structured || flow.is_matched && flow.end <= end {
                    return line_end(text, flow.end) + 1;
                }
                self.unclosed += u32::from(flow.end > end);
            }
            [.., b'(' | b'[' | b'{'] if is_named_bracket(value) && self.may_flow() => {
                self.open(key, Edge::Indent(2 * column));
                let flow = self.flow(at);
                self.close();
                if flow.is_structured {
                    return line_end(text, flow.end) + 1;
                }
                self.leaf(key, Written::bare(value, Style::Bare));
                self.unclosed += u32::from(flow.end > end);
            }
            _ => self.leaf(key, Written::bare(value, Style::Bare)),
        }
        end + 1
    }

    /// The lines below `key: |`, as far as they are indented.
    fn block_scalar(&mut self, key: &'t [u8], start: usize, column: usize) -> usize {
        let text = self.text;
        let mut at = start;
        while at < text.len() {
            let end = line_end(text, at);
            let indent = text[at..end].iter().take_while(|byte| **byte == b' ').count();
            if indent <= column && !text[at..end].trim_ascii().is_empty() {
                break;
            }
            at = end + 1;
        }
        let end = at.min(text.len());
        self.leaf(key, Written::bare(&text[start.min(end)..end], Style::Bare));
        at
    }

    /// The lines below `key = <<END`.
    fn here_document(&mut self, key: &'t [u8], marker: &[u8], start: usize) -> usize {
        let text = self.text;
        let is_mark = |byte: &u8| b"-~'\" ".contains(byte);
        let first = marker.iter().take_while(|byte| is_mark(byte)).count();
        let len = marker[first..].iter().take_while(|byte| !is_mark(byte)).count();
        let marker = &marker[first..first + len];
        let mut at = start;
        while at < text.len() {
            let end = line_end(text, at);
            if text[at..end].trim_ascii() == marker {
                self.leaf(key, Written::bare(&text[start..at], Style::Bare));
                return end + 1;
            }
            at = end + 1;
        }
        self.unclosed += 1;
        let line = self.text[..start.saturating_sub(1)].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if let Some(at) = memchr::memmem::find(line, b"<<") {
            self.leaf(key, Written::bare(&line[at..], Style::Bare));
        }
        start
    }

    /// Counts the lines between two offsets.
    fn count(&mut self, is_structured: bool, start: usize, end: usize) {
        let text = self.text[start..end].trim_ascii();
        let count = if is_structured { &mut self.structured } else { &mut self.unstructured };
        *count += 1 + memchr::memchr_iter(b'\n', text).count();
    }

    /// Closes what a line at this indentation ends.
    fn close_indented(&mut self, indent: usize) {
        while let Some(Edge::Indent(edge)) = self.frames.last().map(|frame| frame.edge) {
            if edge < indent {
                return;
            }
            self.close();
        }
    }

    /// Closes frames up to the last one with another edge than these, and of those with brackets
    /// one only.
    fn close_to(&mut self, is_closed: impl Fn(Edge) -> bool) {
        while let Some(edge) = self.frames.last().map(|frame| frame.edge)
            && self.frames.len() > 1
            && is_closed(edge)
        {
            self.close();
            if matches!(edge, Edge::Bracket(_)) {
                return;
            }
        }
    }
}

/// The end of a line, without its newline.
pub(super) fn line_end(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |len| at + len)
}

fn is_comment(content: &[u8]) -> bool {
    COMMENTS.iter().any(|comment| content.starts_with(comment)) && !content.starts_with(b"#define ")
        || content == b"*"
        || content == b"---"
        || content == b"..."
}

/// The length of what ends a statement: `};`, and `}.` in Erlang.
fn punctuation_len(rest: &[u8]) -> usize {
    usize::from(matches!(rest, [b'.' | b';' | b','] | [b'.' | b';' | b',', b'\r' | b'\n', ..]))
}

/// `<name`, `<?xml`, `<!--`; not `<<END`.
fn is_opening_tag(content: &[u8]) -> bool {
    matches!(content, [b'<', first, ..] if first.is_ascii_alphabetic() || matches!(first, b'?' | b'!'))
        && content.contains(&b'>')
}

/// The password in `host:port:database:user:password`.
fn pgpass(content: &[u8]) -> Option<&[u8]> {
    let is_separator = |(at, byte): &(usize, &u8)| **byte == b':' && (*at == 0 || content[at - 1] != b'\\');
    let mut colons = content.iter().enumerate().filter(is_separator).map(|(at, _)| at);
    let (first, second) = (colons.next()?, colons.next()?);
    let port = &content[first + 1..second];
    let last = colons.nth(1)?;
    let is_port = port == b"*" || !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    (is_port && colons.next().is_none() && !content.contains(&b' ')).then(|| &content[last + 1..])
}

/// Whether a line may be a key and a value with a blank between them: two words, of which the first
/// is a name.
fn is_directive(content: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let len = content.iter().take_while(|byte| is_name(byte)).count();
    let value = content[len..].trim_ascii();
    len > 0
        && content.get(len).is_some_and(u8::is_ascii_whitespace)
        && !value.is_empty()
        && !value.iter().any(u8::is_ascii_whitespace)
}

/// Whether a value is `array(`, or the like.
fn is_named_bracket(value: &[u8]) -> bool {
    value[..value.len() - 1].iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.: ".contains(byte))
}

/// The offset of the bracket in `define('password', ...)`.
fn call(content: &[u8]) -> Option<usize> {
    let len = content.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.:$".contains(byte)).count();
    (len > 0 && content.get(len) == Some(&b'(')).then_some(len)
}

/// The name of `[section]` and `[[section]]`.
fn section(content: &[u8]) -> Option<&[u8]> {
    let name = content.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-/:@*\" ".contains(byte);
    let is_list = name.starts_with(b"\"") || name.starts_with(b"'");
    (!name.is_empty() && !is_list && name.iter().all(is_name)).then_some(name)
}

/// The offset of the bracket in `name { key = value, ... }`.
fn named_block(content: &[u8]) -> Option<usize> {
    let bracket = memchr::memmem::find(content, b" {")?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.- ".contains(byte);
    let is_whole = content.ends_with(b"}") && content[..bracket].iter().all(is_name);
    is_whole.then_some(bracket + 1)
}

/// Whether the rest of a line behind `|` or `>` is that of a block scalar.
fn is_block_head(rest: &[u8]) -> bool {
    rest.iter().take_while(|byte| **byte != b'#').all(|byte| b"+-0123456789 ".contains(byte))
}

/// A quoted value without the letters that programming languages have before the quote: `u'X'`,
/// `b"X"`, `@"X"`.
fn without_prefix(value: &[u8]) -> &[u8] {
    let len = value.iter().take_while(|byte| b"uUrRbBfFL@$".contains(byte)).count();
    let is_whole = Written::quoted(&value[len..])
        .is_some_and(|(_, quoted)| value[len + quoted..].iter().all(|byte| b" ,;)".contains(byte)));
    if len <= 2 && is_whole { &value[len..] } else { value }
}

/// A value without its tag or anchor in YAML: `!!binary`, `&name`.
fn without_tag(value: &[u8]) -> &[u8] {
    if !matches!(value, [b'!' | b'&', second, ..] if second.is_ascii_alphabetic() || *second == b'!') {
        return value;
    }
    match value.iter().position(u8::is_ascii_whitespace) {
        Some(end) => value[end..].trim_ascii_start(),
        None => value,
    }
}
