//! The [colour codes](super::colour) of a masked region, found in its bytes one after the other.

use super::automaton::{ROOT, State};
use super::colour::{CODE_LEN_MAX, CODES_LEN_MAX, code_len, is_param};
use super::needle::NeedleSet;
use super::reading::rule::ESC;
use super::scan::Found;

/// The codes of a whole region, as they come out behind its mask. `is_last`: the text ends with it.
pub(crate) fn of(set: &NeedleSet, region: &[u8], is_last: bool) -> Vec<u8> {
    let Some(separator) = set.code_separator().filter(|_| memchr::memchr(ESC, region).is_some()) else {
        return Vec::new();
    };
    let mut codes = Codes::default();
    codes.take(set, region);
    let codes = codes.finish(is_last);
    if codes.is_empty() { codes } else { [&codes[..], separator].concat() }
}

/// The codes of a region, of which the bytes come one after the other.
#[derive(Clone, Default)]
pub(super) struct Codes {
    /// Those that come out.
    codes: Vec<u8>,
    /// The last one, whole or not.
    last: Vec<u8>,
    /// Behind a whole one: the search of the text itself from its second byte on, as long as an
    /// occurrence may have begun in it, and the number of bytes behind it.
    search: Option<(State, usize)>,
}

impl Codes {
    /// Takes the next bytes of the region.
    pub(super) fn take(&mut self, set: &NeedleSet, mut bytes: &[u8]) {
        while let [byte, rest @ ..] = bytes {
            if *byte == ESC {
                self.settle();
                self.last.push(ESC);
            } else if self.search.is_some() {
                self.look_behind(set, *byte);
            } else if !self.last.is_empty() {
                self.last.push(*byte);
                self.read(set);
            } else {
                let next = memchr::memchr(ESC, bytes).unwrap_or(bytes.len());
                bytes = &bytes[next..];
                continue;
            }
            bytes = rest;
        }
    }

    /// The codes of a whole region that have been taken in. `is_last`: the text ends with it.
    pub(super) fn finish(mut self, is_last: bool) -> Vec<u8> {
        if !is_last {
            self.settle();
        }
        self.codes
    }

    /// Looks at the last code, to which a byte was added.
    fn read(&mut self, set: &NeedleSet) {
        let is_begun = |code: &[u8]| code.len() < CODE_LEN_MAX && code[2..].iter().all(is_param);
        match &self.last[..] {
            [ESC, b'['] => {}
            code if code_len(code) == Some(code.len()) => {
                let mut found = Vec::new();
                let state = set.scanner().scan(&code[1..], ROOT, &mut found);
                match found.is_empty() {
                    true => self.search = Some((state, 0)),
                    false => self.last.clear(),
                }
                self.settle_if_clear(set);
            }
            [ESC, b'[', ..] if is_begun(&self.last) => {}
            _ => self.last.clear(),
        }
    }

    /// Searches the byte behind the last code for an occurrence that began in it.
    fn look_behind(&mut self, set: &NeedleSet, byte: u8) {
        let Some((state, len)) = &mut self.search else { return };
        let mut found: Vec<Found> = Vec::new();
        *state = set.scanner().scan(&[byte], *state, &mut found);
        *len += 1;
        if found.iter().any(|&(_, needle)| set.needle(needle as usize).len() > *len) {
            (self.search, self.last) = (None, Vec::new());
        }
        self.settle_if_clear(set);
    }

    /// Settles the last code if no occurrence may have begun in it any more.
    fn settle_if_clear(&mut self, set: &NeedleSet) {
        if self.search.is_some_and(|(state, len)| set.scanner().held_len(state) <= len) {
            self.settle();
        }
    }

    /// Adds the last code, if it is whole and nothing touches it.
    fn settle(&mut self) {
        let last = std::mem::take(&mut self.last);
        if self.search.take().is_none() {
            return;
        }
        self.codes.extend_from_slice(&last);
        let mut from = 0;
        while self.codes.len() - from > CODES_LEN_MAX {
            from += 1 + memchr::memchr(ESC, &self.codes[from + 1..]).unwrap_or_default();
        }
        self.codes.drain(..from);
    }
}
