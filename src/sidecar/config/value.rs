//! Values of the configuration other than plain texts and numbers.

use core::fmt;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::io::Release;

/// The values of [`Size`], in words.
const SIZE: &str = "a number of bytes, such as 65536, 64K, 100M or 1G";
/// The values of [`Mode`], in words.
const MODE: &str = "octal digits in quotes, such as \"0640\"";

/// When bytes go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseAt {
    /// With the end of their line.
    #[default]
    Line,
    /// As soon as they cannot belong to a secret.
    Exact,
}

/// The format of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One with lengths, if the stream begins as one; otherwise lines.
    #[default]
    Auto,
    /// Lines.
    #[serde(alias = "plain")]
    Raw,
    /// Syslog messages with their lengths.
    OctetCounted,
    /// The export format of systemd's journal.
    JournalExport,
    /// Standard output and error of a container, as Docker's API multiplexes them.
    DockerStream,
    /// A value of JSON on each line, which stays one.
    JsonLines,
    /// Records of Docker's json-file driver.
    Docker,
    /// Records of the container runtime interface.
    Cri,
}

impl Format {
    /// Whether a stream can go on in the middle, without its beginning.
    pub(crate) fn goes_on_anywhere(self) -> bool {
        matches!(self, Format::Auto | Format::Raw)
    }
}

/// The action while a sink is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Away {
    /// Its streams wait.
    #[default]
    Wait,
    /// Redacted pieces wait in a file.
    Spool,
    /// Pieces are dropped, and counted.
    Drop,
}

/// Where reading of a new file begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadFrom {
    /// At its beginning.
    #[default]
    Start,
    /// At its end.
    End,
}

impl From<ReleaseAt> for Release {
    fn from(release: ReleaseAt) -> Release {
        match release {
            ReleaseAt::Line => Release::Line,
            ReleaseAt::Exact => Release::Exact,
        }
    }
}

/// A number of bytes: a number, or one with K, M or G (of 1,024) behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        struct Of;
        impl Visitor<'_> for Of {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SIZE)
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                size(text).map(Size).ok_or_else(|| E::invalid_value(de::Unexpected::Other("something else"), &self))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim_end_matches('B').trim_end_matches('i');
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'K' | 'k') => (&text[..at], 1 << 10),
        (at, 'M') => (&text[..at], 1 << 20),
        (at, 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": SIZE,
            "oneOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+ ?[KkMG]?(i?B)?$" }],
        })
    }
}

/// The mode of a file: octal digits in quotes, since YAML has two ways to read them without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        struct Of;
        impl Visitor<'_> for Of {
            type Value = Mode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(MODE)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
                let digits = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(text, 8).ok()).flatten();
                let mode = digits.filter(|mode| mode & !0o777 == 0).map(Mode);
                mode.ok_or_else(|| E::invalid_value(de::Unexpected::Other("something else"), &self))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": MODE, "type": "string", "pattern": "^0?[0-7]{3}$" })
    }
}
