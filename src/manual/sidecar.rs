//! The sidecar.
//!
//! `hushlog sidecar --config FILE` serves streams until SIGTERM or SIGINT, or until all that it reads has ended. `hushlog sidecar schema` prints
//! the schema of the configuration (JSON Schema, with a sentence for each key), and `check-config` says what is wrong with one: file, line and
//! key, never a value.
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
//! *A stream* is a connection, a followed file, a FIFO, a program or a datagram socket, with a redactor of its own: what is split over two of
//! them is not seen as one secret. There is no queue between source and sink, so that a sink that takes nothing keeps its writers waiting,
//! in a few buffers of 256 KiB for all of its streams. A whole that ends without a newline (a connection, a datagram) gets one, since
//! something else may follow it; only standard input into a sink of its own stays as it is. Into a datagram socket each line is a datagram.
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
//! lines come to 256 MiB. So memory for lines is bounded by these 256 MiB, and by the longest form
//! for each open connection. Containers' records that go on wait for the rest of their line, or
//! until so many bytes have come behind them. Streams that share a sink share it line by line; with
//! `release: exact` they would cut into each other's lines.
//!
//! *A sink that is away* (nobody listens, the program has ended, the disk is full) is told once, and tried again after 50 ms to 5 seconds.
//! Its streams wait, or with `away: spool` what is redacted waits in a file, or with `away: drop` it is dropped and counted. When a
//! connection breaks, the line that was being written is told once more as a whole to whoever comes next. What the kernel had taken and the
//! other side did not read is lost, and nobody can know of it.
//!
//! *A spool* holds redacted bytes only, is its owner's alone, goes out in order before anything
//! that came later, and outlives the sidecar. When it is full, streams wait. After a crash at most
//! one piece of it goes out twice. A file that is there is taken only if it is empty or a spool,
//! belongs to the sidecar's user, has one name, and gives others no rights: else the sidecar does
//! not begin, and the file stays as it is. `check-config` reports a file that is no spool, too.
//!
//! *Files that are followed* (`files: PATH`, or a pattern with `*`, `?`, `[...]` and `**`) are each a stream, known by device, inode and a hash of up to their
//! first 1,024 bytes, whatever their names. A file that has left its path is read on until nobody has it open for writing (where the file system cannot tell, or a
//! writer keeps it, until nothing was written to it for a minute); the one that took its place begins to give when it was read to its end once. A file
//! that is shorter than what was read of it, or begins otherwise, was truncated and is read anew. Files that came and went unseen, also while no sidecar ran,
//! are looked for by the names that rotation gives, beside the path; what was packed or deleted before it was read is gone, which is told where it is known.
//! They are told from older ones by when they were written to; if the clock was set back meanwhile, by the numbers of `app.log.1` and so on, where a lower one is newer.
//! Other names do not tell then, and are taken for older ones.
//! Changes are told by inotify; where it is missing or lost events, and on file systems of other machines, files are looked at besides (every 5 seconds,
//! or four times a second).
//!
//! *Links and other users.* A user with write access to a followed directory decides which file a
//! name in it leads to. So every component of a path is opened in the directory before it, and a
//! symbolic link, of a file or a directory, is followed only if root or the sidecar's user owns it
//! and nobody else can write to the directory that holds it (in a sticky directory such as `/tmp`,
//! a link of ours is enough), as those of `/var/log/containers` are. Where a followed link leads is
//! watched too, and rotated files are looked for beside the target. A file with a second name (a
//! hard link) is refused where others can write, unless its owner has the directory alone; without
//! `fs.protected_hardlinks`, a file whose other name was removed since is not known from others.
//! Secrets, identities, the registry, spools and the state are never followed. A refusal is
//! reported once for each path.
//!
//! *Checkpoints* (`state: DIR`, 0700) say up to where a file's bytes have been taken by the sink.
//! They are saved at most once a second and at the end, on the disk before they count, after the
//! files of sinks and spools were synced. Killed at any moment, also by a power cut, nothing is
//! lost; lines that went out since the last checkpoint go out again, and one may be torn where it
//! was being written. The place is never within a secret or a line that waits: a sidecar that stops
//! in the middle of a line leaves it to the next one. A mask may go out twice. The directory is
//! root's or the sidecar's own, and no one else can write to it; the files in it are the sidecar's
//! alone, or it does not begin.
//!
//! *Logs of containers* (`format: docker` or `cri`): the text of each of the two outputs is put together over its records, also over lines, searched, and put back into
//! its records, which stay as many, valid, and in order. Records wait while a secret may go on in them, and all behind them, up to 4 MiB; then what may begin a
//! secret is masked. Lines that are no records, or over 256 KiB, are searched as they are.
//!
//! *A file sink* appends, with mode 0600 if nothing else is asked for, opens its path anew when the
//! file was moved away, and rotates between lines (`rotate_size`, `rotate_keep`: `app.log.1` is the
//! youngest). Lines that did not fit on a full disk are written when there is room, and no line is
//! torn. The links in the paths of sinks, spools, the state, FIFOs and sockets are followed by the
//! same rule as in followed paths; the file of a sink is no link, has no second name that others
//! may have given it, and in a directory for all (`/tmp`) it is root's or the sidecar's own.
//!
//! *Secrets are followed live.* Files and directories are watched by inotify, and looked at every 5 seconds besides, for file systems that tell
//! nothing. A new set is built by a thread that gives way to the streams, and each stream takes it over between two pieces: it reads,
//! then takes the newest set, then searches what it has read. So whatever is written after a reload or an `add` was acknowledged is searched
//! with it. What was given out before cannot be recalled; what is held back is searched again. An idle stream takes the set over too, so that
//! old sets go. *Old values stay masked for as long as the sidecar runs*, also those of secrets that were deleted, and so do added ones. If the secrets cannot be
//! read, or are too many, the set of before stays in force: it is told, and the status and the metrics show it. Requests that nobody waits
//! for (SIGHUP, files) are gathered, so that reloads take at most a fifth of one core's time.
//! A sidecar that is started anew knows what its sources hold then, and no more: what was written with an older value and not read yet, in a
//! followed file, say, comes out unmasked. A session keeps each value that it has exported, so take it as the source
//! ([`sessions`](super::sessions)) where secrets are rotated.
//!
//! *The control socket* (0600; root and the sidecar's own user, by the credentials that the kernel tells) takes one request a connection, a line of at most 512
//! bytes, within 10 seconds, and answers with a line:
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
//! final mode (so `ss` shows them by `/proc/self/fd`). A FIFO is made likewise; one that is there
//! has to belong to root or the sidecar's user, and its mode may allow no more than the `mode` of
//! the configuration (0600 without one).
//!
//! *Sockets that systemd holds* (`LISTEN_FDS`, `packaging/systemd/hushlog-sidecar.socket`): a source whose path or port is that of a socket
//! that systemd passes takes that one; the names in `LISTEN_FDNAMES` do not matter. Such a socket, its path and its mode are
//! systemd's, and stay when the sidecar has gone: whoever connects or sends meanwhile waits, and what they write is read by the next
//! one. A socket that is no stream's source is refused, since nobody would read it.
//!
//! *Connections that systemd keeps* (`FileDescriptorStoreMax=4096` in `packaging/systemd/hushlog-sidecar.service`): who is connected stays so while the sidecar is
//! started anew (`systemctl restart`), or dies and is started again, and goes on writing. Each connection of a stream with `unix` or `tcp` is given to systemd once, when it is
//! 100 ms old or the sidecar stops, and taken back when it has ended; if systemd is busy or has as many as it may, it is not kept, and ends with the sidecar, as all do
//! where nothing keeps them: without `FDSTORE` (the number, from systemd 254 on; for older ones the unit says it) and
//! `NOTIFY_SOCKET`. `systemctl stop` ends all of them, and what they wrote last may be lost. So do connections with records of containers, which cannot be put
//! together from the middle of one on. The next sidecar takes them by their local address; one that is no source's is closed, which is told.
//!
//! | what of a connection that is kept | on a restart | on a death (SIGKILL, a crash) |
//! | --- | --- | --- |
//! | not read yet, also what a program wrote that has ended since | is read by the next one (systemd before 246 forgets one that has hung up) | the same |
//! | read, and not taken by the sink | goes through first, within `drain_seconds` | lost: up to 256 KiB, the unfinished line, what was held back |
//! | a line that is not finished | is ended there, and goes on as a line of its own | its beginning is lost |
//! | a secret that was half read | the beginning is masked from 8 bytes on, the rest always | the beginning is lost; the rest is masked from 8 bytes on |
//!
//! So of a secret that is cut at most 7 bytes show, of its beginning or of its end. What may be such a rest waits for what follows. A secret that the next
//! sidecar does not know, because it was rotated meanwhile, is not known as a rest either.
//!
//! *Signals.* SIGHUP reads the secrets again. SIGTERM and SIGINT stop it: no connection is accepted any more, what is in sockets and pipes goes through (at most
//! 4 MiB of each), held back bytes go out, and it ends with 0. After `drain_seconds` (10) it says how many streams were not out, and ends all the
//! same. systemd is told READY, RELOADING, STOPPING, STATUS and, if it wants that, WATCHDOG.
//!
//! *Directories* under `scrub` are scrubbed in place again and again (and soon after the secrets changed), those under `guard` are guarded. The guard is started anew
//! for new secrets, with a moment in between in which nobody waits.
//!
//! | | idle stream | busy sink | all |
//! | --- | --- | --- | --- |
//! | memory | under 16 KiB | four buffers of 256 KiB | unfinished lines up to 256 MiB |
