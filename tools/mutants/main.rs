//! The proofs of ring 0 in one program, for `cargo mutants`: see `.cargo/mutants.toml`. Every
//! mutant is compiled and linked, and a program for each of these files costs ten times as much as
//! one program for all of them.
//!
//! A plain `cargo test` runs the files themselves, and not this program. Tests run in the order of
//! their names: the ones that find most in little time come first.

#[path = "../../tests/common/harness/forms.rs"]
mod forms;
#[path = "../../tests/common/harness/mod.rs"]
mod harness;

#[path = "../../tests/engine/table.rs"]
mod t01_table;
#[path = "../../tests/engine/records.rs"]
mod t02_records;
#[path = "../../tests/engine/masks.rs"]
mod t03_masks;
#[path = "../../tests/engine/partial.rs"]
mod t04_partial;
#[path = "../../tests/engine/rests.rs"]
mod t05_rests;
#[path = "../../tests/engine/swap.rs"]
mod t05_swap;
#[path = "../../tests/engine/finder.rs"]
mod t06_finder;
#[path = "../../tests/engine/resume.rs"]
mod t06_resume;
#[path = "../../tests/engine/answers.rs"]
mod t07_answers;
#[path = "../../tests/engine/oracles.rs"]
mod t08_oracles;
#[path = "../../tests/engine/long_texts.rs"]
mod t09_long_texts;
#[path = "../../tests/engine/encodings.rs"]
mod t10_encodings;
#[path = "../../tests/engine/limits.rs"]
mod t11_limits;
#[path = "../../tests/engine/parts.rs"]
mod t12_parts;
#[path = "../../tests/engine/properties.rs"]
mod t13_properties;
#[path = "../../tests/engine/corpus.rs"]
mod t14_corpus;
#[path = "../../tests/engine/small_worlds.rs"]
mod t15_small_worlds;
