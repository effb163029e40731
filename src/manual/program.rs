//! The program.
//!
//! `hushlog --help` tells its options. Beyond that:
//!
//! - *Dotenv files*: where the programs that read such files differ, a value without quotes and with a backslash, say, both readings are
//!   masked. References to other variables are not followed; a warning names the values that hold one.
//! - *Well-known variables*: a variable whose name ends in `_URL`, `_URI`, `_DSN` or `_WEBHOOK` counts only if there are credentials in its
//!   value: an `@`, a parameter whose name tells, or a random-looking part.
//! - *The report* is one JSON object: `version` (1), `complete` (whether all went well), `bytes_in` and `bytes_out` (`null` if not),
//!   `secrets` (for each `name` how often it was `masked`, and the `forms`), `notices` (`name` and `kind`: `blank`, `too-short`,
//!   `short`, `ordinary-word`, `mask-replaced`). It replaces the file in one step at the end, also when the stream ended
//!   with an error. A signal that ends the program ends it without a report.
