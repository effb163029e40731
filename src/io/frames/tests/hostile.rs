//! Hostile streams: beginnings of every format in any order, with lengths that are wrong, huge or
//! cut, and parts of secrets and escapes between them.

use super::*;

/// For every day. Twenty times as many found a secret in a header.
const STREAMS: usize = 1_500;

/// A small random number.
struct Rng(u64);

impl Rng {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A length that is right for some text here, off by one, or absurd.
    fn len(&mut self) -> u64 {
        const LENS: [u64; 9] = [0, 1, 1 << 20, (1 << 20) + 1, u32::MAX as u64, 1 << 32, 1 << 63, u64::MAX, 255];
        if self.below(4) == 0 { self.pick(&LENS) } else { self.below(24) as u64 }
    }

    /// A part of a stream.
    fn part(&mut self, format: StreamFormat) -> Vec<u8> {
        const TEXTS: [&[u8]; 12] = [
            b"hunter2-key",
            b"hunter2-",
            b"key",
            b"hunter2",
            b"-key",
            b"\0a",
            b"a",
            b"x",
            b" ",
            b"\n",
            b"\n\n",
            b"<13>",
        ];
        const JSON: [&[u8]; 20] = [
            b"\"",
            b"\"",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"8844",
            b"88",
            b"\\",
            b"\\n",
            b"\\u00",
            b"\\u0068unter2-key",
            b"\\x88",
            b"\"k\":\"",
            b"\"},\"",
            b"tru",
            b"\\\\",
            b"hunter2-k\\u0065y",
        ];
        let len = self.len();
        match (format, self.below(3)) {
            (_, 0) => self.pick(&TEXTS).to_vec(),
            (StreamFormat::JsonLines, _) => self.pick(&JSON).to_vec(),
            (OctetCounted, _) => format!("{len} <13>").into_bytes(),
            (JournalExport, 1) => [self.pick(&[&b"M\n"[..], b"A=", b"__CURSOR=", b"\n"]), &len.to_le_bytes()].concat(),
            (JournalExport, _) => {
                self.pick(&[&b"__CURSOR=a\n"[..], b"A=b\n", b"\n", b"M\n\x03\0\0\0\0\0\0\0"]).to_vec()
            }
            (DockerStream, _) => {
                let header = [self.below(5) as u8, 0, 0, 0];
                [header, (len as u32).to_be_bytes()].concat()
            }
            _ => {
                let format = self.pick(&[OctetCounted, JournalExport, DockerStream]);
                self.part(format)
            }
        }
    }
}

#[test]
fn hostile_streams_are_masked_the_same_at_every_cut() {
    let template = set(&[SECRET, "8844", "\0a"]);
    let secrets = vec![Secret::new("S", SECRET.into()), Secret::new("N", "8844".into())];
    let char = Arc::new(NeedleSet::exactly(secrets, Mask::Char(b'*')).expect("no collision"));
    let needles = [SECRET.as_bytes(), b"8844"];
    for seed in 0..STREAMS as u64 {
        let mut rng = Rng(seed);
        let format = rng.pick(&[Auto, OctetCounted, JournalExport, DockerStream, StreamFormat::JsonLines]);
        let input: Vec<u8> = (0..rng.below(14)).flat_map(|_| rng.part(format)).collect();
        let set = if rng.below(3) == 0 { &char } else { &template };
        for release in [Release::Exact, Release::Line] {
            let (whole, is_lost) = outputs(set, format, release, &[&input]);
            let whole = whole.concat();
            for len in [1, 1 + rng.below(9), 1 + rng.below(40)] {
                let pieces: Vec<&[u8]> = input.chunks(len).collect();
                let (all, was_lost) = outputs(set, format, release, &pieces);
                let all = all.concat();
                assert_eq!(
                    (String::from_utf8_lossy(&all), was_lost),
                    (String::from_utf8_lossy(&whole), is_lost),
                    "seed {seed}, {format:?}, {release:?}, in pieces of {len}: {:?}",
                    String::from_utf8_lossy(&input)
                );
            }
            let is_in = |text: &[u8], needle: &[u8]| memchr::memmem::find(text, needle).is_some();
            // A declared format is taken at its word: a secret may lie over the end of a frame.
            let is_declared = matches!(format, OctetCounted | JournalExport | DockerStream);
            let is_masked = is_declared || !needles.iter().any(|needle| is_in(&whole, needle));
            assert!(is_masked, "seed {seed}, {format:?}, {release:?}: {:?}", String::from_utf8_lossy(&input));
            // A part of a multiplexed text may go out in a later frame.
            let is_plain = set.redact_cow(&input) == input && !is_in(&input, b"hunter2");
            if is_plain && format != DockerStream && !matches!(input.first(), Some(1 | 2)) {
                assert_eq!(whole, input, "seed {seed}, {format:?}, {release:?}");
            }
        }
    }
}
