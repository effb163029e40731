//! The query of an address.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The fields of a query, in order.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Bytes that are not UTF-8 become replacement characters, which no name has.
    pub(super) fn parse(text: &str) -> Query {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let fields = text.split('&').filter(|field| !field.is_empty());
        Query(
            fields
                .map(|field| field.split_once('=').unwrap_or((field, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// The path with this query, in which a field has this value only.
    pub(super) fn with(&self, path: &str, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(found, _)| found != name);
        let fields = others.map(|(name, value)| format!("{}={}&", encoded(name), encoded(value)));
        format!("{path}?{}{name}={value}", fields.collect::<String>())
    }

    /// The first field of this name, or an empty text.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

/// A text as a part of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
