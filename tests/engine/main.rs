//! The engine of ring 0, and its oracles.

#[cfg(feature = "ffi")]
#[path = "../common/abi/mod.rs"]
mod abi;
#[cfg(feature = "sidecar")]
#[path = "../common/formats/mod.rs"]
mod formats;
#[path = "../common/harness/forms.rs"]
mod forms;
#[path = "../common/program/session.rs"]
mod session;
mod program {
    #[allow(unused_imports, reason = "a program of fewer features has no such test")]
    pub(crate) use crate::session;
}
#[path = "../common/harness/mod.rs"]
mod harness;
#[cfg(feature = "cli")]
#[path = "../common/protocols/mod.rs"]
mod protocols;

mod answers;
mod colours;
mod corpus;
#[cfg(feature = "ffi")]
mod corpus_abi;
#[cfg(feature = "sidecar")]
mod corpus_formats;
#[cfg(feature = "cli")]
mod corpus_protocols;
mod encodings;
mod encodings_chains;
mod encodings_programs;
mod finder;
mod limits;
mod long_texts;
mod masks;
mod oracles;
mod partial;
mod parts;
mod properties;
mod quotes;
mod readings;
mod records;
mod rests;
mod resume;
mod small_worlds;
mod swap;
mod table;
