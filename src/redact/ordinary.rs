//! Words that are sometimes a whole value, and stand in every log.
//!
//! Masking one shreds the log, and a shredded log reveals the word. So it is masked with a notice.

/// One word a line: sorted, lower case, none shorter than the shortest value that is masked.
const LIST: &[u8] = include_bytes!("ordinary.txt");

/// The words of [`LIST`], split by the compiler.
static WORDS: [&[u8]; count()] = words();

/// Length of the longest word, in bytes.
const LEN_MAX: usize = len_max();

/// Whether `value` is an ordinary word, in upper or lower case.
pub(crate) fn is_ordinary(value: &[u8]) -> bool {
    let mut lower = [0; LEN_MAX];
    let Some(lower) = lower.get_mut(..value.len()) else { return false };
    lower.copy_from_slice(value);
    lower.make_ascii_lowercase();
    WORDS.binary_search(&&*lower).is_ok()
}

const fn count() -> usize {
    let (mut count, mut at) = (0, 0);
    while at < LIST.len() {
        count += (LIST[at] == b'\n') as usize;
        at += 1;
    }
    count
}

const fn words() -> [&'static [u8]; count()] {
    let mut words: [&[u8]; count()] = [&[]; count()];
    let (mut rest, mut number, mut at) = (LIST, 0, 0);
    while at < rest.len() {
        if rest[at] == b'\n' {
            let (word, after) = rest.split_at(at);
            words[number] = word;
            rest = after.split_at(1).1;
            (number, at) = (number + 1, 0);
        } else {
            at += 1;
        }
    }
    assert!(rest.is_empty(), "the list ends with a newline");
    words
}

const fn len_max() -> usize {
    let words = words();
    let (mut len_max, mut number) = (0, 0);
    while number < words.len() {
        if words[number].len() > len_max {
            len_max = words[number].len();
        }
        number += 1;
    }
    len_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_lower_case() {
        assert!(WORDS.is_sorted_by(|a, b| a < b));
        assert!(WORDS.iter().all(|word| word.len() >= 4 && !word.iter().any(u8::is_ascii_uppercase)));
        assert_eq!((WORDS.len(), LEN_MAX), (169, 13));
    }

    #[test]
    fn every_word_is_found_in_any_case() {
        for word in WORDS {
            assert!(is_ordinary(word) && is_ordinary(&word.to_ascii_uppercase()));
            assert!(!is_ordinary(&word[..word.len() - 1]) || WORDS.contains(&&word[..word.len() - 1]));
        }
        assert!(!is_ordinary(b"") && !is_ordinary(b"correct horse battery staple"));
    }
}
