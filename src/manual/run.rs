//! Run.
//!
//! `hushlog run -- CMD ARG...` is made to be transparent: the command inherits the same limits,
//! ignored and blocked signals, umask, descriptors and directory as without hushlog, and its end is
//! hushlog's end, also by a signal.
//!
//! - *Terminals*: if standard input and output are one terminal, the command gets a pseudo-terminal
//!   that controls a session of its own, and the terminal's keys are handed on to it. If only
//!   outputs are the terminal, as in `ls | hushlog run -- less`, it gets one for these, and stays
//!   in hushlog's session, so that others in the pipeline have the terminal as well; keys that it
//!   asks for at its output are handed on while it has switched the line mode off there. The
//!   terminal's settings are restored however it ends, also if hushlog is killed. The command's
//!   changes to them end with it, too: `hushlog run -- stty -echo` has no effect.
//! - *Keys typed ahead*, while the command reads nothing, stay in the terminal for the program that
//!   reads next, in the command or after it, and are echoed then; keys that send signals or halt
//!   the output act at once, and Ctrl-V before one of them does not make it a plain character.
//!   hushlog hands on a line when a process below it waits for one (`/proc/PID/syscall` shows that)
//!   and has taken the last, and all lines as they come where it cannot know: another user's
//!   process, no `/proc`, 32 bits, rare system calls. A program that reads key by key, such as an
//!   editor or a shell at its prompt, gets all keys as they come, and those that it has not read
//!   when it ends are lost. A program that looks for a line without ever waiting (`read -t 0`)
//!   finds none, unless its input is non-blocking.
//! - *Streams*: outputs that are pipes or files stay two streams, each in its order. If both lead
//!   to one file, terminal, FIFO or socket (`2>&1`, and `>>f 2>>f` as well), they go through one
//!   pipe, so that the order between them stays, and a secret across the two is masked; where only
//!   one of them appends, both do. A secret that is split over two files is not seen.
//! - *Rights*: the pipes belong to the owner and group of the outputs that they stand for, as far
//!   as hushlog may give them away, and can be opened anew (`/dev/stdout`) for writing by every
//!   user that could open the output. Only hushlog's own user reads from them.
//! - *Input*: it is the command's own, and hushlog does not see it, unless it is the terminal of
//!   the output. A terminal that is the input alone is opened anew for reading only, so that
//!   nothing is written to it by mistake. Where that is not allowed, and with a socket or a file
//!   that was opened for reading and writing, the command's writes to its standard input are not
//!   masked.
//! - *Echo*: on a terminal, at most a partial match is held back; when nothing comes for 50 ms, up
//!   to 3 bytes of it are shown, and of no needle more than a quarter. The rest of the secret is
//!   masked all the same ([`Redactor::release_partial`](crate::Redactor::release_partial)). A
//!   secret that is typed and then taken back by half was never whole, and its beginning is shown.
//!   A key that the terminal echoes between two pieces of a secret, because one process reads while
//!   another one writes, parts it, and it is shown. On a pipe no timer releases anything.
//! - *Processes left behind*: when the command has ended, its output is read to its end, but for no
//!   longer than 2 seconds if others keep it open. Then the pipe's contents still go out, masked,
//!   and later writers meet a closed pipe. A terminal is hung up then. Give a process that is to
//!   stay in the background its own output.
//! - *Signals* sent to hushlog go to the command's process group, but for those that the terminal
//!   sends to both. Where that is hushlog's own group, as in a pipeline at a terminal, they go to
//!   those of it that descend from the command, also if their parents have ended. Processes of the
//!   group that remain `--kill-after` seconds (10) after a SIGTERM are killed, also if the command
//!   itself has ended, and hushlog waits for them so long; with 0 they are neither killed nor
//!   waited for. A process that has left the group is on its own. Without `/proc`, signals in a
//!   shared group reach the command alone. If hushlog itself is killed, the command's terminal is
//!   hung up, or its group gets a SIGTERM.
//! - *Processes*: a second process of hushlog, which wipes the injected values once the command has
//!   them, is the command's parent: only so does Ctrl-Z work. As the first process of a container
//!   hushlog reaps orphaned processes.
//! - *Injected*: the values of `--dotenv`, under their own names, and of `--secret-file`, under
//!   their exported names ([`variable`](crate::registry::name::variable)). Any name passes that a
//!   program can be started with, such as `spring.datasource.password`: without `=` and NUL, and
//!   none of hushlog's own. A value over 128 KiB, or
//!   more in all than the system takes, is refused by name before the command starts.
//! - *Limits*: a job in the background that reads from its terminal waits, and is not stopped. The
//!   command's writes to other files or descriptors, or without a session of its own to `/dev/tty`,
//!   are not masked.
