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
    #[error("the registry cannot be read")]
    Read(#[source] io::Error),
    /// The file cannot be written; it is unchanged.
    #[error("the registry cannot be written")]
    Write(#[source] io::Error),
    /// There is no file.
    #[error("there is no registry yet")]
    Missing,
    /// Writing as this user would take the registry from its owner or group; it is unchanged.
    #[error("the registry is not written")]
    NotKept(#[source] io::Error),
    /// The path to write is a symbolic link or not a regular file.
    #[error("the registry is a symbolic link or not a file, and is not written")]
    NotAFile,
    /// The file is larger than [`FILE_LEN_MAX`].
    #[error("the registry is larger than {} MiB", FILE_LEN_MAX >> 20)]
    FileTooLarge,
    /// The file has an unsupported format version, or none.
    #[error("the registry does not begin with 'format: 1' or 'format: {FORMAT}'")]
    Format,
    /// Version control left conflict marks in the file.
    #[error("the registry holds a merge conflict, from line {line} on")]
    MergeConflict {
        /// Counted from 1.
        line: u64,
    },
    /// The file violates the schema of the format.
    #[error("the registry is wrong at line {line}, column {column}{}", .key.map(|key| format!(", near '{key}'")).unwrap_or_default())]
    Syntax {
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
        /// The format's field on that line.
        key: Option<&'static str>,
    },
    /// The members do not match their digest.
    #[error("the registry's list of members was changed by hand, or its end is missing")]
    Check,
    /// An entry is inconsistent.
    #[error("{what} is wrong in the registry")]
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
    #[error("the registry is not signed by a signer that is trusted here")]
    Untrusted,
    /// The registry is not one of the required ones.
    #[error("the registry is not the one that is trusted here")]
    OtherRegistry,
    /// The registry must be signed when it is written, and no key was given.
    #[error("the registry names signers, and has to be signed")]
    KeyNeeded,
    /// The key belongs to no signer of the registry.
    #[error("the signing key is not of a signer of the registry")]
    NotASigner,

    /// The files of a merge belong to different registries.
    #[error("the sides of the merge are not of one registry: their id or format differs")]
    MergeOther,
    /// Both sides of a merge changed a member, or the recipients of the shared secrets.
    #[error("both sides of the merge changed {what}")]
    MergeMembers {
        /// The member, or the recipients.
        what: String,
    },

    /// A name is invalid or reserved.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The text is not an age recipient as `age-keygen` prints it.
    #[error("that is not a recipient as age-keygen prints it")]
    Recipient,
    /// The text is not a signer's public key.
    #[error("that is not the public key of a signer")]
    PublicKey,
    /// The text is not a registry's id.
    #[error("that is not the id of a registry")]
    RegistryId,
    /// The text is not an Ed25519 key in PEM.
    #[error("that is not a signing key")]
    SigningKey,
    /// The file holds no identity.
    #[error("the identity file holds no identity")]
    IdentityEmpty,
    /// A line of the identity file is not an identity.
    #[error("the identity file has something else than an identity on line {line}")]
    IdentityLine {
        /// Counted from 1.
        line: usize,
    },
    /// A line of the identity file holds an unsupported kind of identity.
    #[error("the identity on line {line} is of a kind that is not supported (a plugin's, or an SSH key)")]
    IdentityKind {
        /// Counted from 1.
        line: usize,
    },
    /// The key file cannot be read.
    #[error("the file with the key cannot be read")]
    Key(#[source] io::Error),
    /// The key file is too large.
    #[error("the file with the key is too large for one")]
    KeyTooLarge,
    /// Users other than the owner can read the key file.
    #[error("the file with the key can be read by others than its owner")]
    KeyOpen,
    /// The identity file is a damaged age file.
    #[error("the identity file is damaged")]
    IdentityBroken,
    /// The identity file is sealed to another identity.
    #[error("the identity file is sealed, and not with a passphrase")]
    IdentitySealed,
    /// The passphrase needs more work than the limit allows.
    #[error("the identity file asks for more work than is allowed before its passphrase can be checked")]
    IdentityWork,
    /// The passphrase is wrong.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// No terminal is available to ask for the passphrase.
    #[error("the identity file is protected by a passphrase, and there is no terminal to ask for it")]
    NoPassphrase,

    /// No such member.
    #[error("{} is not a member of the registry", named(name, "the name that was given"))]
    NotAMember {
        /// The given name.
        name: String,
    },
    /// The identity belongs to no member.
    #[error("the identity belongs to no member of the registry")]
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
    /// The last member cannot be removed: shared secrets need a recipient.
    #[error("the last member cannot be removed while there are secrets")]
    LastMember,
    /// An identity is needed to reseal the present values.
    #[error("an identity is needed, to seal {count} secrets anew")]
    IdentityNeeded {
        /// The number of values.
        count: usize,
    },
    /// The member has no such secret.
    #[error("there is no secret {} to be changed by this member", named(name, "of that name"))]
    NoSecret {
        /// Its name.
        name: String,
    },
    /// A secret of this name exists already.
    #[error("there is a secret {name} already")]
    SecretExists {
        /// Its name.
        name: String,
    },
    /// Two secrets would be exported as one variable.
    #[error("{} would be exported as {variable}, as {other} is", named(name, "a secret of that name"))]
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
    #[error("the value is shorter than {VALUE_LEN_MIN} bytes, and could not be masked in a log")]
    ValueTooShort,
    /// The value is too long.
    #[error("the value is longer than {} KiB", super::VALUE_LEN_MAX >> 10)]
    ValueTooLong,
    /// The value contains a NUL byte, which environment variables cannot hold.
    #[error("the value holds a NUL byte, which no variable can")]
    ValueNul,
    /// The environment does not exist.
    #[error("there is no environment {}", named(name, "of that name"))]
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
    #[error("{} looks like a credential, and a default is kept in plain text", value_for(variable))]
    LooksLikeCredential {
        /// The variable.
        variable: String,
    },
    /// A plain default cannot be stored.
    #[error("{} has control characters in it, or is too long for a default", value_for(variable))]
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
    #[error("{entry} is damaged, and cannot be opened")]
    Damaged {
        /// The entry.
        entry: String,
    },
    /// A sealed value is bound to another entry.
    #[error("{entry} holds the value of another name, scope, owner, version or registry")]
    WrongBinding {
        /// The entry.
        entry: String,
    },
    /// Sealing failed.
    #[error("the value could not be sealed")]
    Sealing,
    /// The system returned no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

fn value_for(variable: &str) -> String {
    format!("the value for {}", named(variable, "a variable"))
}

impl Error {
    /// Whether the error concerns the file itself rather than the request.
    pub fn is_of_file(&self) -> bool {
        use Error::{
            Check, FileTooLarge, Format, Inconsistent, MergeConflict, Missing, NotAFile, NotKept, OtherRegistry, Read,
            Signature, Syntax, Unsigned, Untrusted, Write,
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
                | Signature
                | Syntax { .. }
                | Unsigned
                | Untrusted
                | Write(_)
        )
    }

    /// A hint on how to fix the error, if any.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Error::Missing => "`hushlog member add NAME RECIPIENT` makes one",
            Error::NotKept(_) => {
                "have root, its owner or a member of its group change it, or have its owner give it a group of yours (chgrp, chmod g+rw)"
            }
            Error::NotAFile => "name the file itself, not a link to it",
            Error::Format => "is this the right file? it may also be of a newer version of hushlog",
            Error::MergeConflict { .. } => {
                "keep one side of each conflict; a registry that is signed, or that git merged line by line, is merged by `hushlog merge` (see its --help)"
            }
            Error::Syntax { .. } => "take the file back as it was, and change it with hushlog",
            Error::Check => "take the file back as it was; members are changed with `hushlog member`",
            Error::Inconsistent { .. } => "take the file back as it was, and change it with hushlog",
            Error::Unsigned | Error::Signature | Error::Untrusted => {
                "do not use it; ask who changed the registry, and take it back as it was signed; a signer signs a merge by `HUSHLOG_SIGN=KEY git checkout --merge FILE`"
            }
            Error::OtherRegistry => {
                "its id stands in its head, as `id: hlr-...`; --trust names the one that is expected"
            }
            Error::RegistryId => "it begins with hlr-, and stands in the head of the registry's file",
            Error::MergeOther => "take one side whole: `git checkout --ours FILE`, or --theirs",
            Error::MergeMembers { .. } => {
                "take one side whole (`git checkout --ours FILE`, or --theirs), and repeat what the other one changed"
            }
            Error::KeyNeeded => "give the key of a signer with --sign FILE",
            Error::NotASigner => {
                "`hushlog member list` shows the signers; a signer adds another with `member add --signer`"
            }
            Error::Name(NameError::Reserved) => "choose another name, as myapp-path for path",
            Error::Name(NameError::Configuration) => {
                "choose another name, as myapp-proxy for https-proxy; or allow the variable on each machine, with a line in /etc/hushlog/allowed-names"
            }
            Error::Name(NameError::AllowedNames) => "make it a file of root's that nobody else can write: chmod 644",
            Error::Name(_) => "as openai-api-key, which is exported as OPENAI_API_KEY",
            Error::Recipient => "it begins with age1; `hushlog keygen` and `age-keygen -y` print it",
            Error::PublicKey => "it begins with MCow; `hushlog keygen --signing` prints it",
            Error::SigningKey => "`hushlog keygen --signing --output FILE` makes one, without a passphrase",
            Error::IdentityEmpty | Error::IdentityLine { .. } | Error::IdentityKind { .. } => {
                "`hushlog keygen` makes an identity, as age-keygen does"
            }
            Error::KeyOpen => {
                "chmod 600 it, or have root give it to a group of this process (mode 0440); if others may have read it, make a new key"
            }
            Error::NoPassphrase => "run it in a terminal, or give an identity without a passphrase",
            Error::IdentitySealed => "open it with age first",
            Error::NotAMember { .. } => "--as NAME says who acts; `hushlog member add NAME RECIPIENT` adds a member",
            Error::UnknownIdentity => {
                "`hushlog member add NAME RECIPIENT` adds it, on a machine that can open what is shared"
            }
            Error::SeveralMembers { .. } | Error::OtherMember { .. } => "--as NAME says who acts",
            Error::IdentityNeeded { .. } => "do this on a machine that can open them, with --identity FILE",
            Error::SecretExists { .. } => "`hushlog secret edit` gives it another value",
            Error::NoSecret { .. } => "`hushlog secret list` shows what there is",
            Error::ValueTooLong => "keep it in a file of its own, sealed with age",
            Error::LooksLikeCredential { .. } => "save it with `hushlog secret add`",
            Error::WrongBinding { .. } | Error::Damaged { .. } => {
                "somebody changed the file by hand, or copied a value into it; take it back, or save the value again"
            }
            Error::NotForUs { .. } => "a member who can open it has to add this one again: `hushlog member add`",
            _ => return None,
        })
    }
}
