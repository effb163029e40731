//! The expected contents of a log's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use hushlog::redact::naive;

use super::world::{Masks, NAMES, World};

/// The kernel copies files by pages of this length.
const PAGE_LEN: usize = 4 << 10;
/// The shortest rest of a secret that a scrub recognizes next to the mask of its other half. At the
/// end of an idle file, the shortest recognized beginning is longer.
const REST_LEN_MIN: usize = 4;

/// A line end is taken for none behind this many characters of one word: a secret may be broken
/// there.
const BROKEN_LEN_MIN: usize = 40;

impl World {
    /// The file's content, decompressed.
    fn content(&self, at: usize) -> Vec<u8> {
        let found = fs::read(self.path(at)).unwrap_or_else(|error| self.fail(&format!("file {at}: {error}")));
        if !self.logs[at].packed {
            return found;
        }
        let mut content = Vec::new();
        GzDecoder::new(&found[..]).read_to_end(&mut content).unwrap_or_else(|_| self.fail("a packed file is broken"));
        content
    }

    /// The number of bytes at a file's end that begin a secret and may be masked for it.
    pub(super) fn partial(&self, at: usize) -> usize {
        let ends = |raw: &[u8], secret: &Vec<u8>| {
            let most = secret.len().min(raw.len() + 1);
            (REST_LEN_MIN..most).rev().find(|&len| raw.ends_with(&secret[..len])).unwrap_or(0)
        };
        let longest = |raw| self.secrets.iter().map(|secret| ends(raw, secret)).max().unwrap_or(0);
        let raw = &self.logs[at].raw;
        let broken = raw.strip_suffix(b"\n").map_or(0, longest);
        let broken = if broken < BROKEN_LEN_MIN { 0 } else { broken + 1 };
        longest(raw).max(broken)
    }

    /// The number of bytes at a file's beginning that end a secret and may be masked next to a mask
    /// at some file's end. Names do not give the order in which files were written, so a scrub
    /// tries each file after each other one, and the mask need not be the previous file's.
    fn rest(&self, at: usize) -> usize {
        let raw = &self.logs[at].raw;
        let others = (0..self.logs.len()).filter(|&other| other != at);
        let masks: Vec<(usize, usize)> = others.map(|other| (other, self.mask_at_end(other))).collect();
        // Files that are all mask may be in between.
        let is_all = |&&(other, len): &&(usize, usize)| len == self.logs[other].raw.len();
        let between: usize = masks.iter().filter(is_all).map(|(_, len)| len).sum();
        let most = match masks.iter().map(|(_, len)| len).max() {
            Some(1..) if self.is_rewritten => usize::MAX,
            most => most.map_or(0, |most| most + between),
        };
        let begins = |secret: &Vec<u8>| {
            let lens = REST_LEN_MIN..secret.len().min(raw.len() + 1);
            let is_rest = |&len: &usize| raw.starts_with(&secret[secret.len() - len..]) && secret.len() - len <= most;
            lens.rev().find(is_rest).unwrap_or(0)
        };
        self.secrets.iter().map(begins).max().unwrap_or(0)
    }

    /// The length of the masks at a file's end.
    fn mask_at_end(&self, at: usize) -> usize {
        self.content(at).iter().rev().take_while(|&&byte| self.is_of_a_mask(byte)).count()
    }

    /// Whether the first of these files with content meets this one in a mask. Files in between may
    /// hold too little of a secret to be recognized.
    fn masks_meet(&self, files: impl Iterator<Item = usize>, meets: fn(&[u8]) -> Option<&u8>) -> bool {
        for at in files.filter(|&at| !self.logs[at].raw.is_empty()) {
            let content = self.content(at);
            if meets(&content).is_some_and(|&byte| self.is_of_a_mask(byte)) {
                return true;
            }
            if content.len() >= REST_LEN_MIN {
                return false;
            }
        }
        false
    }

    /// For each byte of each file: whether it belongs to a secret, also across files; and whether
    /// it belongs to a beginning of one at the file's end, or to the end of one at its beginning.
    fn covered(&self) -> Vec<Vec<(bool, bool)>> {
        let secrets: Vec<&[u8]> = self.secrets.iter().map(Vec::as_slice).collect();
        let all: Vec<u8> = self.logs.iter().rev().flat_map(|log| log.raw.iter().copied()).collect();
        let covered = naive::covered(&secrets, &all);
        let mut at = 0;
        let mut files: Vec<Vec<(bool, bool)>> = Vec::new();
        for (number, log) in self.logs.iter().enumerate().rev() {
            let covered = &covered[at..at + log.raw.len()];
            at += log.raw.len();
            let (until, from) = (self.rest(number), log.raw.len() - self.partial(number));
            let is_part = |at: usize| at < until || at >= from;
            files.push(covered.iter().enumerate().map(|(at, &covered)| (covered, is_part(at))).collect());
        }
        files.reverse();
        files
    }

    fn is_of_a_mask(&self, byte: u8) -> bool {
        match self.masks {
            Masks::Byte => byte == b'#',
            Masks::Named => byte == b'*' || b"[]".contains(&byte) || byte.is_ascii_uppercase(),
        }
    }

    /// Fails unless all files hold the writer's bytes, or masks over secrets.
    pub(super) fn check_bytes(&self) {
        let covered = self.covered();
        for (at, log) in self.logs.iter().enumerate() {
            let found = self.content(at);
            if found.len() != log.raw.len() {
                self.fail(&format!("file {at} has {} bytes of {}", found.len(), log.raw.len()));
            }
            let strange = (0..found.len()).find(|&byte| {
                let (is_secret, is_part) = covered[at][byte];
                found[byte] != log.raw[byte] && !((is_secret || is_part) && self.is_of_a_mask(found[byte]))
            });
            if let Some(byte) = strange {
                self.fail_by_content(&format!(
                    "byte {byte} of file {at} of {} is {:?}",
                    found.len(),
                    found[byte] as char
                ));
            }
        }
    }

    /// Fails unless all secrets are masked.
    pub(super) fn check_masks(&self) {
        for (at, covered) in self.covered().iter().enumerate() {
            let found = self.content(at);
            let is_left = |byte: &usize| covered[*byte].0 && !self.is_of_a_mask(found[*byte]);
            // So few bytes next to the other half's mask are not recognized as part of a secret.
            let begin = (0..found.len()).take_while(is_left).count();
            let end = (0..found.len()).rev().take_while(is_left).count();
            let older = self.masks_meet(at + 1..self.logs.len(), <[u8]>::last);
            let newer = self.masks_meet((0..at).rev(), <[u8]>::first);
            let is_short = |byte: usize| {
                begin < REST_LEN_MIN && older && byte < begin
                    || end < REST_LEN_MIN && newer && byte >= found.len() - end
            };
            let is_excused = |&byte: &usize| {
                is_short(byte) || self.is_torn_copy(at, byte, covered, &found) || self.is_cut_alike(at, byte, &found)
            };
            let left: Vec<usize> = (0..found.len()).filter(is_left).filter(|byte| !is_excused(byte)).collect();
            if let Some(first) = left.first() {
                let len = found.len();
                self.fail_by_content(&format!(
                    "{} bytes of secrets stand in file {at} of {len}, from {first}",
                    left.len()
                ));
            }
        }
    }

    /// The contents of all files.
    pub(super) fn contents(&self) -> Vec<Vec<u8>> {
        (0..self.logs.len()).map(|at| self.content(at)).collect()
    }

    /// Fails unless all files hold what they held before, with masks of any length in the places of
    /// secrets, and no secret any more. They are then the files of a writer without these secrets.
    pub(super) fn check_rewritten(&mut self, before: &[Vec<u8>]) {
        self.is_rewritten = true;
        let (covered, after) = (self.covered(), self.contents());
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let is_mask = |byte| self.is_of_a_mask(byte);
            if !is_masked(before, &covered[at], after, is_mask) {
                self.fail(&format!("file {at} of {} bytes has other bytes than {}", after.len(), before.len()));
            }
        }
        let all: Vec<u8> = after.iter().rev().flatten().copied().collect();
        if self.secrets.iter().any(|secret| memchr::memmem::find(&all, secret).is_some()) {
            self.fail("a secret is left by a rewrite");
        }
        for (log, after) in self.logs.iter_mut().zip(after) {
            log.raw = after;
        }
    }

    /// Whether this byte is in a copy made during a scrub, and in a partly masked secret across two
    /// pages. The kernel copies page by page, and the scrub may mask the file between two of them.
    /// Nothing on the disk identifies such a copy.
    fn is_torn_copy(&self, at: usize, byte: usize, covered: &[(bool, bool)], found: &[u8]) -> bool {
        if !self.logs[at].is_copied_beside {
            return false;
        }
        let is_secret = |&at: &usize| covered[at].0;
        let start = byte - (0..byte).rev().take_while(is_secret).count();
        let end = byte + (byte..covered.len()).take_while(is_secret).count();
        start / PAGE_LEN != (end - 1) / PAGE_LEN && found[start..end].iter().any(|&byte| self.is_of_a_mask(byte))
    }

    /// Whether this byte is in the rest of a cut secret that is masked up to the cut, while another
    /// rotation cut the same secret at the same place. A scrub before this rest was written took
    /// the other one, in an older file, as its continuation.
    fn is_cut_alike(&self, at: usize, byte: usize, found: &[u8]) -> bool {
        let start = byte - (0..byte).rev().take_while(|&at| !self.is_of_a_mask(found[at])).count();
        self.secrets.iter().any(|secret| {
            let ends = |len: &usize| {
                let (rest, end) = (&secret[secret.len() - len..], start + len);
                let masked = end.checked_sub(secret.len()).map(|from| &found[from..start]);
                byte < end
                    && found[start..].starts_with(rest)
                    && masked.is_some_and(|masked| masked.iter().all(|&byte| self.is_of_a_mask(byte)))
                    && self.logs.iter().skip(at + 1).any(|older| older.raw.starts_with(rest))
            };
            (1..secret.len()).any(|len| ends(&len))
        })
    }

    /// The files around their boundaries, as classes instead of bytes.
    pub(super) fn picture(&self) -> String {
        let mut picture = String::new();
        for (at, covered) in self.covered().iter().enumerate().rev() {
            let found = self.content(at);
            let class = |byte: usize| match (covered[byte], found[byte] == self.logs[at].raw[byte]) {
                ((true, _), true) => 's',
                ((_, true), true) => 'p',
                ((true, _) | (_, true), false) => '#',
                (_, false) => '?',
                _ if found[byte] == 0 => '0',
                _ => '.',
            };
            let classes: String = (0..found.len().min(covered.len())).map(class).collect();
            let mut runs: Vec<(char, usize)> = Vec::new();
            for class in classes.chars() {
                match runs.last_mut().filter(|(last, _)| *last == class) {
                    Some((_, len)) => *len += 1,
                    None => runs.push((class, 1)),
                }
            }
            let shown: Vec<String> = runs.iter().map(|(class, len)| format!("{class}{len}")).collect();
            picture += &format!("\n{at}{}: {}", if self.logs[at].packed { " (packed)" } else { "" }, shown.join(" "));
        }
        picture
    }
}

/// Whether a text is another one with names as masks over covered bytes. Any part of these may be
/// one mask. What a secret has in the next file is masked byte by byte.
fn is_masked(before: &[u8], covered: &[(bool, bool)], after: &[u8], is_mask: impl Fn(u8) -> bool) -> bool {
    let is_covered = |at: usize| covered.get(at).is_some_and(|&(is_secret, is_part)| is_secret || is_part);
    let masks = NAMES.map(|name| format!("[REDACTED:{name}]").into_bytes());
    // For each length of the text after, the lengths of the text before that it may stand for.
    let mut reached = BTreeMap::from([(0, BTreeSet::from([0]))]);
    while let Some((to, all)) = reached.pop_first() {
        if to == after.len() && all.contains(&before.len()) {
            return true;
        }
        let mask = masks.iter().find(|mask| after[to..].starts_with(mask));
        let mut until = 0;
        for from in all {
            let is_same = |after: u8| before.get(from).is_some_and(|&before| before == after);
            if after.get(to).is_some_and(|&after| is_same(after) || is_covered(from) && is_mask(after)) {
                reached.entry(to + 1).or_default().insert(from + 1);
            }
            let Some(mask) = mask else { continue };
            let ends = (from..).take_while(|at| is_covered(*at)).map(|at| at + 1).skip_while(move |end| *end <= until);
            let next = reached.entry(to + mask.len()).or_default();
            for end in ends {
                until = end;
                next.insert(end);
            }
        }
    }
    false
}
