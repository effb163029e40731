//! Files to import into a registry: dotenv files and JSON objects.

use super::dotenv::{self, Dialect};
use super::json;
use crate::redact::secret::Secret;
use crate::registry::ImportItem;
use crate::sys::locked;

/// The longest file that is imported, in bytes.
pub const IMPORT_LEN_MAX: usize = 4 << 20;

/// The content of a file to import.
#[derive(Debug, Default)]
pub struct ImportFile {
    /// The entries, in order.
    pub items: Vec<ImportItem>,
    /// Names of entries that refer to other variables, and were read literally.
    pub referring: Vec<String>,
    /// Names of entries that other programs read in another way.
    pub differing: Vec<String>,
}

/// Why a file has no entries to import. No variant holds any part of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It begins as JSON, and is not valid.
    #[error("the file begins with {{ and is no valid JSON object")]
    Json,
    /// Lines in which no program finds a variable.
    #[error("no program reads a variable in line {}", numbers(.0))]
    Unread(Vec<usize>),
    /// There is nothing in it.
    #[error("the file has no entries")]
    Empty,
    /// It is longer than [`IMPORT_LEN_MAX`].
    #[error("the file is larger than {} MiB", IMPORT_LEN_MAX >> 20)]
    TooLarge,
}

fn numbers(lines: &[usize]) -> String {
    let shown: Vec<String> = lines.iter().take(8).map(usize::to_string).collect();
    let more = if lines.len() > shown.len() { ", ..." } else { "" };
    shown.join(", ") + more
}

/// Reads a file: a JSON object if it begins with `{`, else NAME=VALUE lines by the rules of a
/// dialect. A JSON object in another one gives names such as `db.password`.
///
/// The values are in locked memory, as far as the limit allows.
///
/// # Errors
///
/// When a part of it cannot be read: the result would be incomplete.
pub fn parse(file: &[u8], dialect: Dialect) -> Result<ImportFile, ImportError> {
    if file.len() > IMPORT_LEN_MAX {
        return Err(ImportError::TooLarge);
    }
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let is_json = text.trim_ascii_start().starts_with(b"{");
    let found = if is_json { of_json(text)? } else { of_dotenv(file, dialect)? };
    for value in found.items.iter().filter_map(|item| item.value.as_ref()) {
        locked::lock(value.expose());
    }
    if found.items.is_empty() { Err(ImportError::Empty) } else { Ok(found) }
}

fn of_json(text: &[u8]) -> Result<ImportFile, ImportError> {
    let (secrets, others) = json::leaves_and_others(text, "").map_err(|()| ImportError::Json)?;
    let of = |key: String, value| ImportItem { key, value, is_variable: false };
    let found = secrets.into_iter().map(|secret| of(secret.name().to_owned(), Some(secret)));
    let items = found.chain(others.into_iter().map(|key| of(key, None))).collect();
    Ok(ImportFile { items, ..ImportFile::default() })
}

fn of_dotenv(text: &[u8], dialect: Dialect) -> Result<ImportFile, ImportError> {
    let dotenv::File { entries, unread } = dotenv::parse(text);
    if !unread.is_empty() {
        return Err(ImportError::Unread(unread));
    }
    let mut file = ImportFile::default();
    let mut entries = entries.into_iter().peekable();
    while let Some(first) = entries.next() {
        let mut line = vec![first];
        while let Some(next) = entries.next_if(|next| next.at == line[0].at) {
            line.push(next);
        }
        let key = line[0].name.clone();
        if line.iter().filter(|entry| entry.is_masked).count() > 1 {
            file.differing.push(key.clone());
        }
        if line.iter().any(|entry| entry.refers) {
            file.referring.push(key.clone());
        }
        let read = line.into_iter().find(|entry| entry.dialects.contains(dialect));
        let value = read.and_then(|entry| entry.value).map(|value| Secret::new(key.as_str(), value));
        file.items.push(ImportItem { key, value, is_variable: true });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Option<String>)>, ImportError> {
        let file = parse(text.as_bytes(), Dialect::default())?;
        let value = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).expect("it is text");
        Ok(file.items.iter().map(|item| (item.key.clone(), item.value.as_ref().map(value))).collect())
    }

    fn some(key: &str, value: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn dotenv_and_json_give_names_and_values() {
        let dotenv = "# comment\nexport A_KEY=\"one two\"\nB_KEY='three' # x\n\nC=\n";
        assert_eq!(read(dotenv), Ok(vec![some("A_KEY", "one two"), some("B_KEY", "three"), some("C", "")]));
        let json =
            " {\"a-key\": \"one\", \"db\": {\"password\": \"two\"}, \"port\": 5432, \"debug\": true, \"x\": null}";
        let none = |key: &str| (key.to_owned(), None);
        let expected = vec![some("a-key", "one"), some("db.password", "two"), some("port", "5432")];
        assert_eq!(read(json), Ok([expected, vec![none("debug"), none("x")]].concat()));
        assert_eq!(read("{\"a\": \"1\", \"a\": \"2\"}"), Ok(vec![some("a", "1"), some("a", "2")]));
    }

    #[test]
    fn values_are_locked() {
        // A buffer of this size has pages of its own.
        let value = "v".repeat(1 << 20);
        for text in [format!("A={value}\n"), format!("{{\"a\": \"{value}\"}}")] {
            let file = parse(text.as_bytes(), Dialect::default()).expect("it is read");
            let value = file.items[0].value.as_ref().expect("a value").expose();
            for byte in [&value[0], &value[value.len() / 2], &value[value.len() - 1]] {
                assert!(locked::flags(std::ptr::from_ref(byte) as usize).contains(" lo"), "a page is not locked");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_wholly_read_is_an_error() {
        assert_eq!(read("{\"a\": \"b\""), Err(ImportError::Json));
        assert_eq!(read("{\"a\": \"b\"} x"), Err(ImportError::Json));
        assert_eq!(read("A=b\nnothing here\n"), Err(ImportError::Unread(vec![2])));
        for text in ["", "\n# only a comment\n", "{}"] {
            assert_eq!(read(text), Err(ImportError::Empty), "{text:?}");
        }
        assert_eq!(parse(&vec![b'#'; IMPORT_LEN_MAX + 1], Dialect::Sh).err(), Some(ImportError::TooLarge));
        let file = parse(b"A=\"alpha\\nbravo-4711\"\nB=$A\n", Dialect::Docker).expect("it is read");
        assert_eq!((file.differing, file.referring), (vec!["A".to_owned()], vec!["B".to_owned()]));
    }
}
