//! Log shippers.
//!
//! Configurations that the tests run with the real programs lie in `packaging/rsyslog` and
//! `packaging/syslog-ng`.
//!
//! - *A pipe in front* serves s6-log, svlogd, multilog and any other program that reads lines:
//!   `app 2>&1 | hushlog --release line | s6-log DIR`. With logrotate a file that the filter
//!   appends to (`>>`) takes `copytruncate`: a filter does not open its output anew. The sidecar
//!   does, and rotates by itself.
//! - *rsyslog* asks about each message (mmexternal), or writes lines to the filter (omprog), or
//!   sends them to the sidecar and takes them back. It writes control characters in messages as
//!   `#012`, which hushlog reads; leave that on (`parser.escapeControlCharactersOnReceive`), since
//!   a newline in a message would be two questions.
//! - *syslog-ng* starts the filter as a `program()`, source or destination, or talks to the
//!   sidecar. It sends SIGTERM when it stops or is reloaded; with `trap '' TERM` in front, the
//!   filter ends with its input instead, and nothing is lost.
//! - *systemd* connects `StandardOutput=file:PATH` to a stream socket that the sidecar listens at
//!   (`packaging/systemd/service-sidecar.conf`).
//!
//! `--protocol rsyslog-mmexternal` answers each line of its input with one line of JSON: `{}` if
//! there is nothing to mask, or the properties to set. The line is the text of the message, and
//! other properties (the tag, the raw message's head, structured data) stay as they are.
//! `--protocol rsyslog-mmexternal-fulljson`, with `interface.input="fulljson"`, masks all that
//! rsyslog lets a helper change: text, raw message, tag, host, structured data, and variables below
//! `$!`. A helper cannot change the name of the program, or the names of variables
//! directly below `$!`. A secret split over two messages is found by its lines only.
//!
//! *rsyslog fails open*: while its helper is unavailable, or if its program is missing, messages go
//! on as they are, in spite of the action's retry settings. With `--mark`, each message that
//! hushlog has cleaned has `$!hushlog` set to `clean`, and a rule can stop all others, as that of
//! `packaging/rsyslog/mmexternal.conf` does. A message that cannot be read (longer than 4 MiB, or
//! against the protocol) is replaced by a notice, and has no mark.
//!
//! Standard error of such a helper goes where its answers go, so that hushlog says nothing but why
//! it ends. Try the command by hand first:
//! `echo text | hushlog --session --protocol rsyslog-mmexternal`.
