//! The ways a value gets written, one row each.

/// How a needle is derived from its secret's value, as reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// The value itself.
    Value,
}

impl Form {
    /// The name in reports: lower case, words joined by `-`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Value => "value",
        }
    }
}

/// Calls `emit` with every way `value` gets written, likeliest first; equal ones may come twice.
pub(crate) fn forms(value: &[u8], emit: &mut dyn FnMut(Form, &[u8])) {
    emit(Form::Value, value);
}
