//! JSON whose strings may hold any bytes, as loggers write it. serde_json does not apply: it
//! requires UTF-8 throughout. Output is the same: raw bytes, with escapes where JSON needs them.

use hushlog::redact::json_escape::JsonEscape;
use zeroize::{Zeroize, Zeroizing};

/// The deepest nesting of arrays and objects.
const DEPTH_MAX: usize = 64;

/// A value. Its texts may hold secrets, and are wiped on drop.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Json {
    Text(Vec<u8>),
    /// Members in order, including duplicates.
    Object(Vec<(Vec<u8>, Json)>),
    Array(Vec<Json>),
    /// A number, `true`, `false` or `null`, as written.
    Plain(Vec<u8>),
}

impl Json {
    /// Parses a text; `None` if it is not JSON.
    pub(super) fn parse(text: &[u8]) -> Option<Json> {
        let mut reader = Reader { rest: text };
        let value = reader.value(DEPTH_MAX)?;
        reader.skip_blanks();
        reader.rest.is_empty().then_some(value)
    }

    /// Applies `change` to each text, including member names. A changed number becomes a text.
    /// Returns whether anything changed.
    pub(super) fn change(&mut self, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> bool {
        let mut changed = false;
        match self {
            Json::Text(text) => {
                if let Some(other) = change(text) {
                    text.zeroize();
                    (*text, changed) = (other, true);
                }
            }
            Json::Plain(text) => {
                if let Some(other) = change(text) {
                    text.zeroize();
                    (*self, changed) = (Json::Text(other), true);
                }
            }
            Json::Array(values) => values.iter_mut().for_each(|value| changed |= value.change(change)),
            Json::Object(members) => {
                for (name, value) in members {
                    if let Some(other) = change(name) {
                        name.zeroize();
                        (*name, changed) = (other, true);
                    }
                    changed |= value.change(change);
                }
            }
        }
        changed
    }

    /// Appends it as JSON, on one line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Text(text) => write_text(text, out),
            Json::Plain(text) => out.extend_from_slice(text),
            Json::Array(values) => {
                out.push(b'[');
                for (number, value) in values.iter().enumerate() {
                    out.extend((number > 0).then_some(b','));
                    value.write(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (number, (name, value)) in members.iter().enumerate() {
                    out.extend((number > 0).then_some(b','));
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        match self {
            Json::Text(text) | Json::Plain(text) => text.zeroize(),
            Json::Object(members) => members.iter_mut().for_each(|(name, _)| name.zeroize()),
            Json::Array(_) => {}
        }
    }
}

/// Appends a string.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            0..0x20 => out.extend([b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        let blanks = self.rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.rest = &self.rest[blanks..];
    }

    /// Consumes this byte, and any blanks before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.skip_blanks();
        match self.rest.first()? {
            b'"' => self.text().map(Json::Text),
            b'{' => self.members(depth.checked_sub(1)?),
            b'[' => self.values(depth.checked_sub(1)?),
            _ => self.plain(),
        }
    }

    fn members(&mut self, depth: usize) -> Option<Json> {
        self.take(b'{')?;
        let mut members = Vec::new();
        if self.take(b'}').is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            let name = self.text()?;
            self.take(b':')?;
            members.push((name, self.value(depth)?));
            if self.take(b',').is_none() {
                return self.take(b'}').map(|()| Json::Object(members));
            }
        }
    }

    fn values(&mut self, depth: usize) -> Option<Json> {
        self.take(b'[')?;
        let mut values = Vec::new();
        if self.take(b']').is_some() {
            return Some(Json::Array(values));
        }
        loop {
            values.push(self.value(depth)?);
            if self.take(b',').is_none() {
                return self.take(b']').map(|()| Json::Array(values));
            }
        }
    }

    fn plain(&mut self) -> Option<Json> {
        let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let (plain, rest) = self.rest.split_at(self.rest.iter().take_while(is_plain).count());
        self.rest = rest;
        let known = [&b"true"[..], b"false", b"null", b"nan", b"NaN", b"Infinity", b"-Infinity"].contains(&plain);
        (known || is_number(plain)).then(|| Json::Plain(plain.to_vec()))
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        self.rest = self.rest.strip_prefix(b"\"")?;
        // The decoded text is never longer than the written one.
        let end = memchr::memchr_iter(b'"', self.rest)
            .find(|&at| self.rest[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0)?;
        let (written, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        let mut text = Zeroizing::new(Vec::with_capacity(written.len()));
        let mut at = 0;
        while let Some(&byte) = written.get(at) {
            match byte {
                b'\\' => {
                    let escape = JsonEscape::parse(&written[at..]).filter(|escape| !escape.is_lone)?;
                    text.extend_from_slice(escape.character.encode_utf8(&mut [0; 4]).as_bytes());
                    at += escape.len - 1;
                }
                0..0x20 => return None,
                byte => text.push(byte),
            }
            at += 1;
        }
        Some(std::mem::take(&mut *text))
    }
}

/// Whether this is a valid JSON number, which strict readers accept as written.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, mut rest) = text.split_at(digits(text));
    if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = &fraction[digits(fraction)..];
        if rest.len() == fraction.len() {
            return false;
        }
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        rest => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Json::parse(text).expect("it is JSON").write(&mut out);
        out
    }

    #[test]
    fn parsed_json_is_written_unchanged() {
        for text in [
            &br#"{"a":"b","c":[1,-2.5e3,true,null,{}],"d":[],"e":{"f":{"g":""}}}"#[..],
            b"\"\xff\xfe \xc3\xa9\"",
            br#""\"\\\n\u0001""#,
            br#"{"a":1,"a":2}"#,
            b"[0,-0,10.05,1e5,1E+5,-0.5e-10,NaN,-Infinity]",
        ] {
            assert_eq!(written(text), text);
        }
        assert_eq!(
            written(br#" { "a" : [ 1 , "\/\t\u00e9\ud83d\ude00" ] } "#),
            "{\"a\":[1,\"/\\u0009é😀\"]}".as_bytes()
        );
    }

    #[test]
    fn invalid_json_is_refused() {
        let deep = [b"[".repeat(DEPTH_MAX + 1), b"]".repeat(DEPTH_MAX + 1)].concat();
        for text in [
            &b""[..],
            b"{",
            b"{}x",
            b"\"a",
            b"\"\\\"",
            b"\"\\x\"",
            b"\"\\u12\"",
            b"\"\\ud800\"",
            b"\"\\ud800\\u0041\"",
            b"\"a\nb\"",
            b"{\"a\"}",
            b"{\"a\":}",
            b"{a:1}",
            b"[1 2]",
            b"[1,]",
            b"nope",
            b"--1",
            b"-",
            b"+1",
            b"01",
            b"1.",
            b".5",
            b"1.e5",
            b"1e",
            b"1e+",
            b"1e5.0",
            b"0x10",
            b"inf",
            b"INFINITY",
            &deep,
        ] {
            assert_eq!(Json::parse(text), None, "{}", String::from_utf8_lossy(text));
        }
        assert!(Json::parse(&deep[1..deep.len() - 1]).is_some());
    }

    #[test]
    fn texts_names_and_numbers_can_be_changed() {
        let mut json = Json::parse(br#"{"k":["x","kept"],"n":{"x":7},"m":12}"#).expect("it is JSON");
        let change = &mut |text: &[u8]| (text == b"x" || text == b"12").then(|| b"y".to_vec());
        assert!(json.change(change));
        assert!(!json.change(change));
        let mut out = Vec::new();
        json.write(&mut out);
        assert_eq!(out, br#"{"k":["y","kept"],"n":{"y":7},"m":"y"}"#);
    }
}
