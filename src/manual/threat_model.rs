//! Threat model.
//!
//! The program that writes the log is honest or not, and what it writes is anything at all. It may be made to log what an attacker
//! sends. The readers of the log must not learn secrets. hushlog, its configuration and root on its machine are trusted.
//!
//! - *Who writes the text* cannot make the redactor slow, large, wrong or silent: see promises 1 to 6.
//! - *Who reads the output* learns that a secret stood somewhere, and its name; with [`Mask::Char`](crate::Mask) also its
//!   length. Who writes the text *and* sees the output at once learns from the hold-back how far a guess agrees with a
//!   secret, and so finds it byte by byte: against that, [`Release::Line`](crate::io::Release) gives out whole lines only.
//! - *Other users of the machine* see no value in the command line, in messages, reports, temporary files or cores of the program. It writes
//!   no core, is not dumpable, wipes what it frees, and locks its memory as far as the limit on locked memory allows.
//! - *Who chooses names* (of files, streams and secrets), or answers at the control socket, cannot forge messages, drive a terminal with them,
//!   or have a secret printed: each message, report, status and label passes the set in force, and is one line. The program's messages
//!   before there is a set cannot pass it; they show paths that exist, and words that read as names.
//! - *Who reads reports and metrics* learns names, counts and the size of the input, not of the output. Who has the output as well
//!   knows from the size of the input how long a secret is: give reports to those only who may know that.
//! - *Other users who can write to a directory* that the sidecar follows or writes in cannot have it read, change, remove or open to others a file
//!   elsewhere: see *Links and other users* in [`sidecar`](super::sidecar).
//! - *A program with the library in it*: what the engine and the adapters give back to the allocator is wiped (`tests/memory.rs`); what the
//!   ciphers of the [registry](super::registry) give back is not.
//! - *A program under [`run`](super::run)* is not kept from the terminal: it can open `/dev/tty`, other files and sockets, and a key
//!   that somebody presses while it is amid a secret may part that on the screen.
//! - *Its own faults* do not show secrets: errors hold no input and no word of the command line, and a panic ends the program without
//!   its message.
