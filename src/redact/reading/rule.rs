//! The escapes that the plain reading undoes: one table, by the byte that an escape begins with.
//!
//! | begins with | is | reads as |
//! | --- | --- | --- |
//! | `%` | `%HH` | the byte |
//! | `%` | `%uHHHH` (`escape` of JavaScript, IIS) | the character |
//! | `&` | `&#N;` `&#xH;`, and `&amp;` and the other names of HTML: see `entity` | the character |
//! | `#` | `#0oo` below 040, `#177`, `#2oo`, `#3oo` (rsyslog) | the byte |
//! | ESC | a control sequence of ECMA-48 (colours, titles, single shifts) | nothing |
//! | `\` | a run of backslashes, and the bytes behind it: see [`backslash`] | the character |
//! | `^` `` ` `` | before punctuation or a blank (cmd.exe, PowerShell) | that character |
//!
//! A rule decides by the bytes from its first one on alone. Every escape has a maximum length, so
//! that a stream never waits for the end of one without a limit.

use super::entity;
use super::rest::{Rest, Undecided};

/// The depth to which escapes are undone. JSON in JSON in JSON is the log of a container whose
/// program logs JSON; the fourth is for escapes that a value has of its own. With three, those were
/// undone together with the outermost ones, and could take a character of them: of the chains of
/// encoders in the tests, 1 in 14 was not masked. Dense escapes cost up to a fifth more with four.
pub(crate) const DEPTH: usize = 4;

/// The longest run of backslashes that reads as one escape, in bytes: JSON in JSON, six levels
/// deep. A longer run ends any match.
const BACKSLASHES_MAX: usize = 64;
/// The longest control sequence, in bytes.
const SEQUENCE_LEN_MAX: usize = 64;
/// The longest control string (a window's title, the target of a link), in bytes.
const STRING_LEN_MAX: usize = 256;
/// The maximum number of dropped bytes between two bytes that are read as adjacent. Otherwise a
/// stream of colour codes behind the beginning of a secret would have to be held back without end.
pub(crate) const GAP_MAX: u64 = 256;

/// The longest escape, in bytes.
pub(crate) const ESCAPE_LEN_MAX: usize = STRING_LEN_MAX;

/// The text that is taken into account for each byte of a needle where a limit has to be set, in
/// bytes: programs write escapes of six and something between them.
pub(crate) const READ_PER_BYTE: usize = 8;

/// The byte that begins a control sequence, which reads as nothing.
pub(crate) const ESC: u8 = 0x1b;

/// The bytes with which an escape can begin.
pub(crate) const FIRST: &[u8; 7] = b"%&#\x1b\\^`";

/// An escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Escape {
    /// Its length, in bytes.
    pub(crate) len: usize,
    /// The number of its first bytes that are not part of the stretch that it reads as: the
    /// backslash of `C:\temp` stays where `temp` is masked.
    pub(crate) outside: usize,
    pub(crate) reads_as: ReadsAs,
}

/// The reading of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadsAs {
    /// This many of these bytes, at least one.
    Bytes([u8; 4], u8),
    /// Nothing: the bytes before and after it are adjacent.
    Nothing,
    /// Something that is in no needle.
    Break,
}

impl Escape {
    fn byte(len: usize, byte: u8) -> Escape {
        Escape { len, outside: 0, reads_as: ReadsAs::Bytes([byte, 0, 0, 0], 1) }
    }

    /// The character with this number. Python writes a byte outside of any character as a surrogate
    /// from U+DC80 on (PEP 383).
    fn character(len: usize, number: u32) -> Escape {
        if let 0xdc80..=0xdcff = number {
            return Escape::byte(len, number as u8);
        }
        Escape::text(len, char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]))
    }

    /// This text of up to four bytes.
    fn text(len: usize, text: &str) -> Escape {
        let mut bytes = [0; 4];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Escape { len, outside: 0, reads_as: ReadsAs::Bytes(bytes, text.len() as u8) }
    }

    fn nothing(len: usize) -> Escape {
        Escape { len, outside: 0, reads_as: ReadsAs::Nothing }
    }
}

/// Whether an escape can begin with each byte.
static IS_FIRST: [bool; 256] = {
    let (mut is_first, mut at) = ([false; 256], 0);
    while at < FIRST.len() {
        is_first[FIRST[at] as usize] = true;
        at += 1;
    }
    is_first
};

/// The escape at the beginning of these bytes; `None` if their first byte stands for itself.
#[inline]
pub(crate) fn escape(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    // A quote in a string, by far the most frequent one.
    if let [b'\\', b'"', ..] = text.bytes {
        return Ok(Some(Escape::byte(2, b'"')));
    }
    match text.bytes.first() {
        Some(b'%') => percent(text),
        Some(b'&') => entity(text),
        Some(b'#') => octal_of_rsyslog(text),
        Some(&ESC) => sequence(text),
        Some(b'\\') => backslash(text),
        Some(b'^' | b'`') => Ok(text.at(1)?.filter(|&byte| is_mark(byte)).map(|byte| Escape::byte(2, byte))),
        _ => Ok(None),
    }
}

/// Whether an escape may begin here; may be true where none does. Decides by the bytes before the
/// next one with which an escape can begin: that may read as any other byte, or as none.
#[inline]
pub(super) fn may_begin(text: &[u8]) -> bool {
    let rest = &text[1..];
    match text[0] {
        b'%' => {
            starts(rest, 2, |_, byte| byte.is_ascii_hexdigit())
                || starts(rest, 5, |at, byte| if at == 0 { byte == b'u' } else { byte.is_ascii_hexdigit() })
        }
        b'#' => starts(rest, 3, |_, byte| matches!(byte, b'0'..=b'7')),
        b'^' | b'`' => starts(rest, 1, |_, byte| is_mark(byte)),
        b'&' => may_begin_entity(rest),
        _ => true,
    }
}

/// Whether an entity with a name may begin before these bytes. May be true where none does. Decides
/// by the bytes before the next one with which an escape can begin.
#[inline]
fn may_begin_entity(rest: &[u8]) -> bool {
    let wild = |byte: u8| IS_FIRST[usize::from(byte)];
    rest.first_chunk().is_none_or(|beginning| entity::may_begin(beginning, wild)) && may_be_entity(rest)
}

/// The same, by the whole name.
#[cold]
#[inline(never)]
fn may_be_entity(rest: &[u8]) -> bool {
    let name = entity::name_at(rest);
    match rest.get(name.len()) {
        Some(b';') => entity::find(name).is_some(),
        Some(byte) if !FIRST.contains(byte) => false,
        _ => entity::begins(name),
    }
}

/// Whether these bytes may follow one with which an escape can begin: the first `len`, or those
/// before the next such byte.
#[inline]
fn starts(rest: &[u8], len: usize, follows: impl Fn(usize, u8) -> bool) -> bool {
    let plain = rest.iter().take(len).take_while(|byte| !FIRST.contains(byte));
    plain.enumerate().all(|(at, byte)| follows(at, *byte))
}

/// Whether the byte is ASCII punctuation or a blank.
fn is_mark(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_punctuation()
}

/// The entity at the beginning of these bytes, the first of which is `&`.
fn entity(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    if text.has(1, b'#')? {
        let number = match text.at(2)? {
            Some(b'x' | b'X') => text.ended_number(3, 6, 16, b';')?,
            _ => text.ended_number(2, 7, 10, b';')?,
        };
        return Ok(number.map(|(number, len)| Escape::character(len, number)));
    }
    let rest = &text.bytes[1..];
    let name = entity::name_at(rest);
    match rest.get(name.len()) {
        Some(b';') => Ok(entity::find(name).map(|read| Escape::text(name.len() + 2, read))),
        None if !text.is_last && entity::begins(name) => Err(Undecided),
        _ => Ok(None),
    }
}

/// A byte, or a character of UTF-16.
fn percent(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    if text.has(1, b'u')? {
        return character(text, 2, |text, at| Ok(if text.has(at, b'%')? { at + 1 } else { at }));
    }
    Ok(text.number(1, 2, 16)?.map(|byte| Escape::byte(3, byte as u8)))
}

/// Control characters and bytes outside of ASCII, as rsyslog writes them.
fn octal_of_rsyslog(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    let Some(0..=3) = text.digit(1, 8)? else { return Ok(None) };
    let number = text.number(1, 3, 8)?;
    Ok(number.filter(|number| !matches!(number, 0o40..=0o176)).map(|byte| Escape::byte(4, byte as u8)))
}

/// A control sequence or a control string of ECMA-48, or another escape sequence of ISO 2022.
///
/// A sequence without its end reads as a break, and not as itself: then nothing from ESC on
/// can begin a match, and a terminal need not wait for the end.
fn sequence(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    let found = match text.at(1)? {
        Some(b'[') => {
            let params = text.skip(2, SEQUENCE_LEN_MAX, |byte| matches!(byte, b'0'..=b'?'))?;
            final_byte(text, params, b'@')?
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => control_string(text)?,
        // A line end is never a part of a sequence, so that all that is known at one can go out.
        Some(b'N' | b'O') => match text.at(2)? {
            Some(b' '..=b'~') => Ends::At(3),
            _ => Ends::Before(2),
        },
        Some(b' ' | b'#' | b'%' | b'('..=b'/') => final_byte(text, 2, b'0')?,
        Some(b'0'..=b'~') => Ends::At(2),
        // Alone it is left out, too, so that a value with one is found.
        _ => Ends::At(1),
    };
    Ok(Some(match found {
        Ends::At(len) => Escape::nothing(len),
        Ends::Before(len) => Escape { len, outside: 0, reads_as: ReadsAs::Break },
    }))
}

/// The end of a sequence, or where it breaks off.
enum Ends {
    At(usize),
    Before(usize),
}

/// The end of a sequence: intermediate bytes, and a final byte from `least` on.
fn final_byte(text: Rest<'_>, from: usize, least: u8) -> Result<Ends, Undecided> {
    let end = text.skip(from, SEQUENCE_LEN_MAX, |byte| matches!(byte, b' '..=b'/'))?;
    if end >= SEQUENCE_LEN_MAX {
        return Ok(Ends::Before(end));
    }
    let is_final = text.at(end)?.is_some_and(|byte| (least..=b'~').contains(&byte));
    Ok(if is_final { Ends::At(end + 1) } else { Ends::Before(end) })
}

/// A string up to BEL or ESC `\`. Any other control character breaks it off.
fn control_string(text: Rest<'_>) -> Result<Ends, Undecided> {
    let end = text.skip(2, STRING_LEN_MAX - 2, |byte| byte >= b' ')?;
    Ok(match text.at(end)? {
        Some(0x07) => Ends::At(end + 1),
        Some(0x1b) if text.has(end + 1, b'\\')? => Ends::At(end + 2),
        _ => Ends::Before(end),
    })
}

impl Rest<'_> {
    /// The first offset from here on behind a run of backslashes.
    fn backslashes(self, from: usize) -> Result<usize, Undecided> {
        self.skip(from, from + BACKSLASHES_MAX, |byte| byte == b'\\')
    }
}

/// The letters that name a control character behind a backslash.
pub(super) const NAMED: [(u8, u8); 9] = [
    (b'n', b'\n'),
    (b't', b'\t'),
    (b'r', b'\r'),
    (b'b', 0x08),
    (b'f', 0x0c),
    (b'v', 0x0b),
    (b'a', 0x07),
    (b'e', 0x1b),
    (b'E', 0x1b),
];

/// A run of backslashes, which each level of JSON or of a shell doubles, and the bytes behind it:
///
/// - `n t r b f v a e E 0`: the control character of that name;
/// - `xHH`, `x{H...}`, `uHHHH`, `u{H...}`, `UHHHHHHHH`, `ooo`: the character or byte of that
///   number; two surrogates, the second behind a run of its own, are one character;
/// - any other byte: that byte.
fn backslash(text: Rest<'_>) -> Result<Option<Escape>, Undecided> {
    let run = text.bytes.iter().take(BACKSLASHES_MAX + 1).take_while(|&&byte| byte == b'\\').count();
    if run > BACKSLASHES_MAX {
        return Ok(Some(Escape { len: BACKSLASHES_MAX, outside: 0, reads_as: ReadsAs::Break }));
    }
    let Some(first) = text.at(run)? else { return Ok(Some(Escape::nothing(run))) };
    let after = run + 1;
    let numbered = match first {
        b'x' | b'u' if text.has(text.backslashes(after)?, b'{')? => braced(text, text.backslashes(after)? + 1)?,
        b'x' => text.number(after, 2, 16)?.map(|byte| Escape::byte(after + 2, byte as u8)),
        b'u' => character(text, after, |text, at| text.backslashes(at))?,
        b'U' => text.number(after, 8, 16)?.map(|number| Escape::character(after + 8, number)),
        b'0'..=b'3' => text.number(run, 3, 8)?.map(|byte| Escape::byte(run + 3, byte as u8)),
        _ => None,
    };
    if let Some(escape) = numbered {
        return Ok(Some(escape));
    }
    let read = match NAMED.iter().find(|(name, _)| *name == first) {
        Some(&(_, byte)) => byte,
        None if first == b'0' => 0,
        // No program escapes a letter that has no meaning; the backslash of a path stays.
        None if first.is_ascii_alphanumeric() => {
            return Ok(Some(Escape { outside: run, ..Escape::byte(after, first) }));
        }
        None => first,
    };
    Ok(Some(Escape::byte(after, read)))
}

/// The character of the number that begins at this offset, in braces. A shell may have put
/// backslashes before both.
fn braced(text: Rest<'_>, offset: usize) -> Result<Option<Escape>, Undecided> {
    let digits = text.skip(offset, offset + 7, |byte| byte.is_ascii_hexdigit())? - offset;
    let end = text.backslashes(offset + digits)?;
    if !(1..=6).contains(&digits) || !text.has(end, b'}')? {
        return Ok(None);
    }
    Ok(text.number(offset, digits, 16)?.map(|number| Escape::character(end + 1, number)))
}

/// A character of four digits at this offset, or of two surrogates with four each. `mark` gives the
/// end of the mark before the `u` of the second one.
fn character(
    text: Rest<'_>,
    offset: usize,
    mark: impl FnOnce(Rest<'_>, usize) -> Result<usize, Undecided>,
) -> Result<Option<Escape>, Undecided> {
    let behind = offset + 4;
    let high = match text.number(offset, 4, 16)? {
        Some(high @ 0xd800..=0xdbff) => high,
        number => return Ok(number.map(|number| Escape::character(behind, number))),
    };
    let alone = Escape::character(behind, high);
    let mark = mark(text, behind)?;
    if mark == behind || !text.has(mark, b'u')? {
        return Ok(Some(alone));
    }
    Ok(Some(match text.number(mark + 1, 4, 16)? {
        Some(low @ 0xdc00..=0xdfff) => Escape::character(mark + 5, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
        _ => alone,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Escape, ReadsAs, Rest, escape};

    fn read(text: &[u8]) -> Option<Escape> {
        let whole = escape(Rest { bytes: text, is_last: true }).expect("the end decides");
        // Each prefix decides the same, or nothing.
        for len in 1..text.len() {
            if let Ok(early) = escape(Rest { bytes: &text[..len], is_last: false }) {
                assert_eq!(early, whole, "{:?}", String::from_utf8_lossy(&text[..len]));
            }
        }
        whole
    }

    #[track_caller]
    fn reads(text: &[u8], len: usize, bytes: &[u8]) {
        let found = read(text).expect("an escape");
        let ReadsAs::Bytes(read, read_len) = found.reads_as else { panic!("{found:?}") };
        assert_eq!((found.len, &read[..read_len.into()]), (len, bytes), "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn every_row_of_the_table() {
        reads(b"%41b", 3, b"A");
        reads(b"%u20acx", 6, "\u{20ac}".as_bytes());
        reads(b"%ud83d%ude00", 12, "\u{1f600}".as_bytes());
        reads(b"%ud83d%20", 6, "\u{fffd}".as_bytes());
        reads(b"%ud83dude00", 6, "\u{fffd}".as_bytes());
        reads(b"&#65;", 5, b"A");
        reads(b"&#x1F600;", 9, "\u{1f600}".as_bytes());
        for (text, byte) in [("&amp;", b"&"), ("&lt;", b"<"), ("&gt;", b">"), ("&quot;", b"\""), ("&apos;", b"'")] {
            reads(text.as_bytes(), text.len(), byte);
        }
        reads(b"&commat;", 8, b"@");
        reads(b"&eacute;", 8, "\u{e9}".as_bytes());
        reads(b"&fjlig;", 7, b"fj");
        reads(b"&OpenCurlyDoubleQuote;", 22, "\u{201c}".as_bytes());
        reads(b"#012x", 4, b"\n");
        reads(b"#303", 4, b"\xc3");
        reads(b"^&", 2, b"&");
        reads(b"`$x", 2, b"$");
        reads(b"\\n", 2, b"\n");
        reads(b"\\\\\\\"x", 4, b"\"");
        reads(b"\\x41", 4, b"A");
        reads(b"\\x{1f600}", 9, "\u{1f600}".as_bytes());
        reads(b"\\u00e9", 6, "\u{e9}".as_bytes());
        reads(b"\\u{e9}", 6, "\u{e9}".as_bytes());
        reads(b"\\U0001f600", 10, "\u{1f600}".as_bytes());
        reads(b"\\ud83d\\\\ude00", 13, "\u{1f600}".as_bytes());
        reads(b"\\udcc3", 6, b"\xc3");
        reads(b"\\ud83dude00", 6, "\u{fffd}".as_bytes());
        reads(b"\\ud83dx", 6, "\u{fffd}".as_bytes());
        reads(b"\\101", 4, b"A");
        reads(b"\\08", 2, b"\0");
        reads(b"\\q", 2, b"q");
        reads(b"\\.", 2, b".");
        assert_eq!(read(b"\\temp9").map(|escape| escape.outside), Some(0));
        assert_eq!(read(b"\\\\zone").map(|escape| escape.outside), Some(2));
    }

    /// All short texts behind a byte that begins an escape, of the bytes that matter to it.
    #[test]
    fn an_escape_may_begin_wherever_one_does() {
        let mut left_out = 0;
        for (first, alphabet) in
            [(b'%', &b"4aG%"[..]), (b'#', b"0128#"), (b'^', b"a& %"), (b'&', b"#x4;ltgamp%"), (b'&', b"quotaps;\\")]
        {
            for number in 0..alphabet.len().pow(5) {
                let digits = (0..5).scan(number, |rest, _| {
                    let digit = alphabet[*rest % alphabet.len()];
                    *rest /= alphabet.len();
                    Some(digit)
                });
                let text: Vec<u8> = [first].into_iter().chain(digits).collect();
                let found = escape(Rest { bytes: &text, is_last: false });
                assert!(super::may_begin(&text) || matches!(found, Ok(None)), "{:?}", String::from_utf8_lossy(&text));
                left_out += u32::from(!super::may_begin(&text));
            }
        }
        assert!(left_out > 10_000);
    }

    #[test]
    fn control_sequences_read_as_nothing() {
        for text in ["\x1b[0m", "\x1b[38;5;12m", "\x1b]0;title\x07", "\x1b]8;;x\x1b\\", "\x1b(B", "\x1bOP", "\x1bM"] {
            let nothing = Escape { len: text.len(), outside: 0, reads_as: ReadsAs::Nothing };
            assert_eq!(read(text.as_bytes()), Some(nothing), "{text:?}");
        }
        let nothing = |len| Escape { len, outside: 0, reads_as: ReadsAs::Nothing };
        assert_eq!(read(b"\\\\"), Some(nothing(2)));
        let breaks = |len| Some(Escape { len, outside: 0, reads_as: ReadsAs::Break });
        assert_eq!(read(&[b"\x1b[".to_vec(), vec![b'1'; 80]].concat()), breaks(64));
        assert_eq!(read(&[b"\x1b]".to_vec(), vec![b'1'; 300]].concat()), breaks(254));
        assert_eq!(read(b"\x1b[\n"), breaks(2));
        assert_eq!(
            (read(b"\x1b"), read(b"\x1b\x1b"), read(b"\x1b\"")),
            (Some(nothing(1)), Some(nothing(1)), Some(nothing(1)))
        );
        assert_eq!(read(&[b'\\'; 65]), breaks(64));
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for text in [
            "%",
            "%4g",
            "%u20a",
            "%U20ac",
            "&amp",
            "&name=",
            "&copyx;",
            "&#;",
            "&#12345678;",
            "#101",
            "#abc",
            "^a",
            "`ls`",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }
}
