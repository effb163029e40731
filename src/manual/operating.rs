//! Running the sidecar.
//!
//! *Metrics*, on loopback only (`metrics: 127.0.0.1:9532`): `/metrics` in Prometheus' text format,
//! and `/healthz`, which answers 200 while the sidecar runs, and 503 while it starts or stops. Any
//! user of the machine can read them. They tell names and counts:
//!
//! | metric | what |
//! | --- | --- |
//! | `hushlog_regions_total` | places that were masked, by `stream`, `secret` and `form` |
//! | `hushlog_stream_input_bytes_total`, `hushlog_stream_finished_bytes_total` | bytes read; bytes of these that are finished with |
//! | `hushlog_stream_open` | connections or files that are open |
//! | `hushlog_stream_lag_bytes` | bytes in followed files that were not read yet |
//! | `hushlog_stream_held_bytes`, `hushlog_stream_spool_pieces` | bytes held back, in steps of 4 KiB; pieces that wait in the spool |
//! | `hushlog_stream_spool_damaged_total` | parts of the spool that were damaged or lost |
//! | `hushlog_stream_waits_total`, `hushlog_stream_wait_seconds_total` | how often, and how long, a sink kept it waiting |
//! | `hushlog_stream_dropped_bytes_total`, `hushlog_stream_reopened_total` | what was dropped where the configuration says so; how often a source or sink was opened anew |
//! | `hushlog_reloads_total`, `hushlog_reload_duration_seconds` | how often the secrets were read again, by `result`; how long that took |
//! | `hushlog_secrets`, `hushlog_secrets_outdated`, `hushlog_secrets_read_timestamp_seconds` | how many are masked; whether the last reload failed; when they were read |
//! | `hushlog_ready`, `hushlog_build_info` | whether it runs; the version |
//!
//! Bytes that were written, or wait in the spool, are not exposed: with the number of masks and the
//! bytes that were read, they would give away the length of a secret. Names with a secret in them
//! are masked; figures that then have the same name are counted together. With `release: line` no
//! figure depends on a partial match: the bytes held back are the input since the last newline, and
//! places are counted when their line has ended. With `release: exact` the bytes held back are
//! exposed in steps of 4 KiB only.
//!
//! *The canary*: `hushlog check --canary` asks the sidecar to send a line with a secret of its own
//! making through each stream's redaction, in one piece and byte by byte: 0 is masked everywhere, 1
//! is not, 2 is that there is no sidecar to ask. `--through STREAM` sends the masked line on by the
//! stream's sink. A readiness probe can run it (`packaging/kubernetes/sidecar.yaml`).
//!
//! *Confinement*: before it reads anything the sidecar drops all rights that the configuration does
//! not need. With Landlock: all files but those around its sources, sinks and secrets, the ports of
//! TCP it does not use, starting programs, and signals to others. With seccomp: system calls that
//! no log daemon makes (`ptrace`, `bpf`, `mount`, loading modules, keys, `io_uring` and the like),
//! and those that start programs. Mechanisms that the kernel lacks are reported once. With commands
//! in the configuration, or a guard, files are not confined, since commands inherit it and would
//! not find theirs; the list of system calls holds for them too, and `sudo` in a command does not
//! work. Landlock's rules are for directories as they were at the start. The directory of a log or
//! secret is allowed, and the one around it too, so that both may be made anew; that one only if it
//! is `/var/log`, or lies two levels below `/` (three, where something is written), as not to allow
//! half of the machine. A directory that is in no such one has to stay.
//! `confine: { landlock: false, seccomp: false }` switches it off. It is not dumpable, writes no
//! core, and locks its memory as far as the limit allows; root can read it all the same.
//!
//! *Units*: `packaging/systemd/hushlog-sidecar.service` (exposure 1.9, as systemd 252 counts), with
//! `hushlog-sidecar.socket` for sockets that outlive it; `packaging/openrc/hushlog-sidecar`; and a
//! pod for Kubernetes 1.29 with the sidecar in it.
