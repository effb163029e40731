//! Scrubbing files.
//!
//! *In place.* A file is searched from its beginning to its end, large ones in parts side by side.
//! A mask as long as the region goes over it: the secret's name where it fits, and `*` (another
//! byte, if a secret begins or ends with that). Nothing else of the file is written, and it is
//! never made longer: masks are copied into a shared mapping of it, which cannot do that. (On file
//! systems of other machines, NFS, SMB, 9P, Ceph and FUSE, `pwrite` is used; a truncation by
//! somebody else within the same microseconds can make a hole there.) Just before a mask is written
//! the region is read once more; a file that was truncated or written anew is searched anew. The
//! modification time becomes that of the scrub, if anything was masked, so that backups and rsync
//! notice; else nothing of the file changes but, maybe, the time of the last access. Before it is
//! said to be done, `fsync` has returned.
//!
//! *A file that is being written.* Bytes appended meanwhile are searched, too. If the file ends in
//! the beginning of a secret, and was written to within the last two seconds, the rest is waited
//! for (300 ms); if it does not come, the stump stays and is reported. In a file that nobody writes
//! to it is masked from half of the secret and 8 bytes of its value on, if `--keep-stump` does not
//! switch that off. With a secret that begins another one, `hunter2` and `hunter2-prod`, the rest
//! of the longer one can come after the shorter one was masked, and stays: that is reported as
//! well.
//!
//! *Directories.* Every file is opened from its directory, through no link and into no other file
//! system, and the open file is compared with the one found, so that even root can safely scrub
//! another user's directory. FIFOs, sockets and devices are skipped. Files of several names are not
//! touched without `--hard-links`, nor those of which that cannot be told: with a path over 4 KiB,
//! a name that ends in ` (deleted)`, or without `/proc`. A path that is named must not lead through
//! a symbolic link. Files rotated meanwhile are found in another round.
//!
//! *Rotated logs.* A secret that a rotation cut in two lies half in one file and half in the next.
//! Files of one log in one directory are known by their names (`app.log.1`, `app.log-20261124`,
//! `app.1.log`, `app.log.old`, packed ones such as `app.log.2.gz`), and so are files that are named
//! on the command line together. The end of each is searched with the beginning of its neighbours
//! by number or time, in both directions, and of the log itself; in the logs of containers the last
//! records with the first. Both halves are masked with `*` at their length, or counted, as one
//! place in the older file; they have to be a whole secret together, in files that may both be
//! written to. Of packed files this is done by `--rewrite`, `--check` and `--dry-run`, which unpack
//! them once more for it if a neighbour may begin with the rest of a secret. Not found: a secret
//! whose halves lie in different directories, over more than nine files, in files that `--include`
//! and `--exclude` tell apart, or one whose first half was masked by an earlier scrub of the older
//! file alone.
//!
//! *Sources are left alone.* A file that secrets were read from (of `--dotenv` and `--secret-file`,
//! the registry, identities and signing keys, the session and all files of its export) is not
//! changed, in place or anew, and its secrets are no findings: a warning names it, and the status
//! follows from the rest. It is known by the descriptor that it was read by, so by hard links, bind
//! mounts and any spelling of its path; and so is a file that has been put in its place since, as
//! editors save. The copy that an editor writes beforehand, under another name, is masked like any
//! file, and so is a copy that somebody else has made, as the file that a session was made from.
//!
//! *Written anew.* `--rewrite` writes a private temporary file (of redacted bytes only) with the
//! old one's owner, mode, access list, extended attributes and times, waits for the disk, and puts
//! it in the old one's place. A file that somebody has open for writing is refused (by a lease;
//! where there are none, one that was written to within the last two seconds). The old content's
//! blocks stay on the device until something else is written there: to be rid of them, scrub in
//! place first.
//!
//! *Logs of containers.* Docker's json-file and the CRI format cut lines at 16 KiB. The parts of
//! each line are put together and searched again; a secret across them is masked in each part,
//! without its name. A secret that is appended in parts while the scrub runs is found by the next
//! one.
//! In Docker's, which are JSON, a region never ends amid an escape: the rest of the escape is
//! masked, too.
//!
//! *Masked in part.* A scrub that is killed, or that cannot write to one of the files, can leave a
//! secret over several files or records of which some parts are masked. The next scrub recognizes
//! the other parts by the masks beside them, and masks them, too, if one of them has four bytes at
//! least (or half as many as the secret). The masks have to be as long as the parts that are
//! missing, or longer in the records of one file; over files also longer by up to three whole
//! secrets that touch it, or of any length beside half of the secret and more, but the last two not
//! beside its beginning in a file that may be growing. In records only a beginning is known, as the
//! last part is masked first. A shorter rest stays, and so does one beside masks of another byte
//! (`--mask-char`); a check does not see them. A text that is no secret's, but reads like such a
//! rest, is masked as well if such a mask ends another file of the log, as no name tells in which
//! order files were written. A mask can be new to the text that it is found by, so that a check
//! after the first scrub finds such a text, and the second one masks it.
//! Two things can leave a part of a secret that no later scrub recognizes: a copy (`copytruncate`)
//! that is made while the scrub runs, of a secret over the border of two pages; and a secret that
//! is still being written when its beginning is masked with the end of another one, which an
//! earlier rotation has cut at the same place.
//!
//! *Two scrubs at once* do not lock each other out: each writes masks only over bytes that are
//! unchanged, and searches the other's changes again.
//!
//! *Text is proved, not assumed.* A mask breaks files with checksums, so a file that is not text is
//! not written to, and never clean: databases, their logs and journals (SQLite, LevelDB and
//! RocksDB, Redis, MySQL, bbolt and others), segments of records with lengths (Kafka, etcd,
//! Prometheus, and unnamed ones), git's index, packs, objects and other files, archives (tar, cpio,
//! ar, zip, and so deb, rpm, jar and docx), systemd journals, programs, images, files named by the
//! hash of its content, and any file with many control bytes. The evidence is the first and the
//! last bytes, names and neighbours, records that follow each other by their lengths, and six
//! samples of 4 KiB between. The content of gzip, zstd, xz, bzip2 and zlib is judged by its first
//! 64 KiB. Such files are reported with the reason, and the status is 3; `--exclude` leaves files
//! out on purpose. Secrets that stand in them as they are (not compressed) are reported. `--binary`
//! has them masked in place like text, even if they break; not together with `--rewrite`.
//!
//! A log is text all the same with holes of NULs (16 and more), colour codes, some stray control
//! bytes, a dump in one of its lines, one or two control bytes as separators, and in any encoding
//! of a byte a character. So are the export format of systemd's journal, and the raw stream of a
//! container's output that Docker's API gives. With more control bytes, but half of it lines
//! without any, it is in doubt: a warning says so, it is searched, and masked in place, but not
//! written anew by `--rewrite`. A small binary file of text with hardly any control bytes can still
//! pass as text: a format that is not listed, without lengths of four or eight bytes at its
//! beginning.
//!
//! *Not searched*, and never clean: UTF-16 and UTF-32, encrypted files, compressed files without
//! `--rewrite` (but `--check` and `--dry-run` look into gzip, zstd, bzip2, xz and zlib), other
//! compression; and a `--check` that found no file to search ends with 3. Of compressed files the
//! raw bytes are searched as well: the name and comment in a gzip header, zstd's frames without
//! content. `--rewrite` keeps of them a gzip's name, if there is no secret in it, and its time.
//!
//! *The report* is one JSON object: `version` (1), `complete` (whether nothing failed and all was
//! searched), `masked` (or only counted), `searched` (files), `bytes`, `found`, `notices` (as the
//! filter's), and `files`: of those with something to tell the `path` (with `path_base64`, if it
//! cannot be shown as it is), `outcome` (`searched`, `skipped`, `not-searched`, `failed`) and
//! `reason`, `found`, `bytes`, `restarts`, `stump_left`, `doubt` (the reason) and `places`: `name`,
//! `form`, `count`, and `offsets`, the first thousand.
