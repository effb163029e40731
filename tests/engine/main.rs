//! The engine of ring 0, and its oracles.

#[cfg(feature = "ffi")]
#[path = "../abi/mod.rs"]
mod abi;
#[cfg(feature = "sidecar")]
#[path = "../formats/mod.rs"]
mod formats;
#[path = "../support/forms.rs"]
mod forms;
#[path = "../program/session.rs"]
mod session;
mod program {
    #[allow(unused_imports, reason = "a program of fewer features has no such test")]
    pub(crate) use crate::session;
}
#[cfg(feature = "cli")]
#[path = "../protocols/mod.rs"]
mod protocols;
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod corpus;
#[cfg(feature = "ffi")]
mod corpus_abi;
#[cfg(feature = "sidecar")]
mod corpus_formats;
#[cfg(feature = "cli")]
mod corpus_protocols;
mod encodings;
mod encodings_programs;
mod finder;
mod limits;
mod long_texts;
mod masks;
mod oracles;
mod partial;
mod parts;
mod properties;
mod records;
mod rests;
mod resume;
mod small_worlds;
mod swap;
mod table;
