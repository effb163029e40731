//! Writes roff, the language of man pages, with the macros of `man(7)`. The build script includes
//! this file, too.
//!
//! The crates for this leave `^`, `~` and the backquote as they are, which groff prints as other
//! characters: an example of a shell could not be pasted.

/// A page, or a part of one.
#[derive(Default)]
pub(crate) struct Roff(String);

impl Roff {
    /// A macro, with its arguments as plain text.
    pub(crate) fn call(&mut self, name: &str, arguments: &[&str]) -> &mut Roff {
        let quoted = arguments.iter().map(|argument| format!(" \"{}\"", escaped(argument).replace('"', "\\(dq")));
        self.raw(&format!(".{name}{}", quoted.collect::<String>()))
    }

    /// A line of text that is escaped already.
    pub(crate) fn text(&mut self, escaped: &str) -> &mut Roff {
        let guard = if escaped.starts_with('.') { "\\&" } else { "" };
        self.raw(&format!("{guard}{escaped}"))
    }

    /// Lines of an example, as they are.
    pub(crate) fn example(&mut self, lines: &str) -> &mut Roff {
        self.raw(".EX");
        for line in lines.lines() {
            self.text(&escaped(line));
        }
        // Some macros switch hyphenation on again.
        self.raw(".EE\n.nh")
    }

    /// Lines of roff.
    pub(crate) fn raw(&mut self, lines: &str) -> &mut Roff {
        self.0 += lines.trim_end_matches('\n');
        self.0.push('\n');
        self
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// A text in which no character has a meaning in roff, except at the beginning of a line.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text in bold, escaped.
pub(crate) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

/// A text in italics, escaped.
pub(crate) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escaped(text))
}
