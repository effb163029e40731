//! The manual: design, threat model, what is searched for, tuning, what is out of scope. There is no code in this module.
//!
//! # Design
//!
//! Secrets become *needles*: the value, every way in which it is usually written, and every part that tells. All needles are compiled into
//! one [`NeedleSet`](crate::NeedleSet), which is immutable and shared by any number of streams. A [`Redactor`](crate::Redactor)
//! is one stream's state: it takes bytes in and gives bytes out, cannot fail, and is the only maker of
//! [`Redacted`](crate::Redacted), the type that the sinks of this crate take.
//!
//! Inside stand an automaton, which is the truth, and a *sieve* in front of it, which skips text in which provably no needle begins. All of
//! it equals the few lines of [`naive`](crate::redact::naive), the definition of correct.
//!
//! What is held back after a push is the automaton's depth: the longest end of the text that may begin a needle. It is
//! given out as soon as it cannot any more, and never because of a timer, but for the echo on a terminal ([below](#run)).
//!
//! Which tests hold the [promises](crate#what-it-promises):
//!
//! | promise | tests |
//! | --- | --- |
//! | 1 to 4 | `tests/small_worlds.rs`, `tests/properties.rs`, `tests/long_texts.rs`, `tests/corpus.rs`, `tests/records.rs`, `tests/finder.rs`; under `run` `tests/partial.rs`, `tests/run_streams.rs`, `tests/run_terminal.rs`; by a guard `tests/guard.rs`, `tests/guard_live.rs` |
//! | 5 | `tests/memory.rs`, `tests/long_texts.rs`, `tests/sidecar_sockets.rs` |
//! | 6 | `tests/io.rs`, `tests/cli.rs`, `tests/diagnostics.rs`; in the hands of shippers `tests/shippers.rs`, `tests/sidecar_shippers.rs`; confined `tests/sidecar_confined.rs` |
//! | 7 | `tests/scrub.rs`, `tests/scrub_files.rs`, `tests/scrub_live.rs`, `tests/scrub_faults.rs`, `tests/scrub_hostile.rs` |
//! | 8, of the registry | `tests/registry.rs`, `tests/registry_hostile.rs`, `tests/registry_program.rs` |
//! | 9 | `tests/boot_session.rs`, `tests/swap.rs`, `tests/sidecar_reload.rs`; on whole machines `tests/boot/run` |
//!
//! # Threat model
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
//! - *Its own faults* do not show secrets: errors hold no input and no word of the command line, and a panic ends the program without
//!   its message.
//!
//! # What is searched for
//!
//! | form in reports | what |
//! | --- | --- |
//! | `value`, `trimmed` | the value; without white space, byte order mark and quotes around it |
//! | `base64`, `base64url` | at the three alignments that a longer text can put it in, without the characters that mix with neighbours |
//! | `hex`, `hex-separated` | both cases; with `:` or a blank between bytes |
//! | `percent` | RFC 3986 and form style, both cases of digits |
//! | `json`, `json-in-json` | also `\/` and `\u00xx`; a JSON string within another |
//! | `c-escape` | string literals of C, Python, Go, Rust and JavaScript |
//! | `xml` | named, decimal and hex entities |
//! | `shell` | single and double quotes, backslashes, `$'...'` |
//! | `doubled-quote`, `dollar-doubled` | SQL and CSV; `$$` |
//! | `control-octal` | `#012`, as rsyslog writes a newline |
//! | `crlf`, `joined-lines` | other line ends; lines joined by a blank, by nothing, or by a written `\n` |
//! | `line` | each telling line of a value of several lines; not the BEGIN and END of a PEM file |
//! | `url-password`, `url-authority`, `url-parameter` | what is secret in a URL, raw and decoded; never the scheme or the host alone |
//! | `json-leaf`, `connection-string` | the values of keys that name credentials, and long random-looking ones |
//!
//! An encoded form under 8 bytes is left out. A value under 4 bytes is refused, by name; one under 8 bytes and an ordinary word are
//! masked, and a [`Notice`](crate::Notice) names them. The details stand in [`encoding`](crate::redact::encoding).
//!
//! # The program
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
//!
//! # The registry
//!
//! One YAML file, made to be kept in version control or copied about. Names, scopes, owners, versions and times stand in it in plain text;
//! values are sealed with age, each as an age file in armour that `age -d -i IDENTITY` opens as well. A *shared* secret is sealed to all
//! members, a *private* one to its owner, and a private one wins over a shared one of the same name. Saving a value needs the members'
//! recipients only, so that the machine on which it is typed cannot read it back; no command, page or error shows one.
//!
//! - *What is sealed* is a head that names the secret, its scope, its owner and its version, padding to a multiple of 128 bytes, and the value.
//!   Opening checks the head: two values that were swapped, renamed, or moved to another scope, owner or version are refused by name.
//!   Whether a secret is installed, and when it was changed, stand outside: who can write the file can change these unnoticed, unless
//!   it is signed.
//! - *Opening is all or nothing*: one value that does not open, and nothing is given out.
//! - *What a value is*: 4 bytes to 64 KiB, any bytes but NUL. One newline at its end (LF or CRLF) is taken for the shell's or the
//!   editor's, and left out: asked about on a terminal, with a note elsewhere, and kept with `--keep-newline`. The formats of an export may
//!   be narrower: one that is not UTF-8 cannot stand in JSON.
//! - *Names* are letters, digits, `-`, `_` and `.`, a letter first, up to 128 of them. They are exported in upper snake case. Two that one
//!   member would see as the same variable are refused, and so are those that decide what a shell, the dynamic linker, a service
//!   manager or an interpreter does (`PATH`, `LD_*`, `HUSHLOG_*` ...).
//! - *Changing members* seals what is shared anew, which takes an identity that opens it. A member who was removed may have kept
//!   copies: save new values.
//! - *Writing* goes through a lock on the directory, a private temporary file, fsync, rename, and fsync of the directory: killed at any
//!   moment, the old file or the new one is there. The mode is 0600, whatever the umask; a symbolic link at the path is refused. Comments
//!   in the file are not kept.
//!
//! What the file's own integrity rests on:
//!
//! - *Without signers*, on who can write the file. age does not say who sealed a value, and recipients are public: whoever can write the file
//!   can add a value, or another member to whom the next values are sealed. A digest of the members at the end of the file notices
//!   that they were edited by hand, or that the end is missing; it keeps nobody from computing it anew.
//! - *With signers*, on their keys. `hushlog keygen --signing` makes an Ed25519 key (PKCS #8 in PEM, as of `openssl genpkey`),
//!   `hushlog member add NAME RECIPIENT --signer KEY` names it, and from then on each change has to be signed (`--sign FILE`), and each
//!   reading checks the signature over every byte before it. The file names its signers itself, so that whoever replaces all of it
//!   can name others: `--trust KEY`, or `HUSHLOG_TRUST`, demands a key that is known from elsewhere. A machine that boots from a
//!   registry should have it.
//! - *Rollback is not noticed.* An older file that was put back is a registry like any other, signed or not: a value that was replaced
//!   since is exported again. What was exported stays masked all the same.
//! - The length of a value shows in steps of 128 bytes, and so does the number of members that it is sealed to.
//!
//! # Injection and sessions
//!
//! `hushlog boot` exports the secrets of its sources, and the plain defaults of an environment, for as long as the machine is up. What it
//! makes is the *session*: a directory in memory, `/run/hushlog`, which only root can read, or `--group` too.
//!
//! | file | for |
//! | --- | --- |
//! | `session` | hushlog: all that was exported since the machine was booted |
//! | `environment` | systemd's `EnvironmentFile=` |
//! | `environment.sh`, `environment.fish` | shells, which source it |
//! | `secrets/NAME` | programs that read a secret from a file |
//!
//! - *All or nothing*: the files of a boot appear together, when one link is renamed. A secret that cannot be exported is named,
//!   and then nothing is: no half of an environment. Killed at any moment, a boot leaves the session of before.
//! - *Names*: `openai-api-key` is exported as `OPENAI_API_KEY`; a variable of a dotenv file keeps its name. Two secrets for one variable
//!   are refused, and so are variables that decide what programs do (`PATH`, `LD_PRELOAD`, `BASH_ENV`, `HUSHLOG_*` ...). A secret wins over a
//!   default, and a private secret over a shared one of its name.
//! - *Limits*: 128 KiB for a variable, which is what Linux takes, and 1 MiB for all of them, half of what `exec` takes by default; no NUL
//!   byte; UTF-8, which systemd needs. What is larger or binary can be kept without being exported (`--no-install`).
//! - *Rotation and deletion*: another boot step exports what is valid now, to programs that start from then on. What was exported earlier
//!   stays in the session and is masked, together with the new values, until the machine goes down.
//! - *In memory*: a directory on a disk is refused without `--allow-disk`. A tmpfs can be swapped out: encrypt the swap, or have none.
//!
//! The filter masks the session without being asked, and so does every other command that takes sources; a session that cannot be
//! read is then an error, since not to mask it would be the other choice. A service under a user of its own, which may not read it, loads
//! it as a credential (`LoadCredential=hushlog.session:/run/hushlog/session`).
//!
//! `hushlog boot --install` puts what is needed into a machine, or with `--root` into a directory that will be one, and tells which files
//! it wrote: a unit of systemd that runs before all services (or the like for OpenRC, BusyBox and System V init), for each `--service` a drop-in
//! with `EnvironmentFile=` and `LoadCredential=`, a generator for the services of users, and snippets for login shells
//! (`/etc/profile.d`) and others (`/etc/bash.bashrc`, `/etc/zsh/zshenv`, fish). `--uninstall` takes all of it out again. What starts in other ways, from
//! cron, say, gets the variables by `hushlog run --session -- CMD`, or by sourcing `/run/hushlog/environment.sh`.
//!
//! `hushlog export` writes the same variables down in seven formats. A value that a format cannot express is refused by the variable's name:
//! a newline in Docker's, bytes that are not UTF-8 in those that are text, a backslash at the end in dotenv's. It does not write to a
//! terminal unless forced. python-dotenv replaces `${NAME}` in any value, unless it is called with `interpolate=False`.
//!
//! `hushlog check NAME` tells whether a variable is set here and would be masked: 0 is yes, 1 is no. The value goes through the filter,
//! whole and byte by byte, and a mask and nothing else has to come out in its place.
//!
//! Not promised: that a program does not hand its environment on, or show it (`/proc/PID/environ` can be read by its user and root); that a value
//! is masked which reached the machine by another way; that `sudo`, which empties the environment, keeps it.
//!
//! # Run
//!
//! `hushlog run -- CMD ARG...` is made to be transparent: what the command inherits (limits, ignored and blocked signals, umask,
//! descriptors, directory) is what it would inherit without hushlog, and its end is hushlog's end, also by a signal.
//!
//! - *Terminals*: if standard input and output are one terminal, the command gets a pseudo-terminal that controls a session of its own, and
//!   the terminal's keys are handed on to it. If only outputs are the terminal, as in `ls | hushlog run -- less`, it gets one
//!   for these, and stays in hushlog's session, so that others in the pipeline have the terminal as well; keys that it asks for at its output are
//!   handed on while it has switched the line mode off there.
//!   The terminal's settings are restored however it ends, also if hushlog is killed. What the command changes about
//!   them ends with it, too: `hushlog run -- stty -echo` has no effect.
//! - *Streams*: outputs that are pipes or files stay two streams, each in its order. If both are one open file (`2>&1`), they go
//!   through one pipe, so that the order between them stays, and a secret across the two is masked. A secret that is split over
//!   two files is not seen.
//! - *Echo*: on a terminal, at most a partial match is held back; when nothing comes for 50 ms, up to 3 bytes of it are shown, and of no
//!   needle more than a quarter. The rest of the secret is masked all the same ([`Redactor::release_partial`](crate::Redactor::release_partial)).
//!   A secret that is typed and then taken back by half was never whole, and its beginning is shown. On a pipe no
//!   timer releases anything.
//! - *What is left behind*: when the command has ended, its output is read to its end, but for no longer than 2 seconds if others keep
//!   it open. Then what is in the pipe still goes out, masked, and later writers meet a closed pipe. A terminal is hung up then. Give what shall stay in the background its
//!   own output.
//! - *Signals* sent to hushlog go to the command's process group, but for those that the terminal sends to both. If the command has not
//!   ended `--kill-after` seconds (10) after a SIGTERM, its group is killed. If hushlog itself is killed, the command's terminal is hung
//!   up, or it gets a SIGTERM.
//! - *Processes*: a second process of hushlog, which wipes the injected values once the command has them, is the command's parent: only so
//!   does Ctrl-Z work. As the first process of a container hushlog reaps what is left behind.
//! - *Injected*: the values of `--dotenv`, under their own names, and of `--secret-file`, under their exported names
//!   ([`variable`](crate::registry::name::variable)). A value over 128 KiB, or more in all than the system takes, is refused by name
//!   before the command starts.
//! - *Limits*: a job in the background that reads from its terminal waits, and is not stopped. What the command writes to other files,
//!   or without a session of its own to `/dev/tty`, is not masked.
//!
//! # Filter, sidecar, guard, scrub: which when
//!
//! | | what it needs | what never sees a secret | what may |
//! | --- | --- | --- | --- |
//! | filter, `run` | to stand between the program and its log | all that comes after it: files, shippers, terminals | what reads the program's output elsewhere |
//! | sidecar | programs that can be pointed at it | the same, for all programs of a machine, and for secrets that change | the same |
//! | guard | Linux, root, programs that write files by themselves | whoever opens or reads the file by its name | the disk, for a moment; readers that the guard cannot see |
//! | scrub | files that were written already | whoever reads the file from then on | whoever read it before; copies and backups |
//!
//! Put a filter where you can: what never was in a file need not be taken out of it. Where a program opens its log files itself, a guard
//! makes their readers wait until they are clean; where that cannot be had, scrub them before they are shipped, and when they are rotated.
//! Scrub in any case what was written before hushlog came, and after a secret was added that may have been logged already. They
//! go together: none of them changes what another has masked.
//!
//! # Log shippers
//!
//! Configurations that the tests run with the real programs lie in `packaging/rsyslog` and `packaging/syslog-ng`.
//!
//! - *A pipe in front* does for s6-log, svlogd, multilog and whatever else reads lines: `app 2>&1 | hushlog --release line | s6-log DIR`. With
//!   logrotate a file that the filter appends to (`>>`) takes `copytruncate`: a filter does not open its output anew. The sidecar
//!   does, and rotates by itself.
//! - *rsyslog* asks about each message (mmexternal), or writes lines to the filter (omprog), or sends them to the sidecar and takes them back.
//!   It writes control characters in messages as `#012`, which hushlog reads; leave that on (`parser.escapeControlCharactersOnReceive`), since a
//!   newline in a message would be two questions.
//! - *syslog-ng* starts the filter as a `program()`, source or destination, or talks to the sidecar. It sends SIGTERM when it
//!   stops or is reloaded; with `trap '' TERM` in front, the filter ends with its input instead, and nothing is lost.
//! - *systemd* connects `StandardOutput=file:PATH` to a stream socket that the sidecar listens at (`packaging/systemd/service-sidecar.conf`).
//!
//! `--protocol rsyslog-mmexternal` answers each line of its input with one line of JSON: `{}` if there is nothing to mask, or what is to be
//! set. The line is the text of the message, and other properties (the tag, the raw message's head, structured data) stay as they are.
//! `--protocol rsyslog-mmexternal-fulljson`, with `interface.input="fulljson"`, masks all that rsyslog lets a helper change: text, raw message, tag,
//! host, structured data, and variables below `$!`. What it does not let a helper change: the name of the program, and the names
//! of variables directly below `$!`. A secret split over two messages is found by its lines only.
//!
//! *rsyslog fails open*: while its helper is away, or if its program is missing, messages go on as they are, whatever the action says of retrying. With
//! `--mark`, each message that came through, and of which nothing is left, has `$!hushlog` set to `clean`, and a rule can stop all
//! others, as that of `packaging/rsyslog/mmexternal.conf` does. A message that cannot be read (longer than 4 MiB, not what the protocol
//! says) is replaced by a notice, and has no mark.
//!
//! Standard error of such a helper goes where its answers go, so that hushlog says nothing but why it ends. Try the command by hand
//! first: `echo text | hushlog --session --protocol rsyslog-mmexternal`.
//!
//! # Running the sidecar
//!
//! *Metrics*, on loopback only (`metrics: 127.0.0.1:9532`): `/metrics` in Prometheus' text format, and `/healthz`, which answers 200 while
//! the sidecar runs, and 503 while it starts or stops. Any user of the machine can read them. They tell names and counts:
//!
//! | metric | what |
//! | --- | --- |
//! | `hushlog_regions_total` | places that were masked, by `stream`, `secret` and `form` |
//! | `hushlog_stream_input_bytes_total`, `hushlog_stream_finished_bytes_total` | bytes read; bytes of these that are finished with |
//! | `hushlog_stream_open` | connections or files that are open |
//! | `hushlog_stream_lag_bytes` | bytes in followed files that were not read yet |
//! | `hushlog_stream_held_bytes`, `hushlog_stream_spool_bytes` | bytes held back, and waiting in the spool, in steps of 4 and 64 KiB |
//! | `hushlog_stream_waits_total`, `hushlog_stream_wait_seconds_total` | how often, and how long, a sink kept it waiting |
//! | `hushlog_stream_dropped_bytes_total`, `hushlog_stream_reopened_total` | what was dropped where the configuration says so; how often a source or sink was opened anew |
//! | `hushlog_reloads_total`, `hushlog_reload_duration_seconds` | how often the secrets were read again, by `result`; how long that took |
//! | `hushlog_secrets`, `hushlog_secrets_outdated`, `hushlog_secrets_read_timestamp_seconds` | how many are masked; whether the last reload failed; when they were read |
//! | `hushlog_ready`, `hushlog_build_info` | whether it runs; the version |
//!
//! Bytes that were written are not told: with the number of masks and the bytes that were read, they would give away the length of a
//! secret. Nor is what is held back, to the byte: whoever writes guesses into a stream would see how far they are right.
//!
//! *The canary*: `hushlog check --canary` asks the sidecar to send a line with a secret of its own making through each stream's redaction,
//! in one piece and byte by byte: 0 is masked everywhere, 1 is not, 2 is that there is no sidecar to ask. `--through STREAM` sends the
//! masked line on by the stream's sink. It is what a readiness probe can run (`packaging/kubernetes/sidecar.yaml`).
//!
//! *Confinement*: before it reads anything the sidecar takes from itself what the configuration does not need. With Landlock: all files but those
//! around its sources, sinks and secrets, the ports of TCP it does not use, starting programs, and signals to others. With seccomp: system calls that no log
//! daemon makes (`ptrace`, `bpf`, `mount`, loading modules, keys, `io_uring` and the like), and those that start programs. What the kernel has not is
//! told once. With commands in the configuration, or a guard, files are not confined, since commands inherit it and would not find theirs; the
//! list of system calls holds for them too, and `sudo` in a command does not work. Landlock's rules are for directories as they were at
//! the start. The directory of a log or secret is allowed, and the one around it too, so that both may be made anew; that one only if it is `/var/log`, or
//! lies two levels below `/` (three, where something is written), as not to allow half of the machine. A directory that is in no such one has to
//! stay. `confine: { landlock: false, seccomp: false }` switches it off. It is not dumpable, writes no core, and locks its memory as
//! far as the limit allows; root can read it all the same.
//!
//! *Units*: `packaging/systemd/hushlog-sidecar.service` (exposure 1.9, as systemd 252 counts), `packaging/openrc/hushlog-sidecar`, and a pod
//! for Kubernetes 1.29 with the sidecar in it.
//!
//! # Scrubbing files
//!
//! *In place.* A file is searched from its beginning to its end, large ones in parts side by side. A mask as long as the region goes over it:
//! the secret's name where it fits, and `*` (another byte, if a secret begins or ends with that). Nothing else of the file is
//! written, and it is never made longer: masks are copied into a shared mapping of it, which cannot do that. (On file systems of
//! other machines, NFS, SMB, 9P, Ceph and FUSE, `pwrite` is used; a truncation by somebody else within the same
//! microseconds can make a hole there.) Just before a mask is written the region is read once more; a file that was
//! truncated or written anew is searched anew. The modification time becomes that of the scrub, if anything was masked, so that
//! backups and rsync notice; else nothing of the file changes but, maybe, the time of the last access. Before it is said to be done, `fsync` has returned.
//!
//! *A file that is being written.* What is appended meanwhile is searched, too. If the file ends in the beginning of a secret, and was written
//! to within the last two seconds, the rest is waited for (300 ms); if it does not come, the stump stays and is told. In
//! a file that nobody writes to it is masked from 8 bytes on, if `--keep-stump` does not switch that off. With a secret that begins another
//! one, `hunter2` and `hunter2-prod`, the rest of the longer one can come after the shorter one was masked, and stays: that
//! is told as well.
//!
//! *Directories.* Every file is opened from its directory, through no link and into no other file system, and what was opened is
//! compared with what was looked at, so that also root can scrub a directory that somebody else owns. FIFOs, sockets and devices are
//! skipped. Files of several names are not touched without `--hard-links`. A path that is named must not lead through a symbolic link. What
//! is rotated meanwhile is found in another round.
//!
//! *Written anew.* `--rewrite` writes a private temporary file (of redacted bytes only) with the old one's owner, mode, access list,
//! extended attributes and times, waits for the disk, and puts it in the old one's place. A file that somebody has open for
//! writing is refused (by a lease; where there are none, one that was written to within the last two seconds). The old content's blocks stay on the
//! device until something else is written there: to be rid of them, scrub in place first.
//!
//! *Logs of containers.* Docker's json-file and the CRI format cut lines at 16 KiB. The parts of each line are put together and searched
//! again; a secret across them is masked in each part, without its name. A secret that is appended in parts while the scrub runs is
//! found by the next one.
//!
//! *Two scrubs at once* do not lock each other out: each writes masks only over what is there still, and searches again what the other
//! has changed.
//!
//! *Not searched*, and never clean: systemd journals, SQLite databases, UTF-16 and UTF-32, compressed files without `--rewrite` (but
//! `--check` and `--dry-run` look into gzip, zstd, bzip2 and xz), other archives. They are told, and the status is 3;
//! `--exclude` leaves files out on purpose.
//!
//! *The report* is one JSON object: `version` (1), `complete` (whether nothing failed and all was searched), `masked` (or only counted), `searched`
//! (files), `bytes`, `found`, `notices` (as the filter's), and `files`: of those with something to tell the `path` (with
//! `path_base64`, if it cannot be shown as it is), `outcome` (`searched`, `skipped`, `not-searched`, `failed`) and `reason`, or `found`, `bytes`,
//! `restarts`, `stump_left` and `places`: `name`, `form`, `count`, and `offsets`, the first thousand.
//!
//! # Guarding files
//!
//! `hushlog guard DIR...` holds up whoever opens or reads a file below the directories until all that is in it has been searched and masked,
//! by permission events of fanotify. The reader then reads the same file; masks are as long as what they cover, as in a scrub. Only what was
//! appended is searched again. It needs root and Linux 5.19, and Linux 6.14 with ext4, XFS or btrfs for the whole of what follows.
//!
//! *What it promises*: no read that the kernel tells of gives a byte of a secret that stood in the file whole when the read began, or that was
//! appended while it went on. For the latter, reads and writes of one file take turns while there are readers: where the kernel tells of writes
//! beforehand. Where it does not (tmpfs, older kernels; a warning says so), what is appended in the microseconds between the search and the
//! read is read as it is. Without readers a writer is not held up.
//!
//! *A secret that is cut off* at the end of a file is waited for, `--stump-wait` at most (1 second); then the stump is masked, from 8 bytes on. If the
//! rest comes later it is masked as well, as long as the guard has not been started anew in between.
//!
//! *What it follows*: renaming, also out of the directories; truncation, `copytruncate`, deletion and creation; writes in the middle, which have
//! it search the file anew; directories that are created later. What nobody reads is searched within some 50 ms of being written, and
//! masks are brought to the disk about a second later. A file that cannot be searched or masked (append-only by `chattr`, say) can be written to
//! and not read: EPERM.
//!
//! *What it cannot see*, so that nobody waits:
//!
//! - descriptors that were open before the guard began, for reading and for writing; a warning names the processes. Start it before them;
//! - reading through a mapping: what was in the file when it was opened or mapped has been searched, what is appended later shows as it is for some 50
//!   ms; and writing through a mapping, which is noticed when the file is closed, or read;
//! - names outside the directories before the guard has seen the file, files on other file systems mounted below (a warning names them: give
//!   them as well), links that lead out; the disk itself, snapshots and backups of it, and what root reads by other ways;
//! - files in a directory that was created some microseconds ago, or moved in; they are searched right after;
//! - reads of io_uring, asynchronous I/O, and from a process of which the guard cannot see the number: they wait for the search, but when
//!   they are over does not show. Nor do reads that take longer than half a second: then the writers go on, and what they append may be read. The
//!   report counts them (`calls_not_waited_for`);
//! - a writer that was interrupted by the scheduler in the few instructions between the kernel's question to the guard and the file's lock, in the
//!   moment in which the first reader after a pause came.
//!
//! *When it ends*, however it does, the kernel lets everybody who waits go on, and nobody waits any more. `packaging/systemd/hushlog-guard.service`
//! has it started again a tenth of a second later; it searches all files anew then, and what is open already, by programs that
//! opened it in between, is among what it cannot see. On SIGTERM it masks what it has found, and lets go. If it hangs, the readers hang.
//!
//! *When events are too many*: its queue has no limit, since a full one would let readers through; each who waits takes memory in the kernel, and a
//! descriptor once the guard looks at it. If descriptors run out the kernel refuses the reader (EPERM). If notices of new directories are lost, all
//! is walked through again, and a warning says so.
//!
//! One guard has a directory: two would wait for each other.
//!
//! *The report* is one JSON object: `version` (1), `secrets` (for each `name` how often it was `masked`, and the `forms`), `calls_not_waited_for`.
//!
//! # The sidecar
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
//! What a program that is a source says on its error output is masked too, and goes to the sidecar's.
//!
//! *Whole lines* (`release: line`) are the default, since programs of many users write to one place that many read: with `release: exact`
//! whoever can write into a stream and watch it live sees by what is held back how far a guess agrees with a secret. A line longer than
//! `line_max` (1 MiB) goes out as it comes, and so does one when all unfinished lines come to 256 MiB. Streams that share a sink share it
//! line by line; with `release: exact` they would cut into each other's lines.
//!
//! *A sink that is away* (nobody listens, the program has ended, the disk is full) is told once, and tried again after 50 ms to 5 seconds.
//! Its streams wait, or with `away: spool` what is redacted waits in a file, or with `away: drop` it is dropped and counted. When a
//! connection breaks, the line that was being written is told once more as a whole to whoever comes next. What the kernel had taken and the
//! other side did not read is lost, and nobody can know of it.
//!
//! *A spool* holds redacted bytes only, is its owner's alone, goes out in order before anything that came later, and outlives the sidecar. When it is full,
//! streams wait. After a crash at most one piece of it goes out twice.
//!
//! *Files that are followed* (`files: PATH`, or a pattern with `*`, `?`, `[...]` and `**`) are each a stream, known by device, inode and a hash of up to their
//! first 1,024 bytes, whatever their names. A file that has left its path is read on until nobody has it open for writing (where the file system cannot tell, or a
//! writer keeps it, until nothing was written to it for a minute); the one that took its place begins to give when it was read to its end once. A file
//! that is shorter than what was read of it, or begins otherwise, was truncated and is read anew. Files that came and went unseen, also while no sidecar ran,
//! are looked for by the names that rotation gives, beside the path; what was packed or deleted before it was read is gone, which is told where it is known.
//! Changes are told by inotify; where it is missing or lost events, and on file systems of other machines, files are looked at besides (every 5 seconds,
//! or four times a second).
//!
//! *Checkpoints* (`state: DIR`, 0700) say up to where a file's bytes have been taken by the sink. They are saved at most once a second and at the end, on the disk
//! before they count, after what file sinks and spools hold was synced. Killed at any moment, also by a power cut, nothing is lost; lines that went out since
//! the last checkpoint go out again, and one may be torn where it was being written. The place is never within a secret or a line that waits: a sidecar that stops
//! in the middle of a line leaves it to the next one. A mask may go out twice.
//!
//! *Logs of containers* (`format: docker` or `cri`): the text of each of the two outputs is put together over its records, also over lines, searched, and put back into
//! its records, which stay as many, valid, and in order. Records wait while a secret may go on in them, and all behind them, up to 4 MiB; then what may begin a
//! secret is masked. Lines that are no records, or over 256 KiB, are searched as they are.
//!
//! *A file sink* appends, with mode 0600 if nothing else is asked for, opens its path anew when the file was moved away, and rotates between lines (`rotate_size`,
//! `rotate_keep`: `app.log.1` is the youngest). What did not fit on a full disk is written when there is room, and no line is torn.
//!
//! *Secrets are followed live.* Files and directories are watched by inotify, and looked at every 5 seconds besides, for file systems that tell
//! nothing. A new set is built by a thread that gives way to the streams, and each stream takes it over between two pieces: it reads,
//! then takes the newest set, then searches what it has read. So whatever is written after a reload or an `add` was acknowledged is searched
//! with it. What was given out before cannot be recalled; what is held back is searched again. An idle stream takes the set over too, so that
//! old sets go. *Old values stay masked for as long as the sidecar runs*, also those of secrets that were deleted, and so do added ones. If the secrets cannot be
//! read, or are too many, the set of before stays in force: it is told, and the status and the metrics show it. Requests that nobody waits
//! for (SIGHUP, files) are gathered, so that reloads take at most a fifth of one core's time.
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
//! *Sockets* get the mode of the configuration (0600) whatever the umask, and go with the sidecar. A socket of its own user at which nobody listens is
//! taken for a left-over and replaced; anything else at the path is refused. Ports are on loopback only: what comes in is not masked yet.
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
//!
//! # In other languages
//!
//! The feature `ffi` adds the C ABI to the library; `packaging/ffi/install` builds it, without the program's dependencies, and installs
//! `libhushlog.so.0`, `libhushlog.a`, `hushlog.h` and `hushlog.pc`. The header tells who owns what, which threads may do what, and what each
//! call answers. In short:
//!
//! - *Handles*: a builder collects secrets and makes a set; a set does not change, and is shared; a stream is one redactor. Whoever got
//!   a handle frees it, in any order: handles keep what they need.
//! - *Output* is lent: slices of the caller's input, of what was held back, and of masks, laid out as `struct iovec`, until the next call with
//!   the stream. Nothing is copied.
//! - *Errors* are codes. What a failed call would have given out stays inside; the first error of a builder stays, so that no
//!   set is built that lacks a secret. A panic is caught, prints nothing, and is a code as well; the stream in which it happened gives out
//!   nothing any more. Only when memory runs out does the process end.
//! - *Not done*: the library does not lock memory, forbid cores or empty the environment. That is the host's to decide. Two static
//!   libraries made of Rust do not go into one program; use the shared one.
//!
//! *Python*: `packaging/python` is a package over the shared library by ctypes. `LoggingFilter` belongs on handlers (a filter on a logger does
//! not see what the loggers below it log); it masks the message with its arguments, the text of the exception and of the stack, and
//! text in `extra`, and takes arguments and exception out of the record. Objects in `extra` whose `str()` tells a secret are left as they
//! are. `redact_stream` wraps one file: what is written past it, by `os.write` or by C code, is not masked; so it has
//! no `buffer` to write to.
//!
//! *syslog-ng*: `packaging/syslog-ng` holds a module with the template function `$(hushlog --secrets PATH [--mask TEXT] TEMPLATE)`. `PATH` is a directory of
//! files, each of them a secret named after it, or one such file, read when the configuration is. If it cannot be read, or holds nothing that can be
//! masked, syslog-ng does not start. A secret that is cut into two messages is not seen.
//!
//! # Tuning
//!
//! - Build one set, and share it: building is the larger cost. It grows with the number of secrets, times 16 needles for a key of
//!   letters and digits, and some 30 for a password with marks in it.
//! - Large pieces are cheaper than small ones. From 64 KiB on nothing is gained.
//! - Slices of the input that hold nothing come out from where they lie: pass them on as they are, with vectored writes.
//! - Without encodings ([`NeedleSetBuilder::encodings`](crate::NeedleSetBuilder::encodings)) a set has as many needles as secrets.
//! - Short secrets (under 8 bytes) cost speed, since less text can be skipped.
//!
//! # Out of scope
//!
//! Finding secrets by patterns; undoing compression or encryption; values broken by something within them; keeping secrets from
//! root, from who can attach a debugger, or from the program that prints them.
