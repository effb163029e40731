//! Errors of the system in messages.

use std::io;

/// The reason for an I/O error in the system's words, in lower case and without the number.
pub fn reason(error: &io::Error) -> String {
    plain_reason(&error.to_string())
}

/// Like [`reason`], for an error that is already text.
pub fn plain_reason(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_lower_case_and_without_numbers() {
        assert_eq!(reason(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(reason(&io::Error::from_raw_os_error(28)), "no space left on device");
    }
}
