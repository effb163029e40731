use std::os::fd::AsFd;

use super::*;

/// Judges the bytes as a file with a plain name.
fn kind(bytes: &[u8]) -> Kind {
    named("app.log", bytes)
}

fn named(name: &str, bytes: &[u8]) -> Kind {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
    let near = Near { path: name.as_ref(), beside: &|name| name == "app.db" };
    of(file.as_fd(), &near).unwrap()
}

fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| format!("2026-11-24 16:00:{n:02} app[1]: GET /v1/items 200\n").into_bytes()).collect()
}

/// Deterministic bytes without any order.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(next).collect()
}

#[test]
fn aq_logs_are_text_with_holes_colours_and_any_encoding() {
    let log = lines(400);
    let with = |at: usize, bytes: &[u8]| [&log[..at], bytes, &log[at..]].concat();
    let every_line = |before: &[u8]| {
        let lines = log.split_inclusive(|&byte| byte == b'\n');
        lines.flat_map(|line| [before, line].concat()).collect::<Vec<u8>>()
    };
    let fields = |separator: u8| {
        let fix = "8=FIX.4.4|9=148|35=D|34=1080|49=TESTBUY1|52=20180920-18:14:19.508|56=TESTSELL1|";
        fix.bytes().map(|byte| if byte == b'|' { separator } else { byte }).collect::<Vec<u8>>().repeat(40)
    };
    let latin: Vec<u8> = (0..3_000_u32).map(|n| if n % 60 == 59 { b'\n' } else { 0x80 + (n % 128) as u8 }).collect();
    let cases: [(&str, Vec<u8>); 20] = [
        ("empty", Vec::new()),
        ("short", b"key\n".to_vec()),
        ("NULs alone", vec![0; 9_000]),
        ("a hole at the beginning", with(0, &[0; 5_000])),
        ("a hole in the middle", with(10_000, &[0; 777])),
        ("a hole at the end", [&log[..], &[0; 4_096]].concat()),
        ("lines in a hole", [&b"\n"[..], &[0; 200_000]].concat().repeat(3)),
        ("a mark at the beginning", with(0, b"\xef\xbb\xbf")),
        ("colours", every_line(b"\x1b[32;1m\x1b]0;title\x07\x0f")),
        ("all high bytes", latin),
        ("broken UTF-8", every_line(b"\xe2\x82 \xff\xfe caf\xe9")),
        ("stray bytes", with(500, &(0..=255).collect::<Vec<u8>>())),
        ("a dump in a line", with(3_000, &noise(200))),
        ("fields of FIX", fields(1)),
        ("JSON text sequences", every_line(b"\x1e")),
        ("lines between STX and ETX", every_line(b"\x03\x02")),
        ("a container's raw stream", every_line(b"\x01\0\0\0\0\0\0\x2e")),
        ("records that end in a NUL", fields(0)),
        ("a journal's export", [&b"__CURSOR=s=1\nMESSAGE\n\x07\0\0\0\0\0\0\0"[..], b"a\nb\0\x01\x02c\n\n"].concat()),
        ("a formula", b"x^2 + y^2\n".repeat(9)),
    ];
    for (name, bytes) in &cases {
        assert_eq!(kind(bytes), Kind::Text, "{name}");
        assert_eq!(of_bytes(bytes), Kind::Text, "{name}, as content");
    }
}

#[test]
fn aq_bytes_without_order_are_not_text() {
    for len in [200, 4_000, 100_000] {
        assert_eq!(kind(&[&b"~"[..], &noise(len)].concat()), Kind::Binary(CONTROL), "{len}");
    }
    // As much noise as text.
    let mixed = [lines(50), noise(4_000), lines(50)].concat();
    assert_eq!(kind(&mixed), Kind::Doubtful(DOUBT));
    // The beginning is text, and the rest is not.
    let late = [lines(100), noise(200_000)].concat();
    assert_eq!(kind(&late), Kind::Binary(CONTROL));
}

/// Records of a length and a checksum each, with much text in them.
#[test]
fn aq_records_with_lengths_are_not_text() {
    let payload = lines(40);
    let little = |len: usize| (len as u32).to_le_bytes();
    let big = |len: usize| (len as u32).to_be_bytes();
    let crc = [0x41, 0x42, 0x43, 0x44];
    let record = |header: &[&[u8]]| [header.concat(), payload.clone()].concat().repeat(5);
    let len = payload.len();
    let kafka = record(&[&[0; 8], &big(len + 5), &[0; 4], &[2]]);
    let torn = |record: Vec<u8>| record[..record.len() - 100].to_vec();
    let cases: [(&str, Vec<u8>); 11] = [
        ("a torn end", torn(record(&[&big(len), &crc]))),
        ("one whole, one torn", torn(record(&[&big(len), &crc])[..2 * (len + 8)].to_vec())),
        ("behind a magic number", [&b"WALFILE1"[..], &record(&[&little(len), &crc])].concat()),
        ("length and checksum", record(&[&big(len), &crc])),
        ("checksum and length", record(&[&crc, &little(len)])),
        ("length of all", record(&[&little(len + 8), &crc])),
        ("length and 64 bits", record(&[&little(len), &crc, &crc])),
        ("64 bits", record(&[&(len as u64).to_be_bytes(), &crc])),
        ("etcd", record(&[&((len as u64 - 4) | (0x84 << 56)).to_le_bytes()])),
        ("one only", record(&[&big(len), &crc])[..len + 8].to_vec()),
        ("room for more", [record(&[&big(len), &crc]), vec![0; 8_000]].concat()),
    ];
    for (name, bytes) in &cases {
        assert_eq!(kind(bytes), Kind::Binary("a file of records with lengths, and likely checksums"), "{name}");
    }
    // Two lengths, of key and value, which matches no layout.
    assert_eq!(kind(&record(&[&crc, &crc, &[0, 4], &big(len - 4)])), Kind::Binary(CONTROL));
    assert_eq!(kind(&kafka), Kind::Binary("a Kafka segment"));
    let level = record(&[&crc, &(len as u16).to_le_bytes(), &[1]]);
    assert_eq!(kind(&level), Kind::Binary("a log of LevelDB or RocksDB"));
    let pages = record(&[&[1], &(len as u16).to_be_bytes(), &crc]);
    assert_eq!(kind(&pages), Kind::Binary("a write-ahead log of Prometheus"));
}

#[test]
fn kinds_by_their_first_bytes() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let line = "2026-11-24 16:00:00 a line of a log on another system\r\n";
    assert_eq!(kind(line.as_bytes()), Kind::Text);
    assert_eq!(kind(&wide(line)), Kind::Opaque("UTF-16"));
    assert_eq!(kind(&wide(&line.repeat(40))), Kind::Opaque("UTF-16"));
    assert_eq!(kind(&wide(&format!("\u{feff}{line}"))), Kind::Opaque("UTF-16"));
    let big_endian: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(kind(&big_endian), Kind::Opaque("UTF-16"));
    assert_eq!(kind(b"\x1f\x8b\x08\0"), Kind::Compressed(Compression::Gzip));
    assert_eq!(kind(b"SQLite format 3\0..."), Kind::Binary("an SQLite database"));
    let zstd = b"\x50\x2a\x4d\x18\x03\0\0\0abc\x28\xb5\x2f\xfd";
    assert_eq!(kind(zstd), Kind::Compressed(Compression::Zstd));
    assert_eq!(kind(b"\x50\x2a\x4d\x18\x03\0\0\0abc\x04\x22\x4d\x18"), Kind::Opaque("lz4"));
}

/// A hole has as many NULs in even places as in odd ones, or one more.
#[test]
fn aq_a_hole_of_any_length_is_not_utf_16() {
    for hole in 16..600 {
        assert_eq!(kind(&[&vec![0; hole][..], &lines(1)].concat()), Kind::Text, "{hole} NULs");
    }
}

/// A file's neighbours and its name are evidence.
#[test]
fn aq_names_and_neighbours_are_evidence() {
    let page = [&b"\0\0\0\x01"[..], &lines(2), &[0, 1, 2, 3, 0, 0, 9]].concat().repeat(9);
    assert_eq!(named("d/app.db-journal", &page), Kind::Binary("an SQLite rollback journal"));
    assert_eq!(named("d/app.db-wal", &lines(9)), Kind::Text);
    let hash = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    let stored = Kind::Binary("named by the hash of its content");
    assert_eq!(named(&format!(".git/objects/e6/{}", &hash[2..]), &lines(9)), stored);
    assert_eq!(named(&format!("blobs/{hash}"), &lines(9)), stored);
    assert_eq!(named(&format!("containers/{hash}/{hash}-json.log"), &lines(9)), Kind::Text);
}

/// The samples cover a short file completely; those of a long one are between head and tail.
#[test]
fn aq_samples_lie_across_the_file() {
    let all = |tail: usize| places(tail as u64).map(|at| at as usize).collect::<Vec<usize>>();
    assert!(all(SAMPLE_LEN).is_empty());
    assert_eq!(all(SAMPLE_LEN + 1), [SAMPLE_LEN]);
    let short = all(3 * SAMPLE_LEN);
    assert_eq!(short, [SAMPLE_LEN, 2 * SAMPLE_LEN]);
    let long = all(1 << 30);
    assert!(long.len() == SAMPLES as usize && long.iter().all(|at| at + SAMPLE_LEN <= 1 << 30), "{long:?}");
}
