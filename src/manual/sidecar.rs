//! The sidecar.
//!
//! `hushlog sidecar --config FILE` serves streams until SIGTERM or SIGINT, or until all of its
//! input has ended. `hushlog sidecar schema` prints the schema of the configuration (JSON Schema,
//! with a sentence for each key), and `check-config` reports faults in one: file, line and key,
//! never a value.
//!
//! ```yaml
//! secrets:                       # as the sources of the command line; without any, the session
//!   secret_files: [/run/secrets]
//!   registry: /etc/hushlog/registry.yaml
//!   identity: /etc/hushlog/identity.txt
//! streams:
//!   - name: app                  # StandardOutput=file:/run/app-log.sock of a service ends here
//!     source: { unix: /run/app-log.sock }
//!     sink: { file: /var/log/app.log, rotate_size: 100M }
//!   - name: syslog               # in the place of /dev/log
//!     source: { unix_datagram: /run/log.sock, mode: "0666" }
//!     sink: { unix_datagram: /run/systemd/journal/dev-log }
//!   - name: journal
//!     source: { command: [journalctl, -f, -o, export] }
//!     sink: { tcp: "127.0.0.1:6514", away: spool, spool: /var/spool/hushlog/journal }
//! control: /run/hushlog/sidecar.sock
//! metrics: "127.0.0.1:9500"
//! state: /var/lib/hushlog
//! ```
//!
//! *A stream* is a connection, a followed file, a FIFO, a program or a datagram socket, with a
//! redactor of its own: a secret that is split over two of them is not found. There is no queue
//! between source and sink: sinks apply backpressure, with a few buffers of 256 KiB for all of
//! their streams. A connection or datagram that ends without a newline gets one, and so does the
//! text in a FIFO when its last writer closes it, since other text may follow it; only standard
//! input into a sink of its own stays as it is. Into a datagram socket each line is a datagram.
//!
//! *Programs* (`command`) get PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ and TMPDIR
//! of the sidecar's environment, the variables that `environment: [NAME, ...]` names, no descriptor
//! but the standard ones, and a process group of their own. The error output of a source's program,
//! and both outputs of a sink's program, are masked too, line by line, and go to the sidecar's
//! standard error.
//!
//! *Whole lines* (`release: line`) are the default, since programs of many users write to one place
//! that many read: with `release: exact` an attacker with write access to a stream and a live view
//! of it can test guesses: the held-back length shows how much of a guess matches a secret. With
//! `line` nothing shows a partial match; the [threat model](super::threat_model) has the exact
//! statement. A line longer than `line_max` (1 MiB) goes out as it comes but for its last bytes,
//! always one fewer than the longest form of a secret has, and so does one when all unfinished
//! lines and pending container records come to 256 MiB. So memory for lines is bounded by these
//! 256 MiB, by the longest form for each open connection, and by 32 KiB for each with container
//! records; with `release: exact` records have 256 MiB of their own. Containers' records that go on
//! wait for the rest of their line, or until so many bytes have come behind them. Without room they
//! go out with the end masked that could begin a secret, and a single record of more than 32 KiB,
//! which the runtimes do not write, is searched as plain text. Streams that share a sink share it
//! line by line; with `release: exact` they would cut into each other's lines.
//!
//! *A sink that is unavailable* (no listener, the program has ended, the disk is full) is reported
//! once, and retried after 50 ms to 5 seconds. Its streams wait, or with `away: spool` redacted
//! output waits in a file, or with `away: drop` it is dropped and counted. When a connection
//! breaks, the interrupted line is sent again, as a whole, to the next one. The sidecar reads and
//! discards all answers of a sink. Bytes that the kernel had taken and the other side did not read
//! are lost, and no one can know of that.
//!
//! *A spool* holds redacted bytes only, is its owner's alone, goes out in order before anything
//! that came later, and outlives the sidecar. When it is full, streams wait. A file that has taken
//! a part of a piece gets the rest, also from the next sidecar. After a kill, at most one piece
//! goes out twice (a piece is a read of a stream at once); after a power cut, all that the sink may
//! not have on its disk does: 1 MiB and a piece at most. Pieces that went out are taken off the
//! file when the sinks' files were synced. Damage ends at the next whole piece; the unreadable part
//! is copied to `SPOOL.damaged.N`, and a warning says so, once. Zeros in place of a piece, as a
//! power cut leaves them, are reported, too; the pieces behind them go out. A failed sync of a
//! sink's file has the pieces since the last one go out again. A spool of version 0.1.0 is read. An
//! existing file is accepted only if it is empty or a spool, belongs to the sidecar's user, has one
//! name, and gives others no rights: else the sidecar does not begin, and the file stays as it is.
//! `check-config` reports a file that is no spool, too.
//!
//! *Files that are followed* (`files: PATH`, or a pattern with `*`, `?`, `[...]` and `**`) are each
//! a stream, known by device, inode and hashes of up to their first 1,024 bytes and of the last 256
//! before the place that was reached, under any name. A file that is shorter than the part that was
//! read, or has other bytes there, was truncated or written anew, and is read from its beginning;
//! the rest of its old content is read from the copy that was made of it (`copytruncate`).
//!
//! *Rotation.* The file that has the path now, or that a link leads to, goes on where the one
//! before ended, also in the middle of a secret, of a record of a container, or of a line: both are
//! one text for the redactor, and after a restart both are read again, in order. The two parts of a
//! line are given out as two lines, unless a secret joins them. A file gives way to the next when
//! it was read to its end and no process has it open for writing, so that all that its writer adds
//! comes first. A writer that keeps it open holds the next one up until it was silent for 5 seconds
//! (for one second where the file system or the sidecar's rights cannot tell; for a minute if a
//! line or a secret is unfinished), or for a minute at most; then its file is read on beside. An
//! unfinished line without a rest goes out 5 seconds after its file lost its path, or the file that
//! came after it stayed empty; a rest that comes later is masked as that of a kept connection
//! (below). The same holds for the rest of a secret whose beginning is gone: the file was deleted
//! or packed before it was read, or truncated without a copy. Rotated files that match the pattern
//! (`app.log*`) are one text with their log. A copy that matches it is a file of its own, and is
//! read as a whole.
//!
//! Files that came and went unseen, also while no sidecar ran, are looked for beside the path, by
//! the names that rotation gives; so are the copies of content that was truncated. Their times of
//! writing distinguish them from older ones; if the clock was set back meanwhile, the numbers of
//! `app.log.1` and so on do, where a lower one is newer. Other names do not help then, and are
//! taken for older files. Names also order files that were written to last within one tick of the
//! file system's clock (some milliseconds): numbered ones first, then others by the alphabet, so
//! that files of two kinds of names may be exchanged. A copy of less than 64 bytes, of a file that
//! is unchanged, counts as a file of its own. Files packed or deleted before they were read are
//! gone, which is reported where it is known; a file to which a link led only between two looks is
//! not known. A truncated file is recognized by its first and last bytes: if the new content begins
//! as the old one did, the copy of the old one counts as a file of its own. inotify reports
//! changes; where it is missing or lost events, and on network file systems, files are polled as
//! well (every 5 seconds, or four times a second).
//!
//! *Files that are not followed.* `exclude: [PATTERN]` beside `files` leaves files out, by name, or
//! by path where a pattern holds a `/`. A pattern also leaves out the sidecar's own files: those of
//! its sinks with their rotated ones (`NAME.1` up to `NAME.rotate_keep`), those that its standard
//! output and error go to, spools, the state, secrets and the configuration. Packed files cannot be
//! read line by line: names such as `app.log.2.gz` are left out unless the pattern itself ends so,
//! and so are files that begin as gzip, zstd, xz, bzip2, lz4, zip and others do. Each is reported
//! once, and `check-config` names the sidecar's own.
//!
//! *Many files.* A stream follows at most `files_max` files (16,384) of those that are there. Paths
//! that it has followed before come first, then files that an earlier sidecar read, then those that
//! were written to last. A warning names three of the others and counts the rest; each file is
//! reported once. A file above the limit is followed from its beginning, or from its checkpoint,
//! when another one has gone. If a descriptor is missing (`ulimit -n`), the file is reported
//! likewise, and tried again twice a second. A rotated file that still has a writer, or text to
//! read, is not counted, so have some more descriptors than `files_max`. A thread of its own opens
//! the files, in time linear in their number, also when all of them were rotated at once. A copy
//! and truncation of many logs in one directory, while the sidecar runs, lists the directory once
//! for each.
//!
//! *Paths that meet.* The sidecar does not begin, and `check-config` ends with status 2, if a sink,
//! spool, socket, FIFO, control socket, file of the state or file of secrets is another part of the
//! same configuration as well, if a stream follows one of them by its path, or if streams give
//! their output to each other in a circle. Existing files are compared by device and inode, others
//! by their paths without links. No check sees a circle through a program, another machine or a
//! second sidecar.
//!
//! *Links and other users.* A user with write access to a followed directory decides which file a
//! name in it leads to. So every component of a path is opened in the directory before it, and a
//! symbolic link, of a file or a directory, is followed only if root or the sidecar's user owns it
//! and nobody else can write to the directory that holds it (in a sticky directory such as `/tmp`,
//! a link of ours is enough), as those of `/var/log/containers` are. Where a followed link leads is
//! watched too, and rotated files are looked for beside the target. A file with a second name (a
//! hard link) is refused where others can write, unless its owner has the directory alone; without
//! `fs.protected_hardlinks`, a file whose other name was removed since is not known from others.
//! Secrets, identities, the registry, spools, sinks and the state are never followed. A refusal is
//! reported once for each path.
//!
//! *Checkpoints* (`state: DIR`, 0700) record up to where the sink has taken a file's bytes.
//! They are saved at most once a second and at the end, on the disk before they count, after the
//! files of sinks and spools were synced. Once such a sync has failed, a warning says so, and the
//! saved checkpoints stay until the next start, which begins there: the system may have given up
//! bytes that a later sync does not report. Killed at any moment, also by a power cut, nothing is
//! lost; lines that went out since the last checkpoint go out again, and one may be torn where it
//! was being written. The place is never within a secret or a line that waits: a sidecar that stops
//! in the middle of a line leaves it to the next one. A mask may go out twice. The directory is
//! root's or the sidecar's own, and no one else can write to it; the files in it are the sidecar's
//! alone, or it does not begin.
//!
//! *Logs of containers* (`format: docker` or `cri`): the text of each of the two outputs is put
//! together over its records, also over lines, searched, and put back into its records, which stay
//! as many, valid, and in order. Records wait while a secret may go on in them, and all behind
//! them, up to 4 MiB of memory; then bytes that may begin a secret are masked. The rest of a
//! Docker record is searched as it is, and its text only in its decoded form, so that no mask
//! takes half of an escape. (Not so if secrets hold every byte that UTF-8 never has.) Lines that
//! are no records, or over 256 KiB, are searched as they are.
//!
//! *A file sink* appends, with mode 0600 if nothing else is asked for, opens its path anew when the
//! file was moved away, and rotates between lines (`rotate_size`, `rotate_keep`: `app.log.1` is the
//! youngest). Lines that did not fit on a full disk are written when there is room, and no line is
//! torn. The links in the paths of sinks, spools, the state, FIFOs and sockets are followed by the
//! same rule as in followed paths; the file of a sink is no link, has no second name that others
//! may have given it, and in a directory for all (`/tmp`) it is root's or the sidecar's own.
//!
//! *Secrets are followed live.* Files and directories are watched by inotify, and polled every 5
//! seconds as well, for file systems without events. A thread that yields to the streams builds a
//! new set, and each stream takes it over between two pieces: it reads, takes the newest set, and
//! searches the new input. So all input written after a reload or an `add` was acknowledged is
//! searched with it. Earlier output cannot be recalled; held-back bytes are searched again, and so
//! are lines that wait for their end (but not a secret that another mask covers in part). An idle
//! stream takes the set over too, so that old sets are freed. *Old values stay masked for as long
//! as the sidecar runs*, also those of secrets that were deleted, and so do added ones. If the
//! secrets cannot be read, or are too many, the previous set stays in force: a message, the status
//! and the metrics report it. Requests without a waiting client (SIGHUP, files) are gathered, so
//! that reloads take at most a fifth of one core's time. A restarted sidecar knows the present
//! values of its sources, and no others: unread input with an older value, in a followed file, say,
//! comes out unmasked. A session keeps each value that it has exported, so take it as the source
//! ([`sessions`](super::sessions)) where secrets are rotated.
//!
//! *The control socket* (0600; root and the sidecar's own user, by the credentials that the kernel
//! reports) takes one request a connection, a line of at most 512 bytes, within 10 seconds, and
//! answers with a line:
//!
//! | request | answer |
//! | --- | --- |
//! | `add NAME LEN`, and behind its newline LEN bytes, the value | `ok COUNT` once it is in force |
//! | `reload` | `ok COUNT` once the secrets are in force |
//! | `status` | a JSON object: `phase`, `secrets` (`masked`, `names`, `added`, `error`, ...), `streams`, `sinks` |
//! | `canary [STREAM]`, `canary-through STREAM` | `{"streams": {NAME: true}}`: whether a line with a secret that the sidecar has drawn for itself comes out masked |
//!
//! and with `error WHY` if it cannot.
//!
//! *Sockets* get the mode of the configuration (0600) independent of the umask, and are removed
//! when the sidecar ends. A socket of its own user without a listener is taken for a left-over and
//! replaced; anything else at the path is refused. Ports are on loopback only: incoming bytes are
//! not masked yet. They are made in a private directory beside, and moved to their place with their
//! final mode (so `ss` shows them by `/proc/self/fd`). A FIFO is made likewise; an existing one has
//! to belong to root or the sidecar's user, and its mode may allow no more than the `mode` of the
//! configuration (0600 without one).
//!
//! *Sockets that systemd holds* (`LISTEN_FDS`, `packaging/systemd/hushlog-sidecar.socket`): a
//! source whose path or port is that of a socket that systemd passes takes that one; the names in
//! `LISTEN_FDNAMES` do not matter. Such a socket, its path and its mode are systemd's, and stay
//! when the sidecar has gone: clients that connect or send meanwhile wait, and the next sidecar
//! reads their output. A socket that is no stream's source is refused, since it would have no
//! reader.
//!
//! *Connections that systemd keeps* (`FileDescriptorStoreMax=4096` in
//! `packaging/systemd/hushlog-sidecar.service`): clients stay connected while the sidecar is
//! restarted (`systemctl restart`), or dies and is started again, and go on writing. Each
//! connection of a stream with `unix` or `tcp` is given to systemd once, when it is 100 ms old or
//! the sidecar stops, and taken back when it has ended; if systemd is busy or has as many as it
//! may, it is not kept, and ends with the sidecar, as all do where nothing keeps them: without
//! `FDSTORE` (the number, from systemd 254 on; for older ones the unit says it) and
//! `NOTIFY_SOCKET`. `systemctl stop` ends all of them, and their last output may be lost.
//! Connections with records of containers are not kept either, since records cannot be joined from
//! the middle of one on. The next sidecar takes connections by their local address; one that is no
//! source's is closed, which is reported.
//!
//! | state of a kept connection | on a restart | on a death (SIGKILL, a crash) |
//! | --- | --- | --- |
//! | not read yet, also from a program that has ended since | is read by the next one (systemd before 246 forgets one that has hung up) | the same |
//! | read, and not taken by the sink | goes through first, within `drain_seconds` | lost: up to 256 KiB, the unfinished line, the held-back bytes |
//! | a line that is not finished | is ended there, and goes on as a line of its own | its beginning is lost |
//! | a secret that was half read | the beginning is masked from half of the secret and 8 bytes of its value on, the rest always | the beginning is lost; the rest is masked from half of the secret and 8 bytes of its value on |
//!
//! So of a secret that is cut, a beginning or an end shows only if it is less than half of the
//! secret, or stands for at most 7 bytes of its value. Bytes that may be such a rest wait for the
//! following ones. The rest of a secret that the next sidecar does not know, because it was rotated
//! meanwhile, is not recognized either.
//!
//! *Signals.* SIGHUP rereads the secrets. SIGTERM and SIGINT stop the sidecar: it accepts no more
//! connections, drains sockets and pipes (at most 4 MiB of each), writes held-back bytes, and ends
//! with 0. After `drain_seconds` (10) it reports the number of undrained streams, and ends all the
//! same. It notifies systemd of READY, RELOADING, STOPPING, STATUS and, if configured there,
//! WATCHDOG.
//!
//! *Directories* under `scrub` are scrubbed in place again and again (and soon after the secrets
//! changed), those under `guard` are guarded. The guard is restarted for new secrets, with a moment
//! in between in which reads do not wait.
//!
//! | | idle stream | busy sink | all |
//! | --- | --- | --- | --- |
//! | memory | under 16 KiB | four buffers of 256 KiB | unfinished lines up to 256 MiB |
