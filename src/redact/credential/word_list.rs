//! Lists of words, written as one text and split when they are compiled: a look-up that split them
//! took a fifth of the time to build a set of 1,000 secrets.

/// The words of a list.
pub(super) type WordList = &'static [&'static [u8]];

/// The [`WordList`] of a text with single blanks between words.
macro_rules! words {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const WORDS: [&[u8]; $crate::redact::credential::word_list::count(TEXT)] =
            $crate::redact::credential::word_list::split(TEXT);
        &WORDS
    }};
}
pub(super) use words;

/// The number of words.
pub(super) const fn count(text: &str) -> usize {
    let (mut count, mut at) = (1, 0);
    while at < text.len() {
        count += (text.as_bytes()[at] == b' ') as usize;
        at += 1;
    }
    count
}

/// The words; `COUNT` is their [number](count).
pub(super) const fn split<const COUNT: usize>(text: &str) -> [&[u8]; COUNT] {
    let mut words: [&[u8]; COUNT] = [b""; COUNT];
    let (mut rest, mut word) = (text.as_bytes(), 0);
    while word < COUNT {
        let mut len = 0;
        while len < rest.len() && rest[len] != b' ' {
            len += 1;
        }
        let (first, behind) = rest.split_at(len);
        words[word] = first;
        word += 1;
        rest = if behind.is_empty() { behind } else { behind.split_at(1).1 };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::WordList;

    #[test]
    fn a_text_is_split_at_its_blanks() {
        const THREE: WordList = words!("one two three");
        const ONE: WordList = words!("one");
        assert_eq!(THREE, [&b"one"[..], b"two", b"three"]);
        assert_eq!(ONE, [b"one"]);
    }
}
