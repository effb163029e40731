//! The registry.
//!
//! One YAML file, made to be kept in version control or copied about. Names, scopes, owners,
//! versions and times stand in it in plain text; values are sealed with age, each as an age file in
//! armour that `age -d -i IDENTITY` opens as well. A *shared* secret is sealed to all members, a
//! *private* one to its owner, and a private one wins over a shared one of the same name. Saving a
//! value needs the members' recipients only, so that the machine on which it is typed cannot read
//! it back; no command, page or error shows one.
//!
//! - *A sealed value* is a head that names the registry, the secret, its scope, its owner and its
//!   version, padding to a multiple of 128 bytes, and the value. Opening checks the head: a value
//!   that was swapped, renamed, or moved to another scope, owner, version or registry is refused by
//!   name. Whether a secret is installed, and when it was changed, stand outside: anyone with write
//!   access to the file can change these unnoticed, unless it is signed.
//! - *Opening is all or nothing*: one value that does not open, and nothing is given out.
//! - *A value* has 4 bytes to 64 KiB, any bytes but NUL. One newline at its end (LF or CRLF)
//!   is taken for the shell's or the editor's, and left out: asked about on a terminal, with a note
//!   elsewhere, and kept with `--keep-newline`. The formats of an export may be narrower: one that
//!   is not UTF-8 cannot stand in JSON.
//! - *A typed value* is asked for twice and not echoed. The prompt discards the rest of a paste of
//!   several lines before the shell reads it, restores the terminal when a signal ends or stops the
//!   program, and refuses control characters other than a tab; `--value-file` reads such values.
//! - *Names* are letters, digits, `-`, `_` and `.`, a letter first, up to 128 of them. They are
//!   exported in upper snake case. Two that one member would see as the same variable are refused,
//!   and so are those that control a shell, the dynamic linker, a service manager or an interpreter
//!   (`PATH`, `LD_*`, `HUSHLOG_*` ...). So are the thousands that the programs of a Debian release
//!   read as their configuration (`packaging/names/collect` lists them), unless the name ends as
//!   that of a credential does (`PGPASSWORD`) or the machine allows it: one variable a line in
//!   `/etc/hushlog/allowed-names`, a file that only root, or the user that runs hushlog, can write.
//!   `secret add`, `env set` and `boot` check that; `run` and `export` check it for variables from
//!   a registry, plain defaults without a secret beside them included. A secret that is only masked
//!   may have any name.
//! - *Changing members* seals the shared values anew, which takes an identity that opens them. A
//!   removed member may have kept copies: save new values.
//! - *Writing* goes through a lock (`.NAME.lock` beside the registry, gone afterwards; only users
//!   that may replace the registry can open it, it is waited for 10 seconds at most, and an error
//!   names the process that holds it), a private temporary file, fsync, rename, and fsync of the
//!   directory: killed at any moment, the old file or the new one is there. Comments in the file
//!   are not kept.
//! - *Readers*: a new registry has the mode 0600, independent of the umask. To share it with a
//!   group, `chgrp` it and `chmod g+rw` it, in a directory that the group can write to. From then
//!   on a change keeps owner, group, access list, and the mode but for what others may do. A member
//!   of the group who changes it becomes its owner, since only root gives files away. Where the
//!   group would lose it, or its owner could not read it any more, it is not written, and the error
//!   says whose it is.
//! - *Links*: the registry is read through a link by the rule for all sources (see
//!   [`program`](super::program)), and not written through one.
//!
//! - *In version control*: a byte order mark, CRLF, a `---` before the text and a `...` after it
//!   mean nothing, in a registry, an identity or a signing key; a signature is over the text
//!   without them. A file with the marks of a merge conflict is refused as such.
//! - *Merging*: `hushlog merge BASE OURS THEIRS` merges two registries that come from one, entry by
//!   entry, and writes the outcome to OURS as every registry is written. No value is opened. A
//!   change of one side is taken from it; two sides that set a default to the same value have the
//!   changes of both. An entry that both sides changed stands in the file between the marks of a
//!   conflict, and the status is 1. So does a value that one side saved while the other one changed
//!   its recipients, since it would be sealed to too many or too few, and a second secret for one
//!   variable; `--ours` and `--theirs` leave such a value out, and say that it has to be saved
//!   again. Two sides that both changed a member, or the recipients of a secret, and files that are
//!   no registry, or not the same one, become one conflict of both whole files (status 2), so that
//!   no side is lost unseen.
//! - *Merging signed registries*: each side has to be signed by a signer that the ancestor names,
//!   or by a key of `--trust` or `HUSHLOG_TRUST`; a signer that one side added has to be named so.
//!   Without an ancestor that names signers, and without `--trust`, a side is taken as it is. The
//!   outcome is signed by a key that both sides name as a signer's. Without one it has no
//!   signature, and is no registry to anybody until a signer merges again. Conflicts that are
//!   resolved by hand leave it unsigned as well: `--ours` and `--theirs` do not.
//! - *In git*: each clone names the driver in its configuration (`merge.hushlog.driver`), and
//!   `.gitattributes` the file; `merge.hushlog.recursive binary` has a merge with several ancestors
//!   take one of them. git makes the files of a checkout anew: their mode is git's, not 0600.
//!
//! - *An id*, `hlr-...` in the head of the file, is drawn when a registry is made, and stands in
//!   all that is sealed and signed. A registry of format 1 has none: it is read and changed as
//!   before, and its sealed values and signature pass in any other of format 1 with the same
//!   members. New registries have format 2.
//! - *Keys are masked*: where a registry is a source, so are the identity that opens it and the
//!   usual signing key (`HUSHLOG_SIGN`, or `~/.config/hushlog/signing.pem`); beside a session, the
//!   identity of the machine, if hushlog may read it. They are never exported.
//!
//! - *A file of keys*, an identity or a signing key, is read only if its group and others cannot
//!   read it. One exception: a file of root's with the mode 0440 and no access list, whose group is
//!   one of the process: so Kubernetes mounts a secret (`defaultMode: 0400`) into a pod with an
//!   `fsGroup`.
//!
//! The integrity of the file rests:
//!
//! - *Without signers*, on write access to the file. age does not authenticate the sender of a
//!   value, and recipients are public: anyone with write access to the file can add a value, or
//!   another member as a recipient of the next values. A digest of the members at the end of the
//!   file notices that they were edited by hand, or that the end is missing; it does not keep
//!   anyone from computing it anew.
//! - *With signers*, on their keys. `hushlog keygen --signing` makes an Ed25519 key (PKCS #8 in
//!   PEM, as of `openssl genpkey`), `hushlog member add NAME RECIPIENT --signer KEY` names it, and
//!   from then on each change has to be signed (`--sign FILE`), and each reading checks the
//!   signature over every byte before it. The file names its signers itself, so that a replacement
//!   of the whole file can name others: `--trust KEY`, or `HUSHLOG_TRUST`, demands a key that is
//!   known from elsewhere. Signers often sign for several registries: `--trust ID` beside it
//!   refuses another one, such as the one for staging in the place of the one for production. A
//!   machine that boots from a registry should have both.
//! - *Rollback is not noticed.* An older file that was put back is a registry like any other,
//!   signed or not: a value that was replaced since is exported again. Exported values stay masked
//!   all the same.
//! - The length of a value shows in steps of 128 bytes, and so does the number of members that it
//!   is sealed to.
