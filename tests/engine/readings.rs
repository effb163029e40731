//! Both readings of a text, against their definition: at every cut, in small worlds of escapes.

use std::sync::Arc;

use crate::harness::engine;
use crate::harness::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED};
use crate::harness::rng::Rng;
use crate::harness::{check, cuts};
use hushlog::{Form, NeedleSet, Redactor, Secret};

/// A set of these needles, searched in both readings.
pub(crate) fn set(needles: &[Vec<u8>]) -> Arc<NeedleSet> {
    let secret = |(number, needle): (usize, &Vec<u8>)| Secret::new(number.to_string(), needle.clone());
    let builder = NeedleSet::builder().exactly().readings(true).mask(engine::named());
    let builder = needles.iter().enumerate().map(secret).fold(builder, hushlog::NeedleSetBuilder::secret);
    Arc::new(builder.build().expect("the mask has no letter of the needles"))
}

/// One spelling of a byte, or a part of one.
fn spell(rng: &mut Rng, byte: u8, depth: usize, out: &mut Vec<u8>) {
    let written = match rng.below(16) {
        0 => format!("%{byte:02x}"),
        1 => format!("&#{byte};"),
        2 => format!("&#x{byte:X};"),
        3 => format!("\\u{byte:04x}"),
        4 => format!("\\x{byte:02x}"),
        5 => format!("\\{byte:03o}"),
        6 => format!("\\{}", char::from(byte)),
        7 => format!("\x1b[1;3{}m{}", rng.below(8), char::from(byte)),
        8 => format!("\\u{{{byte:x}}}"),
        9 => format!("^{}", char::from(byte)),
        10 => format!("{0}{0}", char::from(byte)),
        11 => format!("%u{byte:04x}"),
        12 => format!("&{};", name_in_html(byte)),
        _ => return out.push(byte),
    };
    for byte in written.into_bytes() {
        if depth > 0 { spell(rng, byte, depth - 1, out) } else { out.push(byte) }
    }
}

/// A name of a byte in HTML; without one, its number.
fn name_in_html(byte: u8) -> String {
    let names = [
        (b'"', "quot"),
        (b'\'', "apos"),
        (b'$', "dollar"),
        (b'%', "percnt"),
        (b'{', "lbrace"),
        (b'\\', "bsol"),
        (b'^', "Hat"),
        (b'&', "amp"),
        (b'\n', "NewLine"),
    ];
    let named = names.into_iter().find(|(other, _)| *other == byte);
    named.map_or_else(|| format!("#{byte}"), |(_, name)| name.to_owned())
}

/// A dump of these bytes in the layout of some program, or nearly.
fn dump(rng: &mut Rng, bytes: &[u8], out: &mut Vec<u8>) {
    let in_row = [3, 8, 16, 16, 32, 33][rng.below(6)];
    let colon = [": ", "  ", ": ", " - ", "| ", " "][rng.below(6)];
    let (group, between) = [(1, " "), (2, " "), (1, "-"), (4, " ")][rng.below(4)];
    let (before, after) = [("  ", ""), (" ", ""), ("  |", "|"), ("   ", ""), ("  >", "<")][rng.below(5)];
    let line_end = ["\n", "\n", "\r\n", "\\n", "\n ", " |\n", "\n\n", "\r"][rng.below(8)];
    let (width, first) = (4 + 4 * rng.below(2), [0, 0, 0, 16][rng.below(4)]);
    for (number, row) in bytes.chunks(in_row).enumerate() {
        out.extend(format!("{:0width$x}{colon}", first + in_row * number).into_bytes());
        let start = out.len();
        for (index, byte) in row.iter().enumerate() {
            out.extend(if index == in_row / 2 && group == 1 { " " } else { "" }.bytes());
            out.extend(format!("{byte:02x}").into_bytes());
            out.extend(if index % group == group - 1 { between } else { "" }.bytes());
        }
        out.truncate(out.len() - usize::from(out.ends_with(between.as_bytes())));
        out.resize(out.len().max(start + 2 * in_row + in_row / group), b' ');
        out.extend_from_slice(before.as_bytes());
        out.extend(row.iter().map(|byte| if matches!(byte, b' '..=b'~') { *byte } else { b'.' }));
        out.extend_from_slice(after.as_bytes());
        if rng.below(20) == 0 {
            out.truncate(out.len() - rng.below(30).min(out.len()));
        }
        out.extend_from_slice(line_end.as_bytes());
    }
}

const LETTERS: &[u8] = b"ab\"'$%{\\^&\n ";

fn word(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| LETTERS[if rng.below(3) == 0 { rng.below(LETTERS.len()) } else { rng.below(2) }]).collect()
}

/// A text of spellings of the needles, whole and in parts, and of bytes between them.
fn text(rng: &mut Rng, needles: &[Vec<u8>], len_max: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < len_max {
        match rng.below(13) {
            11 | 12 => {
                let needle = &needles[rng.below(needles.len())];
                let inner = [word(rng, 5), needle.clone(), word(rng, 3), needle.clone()].concat();
                let mut rows = Vec::new();
                let from = rng.below(8);
                dump(rng, &inner[from..], &mut rows);
                let (spelled, depth) = (rng.below(4) == 0, rng.below(2));
                let is_spelled = |byte: u8| matches!(byte, b'\n' | b'"' | b'\\');
                for byte in rows {
                    if spelled && is_spelled(byte) { spell(rng, byte, depth, &mut text) } else { text.push(byte) }
                }
            }
            0..=4 => {
                let needle = &needles[rng.below(needles.len())];
                let from = if rng.below(3) == 0 { rng.below(needle.len()) } else { 0 };
                let depth = rng.below(3);
                let plain = rng.below(3);
                for &byte in &needle[from..] {
                    if rng.below(3) < plain { text.push(byte) } else { spell(rng, byte, depth, &mut text) }
                }
                text.truncate(text.len() - if rng.below(3) == 0 { rng.below(4).min(text.len()) } else { 0 });
            }
            5 => text.extend(word(rng, 3)),
            6 => text.extend(std::iter::repeat_n(b"ab-\\\"' "[rng.below(7)], 1 + rng.below(5))),
            7 => text.extend(std::iter::repeat_n(b'b', 38 + rng.below(4))),
            8 => text.extend(
                [&b"\n"[..], b"\r\n", b"\n  ", b"\x1b]0;x\x07", b"\x1b", b"%4", b"&am", b"\\u00"][rng.below(8)],
            ),
            9 => text.extend([&b"\n"[..], b"\n00aB: ", b"\r\n 0001f: ", b"\n00000000a: ", b"\nab: "][rng.below(5)]),
            _ => text.push(rng.below(256) as u8),
        }
    }
    text
}

pub(crate) fn check_text(rng: &mut Rng, needles: &[Vec<u8>], text: &[u8]) {
    let set = set(needles);
    let (mask_partial, partial_len_min) = [(true, PARTIAL_MASKED), (false, PARTIAL_KEPT)][rng.below(2)];
    let expected = Expected::naive(&set, text, partial_len_min);
    let mut redactor = Redactor::new(Arc::clone(&set)).mask_partial(mask_partial);
    let mut out = Vec::new();
    let mut run = |cuts: &[usize]| {
        check::run(&mut redactor, &expected, text, cuts, &mut out).unwrap_or_else(|error| {
            let needles: Vec<_> = needles.iter().map(|needle| needle.escape_ascii().to_string()).collect();
            panic!("{needles:?} in {}: {error:?}", text.escape_ascii());
        });
    };
    run(&[]);
    run(&cuts::every_byte(text.len()));
    (0..text.len()).for_each(|at| run(&[at]));
    for _ in 0..4 {
        let (one, other) = (rng.below(text.len() + 1), rng.below(text.len() + 1));
        run(&[one.min(other), one.max(other)]);
    }
}

/// What may go on with the dump waits for its end, but a line is given out at once.
#[test]
fn a_line_of_a_dump_is_not_held_back() {
    let mut redactor = Redactor::new(set(&[b"abcdefgh".to_vec()]));
    let mut out = Vec::new();
    for line in ["0000: 47 45 54  GET\n", "0010: 0d 0a     ..\n", "end\n"] {
        redactor.push(line.as_bytes()).for_each(|piece| out.extend_from_slice(piece.as_ref()));
        assert!(out.ends_with(line.as_bytes()), "{}", out.escape_ascii());
    }
}

fn run_random(seed: u64, rounds: usize, len_max: usize) {
    let mut rng = Rng(seed);
    for _ in 0..rounds {
        let needles: Vec<Vec<u8>> = (0..1 + rng.below(3))
            .map(|_| {
                let longest = if rng.below(4) == 0 { 20 } else { 4 };
                let len = 2 + rng.below(longest);
                word(&mut rng, len)
            })
            .collect();
        let text = text(&mut rng, &needles, len_max);
        check_text(&mut rng, &needles, &text);
    }
}

/// Texts with few places where the readings differ, far apart, as logs are: of other lengths than
/// those of the steps in which the engine reads.
fn run_sparse(seed: u64, rounds: usize, len_max: usize) {
    let mut rng = Rng(seed);
    for _ in 0..rounds {
        let needles: Vec<Vec<u8>> = (0..2).map(|_| word(&mut rng, 8)).collect();
        let mut text = Vec::new();
        let len = 1 + rng.below(len_max);
        while text.len() < len {
            match rng.below(4) {
                0 => text.extend(self::text(&mut rng, &needles, 6)),
                1 => text.extend(&needles[rng.below(2)][..1 + rng.below(7)]),
                2 => text.extend(std::iter::repeat_n(b'b', 20 + rng.below(40))),
                _ => text.extend((0..rng.below(80)).map(|at| b"ab, ba. b"[at % 9])),
            }
        }
        let set = set(&needles);
        let mut cuts: Vec<usize> = (0..rng.below(4)).map(|_| rng.below(text.len() + 1)).collect();
        cuts.sort_unstable();
        let expected = Expected::naive_at(&set, &text, PARTIAL_MASKED, cuts.iter().copied());
        let (mut redactor, mut out) = (Redactor::new(set), Vec::new());
        check::run(&mut redactor, &expected, &text, &cuts, &mut out)
            .unwrap_or_else(|error| panic!("{}: {error:?}", text.escape_ascii()));
    }
}

/// The counts by form after a text in these pieces.
fn counts(set: &Arc<NeedleSet>, text: &[u8], cuts: &[usize]) -> Vec<((String, Form), u64)> {
    let (mut redactor, mut from) = (Redactor::new(Arc::clone(set)), 0);
    for &cut in cuts.iter().chain([&text.len()]) {
        redactor.push(&text[from..cut]).for_each(drop);
        from = cut;
    }
    redactor.finish().for_each(drop);
    redactor.counts().into_iter().collect()
}

#[test]
fn no_cut_changes_the_form_that_is_counted() {
    let mut rng = Rng(9);
    for _ in 0..300 {
        let needles: Vec<Vec<u8>> = (0..2).map(|_| word(&mut rng, 5)).collect();
        let (text, set) = (text(&mut rng, &needles, 40), set(&needles));
        let whole = counts(&set, &text, &[]);
        for cut in 0..=text.len() {
            assert_eq!(counts(&set, &text, &[cut]), whole, "{} at {cut}", text.escape_ascii());
        }
        assert_eq!(counts(&set, &text, &cuts::every_byte(text.len())), whole, "{}", text.escape_ascii());
    }
}

/// A needle with one place in it where the readings differ, and nothing near: the engine passes
/// such places in a way of their own.
#[test]
fn a_needle_across_a_lone_place_is_found() {
    let needles = [b"abcd".to_vec(), b"ghijklmn".to_vec(), b"klmnABCDEFGHIJKLMNOP".to_vec()];
    let set = set(&needles);
    let (before, behind) = ("z".repeat(50), ".".repeat(90));
    let (mut redactor, mut out) = (Redactor::new(Arc::clone(&set)), Vec::new());
    for needle in &needles {
        for at in 0..=needle.len() {
            let (first, rest) = needle.split_at(at);
            let escapes = rest.first().map(|byte| {
                [format!("%{byte:02x}"), format!("%u{byte:04x}"), format!("\\u{byte:04X}"), format!("&#{byte};")]
            });
            let escapes = escapes.iter().flatten().map(|escape| (escape.as_str(), 1));
            for (place, len) in
                [("\n", 0), ("\r\n  ", 0), ("\x1b[1m", 0), ("x%41", 0), ("&colon;", 0)].into_iter().chain(escapes)
            {
                let text = [before.as_bytes(), first, place.as_bytes(), &rest[len..], behind.as_bytes()].concat();
                let cuts = [0, before.len(), before.len() + at + 1, text.len() - 20];
                let expected = Expected::naive_at(&set, &text, PARTIAL_MASKED, cuts);
                for cut in cuts {
                    check::run(&mut redactor, &expected, &text, &[cut], &mut out)
                        .unwrap_or_else(|error| panic!("{}: {error:?}", text.escape_ascii()));
                }
            }
        }
    }
}

#[test]
fn lone_escapes_in_long_texts_read_as_defined() {
    run_sparse(5, 700, 700);
    run_sparse(6, 15, 12_000);
}

#[test]
fn the_engine_equals_the_definition_at_every_cut() {
    run_random(1, 1_000, 40);
    run_random(2, 120, 120);
}

#[test]
#[ignore = "takes minutes; tools/slow runs it"]
fn the_engine_equals_the_definition_for_longer() {
    run_random(3, 60_000, 40);
    run_random(4, 6_000, 150);
    run_sparse(7, 60_000, 900);
}
