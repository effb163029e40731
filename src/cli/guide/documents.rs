//! The documents of the manual, as the build script rendered them.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::DeflateDecoder;

const DEFLATED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/manual"));

static INFLATED: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    DeflateDecoder::new(DEFLATED).read_to_string(&mut text).expect("the build script wrote it");
    text
});

/// A document of `docs`.
pub(crate) struct Document {
    pub(crate) name: &'static str,
    /// The names of the documents that it links to, separated by blanks.
    pub(crate) links: &'static str,
    /// The sections of a man page.
    pub(crate) sections: &'static str,
    /// The text for a terminal.
    pub(crate) text: &'static str,
}

/// All documents.
pub(crate) fn all() -> impl Iterator<Item = Document> {
    let mut fields = INFLATED.split_terminator('\0');
    std::iter::from_fn(move || {
        let mut next = || fields.next();
        Some(Document { name: next()?, links: next()?, sections: next()?, text: next()? })
    })
}

/// The document of this name.
pub(crate) fn named(name: &str) -> Option<Document> {
    all().find(|document| document.name == name)
}
