//! `hushlog scrub` on files that are not text: databases, record segments, git objects and
//! archives. Their own programs make them and read them afterwards.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::session::needs;
use crate::scrub::{VALUE, age, assert_file, count, log, masked, run, scrub, write_old};

/// Runs a shell script in the directory and returns its output.
#[track_caller]
fn sh(directory: &Path, script: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-euc", script]).current_dir(directory).env("VALUE", VALUE);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Like [`sh`], for Python.
#[track_caller]
fn python(directory: &Path, script: &str) -> String {
    fs::write(directory.join("../script.py"), script).expect("room for a script");
    sh(directory, "python3 ../script.py")
}

/// A directory within a temporary one.
fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let directory = scratch.path().join("d");
    fs::create_dir(&directory).expect("room for a directory");
    (scratch, directory)
}

/// All files below a directory, by name.
fn files(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).expect("ours") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.clone(), fs::read(&path).expect("ours")));
        }
    }
    all.sort();
    all
}

/// Scrubs a directory in place and by rewrite. Nothing in it may change, and every file is reported
/// as not searched.
#[track_caller]
fn stays(directory: &Path, told: &[&str]) {
    let before = files(directory);
    before.iter().for_each(|(path, _)| age(path));
    for options in [&["--recursive"][..], &["--recursive", "--rewrite"], &["--recursive", "--check"]] {
        let args = options.iter().map(OsStr::new).chain([directory.as_os_str()]);
        let ran = run(&mut scrub(args)).ends(3);
        for told in told {
            assert!(ran.err().contains(told), "{options:?}: {told} is not in {}", ran.err());
        }
        for ((path, before), (_, after)) in before.iter().zip(&files(directory)) {
            assert!(before == after, "{options:?} changed {}", path.display());
        }
    }
}

/// No row of a database is lost from its write-ahead log or its rollback journal.
#[test]
fn aq_sqlite_keeps_its_rows() {
    needs!("python3");
    let (_scratch, directory) = scratch();
    let make = r#"
import os, shutil, sqlite3
v = os.environ["VALUE"]
c = sqlite3.connect("../a.db")
c.execute("PRAGMA journal_mode=WAL"); c.execute("PRAGMA wal_autocheckpoint=0")
c.execute("create table t(x)"); c.commit(); c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for i in range(3):
    c.execute("insert into t values(?)", ("row %d %s" % (i, v),)); c.commit()
for f in ("a.db", "a.db-wal"): shutil.copy("../" + f, f)
b = sqlite3.connect("b.db", isolation_level=None)
b.execute("PRAGMA journal_mode=PERSIST")
b.execute("create table t(x)")
for i in range(40): b.execute("insert into t values(?)", (v * 30,))
b.execute("delete from t where rowid > 20")
"#;
    python(&directory, make);
    assert!(count(&fs::read(directory.join("b.db-journal")).expect("it was made")) > 0, "the journal has no secret");
    let told = ["a.db: it is an SQLite database", "a.db-wal: it is an SQLite write-ahead log", "b.db-journal: it is"];
    stays(&directory, &told);
    let rows = r#"
import sqlite3
print(sqlite3.connect("a.db").execute("select count(*) from t").fetchone()[0])
print(sqlite3.connect("b.db").execute("select count(*) from t").fetchone()[0])
print(sqlite3.connect("a.db").execute("PRAGMA integrity_check").fetchone()[0])
"#;
    assert_eq!(python(&directory, rows), "3\n20\nok");
}

/// An empty repository.
fn repository() -> (tempfile::TempDir, std::path::PathBuf) {
    let (scratch, directory) = scratch();
    sh(&directory, "git init -q -b main .");
    for setting in ["user.email a@b", "user.name a", "core.autocrlf false"] {
        sh(&directory, &format!("git config {setting}"));
    }
    (scratch, directory)
}

/// A repository with the secret in its history, in a file name and in a pack.
#[test]
fn aq_git_stays_whole() {
    needs!("git");
    let (_scratch, directory) = repository();
    let make = r#"
echo "$VALUE" >f && echo x >"$VALUE" && git add . && git commit -qm x && git rm -q f && git commit -qm y
git gc -q && echo more >g && git add g && git commit -qm z && git checkout -q --detach && rm .git/logs -r
"#;
    sh(&directory, make);
    let before = sh(&directory, "git rev-parse HEAD; git ls-files -s");
    let args = ["--recursive".as_ref(), directory.as_os_str()];
    let ran = run(&mut scrub(args)).ends(3);
    for told in [".git/index: it is a git index", "it is a git pack", "git object"] {
        assert!(ran.err().contains(told), "{told} is not in {}", ran.err());
    }
    assert_eq!(sh(&directory, "git fsck --full --strict 2>&1; git rev-parse HEAD; git ls-files -s"), before);
    assert_eq!(sh(&directory, "git show HEAD~2:f"), VALUE);
}

/// A check of a repository with the secret in its history does not exit as clean.
#[test]
fn ar_a_check_of_git_objects_is_not_clean() {
    needs!("git");
    let (_scratch, directory) = repository();
    let make = r#"
echo "$VALUE" >f && git add f && git commit -qm x && git rm -q f && git commit -qm y
"#;
    sh(&directory, make);
    let ran = run(&mut scrub(["--check".as_ref(), "--recursive".as_ref(), directory.as_os_str()])).ends(3);
    assert!(ran.err().contains("it is a git object, compressed (zlib); it contains secrets"), "said {}", ran.err());
}

/// The CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The number of valid records of length, checksum and content.
fn good(mut segment: &[u8]) -> usize {
    let mut good = 0;
    while let Some((header, rest)) = segment.split_at_checked(8) {
        let len = u32::from_be_bytes(header[..4].try_into().expect("four")) as usize;
        let crc = u32::from_be_bytes(header[4..].try_into().expect("four"));
        let (content, next) = rest.split_at(len.min(rest.len()));
        good += usize::from(content.len() == len && crc32(content) == crc);
        segment = next;
    }
    good
}

#[test]
fn aq_segments_of_records_stay_readable() {
    let (_scratch, directory) = scratch();
    let record = |content: &[u8]| {
        let header = [(content.len() as u32).to_be_bytes(), crc32(content).to_be_bytes()];
        [&header.concat(), content].concat()
    };
    let short: Vec<u8> = (0..3).flat_map(|n| record(format!("\0\0\0\x01msg {n} {VALUE}").as_bytes())).collect();
    // Long text in each record, and hardly any control byte.
    let long: Vec<u8> = (0..5).flat_map(|_| record(&log(900))).collect();
    write_old(&directory.join("00000000000000000000.log"), &short);
    write_old(&directory.join("00000000000000000003.log"), &long);
    // A Kafka batch, and a LevelDB block with its records.
    let batch = [&[0; 8][..], &(49 + 5_000_u32).to_be_bytes(), &[0, 0, 0, 0, 2], &[7; 44], &log(90)[..5_000]].concat();
    write_old(&directory.join("00000000000000000009.log"), &batch);
    let piece =
        |kind: u8| [&[0xa3, 0x52, 0x7e, 0x41][..], &9_000_u16.to_le_bytes(), &[kind], &log(200)[..9_000]].concat();
    write_old(&directory.join("000003.log"), &[piece(2), piece(3), piece(4)].concat());
    let told =
        ["0.log: it is a file of records with lengths", "it is a Kafka segment", "it is a log of LevelDB or RocksDB"];
    stays(&directory, &[&told[..], &["it contains secrets"]].concat());
    assert_eq!((good(&short), good(&long)), (3, 5), "the test's own records");
    // The flag permits it.
    let args = ["--binary".as_ref(), "--include".as_ref(), "*3.log".as_ref(), directory.as_os_str()];
    run(&mut scrub(args)).ends(0);
    assert_eq!(good(&fs::read(directory.join("00000000000000000003.log")).expect("ours")), 0);
    assert_file(&directory.join("00000000000000000003.log"), &masked(&long));
}

/// Archives, also compressed ones, open afterwards as before.
#[test]
fn a21_archives_stay_whole() {
    needs!("tar", "gzip", "xz", "zstd", "ar", "python3");
    let (_scratch, directory) = scratch();
    let make = r#"
mkdir ../in && cd ../in && echo "key $VALUE end" >a.log && echo name >"$VALUE"
tar cf ../d/a.tar . && tar --format=v7 -cf ../d/old.tar . && tar czf ../d/a.tar.gz . && tar cJf ../d/a.tar.xz .
tar c . | zstd -q >../d/a.tar.zst && ar rc ../d/a.a a.log
python3 -c 'import zipfile
with zipfile.ZipFile("../d/a.docx", "w") as z: z.write("a.log")'
"#;
    sh(&directory, make);
    let told = ["a.tar: it is a tar", "old.tar: it is a tar", "a.a: it is an ar", "a.docx: it is a zip"];
    stays(&directory, &told);
    let args = ["--rewrite".as_ref(), directory.as_os_str()];
    let said = run(&mut scrub(args)).ends(3);
    assert!(said.err().contains("a.tar.gz: it is a tar archive, compressed (gzip)"), "said {}", said.err());
    let read = "for f in *.tar*; do tar xOf $f ./a.log; done; ar p a.a a.log; \
        python3 -c 'import zipfile; print(zipfile.ZipFile(\"a.docx\").testzip())'";
    let line = format!("key {VALUE} end\n");
    assert_eq!(sh(&directory, read), line.repeat(6) + "None");
}

/// A package opens afterwards as before.
#[test]
fn a21_packages_stay_whole() {
    needs!("dpkg-deb");
    let (_scratch, directory) = scratch();
    let make = r#"
mkdir -p ../p/DEBIAN ../p/etc && echo "key=$VALUE" >../p/etc/conf
printf 'Package: a\nVersion: 1\nArchitecture: all\nMaintainer: %s <a@b>\nDescription: d\n' "$VALUE" >../p/DEBIAN/control
dpkg-deb -Znone --root-owner-group -b ../p a.deb >/dev/null
"#;
    sh(&directory, make);
    stays(&directory, &["a.deb: it is an ar archive; it contains secrets"]);
    assert_eq!(sh(&directory, "dpkg-deb --fsys-tarfile a.deb | tar xO ./etc/conf"), format!("key={VALUE}"));
}

/// Archives that these commands make of a log stay unchanged and readable.
#[track_caller]
fn stay_readable(make: &str, told: &[&str], read: &str) {
    let (_scratch, directory) = scratch();
    sh(&directory, &format!("mkdir ../in && cd ../in && echo \"key $VALUE end\" >a.log\n{make}"));
    stays(&directory, told);
    assert_eq!(sh(&directory, read), vec![format!("key {VALUE} end"); told.len()].join("\n"));
}

/// Stored by `zip` without compression, and read by `unzip` afterwards.
#[test]
fn a21_zip_archives_stay_whole() {
    needs!("zip", "unzip");
    stay_readable(
        "echo \"$VALUE\" | zip -q -0 -z ../d/a.zip a.log; zip -q -9 ../d/b.jar a.log; cat ../d/a.zip >../d/no-name",
        &["a.zip: it is a zip archive; it contains secrets", "b.jar: it is a zip", "no-name: it is a zip"],
        "for f in *; do unzip -tq $f >/dev/null; unzip -p $f a.log; done",
    );
}

/// Archives of `cpio`, in all formats that it writes.
#[test]
fn a21_cpio_archives_stay_whole() {
    needs!("cpio");
    stay_readable(
        "for f in bin odc newc crc; do echo a.log | cpio -o -H $f >../d/$f.cpio 2>/dev/null; done",
        &["bin.cpio: it is", "odc.cpio: it is", "newc.cpio: it is", "crc.cpio: it is"],
        "for f in *.cpio; do cpio -i --to-stdout a.log <$f 2>/dev/null; done",
    );
}

/// A database and its log during an open connection of SQLite's own program.
#[test]
fn aq_a_database_in_use_keeps_its_rows() {
    needs!("sqlite3");
    let (_scratch, directory) = scratch();
    let mut sqlite =
        Command::new("sqlite3").arg("a.db").current_dir(&directory).stdin(std::process::Stdio::piped()).spawn();
    let sqlite = sqlite.as_mut().expect("it is installed");
    let mut input = sqlite.stdin.take().expect("a pipe");
    let rows = format!("insert into t values('{VALUE}');\n").repeat(30);
    let make =
        format!(".output done.txt\npragma journal_mode=wal;\ncreate table t(x);\n{rows}select 'ready';\n.output\n");
    std::io::Write::write_all(&mut input, make.as_bytes()).expect("a pipe");
    let begin = std::time::Instant::now();
    while !fs::read_to_string(directory.join("done.txt")).is_ok_and(|text| text.contains("ready")) {
        assert!(begin.elapsed() < crate::scrub::HANGS_AFTER, "it hangs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(count(&fs::read(directory.join("a.db-wal")).expect("it was made")) > 0, "no secret in the log");
    let before = files(&directory);
    for options in [&[][..], &["--rewrite"], &["--check"]] {
        let ran = run(&mut scrub(options.iter().map(OsStr::new).chain([directory.as_os_str()]))).ends(3);
        assert!(ran.err().contains("a.db-wal: it is an SQLite write-ahead log"), "said {}", ran.err());
        assert!(before == files(&directory), "{options:?} changed a file");
    }
    drop(input);
    assert!(sqlite.wait().expect("our child").success());
    let read = "sqlite3 a.db \"select count(*) from t where x = '$VALUE'; pragma integrity_check\"";
    assert_eq!(sh(&directory, read), "30\nok");
}

/// A check exits as clean only if it searched something, and all of it.
#[test]
fn ar_a_check_that_searched_nothing_is_not_clean() {
    let (_scratch, directory) = scratch();
    let check = |options: &[&str]| {
        let args = ["--check"].iter().chain(options).map(OsStr::new).chain([directory.as_os_str()]);
        run(&mut scrub(args))
    };
    let ran = check(&[]).ends(3);
    assert!(ran.err().contains("no file was searched"), "said {}", ran.err());
    fs::create_dir(directory.join("below")).expect("room for a directory");
    write_old(&directory.join("below/a.log"), b"nothing\n");
    assert!(check(&[]).ends(3).err().contains("--recursive descends into subdirectories"));
    check(&["--recursive", "--include", "*.txt"]).ends(3);
    check(&["--recursive"]).ends(0);
    write_old(&directory.join("empty.log"), b"");
    check(&[]).ends(0);
}

/// Text outside the content of a compressed file is searched, and gone after a rewrite.
#[test]
fn a38_names_and_frames_of_compressed_files_are_searched() {
    needs!("gzip", "zstd");
    let (_scratch, directory) = scratch();
    sh(&directory, "echo clean >\"$VALUE\" && gzip \"$VALUE\" && mv \"$VALUE.gz\" name.gz");
    let frame = [&b"\x50\x2a\x4d\x18"[..], &(VALUE.len() as u32).to_le_bytes(), VALUE.as_bytes()].concat();
    fs::write(directory.join("clean"), "clean\n").expect("room");
    sh(&directory, "zstd -q --rm clean");
    let zst = fs::read(directory.join("clean.zst")).expect("it was made");
    write_old(&directory.join("before.zst"), &[&frame[..], &zst].concat());
    write_old(&directory.join("after.zst"), &[&zst[..], &frame].concat());
    write_old(&directory.join("only.zst"), &frame);
    fs::remove_file(directory.join("clean.zst")).expect("ours");
    files(&directory).iter().for_each(|(path, _)| age(path));

    let ran = run(&mut scrub(["--check".as_ref(), directory.as_os_str()])).ends(1);
    for name in ["name.gz", "before.zst", "after.zst", "only.zst"] {
        let found = format!("found 1 in {}", directory.join(name).display());
        assert!(ran.err().contains(&found), "{name}: {}", ran.err());
    }
    run(&mut scrub(["--rewrite".as_ref(), directory.as_os_str()])).ends(0);
    for (path, bytes) in files(&directory) {
        assert_eq!(count(&bytes), 0, "{}", path.display());
    }
    let read = "gzip -dc name.gz && zstd -qdc before.zst after.zst && zstd -qdc only.zst | wc -c";
    assert_eq!(sh(&directory, read), "clean\nclean\nclean\n0");
    run(&mut scrub(["--check".as_ref(), directory.as_os_str()])).ends(0);
}

/// Logs with other bytes among their lines are still text.
#[test]
fn aq_logs_that_look_odd_are_scrubbed() {
    let text = log(300);
    let with = |at: usize, bytes: &[u8]| [&text[..at], bytes, &text[at..]].concat();
    let noise: Vec<u8> = (0..250_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let odd: [(&str, Vec<u8>); 7] = [
        ("hole.log", with(0, &[0; 5_000])),
        ("holes.log", with(9_000, &[0; 40_000])),
        ("colours.log", text.split(|&byte| byte == b' ').collect::<Vec<_>>().join(&b"\x1b[31m \x1b[0m"[..])),
        ("latin.log", with(0, &b"caf\xe9 \x93quoted\x94\n".repeat(200))),
        ("stray.log", with(700, &(0..=255).collect::<Vec<u8>>())),
        ("mark.log", with(0, b"\xef\xbb\xbf")),
        ("dump.log", with(4_000, &noise)),
    ];
    let (_scratch, directory) = scratch();
    for (name, bytes) in &odd {
        write_old(&directory.join(name), bytes);
    }
    run(&mut scrub([&directory])).ends(0);
    for (name, bytes) in &odd {
        assert!(count(bytes) > 0, "{name} has no secret");
        assert_file(&directory.join(name), &masked(bytes));
    }
}

/// A doubtful file is reported, and either masked at the same length or left alone.
#[test]
fn aq_a_doubt_is_reported() {
    let (_scratch, directory) = scratch();
    let dump: Vec<u8> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let text = [&log(40)[..], &dump, &log(40)].concat();
    let path = directory.join("a.log");
    write_old(&path, &text);
    let ran = run(&mut scrub(["--rewrite".as_ref(), path.as_os_str()])).ends(3);
    assert!(ran.err().contains("its length must stay"), "said {}", ran.err());
    assert_file(&path, &text);
    assert!(run(&mut scrub([&path])).ends(0).err().contains("doubtful: "));
    assert_file(&path, &masked(&text));
}
