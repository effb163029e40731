//! `hushlog guard`: every reader of a file below the directory reads it clean. Needs root, loop
//! devices and mkfs.ext4, and reports it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guard::{Disk, Guard, MASK, Tail, VALUE, cat, command, disk, guarded, has, reads, told_of_writes};
use crate::program::session::needs;
use crate::program::{self, HUSHLOG};

fn append(path: &Path, text: &str) {
    let mut file = File::options().append(true).create(true).open(path).expect("it can be written to");
    file.write_all(text.as_bytes()).expect("room");
}

/// Asserts the content of a file on the disk, without a guard.
#[track_caller]
fn assert_holds(path: &Path, text: &str) {
    assert_eq!(String::from_utf8(fs::read(path).expect("readable")).expect("text"), text, "{}", path.display());
}

#[test]
fn files_that_were_there_are_cleaned_at_the_start() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    fs::create_dir_all(disk.file("a/b/c")).unwrap();
    let files = ["top.log", "a/one.log", "a/b/c/deep.log"].map(|name| disk.file(name));
    for path in &files {
        fs::write(path, format!("key {VALUE} end\n")).unwrap();
    }
    let before = fs::metadata(&files[0]).unwrap();
    let guard = Guard::start(&disk.log());
    assert!(guard.said().contains("guarding 3 files in 4 directories"), "said {}", guard.said());
    guard.end();
    for path in &files {
        assert_holds(path, &format!("key {MASK} end\n"));
    }
    let after = fs::metadata(&files[0]).unwrap();
    assert_eq!((before.ino(), before.len(), before.mode()), (after.ino(), after.len(), after.mode()));
}

#[test]
fn programs_of_all_kinds_read_masks() {
    needs!("fanotify", "python3");
    let Some((disk, guard)) = guarded() else { return };
    let clean = format!("token={MASK} end\n");
    let readers: [&[&str]; 8] = [
        &["cat", "FILE"],
        &["tail", "-n", "1", "FILE"],
        &["grep", "token", "FILE"],
        &["sh", "-c", "cp FILE OUT && cat OUT"],
        &["sh", "-c", "dd if=FILE bs=7 status=none"],
        &["rsync", "FILE", "OUT"],
        &[
            "python3",
            "-c",
            "import mmap; f=open('FILE','rb'); print(mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)[:].decode(),end='')",
        ],
        &["python3", "-c", "import os,sys; f=open('FILE','rb'); os.sendfile(1,f.fileno(),0,4096)"],
    ];
    for (number, reader) in readers.iter().enumerate().filter(|(_, reader)| has(reader[0])) {
        let (file, out) = (disk.file(&format!("{number}.log")), disk.elsewhere("out"));
        append(&file, &format!("token={VALUE} end\n"));
        let words = reader
            .iter()
            .map(|word| word.replace("FILE", file.to_str().unwrap()).replace("OUT", out.to_str().unwrap()));
        let words: Vec<String> = words.collect();
        let mut read = reads(Command::new(&words[0]).args(&words[1..]));
        if reader[0] == "rsync" {
            read = fs::read_to_string(&out).unwrap();
        }
        assert_eq!(read, clean, "{reader:?}");
    }
    guard.end();
}

#[test]
fn a_reader_that_holds_the_file_open_reads_on() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    append(&path, "first\n");
    let mut reader = File::open(&path).unwrap();
    let mut writer = File::options().append(true).open(&path).unwrap();
    let mut all = "first\n".to_owned();
    let mut read = String::new();
    for n in 0..50 {
        writeln!(writer, "{n} {VALUE}").unwrap();
        all += &format!("{n} {MASK}\n");
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, all);
    }
    guard.end();
}

#[test]
fn a_tail_that_follows_sees_masks() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    append(&path, "begin\n");
    let mut tail = Tail::follow(&path);
    tail.prints("begin\n");
    for n in 0..40 {
        append(&path, &format!("{n} {VALUE} end\n"));
        if n == 20 {
            // tail never reads the lines that are left when it looks for the new file.
            tail.prints(&(0..=20).map(|n| format!("{n} {MASK} end\n")).collect::<String>());
            fs::rename(&path, disk.file("a.log.1")).unwrap();
        }
    }
    tail.prints(&(21..40).map(|n| format!("{n} {MASK} end\n")).collect::<String>());
    guard.end();
}

#[test]
fn a_secret_in_two_appends_is_waited_for() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    for cut in [1, 5, 8, 16] {
        let path = disk.file(&format!("{cut}.log"));
        append(&path, &format!("x {}", &VALUE[..cut]));
        let (begun, rest) = (Instant::now(), path.clone());
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            append(&rest, &format!("{} end\n", &VALUE[cut..]));
        });
        assert_eq!(cat(&path), format!("x {MASK} end\n"), "cut at {cut}");
        assert!(begun.elapsed() >= Duration::from_millis(150), "it did not wait");
        writer.join().unwrap();
    }
    guard.end();
}

#[test]
fn a_partial_match_is_masked_after_a_time_and_its_rest_too() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let mut command = command(&disk.log());
    command.args(["--partial-wait", "200"]);
    let guard = Guard::spawn(command);
    guard.waits_for("guarding ");
    let path = disk.file("a.log");
    append(&path, &format!("x {}", &VALUE[..12]));
    assert_eq!(cat(&path), format!("x {}", &"[API_TOKEN]*"));
    append(&path, &format!("{} end\n", &VALUE[12..]));
    assert_eq!(cat(&path), format!("x {MASK} end\n"));
    // Less than half is no partial match.
    let short = disk.file("short.log");
    append(&short, &VALUE[..7]);
    assert_eq!(cat(&short), &VALUE[..7]);
    append(&short, &VALUE[7..]);
    assert_eq!(cat(&short), MASK);
    guard.end();
}

#[test]
fn d06_rotations_are_followed() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let (path, old) = (disk.file("a.log"), disk.file("a.log.1"));
    let dirty = |n: u32| format!("{n} {VALUE} end\n");
    let clean = |n: u32| format!("{n} {MASK} end\n");
    append(&path, &dirty(1));
    assert_eq!(cat(&path), clean(1));
    // By renaming; the writer uses the old file for a while.
    let mut writer = File::options().append(true).open(&path).unwrap();
    fs::rename(&path, &old).unwrap();
    append(&path, &dirty(2));
    writer.write_all(dirty(3).as_bytes()).unwrap();
    assert_eq!((cat(&path), cat(&old)), (clean(2), clean(1) + &clean(3)));
    // By copying and truncating; the new content is longer than the old.
    append(&path, &dirty(4));
    reads(Command::new("cp").arg(&path).arg(disk.file("copy")));
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &(dirty(5) + &dirty(6) + &dirty(7)));
    assert_eq!(cat(&path), clean(5) + &clean(6) + &clean(7));
    assert_eq!(cat(&disk.file("copy")), clean(2) + &clean(4));
    // By deleting and creating, with the same inode number.
    let number = fs::metadata(&path).unwrap().ino();
    let mut same = false;
    for n in 0..20 {
        fs::remove_file(&path).unwrap();
        append(&path, &(dirty(n) + &dirty(n) + &dirty(n) + &dirty(n)));
        same |= fs::metadata(&path).unwrap().ino() == number;
        assert_eq!(cat(&path), clean(n).repeat(4));
    }
    if !same {
        crate::program::session::without("a file system that gives a number again");
    }
    // Out of the directory, and further.
    let away = disk.outside("away.log");
    let mut writer = File::options().append(true).open(&path).unwrap();
    fs::rename(&path, &away).unwrap();
    writer.write_all(dirty(99).as_bytes()).unwrap();
    assert_eq!(cat(&away), clean(19).repeat(4) + &clean(99));
    guard.end();
}

#[test]
fn bytes_overwritten_in_the_middle_are_searched_again() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    let blank = format!("{}\n", "x".repeat(200_000));
    append(&path, &blank);
    assert_eq!(cat(&path), blank);
    let mut file = File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(100_000)).unwrap();
    file.write_all(VALUE.as_bytes()).unwrap();
    let read = cat(&path);
    assert_eq!(&read[100_000..100_000 + MASK.len()], MASK);
    assert_eq!(read.replace(MASK, &"x".repeat(MASK.len())), blank);
    guard.end();
}

#[test]
fn directories_that_are_created_later_are_guarded() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    for n in 0..10 {
        let below = disk.file(&format!("{n}/a/b"));
        fs::create_dir_all(&below).unwrap();
        guard.waits_for_directory(&below);
        append(&below.join("x.log"), &format!("{VALUE}\n"));
        assert_eq!(cat(&below.join("x.log")), format!("{MASK}\n"));
    }
    // Moved in with its content.
    fs::create_dir(disk.outside("moved")).unwrap();
    append(&disk.outside("moved/x.log"), &format!("{VALUE}\n"));
    fs::rename(disk.outside("moved"), disk.file("moved")).unwrap();
    guard.waits_for_directory(&disk.file("moved"));
    assert_eq!(cat(&disk.file("moved/x.log")), format!("{MASK}\n"));
    guard.end();
}

#[test]
fn nobody_needs_to_read() {
    needs!("fanotify", "python3");
    let Some((disk, guard)) = guarded() else { return };
    let (path, linked) = (disk.file("a.log"), disk.outside("other-name"));
    append(&path, &format!("{VALUE}\n"));
    fs::hard_link(&path, &linked).unwrap();
    // By an older mapping, which causes no events.
    let script = format!(
        "import mmap,os,time\nf=os.open('{0}',os.O_RDWR)\nm=mmap.mmap(f,0,prot=mmap.PROT_READ)\nos.pwrite(f,b'{VALUE}',0)\n\
         while b'{VALUE}' in m[:]: time.sleep(0.02)\nprint(m[:].decode(),end='')",
        path.display()
    );
    if has("python3") {
        assert_eq!(reads(Command::new("python3").args(["-c", &script])), format!("{MASK}\n"));
    }
    append(&linked, &format!("{VALUE}\n"));
    assert_eq!(cat(&linked), format!("{MASK}\n{MASK}\n"));
    guard.end();
}

#[test]
fn directories_open_to_hard_links_are_reported() {
    needs!("fanotify", "unshare");
    let Some(disk) = disk() else { return };
    let setting = "/proc/sys/fs/protected_hardlinks";
    for (value, is_told) in [("1", false), ("0", true)] {
        // Another value for the guard alone, in a mount namespace of its own.
        let path = disk.elsewhere("setting");
        fs::write(&path, value).unwrap();
        let plain = command(&disk.log());
        let mut command = Command::new("unshare");
        let script = format!("mount --bind {} {setting} && exec \"$@\"", path.display());
        command.args(["-m", "sh", "-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
        command.env("API_TOKEN", VALUE);
        let guard = Guard::spawn(command);
        guard.waits_for("guarding ");
        let said = guard.said();
        assert_eq!(said.contains("fs.protected_hardlinks is 0"), is_told, "said {said}");
        guard.end();
    }
}

#[test]
fn a_reader_through_a_read_only_mount_waits_too() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    // As in containers of log shippers.
    let other = disk.elsewhere("other");
    fs::create_dir(&other).unwrap();
    reads(Command::new("mount").arg("--bind").arg(disk.log()).arg(&other));
    reads(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&other));
    append(&disk.file("a.log"), &format!("{VALUE}\n"));
    let output = Command::new("cat").arg(other.join("a.log")).output();
    reads(Command::new("umount").arg(&other));
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), format!("{MASK}\n"));
    guard.end();
}

#[test]
fn many_readers_at_once() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let text: String = (0..2000).map(|n| format!("{n} {VALUE} end\n")).collect();
    let clean = text.replace(VALUE, MASK);
    for n in 0..4 {
        append(&disk.file(&format!("{n}.log")), &text);
    }
    std::thread::scope(|scope| {
        for n in 0..40 {
            let (path, clean) = (disk.file(&format!("{}.log", n % 4)), &clean);
            scope.spawn(move || {
                let mut read = String::new();
                File::open(&path).unwrap().read_to_string(&mut read).unwrap();
                assert!(read == *clean, "reader {n}");
            });
        }
    });
    guard.end();
}

#[test]
fn a_reader_of_another_file_does_not_wait_for_a_long_search() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    // A search of a second at least, in little space: the holes are too short to be skipped.
    let large = disk.file("large.log");
    let mut file = File::create(&large).unwrap();
    (0..8_192).for_each(|n| file.write_all_at(b"\n", n << 19).unwrap());
    file.seek(SeekFrom::Start(4 << 30)).unwrap();
    write!(file, "\n{VALUE}\n").unwrap();
    append(&disk.file("small.log"), &format!("{VALUE}\n"));
    let guard = Guard::spawn(command(&disk.log()));
    let patience = Instant::now() + Duration::from_secs(20);
    while cat(&disk.file("small.log")) != format!("{MASK}\n") {
        assert!(Instant::now() < patience);
    }
    assert!(!guard.said().contains("guarding "), "it waited for the end of the long search");
    assert_eq!(reads(Command::new("tail").args(["-n", "1"]).arg(&large)), format!("{MASK}\n"));
    guard.waits_for("guarding ");
    guard.end();
}

#[test]
fn it_does_not_wait_for_itself() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let (report, own_log) = (disk.file("report.json"), disk.file("guard.log"));
    append(&disk.file("a.log"), &format!("{VALUE}\n"));
    append(&own_log, "");
    // A first guard elsewhere on the file system: only from then on does opening a file wait at
    // all.
    fs::create_dir(disk.outside("log2")).unwrap();
    let first = Guard::start(&disk.outside("log2"));
    let mut command = command(&disk.log());
    let log = File::options().append(true).open(&own_log).unwrap();
    command.arg("--report").arg(&report).stdout(log.try_clone().unwrap());
    let mut sh = Command::new("sh");
    sh.env("API_TOKEN", VALUE).args(["-c", "exec \"$@\" 2>>\"$0\""]).arg(&own_log);
    let mut child = sh.arg(command.get_program()).args(command.get_args()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while !cat(&own_log).contains("guarding ") {
        assert!(Instant::now() < patience, "its log says {}", cat(&own_log));
        std::thread::sleep(Duration::from_millis(20));
    }
    append(&disk.file("a.log"), &format!("{VALUE}\n"));
    assert_eq!(cat(&disk.file("a.log")), format!("{MASK}\n{MASK}\n"));
    program::kill(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    first.end();
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["version"], 1);
}

#[test]
fn the_report_has_counts_and_no_values() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let report = disk.elsewhere("report.json");
    let mut command = command(&disk.log());
    command.arg("--report").arg(&report);
    let guard = Guard::spawn(command);
    guard.waits_for("guarding ");
    append(&disk.file("a.log"), &format!("{VALUE} {VALUE}\n736b2d6c6976652d346639517a58616263\n"));
    cat(&disk.file("a.log"));
    let said = guard.end();
    assert!(said.contains("masked 3 places"), "said {said}");
    let text = fs::read_to_string(&report).unwrap();
    assert!(!text.contains(VALUE));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["secrets"][0]["forms"], serde_json::json!({ "hex": 1, "value": 2 }));
}

#[test]
fn readers_go_on_when_the_guard_dies() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    append(&path, "before\n");
    guard.signal("STOP");
    let mut reader = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(reader.try_wait().unwrap().is_none(), "nobody held it up");
    guard.signal("KILL");
    guard.ended();
    // As documented: the kernel releases every waiting process.
    let output = reader.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"before\n");
}

#[test]
fn a_signal_ends_it_in_the_middle_of_a_long_search() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let mut file = File::create(disk.file("large.log")).unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..300 {
        file.write_all(&block).unwrap();
    }
    let guard = Guard::spawn(command(&disk.log()));
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    guard.end();
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The limits of the kernel's queues during a test; restored in any case.
struct QueueLimits(Vec<(&'static str, String)>);

impl QueueLimits {
    fn set(len: u32) -> QueueLimits {
        let paths = ["/proc/sys/fs/fanotify/max_queued_events", "/proc/sys/fs/inotify/max_queued_events"];
        let before = paths.map(|path| (path, fs::read_to_string(path).expect("the kernel has limits")));
        paths.iter().for_each(|path| fs::write(path, len.to_string()).expect("root may set them"));
        QueueLimits(before.into())
    }
}

impl Drop for QueueLimits {
    fn drop(&mut self) {
        self.0.iter().for_each(|(path, value)| fs::write(path, value).expect("root may set them"));
    }
}

#[test]
fn d07_a_full_queue_lets_nobody_through() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let limits = QueueLimits::set(8);
    let guard = Guard::start(&disk.log());
    drop(limits);
    guard.signal("STOP");
    let mut readers = Vec::new();
    for n in 0..60 {
        let path = disk.file(&format!("{n}.log"));
        let sh = format!("echo '{VALUE}' > {0}; cat {0}", path.display());
        readers.push(Command::new("sh").args(["-c", &sh]).stdout(Stdio::piped()).spawn().unwrap());
    }
    std::thread::sleep(Duration::from_millis(500));
    guard.signal("CONT");
    for reader in readers {
        let output = reader.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{MASK}\n"));
    }
    guard.end();
}

#[test]
fn d07_lost_events_of_directories_are_noticed() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let limits = QueueLimits::set(8);
    let guard = Guard::start(&disk.log());
    drop(limits);
    guard.signal("STOP");
    for n in 0..100 {
        fs::create_dir(disk.file(&n.to_string())).unwrap();
    }
    guard.signal("CONT");
    guard.waits_for("searching all files again");
    for n in [0, 50, 99] {
        guard.waits_for_directory(&disk.file(&n.to_string()));
        append(&disk.file(&format!("{n}/a.log")), &format!("{VALUE}\n"));
        assert_eq!(cat(&disk.file(&format!("{n}/a.log"))), format!("{MASK}\n"));
    }
    guard.end();
}

#[test]
fn a_file_that_cannot_be_masked_cannot_be_read() {
    needs!("fanotify", "chattr");
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    append(&path, "begin\n");
    reads(Command::new("chattr").arg("+a").arg(&path));
    append(&path, &format!("{VALUE}\n"));
    let output = Command::new("cat").arg(&path).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "it was read");
    append(&path, "writers go on\n");
    guard.waits_for("cannot be masked, so readers are refused");
    reads(Command::new("chattr").arg("-a").arg(&path));
    assert_eq!(cat(&path), format!("begin\n{MASK}\nwriters go on\n"));
    guard.end();
}

#[test]
fn a_reader_from_before_the_guard_is_named() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    append(&disk.file("a.log"), "begin\n");
    let mut tail = Command::new("tail").arg("-f").arg(disk.file("a.log")).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let guard = Guard::start(&disk.log());
    tail.kill().unwrap();
    tail.wait().unwrap();
    let said = guard.end();
    assert!(said.contains(&format!("tail (process {})", tail.id())) && said.contains("a.log"), "said {said}");
}

#[test]
fn a_file_system_that_does_not_tell_of_writes_is_named_once() {
    needs!("fanotify");
    if disk().is_none() {
        return;
    }
    let Some(disk) = Disk::new("tmpfs") else { return };
    let guard = Guard::start(&disk.log());
    for name in ["a.log", "b.log"] {
        append(&disk.file(name), &format!("{VALUE}\n"));
        assert_eq!(cat(&disk.file(name)), format!("{MASK}\n"));
    }
    let said = guard.end();
    assert_eq!(said.matches("does not announce writes").count(), 1, "said {said}");
}

#[test]
fn two_guards_of_one_directory_would_wait_for_each_other() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    let second = program::run(&mut command(&disk.log()), b"").ends(2).says("holds the lock").says("no other guard");
    second.says(&format!("hushlog (process {})", guard.process()));
    fs::create_dir(disk.file("below")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    program::run(&mut command(&disk.file("below")), b"").ends(2).says("no other guard");
    guard.end();
}

#[test]
fn a04_a_lock_on_a_guarded_directory_is_nothing_to_the_guard() {
    let Some(disk) = disk() else { return };
    fs::create_dir(disk.file("below")).unwrap();
    // Any user with permission to open them can do so.
    let locks = [disk.log(), disk.file("below")].map(|path| {
        let directory = File::open(path).unwrap();
        directory.try_lock().unwrap();
        directory
    });
    let guard = Guard::start(&disk.log());
    for path in [disk.file("a.log"), disk.file("below/b.log")] {
        append(&path, &format!("{VALUE}\n"));
        assert_eq!(cat(&path), format!("{MASK}\n"));
    }
    assert!(!guard.end().contains("is not guarded"));
    drop(locks);
}

/// Otherwise the owner of the parent directory could have root mask files in `/etc`.
#[test]
fn s01_a_directory_that_another_user_linked_is_not_guarded() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let (theirs, secret) = (disk.file("theirs"), disk.file("roots/file"));
    fs::create_dir_all(disk.file("roots/below")).unwrap();
    fs::write(&secret, VALUE).unwrap();
    fs::create_dir(&theirs).unwrap();
    symlink("../roots", theirs.join("link")).unwrap();
    for path in [theirs.join("link"), theirs.clone()] {
        lchown(path, Some(65_534), None).unwrap();
    }
    for path in [theirs.join("link"), theirs.join("link/below")] {
        let ran = program::run_within(&mut command(&path), b"", Duration::from_secs(20)).ends(2);
        ran.says("a symbolic link that another user may have placed");
    }
    assert_holds(&secret, VALUE);
    // A link of root's is followed.
    symlink("roots", disk.file("link")).unwrap();
    let guard = Guard::start(&disk.file("link"));
    assert_eq!(cat(&secret), MASK);
    guard.end();
}

#[test]
fn wrong_usage_is_reported_before_anything_happens() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = program::run(&mut command(&scratch.path().join("missing")), b"");
    assert!(!missing.says("cannot guard a directory: no such file").ends(2).err().contains("missing"));
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    program::run(&mut command(&file), b"").ends(2).says("not a directory");
    program::run(&mut program::hushlog(["guard"]), b"").ends(2);
    let mut none = program::hushlog(["guard", "--env", "NO_SUCH_*"]);
    program::run(none.arg(scratch.path()), b"").ends(2).says("matches no variable");
    for flag in ["--partial-wait", "--stump-wait"] {
        program::run(program::hushlog(["guard", flag, "soon"]).arg(scratch.path()), b"").ends(2).says("--partial-wait");
    }
    if rustix::process::geteuid().is_root() {
        // Other users may not even reach the program's directory.
        let copy = command(scratch.path());
        let program = scratch.path().join("hushlog");
        fs::copy(program::HUSHLOG, &program).unwrap();
        reads(Command::new("chmod").args(["755"]).arg(scratch.path()).arg(&program));
        let mut unprivileged = Command::new(&program);
        unprivileged.env_clear().env("API_TOKEN", VALUE).args(copy.get_args()).uid(65534).gid(65534);
        program::run(&mut unprivileged, b"").ends(2).says("cannot watch files").says("as root");
    }
}

/// A database and a record segment with a secret are neither changed nor readable; without one,
/// they are readable.
#[test]
fn aq_a_file_that_is_not_text_is_neither_changed_nor_read() {
    needs!("fanotify", "python3");
    let Some((disk, guard)) = guarded() else { return };
    let make = r#"
import shutil, sqlite3, struct, sys, zlib
out, log, value = sys.argv[1:]
c = sqlite3.connect(out)
c.execute("PRAGMA journal_mode=WAL"); c.execute("PRAGMA wal_autocheckpoint=0")
c.execute("create table t(x)"); c.commit(); c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for i in range(3):
    c.execute("insert into t values(?)", ("row %d %s" % (i, value),)); c.commit()
shutil.copy(out + "-wal", out + ".copy")
for end in ("", "-wal"): shutil.copy(out + end, log + "/a.db" + end)
record = lambda text: struct.pack(">II", len(text), zlib.crc32(text)) + text
for name, text in (("0.log", value), ("1.log", "nothing")):
    with open(log + "/" + name, "wb") as f: f.write(record(b"\0\0\0\1 %s" % text.encode()) * 3)
"#;
    let (out, log) = (disk.outside("a.db"), disk.log());
    reads(Command::new("python3").args(["-c", make]).arg(&out).arg(&log).arg(VALUE));
    for name in ["a.db-wal", "0.log"] {
        let read = Command::new("cat").arg(disk.file(name)).output().expect("cat is everywhere");
        assert!(!read.status.success() && read.stdout.is_empty(), "{name} was read");
        assert!(String::from_utf8_lossy(&read.stderr).contains("not permitted"), "{name}");
        if told_of_writes(&guard, &disk) {
            let map = "import mmap,os,sys; print(mmap.mmap(os.open(sys.argv[1],os.O_RDONLY),0,prot=mmap.PROT_READ)[:])";
            let mapped = Command::new("python3").args(["-c", map]).arg(disk.file(name)).output().unwrap();
            assert!(mapped.stdout.is_empty(), "{name} was mapped");
            assert!(String::from_utf8_lossy(&mapped.stderr).contains("not permitted"), "{name}");
        }
    }
    assert!(!fs::read(disk.file("1.log")).unwrap().is_empty());
    for told in [
        "a.db-wal cannot be masked, so readers are refused",
        "an SQLite write-ahead log",
        "a file of records with lengths",
    ] {
        guard.waits_for(told);
    }
    guard.end();
    assert_eq!(fs::read(disk.file("a.db-wal")).unwrap(), fs::read(disk.outside("a.db.copy")).unwrap());
    let count =
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from t').fetchone()[0])";
    assert_eq!(reads(Command::new("python3").args(["-c", count]).arg(disk.file("a.db"))), "3\n");
}

/// A guard that was killed while it masked a long secret is followed by one that completes the mask
/// before anybody reads the file.
#[test]
fn a23_a_mask_that_a_killed_guard_began_is_completed() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let mut state = 23_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 33) as u8 % 26)
    };
    let value: String = (0..100_000).map(|_| letter()).collect();
    let source = disk.elsewhere("LONG");
    fs::write(&source, &value).expect("room");
    // Where the secret lies in the pieces that a search reads: in one, and over the boundary of
    // two.
    let before = [100, (256 << 10) - 99_990, (256 << 10) - 30].map(|len| format!("{}\n", "-".repeat(len)));
    let path = |at: usize| disk.file(&format!("{at}.log"));
    for (at, before) in before.iter().enumerate() {
        let mask = ["[LONG]", &"*".repeat(65_530)].concat();
        fs::write(path(at), [before, &mask, &value[mask.len()..], "\nend\n"].concat()).expect("room");
    }
    let mut command = Command::new(HUSHLOG);
    command.env_clear().args(["guard", "--secret-file"]).arg(&source).arg(disk.log());
    let guard = Guard::spawn(command);
    guard.waits_for("guarding ");
    let mask = ["[LONG]", &"*".repeat(value.len() - 6)].concat();
    for (at, before) in before.iter().enumerate() {
        assert!(cat(&path(at)) == [before, &mask, "\nend\n"].concat(), "{at}.log");
    }
    let said = guard.end();
    assert!(said.contains("masked 3 places"), "{said}");
}
