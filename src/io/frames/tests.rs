use std::convert::Infallible;
use std::sync::Arc;

use super::{Frames, StreamFormat};
use crate::io::Release;
use crate::io::line_buffer::LineBuffer;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;
use crate::{Mask, NeedleSet, Secret};
use StreamFormat::{Auto, DockerStream, JournalExport, OctetCounted};

mod hostile;

const SECRET: &str = "hunter2-key";

fn set(needles: &[&str]) -> Arc<NeedleSet> {
    let secrets = needles.iter().map(|needle| Secret::new("S", (*needle).into())).collect();
    Arc::new(NeedleSet::exactly(secrets, Mask::Template("[{name}]".to_owned())).expect("no collision"))
}

/// The output after each piece and at the end, and whether a stream of frames was lost.
fn outputs(set: &Arc<NeedleSet>, format: StreamFormat, release: Release, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Frames::new(format, set, release == Release::Line);
    let (mut redactor, mut lines) = (Redactor::new(Arc::clone(set)), LineBuffer::new(release));
    let (mut all, mut is_lost) = (Vec::new(), false);
    for piece in pieces {
        let mut out = Vec::new();
        let mut sink = |piece: Piece<'_>| -> Result<(), Infallible> {
            out.extend_from_slice(piece.bytes());
            Ok(())
        };
        let mut rest = *piece;
        if let Some(counted) = &mut frames {
            let Ok(taken) = counted.push(&mut redactor, piece, &mut sink);
            assert!(counted.is_lost() || taken == piece.len());
            rest = &piece[taken..];
            if counted.is_lost() {
                is_lost = counted.is_known();
                let Ok(()) = lines.push(&mut redactor, &counted.take_rest(), &mut sink);
                frames = None;
            }
        }
        let Ok(()) = lines.push(&mut redactor, rest, &mut sink);
        all.push(out);
    }
    let mut out = Vec::new();
    let mut sink = |piece: Piece<'_>| -> Result<(), Infallible> {
        out.extend_from_slice(piece.bytes());
        Ok(())
    };
    if let Some(counted) = &mut frames {
        let Ok(()) = counted.finish(&mut redactor, &mut sink);
        let Ok(()) = lines.push(&mut redactor, &counted.take_rest(), &mut sink);
    }
    let Ok(()) = lines.finish(&mut redactor, &mut sink);
    all.push(out);
    (all, is_lost)
}

/// The whole output, the same at every cut.
#[track_caller]
fn output_at_all_cuts(set: &Arc<NeedleSet>, format: StreamFormat, input: &str) -> (String, bool) {
    let input = input.as_bytes();
    let whole = outputs(set, format, Release::Exact, &[input]);
    let wanted = (whole.0.concat(), whole.1);
    for release in [Release::Exact, Release::Line] {
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        let (all, is_lost) = outputs(set, format, release, &bytes);
        assert_eq!((all.concat(), is_lost), wanted, "byte by byte, {release:?}");
        for one in 0..=input.len() {
            for two in one..=input.len() {
                let pieces = [&input[..one], &input[one..two], &input[two..]];
                let (all, is_lost) = outputs(set, format, release, &pieces);
                assert_eq!((all.concat(), is_lost), wanted, "cut at {one} and {two}, {release:?}");
            }
        }
    }
    (String::from_utf8(wanted.0).expect("text"), wanted.1)
}

#[test]
fn lengths_are_written_anew() {
    for format in [Auto, OctetCounted] {
        for (input, wanted) in [
            ("19 <13>an hunter2-key.9 <13>plain", "11 <13>an [S].9 <13>plain"),
            ("9 <13>plain19 <13>an hunter2-key.", "9 <13>plain11 <13>an [S]."),
            ("15 <13>hunter2-key15 <13>hunter2-key", "7 <13>[S]7 <13>[S]"),
            ("19 <13>an hunter2-key.", "11 <13>an [S]."),
            ("4 <13>10 <13>line\n\n", "4 <13>10 <13>line\n\n"),
            ("", ""),
        ] {
            assert_eq!(output_at_all_cuts(&set(&[SECRET]), format, input), (wanted.to_owned(), false), "{format:?}");
        }
    }
}

#[test]
fn other_text_is_plain_text() {
    for (input, wanted) in [
        ("12 monkeys hunter2-key 9 <13>plain", "12 monkeys [S] 9 <13>plain"),
        ("12", "12"),
        ("hunter2-key", "[S]"),
        ("19 <13>an hunter2-key, and more", "19 <13>an [S], and more"),
        ("9999999 <13>hunter2-key", "9999999 <13>[S]"),
        ("99 <13>hunter2-key is the end", "99 <13>[S] is the end"),
        // A frame that ends within a secret.
        ("19 <13>a line hunter2-key 9 <13>plain", "19 <13>a line [S] 9 <13>plain"),
        ("9 <13>hunter2-key 9 <13>plain", "9 <13>[S] 9 <13>plain"),
        ("19 <13>an hunter2-key.09 <13>plain", "19 <13>an [S].09 <13>plain"),
    ] {
        assert_eq!(output_at_all_cuts(&set(&[SECRET]), Auto, input), (wanted.to_owned(), false));
    }
}

/// A stream that ceases to be frames: with a message that is too long, without a length, without a
/// priority.
#[test]
fn a_stream_that_is_lost_is_masked_as_plain_text() {
    let set = set(&[SECRET]);
    let begin = ("19 <13>an hunter2-key.9 <13>plain", "11 <13>an [S].9 <13>plain");
    for (rest, masked) in [
        ("\n19 <13>an hunter2-key.", "\n19 <13>an [S]."),
        ("hunter2-key", "[S]"),
        ("0 <13>hunter2-key", "0 <13>[S]"),
        ("1048577 <13>hunter2-key", "1048577 <13>[S]"),
    ] {
        for format in [Auto, OctetCounted] {
            let out = output_at_all_cuts(&set, format, &[begin.0, rest].concat());
            assert_eq!(out, ([begin.1, masked].concat(), true), "{format:?}");
        }
    }
    let out = output_at_all_cuts(&set, Auto, &[begin.0, "11 hunter2-key"].concat());
    assert_eq!(out, ([begin.1, "11 [S]"].concat(), true));
    let out = output_at_all_cuts(&set, OctetCounted, &[begin.0, "11 hunter2-key"].concat());
    assert_eq!(out, ([begin.1, "3 [S]"].concat(), false));
}

/// The last message keeps the number of its missing bytes.
#[test]
fn a_message_that_is_cut_off_lacks_as_many_bytes() {
    let set = set(&[SECRET]);
    let out = output_at_all_cuts(&set, Auto, "9 <13>plain40 <13>an hunter2-key");
    assert_eq!(out, ("9 <13>plain32 <13>an [S]".to_owned(), false));
    let out = output_at_all_cuts(&set, OctetCounted, "40 <13>an hunter2-key");
    assert_eq!(out, ("32 <13>an [S]".to_owned(), false));
    let out = output_at_all_cuts(&set, Auto, "9 <13>plain40 <1");
    assert_eq!(out, ("9 <13>plain40 <1".to_owned(), false));
}

/// Only the first length of a stream that may be plain text is searched.
#[test]
fn a_secret_in_the_first_length_is_masked() {
    let set = set(&["19 <13>an"]);
    let input = "19 <13>an hunter2-key.19 <13>an hunter2-key.";
    let (out, is_lost) = output_at_all_cuts(&set, Auto, input);
    assert_eq!((&out[..], is_lost), ("[S] hunter2-key.[S] hunter2-key.", false));
    assert_eq!(output_at_all_cuts(&set, OctetCounted, input), (input.to_owned(), false));
}

/// A message that was declared is a text by itself, so that its end may be a partial match.
#[test]
fn the_beginning_of_a_secret_at_the_end_of_a_message_is_masked() {
    let set = set(&[SECRET]);
    for format in [Auto, OctetCounted] {
        let out = output_at_all_cuts(&set, format, "9 <13>plain16 <13>an hunter2-k9 <13>plain");
        assert_eq!(out, ("9 <13>plain10 <13>an [S]9 <13>plain".to_owned(), false), "{format:?}");
    }
}

#[test]
fn only_a_message_that_may_change_waits() {
    let set = set(&[SECRET]);
    let texts = |format, release, pieces: &[&str]| -> Vec<String> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        let (all, _) = outputs(&set, format, release, &pieces);
        all.into_iter().map(|out| String::from_utf8(out).expect("text")).collect()
    };
    let (plain, masked, held) = ("9 <13>plain", "18 <13>an hunter2-key", "10 <13>an hun");
    let out = texts(Auto, Release::Exact, &["9 <13>pl", "ain", masked, held, plain, masked, "9"]);
    assert_eq!(out, ["", plain, "10 <13>an [S]", "", "10 <13>an hun9 <13>plain", "10 <13>an [S]", "", "9"]);
    let out = texts(Auto, Release::Exact, &[masked, "9 <13", ">", "plain"]);
    assert_eq!(out, ["", "", "10 <13>an [S]", plain, ""]);
    let out = texts(Auto, Release::Line, &[plain, masked, held, plain]);
    assert_eq!(out, ["", plain, "10 <13>an [S]", held, plain]);
    for release in [Release::Exact, Release::Line] {
        let out = texts(OctetCounted, release, &[plain, masked, held, "9 <13>pl", "ain"]);
        assert_eq!(out, [plain, "10 <13>an [S]", held, "", plain, ""]);
    }
    let out = texts(Auto, Release::Exact, &["1", "2", "x", "y"]);
    assert_eq!(out, ["", "", "12x", "y", ""]);
}

/// A field of the journal, with its length.
fn field(name: &str, text: &str) -> String {
    let length = (text.len() as u64).to_le_bytes();
    format!("{name}\n{}{text}\n", std::str::from_utf8(&length).expect("a short text"))
}

#[test]
fn fields_of_a_journal_get_new_lengths() {
    let entry = |secret: &str| {
        let fields = [field("MESSAGE", &format!("{secret}\n{secret}")), field("B", ""), field("C", secret)];
        format!("__CURSOR=s\n_PID=1\n{}D={secret}\n{}{}\n", fields[0], fields[1], fields[2])
    };
    for format in [Auto, JournalExport] {
        let plain = "__CURSOR=a\nMESSAGE=plain\n\n";
        for (input, wanted) in [
            (entry(SECRET), entry("[S]")),
            (entry(SECRET) + plain, entry("[S]") + plain),
            (plain.to_owned() + &entry(SECRET), plain.to_owned() + &entry("[S]")),
        ] {
            assert_eq!(output_at_all_cuts(&set(&[SECRET]), format, &input), (wanted, false), "{format:?}");
        }
    }
}

/// An entry that is none is plain text as a whole, so that no length cuts a secret in two.
#[test]
fn other_text_is_no_journal() {
    let set = set(&[SECRET]);
    let cut = format!("__CURSOR=a\n{}2-key and more\n\n", field("M", "hunter").trim_end());
    for (input, wanted) in [
        (cut.clone(), cut.replace("hunter2-key", "[S]")),
        ("__CURSOR hunter2-key".to_owned(), "__CURSOR [S]".to_owned()),
        ("_".to_owned(), "_".to_owned()),
        ("__CURSOR=a\nM=hunter2-key\nand more\n\n".to_owned(), "__CURSOR=a\nM=[S]\nand more\n\n".to_owned()),
        ("__CURSOR=a\nM=hunter2-key\n".to_owned(), "__CURSOR=a\nM=[S]\n".to_owned()),
    ] {
        assert_eq!(output_at_all_cuts(&set, Auto, &input), (wanted, false));
    }
    let (entry, masked) = ("__CURSOR=a\nM=hunter2-key\n\n", "__CURSOR=a\nM=[S]\n\n");
    let out = output_at_all_cuts(&set, Auto, &[entry, entry, "a hunter2-key"].concat());
    assert_eq!(out, ([masked, masked, "a [S]"].concat(), true));
    let out = output_at_all_cuts(&set, JournalExport, &[entry, "M=hunter2-key\n\nM=hunter2-k"].concat());
    assert_eq!(out, ([masked, "M=[S]\n\nM=[S]"].concat(), false));
}

/// The time for a journal is linear, in one piece and in many.
#[test]
fn a_long_journal_is_counted() {
    let entry = |secret: &str| format!("__CURSOR=s\n{}\n", field("MESSAGE", &format!("{secret}\n{secret}")));
    let (input, wanted) = (entry(SECRET).repeat(20_000), entry("[S]").repeat(20_000));
    for len in [1000, input.len()] {
        let pieces: Vec<&[u8]> = input.as_bytes().chunks(len).collect();
        let (out, is_lost) = outputs(&set(&[SECRET]), Auto, Release::Exact, &pieces);
        assert!(out.concat() == wanted.as_bytes() && !is_lost);
    }
}

#[test]
fn a_mask_of_the_same_length_needs_no_count() {
    let secrets = vec![Secret::new("S", SECRET.into())];
    let set = NeedleSet::exactly(secrets, Mask::Char(b'*')).expect("no collision");
    assert!(Frames::new(OctetCounted, &set, false).is_none());
    assert!(Frames::new(StreamFormat::Raw, &self::set(&[SECRET]), false).is_none());
    assert!(Frames::new(DockerStream, &set, false).is_some(), "a text goes on from frame to frame");
}

/// Messages of any bytes, in pieces of any length: as many come out, each as if it were searched
/// by itself.
#[test]
fn each_message_is_searched_by_itself() {
    let set = set(&["ab", "abc", "bca", "<1>", "1 <"]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..3000 {
        let (mut input, mut wanted) = (b"4 <13>".to_vec(), b"4 <13>".to_vec());
        for _ in 0..next(5) {
            let mut text = b"<13>".to_vec();
            text.extend((0..next(9)).map(|_| b"abc 1<>"[next(7) as usize]));
            let masked = set.redact_cow(&text);
            for (out, text) in [(&mut input, &text[..]), (&mut wanted, &masked)] {
                out.extend(format!("{} ", text.len()).bytes());
                out.extend_from_slice(text);
            }
        }
        let len = 1 + next(7) as usize;
        let pieces: Vec<&[u8]> = input.chunks(len).collect();
        for format in [Auto, OctetCounted] {
            for release in [Release::Exact, Release::Line] {
                let (out, is_lost) = outputs(&set, format, release, &pieces);
                assert_eq!(String::from_utf8_lossy(&out.concat()), String::from_utf8_lossy(&wanted));
                assert!(!is_lost);
            }
        }
    }
}

/// A frame of a multiplexed stream.
fn docker(stream: u8, text: &str) -> String {
    let len = u8::try_from(text.len()).expect("a short text");
    let header = String::from_utf8(vec![stream, 0, 0, 0, 0, 0, 0, len]).expect("text");
    header + text
}

/// The output with exact release, the same at every cut; with line release, at every cut another.
#[track_caller]
fn docker_at_all_cuts(set: &Arc<NeedleSet>, format: StreamFormat, input: &str) -> (String, bool) {
    let whole = |release| {
        let (all, is_lost) = outputs(set, format, release, &[input.as_bytes()]);
        (String::from_utf8(all.concat()).expect("text"), is_lost)
    };
    for release in [Release::Exact, Release::Line] {
        let wanted = whole(release);
        for one in 0..=input.len() {
            for two in one..=input.len() {
                let pieces = [&input.as_bytes()[..one], &input.as_bytes()[one..two], &input.as_bytes()[two..]];
                let (all, is_lost) = outputs(set, format, release, &pieces);
                let all = String::from_utf8(all.concat()).expect("text");
                assert_eq!((all, is_lost), wanted, "cut at {one} and {two}, {release:?}");
            }
        }
    }
    whole(Release::Exact)
}

#[test]
fn each_output_of_a_container_is_a_text() {
    for format in [Auto, DockerStream] {
        for (input, wanted) in [
            (vec![(1, "an hunter2-key.\n"), (2, "plain\n")], vec![(1, "an [S].\n"), (2, "plain\n")]),
            (vec![(1, "an hunter2-"), (2, "plain"), (1, "key.")], vec![(1, "an "), (2, "plain"), (1, "[S].")]),
            (vec![(2, "hunter2-"), (1, "hunter2-"), (2, "key"), (1, "kex")], vec![(2, "[S]"), (1, "hunter2-kex")]),
            (vec![(1, "hunter"), (2, "x")], vec![(2, "x"), (1, "hunter")]),
            (vec![(1, "a hunter2-"), (2, "x")], vec![(1, "a "), (2, "x"), (1, "[S]")]),
            (vec![(2, ""), (1, "x"), (1, ""), (2, "y")], vec![(2, ""), (1, "x"), (1, ""), (2, "y")]),
            (vec![], vec![]),
        ] {
            let stream =
                |frames: &[(u8, &str)]| frames.iter().map(|(stream, text)| docker(*stream, text)).collect::<String>();
            let out = docker_at_all_cuts(&set(&[SECRET]), format, &stream(&input));
            assert_eq!(out, (stream(&wanted), false), "{format:?} {input:?}");
        }
    }
}

#[test]
fn a_multiplexed_stream_that_ceases_is_masked_as_plain_text() {
    let set = set(&[SECRET]);
    let (frame, masked) = (docker(1, "an hunter2-key\n"), docker(1, "an [S]\n"));
    for format in [Auto, DockerStream] {
        for (rest, wanted) in [("no frame hunter2-key", "no frame [S]"), ("\x01\0\0x hunter2-key", "\x01\0\0x [S]")] {
            let out = docker_at_all_cuts(&set, format, &[&*frame, &frame, rest].concat());
            assert_eq!(out, ([&*masked, &masked, wanted].concat(), true), "{format:?}");
        }
        // The frames cease within a secret.
        let out = docker_at_all_cuts(&set, format, &(frame.clone() + &docker(2, "x hunter") + "2-key"));
        assert_eq!(out, (masked.clone() + &docker(2, "x ") + "[S]", true), "{format:?}");
    }
    // Of a stream that was none, no byte of a header changes.
    let out = docker_at_all_cuts(&set, Auto, &(docker(1, "an hunter") + "2-key and more"));
    assert_eq!(out, ("\x01\0\0\0\0\0\0\x09an [S] and more".to_owned(), false));
    let out = docker_at_all_cuts(&set, Auto, &(frame.clone() + "and more"));
    assert_eq!(out, (frame.replace(SECRET, "[S]") + "and more", false));
    for text in ["\x01\0\0\0\0\0\0\x0bhunter", "\x01\0\0", "\x01hunter2-key", "\x02\0\0\0\0\x7f\0\0hunter2-key"] {
        assert_eq!(docker_at_all_cuts(&set, Auto, text), (text.replace(SECRET, "[S]"), false));
    }
}

/// Its reader waits for as many bytes as before.
#[test]
fn a_frame_that_is_cut_off_lacks_as_many_bytes() {
    let set = set(&[SECRET]);
    let cut =
        |len: u8, text: &str| format!("{}{text}", String::from_utf8(vec![1, 0, 0, 0, 0, 0, 0, len]).expect("text"));
    let out = docker_at_all_cuts(&set, DockerStream, &(docker(2, "plain") + &cut(40, "an hunter2-key")));
    assert_eq!(out, (docker(2, "plain") + &cut(32, "an [S]"), false));
    let out = docker_at_all_cuts(&set, DockerStream, &cut(40, ""));
    assert_eq!(out, (cut(40, ""), false));
}

/// Without a declaration, the length could be the first byte of a secret, before which a hostile
/// writer has put the rest of a header.
#[test]
fn a_secret_that_begins_as_a_length_is_masked() {
    let secret = "Aunter2-key-of-sixty-six-bytes-0123456789-0123456789-0123456789-01";
    let set = set(&[secret]);
    assert_eq!(usize::from(b'A'), secret.len() - 1);
    let (before, hostile) = (docker(1, "x\n"), format!("\x01\0\0\0\0\0\0{secret}\n"));
    for input in [hostile.clone(), format!("{before}{before}{hostile}")] {
        let (out, _) = docker_at_all_cuts(&set, Auto, &input);
        assert_eq!(out, input.replace(secret, "[S]"));
    }
    // Nor in the header of a frame that is cut off.
    let input = format!("{before}\0\0\0\0\0\n{SECRET}");
    assert_eq!(docker_at_all_cuts(&self::set(&[SECRET]), Auto, &input).0, input.replace(SECRET, "[S]"));
    // The length of an empty frame, too: the end of its header may begin such a secret.
    let (empty, set) = (docker(1, ""), self::set(&["\0hunter2"]));
    for input in [empty.clone(), format!("{empty}{before}"), format!("{before}{empty}hunter2"), empty.clone() + "hun"] {
        let (out, _) = docker_at_all_cuts(&set, Auto, &input);
        assert_eq!(out, input.replace("\0hunter2", "[S]"));
    }
}

/// Frames of any bytes: in each stream comes out what its text alone comes out as.
#[test]
fn each_stream_is_searched_by_itself() {
    let set = set(&["ab", "abc", "bca", "\0a"]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..2000 {
        let (mut input, mut texts) = (Vec::new(), [(); 3].map(|()| Vec::new()));
        for _ in 0..next(8) {
            let (stream, text): (_, Vec<u8>) =
                (1 + next(2) as u8, (0..next(9)).map(|_| b"abc \n\0\x01"[next(7) as usize]).collect());
            input.extend([stream, 0, 0, 0, 0, 0, 0, text.len() as u8]);
            input.extend_from_slice(&text);
            texts[usize::from(stream)].extend(text);
        }
        let len = 1 + next(7) as usize;
        let pieces: Vec<&[u8]> = input.chunks(len).collect();
        for release in [Release::Exact, Release::Line] {
            let (out, is_lost) = outputs(&set, DockerStream, release, &pieces);
            let (out, mut demultiplexed) = (out.concat(), [(); 3].map(|()| Vec::new()));
            let mut rest = &out[..];
            while let [stream, 0, 0, 0, 0, 0, 0, len, more @ ..] = rest {
                let (text, more) = more.split_at(usize::from(*len));
                demultiplexed[usize::from(*stream)].extend_from_slice(text);
                rest = more;
            }
            assert!(rest.is_empty() && !is_lost);
            assert_eq!(demultiplexed, texts.each_ref().map(|text| set.redact_cow(text).into_owned()));
        }
    }
}
