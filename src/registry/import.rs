//! Importing many secrets at once: planned entry by entry, then saved all together or not at all.

use std::collections::BTreeMap;

use super::change::{Draft, Edit, Value};
use super::entry::Entry;
use super::environment::By;
use super::error::Error;
use super::field::{Fields, Variable};
use super::file::Registry;
use super::name::{self, Name};
use super::scope::Scope;
use crate::redact::secret::Secret;

/// An entry of a file to import. `Debug` does not show its value.
#[derive(Debug)]
pub struct ImportItem {
    /// Its key in the file.
    pub key: String,
    /// Its value; `None` if the file has none, or one that is no text.
    pub value: Option<Secret>,
    /// Whether the key is a variable, to be exported in this spelling, rather than the name of a
    /// secret.
    pub is_variable: bool,
}

/// How items are imported.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions<'a> {
    /// The scope of the secrets. `None`: that of the present secret, and private for a new one.
    pub scope: Option<Scope>,
    /// The group that the secrets are sealed to. `None`: that of the present secret, and none for a
    /// new one.
    pub group: Option<&'a Name>,
    /// Whether new secrets are exported.
    pub install: bool,
}

impl Default for ImportOptions<'_> {
    fn default() -> Self {
        ImportOptions { scope: None, group: None, install: true }
    }
}

/// The effect of an import on an item.
#[derive(Debug)]
pub enum Fate {
    /// It becomes a new secret.
    New(Destination),
    /// It becomes the new value of a secret. Whether the value differs from the present one is not
    /// known: saved values cannot be read back.
    Rotated(Destination),
    /// It cannot be saved.
    Refused(Error),
}

/// The secret that an item is saved as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The name.
    pub name: Name,
    /// The scope.
    pub scope: Scope,
    /// The variable that it is exported as, unless it is written to files only.
    pub variable: Option<String>,
}

/// An item of a plan.
#[derive(Debug)]
pub struct Planned {
    /// The key in the file.
    pub key: String,
    /// The effect on it.
    pub fate: Fate,
}

/// A plan of an import: a fate for each item, in order.
#[derive(Debug, Default)]
pub struct ImportPlan {
    /// The items.
    pub items: Vec<Planned>,
}

impl ImportPlan {
    /// Whether each item has the same fate in both plans. Two refusals are the same.
    pub fn is_same(&self, other: &ImportPlan) -> bool {
        let is_same = |(one, other): (&Planned, &Planned)| match (&one.fate, &other.fate) {
            (Fate::New(one), Fate::New(other)) | (Fate::Rotated(one), Fate::Rotated(other)) => one == other,
            (one, other) => matches!((one, other), (Fate::Refused(_), Fate::Refused(_))),
        };
        self.items.len() == other.items.len() && self.items.iter().zip(&other.items).all(is_same)
    }

    /// The numbers of new, rotated and refused secrets.
    pub fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Fate) -> bool| self.items.iter().filter(|item| is(&item.fate)).count();
        [
            count(|fate| matches!(fate, Fate::New(_))),
            count(|fate| matches!(fate, Fate::Rotated(_))),
            count(|fate| matches!(fate, Fate::Refused(_))),
        ]
    }
}

impl Registry {
    /// Plans an import by this member. Nothing is changed, and no value is opened.
    ///
    /// Cost: for each item, a comparison with each secret.
    ///
    /// # Errors
    ///
    /// When the name is not a member's. Problems of items are in the plan.
    pub fn plan_import(
        &self,
        items: &[ImportItem],
        options: ImportOptions<'_>,
        member: &Name,
    ) -> Result<ImportPlan, Error> {
        self.check_member(member)?;
        let mut seen = BTreeMap::new();
        let planned = items.iter().map(|item| {
            let fate = self.fate(item, options, member, &mut seen).unwrap_or_else(Fate::Refused);
            Planned { key: item.key.clone(), fate }
        });
        Ok(ImportPlan { items: planned.collect() })
    }

    fn fate<'a>(
        &self,
        item: &'a ImportItem,
        options: ImportOptions<'_>,
        member: &Name,
        seen: &mut BTreeMap<String, &'a str>,
    ) -> Result<Fate, Error> {
        let (name, fields) = target(item)?;
        value(item)?;
        let variable = fields.variable.as_ref().map_or_else(|| name::spelled(&name), Variable::to_string);
        let fate = match self.present(&name, &variable, options, member) {
            Some((name, scope, entry)) => {
                Fate::Rotated(Destination { name: name.clone(), scope, variable: entry.exported_as(name) })
            }
            None => {
                let usual = if options.group.is_some() { Scope::Shared } else { Scope::Private };
                let scope = options.scope.unwrap_or(usual);
                let variable = self.check_new(&name, scope, options.group, &fields, member)?;
                Fate::New(Destination { name, scope, variable })
            }
        };
        let (Fate::New(to) | Fate::Rotated(to)) = &fate else { return Ok(fate) };
        let variable = to.variable.clone().unwrap_or_else(|| name::spelled(&to.name));
        match seen.insert(variable, &item.key) {
            Some(other) => Err(Error::ImportTwice { key: item.key.clone(), other: other.to_owned() }),
            None => Ok(fate),
        }
    }

    /// The secret that the member sees, or of the group, with this variable or this name.
    fn present(
        &self,
        name: &Name,
        variable: &str,
        options: ImportOptions<'_>,
        member: &Name,
    ) -> Option<(&Name, Scope, &Entry)> {
        let own = self.secrets().filter(|(_, found, entry)| {
            let is_own = match options.group {
                Some(group) => entry.group() == Some(group),
                None => self.document.sees(member, *found, entry),
            };
            is_own && options.scope.is_none_or(|scope| scope == *found)
        });
        let own: Vec<_> = own.collect();
        let by = |is: &dyn Fn(&Name, &Entry) -> bool| {
            // A private secret wins over a shared one.
            let found = own.iter().filter(|(name, _, entry)| is(name, entry));
            found.max_by_key(|(_, scope, _)| *scope).copied()
        };
        by(&|name, entry| entry.spelled(name) == variable).or_else(|| by(&|found, _| found == name))
    }

    /// Saves all items, or none, and returns the plan that was carried out.
    ///
    /// # Errors
    ///
    /// When an item is refused: see [`plan_import`](Registry::plan_import). Nothing is changed.
    pub fn import(
        &mut self,
        items: &[ImportItem],
        options: ImportOptions<'_>,
        by: &By<'_>,
    ) -> Result<ImportPlan, Error> {
        let plan = self.plan_import(items, options, by.member)?;
        let [.., refused] = plan.counts();
        if refused > 0 {
            return Err(Error::ImportRefused { count: refused });
        }
        let mut changed = self.clone();
        for (item, planned) in items.iter().zip(&plan.items) {
            match &planned.fate {
                Fate::New(to) => {
                    let (_, fields) = target(item)?;
                    let draft = Draft::new(to.name.clone(), to.scope, value(item)?);
                    let group = options.group.cloned();
                    changed.add(&Draft { group, install: options.install, fields, ..draft }, by)?;
                }
                Fate::Rotated(to) => {
                    let edit = Edit { value: Some(value(item)?), ..Edit::default() };
                    changed.edit(&to.name, Some(to.scope), &edit, by)?;
                }
                Fate::Refused(_) => {}
            }
        }
        *self = changed;
        Ok(plan)
    }
}

fn value(item: &ImportItem) -> Result<Value<'_>, Error> {
    Value::new(item.value.as_ref().ok_or(Error::ImportNoValue)?.expose())
}

/// The name of a new secret for an item. A key in capital letters gives the usual name, such as
/// `openai-api-key` for `OPENAI_API_KEY`; a variable in another spelling keeps it.
fn target(item: &ImportItem) -> Result<(Name, Fields), Error> {
    let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let name: Name = match item.key.chars().all(is_capital) {
        true => item.key.to_ascii_lowercase().replace('_', "-").parse()?,
        false => item.key.parse()?,
    };
    let is_other = item.is_variable && name::spelled(&name) != item.key;
    let variable = is_other.then(|| item.key.parse()).transpose()?;
    Ok((name, Fields { variable, ..Fields::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, is_variable: bool) -> ImportItem {
        ImportItem { key: key.to_owned(), value: Some(Secret::new(key, b"some value".to_vec())), is_variable }
    }

    #[test]
    fn keys_become_names_and_variables_keep_their_spelling() {
        for (key, is_variable, name, variable) in [
            ("OPENAI_API_KEY", true, "openai-api-key", None),
            ("OPENAI_API_KEY", false, "openai-api-key", None),
            ("db_url", true, "db_url", Some("db_url")),
            ("db_url", false, "db_url", None),
            ("pagerduty.token", false, "pagerduty.token", None),
            ("myKey", true, "myKey", Some("myKey")),
        ] {
            let (found, fields) = target(&item(key, is_variable)).expect(key);
            assert_eq!((found.as_str(), fields.variable.as_ref().map(Variable::as_str)), (name, variable), "{key}");
        }
        for key in ["", "1A", "_A", "a b", "a=b"] {
            assert!(target(&item(key, true)).is_err(), "{key}");
        }
        assert!(target(&item("a.b", true)).is_err(), "no variable has a dot");
    }
}
