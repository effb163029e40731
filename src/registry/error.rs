//! The errors of a registry. They hold names, lines and columns; never a value or a line of the
//! file.

use std::io;

use super::credential::named;
use super::format::{FILE_LEN_MAX, FORMAT};
use super::name::NameError;
use crate::redact::secret::VALUE_LEN_MIN;

/// An error of a registry operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the registry")]
    Read(#[source] io::Error),
    /// The file cannot be written; it is unchanged.
    #[error("cannot write the registry")]
    Write(#[source] io::Error),
    /// There is no file.
    #[error("the registry does not exist")]
    Missing,
    /// Writing as this user would take the registry from its owner or group; it is unchanged.
    #[error("cannot replace the registry")]
    NotKept(#[source] io::Error),
    /// The path to write is a symbolic link or not a regular file.
    #[error("cannot replace the registry: it is a symbolic link, or not a file")]
    NotAFile,
    /// The file is larger than [`FILE_LEN_MAX`].
    #[error("the registry is larger than {} MiB", FILE_LEN_MAX >> 20)]
    FileTooLarge,
    /// The file has an unsupported format version, or none.
    #[error("the registry does not begin with 'format: 1' or 'format: {FORMAT}'")]
    Format,
    /// Version control left conflict marks in the file.
    #[error("the registry contains a merge conflict in line {line}")]
    MergeConflict {
        /// Counted from 1.
        line: u64,
    },
    /// The file violates the schema of the format.
    #[error("the registry is not valid in line {line}, column {column}: {}", keyed(keys, problem))]
    Syntax {
        /// Counted from 1.
        line: u64,
        /// Counted from 1, in characters.
        column: u64,
        /// The path of the format's fields, such as `members.*.recipient`; a name is shown as `*`.
        keys: String,
        /// The problem, in words that quote nothing of the file.
        problem: String,
    },
    /// The members do not match their digest.
    #[error("the registry's members were changed by hand, or the end of the file is missing")]
    Check,
    /// An entry is inconsistent.
    #[error("{what} is not valid in the registry")]
    Inconsistent {
        /// The entry.
        what: String,
    },
    /// The registry names signers, and no signer signed it.
    #[error("the registry is not signed by one of its signers")]
    Unsigned,
    /// The signature does not match this text.
    #[error("the registry was changed after it was signed")]
    Signature,
    /// No required signer signed the registry.
    #[error("no trusted key signed the registry")]
    Untrusted,
    /// The registry is not one of the required ones.
    #[error("the id of the registry is not a trusted one")]
    OtherRegistry,
    /// The registry is older than one that this machine has seen.
    #[error("the registry is older than one seen here: revision {revision}, not {seen} or later")]
    Rollback {
        /// Its revision; 0 if it has none.
        revision: u64,
        /// The highest revision that the machine has seen.
        seen: u64,
    },
    /// The registry has no id.
    #[error("the registry has format 1, and so no id that its values could be bound to")]
    NoId,
    /// The registry must be signed when it is written, and no key was given.
    #[error("the registry names signers, so it must be signed")]
    KeyNeeded,
    /// The key belongs to no signer of the registry.
    #[error("the signing key does not belong to a signer of the registry")]
    NotASigner,

    /// The files of a merge belong to different registries.
    #[error("the sides of the merge are different registries: their id or format differs")]
    MergeOther,
    /// Both sides of a merge changed a member, a group, or the recipients of shared secrets.
    #[error("both sides of the merge changed {what}")]
    MergeMembers {
        /// The member, the group, or the recipients.
        what: String,
    },

    /// A name is invalid or reserved.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The text is not an age recipient as `age-keygen` prints it.
    #[error("not a valid recipient")]
    Recipient,
    /// The text is not a signer's public key.
    #[error("not a valid public key of a signer")]
    PublicKey,
    /// The text is not a registry's id.
    #[error("not a valid registry id")]
    RegistryId,
    /// The text is not an Ed25519 key in PEM.
    #[error("not a valid signing key")]
    SigningKey,
    /// The file holds no identity.
    #[error("the identity file contains no identity")]
    IdentityEmpty,
    /// A line of the identity file is not an identity.
    #[error("line {line} of the identity file is not an identity")]
    IdentityLine {
        /// Counted from 1.
        line: usize,
    },
    /// A line of the identity file holds an unsupported kind of identity.
    #[error("the identity on line {line} is of an unsupported kind (a plugin's, or an SSH key)")]
    IdentityKind {
        /// Counted from 1.
        line: usize,
    },
    /// The key file cannot be read.
    #[error("cannot read the key file")]
    Key(#[source] io::Error),
    /// The key file is too large.
    #[error("the key file is too large")]
    KeyTooLarge,
    /// Users other than the owner can read the key file.
    #[error("users other than the owner can read the key file")]
    KeyOpen,
    /// The identity file is a damaged age file.
    #[error("the identity file is damaged")]
    IdentityBroken,
    /// The identity file is sealed to another identity.
    #[error("the identity file is encrypted, but not with a passphrase")]
    IdentitySealed,
    /// The passphrase needs more work than the limit allows.
    #[error("checking the passphrase of the identity file needs more work than the limit allows")]
    IdentityWork,
    /// The passphrase is wrong.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// No terminal is available to ask for the passphrase.
    #[error("the identity file is protected by a passphrase, and there is no terminal to type it in")]
    NoPassphrase,

    /// No such member.
    #[error("{} is not a member of the registry", named(name, "the given name"))]
    NotAMember {
        /// The given name.
        name: String,
    },
    /// The identity belongs to no member.
    #[error("this identity is not a member of the registry")]
    UnknownIdentity,
    /// The identity belongs to several members.
    #[error("the identity belongs to several members: {names}")]
    SeveralMembers {
        /// Their names.
        names: String,
    },
    /// The identity does not belong to the named member.
    #[error("the identity does not belong to {name}")]
    OtherMember {
        /// The given name.
        name: String,
    },
    /// No such group.
    #[error("the group {} does not exist", named(name, "of that name"))]
    NoGroup {
        /// The given name.
        name: String,
    },
    /// A group of this name exists already.
    #[error("the group {name} exists already")]
    GroupExists {
        /// Its name.
        name: String,
    },
    /// Secrets are sealed to the group.
    #[error("secrets are sealed to the group {name} ({count})")]
    GroupInUse {
        /// Its name.
        name: String,
        /// The number of secrets.
        count: usize,
    },
    /// The group consists of all members.
    #[error("the group {} consists of all members", super::GROUP_OF_ALL)]
    GroupOfAll,
    /// The member is not in the group.
    #[error("{} is not in the group {group}", named(name, "the given member"))]
    NotInGroup {
        /// The given name.
        name: String,
        /// The group.
        group: String,
    },
    /// The group's last member cannot leave: its secrets need a recipient.
    #[error("the last member of the group {name} cannot leave while secrets are sealed to it")]
    LastOfGroup {
        /// The group.
        name: String,
    },
    /// The group has no member that could open a secret.
    #[error("the group {name} has no members")]
    GroupEmpty {
        /// The group.
        name: String,
    },
    /// An identity is needed to open that of a group.
    #[error("this change of the group {name} needs the identity of one of its members")]
    GroupIdentity {
        /// The group.
        name: String,
    },
    /// The last member cannot be removed: shared secrets need a recipient.
    #[error("cannot remove the last member while there are secrets")]
    LastMember,
    /// An identity is needed to reseal the present values.
    #[error("resealing {count} secrets needs an identity")]
    IdentityNeeded {
        /// The number of values.
        count: usize,
    },
    /// The member has no such secret.
    #[error("no secret {} that this member can change", named(name, "of that name"))]
    NoSecret {
        /// Its name.
        name: String,
    },
    /// A secret of this name exists already.
    #[error("the secret {name} exists already")]
    SecretExists {
        /// Its name.
        name: String,
    },
    /// The secret is sealed to these readers already.
    #[error("the secret {name} has these readers already")]
    NotMoved {
        /// Its name.
        name: String,
    },
    /// Two secrets would be exported as one variable.
    #[error("{} and {other} would both be exported as {variable}", named(name, "a secret of that name"))]
    Collision {
        /// The new one.
        name: String,
        /// The existing one.
        other: String,
        /// The variable.
        variable: String,
    },
    /// The value is blank.
    #[error("the value is empty")]
    ValueEmpty,
    /// The value is too short to be masked.
    #[error("the value is shorter than {VALUE_LEN_MIN} bytes, too short to be masked")]
    ValueTooShort,
    /// The value is too long.
    #[error("the value is longer than {} KiB", super::VALUE_LEN_MAX >> 10)]
    ValueTooLong,
    /// The value contains a NUL byte, which environment variables cannot hold.
    #[error("the value contains a NUL byte, which a variable cannot hold")]
    ValueNul,
    /// The environment does not exist.
    #[error("the environment {} does not exist", named(name, "of that name"))]
    NoEnvironment {
        /// Its name.
        name: String,
    },
    /// The environment does not set the variable.
    #[error("{} is not set in {environment}", named(variable, "the variable"))]
    NoVariable {
        /// The variable.
        variable: String,
        /// The environment.
        environment: String,
    },
    /// A plain default looks like a credential.
    #[error("{} looks like a credential, but defaults are kept in plain text", value_for(variable))]
    LooksLikeCredential {
        /// The variable.
        variable: String,
    },
    /// A note cannot be stored.
    #[error("a note has 1 to {} bytes, in one line", super::field::NOTE_LEN_MAX)]
    Note,
    /// A note looks like a credential.
    #[error("the note looks like a credential, but notes are kept in plain text")]
    NoteLooksLikeCredential,
    /// An explicit variable is not valid.
    #[error("not a valid variable: {0}")]
    Variable(NameError),
    /// An item to import has no value, or one that is no text.
    #[error("it has no value that is text")]
    ImportNoValue,
    /// Two items to import are exported as the same variable.
    #[error("it would be the same secret as {} before it in the file", named(other, "another one"))]
    ImportTwice {
        /// The key of the item.
        key: String,
        /// The key of the earlier item.
        other: String,
    },
    /// Items to import are refused, so none is saved.
    #[error("{count} of the entries cannot be saved, so none was")]
    ImportRefused {
        /// Their number.
        count: usize,
    },
    /// The path of a file target is not valid.
    #[error("not a valid path of a file target")]
    FileTargetPath,
    /// The permissions of a file target are not valid.
    #[error("not a valid mode of a file target")]
    FileTargetMode,
    /// Programs read code, configuration or trust from the path.
    #[error("{path} is reserved, because programs read code or configuration there")]
    FileTargetReserved {
        /// The path.
        path: String,
    },
    /// Two secrets would be written to one file.
    #[error("{} and {other} would both be written to {path}", named(name, "a secret of that name"))]
    FileCollision {
        /// The new one.
        name: String,
        /// The existing one.
        other: String,
        /// The path.
        path: Box<str>,
    },
    /// A mode was given without a file.
    #[error("there is no file target for the mode")]
    NoFileTarget,
    /// The text is not a date.
    #[error("not a date of the calendar, such as 2027-01-31")]
    ExpiryDate,
    /// A plain default cannot be stored.
    #[error("{} contains control characters, or is too long for a default", value_for(variable))]
    DefaultValue {
        /// The variable.
        variable: String,
    },
    /// The secret is sealed to other recipients.
    #[error("{entry} is not sealed to this identity")]
    NotForUs {
        /// The entry.
        entry: String,
    },
    /// The secret was changed or damaged.
    #[error("cannot open {entry}: it is damaged")]
    Damaged {
        /// The entry.
        entry: String,
    },
    /// The variable, the file or the readers of a secret cannot change without its value, or an
    /// identity that opens it.
    #[error("variable, file and readers are sealed with the value, which is needed to change them")]
    ValueNeeded,
    /// A sealed value is bound to another entry.
    #[error("cannot open {entry}: it was sealed for another entry, group or registry")]
    WrongBinding {
        /// The entry.
        entry: String,
    },
    /// A sealed value is bound to another variable or file.
    #[error("cannot open {entry}: its variable or file was changed after its value was sealed")]
    WrongFields {
        /// The entry.
        entry: String,
    },
    /// Sealing failed.
    #[error("cannot seal the value")]
    Sealing,
    /// The system returned no random bytes.
    #[error("the system returned no random bytes")]
    Random,
}

fn keyed(keys: &str, problem: &str) -> String {
    if keys.is_empty() { problem.to_owned() } else { format!("{keys}: {problem}") }
}

fn value_for(variable: &str) -> String {
    format!("the value for {}", named(variable, "a variable"))
}

impl Error {
    /// The error of the file at this path: `FILE:LINE:COLUMN: KEYS: problem` if it has a place
    /// there.
    pub fn of_file(&self, path: &str) -> String {
        match self {
            Error::Syntax { line, column, keys, problem } => {
                format!("{path}:{line}:{column}: {}", keyed(keys, problem))
            }
            Error::MergeConflict { line } => format!("{path}:{line}:1: a merge left a conflict here"),
            _ => format!("{path}: {self}"),
        }
    }

    /// Whether the error concerns the file itself rather than the request.
    pub fn is_of_file(&self) -> bool {
        use Error::{
            Check, FileTooLarge, Format, Inconsistent, MergeConflict, Missing, NotAFile, NotKept, OtherRegistry, Read,
            Rollback, Signature, Syntax, Unsigned, Untrusted, Write,
        };
        matches!(
            self,
            Check
                | FileTooLarge
                | Format
                | Inconsistent { .. }
                | MergeConflict { .. }
                | Missing
                | NotAFile
                | NotKept(_)
                | OtherRegistry
                | Read(_)
                | Rollback { .. }
                | Signature
                | Syntax { .. }
                | Unsigned
                | Untrusted
                | Write(_)
        )
    }
}
