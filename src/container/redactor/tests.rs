//! Checks records against the definition: the text of each stream is searched as a whole, and put
//! back into its records.

use std::sync::Arc;

use super::{ContainerRedactor, HELD_LEN_MAX, RecordFormat, TAIL_LEN_MIN};
use crate::io::budget::{BUDGET_LEN_MAX, Budget, BudgetShare};
use crate::redact::mask::Mask;
use crate::redact::naive;
use crate::redact::needle::NeedleSet;
use crate::redact::secret::Secret;

fn concat(pieces: Vec<super::Piece<'_>>) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.bytes().iter().copied()).collect()
}

const BOTH: [RecordFormat; 2] = [RecordFormat::Docker, RecordFormat::Cri];

/// A record: its stream, its text, and whether the line continues.
#[derive(Clone, Debug)]
struct Said {
    stream: usize,
    text: String,
    goes_on: bool,
}

fn said(stream: usize, text: &str, goes_on: bool) -> Said {
    Said { stream, text: text.to_owned(), goes_on }
}

/// Escapes a character for JSON as Go does.
fn escape(c: char) -> String {
    match c {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '\t' => "\\t".into(),
        '<' => "\\u003c".into(),
        c => c.into(),
    }
}

/// Formats a record as its runtime does, with `text` in place of its text.
fn record(format: RecordFormat, said: &Said, number: usize, text: &str) -> String {
    let stream = ["stdout", "stderr"][said.stream];
    match format {
        RecordFormat::Docker => {
            let end = if said.goes_on { "" } else { "\\n" };
            let time = format!("2026-11-24T16:00:00.{number:09}Z");
            format!("{{\"log\":\"{text}{end}\",\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n")
        }
        RecordFormat::Cri => {
            let tag = if said.goes_on { "P" } else { "F" };
            format!("2026-11-24T16:00:00.{number:09}Z {stream} {tag} {text}\n")
        }
    }
}

fn raw(format: RecordFormat, text: &str) -> String {
    match format {
        RecordFormat::Docker => text.chars().map(escape).collect(),
        RecordFormat::Cri => text.to_owned(),
    }
}

/// Returns the original records and the expected ones.
fn records(format: RecordFormat, needles: &[&str], script: &[Said]) -> (Vec<String>, Vec<String>) {
    let bytes: Vec<&[u8]> = needles.iter().map(|needle| needle.as_bytes()).collect();
    let all = |stream: usize| -> String {
        let own = script.iter().filter(|said| said.stream == stream);
        own.map(|said| format!("{}{}", said.text, if said.goes_on { "" } else { "\n" })).collect()
    };
    let covered = [0, 1].map(|stream| naive::covered(&bytes, all(stream).as_bytes()));
    let mut at = [0, 0];
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (number, said) in script.iter().enumerate() {
        before.push(record(format, said, number, &raw(format, &said.text)));
        let covered = &covered[said.stream];
        let begins = |at: usize| covered[at] && (at == 0 || !covered[at - 1]);
        let mut text = String::new();
        for c in said.text.chars() {
            let at = &mut at[said.stream];
            if begins(*at) {
                text += "#-#";
            }
            if !covered[*at] {
                text += &raw(format, &c.to_string());
            }
            *at += c.len_utf8();
        }
        if !said.goes_on {
            // The newline stays, with the mask before it, if the secret begins with it.
            if begins(at[said.stream]) {
                text += "#-#";
            }
            at[said.stream] += 1;
        }
        after.push(record(format, said, number, &text));
    }
    (before, after)
}

fn set(needles: &[&str]) -> Arc<NeedleSet> {
    let secrets = needles.iter().map(|needle| Secret::new("S", needle.as_bytes().to_vec())).collect();
    Arc::new(NeedleSet::exactly(secrets, Mask::Template("#-#".into())).expect("no needle has a # in it"))
}

/// Returns the output for these pieces, with its end. After each piece, another engine resumes at
/// the reported position, and must produce the last of the expected records.
fn run(format: RecordFormat, set: &Arc<NeedleSet>, input: &[u8], pieces: &[&[u8]], wanted: &[String]) -> Vec<u8> {
    let mut redactor = ContainerRedactor::new(Arc::clone(set), format, false);
    let (mut out, mut pushed) = (Vec::new(), 0);
    let whole = wanted.concat();
    for piece in pieces {
        out.extend(concat(redactor.push(piece).0));
        assert!(whole.as_bytes().starts_with(&out), "{:?} is no beginning of {whole:?}", String::from_utf8_lossy(&out));
        pushed += piece.len();
        let safe = pushed - usize::try_from(redactor.unsettled()).unwrap();
        let number = input[..safe].iter().filter(|&&byte| byte == b'\n').count();
        assert!(safe == 0 || input[safe - 1] == b'\n', "it is no record's beginning");
        let given = out.iter().filter(|&&byte| byte == b'\n').count();
        assert!(number <= given, "records were not given out before {safe}");
        let mut next = ContainerRedactor::new(Arc::clone(set), format, false);
        let mut rest = concat(next.push(&input[safe..]).0);
        rest.extend(concat(next.finish()));
        // A mask may be written twice, where masked text of one touches masked text of the other.
        let rest = String::from_utf8_lossy(&rest).replace("#-#", "");
        assert_eq!(rest, wanted[number..].concat().replace("#-#", ""), "from {safe} after {pushed}");
    }
    out.extend(concat(redactor.finish()));
    assert_eq!(redactor.unsettled(), 0);
    out
}

#[track_caller]
fn check(needles: &[&str], script: &[Said]) {
    for format in BOTH {
        let set = set(needles);
        let (before, wanted) = records(format, needles, script);
        let input = before.concat().into_bytes();
        for size in [input.len().max(1), 1, 7, 64] {
            let pieces: Vec<&[u8]> = input.chunks(size).collect();
            let out = run(format, &set, &input, &pieces, &wanted);
            assert_eq!(String::from_utf8_lossy(&out), wanted.concat(), "{format:?} in pieces of {size}");
        }
        if format == RecordFormat::Docker {
            for line in &wanted {
                serde_json::from_str::<serde_json::Value>(line).expect("it is JSON still");
            }
        }
    }
}

const SECRET: &str = "hunter2-prod-key";

#[test]
fn a_secret_in_one_record_over_two_and_over_three_at_every_cut() {
    let text = format!("a \"<quoted>\" {SECRET} and é\tmore");
    check(&[SECRET], &[said(0, &text, false)]);
    let cuts = text.char_indices().map(|(at, _)| at);
    for first in cuts.clone() {
        check(&[SECRET], &[said(0, &text[..first], true), said(0, &text[first..], false)]);
    }
    for first in cuts.clone().filter(|at| at % 3 == 0) {
        for second in cuts.clone().filter(|&at| at > first && at % 2 == 0) {
            let texts = [&text[..first], &text[first..second], &text[second..]];
            check(&[SECRET], &[said(0, texts[0], true), said(0, texts[1], true), said(0, texts[2], false)]);
        }
    }
}

#[test]
fn two_voices_interleaved() {
    for first in 1..SECRET.len() {
        for second in (1..SECRET.len()).step_by(3) {
            check(
                &[SECRET],
                &[
                    said(0, &SECRET[..first], true),
                    said(1, "an error, whole", false),
                    said(1, &format!("its key: {}", &SECRET[..second]), true),
                    said(0, &SECRET[first..], false),
                    said(0, "between", false),
                    said(1, &SECRET[second..], false),
                    said(1, "hunter2-", false),
                    said(0, "the end", false),
                ],
            );
        }
    }
}

#[test]
fn a_secret_of_several_lines_leaves_the_lines() {
    check(
        &["one\ntwo\n<three>"],
        &[
            said(0, "x one", false),
            said(1, "other", false),
            said(0, "two", false),
            said(0, "<three> y", false),
            said(0, "one", false),
            said(0, "two", false),
            said(0, "four", false),
        ],
    );
    check(
        &["\nbegins", "ends\n"],
        &[said(0, "ends", false), said(0, "begins", false), said(0, "", false), said(0, "begins", true)],
    );
}

#[test]
fn overlaps_reach_over_records() {
    check(
        &["abcdef", "efgh", "hh"],
        &[
            said(0, "..abc", true),
            said(0, "def", true),
            said(0, "gh", true),
            said(0, "h", true),
            said(0, "h..", false),
            said(0, "abcde", false),
        ],
    );
}

#[test]
fn random_scripts() {
    let mut seed = 6u64;
    let mut below = move |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % end
    };
    for _ in 0..300 {
        let word = |below: &mut dyn FnMut(usize) -> usize, len: usize, letters: &[char]| -> String {
            (0..len).map(|_| letters[below(letters.len())]).collect()
        };
        let needles: Vec<String> = (0..1 + below(3))
            .map(|_| {
                let len = 1 + below(5);
                word(&mut below, len, &['x', 'y', '<', '\n'])
            })
            .collect();
        // At the end of a partial record, the newline is the record's, but would be masked.
        let needles: Vec<&str> =
            needles.iter().map(|needle| needle.trim_end_matches('\n')).filter(|n| !n.is_empty()).collect();
        let script: Vec<Said> = (0..1 + below(8))
            .map(|_| {
                let len = below(6);
                said(below(2), &word(&mut below, len, &['x', 'y', '<', '"', 'é']), below(3) == 0)
            })
            .collect();
        check(&needles, &script);
    }
}

#[test]
fn a_line_that_is_no_record_is_searched_too() {
    let set = set(&[SECRET]);
    for format in BOTH {
        let mut redactor = ContainerRedactor::new(Arc::clone(&set), format, true);
        let long = "x".repeat(300 << 10);
        let input = format!("plain {SECRET} text\n{long}{SECRET}{long}\n\n{{\"log\":\"{SECRET}\n{SECRET}");
        let mut out = Vec::new();
        for piece in input.as_bytes().chunks(10_007) {
            out.extend(concat(redactor.push(piece).0));
        }
        out.extend(concat(redactor.finish()));
        assert_eq!(String::from_utf8(out).unwrap(), input.replace(SECRET, "#-#"));
        assert_eq!(redactor.counts().values().sum::<u64>(), 4);
    }
}

#[test]
fn a_secret_elsewhere_in_a_record_is_masked() {
    let input =
        format!("{{\"log\":\"{SECRET}\\n\",\"stream\":\"stdout\",\"attrs\":{{\"key\":\"{SECRET}\"}},\"time\":\"\"}}\n");
    let mut redactor = ContainerRedactor::new(set(&[SECRET]), RecordFormat::Docker, true);
    assert_eq!(String::from_utf8(concat(redactor.push(input.as_bytes()).0)).unwrap(), input.replace(SECRET, "#-#"));
    assert_eq!(redactor.unsettled(), 0);
}

#[test]
fn a_record_that_was_never_finished_gives_nothing_away() {
    let set = set(&[SECRET]);
    for format in BOTH {
        let first = record(format, &said(1, "", true), 1, &SECRET[..8]);
        let second = record(format, &said(1, "", false), 2, &format!("{} {SECRET}", &SECRET[8..]));
        for cut in 0..=second.len() {
            let mut redactor = ContainerRedactor::new(Arc::clone(&set), format, true);
            let mut out = concat(redactor.push(format!("{first}{}", &second[..cut]).as_bytes()).0);
            out.extend(concat(redactor.finish()));
            let out = String::from_utf8(out).unwrap();
            let shown = out.replace("#-#", "");
            // These 8 bytes are at least half of the secret: a partial match.
            assert!(!shown.contains(&SECRET[..8]) && !shown.contains(&SECRET[8..12]), "{cut}: {out}");
        }
    }
}

/// One stream begins a secret and never completes it, while the other continues.
#[test]
fn a_part_that_waits_too_long_is_masked() {
    let set = set(&[SECRET]);
    let mut redactor = ContainerRedactor::new(set, RecordFormat::Cri, true);
    let mut out = concat(redactor.push(record(RecordFormat::Cri, &said(0, "", true), 0, &SECRET[..12]).as_bytes()).0);
    let line = record(RecordFormat::Cri, &said(1, "", false), 1, "and so on");
    let (mut held_max, mut lines) = (0, 0);
    while out.is_empty() {
        out.extend(concat(redactor.push(line.as_bytes()).0));
        held_max = held_max.max(redactor.held());
        lines += 1;
    }
    assert!(held_max <= (HELD_LEN_MAX + line.len()) as u64);
    let wanted = format!("{}{}", record(RecordFormat::Cri, &said(0, "", true), 0, "#-#"), line.repeat(lines));
    assert!(String::from_utf8(out).unwrap() == wanted);
    // The rest of the secret arrives later, and is masked as such.
    let rest = record(RecordFormat::Cri, &said(0, "", false), 2, &format!("{} end", &SECRET[12..]));
    let wanted = record(RecordFormat::Cri, &said(0, "", false), 2, " end");
    assert_eq!(String::from_utf8(concat(redactor.push(rest.as_bytes()).0)).unwrap(), wanted);
}

/// Sixteen thousand connections may each begin a secret, and never complete it.
#[test]
fn a29_records_of_all_streams_together_have_a_limit() {
    let set = set(&[SECRET]);
    let begins = record(RecordFormat::Cri, &said(0, "", true), 0, &SECRET[..12]);
    let line = record(RecordFormat::Cri, &said(1, "", false), 1, &"and so on ".repeat(1_000));
    for by_lines in [false, true] {
        let budget = Arc::new(Budget::default());
        // Other streams take all room but this.
        let room = 16 << 20;
        let mut others = BudgetShare::new(Arc::clone(&budget), !by_lines);
        others.take(BUDGET_LEN_MAX - room);
        let (mut streams, mut held, mut has_gone) = (Vec::new(), 0, 0);
        for _ in 0..10 {
            let redactor = ContainerRedactor::new(Arc::clone(&set), RecordFormat::Cri, true)
                .with_budget(BudgetShare::new(Arc::clone(&budget), !by_lines));
            let mut redactor = if by_lines { redactor.by_lines() } else { redactor };
            let mut out = concat(redactor.push(begins.as_bytes()).0);
            for _ in 0..400 {
                out.extend(concat(redactor.push(line.as_bytes()).0));
            }
            out.extend(concat(redactor.push(&line.as_bytes()[..TAIL_LEN_MIN.min(line.len() - 1)]).0));
            assert!(!out.windows(12).any(|shown| shown == &SECRET.as_bytes()[..12]), "the beginning is out");
            held += usize::try_from(redactor.held()).unwrap();
            has_gone += usize::from(!out.is_empty());
            streams.push((redactor, out));
        }
        assert!(held <= room + streams.len() * TAIL_LEN_MIN, "{held} bytes wait");
        assert!(held > room / 2 && has_gone > 2, "{held} bytes wait, {has_gone} streams go on");
        // The rest of the secret is masked in each, and the room is free again.
        for (mut redactor, mut out) in streams {
            out.extend(concat(redactor.push(b"\n").0));
            let rest = record(RecordFormat::Cri, &said(0, "", false), 2, &format!("{} end", &SECRET[12..]));
            out.extend(concat(redactor.push(rest.as_bytes()).0));
            out.extend(concat(redactor.finish()));
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains(&SECRET[..12]) && !out.contains(&SECRET[12..]), "a half is out");
        }
        others.take(0);
        assert!(others.fits(BUDGET_LEN_MAX), "room was not given back");
    }
}

#[test]
fn another_set_takes_over_the_hold_back() {
    let old = set(&["alpha-bravo", "hotel"]);
    let new = set(&["alpha-charlie", "hotel"]);
    for format in BOTH {
        let mut redactor = ContainerRedactor::new(Arc::clone(&old), format, true);
        let line = |number: usize, text: &str, goes_on: bool| record(format, &said(0, "", goes_on), number, text);
        let mut out =
            concat(redactor.push(format!("{}{}", line(0, "hotel", false), line(1, "is alpha-", true)).as_bytes()).0);
        out.extend(concat(redactor.swap(Arc::clone(&new))));
        out.extend(concat(redactor.push(line(2, "charlie hotel", false).as_bytes()).0));
        let wanted = format!("{}{}{}", line(0, "#-#", false), line(1, "is #-#", true), line(2, " #-#", false));
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        assert_eq!((redactor.unsettled(), redactor.counts().values().sum::<u64>()), (0, 3));
    }
}

/// Pending text has not been written: a new set finds both whole secrets and beginnings in it.
#[test]
fn b10_records_that_wait_are_searched_again() {
    for format in BOTH {
        for by_lines in [false, true] {
            let mut redactor = ContainerRedactor::new(set(&["alpha-bravo"]), format, true);
            if by_lines {
                redactor = redactor.by_lines();
            }
            let line = |number, stream, text: &str, goes_on| record(format, &said(stream, "", goes_on), number, text);
            // The first stream may be within a secret, and the second one waits behind it.
            let before = line(0, 0, "alpha-", true) + &line(1, 1, "late-delta late-", true);
            assert!(concat(redactor.push(before.as_bytes()).0).is_empty());
            let mut out = concat(redactor.swap(set(&["alpha-bravo", "late-delta"])));
            let after = line(2, 1, "delta end", false) + &line(3, 0, "charlie", false);
            out.extend(concat(redactor.push(after.as_bytes()).0));
            out.extend(concat(redactor.finish()));
            let wanted = [
                line(0, 0, "alpha-", true),
                line(1, 1, "#-# #-#", true),
                line(2, 1, " end", false),
                line(3, 0, "charlie", false),
            ];
            assert_eq!(String::from_utf8(out).unwrap(), wanted.concat());
            assert_eq!(redactor.counts().values().sum::<u64>(), 2);
        }
    }
}

#[test]
fn b07_short_lines_that_wait_take_no_more_than_long_ones() {
    for format in BOTH {
        for by_lines in [false, true] {
            let mut redactor = ContainerRedactor::new(set(&[SECRET]), format, true);
            if by_lines {
                redactor = redactor.by_lines();
            }
            let begun = record(format, &said(0, "", true), 0, &SECRET[..12]);
            let mut out = concat(redactor.push(begun.as_bytes()).0);
            let (mut lines, mut taken_max) = (0, 0);
            while lines <= HELD_LEN_MAX {
                out.extend(concat(redactor.push(&[b'\n'; 1_000]).0));
                lines += 1_000;
                let lines_len: usize = redactor.queue.iter().map(|held| held.line.capacity()).sum();
                taken_max = taken_max.max(lines_len + redactor.queue.capacity() * size_of::<super::PendingRecord>());
            }
            assert!(taken_max <= HELD_LEN_MAX, "{taken_max} bytes wait in one stream");
            out.extend(concat(redactor.finish()));
            let wanted = record(format, &said(0, "", true), 0, "#-#") + &"\n".repeat(lines);
            assert!(out == wanted.as_bytes(), "what waited came out otherwise");
        }
    }
}

/// One record takes as long as many with the same text, whatever is masked. A ratio, since machines
/// differ.
#[test]
fn b08_a_dense_record_takes_time_in_proportion_to_its_length() {
    let set = set(&["Xq7p"]);
    let took = |text: &str, records: usize, format: RecordFormat| {
        let input = record(format, &said(0, "", false), 0, &raw(format, text)).repeat(records);
        let time = || {
            let mut redactor = ContainerRedactor::new(Arc::clone(&set), format, true);
            let start = std::time::Instant::now();
            assert!(!concat(redactor.push(input.as_bytes()).0).is_empty());
            start.elapsed()
        };
        (0..3).map(|_| time()).min().expect("three")
    };
    for format in BOTH {
        let (one, many) = (took(&"Xq7p\"".repeat(40_000), 1, format), took(&"Xq7p\"".repeat(1_000), 40, format));
        assert!(one < many * 6, "{one:?} in one record, {many:?} in forty");
    }
}

/// Secrets of all characters that JSON escapes, at their ends above all.
#[test]
fn a24_records_stay_json_whatever_the_secret() {
    const PIECES: [&str; 9] = ["ab\\", "\\", "\"", "n", "\u{1}", "ab", "u0061", "\u{ff}", "<"];
    let mut state = 13_u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % end as u64) as usize
    };
    let mut masked = 0;
    for _ in 0..4000 {
        let mut text = |len: usize| -> String { (0..len).map(|_| PIECES[below(PIECES.len())]).collect() };
        let (secret, line) = (text(2), text(12));
        if secret.len() < 2 {
            continue;
        }
        let text = serde_json::to_string(&format!("{line}\n")).unwrap();
        let record = format!("{{\"log\":{text},\"stream\":\"stdout\"}}\n");
        let set = set(&[&secret]);
        let cut = below(record.len());
        let mut redactor = ContainerRedactor::new(Arc::clone(&set), RecordFormat::Docker, false);
        let mut out = concat(redactor.push(&record.as_bytes()[..cut]).0);
        out.extend(concat(redactor.push(&record.as_bytes()[cut..]).0));
        out.extend(concat(redactor.finish()));
        let covered = naive::covered(&[secret.as_bytes()], format!("{line}\n").as_bytes());
        let mut wanted = Vec::new();
        for (at, byte) in format!("{line}\n").bytes().enumerate() {
            if covered[at] && (at == 0 || !covered[at - 1]) {
                wanted.extend_from_slice(b"#-#");
                masked += 1;
            }
            if !covered[at] {
                wanted.push(byte);
            }
        }
        let found: serde_json::Value = serde_json::from_slice(&out)
            .unwrap_or_else(|error| panic!("{secret:?} in {line:?}: {error}: {}", String::from_utf8_lossy(&out)));
        assert_eq!(found["log"].as_str().map(str::as_bytes), Some(&wanted[..]), "{secret:?} in {line:?}");
        assert_eq!(found["stream"], "stdout");
    }
    assert!(masked > 500, "{masked}");
}
