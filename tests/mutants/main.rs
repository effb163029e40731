//! The proofs of ring 0 in one program, for `cargo mutants`: see `.cargo/mutants.toml`. Every
//! mutant is compiled and linked, and a program for each of these files costs ten times as much as
//! one program for all of them.
//!
//! A plain `cargo test` runs the files themselves, and not this program. Tests run in the order of
//! their names: the ones that find most in little time come first.

#[path = "../common/harness/forms.rs"]
mod forms;
#[path = "../common/harness/mod.rs"]
mod harness;

#[path = "../engine/table.rs"]
mod t01_table;
#[path = "../engine/records.rs"]
mod t02_records;
#[path = "../engine/masks.rs"]
mod t03_masks;
#[path = "../engine/partial.rs"]
mod t04_partial;
#[path = "../engine/rests.rs"]
mod t05_rests;
#[path = "../engine/swap.rs"]
mod t05_swap;
#[path = "../engine/finder.rs"]
mod t06_finder;
#[path = "../engine/resume.rs"]
mod t06_resume;
#[path = "../engine/answers.rs"]
mod t07_answers;
#[path = "../engine/oracles.rs"]
mod t08_oracles;
#[path = "../engine/long_texts.rs"]
mod t09_long_texts;
#[path = "../engine/encodings.rs"]
mod t10_encodings;
#[path = "../engine/limits.rs"]
mod t11_limits;
#[path = "../engine/parts.rs"]
mod t12_parts;
#[path = "../engine/properties.rs"]
mod t13_properties;
#[path = "../engine/corpus.rs"]
mod t14_corpus;
#[path = "../engine/small_worlds.rs"]
mod t15_small_worlds;
