//! File targets: the files that a boot writes secrets to, at paths that the registry names.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;

use crate::program::session::needs;
use crate::program::{Ran, run};
use crate::registry::Machine;

const KEY: &str = "key-value-4f9QzX";

/// A machine, and a directory on the disk for its files: `/dev` is closed to them.
struct Place {
    machine: Machine,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { machine: Machine::new(), dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("app")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path as an argument.
    fn shown(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn add(&self, path: &str, more: &[&str]) {
        self.machine.add("key", KEY, &[&["--file-target", path], more].concat());
    }

    fn edit(&self, args: &[&str]) {
        self.machine.ran(&[&["secret", "edit", "key", "--identity", "vm.txt"], args].concat(), "").ends(0);
    }

    fn boot(&self) -> Ran {
        let mut boot = self.machine.hushlog(&["boot", "--registry", "registry.yaml", "--identity", "vm.txt"]);
        run(boot.args(["--allow-empty"]).env("HOME", self.path("")), b"")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        self.path(name).metadata().unwrap().permissions().mode() & 0o7777
    }

    /// The names of all files in the directory of the files.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("app")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_file_target_is_written_rotated_moved_and_removed() {
    let place = Place::new();
    place.add(&place.shown("app/key"), &["--mode", "0400"]);
    place.boot().ends(0).says("exported 1 variable (1 secret)").says(", 1 file target\n");
    assert_eq!((place.read("app/key").as_str(), place.mode("app/key")), (KEY, 0o400));
    let inode = |name: &str| place.path(name).metadata().unwrap().ino();
    let before = inode("app/key");
    place.boot().ends(0);
    assert_eq!(inode("app/key"), before, "an unchanged file is not written again");

    place.machine.ran(&["secret", "edit", "key", "--value-file", "-"], "rotated-value-7").ends(0);
    place.boot().ends(0);
    assert_eq!((place.read("app/key").as_str(), place.mode("app/key")), ("rotated-value-7", 0o400));
    assert_eq!(place.machine.filter(KEY), "[REDACTED:key]");

    place.edit(&["--mode", "640"]);
    place.boot().ends(0);
    assert_eq!((place.mode("app/key"), place.names()), (0o640, vec!["key".to_owned()]));
    place.edit(&["--file-target", "~/app/other"]);
    place.boot().ends(0).says("1 file target, 1 removed");
    assert_eq!((place.names(), place.mode("app/other")), (vec!["other".to_owned()], 0o640));

    place.edit(&["--no-install"]);
    place.boot().ends(0).says("0 file targets, 1 removed");
    assert!(place.names().is_empty());
    place.edit(&["--install", "--no-file-target"]);
    place.boot().ends(0);
    assert!(
        place.names().is_empty() && !fs::read_to_string(place.machine.path("registry.yaml")).unwrap().contains("file:")
    );
}

#[test]
fn a_secret_in_files_only_is_masked_and_in_no_environment() {
    let place = Place::new();
    place.add(&place.shown("app/key"), &["--file-only"]);
    place.boot().ends(0).says("exported 0 variables (0 secret) to ").says(", 1 secret in files only, 1 file target\n");
    assert_eq!(place.read("app/key"), KEY);
    let run = |name: &str| fs::read_to_string(place.machine.path("run").join(name)).unwrap();
    assert_eq!(run("secrets/key"), KEY);
    for name in ["environment", "environment.sh", "environment.fish"] {
        assert!(!run(name).contains(KEY) && !run(name).contains("KEY="), "{name}");
    }
    assert_eq!(place.machine.filter(KEY), "[REDACTED:key]");
    // A rotated one is in the files, and both are masked.
    place.machine.ran(&["secret", "edit", "key", "--value-file", "-"], "rotated-value-7").ends(0);
    place.boot().ends(0).says("; 1 exported earlier stay masked");
    assert_eq!((place.read("app/key").as_str(), run("secrets/key").as_str()), ("rotated-value-7", "rotated-value-7"));
    assert_eq!(place.machine.filter(KEY) + &place.machine.filter("rotated-value-7"), "[REDACTED:key][REDACTED:key]");
    place.edit(&["--no-file-only"]);
    place.boot().ends(0).says("exported 1 variable (1 secret)");
    assert!(run("environment").contains("KEY="));
}

#[test]
fn a_file_of_someone_else_is_neither_replaced_nor_removed() {
    let place = Place::new();
    fs::write(place.path("app/key"), "theirs").unwrap();
    place.add(&place.shown("app/key"), &[]);
    place.boot().ends(2).says("the file exists, and hushlog did not write it");
    assert_eq!((place.read("app/key").as_str(), place.names().len()), ("theirs", 1));
    assert!(!place.machine.path("run/session").exists(), "nothing was exported");
    fs::remove_file(place.path("app/key")).unwrap();
    place.boot().ends(0);
    // It is put right while the registry names it, and left once the registry does not.
    fs::write(place.path("app/key"), "theirs").unwrap();
    place.boot().ends(0);
    assert_eq!(place.read("app/key"), KEY);
    fs::write(place.path("app/key"), "theirs").unwrap();
    place.edit(&["--no-file-target"]);
    place.boot().ends(0).says("not removed, because the files were changed: ").says("app/key");
    assert_eq!(place.read("app/key"), "theirs");
    assert!(!place.boot().ends(0).err().contains("not removed"), "it is forgotten");
}

#[test]
fn a_boot_that_was_killed_is_completed() {
    let place = Place::new();
    place.add(&place.shown("app/key"), &[]);
    // It was killed while it wrote, and while it renamed.
    fs::create_dir(place.machine.path("state")).unwrap();
    let state = format!("hushlog state 1\nfile\t{}\nend\t1\n", place.shown("app/key"));
    fs::write(place.machine.path("state/machine-state"), state).unwrap();
    fs::write(place.path("app/.key.4711.0.tmp"), &KEY[..5]).unwrap();
    fs::write(place.path("app/.key.backup.tmp"), "theirs").unwrap();
    fs::write(place.path("app/key"), "an older value").unwrap();
    place.boot().ends(0);
    assert_eq!((place.read("app/key").as_str(), place.names()), (KEY, vec![".key.backup.tmp".into(), "key".into()]));
    fs::write(place.machine.path("state/machine-state"), "hushlog state 1\n").unwrap();
    place.boot().ends(2).says("cannot use the state of this machine").says("damaged");
}

#[test]
fn unsafe_paths_are_refused_before_anything_is_exported() {
    let place = Place { machine: Machine::of_earlier_program(), ..Place::new() };
    let set_mode = |name: &str, mode| fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    place.add(&place.shown("app/key"), &[]);
    set_mode("app", 0o770);
    place.boot().ends(2).says("other users can write to a directory of the path");
    set_mode("app", 0o755);
    symlink(place.path("elsewhere"), place.path("app/key")).unwrap();
    place.boot().ends(2).says("it is a symbolic link");
    fs::remove_file(place.path("app/key")).unwrap();
    fs::create_dir(place.path("app/key")).unwrap();
    place.boot().ends(2).says("it is a directory");
    fs::remove_dir(place.path("app/key")).unwrap();
    fs::rename(place.path("app"), place.path("real")).unwrap();
    place.boot().ends(2).says("no such file").says("create its directory");
    symlink(place.path("real"), place.path("app")).unwrap();
    place.boot().ends(2).says("cannot write key to");
    fs::remove_file(place.path("app")).unwrap();
    fs::rename(place.path("real"), place.path("app")).unwrap();
    assert!(!place.machine.path("run/session").exists() && place.names().is_empty());
    // Two secrets may come to one file by different paths.
    place.machine.add("second", "second-value-3", &["--file-target", "~/app/key"]);
    place.boot().ends(2).says("would both be written to");
    place.machine.ran(&["secret", "delete", "second"], "").ends(0);
    // The registry's own commands refuse closed paths; another tool may have written them.
    let path = place.machine.path("registry.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for closed in ["/etc/ld.so.preload", "~/.ssh/authorized_keys"] {
        let refused = ["secret", "edit", "key", "--file-target", closed];
        place.machine.ran(&refused, "").ends(2).says("is reserved, because programs read code");
        fs::write(&path, text.replace(&place.shown("app/key"), closed)).unwrap();
        place.boot().ends(2).says("is reserved, because programs read code");
    }
    fs::write(&path, text.replace(&place.shown("app/key"), "/etc/../etc/x")).unwrap();
    place.boot().ends(2).says("file.path: must be an absolute path");
}

#[test]
fn a_registry_that_was_changed_sends_no_value_elsewhere() {
    let place = Place::new();
    place.add(&place.shown("app/key"), &[]);
    let path = place.machine.path("registry.yaml");
    let text = fs::read_to_string(&path).unwrap();
    // Anyone can compute the digest, which is of the members. The directory may be another user's.
    for (old, new) in [
        (place.shown("app/key"), place.shown("app/other")),
        ("0600".to_owned(), "0660".to_owned()),
        ("      file:\n".to_owned(), "      variable: SENTRY_DSN\n      file:\n".to_owned()),
    ] {
        assert!(text.contains(&old), "{text}");
        fs::write(&path, text.replace(&old, &new)).unwrap();
        place.boot().ends(2).says("its variable or file was changed after its value was sealed");
    }
    assert!(place.names().is_empty() && !place.machine.path("run/session").exists());
    fs::write(&path, text).unwrap();
    place.boot().ends(0);
}

#[test]
fn a_file_belongs_to_the_owner_and_the_group_of_its_directory() {
    needs!("root");
    let place = Place::new();
    place.add(&place.shown("app/key"), &["--mode", "0640"]);
    chown(place.path("app"), Some(65_534), Some(65_533)).unwrap();
    place.boot().ends(0);
    let found = place.path("app/key").metadata().unwrap();
    assert_eq!((found.uid(), found.gid(), place.mode("app/key")), (65_534, 65_533, 0o640));
    // A directory of a third user is on the way.
    fs::create_dir_all(place.path("theirs/app")).unwrap();
    chown(place.path("theirs"), Some(65_532), None).unwrap();
    chown(place.path("theirs/app"), Some(65_534), None).unwrap();
    place.edit(&["--file-target", &place.shown("theirs/app/key")]);
    place.boot().ends(2).says("a directory of the path belongs to another user");
    assert!(place.path("app/key").exists(), "it is removed with the next boot that succeeds");
}

#[test]
fn a_scrub_leaves_file_targets_alone() {
    let place = Place::new();
    place.add(&place.shown("app/key"), &[]);
    place.boot().ends(0);
    fs::write(place.path("app/app.log"), format!("the key is {KEY}\n")).unwrap();
    place.machine.ran(&["scrub", &place.shown("app")], "").ends(0);
    assert_eq!(place.read("app/key"), KEY);
    assert!(!place.read("app/app.log").contains(KEY));
}

#[test]
fn file_targets_that_cannot_be_kept_are_refused() {
    let place = Place::new();
    for (args, why) in [
        (&["--file-target", "relative/key"][..], "not a valid path of a file target"),
        (&["--file-target", "/srv/../etc/shadow"], "not a valid path of a file target"),
        (&["--file-target", "/etc/cron.d/x"], "is reserved"),
        (&["--file-target", "/srv/app/key", "--mode", "0644"], "not a valid mode of a file target"),
        (&["--mode", "0400"], "there is no file target for the mode"),
    ] {
        let add = [&["secret", "add", "key", "--value-file", "-"], args].concat();
        place.machine.ran(&add, KEY).ends(2).says(why);
    }
    place.add("/srv/app/key", &[]);
    let other = ["secret", "add", "other", "--value-file", "-", "--file-target", "/srv/app/key"];
    place.machine.ran(&other, KEY).ends(2).says("other and key would both be written to /srv/app/key");
    place.machine.ran(&["secret", "list"], "").ends(0);
    let list = place.machine.ran(&["secret", "list", "--json"], "").ends(0).out();
    assert!(list.contains("\"/srv/app/key\"") && list.contains("\"0600\""), "{list}");
}
