//! Confinement: the sidecar restricts itself to the files that it needs (Landlock), and to the
//! system calls of a log daemon (seccomp), before it reads any input.
//!
//! An attacker who exploits a fault of the sidecar can then read and write only the paths of the
//! configuration, and start no program. Child processes inherit both limits. Commands in the
//! configuration would not find their files, so files are not confined then. Nor are they with a
//! guard, which inspects processes of other users. System calls are limited in every case.
//!
//! A Landlock rule binds a directory as it is now, not its name. So the rule for a file that may be
//! replaced is for its directory, and another is for the parent of that, unless it is as broad as
//! `/var`: a log directory may be removed and recreated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter, sock_filter};

use super::config::{OnAway, Outlet, Plan, SourcePlan};
use super::source::follow::targets;
use crate::sys::beneath::{Dir, Links, find};

/// The newest Landlock version that this code covers in full.
const ABI_KNOWN: ABI = ABI::V6;

/// Files that every process may read: random numbers, its own metrics, its number of cores.
const ALWAYS_READ: &[&str] = &["/dev/urandom", "/proc/self", "/proc/sys", "/sys/fs/cgroup"];
/// Files that the resolver of host names reads.
const LOOK_UP_READ: &[&str] = &["/etc", "/lib", "/lib64", "/run/systemd/resolve", "/usr/lib"];
/// Always writable: the null device, and the terminal for passphrases.
const ALWAYS_WRITE: &[&str] = &["/dev/null", "/dev/tty"];
/// The minimum depth of a directory that may be read, or written to, with all below it.
const READ_DEPTH_MIN: usize = 2;
const WRITE_DEPTH_MIN: usize = 3;
/// DNS, over TCP for long answers.
const DNS_PORT: u16 = 53;

/// The resources that the sidecar needs.
#[derive(Clone, Debug, Default)]
struct Needs {
    /// Files and directories to read; they need not exist yet.
    read: Vec<PathBuf>,
    /// Files and directories to write and create; they need not exist yet.
    write: Vec<PathBuf>,
    /// TCP ports to listen at.
    listen: Vec<u16>,
    /// TCP ports to connect to.
    connect: Vec<u16>,
    /// Programs are started.
    commands: bool,
    /// Directories are guarded.
    guard: bool,
}

impl Needs {
    fn of(plan: &Plan, watched: &[PathBuf]) -> Needs {
        // Secrets are read through any links: the user named them.
        let links = watched.iter().filter_map(|path| fs::canonicalize(path).ok());
        let read = watched.iter().cloned().chain(links).collect();
        let commands = plan.reread_every.is_some();
        let mut needs = Needs { read, commands, guard: plan.guard.is_some(), ..Needs::default() };
        for stream in &plan.streams {
            match &stream.source {
                SourcePlan::Stdin => {}
                SourcePlan::Fifo { path, .. }
                | SourcePlan::Unix { path, .. }
                | SourcePlan::UnixDatagram { path, .. } => {
                    needs.write.push(path.clone());
                }
                SourcePlan::Tcp { address, .. } => needs.listen.push(address.port()),
                SourcePlan::Command(_) => needs.commands = true,
                SourcePlan::Files { pattern, .. } => {
                    needs.read.push(without_pattern(pattern));
                    // More logs will appear beside the targets of links.
                    needs.read.extend(targets(pattern));
                }
            }
        }
        for sink in &plan.sinks {
            match &sink.outlet {
                Outlet::Stdout | Outlet::Stderr => {}
                Outlet::Fifo(path) | Outlet::Unix(path) | Outlet::UnixDatagram(path) | Outlet::File { path, .. } => {
                    needs.write.push(path.clone());
                }
                Outlet::Tcp(host) => {
                    needs.connect.extend(host.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()))
                }
                Outlet::Command(_) => needs.commands = true,
            }
            if let OnAway::Spool(spool) = &sink.away {
                needs.write.push(spool.path.clone());
            }
        }
        // The file in it represents the directory, which the rule covers.
        needs.write.extend(plan.scrub.iter().map(|scrub| scrub.directory.join("*")));
        needs.write.extend(plan.state.iter().map(|state| state.join("*")));
        needs.write.extend(plan.control.clone());
        needs.listen.extend(plan.metrics.map(|address| address.port()));
        needs.write.extend(standard_devices());
        needs
    }
}

/// Terminals and the like among the standard streams: they are reopened, since their flags are
/// shared.
fn standard_devices() -> impl Iterator<Item = PathBuf> {
    let paths = (0..3).filter_map(|fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).ok());
    paths.filter(|path| path.starts_with("/dev") && path.exists())
}

/// The path before the first pattern.
fn without_pattern(pattern: &str) -> PathBuf {
    let is_plain = |part: &&std::ffi::OsStr| !part.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte));
    let plain: PathBuf = Path::new(pattern).iter().take_while(is_plain).collect();
    // The matches of a pattern lie within.
    if plain == Path::new(pattern) { plain } else { plain.join("*") }
}

/// A requested restriction that is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unconfined {
    /// The kernel has no Landlock.
    NoLandlock,
    /// The kernel's Landlock is too old for some restrictions.
    OldLandlock,
    /// Files are not confined, because there are commands.
    Commands,
    /// Files are not confined, because there is a guard.
    Guard,
    /// The kernel has no seccomp filters.
    NoSeccomp,
}

/// Confines this thread, and all threads that it starts, to the needs of the plan. Returns the
/// requested restrictions that are not in force. Must be called while there is no other thread, and
/// before any hostile input is read. `watched`: the files and directories of secrets.
///
/// # Errors
///
/// When the kernel has a requested feature, and refuses it.
pub fn confine(plan: &Plan, watched: &[PathBuf]) -> io::Result<Vec<Unconfined>> {
    let needs = Needs::of(plan, watched);
    if let Some(state) = &plan.state {
        // A missing path can have no rule. If it cannot be created, its later open reports the
        // error.
        let _ = Dir::open_or_make(state, Links::Trusted, 0o700);
    }
    let mut missing = Vec::new();
    if plan.confine.0 {
        missing.extend(match needs {
            Needs { guard: true, .. } => Some(Unconfined::Guard),
            Needs { commands: true, .. } => Some(Unconfined::Commands),
            _ => confine_files(&needs)?,
        });
    }
    if plan.confine.1 {
        missing.extend(confine_calls(&needs)?);
    }
    Ok(missing)
}

fn confine_files(needs: &Needs) -> io::Result<Option<Unconfined>> {
    let status = restrict(needs).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => None,
        RulesetStatus::PartiallyEnforced => Some(Unconfined::OldLandlock),
        RulesetStatus::NotEnforced => Some(Unconfined::NoLandlock),
    })
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, landlock::RulesetError> {
    // Without `Execute` anywhere, no program can start. Abstract sockets stay, since systemd's may
    // be one.
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_KNOWN))?
        .handle_access(AccessNet::from_all(ABI_KNOWN))?
        .scope(Scope::Signal)?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read | (AccessFs::from_write(ABI_KNOWN) & !(AccessFs::MakeChar | AccessFs::MakeBlock));
    let of_file = AccessFs::from_file(ABI_KNOWN);
    let around_all =
        |paths: &[PathBuf], depth_min| paths.iter().flat_map(|path| around(path, depth_min)).collect::<BTreeSet<_>>();
    let always = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<BTreeSet<PathBuf>>();
    for (paths, access) in [
        (always(ALWAYS_READ), read),
        (always(if needs.connect.is_empty() { &[] } else { LOOK_UP_READ }), read),
        (around_all(&needs.read, READ_DEPTH_MIN), read),
        (always(ALWAYS_WRITE), write),
        (around_all(&needs.write, WRITE_DEPTH_MIN), write),
        // Terminals and FIFOs are reopened, with flags of their own.
        ((0..3).filter_map(|fd| fs::read_link(format!("/proc/self/fd/{fd}")).ok()).collect(), read | write),
    ] {
        for path in paths {
            // A missing path needs no rule, nor does an anonymous pipe.
            let Ok(opened) = PathFd::new(&path) else { continue };
            let access = if path.is_dir() { access } else { access & of_file };
            rules = rules.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    for &port in &needs.listen {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    let dns = (!needs.connect.is_empty()).then_some(DNS_PORT);
    for &port in needs.connect.iter().chain(&dns) {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

/// The directory of this path; its parent, so that it may be recreated, if that is at least this
/// deep, so as not to allow half of the machine; and the same for the target of a trusted link, if
/// the path leads through one.
fn around(path: &Path, depth_min: usize) -> BTreeSet<PathBuf> {
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let depth = |path: &Path| path.components().skip(1).count();
    let may_be_whole = |path: &Path| depth(path) >= depth_min || path == Path::new("/var/log");
    let mut found = BTreeSet::new();
    let target = find(path, Links::Trusted).map(|found| found.path()).ok().filter(|target| target != path);
    for path in [path.clone()].into_iter().chain(target) {
        let mut above = path.ancestors().skip(1).filter(|path| path.is_dir());
        let Some(nearest) = above.next() else { continue };
        let is_parent = path.parent() == Some(nearest);
        found.extend(above.next().filter(|path| is_parent && may_be_whole(path)).map(Path::to_owned));
        if depth(nearest) > 0 && (is_parent || may_be_whole(nearest)) {
            found.insert(nearest.to_owned());
        } else {
            found.insert(path.clone());
        }
    }
    found
}

fn confine_calls(needs: &Needs) -> io::Result<Option<Unconfined>> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(Some(Unconfined::NoSeccomp)) };
    let mut denied: Vec<i64> = DENIED.to_vec();
    if !needs.commands {
        denied.extend([libc::SYS_execve, libc::SYS_execveat]);
    }
    if !needs.guard {
        denied.extend([libc::SYS_fanotify_init, libc::SYS_open_by_handle_at]);
    }
    let rules: BTreeMap<i64, Vec<_>> = denied.into_iter().map(|call| (call, Vec::new())).collect();
    // An error and not a signal: a library that tries one of these has a fallback.
    let denial = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denial, arch).and_then(BpfProgram::try_from);
    let filter = without_x32(filter.map_err(io::Error::other)?);
    match apply_filter(&filter) {
        Ok(()) => Ok(None),
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Ok(Some(Unconfined::NoSeccomp))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Puts a check in front of the filter that denies every call of the x32 ABI. These calls share the
/// architecture of x86-64, so they pass the filter's own check. Their numbers have one more bit, so
/// no rule matches them.
fn without_x32(filter: BpfProgram) -> BpfProgram {
    if !cfg!(target_arch = "x86_64") {
        return filter;
    }
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let deny = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let mut program = vec![
        // The number of the call is the first field of the filter's input.
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
        step((libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, 0, 1, X32_CALLS),
        step((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, deny),
    ];
    program.extend(filter);
    program
}

/// The start of the x32 call numbers.
const X32_CALLS: u32 = 0x4000_0000;

/// System calls that a log daemon never makes. Seccomp's own check kills a call of another
/// architecture.
const DENIED: &[libc::c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_syslog,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The whole machine.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_personality,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::node;
    use rustix::net::SocketType;
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    /// Confines a thread of its own, since confinement binds that thread only. Returns the missing
    /// restrictions.
    fn confined<T: Send>(needs: &Needs, landlock: bool, try_out: impl FnOnce() -> T + Send) -> (T, Vec<Unconfined>) {
        std::thread::scope(|scope| {
            let confined = scope.spawn(|| {
                let mut missing = Vec::new();
                match landlock {
                    true if needs.commands => missing.push(Unconfined::Commands),
                    true => missing.extend(confine_files(needs).expect("the kernel does what it can")),
                    false => {}
                }
                missing.extend(confine_calls(needs).expect("the kernel does what it can"));
                (try_out(), missing)
            });
            confined.join().expect("no test failed")
        })
    }

    fn has(missing: &[Unconfined], without: Unconfined) -> bool {
        if missing.contains(&without) {
            eprintln!("skipped: {without:?}");
        }
        !missing.contains(&without)
    }

    #[test]
    fn files_outside_the_configuration_are_out_of_reach() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        for name in ["in/a", "out/a", "other/a"] {
            fs::create_dir_all(path(name)).expect("room");
            fs::write(path(name).join("log"), "text").expect("room");
        }
        let needs = Needs {
            read: vec![path("in/a/log"), path("in/b/c/log")],
            write: vec![path("out/a/log")],
            ..Needs::default()
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        let ((), missing) = confined(&needs, true, || {
            let denied = |result: io::Result<()>| matches!(result, Err(error) if error.kind() == io::ErrorKind::PermissionDenied);
            assert!(denied(fs::remove_file(path("in/a/log"))));
            assert_eq!(fs::read_to_string(path("in/a/log")).expect("it is named"), "text");
            assert!(denied(fs::write(path("in/a/log"), "x")));
            // Removed and recreated, as log directories are.
            fs::remove_dir_all(path("out/a")).expect("it may be replaced");
            fs::create_dir(path("out/a")).expect("it may be replaced");
            fs::write(path("out/a/log"), "x").expect("it is named");
            fs::rename(path("out/a/log"), path("out/a/log.1")).expect("it may be rotated");
            assert!(denied(fs::read(path("other/a/log")).map(drop)));
            assert!(denied(fs::write(path("other/a/new"), "x")));
            assert!(denied(Command::new("true").status().map(drop)));
            assert!(denied(std::net::TcpStream::connect(address).map(drop)));
            assert!(denied(std::net::TcpListener::bind("127.0.0.1:0").map(drop)));
        });
        if !missing.is_empty() {
            eprintln!("skipped, in part: {missing:?}");
        }
    }

    #[test]
    fn a03_sockets_and_fifos_are_made_though_files_are_confined() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        let try_out = |mode: u32| {
            let (_socket, _bound) = node::bind(&path("s.sock"), SocketType::DGRAM, mode).expect("it may be made");
            node::fifo(&path("fifo"), mode).expect("it may be made");
            for name in ["s.sock", "fifo"] {
                assert_eq!(fs::symlink_metadata(path(name)).expect("it is there").mode() & 0o7777, mode);
            }
            fs::remove_file(path("fifo")).expect("it is ours");
            assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 1, "nothing is left beside");
        };
        let needs = Needs { write: vec![path("s.sock"), path("fifo")], ..Needs::default() };
        confined(&needs, true, || try_out(0o666));
        // The first version of Landlock forbids moves between directories.
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                let all = AccessFs::from_all(ABI::V1);
                let rules = Ruleset::default().handle_access(all).and_then(Ruleset::create);
                let rule = PathBeneath::new(PathFd::new(dir.path()).expect("it is there"), all);
                rules.and_then(|rules| rules.add_rule(rule)?.restrict_self()).expect("the kernel does what it can");
                try_out(0o622);
            });
            first.join().expect("no test failed");
        });
    }

    #[test]
    fn calls_that_no_log_daemon_makes_are_refused() {
        let needs = Needs { commands: true, ..Needs::default() };
        let (refused, missing) = confined(&needs, true, || {
            assert!(Command::new("true").status().expect("commands may be started").success());
            let read = Command::new("sh").args(["-c", "cat /etc/hostname /etc/passwd >/dev/null"]).status();
            assert!(read.expect("it starts").success(), "commands find their files");
            // Root may do this otherwise, and other users get the same error.
            std::os::unix::fs::chroot("/").expect_err("it is on the list").raw_os_error()
        });
        if has(&missing, Unconfined::NoSeccomp) {
            assert_eq!(refused, Some(libc::EPERM));
        }
        let (refused, _) = confined(&Needs::default(), false, || Command::new("true").status().is_err());
        assert!(refused, "nothing can be started without commands in the configuration");
    }

    /// A call of x86-64 with the x32 bit is another number of the same architecture.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a19_calls_of_the_x32_abi_are_refused() {
        // getpid: harmless, and ENOSYS without a filter on a kernel without x32.
        let call = |number: u32| {
            let script = format!("$! = 0; syscall({number}); print $!+0");
            Command::new("perl")
                .args(["-e", &script])
                .output()
                .map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned())
        };
        let Ok(known) = call(39) else {
            eprintln!("skipped: perl is not installed");
            return;
        };
        assert_eq!(known, "0");
        let needs = Needs { commands: true, ..Needs::default() };
        let (answers, missing) =
            confined(&needs, false, || [call(39), call(39 | X32_CALLS), call(u32::MAX >> 1)].map(Result::unwrap));
        if has(&missing, Unconfined::NoSeccomp) {
            assert_eq!(answers, ["0".to_owned(), libc::EPERM.to_string(), libc::EPERM.to_string()]);
        }
    }

    #[test]
    fn a_rule_covers_the_parent_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let around = |path: &Path, depth_min| around(path, depth_min).into_iter().collect::<Vec<PathBuf>>();
        fs::create_dir_all(at("a/b")).expect("room");
        assert_eq!(around(&at("a/b/log"), WRITE_DEPTH_MIN), [at("a"), at("a/b")]);
        assert_eq!(around(&at("a/later/much/log"), WRITE_DEPTH_MIN), [at("a")]);
        fs::write(at("a/b/log"), "").expect("room");
        fs::create_dir_all(at("x/y")).expect("room");
        std::os::unix::fs::symlink(at("a/b/log"), at("x/y/link")).expect("room");
        assert_eq!(around(&at("x/y/link"), WRITE_DEPTH_MIN), [at("a"), at("a/b"), at("x"), at("x/y")]);
        let here = std::env::current_dir().expect("there is one");
        assert_eq!(around(Path::new("x/y"), READ_DEPTH_MIN), around(&here.join("x/y"), READ_DEPTH_MIN));
        // Not half of the machine.
        for depth_min in [READ_DEPTH_MIN, WRITE_DEPTH_MIN] {
            assert_eq!(around(Path::new("/tmp/x"), depth_min), [Path::new("/tmp")]);
            assert_eq!(around(Path::new("/var/log/app.log"), depth_min), [Path::new("/var/log")]);
            assert_eq!(around(Path::new("/new/x"), depth_min), [Path::new("/new/x")]);
        }
        assert_eq!(around(Path::new("/var/new/app.log"), WRITE_DEPTH_MIN), [Path::new("/var/new/app.log")]);
    }
}
