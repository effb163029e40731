//! `hushlog boot`: the content of a session, its readers, the effects of rotation, and refused
//! input.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::session::needs;
use crate::program::{self, Raise, Ran, hushlog, run, script};
use hushlog::session::SessionDir;

/// A directory in memory, with secrets in a file next to the session's directory.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new(dotenv: &str) -> Machine {
        let machine = Machine { dir: tempfile::Builder::new().prefix("hushlog-boot").tempdir_in("/dev/shm").unwrap() };
        machine.secrets(dotenv);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn secrets(&self, dotenv: &str) {
        fs::write(self.path("secrets.env"), dotenv).unwrap();
    }

    fn hushlog(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        command.env("HUSHLOG_RUN_DIR", self.path("run")).current_dir(self.dir.path());
        command
    }

    fn boot(&self, more: &[&str]) -> Ran {
        run(&mut self.hushlog(&[&["boot", "--dotenv", "secrets.env"], more].concat()), b"")
    }

    fn filter(&self, text: &str) -> String {
        run(&mut self.hushlog(&[]), text.as_bytes()).ends(0).out()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("run").join(name)).unwrap()
    }
}

/// All paths below a directory, without following links.
fn below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        if path.symlink_metadata().unwrap().is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.push(path);
    }
    found
}

#[test]
fn exported_secrets_are_set_in_shells_and_masked() {
    let machine = Machine::new("OPENAI_API_KEY=sk-live-4f9QzX\nDB_PASSWORD=\"it's $HOME\"\n");
    let said = machine.boot(&[]).ends(0).err();
    assert!(said.contains("exported 2 variables (2 secret) to "), "{said}");
    assert_eq!(machine.filter("sk-live-4f9QzX it's $HOME"), "[REDACTED:OPENAI_API_KEY] [REDACTED:DB_PASSWORD]");
    assert_eq!(machine.read("secrets/OPENAI_API_KEY"), "sk-live-4f9QzX");
    let shell = format!(". {}/run/environment.sh; env | hushlog --session --quiet", machine.dir.path().display());
    let shown = run(script(&shell).env("HUSHLOG_RUN_DIR", machine.path("run")), b"").ends(0).out();
    assert!(shown.contains("DB_PASSWORD=[REDACTED:DB_PASSWORD]\n"), "{shown}");
    assert!(shown.contains("OPENAI_API_KEY=[REDACTED:OPENAI_API_KEY]\n"), "{shown}");
}

#[test]
fn only_the_owner_may_read_a_session_whatever_the_umask_is() {
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    let boot = "umask 0; hushlog boot --dotenv secrets.env --quiet";
    run(script(boot).current_dir(machine.dir.path()).env("HUSHLOG_RUN_DIR", machine.path("run")), b"").ends(0);
    for path in below(&machine.path("run")) {
        let metadata = path.symlink_metadata().unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert!(
            metadata.is_symlink() || metadata.mode() & 0o7777 == wanted,
            "{} {:o}",
            path.display(),
            metadata.mode()
        );
    }
}

#[test]
fn a_group_may_read_it_if_asked_for_whatever_the_umask_is() {
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    let group = rustix::process::getegid().as_raw();
    let boot = format!("umask 077; hushlog boot --dotenv secrets.env --quiet --group {group}");
    run(script(&boot).current_dir(machine.dir.path()).env("HUSHLOG_RUN_DIR", machine.path("run")), b"").ends(0);
    for path in below(&machine.path("run")) {
        let metadata = path.symlink_metadata().unwrap();
        let wanted = if metadata.is_dir() { 0o750 } else { 0o640 };
        assert!(
            metadata.is_symlink() || metadata.mode() & 0o7777 == wanted,
            "{} {:o}",
            path.display(),
            metadata.mode()
        );
        assert_eq!(metadata.gid(), group);
    }
    // No longer, unless the option is repeated.
    machine.boot(&[]).ends(0);
    assert_eq!(machine.path("run").metadata().unwrap().mode() & 0o7777, 0o700);
    machine.boot(&["--group", "no-such-group"]).ends(2).says("the group of --group does not exist");
}

#[test]
fn r21_old_and_new_values_are_masked_until_the_session_ends() {
    let machine = Machine::new("A_TOKEN=first-value-1\nB_TOKEN=deleted-value-2\n");
    machine.boot(&[]).ends(0);
    machine.secrets("A_TOKEN=second-value-3\nC_TOKEN=third-value-4\n");
    let said = machine.boot(&[]).ends(0).err();
    assert!(said.contains("exported 2 variables (2 secret)") && said.contains("; 2 exported earlier"), "{said}");
    let shown = machine.filter("first-value-1 deleted-value-2 second-value-3 third-value-4");
    assert_eq!(shown, "[REDACTED:A_TOKEN] [REDACTED:B_TOKEN] [REDACTED:A_TOKEN] [REDACTED:C_TOKEN]");
    // Programs started now get the current value.
    assert_eq!(machine.read("environment.sh"), "export A_TOKEN='second-value-3'\nexport C_TOKEN='third-value-4'\n");
    assert!(!machine.path("run/secrets/B_TOKEN").exists());
    assert_eq!(machine.read("secrets/A_TOKEN"), "second-value-3");
    // A repeated boot changes nothing, and going back makes the old value the current one.
    machine.boot(&[]).ends(0).says("; 2 exported earlier");
    machine.secrets("A_TOKEN=first-value-1\n");
    machine.boot(&[]).ends(0).says("; 3 exported earlier");
    assert_eq!(machine.filter("first-value-1 second-value-3"), "[REDACTED:A_TOKEN] [REDACTED:A_TOKEN]");
}

#[test]
fn r21_with_another_boot_the_session_ends() {
    let machine = Machine::new("A_TOKEN=first-value-1\n");
    machine.boot(&[]).ends(0);
    let current = machine.path("run/session");
    let of_earlier_boot: String =
        fs::read_to_string(&current).unwrap().replace("boot\t", "boot\t0").replace("A_TOKEN", "OLD_TOKEN");
    fs::write(&current, of_earlier_boot).unwrap();
    for args in [&[][..], &["--session"]] {
        run(&mut machine.hushlog(args), b"first-value-1").ends(2).says("the session belongs to an earlier boot");
    }
    machine.boot(&[]).ends(0);
    assert!(!machine.read("session").contains("OLD_TOKEN"));
}

#[test]
fn r18_all_or_nothing() {
    let canary = "canaryR18x7Zt9";
    let good = format!("A_TOKEN={canary}\nB_TOKEN={canary}b\n");
    let bad: &[(&str, &[u8], &str)] = &[
        ("LD_PRELOAD", b"x", "LD_PRELOAD"),
        ("C_TOKEN", b"canaryR18x7Zt9\xff", "C_TOKEN"),
        ("A.TOKEN", b"canaryR18x7Zt9", "A.TOKEN"),
    ];
    for (name, value, named) in bad {
        let machine = Machine::new(&good);
        let file = [good.as_bytes(), name.as_bytes(), b"='", value, b"'\n"].concat();
        fs::write(machine.path("secrets.env"), file).unwrap();
        let ran = machine.boot(&[]).ends(2).says(named);
        assert!(!ran.err().contains(canary) && ran.stdout.is_empty(), "the value shows");
        assert!(!machine.path("run/session").exists());
        // The previous one stays complete.
        machine.secrets(&good);
        machine.boot(&[]).ends(0);
        let before = machine.read("session");
        let file = [good.replace(canary, "other").as_bytes(), name.as_bytes(), b"='", value, b"'\n"].concat();
        fs::write(machine.path("secrets.env"), file).unwrap();
        machine.boot(&[]).ends(2).says(named);
        assert_eq!(machine.read("session"), before);
    }
}

#[test]
fn r17_names_that_take_the_machine_over_are_refused() {
    for name in ["LD_PRELOAD", "PATH", "path", "BASH_ENV", "IFS", "HUSHLOG_RUN_DIR", "ENV", "PYTHONPATH", "GIT_SSH"] {
        let machine = Machine::new(&format!("{name}=canaryR17\n"));
        let ran = machine.boot(&[]).ends(2).says(name);
        assert!(!ran.err().contains("canaryR17"));
        assert!(!machine.path("run").exists(), "something was written");
    }
}

#[test]
fn r17_impossible_names_are_refused() {
    let long = "n".repeat(200);
    for name in ["A=B", "a b", "a\nb", "p\u{430}ss", "1st", "\u{212a}ey", "a$(id)", &long] {
        let machine = Machine::new("");
        fs::create_dir(machine.path("secrets")).unwrap();
        fs::write(machine.path("secrets").join(name), "canaryR17").unwrap();
        let ran = run(&mut machine.hushlog(&["boot", "--secret-file", "secrets"]), b"").ends(2);
        assert!(ran.err().contains("cannot be exported") && !ran.err().contains("canaryR17"), "{}", ran.err());
        assert!(!machine.path("run").exists(), "something was written");
    }
}

#[test]
fn two_secrets_for_one_variable_are_refused_and_both_are_named() {
    let machine = Machine::new("DB_URL=one\n");
    fs::create_dir(machine.path("secrets")).unwrap();
    for name in ["db-url", "db.url"] {
        fs::write(machine.path("secrets").join(name), format!("{name}-value")).unwrap();
    }
    let ran = run(&mut machine.hushlog(&["boot", "--secret-file", "secrets"]), b"").ends(2);
    ran.says("db-url and db.url would both be exported as DB_URL");
    let args = ["boot", "--secret-file", "secrets/db-url", "--dotenv", "secrets.env"];
    run(&mut machine.hushlog(&args), b"").ends(2).says("would both be exported as DB_URL");
}

#[test]
fn files_below_directories_are_files_below_directories() {
    let machine = Machine::new("");
    fs::create_dir_all(machine.path("secrets/account")).unwrap();
    fs::write(machine.path("secrets/account/token"), "value-of-token").unwrap();
    run(&mut machine.hushlog(&["boot", "--secret-file", "secrets"]), b"").ends(0);
    assert_eq!(machine.read("secrets/account/token"), "value-of-token");
    assert_eq!(machine.read("environment.sh"), "export ACCOUNT_TOKEN='value-of-token'\n");
}

#[test]
fn r19_more_than_exec_takes_is_refused_by_name() {
    let lines = |len: usize| -> String { (0..600).map(|n| format!("KEY_{n}={}\n", "x".repeat(len))).collect() };
    let machine = Machine::new(&(lines(1800) + &format!("LARGEST={}\n", "x".repeat(5000))));
    machine.boot(&[]).ends(2).says("1024 KiB").says("LARGEST is the largest");
    assert!(!machine.path("run").exists(), "something was written");
    machine.secrets(&format!("A=b123\nONE={}\n", "x".repeat(128 << 10)));
    machine.boot(&[]).ends(2).says("ONE cannot be exported: a variable holds at most 128 KiB");
    // A program does start with the largest accepted session.
    machine.secrets(&lines(1600));
    machine.boot(&["--quiet"]).ends(0);
    let shell = format!("exec 2>&1; . {}/run/environment.sh; env | grep -c ^KEY_", machine.dir.path().display());
    assert_eq!(run(&mut script(&shell), b"").ends(0).out(), "600\n");
}

#[test]
fn unmaskable_values_are_reported_by_name() {
    let machine = Machine::new("SHORT=abc\nA_TOKEN=sk-live-4f9QzX\nWORD=production\n");
    let said = machine.boot(&["--quiet"]).ends(0).err();
    assert!(said.contains("not masked, because too short: SHORT") && !said.contains("WORD"), "{said}");
    assert!(machine.boot(&[]).ends(0).err().contains("although an ordinary word: WORD"));
}

#[test]
fn without_a_source_or_with_an_empty_one_nothing_is_exported() {
    let machine = Machine::new("# nothing\n");
    machine.boot(&[]).ends(2).says("contains no value");
    run(&mut machine.hushlog(&["boot", "--session"]), b"").ends(2);
    assert!(!machine.path("run").exists(), "something was written");
    machine.boot(&["--allow-empty"]).ends(0).says("exported 0 variables (0 secret)");
    run(&mut machine.hushlog(&[]), b"text").ends(2).says("the session contains no secret");
    assert_eq!(run(&mut machine.hushlog(&["--allow-empty"]), b"text").ends(0).out(), "text");
}

#[test]
fn r22_a_place_of_somebody_else_is_refused() {
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    let place = machine.path("run");
    fs::create_dir(machine.path("elsewhere")).unwrap();
    symlink("elsewhere", &place).unwrap();
    machine.boot(&[]).ends(2).says("belongs to another user, or is not a directory");
    assert_eq!(fs::read_dir(machine.path("elsewhere")).unwrap().count(), 0, "a link was followed");
    fs::remove_file(&place).unwrap();
    fs::write(&place, "").unwrap();
    machine.boot(&[]).ends(2).says("belongs to another user, or is not a directory");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    match std::os::unix::fs::chown(&place, Some(65534), None) {
        Ok(()) => drop(machine.boot(&[]).ends(2).says("belongs to another user, or is not a directory")),
        Err(_) => crate::program::session::without("root"),
    }
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn a_place_on_a_disk_is_refused_unless_asked_for() {
    needs!("a build directory on disk");
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let place = tempfile::tempdir_in(disk).unwrap();
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    let boot = |more: &[&str]| {
        let mut command = machine.hushlog(&[&["boot", "--dotenv", "secrets.env"], more].concat());
        run(command.env("HUSHLOG_RUN_DIR", place.path().join("run")), b"")
    };
    boot(&[]).ends(2).says("is on a disk").says("--allow-disk");
    assert!(!place.path().join("run/session").exists());
    boot(&["--allow-disk"]).ends(0);
    assert!(place.path().join("run/session").exists());
}

#[test]
fn a_session_that_was_asked_for_has_to_be_there() {
    let machine = Machine::new("");
    run(&mut machine.hushlog(&["--session"]), b"text").ends(2).says("this machine has no session");
    // Half a boot is none.
    fs::create_dir(machine.path("run")).unwrap();
    symlink("..data/session", machine.path("run/session")).unwrap();
    run(&mut machine.hushlog(&["--session"]), b"text").ends(2).says("this machine has no session");
    // Without a session, the well-known variables are masked.
    let ran = run(machine.hushlog(&[]).env("A_TOKEN", "sk-live-4f9QzX"), b"sk-live-4f9QzX").ends(0);
    assert_eq!(ran.out(), "[REDACTED:A_TOKEN]");
}

#[test]
fn a_damaged_session_is_an_error_wherever_it_is_cut_or_changed() {
    let machine = Machine::new("A_TOKEN=sk-live-canary4f9\nB_TOKEN=other-canary-value\n");
    machine.boot(&[]).ends(0);
    let whole = fs::read(machine.path("run/session")).unwrap();
    let place = SessionDir::new(machine.path("run"));
    for len in 0..whole.len() {
        fs::write(machine.path("run/session"), &whole[..len]).unwrap();
        let error = place.read().expect_err("a session that was cut off was read");
        assert!(!format!("{error} {error:?}").contains("canary"), "the value shows");
    }
    let whole = String::from_utf8(whole).unwrap();
    let changes = [
        ("session 1", "session 2"),
        ("export\tA_TOKEN\t", "export\t"),
        ("export\tA", "exported\tA"),
        ("A_TOKEN\t\tc", "A_TOKEN\t\t!c"),
        ("end\t2", "end\t1"),
        ("end\t2\n", "end\t2\nmore\n"),
    ];
    for (from, to) in changes {
        assert!(whole.contains(from));
        fs::write(machine.path("run/session"), whole.replacen(from, to, 1)).unwrap();
        let ran = run(&mut machine.hushlog(&[]), b"sk-live-canary4f9").ends(2).says("the session is damaged: line");
        assert!(ran.stdout.is_empty() && !ran.err().contains("canary"), "something came out");
    }
    // The values that must stay masked cannot be read, so nothing is exported over them.
    let before = fs::read(machine.path("run/session")).unwrap();
    machine.boot(&[]).ends(2).says("the session is damaged");
    assert_eq!(fs::read(machine.path("run/session")).unwrap(), before);
}

/// The program as nobody, with access up to the directory of the session, but not into it.
fn as_nobody(machine: &Machine, args: &[&str]) -> Command {
    fs::set_permissions(machine.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = machine.path("hushlog");
    if !copy.exists() {
        // By a program of its own: a child of a parallel test would inherit the descriptor, and a
        // file that is open for writing cannot be run.
        assert!(Command::new("cp").arg(program::HUSHLOG).arg(&copy).status().unwrap().success());
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy).args(args);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HUSHLOG_RUN_DIR", machine.path("run"));
    command
}

#[test]
fn an_unreadable_session_is_an_error_unless_a_credential() {
    needs!("root");
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    machine.boot(&[]).ends(0);
    let mut command = as_nobody(&machine, &[]);
    let ran = run(&mut command, b"sk-live-4f9QzX").ends(2).says("permission denied").says("LoadCredential=");
    assert!(ran.stdout.is_empty());
    // The layout of systemd credentials.
    let credentials = machine.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::copy(machine.path("run/session"), credentials.join("hushlog.session")).unwrap();
    fs::set_permissions(credentials.join("hushlog.session"), fs::Permissions::from_mode(0o644)).unwrap();
    for args in [&[][..], &["--session"]] {
        let mut command = as_nobody(&machine, args);
        let ran = run(command.env("CREDENTIALS_DIRECTORY", &credentials), b"sk-live-4f9QzX").ends(0);
        assert_eq!(ran.out(), "[REDACTED:A_TOKEN]");
    }
    // With a source of their own, nobody needs it.
    let mut command = as_nobody(&machine, &["--env", "B"]);
    assert_eq!(run(command.env("B", "other-value"), b"other-value").ends(0).out(), "[REDACTED:B]");
    // And no user can make one in another user's directory.
    fs::set_permissions(machine.path("secrets.env"), fs::Permissions::from_mode(0o644)).unwrap();
    let dotenv = machine.path("secrets.env");
    let mut command = as_nobody(&machine, &["boot", "--dotenv", dotenv.to_str().unwrap()]);
    run(&mut command, b"").ends(3).says("permission denied");
}

#[test]
fn a_directory_that_is_full_changes_nothing() {
    needs!("mounts");
    let machine = Machine::new(&format!("A_TOKEN={}\n", "x".repeat(40 << 10)));
    let place = machine.path("small");
    fs::create_dir(&place).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "tmpfs"]).arg(&place).status();
    assert!(mounted.is_ok_and(|status| status.success()), "root can mount");
    let boot = || {
        let mut command = machine.hushlog(&["boot", "--dotenv", "secrets.env", "--quiet"]);
        run(command.env("HUSHLOG_RUN_DIR", &place), b"")
    };
    let first = boot();
    machine.secrets(&format!("A_TOKEN={}\n", "y".repeat(100 << 10)));
    let second = boot();
    let session = fs::read(place.join("session"));
    let left = fs::read_dir(&place).map(|entries| entries.count());
    // Unmounted before anything can fail.
    assert!(Command::new("umount").arg(&place).status().unwrap().success());
    first.ends(0);
    second.ends(3).says("no space left on device").says("earlier exports are unchanged");
    assert!(String::from_utf8(session.unwrap()).unwrap().contains("eHh4"), "the first session is gone");
    assert_eq!(left.unwrap(), 7, "something was left behind");
}

#[test]
fn boots_at_the_same_time_keep_all_values() {
    let machine = Machine::new("");
    let boots: Vec<_> = (0..8)
        .map(|n| {
            let file = machine.path(&format!("{n}.env"));
            fs::write(&file, format!("A_TOKEN=value-number-{n}\n")).unwrap();
            machine.hushlog(&["boot", "--quiet", "--dotenv", file.to_str().unwrap()]).spawn().unwrap()
        })
        .collect();
    for mut boot in boots {
        assert!(boot.wait().unwrap().success());
    }
    let text: String = (0..8).map(|n| format!("value-number-{n}\n")).collect();
    assert_eq!(machine.filter(&text), "[REDACTED:A_TOKEN]\n".repeat(8));
    let exports = machine.read("session").lines().filter(|line| line.starts_with("export\t")).count();
    assert_eq!(exports, 1);
    assert_eq!(fs::read_dir(machine.path("run")).unwrap().count(), 7, "something was left behind");
}

#[test]
fn readers_see_one_session_or_the_other_while_it_is_replaced() {
    let machine = Machine::new("A_TOKEN=value-number-0\n");
    machine.boot(&[]).ends(0);
    let place = SessionDir::new(machine.path("run"));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(place.read().expect("a whole session").is_some());
                reads += 1;
            }
            reads
        });
        let ended = Raise(&done);
        for n in 1..20 {
            machine.secrets(&format!("A_TOKEN=value-number-{n}\n"));
            machine.boot(&["--quiet"]).ends(0);
        }
        drop(ended);
        assert!(reader.join().unwrap() > 20);
    });
}

#[test]
fn a11_a_lock_on_the_directory_does_not_hold_a_boot_up() {
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    machine.boot(&["--group", "0"]).ends(0);
    // Any member of the group can do so.
    let directory = fs::File::open(machine.path("run")).unwrap();
    directory.try_lock().unwrap();
    let mut command = machine.hushlog(&["boot", "--dotenv", "secrets.env", "--group", "0"]);
    program::run_within(&mut command, b"", std::time::Duration::from_secs(5)).ends(0);
    // Only the owner can take the lock that counts, and a timeout names it.
    let held = hushlog::sys::lock::beside(&machine.path("run/session"), std::time::Duration::ZERO).unwrap();
    assert_eq!(fs::metadata(machine.path("run/.session.lock")).unwrap().permissions().mode() & 0o777, 0o600);
    let mut command = machine.hushlog(&["boot", "--dotenv", "secrets.env"]);
    let ran = program::run_within(&mut command, b"", std::time::Duration::from_secs(20)).ends(3);
    let holder = format!("(process {}) has held the lock for 10 s", std::process::id());
    ran.says("waiting for ").says(&holder).says("cannot lock the directory");
    drop(held);
    machine.boot(&[]).ends(0);
    assert!(!machine.path("run/.session.lock").exists());
}

/// A regression: it left the directory to the previous boot's group, and made it readable.
#[test]
fn b15_a_number_that_is_no_group_is_refused() {
    let machine = Machine::new("A_TOKEN=sk-live-4f9QzX\n");
    let group = rustix::process::getegid().as_raw().to_string();
    machine.boot(&["--group", &group]).ends(0);
    for number in ["4294967295", "4294967296", "+4294967295"] {
        machine.boot(&["--group", number]).ends(2).says("the group of --group does not exist");
    }
    machine.boot(&[]).ends(0);
    assert_eq!(machine.path("run").metadata().unwrap().mode() & 0o7777, 0o700);
}
