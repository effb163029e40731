//! Environments: plain defaults that all members share, with their history.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::credential::looks_like_credential;
use super::entry::{Change, Variables};
use super::error::Error;
use super::file::Registry;
use super::name::{self, Name};

/// The longest default, in bytes.
const DEFAULT_LEN_MAX: usize = 4 << 10;

/// 9999-12-31T23:59:59Z, since 1970.
const TIME_MAX: Duration = Duration::from_secs(253_402_300_799);

impl Registry {
    /// The environments, with all changes of each variable, oldest first.
    pub fn environments(&self) -> impl Iterator<Item = (&Name, &BTreeMap<Name, Vec<Change>>)> {
        self.document.environments.iter()
    }

    /// The variables that are set in an environment now.
    ///
    /// # Errors
    ///
    /// When the environment does not exist, or a variable in it is reserved for the system.
    pub fn defaults(&self, environment: &Name) -> Result<BTreeMap<String, String>, Error> {
        let set = self.environment(environment)?.iter();
        let set = set.filter_map(|(name, changes)| Some((name, changes.last()?.value.as_ref()?)));
        set.map(|(name, value)| Ok((check(name)?, value.clone()))).collect()
    }

    /// All changes of the variables of an environment, oldest first.
    ///
    /// # Errors
    ///
    /// When the environment does not exist.
    pub fn environment(&self, environment: &Name) -> Result<&Variables, Error> {
        let found = self.document.environments.get(environment);
        found.ok_or_else(|| Error::NoEnvironment { name: environment.to_string() })
    }

    /// Sets a default, and creates its environment if needed. Returns whether the value changed.
    ///
    /// # Errors
    ///
    /// When the variable is reserved for the system, or the value looks like a credential or cannot
    /// be stored.
    pub fn set_default(
        &mut self,
        environment: &Name,
        variable: &Name,
        value: &str,
        change: &By<'_>,
    ) -> Result<bool, Error> {
        check(variable)?;
        name::Allowed::of_machine()?.check(variable.as_str())?;
        if value.len() > DEFAULT_LEN_MAX || value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(Error::DefaultValue { variable: variable.to_string() });
        }
        if looks_like_credential(variable.as_str(), value) {
            return Err(Error::LooksLikeCredential { variable: variable.to_string() });
        }
        self.begin()?;
        let variables = self.document.environments.entry(environment.clone()).or_default();
        let changes = variables.entry(variable.clone()).or_default();
        let same = changes.last().is_some_and(|change| change.value.as_deref() == Some(value));
        if !same {
            changes.push(change.to(Some(value.to_owned())));
        }
        Ok(!same)
    }

    /// Unsets a default. Its history stays.
    ///
    /// # Errors
    ///
    /// When it is not set.
    pub fn unset_default(&mut self, environment: &Name, variable: &Name, change: &By<'_>) -> Result<(), Error> {
        self.environment(environment)?;
        let changes = self.document.environments.get_mut(environment).and_then(|found| found.get_mut(variable));
        match changes {
            Some(changes) if changes.last().is_some_and(|change| change.value.is_some()) => {
                changes.push(change.to(None));
                Ok(())
            }
            _ => Err(Error::NoVariable { variable: variable.to_string(), environment: environment.to_string() }),
        }
    }
}

/// The author and time of a change.
#[derive(Clone, Debug)]
pub struct By<'a> {
    /// A member.
    pub member: &'a Name,
    /// In UTC, as `2026-11-24T16:00:00Z`.
    pub at: String,
}

impl By<'_> {
    /// This member, now.
    pub fn now(member: &Name) -> By<'_> {
        By { member, at: utc(SystemTime::now()) }
    }

    fn to(&self, value: Option<String>) -> Change {
        Change { at: self.at.clone(), by: self.member.clone(), value }
    }
}

/// A clock time in UTC, clamped to the years that the format can express, 1970 to 9999. A machine
/// without a clock battery can still change its registry.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(TIME_MAX);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

/// Accepts a variable in its own spelling, in either case, unless it is reserved for the system.
fn check(variable: &Name) -> Result<String, Error> {
    let upper = variable.as_str().to_ascii_uppercase();
    if variable.as_str().contains(['-', '.']) {
        return Err(Error::Name(name::NameError::Character));
    }
    if name::is_reserved(&upper) { Err(Error::Name(name::NameError::Reserved)) } else { Ok(variable.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a41_clock_before_1970_or_after_9999_is_no_panic() {
        let epoch = SystemTime::UNIX_EPOCH;
        let day = Duration::from_secs(86_400);
        assert_eq!(utc(epoch - day), "1970-01-01T00:00:00Z");
        assert_eq!(utc(epoch + day), "1970-01-02T00:00:00Z");
        assert_eq!(utc(epoch + TIME_MAX), "9999-12-31T23:59:59Z");
        assert_eq!(utc(epoch + TIME_MAX + day), "9999-12-31T23:59:59Z");
    }
}
