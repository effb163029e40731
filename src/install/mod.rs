//! Putting the session into a machine's start, and its variables into shells and services: which files, and how they get there.
//!
//! Nothing is started or reloaded. All of it can be done to a directory that will be the root of a machine, and undone.

mod plan;
mod root;
mod step;

pub use plan::{Init, Setup, SetupError};
pub use root::Root;
pub use step::{Step, StepOutcome};

/// What the first lines of every file say. Only a file with it is replaced or removed.
const MARK: &str = "Put here by `hushlog boot --install`";
/// Begins a block in a file of somebody else.
const BLOCK_START: &str = "# >>> hushlog boot --install >>>\n";
/// Ends it.
const BLOCK_END: &str = "# <<< hushlog boot --install <<<\n";
