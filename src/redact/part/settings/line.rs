//! Reads one line: its key, pairs in a list (`Server=h;Password=p`), and words (`--password p`,
//! `login bot password p`).

use super::Settings;
use super::command::Before;
use crate::redact::credential::name::names_credential;
use crate::redact::credential::setting::is_setting;
use crate::redact::part::is_sentence;
use crate::redact::part::written::{Style, Written};

/// The longest key, in bytes.
const KEY_LEN_MAX: usize = 128;
/// The most words of a key in a settings file. With more of them, it is a sentence.
const KEY_WORDS_MAX: usize = 4;
/// The shortest word that may be base64, and end with `=` for that reason.
const BASE64_LEN_MIN: usize = 16;
/// The keywords of a netrc file, of which one begins a line.
const NETRC: [&[u8]; 5] = [b"machine", b"login", b"default", b"account", b"password"];
/// The schemes of an Authorization header, in lower case.
const SCHEMES: [&[u8]; 12] = [
    b"bearer",
    b"basic",
    b"token",
    b"apikey",
    b"api-key",
    b"digest",
    b"negotiate",
    b"jwt",
    b"splunk",
    b"ssws",
    b"dpop",
    b"geniekey",
];
/// The shortest credential behind a scheme, in bytes. A sentence has shorter words behind `token`.
const SCHEME_TOKEN_LEN_MIN: usize = 8;

/// The key of a line, and the place of its value.
pub(super) struct Key<'t> {
    pub name: &'t [u8],
    /// The offset of the value in the line.
    pub value: usize,
    /// The first byte of the separator.
    pub separator: u8,
    /// Another key and value, if a separator before the first one may be that of the line.
    pub other: Option<(&'t [u8], &'t [u8])>,
}

impl Key<'_> {
    /// Whether the line is one of a settings file, rather than text with a separator in it.
    pub(super) fn is_plausible(&self, line: &[u8]) -> bool {
        let words = self.name.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
        // `AAAA= # a comment`.
        let is_empty = matches!(line[self.value..].trim_ascii_start(), [] | [b'#', ..]);
        let is_padding = self.separator == b'=' && is_empty && self.name.len() >= BASE64_LEN_MIN;
        words <= KEY_WORDS_MAX && self.name.iter().any(u8::is_ascii_alphabetic) && !is_padding
    }
}

/// The key at the beginning of a line, if there is one with a separator.
pub(super) fn key(content: &[u8]) -> Option<Key<'_>> {
    if let Some((written, len)) = Written::quoted(content) {
        let rest = content[len..].trim_ascii_start();
        if let Some(&separator @ (b':' | b'=')) = rest.first() {
            let value = content.len() - rest.len() + 1 + usize::from(rest.get(1) == Some(&b'>'));
            return Some(Key { name: written.text, value, separator, other: None });
        }
    }
    let head = &content[..content.len().min(KEY_LEN_MAX)];
    let equals = memchr::memchr(b'=', head);
    let before = &head[..equals.unwrap_or(head.len())];
    let is_yaml = |at: &usize| content.get(at + 1).is_none_or(|next| b" \t\"'{[".contains(next));
    let is_of_url = |at: &usize| content[at + 1..].starts_with(b"//");
    let colons = || memchr::memchr_iter(b':', before).filter(|at| !is_of_url(at));
    let at = |at: usize, separator| {
        let name = content[..at].trim_ascii_end();
        let name = if separator == b'=' { without_operator(name) } else { name };
        let name = name.strip_prefix(b"public ").unwrap_or(name);
        let value = at + 1 + usize::from(separator == b'=' && content.get(at + 1) == Some(&b'>'));
        is_key(name).then_some(Key { name, value, separator, other: None })
    };
    let colon = colons().next();
    if let Some(mut found) = colons().find(is_yaml).and_then(|colon| at(colon, b':')) {
        found.other = typed(&content[found.value..]).map(|value| (found.name, value));
        // `name:a sentence: with a colon`.
        let first = colon.and_then(|colon| at(colon, b':'));
        let first = first.filter(|first| !names_credential(first.name) && is_sentence(&content[first.value..]));
        return first.or(Some(found));
    }
    if equals.is_none()
        && let Some(arrow) = memchr::memmem::find(head, b" <- ")
    {
        return at(arrow, b'<').map(|key| Key { value: arrow + 4, ..key });
    }
    let Some(mut found) = equals.and_then(|equals| at(equals, b'=')) else { return at(colon?, b':') };
    if content[found.value - 1] == b'>' {
        // `name=>x`, of which the `>` may be the first byte of the value.
        found.other = Some((found.name, &content[found.value - 1..]));
        return Some(found);
    }
    found.other =
        colon.filter(|colon| is_key(&content[..*colon])).map(|colon| (&content[..colon], &content[colon + 1..]));
    Some(found)
}

/// A name without the rest of an operator that ends with `=`: `:=`, `+=`, `?=`, `||=`.
fn without_operator(name: &[u8]) -> &[u8] {
    let len = name.iter().rposition(|byte| !b":+?|".contains(byte)).map_or(0, |last| last + 1);
    if name.len() - len <= 2 { name[..len].trim_ascii_end() } else { name }
}

/// The longest type between a name and its value, in bytes.
const TYPE_LEN_MAX: usize = 40;

/// The value in `string = 'X'`, which stands behind `const password:`.
fn typed(rest: &[u8]) -> Option<&[u8]> {
    let equals = memchr::memmem::find(rest, b" = ").filter(|equals| *equals <= TYPE_LEN_MAX)?;
    let is_type = |byte: &u8| byte.is_ascii_alphanumeric() || b" _&'<>.?|[]".contains(byte);
    (equals > 1 && rest[..equals].iter().all(is_type)).then(|| rest[equals + 3..].trim_ascii_start())
}

/// Whether a text can be a key.
fn is_key(name: &[u8]) -> bool {
    let is_key =
        |byte: &u8| byte.is_ascii_alphanumeric() || b" \t._-\"'/:$[]{(@*%>?|+".contains(byte) || !byte.is_ascii();
    let has_open_quote = [b'"', b'\''].iter().any(|quote| memchr::memchr_iter(*quote, name).count() % 2 == 1);
    !name.trim_ascii().is_empty() && name.iter().all(is_key) && !has_open_quote
}

impl<'t> Settings<'t> {
    /// Reads pairs that are separated by `;`, `&`, `,` or blanks. Returns whether there are any.
    pub(super) fn list(&mut self, content: &'t [u8]) -> bool {
        let Some(separator) = [b';', b'&', b',', b' '].into_iter().find(|separator| is_list(content, *separator))
        else {
            return false;
        };
        split(content, separator, |segment| {
            let segment = segment.trim_ascii();
            let segment = segment.strip_prefix(b"?").unwrap_or(segment);
            let found = if separator == b',' { key(segment) } else { pair(segment) };
            match found {
                Some(found) => {
                    let value = segment[found.value..].trim_ascii();
                    self.leaf(found.name.trim_ascii(), value_of(value, separator));
                }
                None if !segment.is_empty() => self.loose(value_of(segment, separator)),
                None => {}
            }
        });
        true
    }

    /// Reads the words of a line: options with their values, keywords of netrc, schemes with
    /// tokens, and a key that is followed by a blank. Returns whether there is one of these.
    pub(super) fn words(&mut self, content: &'t [u8]) -> bool {
        let first = content.iter().position(u8::is_ascii_whitespace).unwrap_or(content.len());
        let is_netrc = NETRC.contains(&&content[..first]);
        let mut found = false;
        let mut before = Before::first(content);
        let mut rest = content;
        while !rest.is_empty() {
            // `-u'user:password'`, `-H"Header: X"`.
            if let [b'-', letter, b'"' | b'\'', ..] = rest
                && letter.is_ascii_alphabetic()
            {
                before.join(&rest[..2]);
                rest = &rest[2..];
            }
            let (written, len) = match self.quoted_in(rest) {
                Some(quoted) => quoted,
                None => {
                    let len = word_len(rest);
                    (Written::bare(&rest[..len], Style::Word), len)
                }
            };
            let word = written.text;
            let is_quoted = written.style != Style::Word;
            let is_option = before.is_option() && !word.starts_with(b"-");
            let is_scheme = SCHEMES.iter().any(|scheme| before.word.eq_ignore_ascii_case(scheme))
                && word.len() >= SCHEME_TOKEN_LEN_MIN
                && word.iter().all(|byte| byte.is_ascii_graphic());
            if let Some(credential) = before.credential(written) {
                self.leaf(b"password", credential);
                found = true;
            } else if is_scheme {
                self.leaf(b"token", written);
                found = true;
            } else if names_credential(before.word)
                && (is_quoted || is_option || is_netrc || before.is_keyword() && is_keyword(word))
            {
                self.leaf(before.word, written);
                found = true;
            } else if is_quoted {
                self.leaf(b"", written);
            } else if let Some(pair) = pair(word) {
                self.leaf(pair.name, value_of(&word[pair.value..], b' '));
                found |= names_credential(pair.name);
            } else if memchr::memmem::find(word, b"://").is_some() {
                self.leaf(b"", written);
            }
            // `password 7 X`: a number says how it is encrypted.
            let is_kind = word.len() == 1 && word[0].is_ascii_digit() && names_credential(before.word);
            if !is_kind {
                before.pass(word, is_quoted);
            }
            rest = rest[len..].trim_ascii_start();
        }
        let content = without_command(content);
        let first = content.iter().position(u8::is_ascii_whitespace).unwrap_or(content.len());
        let value = content[first..].trim_ascii();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let is_directive = !content.starts_with(b"-") && content[..first].iter().all(is_name);
        if !is_netrc && is_directive && names_credential(&content[..first]) && !value.is_empty() {
            self.leaf(&content[..first], value_of(value, b'\n'));
            found = true;
        }
        found || is_netrc
    }

    fn quoted_in(&mut self, text: &'t [u8]) -> Option<(Written<'t>, usize)> {
        let (written, len) = Written::quoted(text)?;
        // A quote within a word is a part of it.
        text.get(len).is_none_or(|after| !after.is_ascii_alphanumeric()).then_some((written, len))
    }
}

/// Commands with a name and a value behind them.
const SETTERS: [&[u8]; 8] = [b"ENV", b"ARG", b"set", b"setenv", b"setx", b"SetEnv", b"#define", b"export"];

/// The name and the value of `ENV NAME X`, `set -gx NAME X`, `#define NAME X`.
pub(super) fn without_command(content: &[u8]) -> &[u8] {
    let word = |text: &[u8]| text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    if !SETTERS.contains(&&content[..word(content)]) {
        return content;
    }
    let mut rest = content[word(content)..].trim_ascii_start();
    while rest.starts_with(b"-") {
        rest = rest[word(rest)..].trim_ascii_start();
    }
    rest
}

/// Whether a word may be a credential behind a keyword in the middle of a line, and no word of a
/// sentence.
fn is_keyword(word: &[u8]) -> bool {
    let is_plain = !word.starts_with(b"-") && !word.contains(&b'=');
    is_plain && word.len() >= SCHEME_TOKEN_LEN_MIN && word.iter().any(u8::is_ascii_digit) && !is_setting(b"word", word)
}

/// Whether a line is a scheme and its credential, which may have a `=` of base64 at its end.
pub(super) fn is_authorization(content: &[u8]) -> bool {
    let mut words = content.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_scheme = |word: &[u8]| SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    words.next().is_some_and(is_scheme) && words.next().is_some() && words.next().is_none()
}

/// Whether a line is one of a netrc file: a keyword, a blank, and a word.
pub(super) fn is_netrc(content: &[u8]) -> bool {
    let first = content.iter().position(u8::is_ascii_whitespace).unwrap_or(content.len());
    let rest = content[first..].trim_ascii_start();
    NETRC.contains(&&content[..first]) && !matches!(rest, [b'=' | b':', ..] | [b'<', b'-', ..])
}

/// Whether a line is a name of a credential, a blank, and a value that has the separator in it:
/// `requirepass a=b`.
pub(super) fn is_credential_before(content: &[u8], key: &Key<'_>) -> bool {
    let first = content.iter().position(u8::is_ascii_whitespace).unwrap_or(content.len());
    let is_joined = content.get(key.value).is_some_and(|after| !after.is_ascii_whitespace());
    is_joined && first < key.name.len() && names_credential(&content[..first])
}

/// The length of a word, to the next blank outside of quotes.
fn word_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            _ if byte.is_ascii_whitespace() => break,
            b'"' | b'\'' if at > 0 && text[at - 1] == b'=' => {
                at += Written::quoted(&text[at..]).map_or(1, |(_, len)| len);
            }
            _ => at += 1,
        }
    }
    at.max(1)
}

/// A value of a list.
fn value_of(value: &[u8], separator: u8) -> Written<'_> {
    if separator == b'&' {
        return Written { text: value, style: Style::Query };
    }
    if let Some((written, _)) = Written::quoted(value) {
        return written;
    }
    match value {
        [b'{', inner @ .., b'}'] if separator == b';' => Written { text: inner, style: Style::Braced },
        _ if separator == b'\n' => Written::bare(value, Style::Bare),
        _ => Written::bare(value, Style::Word),
    }
}

/// A pair with a `=`.
fn pair(segment: &[u8]) -> Option<Key<'_>> {
    let at = memchr::memchr(b'=', segment)?;
    let name = segment[..at].trim_ascii_end();
    is_key(name).then_some(Key { name, value: at + 1, separator: b'=', other: None })
}

/// Whether a text is a list with this separator: a separator stands before another key.
fn is_list(content: &[u8], separator: u8) -> bool {
    let Some(first) = memchr::memchr2(b'=', b':', content) else { return false };
    if separator == b'&' && content[first..].starts_with(b"://") {
        return false;
    }
    // A flow collection has separators of its own.
    if separator != b';'
        && key(content).is_some_and(|key| matches!(content[key.value..].trim_ascii(), [b'{' | b'[', ..]))
    {
        return false;
    }
    // The value of `key: a=b c` is a list by itself.
    let is_apart = |key: &Key<'_>| content.get(key.value).is_some_and(u8::is_ascii_whitespace);
    if separator == b' ' && key(content).is_some_and(|key| is_apart(&key) && !key.name.contains(&b' ')) {
        return false;
    }
    let mut count = 0;
    let mut keys = 0;
    let mut has_blank = false;
    split(content, separator, |segment| {
        let segment = segment.trim_ascii();
        let key = match separator {
            b',' => key(segment),
            _ => pair(segment),
        };
        // `cGFzcw==` is no pair.
        let key = key.filter(|key| separator != b' ' || key.value < segment.len()).map(|key| key.name);
        // Only connection strings have keys with blanks.
        let is_key = key.is_some_and(|key| separator == b';' || !key.iter().any(u8::is_ascii_whitespace));
        has_blank |= key.is_some_and(|key| key.iter().any(u8::is_ascii_whitespace));
        keys += usize::from(is_key);
        count += usize::from(!segment.is_empty());
    });
    // `Password=p;` is a list, too.
    keys > 1
        || keys == 1 && (separator == b';' && content.ends_with(b";") && !has_blank || separator == b' ' && count > 1)
}

/// Splits at separators outside of quotes and braces, which begin after a `=`; a doubled or escaped
/// quote does not end its text.
fn split<'t>(text: &'t [u8], separator: u8, mut each: impl FnMut(&'t [u8])) {
    let is_separator = |byte: u8| byte == separator || separator == b' ' && byte == b'\t';
    let (mut start, mut at) = (0, 0);
    // The last byte that is no blank.
    let mut before = 0;
    // An end that is not found is not searched for again.
    let mut is_closed = true;
    while let Some(&byte) = text.get(at) {
        let is_value = is_closed && b"=:{[(,>".contains(&before);
        if byte != b' ' {
            before = byte;
        }
        let value_len = match byte {
            b'"' | b'\'' if is_value => Some(Written::quoted(&text[at..]).map(|(_, len)| len)),
            b'{' if is_value && separator == b';' => Some(braced_len(&text[at..])),
            _ => None,
        };
        match value_len {
            Some(len) => {
                is_closed = len.is_some();
                at += len.unwrap_or(1);
            }
            None if is_separator(byte) => {
                each(&text[start..at]);
                at += 1;
                start = at;
            }
            None => at += 1,
        }
    }
    each(&text[start..]);
}

/// The length of a value in braces, in which `}}` means `}`.
fn braced_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let end = at + memchr::memchr(b'}', &text[at..])?;
        if text.get(end + 1) != Some(&b'}') {
            return Some(end + 1);
        }
        at = end + 2;
    }
}
