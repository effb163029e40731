//! The encrypted registry: secrets that are entered once and never read back.
//!
//! One YAML file names the members and their [age](https://age-encryption.org) recipients. It holds
//! each value sealed to its readers: a *shared* secret to all members, a *private* one to its
//! owner. Adding and editing need the recipients only, so a machine on which a secret is typed
//! cannot open it again. A machine that uses the secrets holds an [`Identity`].
//!
//! ```
//! use hushlog::registry::{By, Draft, Identity, Name, Registry, Scope, Value};
//!
//! let identity = Identity::generate();
//! let vm: Name = "vm".parse()?;
//! let mut registry = Registry::default();
//! registry.set_member(&vm, identity.recipient(), None, None)?;
//! let value = Value::new(b"sk-live-4f9QzX")?;
//! let draft = Draft::new("openai-api-key".parse()?, Scope::Shared, value);
//! registry.add(&draft, &By::now(&vm))?;
//!
//! let opened = registry.open(&identity, None, None)?;
//! assert_eq!(opened.secrets[0].variable, "OPENAI_API_KEY");
//! assert_eq!(opened.secrets[0].secret.expose(), b"sk-live-4f9QzX");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A value is at most [`VALUE_LEN_MAX`] bytes, and a file at most [`FILE_LEN_MAX`]. Errors name
//! entries, lines and columns, and never quote the file. The [manual](crate::manual::registry)
//! explains the integrity of the file.
//!
//! Values are wiped after use, except the copies that the crate age makes: one block when a value
//! is sealed, and one when it is opened. To wipe those, a program can use an allocator that wipes
//! freed memory, such as the crate zeroizing-alloc; `hushlog` itself does.

mod canonical;
mod change;
mod closed_path;
mod credential;
mod entry;
mod environment;
mod error;
mod exported_secret;
mod field;
mod file;
mod file_target;
mod format;
mod group;
mod hint;
mod id;
mod import;
mod key_file;
mod keyring;
mod member;
mod merge;
pub mod name;
mod name_error;
mod nearest;
mod open;
mod relocate;
mod reseal;
mod reserved;
mod schema;
mod scope;
mod seal;
mod sign;
mod store;
mod text;
pub(crate) mod yaml;

pub use change::{Draft, Edit, VALUE_LEN_MAX, Value};
pub use credential::may_be_repeated;
pub use entry::{Change, Entry, GROUP_OF_ALL, Group, Member};
pub use environment::By;
pub use error::Error;
pub use exported_secret::{ExportedSecret, Rank};
pub use field::{
    EXPIRES_SOON_DAYS, Expiry, ExpiryDate, FieldChange, FieldChanges, Fields, NOTE_LEN_MAX, Note, Variable,
};
pub use file::{MACHINE_IDENTITY, MACHINE_REGISTRY, Registry};
pub use file_target::{FileMode, FileTarget, TargetPath};
pub use format::FILE_LEN_MAX;
pub use group::GroupChange;
pub use id::RegistryId;
pub use import::{Destination, Fate, ImportItem, ImportOptions, ImportPlan, Planned};
pub use member::MemberChange;
pub use merge::{Cause, Conflict, MergeOptions, Merged, Side, merge_files};
pub use name::{Name, NameError};
pub use nearest::nearest;
pub use open::{Opened, Withheld};
pub use relocate::Move;
pub use scope::Scope;
pub use seal::{IDENTITY, Identity, Recipient};
pub use sign::{PublicKey, SIGNING_KEY, SigningKey};
pub use store::Snapshot;
