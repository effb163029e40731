//! Errors of YAML files, in one form: `FILE:LINE:COLUMN: KEYS: problem`.
//!
//! The deserializer's errors have no path of keys, name the place of another node where serde tells
//! it nothing, and quote the text. So after an error the text is read once more, as events: they
//! give its [outline](outline), which is compared with the schema of the file. Only then the
//! deserializer's own error counts. Nothing of this runs for a valid file.
//!
//! No error holds any text of the file: a key is named only if it is one of the schema's, and
//! others are shown as `*`.

mod outline;
mod shape;
mod syntax;

use serde_json::Value;
use serde_yaml::Error;
use serde_yaml::budget::BudgetBreach;

#[cfg(feature = "sidecar")]
pub(crate) use outline::Step;
pub(crate) use outline::{Outline, Place};

/// A format of files.
pub(crate) struct Form<'a> {
    /// Its JSON Schema, without references.
    pub(crate) schema: &'a Value,
    /// Earlier names of keys, each with the present one.
    pub(crate) earlier: &'a [(&'static str, &'static str)],
    /// The files in words, such as `the configuration`.
    pub(crate) what: &'static str,
}

/// An error of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Option<Place>,
    /// The path of keys, such as `streams[1].source.files`; empty for the whole file.
    pub(crate) keys: String,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    fn new(place: Place, keys: String, problem: impl Into<String>) -> Fault {
        Fault { place: Some(place), keys, problem: problem.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Fault {
        Fault { hint: Some(hint.into()), ..self }
    }
}

/// The fault of a text that the deserializer refused with this error.
pub(crate) fn fault(text: &str, form: &Form<'_>, error: &Error) -> Fault {
    let outline = Outline::of(text);
    if let Some((place, kind)) = outline.stopped_at() {
        let (problem, hint) = syntax::explain(kind, *place, text);
        let keys = outline.stopped_in(*place).map_or_else(String::new, |node| shape::keys(&outline, node, form));
        return Fault { hint: hint.map(str::to_owned), ..Fault::new(*place, keys, problem) };
    }
    shape::fault(&outline, form).unwrap_or_else(|| of_value(&outline, form, error))
}

/// The place of the end of this text. CR, LF and both together end a line in YAML, and a byte order
/// mark takes no column.
pub(crate) fn end_of(text: &[u8]) -> Place {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let is_end = |(at, byte): &(usize, &u8)| match byte {
        b'\r' => true,
        b'\n' => *at == 0 || text[at - 1] != b'\r',
        _ => false,
    };
    let line = text.iter().enumerate().filter(is_end).count() as u64 + 1;
    let last = text.rsplit(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    Place { line, column: String::from_utf8_lossy(last).chars().count() as u64 + 1 }
}

/// The fault of a text with the right shape: one of its values does not fit, or a limit is
/// exceeded.
fn of_value(outline: &Outline<'_>, form: &Form<'_>, error: &Error) -> Fault {
    let error = inner(error);
    let told = error.location().filter(|place| place.line() > 0);
    let told = told.map_or(Place::START, |place| Place { line: place.line(), column: place.column().max(1) });
    let at = |problem: &str| Fault::new(told, String::new(), problem);
    match error {
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } | Error::MultipleDocuments { .. } => {
            at("a second document begins here, and the file may have only one")
        }
        Error::Budget { .. } => at("more nesting, entries or aliases than such a file may have"),
        Error::UnsupportedTag { .. } => at("a tag, such as !name, is not supported").hint(syntax::QUOTES),
        Error::Eof { .. } => at("the file is empty"),
        Error::MergeKeyNotAllowed { .. } => at("merge keys (<<) are not supported"),
        _ => {
            let node = outline.value_at(told);
            let place = node.map_or(told, |node| outline.place(node));
            let keys = node.map_or_else(String::new, |node| shape::keys(outline, node, form));
            match node.and_then(|node| shape::schema(outline, node, form)) {
                Some(schema) => {
                    let fault = Fault::new(place, keys, format!("must be {}", shape::expected(schema)));
                    Fault { hint: shape::meaning(schema), ..fault }
                }
                None => Fault::new(place, keys, format!("not valid in {}", form.what)),
            }
        }
    }
}

/// The error of an alias is that of the text that it stands for.
fn inner(mut error: &Error) -> &Error {
    loop {
        error = error.without_snippet();
        match error {
            Error::AliasError { error: cause, .. } => error = cause,
            _ => return error,
        }
    }
}
