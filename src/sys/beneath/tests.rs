use super::*;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};

fn text(found: &Found) -> String {
    let file = found.dir.open_file(&found.name, OFlags::RDONLY).unwrap();
    let mut text = String::new();
    fs::File::from(file).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn own_links_are_followed_and_the_real_path_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/file"), "here").unwrap();
    symlink("b/../b", root.join("a/link")).unwrap();
    symlink(root.join("a/link/file"), root.join("absolute")).unwrap();
    symlink("absolute", root.join("twice")).unwrap();
    let found = find(&root.join("twice"), Links::Trusted).unwrap();
    assert_eq!((found.path(), text(&found)), (root.join("a/b/file"), "here".to_owned()));
    for passed in [&root, &root.join("a"), &root.join("a/b")] {
        assert!(found.passed.contains(passed), "{passed:?} in {:?}", found.passed);
    }
    let absent = find(&root.join("a/link/./absent"), Links::Trusted).unwrap();
    assert_eq!(absent.path(), root.join("a/b/absent"));
    assert_eq!(Dir::open(&root.join("a/link/.."), Links::Trusted).unwrap().path(), root.join("a"));
    for path in ["absolute", "a/link/file"] {
        let error = find(&root.join(path), Links::None).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()), "{path}");
    }
    assert!(find(&root.join("missing/file"), Links::Trusted).is_err());
    assert!(Dir::open(&root.join("a/b/file"), Links::Trusted).is_err());
}

#[test]
fn links_that_lead_in_circles_end() {
    let dir = tempfile::tempdir().unwrap();
    symlink("b", dir.path().join("a")).unwrap();
    symlink("a", dir.path().join("b")).unwrap();
    assert!(find(&dir.path().join("a"), Links::Trusted).is_err());
}

#[test]
fn a_link_that_somebody_else_can_put_there_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "here").unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    symlink("../file", open.join("link")).unwrap();
    let is_followed = || find(&open.join("link"), Links::Trusted).is_ok();
    for (mode, follows) in [(0o755, true), (0o777, false), (0o775, false), (0o1777, true)] {
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_followed(), follows, "{mode:o}");
    }
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        lchown(open.join("link"), Some(65_534), None).unwrap();
        assert!(!is_followed());
        lchown(open.join("link"), Some(0), None).unwrap();
        lchown(&open, Some(65_534), None).unwrap();
        assert!(!is_followed());
    }
}

#[test]
fn names_do_not_lead_out_of_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    let held = Dir::open(dir.path(), Links::None).unwrap();
    for name in ["", ".", "..", "a/b", "/etc", "a/", "a\0b"] {
        assert!(held.create_new(name, OFlags::WRONLY, 0o600).is_err(), "{name:?}");
    }
    symlink("/etc", dir.path().join("link")).unwrap();
    assert!(held.sub("link").is_err() && held.open_file("link", OFlags::RDONLY).is_err());
    assert_eq!(held.read_link("link").unwrap(), Path::new("/etc"));
}

#[test]
fn a_new_file_has_its_mode_with_any_umask() {
    let dir = tempfile::tempdir().unwrap();
    let held = Dir::open(dir.path(), Links::None).unwrap();
    let mode = |name: &str| held.stat(name).unwrap().st_mode & 0o7777;
    for wanted in [0o600, 0o644, 0o666] {
        held.create_new("file", OFlags::WRONLY, wanted).unwrap();
        assert_eq!(mode("file"), wanted);
        assert!(!held.open_or_create("file", OFlags::WRONLY, 0o600).unwrap().1);
        let id = FileId::from(&held.stat("file").unwrap());
        assert!(!held.unlink_if("file", FileId { inode: id.inode + 1, ..id }).unwrap());
        assert!(held.unlink_if("file", id).unwrap() && !held.unlink_if("file", id).unwrap());
    }
    held.make("directory", 0o2775).unwrap();
    assert_eq!(mode("directory"), 0o2775);
    assert_eq!(held.names().unwrap(), [("directory".into(), FileType::Directory)]);
}

#[test]
fn the_root_of_an_image_is_not_left() {
    let dir = tempfile::tempdir().unwrap();
    let root = Dir::open(dir.path(), Links::None).unwrap();
    fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
    symlink("/usr/lib", dir.path().join("lib")).unwrap();
    symlink("../../../../../..", dir.path().join("usr/up")).unwrap();
    root.in_root(Path::new("/lib/systemd/system"), Some(0o755)).unwrap();
    root.in_root(Path::new("usr/up/etc"), Some(0o755)).unwrap();
    assert!(dir.path().join("usr/lib/systemd/system").is_dir() && dir.path().join("etc").is_dir());
    assert!(root.in_root(Path::new("missing"), None).is_err());
}

/// The owner of a directory moves another directory of this user to the place of a new one.
#[test]
fn a_directory_that_is_not_new_is_not_taken_for_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (run, done) = (dir.path().join("run"), std::sync::atomic::AtomicBool::new(false));
    fs::create_dir_all(run.join("old")).unwrap();
    fs::write(run.join("old/n"), "ours").unwrap();
    fs::set_permissions(run.join("old"), fs::Permissions::from_mode(0o755)).unwrap();
    let held = Dir::open(&run, Links::None).unwrap();
    let flags = RenameFlags::EXCHANGE;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = calls::renameat_with(rustix::fs::CWD, run.join("old"), rustix::fs::CWD, run.join("new"), flags);
            }
        });
        for _ in 0..1_000 {
            let made = held.make("new", 0o700);
            assert!(made.is_err() || made.unwrap().names().unwrap().is_empty());
            for name in ["old", "new"] {
                let _ = fs::remove_dir(run.join(name));
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let found = ["old", "new"].into_iter().map(|name| run.join(name)).find(|path| path.join("n").exists());
    let kept = found.expect("what is not empty is not removed");
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o755);
}
