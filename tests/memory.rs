//! Memory is bounded by the needle set, never by the input (promise 5): counted at the allocator.
//! Also, freed memory holds no secret.
//!
//! 10 GiB instead of a few MiB, compared byte for byte with the input:
//!
//!     cargo test --release --test memory -- --ignored

#[path = "common/harness/mod.rs"]
mod harness;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use harness::engine;
use harness::rng::Rng;
use hushlog::io::{RedactReader, RedactWriter, Release};
use hushlog::redact::build::NeedleSetBuilder;
use hushlog::redact::overlay::Overlay;
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Redactor, Secret};

/// The system's allocator, with a count of the bytes in use.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Eight-byte marks that no freed block may contain while it is watched, and the sizes of the
/// blocks that did.
static MARKS: [AtomicU64; 17] = [const { AtomicU64::new(0) }; 17];
static IS_WATCHED: AtomicBool = AtomicBool::new(false);
static FOUND: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

fn look_for_marks(block: &[u8]) {
    let is_mark = |window: &[u8]| {
        let word = u64::from_ne_bytes(window.try_into().expect("eight bytes"));
        MARKS.iter().any(|mark| mark.load(Relaxed) == word)
    };
    if block.windows(8).any(is_mark)
        && let Some(free) = FOUND.iter().find(|found| found.load(Relaxed) == 0)
    {
        free.store(block.len(), Relaxed);
    }
}

// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // Zeroed, so that every byte may be read when the block is freed. SAFETY: the caller keeps
        // the contract of this very function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        if IS_WATCHED.load(Relaxed) {
            // SAFETY: the block is the caller's until it is freed below, and was initialised when
            // it was allocated.
            look_for_marks(unsafe { std::slice::from_raw_parts(pointer, layout.size()) });
        }
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PIECE_LEN: usize = 64 << 10;
/// The memory of a redactor without its set and the text, in bytes: above all, the matches of one
/// piece.
const GROWTH_MAX: usize = 1 << 20;

/// An endless text that repeats one piece.
struct Text {
    name: &'static str,
    needles: Vec<Vec<u8>>,
    start: Vec<u8>,
    repeated: Vec<u8>,
    /// Whether it passes unchanged.
    clean: bool,
}

fn texts() -> Vec<Text> {
    let mut rng = Rng(21);
    let fill = |unit: &[u8]| -> Vec<u8> { unit.iter().copied().cycle().take(PIECE_LEN).collect() };
    let bomb = [vec![b'a'; 1000], b"b".to_vec()].concat();
    let key = b"s3cr3t-value-of-some-length".to_vec();
    let text = |name, needles, start: &[u8], repeated: Vec<u8>, clean| Text {
        name,
        needles,
        start: start.to_vec(),
        repeated,
        clean,
    };
    vec![
        text("m14 random bytes", vec![key.clone()], b"", rng.bytes(PIECE_LEN), true),
        text("m17 prefix bomb", vec![bomb], b"", fill(b"a"), true),
        text("m19 no newline", vec![key.clone()], b"", fill(b"x"), true),
        text("m20 blanks after a first line", vec![b"line1\nline2".to_vec()], b"line1", fill(b" "), true),
        text("nothing but needles", vec![key.clone()], b"", fill(&key), false),
        text("nothing but near-misses", vec![key.clone()], b"", fill(&key[..26]), true),
        text("one region without an end", vec![b"abab".to_vec()], b"", fill(b"ab"), false),
        text("needles inside a longer near-miss", vec![fill(b"ab-"), b"ab".to_vec()], b"", fill(b"ab-ab-ab-!"), false),
    ]
}

/// Pushes `len` bytes through, and returns the peak memory. A clean text is compared with its
/// output.
fn peak_of(text: &Text, len: usize) -> usize {
    let mut redactor =
        Redactor::new(engine::exactly(&text.needles, engine::nameless(), Variant::Best)).mask_partial(false);
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut compare = Compare { text, at: 0 };
    redactor.push(&text.start).for_each(|segment| compare.next(segment));
    for _ in 0..len / PIECE_LEN {
        redactor.push(&text.repeated).for_each(|segment| compare.next(segment));
    }
    redactor.finish().for_each(|segment| compare.next(segment));
    let went_in = text.start.len() + len / PIECE_LEN * PIECE_LEN;
    assert!(!text.clean || compare.at == went_in, "{}: {} of {went_in} bytes came out", text.name, compare.at);
    PEAK.load(Relaxed) - before
}

/// Compares the output with the input.
struct Compare<'a> {
    text: &'a Text,
    at: usize,
}

impl Compare<'_> {
    fn next(&mut self, mut segment: &[u8]) {
        while self.text.clean && !segment.is_empty() {
            let (start, repeated) = (&self.text.start, &self.text.repeated);
            let went_in = start.get(self.at..).filter(|rest| !rest.is_empty());
            let went_in = went_in.unwrap_or_else(|| &repeated[(self.at - start.len()) % repeated.len()..]);
            let len = segment.len().min(went_in.len());
            assert!(segment[..len] == went_in[..len], "{}: other bytes around {}", self.text.name, self.at);
            segment = &segment[len..];
            self.at += len;
        }
    }
}

/// The memory of a stream without its set, in bytes, for this set and input. The set has tables
/// that the first stream fills.
fn idle(needles: &[Vec<u8>], texts: &[&[u8]]) -> (usize, usize) {
    let set = engine::exactly(needles, engine::nameless(), Variant::Best);
    let mut first = Redactor::new(Arc::clone(&set));
    texts.iter().for_each(|text| assert!(first.push(text).count() > 0));
    drop(first);
    let before = LIVE.load(Relaxed);
    let mut redactor = Redactor::new(set);
    texts.iter().for_each(|text| assert!(redactor.push(text).count() > 0));
    let at_work = LIVE.load(Relaxed) - before;
    redactor.shrink_to_fit();
    (at_work, LIVE.load(Relaxed) - before)
}

/// An idle stream takes almost no memory: there may be 10,000 of them.
fn a_stream_at_rest_is_small() {
    let mut rng = Rng(22);
    let needles: Vec<Vec<u8>> = (0..16_000).map(|_| rng.plain(32)).collect();
    let clean = vec![b'.'; 4 * PIECE_LEN];
    let own = std::mem::size_of::<Redactor>();
    let (at_work, at_rest) = idle(&needles, &[&clean]);
    assert!(own + at_work < 384 && at_rest == 0, "{own}, {at_work} and {at_rest} bytes without a region");
    let (at_work, at_rest) = idle(&needles, &[&needles[0]]);
    assert!(own + at_work < 1024 && at_rest < 256, "{at_work} bytes with a region, {at_rest} at rest");
    let dense: Vec<u8> = needles[..100].iter().flat_map(|needle| [&needle[..], b" "].concat()).collect();
    let (at_work, at_rest) = idle(&needles, &[&dense, &dense]);
    assert!(at_work > 8 << 10 && at_rest < 8 << 10, "{at_work} bytes with a hundred needles, {at_rest} at rest");
}

/// So do the adapters, with the beginning of a secret held back, and an unfinished line.
fn an_adapter_at_rest_is_small() {
    let set = engine::exactly(&[b"s3cr3t-value-of-some-length"], engine::nameless(), Variant::Best);
    let before = LIVE.load(Relaxed);
    let mut writer = RedactWriter::with_release(std::io::sink(), Redactor::new(Arc::clone(&set)), Release::Line);
    writer.write_all(b"a line\n> s3cr3t-").expect("a sink takes all");
    let taken = LIVE.load(Relaxed) - before;
    assert!(taken < 4 << 10, "{taken} bytes for a writer");
    #[cfg(feature = "tokio")]
    asynchronous_at_rest(&set);
}

#[cfg(feature = "tokio")]
fn asynchronous_at_rest(set: &Arc<hushlog::NeedleSet>) {
    use hushlog::io::{AsyncRedactReader, AsyncRedactWriter};
    use std::pin::pin;
    use std::task::{Context, Waker};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    let cx = &mut Context::from_waker(Waker::noop());
    let dense = b"s3cr3t-value-of-some-length s3cr3t-value ".repeat(5_000);
    // The set has tables that the first stream fills.
    assert!(Redactor::new(Arc::clone(set)).push(&dense).count() > 0);
    let ((mut near, middle), mut buffer) = (duplex(1 << 20), vec![0; 64 << 10]);
    assert!(pin!(near.write_all(&dense)).poll(cx).is_ready());
    let before = LIVE.load(Relaxed);
    let mut reader = AsyncRedactReader::with_release(middle, Redactor::new(Arc::clone(set)), Release::Line);
    while pin!(reader.read(&mut buffer)).poll(cx).is_ready() {}
    let taken = LIVE.load(Relaxed).saturating_sub(before);
    // The output line is unfinished, and so is held.
    assert!(taken < 600 << 10, "{taken} bytes for a reader that waits for the end of a line");
    assert!(pin!(near.write_all(b"\n")).poll(cx).is_ready());
    while pin!(reader.read(&mut buffer)).poll(cx).is_ready() {}
    let taken = LIVE.load(Relaxed).saturating_sub(before);
    assert!(taken < 4 << 10, "{taken} bytes for a reader that waits");
    drop(reader);
    let before = LIVE.load(Relaxed);
    let mut writer = AsyncRedactWriter::new(tokio::io::sink(), Redactor::new(Arc::clone(set)));
    assert!(pin!(writer.write_all(b"a line\n> s3cr3t-")).poll(cx).is_ready());
    let taken = LIVE.load(Relaxed) - before;
    assert!(taken < 4 << 10, "{taken} bytes for an asynchronous writer");
}

/// No freed block holds eight bytes of a secret: neither from building a set nor from a stream.
fn freed_memory_is_wiped() {
    let mut rng = Rng(23);
    let core: Vec<u8> = (0..24).map(|_| b"abcdefghijklmnopABCDEFGH01234567"[rng.below(32)]).collect();
    for (mark, window) in MARKS.iter().zip(core.windows(8)) {
        mark.store(u64::from_ne_bytes(window.try_into().expect("eight bytes")), Relaxed);
    }
    let around: [(&str, &str); 6] = [
        ("", ""),
        ("p@ss w\u{f6}rd\"<'&/", "\\ =$`"),
        ("postgres://app:", "@db/base"),
        ("{\"password\": \"\\n", "\", \"a\": [1]}"),
        ("-----BEGIN KEY-----\n", "\nMIGHAgEAMBMGByqGSM49\n-----END KEY-----\n"),
        ("Server=tcp:db;Password='", "';"),
    ];
    let mut values = around.map(|(before, after)| [before.as_bytes(), &core, after.as_bytes()].concat()).to_vec();
    // The value that grows most when encoded; and two that take more than half of the buffer for
    // forms.
    values.push([&core, &b"\"\\\x07".repeat(200)[..]].concat());
    values.extend([b"-", b"+"].map(|fill| [&core, &fill.repeat(40 << 10)[..]].concat()));
    let text = [&b"text "[..], &values[..7].join(&b"\n"[..]), b" and more\n"].concat();
    let (mut record, mut buffer) = (text.clone(), vec![0; 4 << 10]);
    let secrets: Vec<Secret> = values.iter().map(|value| Secret::new("NAME", value.clone())).collect();
    IS_WATCHED.store(true, Relaxed);
    drop(core.clone());
    assert_eq!(FOUND[0].swap(0, Relaxed), core.len(), "it does not see what is not wiped");
    // memmem searches for one, the q-gram prefilter for the other.
    let short = NeedleSet::exactly(vec![Secret::new("SHORT", core[..8].to_vec())], engine::nameless());
    let set = secrets.into_iter().fold(NeedleSet::builder(), NeedleSetBuilder::secret).build();
    let (short, set) = (Arc::new(short.expect("one needle")), Arc::new(set.expect("nine secrets")));
    for cut in 1..text.len() {
        let mut redactor = Redactor::new(Arc::clone(&set));
        let (start, end) = text.split_at(cut);
        assert!(redactor.push(start).count() < 64);
        let swapped = redactor.swap(Arc::clone(&short)).count() + redactor.swap(Arc::clone(&set)).count();
        assert!(swapped + redactor.push(end).count() < 64);
        let mut writer = RedactWriter::with_release(std::io::sink(), Redactor::new(Arc::clone(&set)), Release::Line);
        writer.write_all(start).and_then(|()| writer.write_all(end)).expect("a sink takes all");
        let mut reader = RedactReader::new(start.chain(end), Redactor::new(Arc::clone(&set)));
        while reader.read(&mut buffer).expect("it is in memory") > 0 {}
    }
    let overlay = Overlay::named(&set).expect("there are marks that no secret has");
    assert!(set.redact_cow(&text) != text && set.redact_in_place(&mut record, &overlay) > 0);
    #[cfg(feature = "tokio")]
    asynchronously(&set, &text, &mut buffer);
    drop((set, short));
    IS_WATCHED.store(false, Relaxed);
    let found = FOUND.each_ref().map(|found| found.load(Relaxed));
    assert_eq!(found, [0; 8], "blocks of these sizes have bytes of a secret in them");
}

/// Watches for eight bytes of these texts in the blocks that `work` frees, and returns the sizes of
/// those blocks, or of the first eight of them.
#[cfg(feature = "registry")]
fn freed_with(texts: &[&[u8]], work: impl FnOnce()) -> Vec<usize> {
    let windows = texts.iter().flat_map(|text| text.chunks_exact(8));
    for (mark, window) in MARKS.iter().zip(windows) {
        mark.store(u64::from_ne_bytes(window.try_into().expect("eight bytes")), Relaxed);
    }
    IS_WATCHED.store(true, Relaxed);
    work();
    IS_WATCHED.store(false, Relaxed);
    FOUND.iter().map(|found| found.swap(0, Relaxed)).filter(|len| *len > 0).collect()
}

/// R29: the identity of a group is opened to let a member join, to open secrets, and to reseal
/// them.
#[cfg(feature = "registry")]
fn no_freed_memory_holds_the_identity_of_a_group() {
    use hushlog::registry::{By, Draft, Identity, Name, Registry, Scope, Value};

    let (identity, mut registry) = (Identity::generate(), Registry::default());
    let [alice, bob, ops] = ["alice", "bob", "ops"].map(|name| name.parse::<Name>().expect("a name"));
    registry.set_member(&alice, identity.recipient(), None, None).expect("a member");
    registry.set_member(&bob, Identity::generate().recipient(), None, None).expect("a member");
    registry.add_group(&ops, std::slice::from_ref(&alice), None).expect("a group");
    let draft =
        Draft::new("token".parse().expect("a name"), Scope::Shared, Value::new(b"some value").expect("a value"));
    registry.add(&Draft { group: Some(ops.clone()), ..draft }, &By::now(&alice)).expect("it is new");
    let opened = registry.open(&identity, None, None).expect("it opens");
    // The key behind the prefix of all keys, in both cases.
    let keys: Vec<&[u8]> = opened.keys.iter().map(|key| &key.expose()[16..]).collect();
    assert_eq!(keys.len(), 2, "the group has one key");
    let control = freed_with(&keys, || drop(keys[0].to_vec()));
    assert_eq!(control, [keys[0].len()], "it sees what is not wiped");
    let found = freed_with(&keys, || {
        assert_eq!(registry.open(&identity, None, None).expect("it opens").secrets.len(), 1);
        registry.join_group(&ops, std::slice::from_ref(&bob), Some(&identity)).expect("it joins");
        registry.leave_group(&ops, std::slice::from_ref(&bob), Some(&identity)).expect("it leaves");
    });
    // The crate age leaves a block for each identity that it opens, with a tag of 16 bytes, and one
    // for each that it seals. The allocator of the program wipes them.
    let head = format!("# hushlog group ops of {}\n", registry.id().expect("an id"));
    let opened = head.len() + opened.keys[0].expose().len() + "\n".len() + 16;
    assert_eq!(found, [opened, opened, 64 << 10, opened], "sizes of blocks with bytes of the identity");
}

/// A text passes through the asynchronous adapters, in two pieces.
#[cfg(feature = "tokio")]
fn asynchronously(set: &Arc<NeedleSet>, text: &[u8], buffer: &mut [u8]) {
    use hushlog::io::{AsyncRedactReader, AsyncRedactWriter};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let cx = &mut Context::from_waker(Waker::noop());
    for cut in 1..text.len() {
        let (start, end) = text.split_at(cut);
        let redactor = || Redactor::new(Arc::clone(set));
        let mut writer = AsyncRedactWriter::with_release(tokio::io::sink(), redactor(), Release::Line);
        assert!(pin!(writer.write_all(start)).poll(cx).is_ready() && pin!(writer.write_all(end)).poll(cx).is_ready());
        let mut reader = AsyncRedactReader::with_release(AsyncReadExt::chain(start, end), redactor(), Release::Line);
        while !matches!(pin!(reader.read(buffer)).poll(cx), Poll::Ready(Ok(0))) {}
    }
}

/// One test for all of them, because they share the allocator.
#[test]
fn memory_does_not_grow_with_the_text() {
    freed_memory_is_wiped();
    #[cfg(feature = "registry")]
    no_freed_memory_holds_the_identity_of_a_group();
    a_stream_at_rest_is_small();
    an_adapter_at_rest_is_small();
    for text in texts() {
        let (short, long) = (peak_of(&text, 4 << 20), peak_of(&text, 16 << 20));
        assert!(long <= short + 4096, "{}: {short} bytes for 4 MiB, {long} bytes for 16 MiB", text.name);
        let needles: usize = text.needles.iter().map(Vec::len).sum();
        assert!(long <= GROWTH_MAX + 64 * needles, "{}: {long} bytes", text.name);
    }
}

/// M14, M17, M19 and M20 in full.
#[test]
#[ignore = "10 GiB of each text: a quarter of an hour with --release"]
fn memory_does_not_grow_with_ten_gibibytes() {
    for text in texts() {
        let (short, long) = (peak_of(&text, 4 << 20), peak_of(&text, 10 << 30));
        assert!(long <= short + 4096, "{}: {short} bytes for 4 MiB, {long} bytes for 10 GiB", text.name);
    }
}
