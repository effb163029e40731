//! The proofs of ring 0 in one program, for `cargo mutants`: see `.cargo/mutants.toml`. Every mutant is compiled and linked, and a
//! program for each of these files costs ten times what one program for all of them does.
//!
//! Not run by a plain `cargo test`, which runs the files themselves.

#[path = "../corpus.rs"]
mod corpus;
#[path = "../encodings.rs"]
mod encodings;
#[path = "../finder.rs"]
mod finder;
#[path = "../limits.rs"]
mod limits;
#[path = "../long_texts.rs"]
mod long_texts;
#[path = "../masks.rs"]
mod masks;
#[path = "../oracles.rs"]
mod oracles;
#[path = "../partial.rs"]
mod partial;
#[path = "../parts.rs"]
mod parts;
#[path = "../properties.rs"]
mod properties;
#[path = "../records.rs"]
mod records;
#[path = "../small_worlds.rs"]
mod small_worlds;
#[path = "../swap.rs"]
mod swap;
#[path = "../table.rs"]
mod table;
