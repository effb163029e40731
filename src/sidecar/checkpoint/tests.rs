//! Positions that are saved and read again, in a directory that other users cannot change.

use super::*;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

fn open(directory: &Path) -> (io::Result<Checkpoints>, Arc<Mutex<Vec<String>>>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&told);
    let emit: EventSink = Arc::new(move |event| lock(&into).push(format!("{event:?}")));
    (Checkpoints::open(Some(directory), &Arc::default(), emit), told)
}

fn key(inode: u64) -> Key {
    Key { stream: "app".into(), file: FileId { device: 7, inode } }
}

#[test]
fn saved_positions_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("deep/state");
    let first = open(&state).0.unwrap();
    let head = Fingerprint { len: 3, hash: [0xab; 16] };
    let path = PathBuf::from(std::ffi::OsString::from_vec(b"/a \"%\xff\n.log".to_vec()));
    let target = Some(path.join("target"));
    let tail = Fingerprint { len: 5, hash: [0xcd; 16] };
    let position = Position {
        path: path.clone(),
        target,
        offset: u64::MAX,
        head,
        tail,
        before: Some(3),
        modified: -5,
        len: 9,
        birth: Some((7, 8)),
        is_done: true,
    };
    first.add(key(1), position.clone());
    first.save();
    assert_eq!(open(&state).0.err().map(|error| error.kind()), Some(ErrorKind::ResourceBusy), "it is in use");
    drop(first);
    let second = open(&state).0.unwrap();
    assert_eq!(second.at("app", &path), [(key(1), position)]);
    assert!(!second.knows("other") && second.knows("app"));
}

#[test]
fn d12_the_directory_and_the_file_are_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let opened = open(&state).0.unwrap();
    opened.add(key(1), Position::default());
    opened.save();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for name in [FILE_NAME, LOCK_NAME] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    drop(opened);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(open(&state).0.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
}

#[test]
fn a15_a_state_directory_that_others_can_change_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["own", "theirs", "theirs/state"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::set_permissions(at("theirs"), fs::Permissions::from_mode(0o777)).unwrap();
    let is_refused = |name: &str| open(&at(name)).0.is_err();
    symlink("own", at("link")).unwrap();
    symlink("../own", at("theirs/link")).unwrap();
    assert!(!is_refused("link") && is_refused("theirs/link") && is_refused("theirs/link/deep"));
    // Files that others can read, and files with content that does not match their names.
    let opened = open(&at("own")).0.unwrap();
    opened.add(key(1), Position::default());
    opened.save();
    drop(opened);
    for name in [FILE_NAME, LOCK_NAME] {
        let path = at("own").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_refused("own"), "{name}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&path, at("aside")).unwrap();
        symlink(at("aside"), &path).unwrap();
        assert!(is_refused("own"), "{name}");
        fs::rename(at("aside"), &path).unwrap();
        assert!(!is_refused("own"), "{name}");
    }
    if chown(at("own"), Some(65_534), None).is_ok() {
        assert!(is_refused("own"), "another user can exchange what is in it");
    }
}

#[test]
fn a15_a_directory_that_is_exchanged_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (state, away) = (dir.path().join("state"), dir.path().join("away"));
    let (opened, told) = open(&state);
    let opened = opened.unwrap();
    let save = |inode| {
        opened.add(key(inode), Position::default());
        opened.save();
    };
    fs::rename(&state, &away).unwrap();
    symlink("away", &state).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    save(1);
    assert_eq!((lock(&told).len(), away.join(FILE_NAME).exists()), (1, false));
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    save(2);
    assert!(state.join(FILE_NAME).exists());
}

#[test]
fn an_unreadable_file_is_reported_and_set_aside() {
    for text in ["", "{", "{\"version\":2,\"files\":[]}", "{\"version\":1,\"files\":[{\"stream\":\"a\"}]}", "\0\0"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), text).unwrap();
        fs::set_permissions(dir.path().join(FILE_NAME), fs::Permissions::from_mode(0o600)).unwrap();
        let (opened, told) = open(dir.path());
        assert!(!opened.unwrap().knows("app"));
        assert_eq!(lock(&told).len(), 1);
        assert_eq!(fs::read_to_string(dir.path().join("checkpoints.bad")).unwrap(), text);
    }
}

#[test]
fn leftovers_of_a_killed_process_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".checkpoints.json.7.0.tmp"), "{").unwrap();
    let opened = open(dir.path()).0.unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    drop(opened);
}

#[test]
fn of_files_that_are_done_the_oldest_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path()).0.unwrap();
    for inode in 0..2 * DONE_MAX as u64 {
        let modified = inode as i64;
        opened.add(key(inode), Position { modified, is_done: inode % 4 != 0, ..Position::default() });
    }
    opened.save();
    let left = opened.at("app", Path::new(""));
    assert_eq!(left.iter().filter(|(_, position)| position.is_done).count(), DONE_MAX);
    assert_eq!(left.iter().filter(|(_, position)| !position.is_done).count(), DONE_MAX / 2);
    assert!(left.iter().any(|(key, _)| key.file.inode == 2 * DONE_MAX as u64 - 1));
}
