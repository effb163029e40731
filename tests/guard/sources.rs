//! The source files of a guard's secrets stay unchanged.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::guard::{Guard, MASK, VALUE, cat, disk};
use crate::program::HUSHLOG;
use crate::program::session::needs;

#[test]
fn a20_a_guard_leaves_its_own_source() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let source = format!("API_TOKEN={VALUE}\n");
    fs::write(disk.file(".env"), &source).expect("room");
    fs::hard_link(disk.file(".env"), disk.file("second")).expect("room");
    fs::write(disk.file("a.log"), format!("a {VALUE}\n")).expect("room");
    let mut command = Command::new(HUSHLOG);
    let report = disk.elsewhere("report.json");
    command.env_clear().args(["guard", "--dotenv"]).arg(disk.file(".env")).arg("--report").arg(&report);
    command.arg(disk.log());
    let guard = Guard::spawn(command);
    guard.waits_for("guarding ");
    for name in [".env", "second"] {
        assert_eq!(cat(&disk.file(name)), source);
    }
    assert_eq!(cat(&disk.file("a.log")), format!("a {MASK}\n"));
    // Written to in place: a source is left alone, with any content.
    let longer = format!("{source}OTHER={VALUE}-and-more\n");
    fs::write(disk.file(".env"), &longer).expect("room");
    assert_eq!(cat(&disk.file("second")), longer);
    // As an editor saves: from outside, by a rename.
    fs::write(disk.outside("new"), &source).expect("room");
    fs::rename(disk.outside("new"), disk.file(".env")).expect("ours");
    assert_eq!(cat(&disk.file(".env")), source);
    assert_eq!(cat(&disk.file("second")), longer);
    std::thread::sleep(Duration::from_millis(300));
    fs::write(disk.file("b.log"), format!("b {VALUE}\n")).expect("room");
    assert_eq!(cat(&disk.file("b.log")), format!("b {MASK}\n"));
    let said = guard.end();
    assert_eq!(said.matches("left alone: ").count(), 2, "once for each file: {said}");
    assert!(said.contains("masked 2 places"), "{said}");
    assert_eq!(fs::read_to_string(disk.file(".env")).expect("there"), source);
    assert_eq!(fs::read_to_string(disk.file("second")).expect("there"), longer);
    let report = fs::read_to_string(report).expect("it was written");
    assert!(report.contains("\"masked\": 2"), "{report}");
}
