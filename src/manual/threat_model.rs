//! Threat model.
//!
//! The program that writes the log may be honest or not, and may write anything at all, including
//! text that an attacker sends. The readers of the log must not learn secrets. hushlog, its
//! configuration and root on its machine are trusted.
//!
//! - *A writer of the text* cannot make the redactor slow, large, wrong or silent: see promises 1
//!   to 6.
//! - *A reader of the output* learns that a secret stood somewhere, and its name; with
//!   [`Mask::Char`](crate::Mask) also its length. The next entries treat an attacker that writes
//!   into the text *and* sees the output at once.
//! - *An attacker that writes into a stream and watches it*, with exact release, learns from the
//!   held-back length how much of a guess matches a secret, and so finds it byte by byte. The same
//!   holds for [`run`](super::run) on a terminal, where the echo of three bytes after 50 ms tells
//!   as much, and for a [guard](super::guard), whose readers wait for the rest of a secret.
//! - *With [`Release::Line`](crate::io::Release)* nothing visible depends on a partial match: until
//!   a whole needle is complete, output, its times, metrics, status and checkpoints are the same
//!   for two sets that differ in their values, but not in the lengths of their needles. Of a line
//!   that is too long to wait (1 MiB; `line_max` in the sidecar), or has no room beside those of
//!   other streams, everything goes out but its last bytes, always one fewer than the longest
//!   needle has. A container's record waits for the end of its line, or until as much text followed
//!   it. Of a secret of several lines (or a hex dump of it) a line that stands for eight bytes of
//!   the value or more can be tried, as a whole; for shorter ones as many bytes wait behind every
//!   newline as could belong to them. Most sets have none such.
//! - *The end of a stream, datagram or record* is the exception: a stump there is masked from half
//!   of a needle on, if it stands for 8 bytes of the value or more; a shorter one is written as it
//!   is. So the mask confirms a guess of half of a needle at once, and from there one byte after
//!   the other. Secrets of which half is known (an account's number in a token, say) can be found
//!   from there by an attacker that may end streams at will and see the output. `--keep-stump`
//!   closes this, and writes a secret that is cut off up to the cut. Without a newline at the
//!   end, `exact` and `line` do the same.
//! - *Times below a microsecond* (the duration of a search, the state of a cache) are not hidden,
//!   and a needle's length is not: see above.
//! - *Other users of the machine* see no value in the command line, in messages, reports, temporary
//!   files or cores of the program. It writes no core, is not dumpable, wipes memory before it
//!   frees it, and locks its memory as far as the limit on locked memory allows.
//! - *An attacker that chooses names* (of files, streams and secrets), or answers at the control
//!   socket, cannot forge messages, drive a terminal with them, or have a secret printed: each
//!   message, report, status and label passes the set in force, and is one line. The program's
//!   messages before there is a set cannot pass it; they show paths that exist, and words that read
//!   as names.
//! - *A reader of reports and metrics* learns names, counts and the size of the input, not of the
//!   output. With the output as well, the size of the input gives the length of a secret: give
//!   reports only to readers that may know it.
//! - *Other users with write access to a directory* that the sidecar follows or writes in cannot
//!   make it read, change, remove or open to others a file elsewhere: see *Links and other users*
//!   in [`sidecar`](super::sidecar).
//! - *A program with the library in it*: memory that the engine and the adapters return to the
//!   allocator is wiped (`tests/memory.rs`); memory that the ciphers of the
//!   [registry](super::registry) return is not.
//! - *A program under [`run`](super::run)* is not kept from the terminal: it can open `/dev/tty`,
//!   other files and sockets, and a key pressed while it writes a secret may split that on the
//!   screen.
//! - *Its own faults* do not show secrets: errors hold no input and no word of the command line,
//!   and a panic ends the program without its message.
