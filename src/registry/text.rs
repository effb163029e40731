//! A registry's text after editors, formatters and version control have changed it.

use std::borrow::Cow;

/// A byte order mark.
pub(super) const MARK: char = '\u{feff}';
/// The conflict marks of a merge. No entry begins a line in this way.
const CONFLICT: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// The text without the parts that YAML ignores, and the number of lines removed at its beginning.
/// Removed are a byte order mark, the carriage returns of CRLF, document marks (`%YAML`, `---`,
/// `...`), and empty lines around them.
///
/// Signatures cover this text, and the parser reads nothing else, so the signed bytes are the
/// parsed bytes. A checkout with CRLF has the same signature.
pub(super) fn canonical(text: &str) -> (Cow<'_, str>, u64) {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let mut text = if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let (mut begin, mut lines) = (0, 0);
    for line in text.split_inclusive('\n').take_while(|line| is_beginning(line.trim_end())) {
        begin += line.len();
        lines += 1;
    }
    let mut end = text.len();
    for line in text[begin..].split_inclusive('\n').rev().take_while(|line| is_end(line.trim_end())) {
        end -= line.len();
    }
    match &mut text {
        Cow::Borrowed(text) => (Cow::Borrowed(&text[begin..end]), lines),
        Cow::Owned(text) => {
            text.truncate(end);
            text.drain(..begin);
            (Cow::Owned(std::mem::take(text)), lines)
        }
    }
}

fn is_beginning(line: &str) -> bool {
    line.is_empty() || line == "---" || line.starts_with("%YAML ")
}

fn is_end(line: &str) -> bool {
    line.is_empty() || line == "..."
}

/// The first line with a conflict mark of version control, counted from 1.
pub(super) fn conflict(text: &str) -> Option<u64> {
    let is_mark = |line: &str| CONFLICT.iter().any(|mark| line.starts_with(mark));
    (1..).zip(text.lines()).find(|(_, line)| is_mark(line)).map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn az_only_insignificant_text_is_left_out() {
        let text = "# a\nformat: 2\nsealed: |-\n  ---\n  ...\ncheck: x\n";
        let same = [
            ("", text.to_owned(), ""),
            ("\u{feff}", text.to_owned(), ""),
            ("---\n", text.to_owned(), "...\n"),
            ("%YAML 1.2\n---\n\n", text.to_owned(), "\n..."),
            ("\u{feff}---\r\n", text.replace('\n', "\r\n"), "...\r\n"),
        ];
        for (before, middle, after) in same {
            let whole = format!("{before}{middle}{after}");
            let (found, lines) = canonical(&whole);
            assert_eq!((&*found, lines), (text, before.matches('\n').count() as u64), "{before:?}, {after:?}");
        }
        for text in ["", "---\n", "...", "a\n---\nb\n", "a\rb\n"] {
            let (found, _) = canonical(text);
            assert_eq!(found, if text.starts_with('a') { text } else { "" });
        }
    }
}
