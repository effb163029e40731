use super::*;
use crate::redact::redacted::{Piece, PieceKind};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn piece(text: &str) -> Piece<'_> {
    Piece::of(text.as_bytes(), PieceKind::Input, 0)
}

fn open(path: &Path, len_max: u64) -> io::Result<Spool> {
    Spool::open(path, len_max, &Arc::default())
}

fn append(spool: &mut Spool, text: &str) -> bool {
    let mut gathered = RedactedBuf::default();
    let batch = Batch::new(std::iter::once(piece(text)), &mut gathered, false);
    spool.append(&batch, 0).unwrap()
}

fn take(spool: &mut Spool) -> Option<String> {
    let First { piece, .. } = spool.first().unwrap()?;
    spool.forget_first(piece.len()).unwrap();
    Some(String::from_utf8(piece.content().bytes().to_vec()).unwrap())
}

fn all(spool: &mut Spool) -> Vec<String> {
    std::iter::from_fn(|| take(spool)).collect()
}

#[test]
fn waiting_pieces_are_written_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mut spool = open(&path, 1000).unwrap();
    assert!(append(&mut spool, "one\n") && append(&mut spool, "two\n"));
    assert_eq!(take(&mut spool).as_deref(), Some("one\n"));
    assert!(append(&mut spool, "three\n"));
    assert_eq!(all(&mut spool), ["two\n", "three\n"]);
    assert!(spool.is_unsettled());
    spool.settle().unwrap();
    assert_eq!((spool.len(), fs::metadata(&path).unwrap().len()), (0, HEAD_LEN));
    let mut gathered = RedactedBuf::default();
    let batch = Batch::new(["a", "bc"].into_iter().map(piece), &mut gathered, true);
    assert!(spool.append(&batch, 2).unwrap());
    let First { piece, is_whole, is_within_line, written } = spool.first().unwrap().unwrap();
    assert_eq!((piece.content().bytes(), is_whole, is_within_line, written), (&b"c"[..], true, true, 0));
}

#[test]
fn d12_the_file_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, 1000).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(open(&path, 1000).err().map(|error| error.kind()), Some(ErrorKind::ResourceBusy));
    drop(spool);
    assert!(open(&path, 1000).is_ok());
}

#[test]
fn a34_a_file_that_is_no_spool_stays_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    let zeros = "\0".repeat(HEAD_LEN as usize + 1);
    for text in ["x", "something", "something else, and long enough", "hushspl", "hushspl1", &zeros, "\0\0\x01"] {
        for was in [0o600, 0o644] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(was)).unwrap();
            assert!(open(&path, 1000).is_err() && Spool::check(&path).is_err(), "{text:?}");
            assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode()), (text, was));
        }
        fs::remove_file(&path).unwrap();
    }
    // A spool that others can read, and an empty file.
    let mut spool = open(&path, 1000).unwrap();
    assert!(append(&mut spool, "one\n"));
    drop(spool);
    for is_empty in [false, true] {
        if is_empty {
            fs::write(&path, "").unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = open(&path, 1000).err().unwrap().to_string();
        assert!(error.contains("0640"), "{error}");
        assert_eq!(mode(), 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Spool::check(&path).is_ok() && open(&path, 1000).is_ok());
    }
    // All that a power cut may leave of a new one.
    fs::write(&path, "\0".repeat(HEAD_LEN as usize)).unwrap();
    assert!(open(&path, 1000).unwrap().is_empty());
    assert!(Spool::check(Path::new("/dev/null")).is_err() && Spool::check(&dir.path().join("no")).is_ok());
}

#[test]
fn d09_a_full_spool_takes_nothing_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&dir.path().join("spool"), 160).unwrap();
    assert!(append(&mut spool, &"x".repeat(500)), "what is longer than all of it waits by itself");
    assert!(!append(&mut spool, "y"));
    assert_eq!(all(&mut spool).len(), 1);
    let taken = (0..20).take_while(|number| append(&mut spool, &format!("number {number:02}"))).count();
    assert_eq!((taken, spool.len()), (5, 5 * (9 + FRAME_LEN)));
    assert_eq!(all(&mut spool), (0..5).map(|number| format!("number {number:02}")).collect::<Vec<_>>());
}

#[test]
fn a_restart_goes_on_where_the_one_before_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mut spool = open(&path, 10_000).unwrap();
    (0..10).for_each(|number| assert!(append(&mut spool, &number.to_string())));
    assert_eq!(take(&mut spool).as_deref(), Some("0"));
    assert_eq!(take(&mut spool).as_deref(), Some("1"));
    drop(spool);
    let mut spool = open(&path, 10_000).unwrap();
    assert_eq!(all(&mut spool).concat(), "23456789");
    drop(spool);
    assert!(open(&path, 10_000).unwrap().is_empty());
}

#[test]
fn a44_a_piece_within_a_line_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    for (text, written, is_within, wanted) in [
        ("one\n", 0, false, false),
        ("one\n", 0, true, true),
        ("one\ntwo\n", 2, false, true),
        ("one\ntwo\n", 4, true, false),
    ] {
        let mut spool = open(&path, 1000).unwrap();
        let mut gathered = RedactedBuf::default();
        let batch = Batch::new(std::iter::once(piece(text)), &mut gathered, false).within_line(is_within);
        assert!(spool.append(&batch, written).unwrap());
        drop(spool);
        let mut spool = open(&path, 1000).unwrap();
        assert_eq!(spool.first().unwrap().map(|first| first.is_within_line), Some(wanted));
        assert_eq!(take(&mut spool).as_deref(), Some(&text[written as usize..]));
    }
}

/// A spool file of these pieces, the first `given` of them written.
fn made(path: &Path, pieces: &[&str], given: usize) -> Vec<u8> {
    let _ = fs::remove_file(path);
    let mut spool = open(path, 10_000).unwrap();
    pieces.iter().for_each(|piece| assert!(append(&mut spool, piece)));
    (0..given).for_each(|_| drop(take(&mut spool)));
    drop(spool);
    fs::read(path).unwrap()
}

/// Takes all files that were set aside beside the spool.
fn aside(path: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 1.. {
        let path = path.with_file_name(format!("spool.damaged.{number}"));
        let Ok(bytes) = fs::read(&path) else { break };
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(path).unwrap();
        all.push(bytes);
    }
    all
}

const PIECES: [&str; 5] = ["first\n", "second\n", "third hsp2\n", "fourth\n", "fifth\n"];

#[test]
fn a33_a_crash_at_any_byte_loses_no_piece_that_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let whole = made(&path, &PIECES[..3], 0);
    let mut ends: Vec<usize> = Vec::new();
    for piece in &PIECES[..3] {
        ends.push(ends.last().copied().unwrap_or(HEAD_LEN as usize) + FRAME_LEN as usize + piece.len());
    }
    assert_eq!(ends.last(), Some(&whole.len()));
    for len in HEAD_LEN as usize..=whole.len() {
        for garbage in [&b""[..], b"\0\0\0\0\0\0\0\0\0\0\0", b"\xff\xff\xff\xff", b"hsp2hsp"] {
            fs::write(&path, [&whole[..len], garbage].concat()).unwrap();
            let taken = ends.iter().filter(|&&end| end <= len).count();
            let mut spool = open(&path, 10_000).unwrap();
            assert_eq!(spool.count(), taken as u64);
            assert!(append(&mut spool, "new\n"));
            let mut wanted = PIECES[..taken].to_vec();
            wanted.push("new\n");
            assert_eq!(all(&mut spool), wanted, "cut at {len}");
            // A torn piece is not discarded either.
            let torn = &whole[ends.get(taken.wrapping_sub(1)).copied().unwrap_or(HEAD_LEN as usize)..len];
            let left = [torn, garbage].concat();
            let is_kept = left.iter().any(|&byte| byte != 0);
            assert_eq!(
                (aside(&path).concat(), spool.take_warning().is_some()),
                match is_kept {
                    true => (left, true),
                    false => (Vec::new(), false),
                }
            );
        }
    }
}

#[test]
fn a33_one_flipped_bit_costs_one_piece_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let whole = made(&path, &PIECES, 1);
    let is_used = |byte: &usize| *byte >= HEAD_LEN as usize || byte % SLOT_LEN < 68;
    for byte in (0..whole.len()).filter(is_used) {
        for bit in [0, 3, 7] {
            let mut torn = whole.clone();
            torn[byte] ^= 1 << bit;
            fs::write(&path, &torn).unwrap();
            let mut spool = open(&path, 10_000).unwrap();
            let (found, aside) = (all(&mut spool), aside(&path));
            // With an older head the last output is repeated.
            if byte < HEAD_LEN as usize {
                assert!(found == PIECES[1..] || found == PIECES, "{byte}: {found:?}");
                assert!(aside.is_empty());
                continue;
            }
            let lost = PIECES[1..].iter().filter(|piece| !found.iter().any(|found| found == *piece)).count();
            assert!(found.is_sorted_by_key(|piece| PIECES.iter().position(|known| known == piece)), "{found:?}");
            assert_eq!((lost <= 1, lost == aside.len()), (true, true), "{byte}: {found:?}");
            assert!(aside.iter().all(|bytes| torn.windows(bytes.len()).any(|part| part == bytes)));
            assert_eq!(spool.take_warning().is_some(), lost > 0);
        }
    }
}

#[test]
fn a33_a_piece_that_is_damaged_while_it_waits_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mut spool = open(&path, 10_000).unwrap();
    PIECES.iter().for_each(|piece| assert!(append(&mut spool, piece)));
    let at = HEAD_LEN + FRAME_LEN + 6 + FRAME_LEN;
    write_all(&spool.file, &mut [IoSlice::new(b"X")], at).unwrap();
    assert_eq!(all(&mut spool), ["first\n", "third hsp2\n", "fourth\n", "fifth\n"]);
    assert!(aside(&path)[0].ends_with(b"Xecond\n") && spool.take_warning().is_some());
}

/// An audit finding: a head older than a hole. A current spool punches no hole before both heads
/// are behind it, so that zeros there are lost pieces.
#[test]
fn a33_an_old_head_over_a_hole_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let whole = made(&path, &PIECES, 0);
    let end = HEAD_LEN as usize + FRAME_LEN as usize + 6;
    let mut holed = whole.clone();
    holed[HEAD_LEN as usize..end].fill(0);
    for len in [0, 4_096, 1 << 20] {
        let zeros = vec![0; len];
        fs::write(&path, [&holed[..end], &zeros, &holed[end..]].concat()).unwrap();
        let mut spool = open(&path, 10_000).unwrap();
        assert_eq!(all(&mut spool), PIECES[1..]);
        assert!(aside(&path).is_empty());
        assert!(spool.take_warning().is_some_and(|text| text.contains("are zeros")));
        // The damage is reported once.
        drop(spool);
        assert_eq!(open(&path, 10_000).unwrap().take_warning(), None);
    }
    // Without a head, nothing is parsed, and nothing is discarded.
    let headless = [&vec![0; HEAD_LEN as usize], &whole[HEAD_LEN as usize..]].concat();
    fs::write(&path, &headless).unwrap();
    assert!(open(&path, 10_000).is_err());
    let mut torn = whole.clone();
    (torn[20], torn[SLOT_LEN + 20]) = (torn[20] ^ 1, torn[SLOT_LEN + 20] ^ 1);
    fs::write(&path, &torn).unwrap();
    assert!(open(&path, 10_000).unwrap().is_empty());
    assert_eq!(aside(&path), [torn]);
}

#[test]
fn a33_after_a_power_cut_unsynced_pieces_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let in_another_run = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        for slot in bytes[..HEAD_LEN as usize].chunks_exact_mut(SLOT_LEN) {
            let mut head = Head::of(&slot.repeat(2)).unwrap();
            head.boot[0] ^= 1;
            slot.copy_from_slice(&head.slot());
        }
        fs::write(path, bytes).unwrap();
    };
    made(&path, &PIECES, 3);
    assert_eq!(all(&mut open(&path, 10_000).unwrap()), PIECES[3..]);
    made(&path, &PIECES, 3);
    in_another_run(&path);
    assert_eq!(all(&mut open(&path, 10_000).unwrap()), PIECES);
    // The settled pieces are on the disk.
    made(&path, &PIECES, 3);
    let mut spool = open(&path, 10_000).unwrap();
    spool.settle().unwrap();
    spool.note_written(3).unwrap();
    drop(spool);
    in_another_run(&path);
    let mut spool = open(&path, 10_000).unwrap();
    assert_eq!(spool.first().unwrap().unwrap().written, 0);
    assert_eq!(all(&mut spool), PIECES[3..]);
}

#[test]
fn a22_delivered_pieces_are_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mut spool = open(&path, 10_000).unwrap();
    assert!(append(&mut spool, "first\n") && append(&mut spool, "second\n"));
    spool.note_written(4).unwrap();
    assert_eq!(spool.first().unwrap().unwrap().written, 4);
    drop(spool);
    let mut spool = open(&path, 10_000).unwrap();
    assert_eq!(spool.first().unwrap().unwrap().written, 4);
    spool.forget_first(6).unwrap();
    assert_eq!(spool.first().unwrap().unwrap().written, 0);
    assert_eq!(take(&mut spool).as_deref(), Some("second\n"));
}

/// A spool as the previous version wrote it.
fn first_layout(pieces: &[&str], given: usize) -> Vec<u8> {
    let (mut bytes, mut place) = (Vec::new(), HEAD_LEN_1);
    for (number, piece) in pieces.iter().enumerate() {
        let hashed = [b"\0", piece.as_bytes()].concat();
        bytes.extend((piece.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&hashed).to_le_bytes());
        bytes.extend(hashed);
        if number + 1 == given {
            place += bytes.len() as u64;
        }
    }
    let place = place.to_le_bytes();
    [MAGIC_1, &place[..], &crc32fast::hash(&place).to_le_bytes(), &bytes].concat()
}

#[test]
fn a33_a_spool_of_the_version_before_goes_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let write = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    for given in 0..=PIECES.len() {
        write(&first_layout(&PIECES, given));
        let mut spool = open(&path, 10_000).unwrap();
        assert!(append(&mut spool, "new\n"));
        drop(spool);
        let mut spool = open(&path, 10_000).unwrap();
        assert_eq!(all(&mut spool), [&PIECES[given..], &["new\n"]].concat());
        spool.settle().unwrap();
        assert!(append(&mut spool, "newer\n"));
        drop(spool);
        assert!(fs::read(&path).unwrap()[SLOT_LEN..].starts_with(head::MAGIC));
        assert_eq!(all(&mut open(&path, 10_000).unwrap()), ["newer\n"]);
    }
    // An old head over a hole, and damage.
    let mut holed = first_layout(&PIECES, 0);
    holed[HEAD_LEN_1 as usize..][..FRAME_LEN_1 as usize + 6].fill(0);
    write(&holed);
    assert_eq!(all(&mut open(&path, 10_000).unwrap()), PIECES[1..]);
    let mut torn = first_layout(&PIECES, 0);
    let at = torn.len() - 8;
    torn[at] ^= 1;
    write(&torn);
    assert_eq!(all(&mut open(&path, 10_000).unwrap()), PIECES[..4]);
    assert_eq!(aside(&path).concat().len(), FRAME_LEN_1 as usize + 6);
}

#[test]
fn delivered_pieces_take_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let mut spool = open(&path, 4 << 20).unwrap();
    let piece = "x".repeat(256 << 10);
    (0..4).for_each(|_| assert!(append(&mut spool, &piece)));
    for _ in 0..40 {
        assert!(append(&mut spool, &piece));
        assert_eq!(take(&mut spool).map(|piece| piece.len()), Some(256 << 10));
    }
    let blocks = fs::metadata(&path).unwrap().blocks() * 512;
    assert!(!spool.can_punch || blocks <= 4 << 20, "{blocks}");
}
