//! The messages of a scrub: in the order of the paths, and one for all files with the same reason.

use std::fs;

use crate::program::{hushlog, run};

const SECRET: &str = "sk-live-4f9QzXabc";

#[test]
fn messages_are_ordered_and_grouped() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    let write = |name: String, content: &[u8]| fs::write(dir.path().join("logs").join(name), content).unwrap();
    fs::write(dir.path().join("app.env"), format!("API_TOKEN={SECRET}\n")).unwrap();
    (0..40).for_each(|n| write(format!("{n:02}.log"), format!("a {SECRET} b\n").as_bytes()));
    (0..14).for_each(|n| write(format!("{n:02}.7z"), b"7z\xbc\xaf\x27\x1c\0\x04"));
    write("a.db".to_owned(), b"SQLite format 3\0and the rest");
    let scrub = |args: &[&str]| {
        let mut command = hushlog([&["scrub", "--dotenv", "app.env", "--recursive"], args, &["logs"]].concat());
        run(command.current_dir(&dir), b"")
    };
    let said = scrub(&["--check", "--jobs", "8"]).ends(3).err();
    let found: Vec<&str> = said.lines().filter(|line| line.contains(": found 1 in ")).collect();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert!(found == sorted && found.len() == 40, "{said}");
    let unsearched: Vec<&str> = said.lines().filter(|line| line.contains("warning: not searched: ")).collect();
    let [archives, database] = unsearched.as_slice() else { panic!("{said}") };
    assert!(
        archives.contains("logs/00.7z, logs/01.7z, ")
            && archives.contains("logs/09.7z and 4 more, which --report lists: it is 7-zip")
    );
    assert!(database.contains("not searched: logs/a.db: "), "{database}");
    assert!(said.ends_with("; 15 not searched\n"), "{said}");
    // The same each time, however the threads are scheduled.
    (0..5).for_each(|_| assert_eq!(scrub(&["--check", "--jobs", "8"]).ends(3).err(), said));
}

#[test]
fn sizes_are_for_people() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.env"), format!("API_TOKEN={SECRET}\n")).unwrap();
    for (len, says) in
        [(0, "0 bytes"), (1, "1 byte"), (9_999, "9999 bytes"), (10_000, "9.77 KiB"), (3 << 20, "3.00 MiB")]
    {
        fs::write(dir.path().join("a.log"), "x".repeat(len)).unwrap();
        let mut command = hushlog(["scrub", "--dotenv", "app.env", "a.log"]);
        let said = run(command.current_dir(&dir), b"").ends(0).err();
        assert!(said.ends_with(&format!("searched 1 file, {says}\n")), "{said}");
    }
}
