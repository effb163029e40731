//! A fuzz target for the filter as a helper of rsyslog: any lines, cut anywhere, against rsyslog's
//! handling of the answers. Shared by `tests/engine/corpus_protocols.rs` and `fuzz/`.

#![allow(unreachable_pub, reason = "used by another crate as well")]
#![allow(dead_code, reason = "the program uses more of its modules than is used here")]

// The program has no library of its own; these are its files.
#[path = "../../../src/cli/protocol/json.rs"]
mod json;
#[path = "../../../src/cli/protocol/mmexternal.rs"]
mod mmexternal;
mod model;
#[path = "../../../src/cli/protocol/talk.rs"]
mod talk;

use std::sync::Arc;

use hushlog::{NeedleSet, Redactor, Secret};

use json::Json;
use mmexternal::Mmexternal;
use model::Kind;

/// Any lines: each gets one answer, in order, equal to the model's, for any cuts.
pub fn mmexternal(bytes: &[u8]) {
    let (&[flags, limit, cut, other_cut], rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let kind = Kind { whole: flags & 1 == 1, mark: flags & 2 == 2 };
    let Some((set, rest)) = set(flags >> 2, rest) else { return };
    let text = if kind.whole && flags & 32 == 32 { messages(rest) } else { rest.to_vec() };
    // Either short lines are already too long, or no line is.
    let line_len_max = if limit < 32 { 8 + usize::from(limit) } else { 64 << 10 };

    let mut helper = Mmexternal::new(Arc::clone(&set), Redactor::new(Arc::clone(&set)), kind.whole, kind.mark);
    let out = talk(&text, [cut, other_cut], line_len_max, |line, out| helper.answer(line, out));
    let mut answers = out.split_inclusive(|&byte| byte == b'\n');
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let answer = answers.next().and_then(|answer| answer.strip_suffix(b"\n")).expect("an answer to each line");
        model::check(kind, &set, Some(line).filter(|line| line.len() < line_len_max), answer);
    }
    assert_eq!(answers.next(), None, "more answers than lines");
}

/// Secrets that are hard to keep out of JSON, and optionally one from the beginning of the input.
fn set(flags: u8, input: &[u8]) -> Option<(Arc<NeedleSet>, &[u8])> {
    let (value, rest) = match input.iter().position(|&byte| byte == 0) {
        Some(end) if flags & 1 == 1 => (&input[..end], &input[end + 1..]),
        _ => (&b""[..], input),
    };
    let mut builder = NeedleSet::builder()
        .secret(Secret::new("KEY", b"sk-live-4f9QzX".to_vec()))
        .secret(Secret::new("PIN", b"4815162342".to_vec()))
        .secret(Secret::new("quoted", b"p\"a\\s\xff\x01w".to_vec()))
        .secret(Secret::new("own", value.to_vec()))
        .encodings(flags & 2 == 0);
    if flags & 4 == 4 {
        // No mask has the length of a secret if each possible byte could begin or end one.
        for byte in b"*#~^_=+-.:|!?@$%&;,\x1a\x7f" {
            builder = builder.secret(Secret::new("marks", [*byte; 4].to_vec()));
        }
    }
    // A value that contains every possible mask cannot be masked.
    Some((Arc::new(builder.build().ok()?), rest))
}

/// Messages as rsyslog writes them, one for each line, with NULs between the line's parts.
fn messages(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let mut parts = line.split(|&byte| byte == 0).chain(std::iter::repeat(&b""[..])).map(<[u8]>::to_vec);
        let mut part = |_| parts.next().expect("they do not end");
        let [head, msg, host, tag, program, name, text, key, value] = std::array::from_fn(&mut part);
        let variable = Json::Array(vec![Json::Text(text), Json::Object(vec![(key, Json::Text(value))])]);
        let message = [
            ("msg", Json::Text(msg.clone())),
            ("rawmsg", Json::Text([head, msg].concat())),
            ("hostname", Json::Text(host)),
            ("syslogtag", Json::Text(tag)),
            ("programname", Json::Text(program)),
            ("$!", Json::Object(vec![(name, variable)])),
        ];
        Json::Object(message.map(|(name, value)| (name.into(), value)).into()).write(&mut out);
        out.push(b'\n');
    }
    out
}

/// The output for a text that is read in pieces of these lengths, as far as the buffer permits.
fn talk(text: &[u8], cuts: [u8; 2], line_len_max: usize, answer: impl FnMut(Option<&[u8]>, &mut Vec<u8>)) -> Vec<u8> {
    let (mut rest, mut out) = (text, Vec::new());
    let mut cuts = cuts.into_iter().cycle();
    let read = |buffer: &mut [u8]| {
        let cut = cuts.next().map_or(1, |cut| 1 + usize::from(cut));
        let (piece, after) = rest.split_at(rest.len().min(buffer.len()).min(cut));
        buffer[..piece.len()].copy_from_slice(piece);
        rest = after;
        Ok(piece.len())
    };
    let write = |answers: &[u8]| {
        out.extend_from_slice(answers);
        Ok(())
    };
    let Ok(summary) = talk::talk_through(read, write, line_len_max, answer) else { panic!("it failed") };
    assert_eq!((summary.bytes_in, summary.bytes_out), (text.len() as u64, out.len() as u64));
    out
}
