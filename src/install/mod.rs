//! Installation: adds the session to a machine's boot, and its variables to shells and services.
//!
//! These modules decide which files that takes, and write them.
//!
//! Nothing is started or reloaded. Every step also works on an image (a directory that will be the
//! root of a machine), and can be undone.

mod plan;
mod root;
mod step;

pub use plan::{Init, Setup, SetupError};
pub use root::Root;
pub use step::{Step, StepOutcome};

/// The mark in the first lines of every installed file. Only a file with it is replaced or removed.
const MARK: &str = "Put here by `hushlog boot --install`";
/// Begins a block in another owner's file.
const BLOCK_START: &str = "# >>> hushlog boot --install >>>\n";
/// Ends the block.
const BLOCK_END: &str = "# <<< hushlog boot --install <<<\n";
