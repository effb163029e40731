//! Reads text as settings of any format: JSON, YAML, TOML, INI, properties, XML, HCL, PHP, netrc,
//! connection strings, options of a command.
//!
//! Not a parser of each: a value that looks like two formats is read as both, mistakes are skipped,
//! and nothing is rejected. One reader tracks the surrounding keys, and three others find the
//! values: `block` in lines, `flow` between brackets, `tag` between tags. `line` reads what one
//! line has.
//!
//! The leaves are slices of the text. Cost: linear in its length.

use super::super::credential::name::{Meaning, meaning, names_credential, names_pair, names_setting};
use super::super::credential::setting::{is_host, is_setting, is_usual_path};
use super::super::credential::{colon_of_pair, is_mixed_word, looks_random, may_be_credential};
use super::written::Written;

mod block;
mod command;
mod flow;
mod line;
mod table;
mod tag;

/// The maximum number of surrounding keys. Deeper ones are not tracked.
const FRAMES_MAX: usize = 64;
/// The maximum number of brackets without an end, each of which is searched for to the end of the
/// text.
const UNCLOSED_MAX: u32 = 4;

/// Keys for the name of a setting, and keys for its value beside that.
const NAMES: &[&[u8]] = &[
    b"name",
    b"key",
    b"variable",
    b"var",
    b"property",
    b"field",
    b"header",
    b"setting",
    b"label",
    b"id",
    b"parameterkey",
];
const VALUES: &[&[u8]] =
    &[b"value", b"val", b"content", b"default", b"stringvalue", b"plaintext", b"newvalue", b"parametervalue"];
/// Keys that are true beside a value that is a secret, and types of such values.
const MARKS: &[&[u8]] = &[b"sensitive", b"masked", b"protected", b"secure", b"issecret", b"secret", b"noecho"];
/// Keys of the use of a language model, below `tokens`.
const COUNTS: [&[u8]; 6] = [b"input", b"output", b"prompt", b"completion", b"total", b"cached"];
/// Keys of curl whose values are a user and a password.
const LOGINS: [&[u8]; 2] = [b"user", b"proxy-user"];
/// Words before a name or a value that make a pair of both: `param-name` and `param-value`.
const PAIR_WORDS: &[&[u8]] =
    &[b"param", b"parameter", b"property", b"entry", b"attribute", b"option", b"setting", b"variable", b"config"];
/// Keys of Terraform around the paths of attributes that are secret, and around their names.
const SENSITIVE_PATHS: &[u8] = b"sensitive_attributes";
const SENSITIVE_NAMES: &[&[u8]] = &[b"sensitive_values", b"before_sensitive", b"after_sensitive"];
const SECRET_TYPES: &[&[u8]] = &[b"securestring", b"concealed", b"secret", b"password"];

/// A value of the settings.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'t> {
    key: &'t [u8],
    pub written: Written<'t>,
    /// Whether its key, or those around it, mean a credential, or it looks random.
    pub is_credential: bool,
    /// Whether its key, or those around it, mean a credential.
    pub is_named: bool,
    /// Whether its key means a user and a password.
    pub is_pair: bool,
    /// Whether it is certainly in base64.
    pub is_base64: bool,
}

/// The settings of a text.
pub(super) struct Settings<'t> {
    pub leaves: Vec<Leaf<'t>>,
    text: &'t [u8],
    frames: Vec<Frame<'t>>,
    /// The number of lines that are settings, headings or comments, and of all others.
    structured: usize,
    unstructured: usize,
    /// The number of lines with a credential behind a name and a blank, and of lines that are like
    /// these.
    directives: usize,
    likely_directives: usize,
    /// Whether values below `data` are credentials in base64.
    is_kubernetes_secret: bool,
    /// Whether its third columns are the secrets of `pppd`.
    is_chap: bool,
    /// Whether it configures a login module of Java.
    is_jaas: bool,
    /// The number of brackets without an end that were tried.
    unclosed: u32,
    /// The number of frames that were not tracked.
    untracked: usize,
    /// Keys that the text says to have secret values.
    sensitive: Vec<&'t [u8]>,
    /// The option of a command that the last item of a list is.
    option: Option<&'t [u8]>,
    /// Words alone in their lines.
    lone: Vec<Written<'t>>,
}

/// What is around a value: a map, a list, a section, a tag.
struct Frame<'t> {
    key: &'t [u8],
    meaning: Meaning,
    edge: Edge,
    /// The leaf with the name of a setting, and the leaf with its value: `{"name": "password",
    /// "value": "..."}`.
    name: Option<usize>,
    value: Option<usize>,
    /// Whether an entry such as `"sensitive": true` stands beside the value.
    is_marked: bool,
    items: usize,
    /// Whether it is a `<dict>` of a property list, whatever its key.
    is_dict: bool,
    /// Whether its key means a user and a password.
    is_pair: bool,
}

/// What ends a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// A line that is indented less than this. Twice its column, and one more for an entry of a
    /// list, which may be in the column of its key.
    Indent(usize),
    Section,
    Bracket(u8),
    Tag,
}

impl<'t> Settings<'t> {
    /// Reads a text. `meaning` is that of its own name.
    pub(super) fn read(text: &'t [u8], meaning: Meaning) -> Settings<'t> {
        let mut settings = Settings {
            leaves: Vec::new(),
            text,
            frames: Vec::new(),
            structured: 0,
            unstructured: 0,
            directives: 0,
            likely_directives: 0,
            is_kubernetes_secret: is_kubernetes_secret(text),
            is_chap: table::is_chap(text),
            is_jaas: memchr::memmem::find(text, b"LoginModule").is_some(),
            unclosed: 0,
            untracked: 0,
            sensitive: Vec::new(),
            option: None,
            lone: Vec::new(),
        };
        settings.frames.push(Frame::new(b"", meaning, Edge::Section));
        if !settings.table() {
            settings.block();
        }
        settings.close_all();
        settings.mark_sensitive();
        // The last line of base64 looks like a setting.
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
        if settings.structured + settings.directives > 0 && !text.iter().all(is_base64) {
            settings.frames.push(Frame::new(b"", Meaning::Credential, Edge::Section));
            std::mem::take(&mut settings.lone).into_iter().for_each(|word| settings.leaf(b"", word));
        }
        settings
    }

    /// Whether the text is a settings file, rather than a text with some settings in it.
    pub(super) fn is_settings(&self) -> bool {
        let (likely, unlikely) = match self.directives {
            0 => (0, self.likely_directives),
            directives => (directives + self.likely_directives, 0),
        };
        self.structured + likely > self.unstructured + unlikely
    }

    /// Whether a bracket may begin a collection.
    fn may_flow(&self) -> bool {
        self.unclosed < UNCLOSED_MAX
    }

    fn open(&mut self, key: &'t [u8], edge: Edge) {
        let own = meaning(key);
        let surrounding = self.frames.last().map_or(Meaning::Other, |frame| frame.meaning);
        let is_of_host = is_host_name(key);
        let is_pair = names_pair(key)
            || (own == Meaning::Neutral || is_of_host) && self.frames.last().is_some_and(|frame| frame.is_pair);
        let meaning = match own {
            Meaning::Other | Meaning::Place if is_of_host => surrounding,
            Meaning::Other if key == b"data" && self.is_kubernetes_secret => Meaning::Collection,
            Meaning::Neutral if key == b"data" && self.is_kubernetes_secret => Meaning::Collection,
            Meaning::Neutral => surrounding,
            Meaning::Other if surrounding == Meaning::Collection => Meaning::Credential,
            own => own,
        };
        if self.frames.len() < FRAMES_MAX {
            self.frames.push(Frame { is_pair, ..Frame::new(key, meaning, edge) });
        } else {
            self.untracked += 1;
        }
    }

    fn close(&mut self) {
        if self.untracked > 0 {
            self.untracked -= 1;
            return;
        }
        // The first frame is that of the whole text.
        if self.frames.len() < 2 {
            return;
        }
        if let Some(frame) = self.frames.pop() {
            self.pair(&frame);
        }
    }

    fn close_all(&mut self) {
        while let Some(frame) = self.frames.pop() {
            self.pair(&frame);
        }
    }

    /// Joins a name and its value, if they stand side by side.
    fn pair(&mut self, frame: &Frame<'t>) {
        let Some(value) = frame.value else { return };
        let name = frame.name.map(|index| self.leaves[index].written.likely_text());
        if let Some(index) = frame.name {
            (self.leaves[index].is_credential, self.leaves[index].is_named) = (false, false);
        }
        let leaf = &mut self.leaves[value];
        leaf.is_named |= (name.is_some_and(names_credential) || frame.is_marked)
            && may_be_credential(name.unwrap_or_default(), leaf.written.likely_text());
        leaf.is_credential |= leaf.is_named;
    }

    /// A value, and the key directly before it.
    fn leaf(&mut self, key: &'t [u8], written: Written<'t>) {
        if written.text.is_empty() {
            return;
        }
        let Some(frame) = self.frames.last_mut() else { return };
        let is_option = written.text.starts_with(b"-") && !written.text.contains(&b'=');
        // `["--password", "X"]`.
        let option = std::mem::replace(&mut self.option, Some(written.text).filter(|_| key.is_empty() && is_option));
        let is_of_option = key.is_empty() && !is_option && option.is_some_and(names_credential);
        let is_of_host = is_host_name(key);
        let own = if is_of_host && meaning(key) != Meaning::Credential { Meaning::Neutral } else { meaning(key) };
        let is_named = match own {
            Meaning::Credential | Meaning::Collection => !is_reference(frame, key, written.text),
            Meaning::Neutral => matches!(frame.meaning, Meaning::Credential | Meaning::Collection),
            Meaning::Other => frame.meaning == Meaning::Collection,
            Meaning::Description | Meaning::Place => false,
        };
        // Of Bundler: `BUNDLE_GEMS__EXAMPLE__COM`.
        let is_bundler = key.starts_with(b"BUNDLE_") && memchr::memmem::find(key, b"__").is_some();
        let is_login = (LOGINS.contains(&key) || is_bundler)
            && colon_of_pair(written.text).is_some_and(|colon| {
                let password = &written.text[colon + 1..];
                is_mixed_word(password) && !is_setting(b"user", password)
            });
        let index = self.leaves.len();
        if is_one_of(key, NAMES) || is_first_of_pair(key) {
            frame.name.get_or_insert(index);
        }
        if is_one_of(key, VALUES) || is_second_of_pair(key) {
            frame.value.get_or_insert(index);
        }
        frame.is_marked |= is_one_of(key, MARKS) && written.text.eq_ignore_ascii_case(b"true")
            || is_one_of(key, &[b"type"]) && is_one_of(written.text, SECRET_TYPES);
        if key.is_empty() && matches!(frame.edge, Edge::Bracket(_)) {
            frame.items += 1;
            // `define('PASSWORD', 'x')`, `("password", "x")`.
            match frame.items {
                1 => frame.name = Some(index),
                2 if frame.edge == Edge::Bracket(b'(') => frame.value = Some(index),
                _ => (frame.name, frame.value) = (None, None),
            }
        }
        let value = written.likely_text();
        let is_named = is_named && may_be_credential(key, value) && !is_usual_path(value);
        // The server's side of JAAS has `user_NAME="X"`.
        // A number below `tokens` is a count.
        let is_count = frame.key == b"tokens" && COUNTS.contains(&key) && written.text.iter().all(u8::is_ascii_digit);
        let is_named = is_named && !is_count || is_login || is_of_option || key.starts_with(b"user_") && self.is_jaas;
        let is_credential = is_named || looks_random(written.text);
        // A host name in base64 looks random, too.
        let is_credential = is_credential && !(self.is_kubernetes_secret && own == Meaning::Place);
        let is_base64 = self.is_kubernetes_secret && frame.key == b"data";
        let is_pair = names_pair(key) || is_login || own == Meaning::Neutral && frame.is_pair;
        self.leaves.push(Leaf { key, written, is_credential, is_named, is_pair, is_base64 });
        self.note_sensitive(key, written);
    }

    /// Keeps a key that the text says to have a secret value.
    fn note_sensitive(&mut self, key: &'t [u8], written: Written<'t>) {
        let is_inside = |names: &[&[u8]]| self.frames.iter().any(|frame| names.contains(&frame.key));
        if key == b"value" && is_inside(&[SENSITIVE_PATHS]) {
            self.sensitive.push(written.text);
        } else if written.text == b"true" && is_inside(SENSITIVE_NAMES) {
            self.sensitive.push(key);
        }
    }

    /// Takes the values of these keys for credentials.
    fn mark_sensitive(&mut self) {
        self.sensitive.sort_unstable();
        for leaf in self.leaves.iter_mut().filter(|_| !self.sensitive.is_empty()) {
            let is_sensitive = self.sensitive.binary_search(&leaf.key).is_ok();
            leaf.is_named |= is_sensitive && may_be_credential(leaf.key, leaf.written.likely_text());
            leaf.is_credential |= leaf.is_named;
        }
    }

    /// Whether the value of this key may be a credential, by the key or by the brackets around it.
    fn may_name_credential(&self, key: &[u8]) -> bool {
        let is_inside = |frame: &Frame<'_>| matches!(frame.meaning, Meaning::Credential | Meaning::Collection);
        names_credential(key) || is_one_of(key, VALUES) || self.frames.last().is_some_and(is_inside)
    }

    /// A text between values.
    fn loose(&mut self, written: Written<'t>) {
        let is_credential = looks_random(written.text);
        self.leaves.push(Leaf { key: b"", written, is_credential, is_named: false, is_pair: false, is_base64: false });
    }
}

impl<'t> Frame<'t> {
    fn new(key: &'t [u8], meaning: Meaning, edge: Edge) -> Frame<'t> {
        Frame {
            key,
            meaning,
            edge,
            name: None,
            value: None,
            is_marked: false,
            items: 0,
            is_dict: false,
            is_pair: false,
        }
    }
}

/// Whether a value behind `key` is the name of an entry, and no credential: `secretKeyRef: {name:
/// orders, key: db-password}`, `tolerations: [{key: node-role}]`.
fn is_reference(frame: &Frame<'_>, key: &[u8], value: &[u8]) -> bool {
    let is_separator = |byte: &u8| b"._-/".contains(byte);
    let is_name = || value.iter().all(|byte| byte.is_ascii_alphabetic() || is_separator(byte));
    let has_words = || names_credential(value) || value.iter().any(is_separator);
    key.eq_ignore_ascii_case(b"key")
        && (frame.meaning == Meaning::Description || is_setting(b"name", value) || is_name() && has_words())
}

/// Whether a key is the name of a host, under which the credential for it stands.
fn is_host_name(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"https://").unwrap_or(key);
    let name = key.strip_suffix(b"/").unwrap_or(key);
    let last = name.iter().rposition(|byte| *byte == b'.').map(|dot| &name[dot + 1..]);
    // `github.username`, below `[auth]` of Mercurial.
    last.is_some_and(|last| !names_setting(last)) && is_host(name)
}

/// Whether a key is `param-name`, or the like.
fn is_first_of_pair(key: &[u8]) -> bool {
    is_pair_of(key, &[b"name", b"key"])
}

/// Whether a key is `param-value`, or the like.
fn is_second_of_pair(key: &[u8]) -> bool {
    is_pair_of(key, &[b"value"])
}

fn is_pair_of(key: &[u8], ends: &[&[u8]]) -> bool {
    let Some(at) = key.iter().rposition(|byte| b"-_.".contains(byte)) else { return false };
    let before = key[..at].rsplit(|byte| b"-_.".contains(byte)).next().unwrap_or_default();
    is_one_of(before, PAIR_WORDS) && is_one_of(&key[at + 1..], ends)
}

fn is_one_of(key: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| key.eq_ignore_ascii_case(word))
}

/// Whether a text is a manifest of a Kubernetes Secret, in YAML or JSON.
fn is_kubernetes_secret(text: &[u8]) -> bool {
    [&b"kind: Secret"[..], b"\"kind\":\"Secret\"", b"\"kind\": \"Secret\""].iter().any(|kind| {
        memchr::memmem::find_iter(text, kind)
            .any(|at| !text.get(at + kind.len()).is_some_and(u8::is_ascii_alphanumeric))
    })
}
