//! A file that `boot` writes a secret to, besides the variable.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::closed_path::is_closed;
use super::error::Error;

/// The longest path of a file target, in bytes.
const PATH_LEN_MAX: usize = 1024;
/// The longest component, in bytes, with room for the name of a temporary file.
const PART_LEN_MAX: usize = 200;
/// The permissions that a file with a secret may have: those of its owner and its group, to read
/// and to write.
const PERMISSIONS: u32 = 0o660;
/// The permission that a file always has.
const OWNER_READS: u32 = 0o400;

/// A file with the value of a secret: its path and its permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTarget {
    /// The path.
    pub path: TargetPath,
    /// The permissions.
    pub mode: FileMode,
}

impl FileTarget {
    /// Checks that programs read no code, configuration or trust from the path.
    ///
    /// # Errors
    ///
    /// When they do.
    pub fn check(&self) -> Result<(), Error> {
        if is_closed(&self.path.0) { Err(Error::FileTargetReserved { path: self.path.0.clone() }) } else { Ok(()) }
    }
}

/// The path of a file target: absolute, or `~/` and a path below the home directory of the user
/// that runs `boot`. It has no component `.` or `..`, no empty one, and no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

impl TargetPath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below the home directory, if it begins with `~/`.
    pub fn below_home(&self) -> Option<&str> {
        self.0.strip_prefix("~/")
    }
}

impl FromStr for TargetPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<TargetPath, Error> {
        let rest = text.strip_prefix("~/").or_else(|| text.strip_prefix('/')).ok_or(Error::FileTargetPath)?;
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= PART_LEN_MAX;
        let is_path = text.len() <= PATH_LEN_MAX && !text.contains(char::is_control) && rest.split('/').all(is_part);
        if is_path { Ok(TargetPath(text.to_owned())) } else { Err(Error::FileTargetPath) }
    }
}

impl TryFrom<String> for TargetPath {
    type Error = Error;

    fn try_from(text: String) -> Result<TargetPath, Error> {
        text.parse()
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> String {
        path.0
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The permissions of a file with a secret: 0400, 0440, 0600, 0640 or 0660. The default is 0600.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u32);

impl FileMode {
    /// The permission bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl Default for FileMode {
    fn default() -> FileMode {
        FileMode(0o600)
    }
}

impl FromStr for FileMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<FileMode, Error> {
        let is_octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| b.is_ascii_digit());
        let mode = u32::from_str_radix(text, 8).ok().filter(|_| is_octal).ok_or(Error::FileTargetMode)?;
        let is_private = mode & !PERMISSIONS == 0 && mode & OWNER_READS != 0;
        if is_private { Ok(FileMode(mode)) } else { Err(Error::FileTargetMode) }
    }
}

impl TryFrom<String> for FileMode {
    type Error = Error;

    fn try_from(text: String) -> Result<FileMode, Error> {
        text.parse()
    }
}

impl From<FileMode> for String {
    fn from(mode: FileMode) -> String {
        mode.to_string()
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_or_below_home_and_normal() {
        for path in ["/etc/myapp/key", "~/.config/myapp/token", "/srv/a b/\u{e4}.pem"] {
            assert_eq!(path.parse::<TargetPath>().expect(path).as_str(), path);
        }
        let long = format!("/{}", "a".repeat(PART_LEN_MAX + 1));
        let deep = "/ab".repeat(PATH_LEN_MAX / 3 + 1);
        let not_normal = ["/a//b", "/a/", "/a/./b", "/a/../b", &long, &deep];
        for path in ["", "/", "~", "~/", "key", "./key", "~root/key"].into_iter().chain(not_normal) {
            assert!(path.parse::<TargetPath>().is_err(), "{path}");
        }
        for path in ["/a/\0b", "/a/\n", "/a\u{85}", "$HOME/key"] {
            assert!(path.parse::<TargetPath>().is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_mode_admits_owner_and_group_alone() {
        for (text, bits) in [("400", 0o400), ("0440", 0o440), ("0600", 0o600), ("640", 0o640), ("0660", 0o660)] {
            let mode: FileMode = text.parse().expect(text);
            assert_eq!((mode.bits(), mode.to_string()), (bits, format!("{bits:04o}")));
        }
        for text in ["", "0644", "0604", "0700", "4600", "0060", "0000", "0200", "00600", "+600", "0o600", "rw", "0900"]
        {
            assert!(text.parse::<FileMode>().is_err(), "{text}");
        }
    }
}
