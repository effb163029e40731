//! Writes that only look like appends: no reader sees their secrets, neither at once nor later.

use std::fs::{self, File, FileTimes};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::guard::{Disk, Guard, MASK, VALUE, cat, guarded, has, reads, told_of_writes};
use crate::program;

const LINE: &str = "line of text number x\n";

/// A log that was searched, and is then open for writes in the middle and at the end.
fn live_log(path: &Path, lines: usize) -> (File, File) {
    fs::write(path, LINE.repeat(lines)).expect("room");
    assert_eq!(fs::read(path).expect("readable").len(), lines * LINE.len());
    // Twice the time for which a file is watched after a change.
    std::thread::sleep(Duration::from_millis(100));
    let middle = File::options().read(true).write(true).open(path).expect("it can be written to");
    let end = File::options().append(true).open(path).expect("it can be written to");
    (middle, end)
}

#[track_caller]
fn assert_clean(read: &[u8], what: &str) {
    assert!(!String::from_utf8_lossy(read).contains(VALUE), "{what}");
}

#[test]
fn a05_a_middle_write_beside_appends_is_searched() {
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("b.log");
    let (middle, mut end) = live_log(&path, 5_000);
    for n in 0..1_000 {
        end.write_all(b"appended line\n").unwrap();
        if n == 300 {
            middle.write_all_at(VALUE.as_bytes(), 5_000).unwrap();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_clean(cat(&path).as_bytes(), "read while it is written to");
    drop((middle, end));
    for wait in [0, 1, 3] {
        std::thread::sleep(Duration::from_secs(wait));
        assert_clean(cat(&path).as_bytes(), "read later");
    }
    guard.end();
    assert!(fs::read_to_string(&path).unwrap()[5_000..].starts_with(MASK), "it was not masked");
}

#[test]
fn a05_each_read_is_clean_whatever_was_written_before_it() {
    let Some((disk, guard)) = guarded() else { return };
    if !told_of_writes(&guard, &disk) {
        return;
    }
    let path = disk.file("a.log");
    let (middle, mut end) = live_log(&path, 5_000);
    let mut reader = File::open(&path).unwrap();
    let mut buffer = vec![0; 8 << 10];
    for n in 0..1_000u64 {
        let at = (n * 7_919) % 100_000;
        middle.write_all_at(VALUE.as_bytes(), at).unwrap();
        // More than one, so that readers need not wait at a read.
        (0..n % 4).for_each(|_| end.write_all(b"appended line\n").unwrap());
        let from = at.saturating_sub(n * 31 % 4_096);
        if n % 2 == 0 {
            reader.seek(SeekFrom::Start(from)).unwrap();
            let len = reader.read(&mut buffer).unwrap();
            assert_clean(&buffer[..len], "read");
        } else {
            let len = reader.read_at(&mut buffer, from).unwrap();
            assert_clean(&buffer[..len], "pread");
        }
        if n % 100 == 0 {
            assert_clean(cat(&path).as_bytes(), "cat");
        }
    }
    guard.end();
}

#[test]
fn a05_copytruncate_then_longer_similar_text_is_searched() {
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    let (middle, mut end) = live_log(&path, 5_000);
    for n in 0..50 {
        // As by copytruncate, and then all at once: the first bytes and those before the old end
        // are the same.
        let mut text = LINE.repeat(5_100 + n).into_bytes();
        text[40_000..][..VALUE.len()].copy_from_slice(VALUE.as_bytes());
        middle.set_len(0).unwrap();
        end.write_all(&text).unwrap();
        assert_clean(cat(&path).as_bytes(), "after a truncation");
    }
    guard.end();
}

#[test]
fn a05_a_write_that_hides_its_time_is_searched() {
    let Some((disk, guard)) = guarded() else { return };
    let path = disk.file("a.log");
    let (middle, end) = live_log(&path, 5_000);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    middle.write_all_at(VALUE.as_bytes(), 5_000).unwrap();
    middle.set_times(FileTimes::new().set_modified(modified)).unwrap();
    assert_clean(cat(&path).as_bytes(), "with its old time");
    drop((middle, end));
    guard.end();
}

#[test]
fn a05_a_write_through_a_mapping_is_searched_before_a_read() {
    let Some((disk, guard)) = guarded() else { return };
    if !has("python3") {
        return;
    }
    let path = disk.file("a.log");
    drop(live_log(&path, 5_000));
    // The page is written to twice: the second time leaves no trace in the file's times.
    let script = format!(
        "import mmap,os,subprocess,time\nf=os.open('{0}',os.O_RDWR)\nm=mmap.mmap(f,0)\na=os.open('{0}',os.O_WRONLY|os.O_APPEND)\n\
         for n in range(20):\n m[5000:5000]=b''\n m[5000:5001]=b'x'\n time.sleep(0.01*n)\n v=b'{VALUE}'\n m[5000:5000+len(v)]=v\n\
         \x20if n%2: os.write(a,b'appended\\n')\n print(subprocess.run(['cat','{0}'],capture_output=True).stdout.decode())\n",
        path.display()
    );
    assert_clean(reads(Command::new("python3").args(["-c", &script])).as_bytes(), "by a mapping");
    assert_clean(cat(&path).as_bytes(), "after it was closed");
    guard.end();
}

#[test]
fn a05_a_file_mapped_after_a_middle_write_is_searched() {
    let Some((disk, guard)) = guarded() else { return };
    if !has("python3") || !told_of_writes(&guard, &disk) {
        return;
    }
    let path = disk.file("a.log");
    // So large that it is searched in the background. All in one process, so that only its own
    // mappings cause a search between the writes.
    let (middle, end) = live_log(&path, 400_000);
    let script = format!(
        "import mmap,os,time\nv=b'{VALUE}'\nf=os.open('{0}',os.O_RDWR)\na=os.open('{0}',os.O_WRONLY|os.O_APPEND)\n\
         def find(f): print(mmap.mmap(f,0,prot=mmap.PROT_READ).find(v))\n\
         for n in range(40):\n os.pwrite(f,v,4000000+64*n)\n os.write(a,b'appended line\\n')\n time.sleep(0.003*(n%20))\n\
         \x20find(os.open('{0}',os.O_RDONLY))\n\
         for n in range(5):\n r=os.open('{0}',os.O_RDONLY)\n os.write(a,b'appended line\\n'*400000+v+b'\\n'*64)\n find(r)",
        path.display()
    );
    assert_eq!(reads(Command::new("python3").args(["-c", &script])), "-1\n".repeat(45));
    drop((middle, end));
    guard.end();
}

#[test]
fn a05_a_write_nobody_reads_is_masked_in_the_background() {
    let Some(disk) = crate::guard::disk() else { return };
    let path = disk.file("a.log");
    // A descriptor from before the guard: its reads cause no search.
    let early = File::create_new(&path).and_then(|_| File::open(&path)).unwrap();
    let guard = Guard::start(&disk.log());
    let (middle, mut end) = live_log(&path, 5_000);
    let begun = Instant::now();
    middle.write_all_at(VALUE.as_bytes(), 5_000).unwrap();
    let mut there = [0; MASK.len()];
    while there != MASK.as_bytes() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not masked");
        end.write_all(b"appended line\n").unwrap();
        std::thread::sleep(Duration::from_millis(1));
        early.read_exact_at(&mut there, 5_000).unwrap();
    }
    guard.signal("KILL");
    guard.ended();
    assert_clean(&fs::read(&path).unwrap(), "on the disk");
}

#[test]
fn a05_without_notice_of_writes_a_read_is_clean_too() {
    let Some(disk) = crate::guard::disk().and_then(|_| Disk::new("tmpfs")) else { return };
    let guard = crate::guard::Guard::start(&disk.log());
    let path = disk.file("a.log");
    let (middle, mut end) = live_log(&path, 5_000);
    for n in 0..100 {
        middle.write_all_at(VALUE.as_bytes(), 50 * n).unwrap();
        end.write_all(b"appended line\n").unwrap();
        assert_clean(&fs::read(&path).unwrap(), "on tmpfs");
    }
    guard.end();
}

#[test]
fn a27_a_file_of_several_slices_is_searched_to_its_end() {
    let Some((disk, guard)) = guarded() else { return };
    // One that ends with a slice, and one that does not.
    for len in [48 << 20, 50_000_000] {
        let path = disk.file(&format!("{len}.log"));
        let mut text = LINE.repeat(len / LINE.len() + 1).into_bytes();
        text.truncate(len);
        for at in [100, (16 << 20) - 5, len - 100] {
            text[at..][..VALUE.len()].copy_from_slice(VALUE.as_bytes());
        }
        fs::write(&path, &text).unwrap();
        let mut cat = Command::new("cat");
        let ran = program::run_within(cat.arg(&path), b"", Duration::from_secs(60)).ends(0);
        assert_clean(&ran.stdout, "in several slices");
        assert_eq!(ran.stdout.len(), len);
    }
    // The first search at the start, too.
    guard.end();
    Guard::start(&disk.log()).end();
}

#[test]
fn a27_huge_sparse_files_hold_up_nobody_else() {
    let Some((disk, guard)) = guarded() else { return };
    const LEN: u64 = 15 << 40;
    let sparse = ["1", "2", "3"].map(|name| disk.file(name));
    for path in &sparse {
        let file = File::create(path).unwrap();
        file.set_len(LEN).unwrap();
        file.write_all_at(VALUE.as_bytes(), LEN - 100).unwrap();
    }
    let begun = Instant::now();
    // Too large to be searched at once.
    fs::write(disk.file("b.log"), LINE.repeat(400_000) + VALUE).unwrap();
    assert_clean(&fs::read(disk.file("b.log")).unwrap(), "beside sparse files");
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    for path in &sparse {
        let mut buffer = [0; 200];
        let len = File::open(path).unwrap().read_at(&mut buffer, LEN - 150).unwrap();
        assert_clean(&buffer[..len], "at the end of a sparse file");
    }
    guard.end();
}
