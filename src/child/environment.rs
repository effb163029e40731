//! The environment of a child: its parent's, and the exported variables.

use core::fmt;
use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::process::{Resource, getrlimit};
use zeroize::Zeroizing;

/// The longest variable with name, `=`, value and final NUL, in bytes: MAX_ARG_STRLEN of Linux.
const VARIABLE_LEN_MAX: usize = 128 << 10;
/// Arguments and environment may always take this much, whatever the limit on the stack, in bytes:
/// ARG_MAX of Linux.
const TOTAL_LEN_MIN: u64 = 128 << 10;
/// Arguments and environment never take more than this, in bytes: three quarters of the usual limit
/// on the stack.
const TOTAL_LEN_MAX: u64 = 6 << 20;

/// A variable or an environment that the kernel would refuse. Names may be shown; no variant holds
/// a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessEnvironmentError {
    /// A variable is longer than the kernel's 128 KiB.
    #[error("the variable {0} is longer than 128 KiB, the limit of the system")]
    TooLong(String),
    /// All variables and arguments together are too long.
    #[error(
        "arguments and environment are longer than {limit} KiB, the limit of the system; the longest variable is {name}"
    )]
    TooMuch {
        /// The longest variable.
        name: String,
        /// The limit of the system, in KiB.
        limit: u64,
    },
    /// The value holds a NUL, which would terminate it.
    #[error("the value of {0} contains a NUL, which a variable cannot hold")]
    Nul(String),
}

/// `NAME=VALUE` entries, each with a final NUL. Values are wiped on drop, and never printed.
pub struct ProcessEnvironment(Vec<Zeroizing<Vec<u8>>>);

impl ProcessEnvironment {
    /// An environment of these variables. If two have the same name, the later wins.
    ///
    /// # Errors
    ///
    /// [`ProcessEnvironmentError::Nul`].
    pub fn new<'a>(
        own: impl IntoIterator<Item = (OsString, OsString)>,
        exported: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<ProcessEnvironment, ProcessEnvironmentError> {
        let mut all = BTreeMap::new();
        for (name, value) in own {
            let value = Zeroizing::new(value.into_vec());
            all.insert(name.as_bytes().to_vec(), variable(name.as_bytes(), &value));
        }
        for (name, value) in exported {
            if value.contains(&0) {
                return Err(ProcessEnvironmentError::Nul(name.to_owned()));
            }
            all.insert(name.as_bytes().to_vec(), variable(name.as_bytes(), value));
        }
        Ok(ProcessEnvironment(all.into_values().collect()))
    }

    /// Fails if the kernel would not start a program with this environment.
    ///
    /// # Errors
    ///
    /// When one variable, or all of them with the arguments, are too long.
    pub fn check(&self, arguments: &[CString]) -> Result<(), ProcessEnvironmentError> {
        let longest = self.0.iter().max_by_key(|variable| variable.len());
        let name = || longest.map_or_else(String::new, |variable| name_of(variable));
        if longest.is_some_and(|variable| variable.len() > VARIABLE_LEN_MAX) {
            return Err(ProcessEnvironmentError::TooLong(name()));
        }
        let stack = getrlimit(Resource::Stack).current.map_or(TOTAL_LEN_MAX, |bytes| bytes / 4);
        let limit = stack.clamp(TOTAL_LEN_MIN, TOTAL_LEN_MAX);
        let lens = self.0.iter().map(|variable| variable.len());
        let lens = lens.chain(arguments.iter().map(|argument| argument.as_bytes_with_nul().len()));
        // Each entry also needs a pointer.
        let total: u64 = lens.map(|len| (len + size_of::<usize>()) as u64).sum();
        if total > limit { Err(ProcessEnvironmentError::TooMuch { name: name(), limit: limit >> 10 }) } else { Ok(()) }
    }

    /// The variables, for exec.
    pub(super) fn variables(&self) -> Vec<&[u8]> {
        self.0.iter().map(|variable| &variable[..]).collect()
    }

    /// Wipes all variables.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEnvironment").field("variables", &self.0.len()).finish_non_exhaustive()
    }
}

fn variable(name: &[u8], value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut variable = Zeroizing::new(Vec::with_capacity(name.len() + value.len() + 2));
    for part in [name, b"=", value, b"\0"] {
        variable.extend_from_slice(part);
    }
    variable
}

fn name_of(variable: &[u8]) -> String {
    // A name may begin with `=`.
    let len = variable.iter().skip(1).position(|&byte| byte == b'=').map_or(0, |at| at + 1);
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(&variable[..len]).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(own: &[(&str, &str)], exported: &[(&str, &[u8])]) -> Result<ProcessEnvironment, ProcessEnvironmentError> {
        ProcessEnvironment::new(own.iter().map(|(name, value)| (name.into(), value.into())), exported.iter().copied())
    }

    #[test]
    fn the_later_wins() {
        let environment = new(&[("A", "1"), ("B", "2")], &[("A", b"3"), ("C", b"4"), ("C", b"5")]).unwrap();
        assert_eq!(environment.variables(), [&b"A=3\0"[..], b"B=2\0", b"C=5\0"]);
    }

    #[test]
    fn a_nul_is_refused_by_name() {
        assert_eq!(new(&[], &[("A", b"x\0y")]).unwrap_err(), ProcessEnvironmentError::Nul("A".into()));
    }

    #[test]
    fn too_long_a_variable_is_refused_by_name() {
        let long = vec![b'x'; VARIABLE_LEN_MAX - 3];
        let fits = new(&[("SMALL", "1")], &[("A", &long)]).unwrap();
        assert_eq!(fits.check(&[]), Ok(()));
        let longer = new(&[("SMALL", "1")], &[("AB", &long)]).unwrap();
        assert_eq!(longer.check(&[]), Err(ProcessEnvironmentError::TooLong("AB".into())));
        let many: Vec<String> = (0..600).map(|n| format!("V{n}")).collect();
        let long = &long[..20_000];
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), long)).collect();
        assert!(
            matches!(new(&[], &many).unwrap().check(&[]), Err(ProcessEnvironmentError::TooMuch { name, .. }) if name.len() == 4)
        );
    }

    #[test]
    fn nothing_of_a_value_is_shown() {
        let environment = new(&[("A", "hunter2")], &[]).unwrap();
        assert_eq!(format!("{environment:?}"), "ProcessEnvironment { variables: 1, .. }");
        assert_eq!(name_of(b"=C:=x\0"), "=C:");
    }
}
