//! The optional fields of a secret: a note, an explicit variable, a file target, and the day it
//! expires. They are plain text in the file, and covered by its signature.

use core::fmt;
use core::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::credential::looks_like_credential;
use super::error::Error;
use super::file_target::FileTarget;
use super::name::{self, NAME_LEN_MAX, Name, NameError};

/// The longest note, in bytes.
pub const NOTE_LEN_MAX: usize = 500;
/// A secret that expires within this number of days is about to expire.
pub const EXPIRES_SOON_DAYS: u64 = 14;
/// The seconds of a day.
const DAY: u64 = 86_400;

/// The serialized form of a field: its text, which is parsed again when it is read.
macro_rules! as_text {
    ($field:ident) => {
        impl TryFrom<String> for $field {
            type Error = Error;

            fn try_from(text: String) -> Result<$field, Error> {
                text.parse()
            }
        }

        impl From<$field> for String {
            fn from(field: $field) -> String {
                field.0
            }
        }

        impl fmt::Display for $field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A note on a secret, for its readers: one line of at most [`NOTE_LEN_MAX`] bytes. It is kept in
/// plain text, so a text that looks like a credential is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Note(String);

as_text!(Note);

impl Note {
    /// Validates the text of a new note. Reading a file checks less: see [`Note::from_str`].
    ///
    /// # Errors
    ///
    /// As [`Note::from_str`], and when a word of it looks like a credential.
    pub fn new(text: &str) -> Result<Note, Error> {
        let note = text.trim().parse()?;
        let is_credential = |text: &str| looks_like_credential("", text);
        let is_refused = is_credential(text) || text.split_whitespace().any(is_credential);
        if is_refused { Err(Error::NoteLooksLikeCredential) } else { Ok(note) }
    }
}

impl FromStr for Note {
    type Err = Error;

    /// Accepts every note that a file may hold. What looks like a credential is not checked: the
    /// rule for that grows, and a later one must not close a file.
    fn from_str(text: &str) -> Result<Note, Error> {
        let is_note = !text.is_empty() && text.len() <= NOTE_LEN_MAX && !text.contains(char::is_control);
        if is_note { Ok(Note(text.to_owned())) } else { Err(Error::Note) }
    }
}

/// The variable that a secret is exported as, instead of the one that its name spells.
///
/// Letters, digits and `_`, no digit first. Whether a machine may set it is checked where the
/// secret is saved and where it is exported, by [`Allowed`](super::name::Allowed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Variable(String);

as_text!(Variable);

impl Variable {
    /// The name of the variable.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Variable {
    type Err = Error;

    fn from_str(text: &str) -> Result<Variable, Error> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        Err(Error::Variable(match text.chars().next() {
            None => NameError::Empty,
            _ if text.len() > NAME_LEN_MAX => NameError::TooLong,
            _ if !text.chars().all(is_allowed) => NameError::InVariable,
            Some(first) if first.is_ascii_digit() => NameError::Digit,
            _ => return Ok(Variable(text.to_owned())),
        }))
    }
}

/// The day from whose beginning, in UTC, a secret is no longer valid: `2027-01-31`. hushlog shows
/// it and warns about it; an expired secret is exported as before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpiryDate(String);

as_text!(ExpiryDate);

/// The state of an expiry date on a given day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The day has come.
    Expired,
    /// In this number of days, at most [`EXPIRES_SOON_DAYS`].
    Soon(u64),
    /// Later.
    Later,
}

impl ExpiryDate {
    /// The state of the date at this time.
    pub fn state(&self, now: SystemTime) -> Expiry {
        let today = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / DAY;
        match self.day().map(|day| day.saturating_sub(today)) {
            None | Some(0) => Expiry::Expired,
            Some(days) if days <= EXPIRES_SOON_DAYS => Expiry::Soon(days),
            Some(_) => Expiry::Later,
        }
    }

    /// The days since 1970-01-01.
    fn day(&self) -> Option<u64> {
        let midnight = humantime::parse_rfc3339(&format!("{}T00:00:00Z", self.0)).ok()?;
        Some(midnight.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs() / DAY)
    }

    /// The date that is this number of days after a time.
    ///
    /// # Errors
    ///
    /// When it is after 9999-12-31.
    pub fn after(now: SystemTime, days: u64) -> Result<ExpiryDate, Error> {
        let time = days.checked_mul(DAY).and_then(|seconds| now.checked_add(Duration::from_secs(seconds)));
        let year_10000 = Duration::from_secs(253_402_300_800);
        let time = time.filter(|time| *time < SystemTime::UNIX_EPOCH + year_10000).ok_or(Error::ExpiryDate)?;
        let text = humantime::format_rfc3339_seconds(time).to_string();
        text.get(..10).ok_or(Error::ExpiryDate)?.parse()
    }
}

impl FromStr for ExpiryDate {
    type Err = Error;

    fn from_str(text: &str) -> Result<ExpiryDate, Error> {
        let date = ExpiryDate(text.to_owned());
        // The parser takes a shorter year, and the 31st of a month of 30 days.
        let is_canonical = |day: u64| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY);
            humantime::format_rfc3339_seconds(time).to_string().starts_with(text)
        };
        if text.len() == 10 && date.day().is_some_and(is_canonical) { Ok(date) } else { Err(Error::ExpiryDate) }
    }
}

/// The optional fields of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// A note.
    pub note: Option<Note>,
    /// The variable, if it is not the one that the name spells.
    pub variable: Option<Variable>,
    /// The file that `boot` writes it to.
    pub file: Option<FileTarget>,
    /// Whether it is written to files only, and no variable is set.
    pub file_only: bool,
    /// The day it expires.
    pub expires: Option<ExpiryDate>,
}

impl Fields {
    /// The variable that a secret of this name with these fields is exported as.
    pub(super) fn variable_of(&self, name: &Name) -> Result<Option<String>, NameError> {
        match &self.variable {
            _ if self.file_only => Ok(None),
            Some(variable) if name::is_reserved(&variable.as_str().to_ascii_uppercase()) => Err(NameError::Reserved),
            Some(variable) => Ok(Some(variable.to_string())),
            None => name::variable(name.as_str()).map(Some),
        }
    }

    /// The fields that are sealed with a value, as lines: the variable, which is `-` if the name
    /// spells it, and missing if there is none; and mode and path of the file target. No field has
    /// a line end.
    pub(super) fn bound(&self) -> String {
        let variable = match &self.variable {
            _ if self.file_only => String::new(),
            Some(variable) => format!("variable: {variable}\n"),
            None => "variable: -\n".to_owned(),
        };
        let file = self.file.as_ref().map_or_else(|| "-".to_owned(), |file| format!("{} {}", file.mode, file.path));
        format!("{variable}file: {file}\n")
    }
}

/// A change of an optional field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldChange<T> {
    /// The field stays.
    #[default]
    Keep,
    /// The field goes.
    Remove,
    /// The field gets this value.
    Set(T),
}

impl<T: Clone> FieldChange<T> {
    /// The field after the change.
    pub(super) fn of(&self, old: Option<&T>) -> Option<T> {
        match self {
            FieldChange::Keep => old.cloned(),
            FieldChange::Remove => None,
            FieldChange::Set(new) => Some(new.clone()),
        }
    }
}

/// A change of the optional fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldChanges {
    /// The note.
    pub note: FieldChange<Note>,
    /// The explicit variable.
    pub variable: FieldChange<Variable>,
    /// The file that `boot` writes it to.
    pub file: FieldChange<FileTarget>,
    /// Whether it is written to files only.
    pub file_only: Option<bool>,
    /// The day it expires.
    pub expires: FieldChange<ExpiryDate>,
}

impl FieldChanges {
    /// Whether all fields stay.
    pub fn is_empty(&self) -> bool {
        *self == FieldChanges::default()
    }

    pub(super) fn of(&self, old: &Fields) -> Fields {
        Fields {
            note: self.note.of(old.note.as_ref()),
            variable: self.variable.of(old.variable.as_ref()),
            file: self.file.of(old.file.as_ref()),
            file_only: self.file_only.unwrap_or(old.file_only),
            expires: self.expires.of(old.expires.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> SystemTime {
        humantime::parse_rfc3339(&format!("{date}T23:59:59Z")).expect("a time")
    }

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        for date in ["2026-11-30", "2028-02-29", "1970-01-01", "9999-12-31"] {
            assert_eq!(date.parse::<ExpiryDate>().expect(date).to_string(), date);
        }
        for text in ["", "2026-11-31", "2027-02-29", "2026-13-01", "2026-1-1", "30.11.2026", "2026-11-30T00:00:00Z"] {
            assert!(text.parse::<ExpiryDate>().is_err(), "{text}");
        }
        for text in ["1969-12-31", "20261130  ", "2026-11-3\u{661}", "+026-11-30"] {
            assert!(text.parse::<ExpiryDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_expires_when_its_day_begins() {
        let date: ExpiryDate = "2027-01-15".parse().expect("a date");
        assert_eq!(date.state(at("2026-12-31")), Expiry::Later);
        assert_eq!(date.state(at("2027-01-01")), Expiry::Soon(14));
        assert_eq!(date.state(at("2027-01-14")), Expiry::Soon(1));
        assert_eq!(date.state(at("2027-01-15")), Expiry::Expired);
        assert_eq!(date.state(at("2030-01-01")), Expiry::Expired);
        assert_eq!(ExpiryDate::after(at("2026-12-31"), 15).expect("a date"), date);
        assert!(ExpiryDate::after(at("2026-12-31"), u64::MAX).is_err());
        assert!(ExpiryDate::after(at("2026-12-31"), 8_000 * 366).is_err());
    }

    #[test]
    fn a_note_is_one_line_and_no_credential() {
        assert_eq!(Note::new(" of the CI; asked ops \n").expect("a note").to_string(), "of the CI; asked ops");
        let long = "a".repeat(NOTE_LEN_MAX + 1);
        for text in ["", " ", "two\nlines", "a\u{7f}b", &long, "it is ghp_abcdefghijklmnop", "sk-live-4f9QzXaaa"] {
            assert!(Note::new(text).is_err(), "{text}");
        }
        assert!("it is ghp_abcdefghijklmnop".parse::<Note>().is_ok(), "a file with it still opens");
    }

    #[test]
    fn a_variable_is_spelled_as_the_system_does() {
        for text in ["OPENAI_API_KEY", "_x9", "http_proxy"] {
            assert_eq!(text.parse::<Variable>().expect(text).as_str(), text);
        }
        let long = "A".repeat(NAME_LEN_MAX + 1);
        for text in ["", "1PASSWORD", "a-b", "a=b", "A B", "\u{c4}", "A\n", &long] {
            assert!(text.parse::<Variable>().is_err(), "{text}");
        }
    }
}
