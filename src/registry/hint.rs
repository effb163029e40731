//! Hints: how to fix the errors of a registry.

use super::error::Error;
use super::name::NameError;

impl Error {
    /// A hint on how to fix the error, if any.
    pub fn hint(&self) -> Option<&'static str> {
        of_file(self).or_else(|| of_request(self)).or_else(|| of_field(self))
    }
}

/// Hints on the file as a whole, and on its signature.
fn of_file(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Missing => "`hushlog member add NAME RECIPIENT` creates it",
        Error::NotKept(_) => {
            "change it as root, as its owner or as a member of its group, or ask its owner for access by group (chgrp, chmod g+rw)"
        }
        Error::NotAFile => "use the path of the file itself, not of a link",
        Error::Format => "check the path; a newer version of hushlog may have written the file",
        Error::MergeConflict { .. } => {
            "keep one side of each conflict; for a signed registry, or one that git merged line by line, use `hushlog merge` (see its --help)"
        }
        Error::Syntax { .. } => "restore the file, and change it with hushlog only",
        Error::Check => "restore the file, and change members with `hushlog member`",
        Error::Inconsistent { .. } => "restore the file, and change it with hushlog only",
        Error::Unsigned | Error::Signature | Error::Untrusted => {
            "do not use it; find out how it was changed, and restore the signed file; to sign a merge: `HUSHLOG_SIGN=KEY git checkout --merge FILE`"
        }
        Error::OtherRegistry => "its id is in its head (`id: hlr-...`); --trust names the expected one",
        Error::Rollback { .. } => {
            "get the present file; if the older one is meant, `hushlog boot --allow-rollback` accepts it from then on"
        }
        Error::NoId => "create a new registry, and save its secrets there; `hushlog secret import` saves many",
        Error::RegistryId => "an id begins with hlr-, and is in the head of the registry file",
        Error::MergeOther => "keep one side: `git checkout --ours FILE`, or --theirs",
        Error::MergeMembers { .. } => {
            "keep one side (`git checkout --ours FILE`, or --theirs), and repeat the changes of the other side"
        }
        Error::KeyNeeded => "sign with the key of a signer: --sign FILE",
        Error::NotASigner => {
            "`hushlog member list` shows the signers; a signer can add another with `hushlog member add --signer`"
        }
        _ => return None,
    })
}

/// Hints on names, keys, members and values.
fn of_request(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Name(NameError::Reserved) => "choose another name, for example myapp-path",
        Error::Name(NameError::Configuration) => {
            "choose another name, for example myapp-proxy; or allow the variable on each machine, with a line in /etc/hushlog/allowed-names"
        }
        Error::Name(NameError::AllowedNames) => "make root its owner, and let nobody else write to it: chmod 644",
        Error::Name(_) => "for example openai-api-key, which is exported as OPENAI_API_KEY",
        Error::Recipient => "a recipient begins with age1; `hushlog keygen` and `age-keygen -y` print it",
        Error::PublicKey => "a public key begins with MCow; `hushlog keygen --signing` prints it",
        Error::SigningKey => "`hushlog keygen --signing --output FILE` creates one, without a passphrase",
        Error::IdentityEmpty | Error::IdentityLine { .. } | Error::IdentityKind { .. } => {
            "`hushlog keygen` and age-keygen create identities"
        }
        Error::KeyOpen => {
            "chmod 600 it, or let root give it to a group of this process (mode 0440); if others may have read it, create a new key"
        }
        Error::NoPassphrase => "run the command in a terminal, or use an identity without a passphrase",
        Error::IdentitySealed => "decrypt it with age first",
        Error::NotAMember { .. } => {
            "name the acting member with --as NAME; `hushlog member add NAME RECIPIENT` adds one"
        }
        Error::UnknownIdentity => {
            "add it with `hushlog member add NAME RECIPIENT`, on a machine that can open the shared secrets"
        }
        Error::SeveralMembers { .. } | Error::OtherMember { .. } => "name the acting member with --as NAME",
        Error::IdentityNeeded { .. } => "run this on a machine that can open them, with --identity FILE",
        Error::NoGroup { .. } => "`hushlog group list` lists the groups; `hushlog group add` makes one",
        Error::GroupInUse { .. } => "delete them, or `hushlog secret move` them to another group, first",
        Error::GroupOfAll => "--shared seals to it, and `hushlog member` changes it",
        Error::GroupEmpty { .. } => "`hushlog group join` adds members",
        Error::LastOfGroup { .. } => "delete its secrets first, or let another member join",
        Error::GroupIdentity { .. } => "run this on a machine of a member of the group, with --identity FILE",
        Error::GroupExists { .. } => "`hushlog group join` adds members",
        Error::SecretExists { .. } => "change its value with `hushlog secret edit`",
        Error::NoSecret { .. } => "`hushlog secret list` lists the secrets",
        Error::ValueTooLong => "keep it in its own file, encrypted with age",
        Error::LooksLikeCredential { .. } => "save it with `hushlog secret add`",
        Error::WrongFields { .. } => {
            "restore the file, or set them with `hushlog secret edit` and the value, if they are as they should be"
        }
        Error::ValueNeeded => "give the value with --value-file, or an identity that opens it with --identity FILE",
        Error::WrongBinding { .. } | Error::Damaged { .. } => {
            "the file was changed by hand; restore it, or save the value again with `hushlog secret edit`"
        }
        Error::NotForUs { .. } => {
            "on a machine that can open it, run `hushlog member add NAME RECIPIENT` for this member again"
        }
        _ => return None,
    })
}

/// Hints on the optional fields of a secret.
fn of_field(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::ImportRefused { .. } => "change the file, or leave entries out with --except NAME",
        Error::NoteLooksLikeCredential => "leave the value out; it belongs to the secret itself",
        Error::Variable(_) => "for example OPENAI_API_KEY: letters, digits and _, no digit first",
        Error::FileTargetPath => "absolute, or ~/ and a path below the home directory, without . and ..",
        Error::FileTargetMode => "0400, 0440, 0600, 0640 or 0660: no other users, and no execution",
        Error::FileTargetReserved { .. } => "choose a path of the program's own, such as /etc/myapp/key",
        Error::FileCollision { .. } => "choose another path",
        Error::NoFileTarget => "name the file with --file-target PATH",
        Error::ExpiryDate => "the day from which it is not valid, as YEAR-MONTH-DAY",
        _ => return None,
    })
}
