//! The most frequent escapes, each decided by a few bytes: the same as [`rule`](super::rule),
//! several times as fast. In the middle of a text only, since nothing here waits for an end.

use super::rule::{ESC, NAMED};

/// The escape at the beginning of these bytes that reads as one byte: its length, and the byte.
#[inline(always)]
pub(super) fn byte(rest: &[u8]) -> Option<(usize, u8)> {
    match *rest {
        [b'\\', next, ..] if SIMPLE[usize::from(next)] != 0 => Some((2, SIMPLE[usize::from(next)])),
        [b'\\', b'u', b'0', b'0', high @ b'0'..=b'7', low, ..] => hex(high, low).map(|byte| (6, byte)),
        [b'%', high, low, ..] => hex(high, low).map(|byte| (3, byte)),
        [b'&', b'a', b'm', b'p', b';', ..] => Some((5, b'&')),
        [b'&', b'q', b'u', b'o', b't', b';', ..] => Some((6, b'"')),
        [b'&', b'l', b't', b';', ..] => Some((4, b'<')),
        [b'&', b'g', b't', b';', ..] => Some((4, b'>')),
        _ => None,
    }
}

/// The length of the colour code or the like at the beginning of these bytes.
#[inline(always)]
pub(super) fn sequence(rest: &[u8]) -> Option<usize> {
    let [ESC, b'[', params @ ..] = rest else { return None };
    let len = params.iter().take(PARAMS_LEN_MAX).take_while(|byte| matches!(byte, b'0'..=b'?')).count();
    params.get(len).filter(|byte| matches!(byte, b'@'..=b'~')).map(|_| len + 3)
}

/// The longest parameters here, in bytes; longer ones are left to the rule.
const PARAMS_LEN_MAX: usize = 24;

/// The byte of two hexadecimal digits.
#[inline(always)]
pub(super) fn hex(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (HEX[usize::from(high)], HEX[usize::from(low)]);
    (high | low < 16).then_some(high << 4 | low)
}

/// The value of each hexadecimal digit; else 0xff.
static HEX: [u8; 256] = {
    let (mut table, mut digit) = ([0xff; 256], 0);
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

/// The byte that a backslash and this byte read as, if both alone decide it; else 0.
static SIMPLE: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 1);
    while byte < 256 {
        let is_simple = !(byte as u8).is_ascii_alphanumeric() && byte as u8 != b'\\';
        table[byte] = if is_simple { byte as u8 } else { 0 };
        byte += 1;
    }
    let (names, mut at) = (NAMED, 0);
    while at < names.len() {
        table[names[at].0 as usize] = names[at].1;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::rest::Rest;
    use super::super::rule::{ReadsAs, escape};
    use super::{byte, sequence};

    #[test]
    fn each_quick_escape_equals_the_rule() {
        let tails = [
            &b"amp;"[..],
            b"quot;",
            b"lt;",
            b"gt;",
            b"apos;",
            b"u0041",
            b"u0081",
            b"u00g1",
            b"[1;31m",
            b"[1!p",
            b"[\n",
        ];
        let (mut bytes, mut sequences) = (0, 0);
        let mut check = |text: &[u8]| {
            let Ok(ruled) = escape(Rest { bytes: text, is_last: false }) else {
                return assert_eq!((byte(text), sequence(text)), (None, None), "{}", text.escape_ascii());
            };
            if let Some((len, read)) = byte(text) {
                bytes += 1;
                let found = ruled.map(|found| (found.len, found.outside, found.reads_as));
                assert_eq!(found, Some((len, 0, ReadsAs::Bytes([read, 0, 0, 0], 1))), "{}", text.escape_ascii());
            }
            if let Some(len) = sequence(text) {
                sequences += 1;
                let found = ruled.map(|found| (found.len, found.reads_as));
                assert_eq!(found, Some((len, ReadsAs::Nothing)), "{}", text.escape_ascii());
            }
        };
        for first in *b"\\%&\x1b#^`a" {
            for second in 0..=255 {
                for third in *b"0aF;[\\\"%m\n" {
                    check(&[first, second, third]);
                    check(&[first, second, third, b'1', b';', b'x']);
                }
            }
            for tail in tails {
                check(&[&[first], tail, b"."].concat());
                check(&[&[first], tail].concat());
            }
        }
        assert!(bytes > 1_000 && sequences > 2, "{bytes} {sequences}");
    }
}
