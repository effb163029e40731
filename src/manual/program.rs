//! The program.
//!
//! `hushlog --help` lists its options. Beyond that:
//!
//! - *Dotenv files*: where the programs that read such files differ, a value without quotes and
//!   with a backslash, say, both readings are masked. References to other variables are not
//!   followed; a warning names the values that hold one.
//! - *Well-known variables*: a variable whose name ends in `_URL`, `_URI`, `_DSN` or `_WEBHOOK`
//!   counts only if there are credentials in its value: an `@`, a parameter with an identifying
//!   name, or a random-looking part.
//! - *The report* is one JSON object: `version` (2), `complete` (whether all went well), `bytes_in`
//!   (`null` if not), `secrets` (for each `name` how often it was `masked`, and the `forms`),
//!   `notices` (`name` and `kind`: `blank`, `too-short`, `short`, `ordinary-word`,
//!   `mask-replaced`). It replaces the file in one step at the end, also when the stream ended with
//!   an error. A signal that ends the program ends it without a report. It does not contain the
//!   size of the output (version 1 did): with one mask that gives the length of the secret.
//! - *Messages, reports and status* pass the set of secrets as logs do: a secret in the name of a
//!   file, or in the name of another secret, is masked in them, and also where the encoding of JSON
//!   would make it one. Numbers stay as they are. Control and bidirectional characters, and those
//!   without a width, are written out (`\\n`, `\\u{202e}`), so that one message is one line.
//!   Messages about the command line and the configuration precede the reading of the secrets, and
//!   cannot be masked; notes about the secrets wait for it. A name that was typed and is not known
//!   is repeated only if it is made of words of letters, and looks like no credential.
//! - *Files that are read* (`--dotenv`, `--secret-file`, `--registry`, `--identity`, `--sign`,
//!   `--value-file`): the owner of a directory decides what a path through it leads to, and must
//!   not choose among the files of another user. So a symbolic link is followed only if root or
//!   this user owns it; and as root, only if nobody else can write to the directory that holds it
//!   (in a sticky directory, such as `/tmp` or a secret mount of Kubernetes, a link of root's is
//!   enough). A link of another user, such as the `current` of a user `deploy`, is followed to that
//!   user's own files. Root also refuses a file with a second name (a hard link) that another user
//!   may have made. `/dev/stdin`, `/dev/fd/N`, `<(...)`, FIFOs and `/proc/self/fd/N` are read to
//!   their end; a path through a link of another process in `/proc`, such as `/proc/PID/root`, is
//!   refused.
//! - *One file as input and output* (`hushlog <app.log >>app.log`) is refused: the filter would
//!   read its own output. [`scrub`](super::scrub) masks a file where it is.
//! - *Files that are written* (`--report`, `export --output`): a regular file is replaced, and
//!   keeps its owner, its group and no more than its mode. A terminal or other character device, a
//!   FIFO, and `/dev/stdout`, `/dev/stderr` or `/dev/fd/N` is written to. Before anything is read,
//!   the command refuses a directory, socket or block device, a FIFO of another user than root, a
//!   symbolic link that another user may have put there, and a file that it reads or must not lose:
//!   that of a source, an identity, a registry, the session, standard input or output, or one that
//!   is scrubbed. `export` refuses any file of another user.
//! - *Settings in the environment* (`HUSHLOG_REGISTRY`, `HUSHLOG_IDENTITY`, `HUSHLOG_TRUST`,
//!   `HUSHLOG_MEMBER`, `HUSHLOG_SIGN`, `HUSHLOG_RUN_DIR`): one that is set, but blank or unusable,
//!   is an error that names it, as soon as a command needs it.
