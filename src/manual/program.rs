//! The program.
//!
//! `hushlog --help` tells its options. Beyond that:
//!
//! - *Dotenv files*: where the programs that read such files differ, a value without quotes and with a backslash, say, both readings are
//!   masked. References to other variables are not followed; a warning names the values that hold one.
//! - *Well-known variables*: a variable whose name ends in `_URL`, `_URI`, `_DSN` or `_WEBHOOK` counts only if there are credentials in its
//!   value: an `@`, a parameter whose name tells, or a random-looking part.
//! - *The report* is one JSON object: `version` (2), `complete` (whether all went well), `bytes_in` (`null` if not),
//!   `secrets` (for each `name` how often it was `masked`, and the `forms`), `notices` (`name` and `kind`: `blank`, `too-short`,
//!   `short`, `ordinary-word`, `mask-replaced`). It replaces the file in one step at the end, also when the stream ended
//!   with an error. A signal that ends the program ends it without a report. How much was written it does not say (version 1 did): with
//!   one mask that is the length of the secret.
//! - *Messages, reports and status* pass the set of secrets as logs do: a secret in the name of a file, or in the name of another secret, is
//!   masked in them, and also where the encoding of JSON would make it one. Numbers stay as they are. Control and bidirectional
//!   characters, and those without a width, are written out (`\\n`, `\\u{202e}`), so that one message is one line. What is said before the secrets
//!   were read, of the command line and the configuration, cannot be masked; notes about the secrets wait until they were. A name that was
//!   typed and is not known is repeated only if it is made of words of letters, and looks like no credential.
