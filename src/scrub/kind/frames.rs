//! Records chained by their lengths: queue segments and database logs. Most carry checksums, which
//! a mask would break.
//!
//! The first bytes of such a record hold its length in binary. The first bytes of text, read as a
//! length, lead to no record: they mean hundreds of megabytes.

use std::os::fd::BorrowedFd;

use zeroize::Zeroizing;

use crate::scrub::file;

/// The number of leading bytes of a record that may hold its length.
const HEADER_LEN: usize = 24;
/// The number of consecutive records that rules out chance.
const RECORDS: usize = 3;
/// The upper bound of a record's length, in bytes.
const RECORD_LEN_MAX: u64 = 256 << 20;
/// The block size of LevelDB and RocksDB, and the page size of Prometheus, in bytes.
const BLOCK_LEN: u64 = 32 << 10;

/// The bytes that records are read from.
pub(super) struct Source<'a> {
    /// The beginning.
    pub(super) head: &'a [u8],
    /// The rest, if there is more.
    pub(super) file: Option<BorrowedFd<'a>>,
    pub(super) len: u64,
}

impl Source<'_> {
    /// Reads the bytes at an offset, as many as exist.
    fn read(&self, at: u64, room: &mut [u8]) -> usize {
        let rest = usize::try_from(at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
        match self.file {
            Some(file) if rest.len() < room.len() => file::read_full_at(file, room, at).unwrap_or(0),
            _ => {
                let len = rest.len().min(room.len());
                room[..len].copy_from_slice(&rest[..len]);
                len
            }
        }
    }
}

/// Whether this is the raw stream of a container's output from Docker's API: its records have
/// lengths but no checksums.
pub(super) fn is_docker_stream(source: &Source<'_>) -> bool {
    let layout = Layout { at: 4, width: 4, big: true, more: 8 };
    source.head.first().is_some_and(|&stream| stream <= 2)
        && source.head.get(1..4) == Some(&[0, 0, 0])
        && layout.follows(source, 0)
}

/// The kind of records that make up a file from its beginning, if any.
pub(super) fn of(source: &Source<'_>) -> Option<&'static str> {
    if is_kafka(source.head) && (Layout { at: 8, width: 4, big: true, more: 12 }).follows(source, 0) {
        return Some("a Kafka segment");
    }
    if blocks(source, &|header| level_db(header)) {
        return Some("a log of LevelDB or RocksDB");
    }
    if blocks(source, &|header| prometheus(header)) {
        return Some("a write-ahead log of Prometheus");
    }
    // After a file header, or at once.
    let begins = [0, 4, 8, 12, 16, 24, 32];
    let found = begins.into_iter().any(|begin| layouts().any(|layout| layout.follows(source, begin)));
    found.then_some("a file of records with lengths, and likely checksums")
}

/// The position of a record's length, and the size of the record beyond it.
struct Layout {
    at: usize,
    width: usize,
    big: bool,
    more: u64,
}

/// Lengths of four and of eight bytes. Shorter ones are no evidence: any two bytes of text are one.
fn layouts() -> impl Iterator<Item = Layout> {
    let widths = [4_usize, 8];
    let places = [0_usize, 1, 4, 8, 12, 16];
    places.into_iter().flat_map(move |at| widths.into_iter().map(move |width| (at, width))).flat_map(|(at, width)| {
        let header = (at + width) as u64;
        let more = [0, header, header + 1, header + 2, header + 4, header + 8, header + 12, header + 16];
        [false, true].into_iter().flat_map(move |big| more.map(|more| Layout { at, width, big, more }))
    })
}

impl Layout {
    /// The length of the record with this header; 0 for allocated space without a record.
    fn record(&self, header: &[u8]) -> Option<u64> {
        let len = number(header.get(self.at..self.at + self.width)?, self.big);
        (len < RECORD_LEN_MAX).then(|| if len == 0 { 0 } else { len + self.more })
    }

    /// Whether records of this layout follow each other from `begin`: several, or up to the end,
    /// where the last may be torn.
    fn follows(&self, source: &Source<'_>, begin: u64) -> bool {
        let least = (self.at + self.width) as u64;
        let (mut at, mut header) = (begin, Zeroizing::new([0; HEADER_LEN]));
        for number in 0..=RECORDS {
            if at == source.len {
                return number > 0;
            }
            let read = source.read(at, &mut header[..]);
            match self.record(&header[..read]) {
                None => return false,
                // Space allocated for more records.
                Some(0) => return number > 1 && header[..read].iter().all(|&byte| byte == 0),
                Some(len) if len <= least => return false,
                Some(len) if at + len > source.len => return number > 0,
                Some(len) => at += len,
            }
        }
        true
    }
}

fn number(field: &[u8], big: bool) -> u64 {
    let mut bytes = [0; 8];
    if big {
        bytes[8 - field.len()..].copy_from_slice(field);
        return u64::from_be_bytes(bytes);
    }
    bytes[..field.len()].copy_from_slice(field);
    let len = u64::from_le_bytes(bytes);
    // etcd keeps the number of padding bytes in the highest byte.
    let padding = if field.len() == 8 && len >> 63 == 1 { (len >> 56) & 7 } else { 0 };
    if padding > 0 || len >> 56 == 0x80 { (len & 0x00ff_ffff_ffff_ffff) + padding } else { len }
}

fn is_kafka(head: &[u8]) -> bool {
    head.len() > 16 && head[..2] == [0, 0] && head[16] <= 2
}

/// Computes the length of a block's record from its first bytes.
type Record = dyn Fn(&[u8]) -> Option<u64>;

/// Whether a file consists of blocks of records.
fn blocks(source: &Source<'_>, record: &Record) -> bool {
    let (mut at, mut header) = (0, Zeroizing::new([0; HEADER_LEN]));
    let mut records = 0;
    while records < RECORDS && at < source.len {
        let read = source.read(at, &mut header[..]);
        let left = BLOCK_LEN - at % BLOCK_LEN;
        match record(&header[..read]) {
            Some(len) if len <= left => {
                records += 1;
                at += len;
            }
            // Space too short for a header at a block's end is padded, and the rest of a page may
            // be.
            _ if records > 0 && left < BLOCK_LEN && header[..read.min(left as usize)].iter().all(|&byte| byte == 0) => {
                at += left;
            }
            // Space allocated for more records.
            _ => return records > 1 && header[..read].iter().all(|&byte| byte == 0),
        }
    }
    records == RECORDS || records > 0 && at == source.len
}

/// Checksum, length, type: whole, first, middle, last; types from 5 on add the number of a recycled
/// log.
fn level_db(header: &[u8]) -> Option<u64> {
    let kind = *header.get(6)?;
    let len = u64::from(u16::from_le_bytes([header[4], header[5]]));
    match kind {
        1..=4 => Some(7 + len),
        5..=8 => Some(11 + len),
        _ => None,
    }
}

/// Type, length, checksum.
fn prometheus(header: &[u8]) -> Option<u64> {
    let len = u64::from(u16::from_be_bytes([*header.get(1)?, *header.get(2)?]));
    (len > 0 && header[0] < 0x20 && (1..=4).contains(&(header[0] & 7))).then_some(7 + len)
}
