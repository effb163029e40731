//! The proofs of ring 0 in one program, for `cargo mutants`: see `.cargo/mutants.toml`. Every mutant is compiled and linked, and a
//! program for each of these files costs ten times what one program for all of them does.
//!
//! Not run by a plain `cargo test`, which runs the files themselves. Tests begin in the order of their names: those go first that
//! find much in little time.

#![allow(
    clippy::duplicate_mod,
    reason = "each of these files is a program of its own elsewhere, and brings the oracles along"
)]

#[path = "../table.rs"]
mod t01_table;
#[path = "../records.rs"]
mod t02_records;
#[path = "../masks.rs"]
mod t03_masks;
#[path = "../partial.rs"]
mod t04_partial;
#[path = "../swap.rs"]
mod t05_swap;
#[path = "../finder.rs"]
mod t06_finder;
#[path = "../resume.rs"]
mod t06_resume;
#[path = "../answers.rs"]
mod t07_answers;
#[path = "../oracles.rs"]
mod t08_oracles;
#[path = "../long_texts.rs"]
mod t09_long_texts;
#[path = "../encodings.rs"]
mod t10_encodings;
#[path = "../limits.rs"]
mod t11_limits;
#[path = "../parts.rs"]
mod t12_parts;
#[path = "../properties.rs"]
mod t13_properties;
#[path = "../corpus.rs"]
mod t14_corpus;
#[path = "../small_worlds.rs"]
mod t15_small_worlds;
