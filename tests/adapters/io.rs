//! The adapters of ring 1: for any peer, the output is the naive definition's, or a prefix of it.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use hushlog::io::{LINE_HELD_BYTES_MAX, RedactReader, RedactWriter, Release};
use hushlog::redact::naive;
use hushlog::{Mask, NeedleSet, Redactor, Secret};

const SECRETS: &[&[u8]] = &[b"hunter2", b"hunter2-prod-key", b"key=abcd", b"line one\nline two", b"\0\xff\r"];
const TEXT: &[u8] = b"a hunter2-prod-key=abcd\r\nhunter2-prod-ke hunter2hunter2 \xfe\0\xff\r line one\nline one\nline two\nhunter2-prod";

fn set() -> Arc<NeedleSet> {
    let secrets = SECRETS.iter().map(|value| Secret::new("S", value.to_vec())).collect();
    Arc::new(NeedleSet::exactly(secrets, Mask::default()).expect("the mask collides with none"))
}

/// The naive definition's output for `text`, at the end of the stream or before.
fn naive_out(text: &[u8], finished: bool) -> Vec<u8> {
    let set = set();
    let needles: Vec<&[u8]> = set.expose().collect();
    let mask = &mut |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
    if finished {
        naive::finished(&needles, text, &|needle| set.partial_len_min(needle), mask)
    } else {
        naive::pushed(&needles, text, mask)
    }
}

/// The peer's behaviour in one call.
#[derive(Clone, Copy)]
enum Step {
    /// Transfers this many bytes at most.
    Bytes(usize),
    Fail(ErrorKind),
    Panic,
}

/// A peer that follows its steps, one per call, and then transfers everything.
#[derive(Clone, Default)]
struct Peer {
    steps: Rc<RefCell<Vec<Step>>>,
    bytes: Rc<RefCell<Vec<u8>>>,
}

impl Peer {
    fn new(steps: &[Step]) -> Peer {
        let peer = Peer::default();
        peer.steps.borrow_mut().extend(steps.iter().rev());
        peer
    }

    fn step(&self, len: usize) -> io::Result<usize> {
        match self.steps.borrow_mut().pop().unwrap_or(Step::Bytes(usize::MAX)) {
            Step::Bytes(max) => Ok(len.min(max)),
            Step::Fail(kind) => Err(kind.into()),
            Step::Panic => panic!("the peer panics"),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.step(bytes.len())?;
        self.bytes.borrow_mut().extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        let len = self.step(buffer.len())?.min(bytes.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        bytes.drain(..len);
        Ok(len)
    }
}

fn writer(peer: &Peer) -> RedactWriter<Peer> {
    RedactWriter::new(peer.clone(), Redactor::new(set()))
}

/// A reader of `text`, from a peer with these steps.
fn reader(text: &[u8], steps: &[Step]) -> RedactReader<Peer> {
    let peer = Peer::new(steps);
    peer.bytes.borrow_mut().extend_from_slice(text);
    RedactReader::new(peer, Redactor::new(set()))
}

/// Writes everything, retries on request, and returns the number of retries.
fn write_stubbornly(writer: &mut RedactWriter<Peer>, mut bytes: &[u8]) -> usize {
    let mut refusals = 0;
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refusals += 1;
            }
        }
    }
    refusals
}

#[test]
fn a_writer_emits_after_each_piece_as_defined() {
    for cut in 0..=TEXT.len() {
        let peer = Peer::default();
        let mut writer = writer(&peer);
        for piece in [0..cut, cut..TEXT.len()] {
            let end = piece.end;
            writer.write_all(&TEXT[piece]).expect("the peer takes all");
            assert!(*peer.bytes.borrow() == naive_out(&TEXT[..end], false), "cut {cut}, after {end} bytes");
        }
        writer.flush().expect("the peer takes all");
        assert!(*peer.bytes.borrow() == naive_out(TEXT, false), "flush released a hold-back, cut {cut}");
        writer.finish().expect("the peer takes all");
        assert!(*peer.bytes.borrow() == naive_out(TEXT, true), "cut {cut}");
    }
}

#[test]
fn a_writer_behind_short_and_interrupted_writes_is_exact() {
    let mut steps = Vec::new();
    for _ in 0..TEXT.len() {
        steps.extend([Step::Fail(ErrorKind::Interrupted), Step::Bytes(1)]);
    }
    for piece_len in [1, 3, TEXT.len()] {
        let peer = Peer::new(&steps);
        let mut writer = writer(&peer);
        for piece in TEXT.chunks(piece_len) {
            writer.write_all(piece).expect("an interrupted call is repeated");
        }
        writer.finish().expect("an interrupted call is repeated");
        assert!(*peer.bytes.borrow() == naive_out(TEXT, true), "pieces of {piece_len}");
    }
}

#[test]
fn a_writer_that_would_block_at_the_nth_call_goes_on_exactly() {
    for n in 0..20 {
        let mut steps = vec![Step::Bytes(2); n];
        steps.extend([Step::Fail(ErrorKind::WouldBlock); 3]);
        let peer = Peer::new(&steps);
        let mut writer = writer(&peer);
        let mut refusals = 0;
        for piece in TEXT.chunks(5) {
            refusals += write_stubbornly(&mut writer, piece);
        }
        while let Err(error) = writer.try_finish() {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            refusals += 1;
        }
        assert!(refusals > 0, "the peer refused at call {n}, and nobody was told");
        assert!(*peer.bytes.borrow() == naive_out(TEXT, true), "refused at call {n}");
    }
}

#[test]
fn a_writer_that_fails_at_call_n_has_written_a_prefix() {
    let exact = naive_out(TEXT, true);
    for kind in [ErrorKind::StorageFull, ErrorKind::BrokenPipe, ErrorKind::FileTooLarge] {
        for n in 0..10 {
            let mut steps = vec![Step::Bytes(2); n];
            steps.extend([Step::Fail(kind); 1_000]);
            let peer = Peer::new(&steps);
            let mut writer = writer(&peer);
            let written = TEXT.chunks(7).try_for_each(|piece| writer.write_all(piece));
            let error = written.and_then(|()| writer.try_finish()).expect_err("the peer fails for good");
            assert_eq!(error.kind(), kind);
            drop(writer);
            assert!(exact.starts_with(&peer.bytes.borrow()), "failed at call {n}");
            assert_eq!(peer.bytes.borrow().len(), 2 * n);
        }
    }
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let peer = Peer::new(&[Step::Bytes(0); 4]);
    let mut writer = writer(&peer);
    writer.write_all(b"text").expect("taken in, and pending");
    assert_eq!(writer.flush().expect_err("0 bytes were taken").kind(), ErrorKind::WriteZero);
}

#[test]
fn a_dropped_writer_finishes_but_not_after_a_panic() {
    let peer = Peer::default();
    writer(&peer).write_all(b"text hunt").expect("the peer takes all");
    assert_eq!(*peer.bytes.borrow(), b"text hunt");

    let peer = Peer::new(&[Step::Panic]);
    let mut panicked = writer(&peer);
    let write = std::panic::AssertUnwindSafe(|| panicked.write_all(b"text"));
    assert!(std::panic::catch_unwind(write).is_err());
    drop(panicked);
    assert!(peer.bytes.borrow().is_empty());
}

#[test]
fn a_finished_writer_begins_a_new_stream() {
    let peer = Peer::default();
    let mut writer = writer(&peer);
    for part in [&b"hunt"[..], b"er2\n"] {
        writer.write_all(part).expect("the peer takes all");
        writer.try_finish().expect("the peer takes all");
    }
    assert_eq!(writer.finish().expect("the peer takes all").bytes.borrow()[..], b"hunter2\n"[..]);
}

#[test]
fn a_writer_takes_large_pieces_and_large_clean_stretches() {
    let mut text = vec![b'x'; 300_000];
    text[150_000..150_007].copy_from_slice(SECRETS[0]);
    let peer = Peer::default();
    let mut writer = writer(&peer);
    writer.write_all(&text).expect("the peer takes all");
    writer.finish().expect("the peer takes all");
    let expected = [&text[..150_000], b"[REDACTED:S]", &text[150_007..]].concat();
    assert!(*peer.bytes.borrow() == expected);
}

#[test]
fn a_reader_is_exact_however_it_reads_and_is_read() {
    for step_len in [1, 2, 3, 7, usize::MAX] {
        for buffer_len in [1, 2, 3, 16, 100_000] {
            let mut reader = reader(TEXT, &vec![Step::Bytes(step_len); TEXT.len() + 1]);
            let (mut out, mut buffer) = (Vec::new(), vec![0xaa; buffer_len]);
            loop {
                let len = reader.read(&mut buffer).expect("the peer has no errors");
                assert!(buffer[len..].iter().all(|&byte| byte == 0xaa), "something was left behind in the buffer");
                if len == 0 {
                    break;
                }
                out.extend_from_slice(&buffer[..len]);
                buffer.fill(0xaa);
            }
            assert!(out == naive_out(TEXT, true), "reads of {step_len} into {buffer_len}");
        }
    }
}

#[test]
fn a_reader_hands_errors_on_and_loses_nothing() {
    for n in 0..12 {
        for kind in [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::ConnectionReset] {
            let mut steps = vec![Step::Bytes(3); n];
            steps.push(Step::Fail(kind));
            let mut reader = reader(TEXT, &steps);
            let (mut out, mut buffer, mut failures) = (Vec::new(), [0; 5], 0);
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(len) => out.extend_from_slice(&buffer[..len]),
                    Err(error) => {
                        assert_eq!(error.kind(), kind);
                        assert!(out == naive_out(&TEXT[..3 * n], false), "before the error at call {n}");
                        failures += 1;
                    }
                }
            }
            assert_eq!(failures, 1);
            assert!(out == naive_out(TEXT, true), "error at call {n}");
        }
    }
}

#[test]
fn a_reader_gives_a_prompt_out_at_once_and_ends_for_good() {
    let steps = [Step::Bytes(10), Step::Fail(ErrorKind::WouldBlock), Step::Bytes(0), Step::Bytes(10)];
    let mut reader = reader(b"Password: hunter2", &steps);
    let mut buffer = [0; 100];
    assert_eq!(reader.read(&mut buffer).expect("a prompt"), 10);
    assert_eq!(reader.read(&mut buffer).expect_err("the peer waits").kind(), ErrorKind::WouldBlock);
    for _ in 0..3 {
        assert_eq!(reader.read(&mut buffer).expect("the peer said that it had ended"), 0);
    }
    assert_eq!(reader.read(&mut []).expect("no room, no error"), 0);
}

#[test]
fn line_release_gives_out_whole_lines_of_the_output_only() {
    let pieces: [&[u8]; 5] = [b"one hun", b"ter3\ntwo hunter2", b" \nthree", b"", b" four"];
    let after = [&b""[..], b"one hunter3\n", b"one hunter3\ntwo [REDACTED:S] \n"];
    let peer = Peer::default();
    let mut writer = RedactWriter::with_release(peer.clone(), Redactor::new(set()), Release::Line);
    for (n, piece) in pieces.into_iter().enumerate() {
        writer.write_all(piece).expect("the peer takes all");
        assert_eq!(*peer.bytes.borrow(), after[n.min(2)]);
    }
    writer.finish().expect("the peer takes all");
    assert!(peer.bytes.borrow().ends_with(b" \nthree four"));

    let text = pieces.concat();
    let mut reader = RedactReader::with_release(&text[..], Redactor::new(set()), Release::Line);
    let mut out = Vec::new();
    reader.read_to_end(&mut out).expect("a slice has no errors");
    assert_eq!(out, *peer.bytes.borrow());
}

/// I16: with exact release, the held-back length shows how much of a guess matches a secret; with
/// line release, it does not.
#[test]
fn line_release_does_not_tell_how_far_a_guess_agrees() {
    let given_out = |release, guess: &[u8]| {
        let peer = Peer::default();
        let mut writer = RedactWriter::with_release(peer.clone(), Redactor::new(set()), release);
        writer.write_all(b"line\n> ").expect("the peer takes all");
        writer.write_all(guess).expect("the peer takes all");
        let len = peer.bytes.borrow().len();
        (len, guess.len())
    };
    let (right, wrong) = (&b"hunte"[..], &b"hunta"[..]);
    assert_ne!(given_out(Release::Exact, right), given_out(Release::Exact, wrong));
    for guess_len in 1..=right.len() {
        let (right, wrong) = (&right[..guess_len], &b"xxxxx"[..guess_len]);
        assert_eq!(given_out(Release::Line, right), given_out(Release::Line, wrong));
    }
}

#[test]
fn a01_an_overlong_line_goes_out_but_for_a_constant_end() {
    let tail = set().needle_len_max() - 1;
    let peer = Peer::default();
    let mut writer = RedactWriter::with_release(peer.clone(), Redactor::new(set()), Release::Line);
    let piece = vec![b'x'; 60_000];
    let mut written = 0;
    while written <= LINE_HELD_BYTES_MAX {
        assert!(peer.bytes.borrow().is_empty(), "{written} bytes wait, and something went out");
        writer.write_all(&piece).expect("the peer takes all");
        written += piece.len();
    }
    assert_eq!(peer.bytes.borrow().len(), written - tail);
    // Byte by byte, right and wrong guesses: the same number of bytes waits.
    for guess in b"hunter-hunta2-" {
        writer.write_all(&[*guess]).expect("the peer takes all");
        written += 1;
        assert_eq!(peer.bytes.borrow().len(), written - tail);
    }
    writer.write_all(b"yy\nzz").expect("the peer takes all");
    assert_eq!(peer.bytes.borrow().len(), written + 3);
    writer.write_all(b"\n").expect("the peer takes all");
    assert_eq!(peer.bytes.borrow().len(), written + 6);
}

#[test]
fn debug_shows_no_data() {
    let mut writer = RedactWriter::new(Vec::new(), Redactor::new(set()));
    writer.write_all(b"text hunter2-pr").expect("a vector takes all");
    assert_eq!(format!("{writer:?}"), "RedactWriter { .. }");
    assert_eq!(format!("{:?}", reader(TEXT, &[])), "RedactReader { .. }");
}
