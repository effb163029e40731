//! Some proofs of ring 0: all of them are slow under qemu, and need more crates.

#[path = "../../tests/common/harness/mod.rs"]
mod harness;

#[path = "../../tests/engine/finder.rs"]
mod finder;
#[path = "../../tests/engine/long_texts.rs"]
mod long_texts;
#[path = "../../tests/engine/masks.rs"]
mod masks;
#[path = "../../tests/engine/partial.rs"]
mod partial;
#[path = "../../tests/engine/records.rs"]
mod records;
#[path = "../../tests/engine/swap.rs"]
mod swap;
#[path = "../../tests/engine/table.rs"]
mod table;
