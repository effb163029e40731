//! Guarding files.
//!
//! `hushlog guard DIR...` holds up each open and read of a file below the directories until the
//! whole file has been searched and masked, by permission events of fanotify. The reader then reads
//! the same file; masks are as long as the secrets they cover, as in a scrub. It needs root and
//! Linux 5.19; the full guarantees below need Linux 6.14 with ext4, XFS or btrfs.
//!
//! *Its promise*: no read that the kernel reports returns a byte of a secret that was complete
//! in the file when the read began, or that was appended during it. For the latter, reads and
//! writes of one file take turns while there are readers, where the kernel announces writes. Where
//! it does not (tmpfs, older kernels; a warning says so), bytes appended in the microseconds
//! between the search and the read are read as they are. Without readers a writer is not held up.
//!
//! *Writes that are no appends*: a file that has grown may also have been written over in the
//! middle, and no kernel reports that. So the appended part is searched at once, and nothing else
//! is taken for granted. While the file's state (its size, and the times of its last modification
//! and change) is not the one in which all of it was searched, or a process has it open for
//! writing, each read waits until its own range has been searched once more, with enough around it
//! for any secret that reaches into it; that costs about as much as the read. A find has the whole
//! file searched anew. The kernel reports the range together with the write events of Linux 6.14;
//! elsewhere, and when writers are not held up, it is that of the `read` or `pread64` that the
//! reader waits in, and for other calls the whole file. The whole file is also searched again in
//! the background, with a twentieth of one core: some milliseconds after a write for a small log,
//! some seconds for each GB that is live. A search of more than 1 MiB for a read holds the file's
//! writers up, half a second at most.
//!
//! *Long searches* go in slices of 16 MiB, and files that have had none come first, so that a few
//! huge files do not hold up readers of other files. Holes are searched as the NULs that they are,
//! without reading them.
//!
//! *A secret that is cut off* at the end of a file is waited for, `--stump-wait` at most (1
//! second); then the stump is masked, from half of the secret and 8 bytes of its value on. If the
//! rest comes later it is masked as well, as long as the guard has not been started anew in
//! between.
//!
//! *Logs of containers* (Docker's json-file, and CRI) are joined as in a [scrub](super::scrub): a
//! secret over two records is masked in both, and a possible beginning at the end of a record that
//! goes on is waited for, and then masked, as at the end of a file.
//!
//! *Changes that it follows*: renaming, also out of the directories; truncation, `copytruncate`,
//! deletion and creation; writes in the middle; directories that are created later. A file without
//! readers is searched within some 50 ms of a write, and masks reach the disk about a second later.
//! A file that cannot be searched or masked (append-only by `chattr`, say) can be written to and
//! not read: EPERM.
//!
//! *A file that is not text* (a database and its logs, a segment of records, an archive, git's
//! files, a compressed file; the rule is that of a [scrub](super::scrub)) is never written to: a
//! mask could break it. It is searched like any other. As long as a secret stands in it as it is,
//! it can be written to and not read: EPERM, also for the program that it belongs to, and a warning
//! names the file and the reason. Without one it is read as ever. Compressed content is not looked
//! into. So keep databases out of guarded directories. A file in doubt is masked, and a warning
//! says so.
//!
//! *A file of several names* (hard links) is guarded by all of them once it was seen, and masked,
//! wherever its other names are: a scrub would leave it out, but here a process may read it. Linux
//! lets users link only files that they could write to (`fs.protected_hardlinks`); where that is
//! off, a warning says so.
//!
//! *The files that the secrets came from* are left as they are, and read so, by the rule for
//! scrubbing; a warning names each of them once. A source that is replaced by a rename is left too,
//! from the rename on. The sidecar's guard and its `scrub:` know the files of each reload beside
//! those of before.
//!
//! *Accesses that it cannot see*, so that they do not wait:
//!
//! - descriptors that were open before the guard began, for reading and for writing; a warning
//!   names the processes. Start it before them;
//! - reading through a mapping: the file's contents when it was opened or mapped have been
//!   searched; later writes show as they are until the search in the background has come to them
//!   (appends: some 50 ms). A write through a mapping is searched when the file is read, and when
//!   the writer has closed it. Where the kernel does not announce writes, a file that changed has
//!   been searched when it is opened, and not when it is mapped;
//! - names outside the directories before the guard has seen the file, files on other file systems
//!   mounted below (a warning names them: give them as well), links that lead out; the disk itself,
//!   its snapshots and backups, and reads by root in other ways;
//! - files in a directory that was created some microseconds ago, or moved in; they are searched
//!   right after;
//! - reads by a descriptor whose position another process moves in that moment (`pidfd_getfd`),
//!   when writers are not held up: the guard sees the wrong range. That is between processes of one
//!   user, and concerns only writes to the middle moments before;
//! - reads of io_uring, asynchronous I/O, and from a process of which the guard cannot see the
//!   number: they wait for the search, but their end does not show. The same holds for reads that
//!   take longer than half a second: then the writers go on, and their appended bytes may be read.
//!   The report counts them (`calls_not_waited_for`);
//! - a secret over two records of a container's log that was written over records which had been
//!   searched before: they are searched once more as they are, and joined only when the search
//!   begins anew; nor one of which the second record is not complete;
//! - a writer that was interrupted by the scheduler in the few instructions between the kernel's
//!   question to the guard and the file's lock, in the moment in which the first reader after a
//!   pause came.
//!
//! *When it ends*, in any way, the kernel lets all waiting processes go on, and none waits any
//! more. `packaging/systemd/hushlog-guard.service` restarts it a tenth of a second later; it then
//! searches all files anew, and cannot see the descriptors of programs that opened files in
//! between. On SIGTERM it masks all regions that it has found, and releases the readers. If it
//! hangs, the readers hang.
//!
//! *When events are too many*: its queue has no limit, since a full one would let readers through;
//! each waiting process takes memory in the kernel, and a descriptor once the guard looks at it. If
//! descriptors run out the kernel refuses the reader (EPERM). If events about new directories are
//! lost, the guard walks through all of them again, and a warning says so.
//!
//! *One guard has a directory*: two would wait for each other. Each directory is locked, by a file
//! in `/run/hushlog-locks` that only root can open, also while the sidecar changes over to a new
//! set. A second guard ends, and names the process of the first. Guards in containers with a `/run`
//! of their own do not see each other.
//!
//! *The report* is one JSON object: `version` (1), `secrets` (for each `name` how often it was
//! `masked`, and the `forms`), `calls_not_waited_for`.
