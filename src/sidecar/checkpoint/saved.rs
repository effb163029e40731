//! The JSON format of the saved positions.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};

use super::{Fingerprint, Key, Position};
use crate::sys::file::{Birth, FileId};

/// The characters of a path that are written as `%xx`.
const ESCAPED: AsciiSet = CONTROLS.add(b'%').add(b'"').add(b'\\');

/// The content of the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) version: u32,
    pub(super) files: Vec<SavedPosition>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedPosition {
    stream: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    device: u64,
    inode: u64,
    offset: u64,
    head_len: usize,
    head: String,
    modified: i64,
    len: u64,
    done: bool,
    /// Absent in the files of earlier versions, which ignore it.
    #[serde(default, skip_serializing_if = "is_zero")]
    tail_len: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth: Birth,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl SavedPosition {
    pub(super) fn of(key: &Key, position: &Position) -> SavedPosition {
        SavedPosition {
            stream: key.stream.to_string(),
            path: escape(&position.path),
            target: position.target.as_deref().map(escape),
            device: key.file.device,
            inode: key.file.inode,
            offset: position.offset,
            head_len: position.head.len,
            head: hex(&position.head),
            modified: position.modified,
            len: position.len,
            done: position.is_done,
            tail_len: position.tail.len,
            tail: if position.tail.len == 0 { String::new() } else { hex(&position.tail) },
            before: position.before,
            birth: position.birth,
        }
    }

    fn take(self) -> Option<(Key, Position)> {
        let head = unhex(self.head_len, &self.head)?;
        let tail = if self.tail_len == 0 { Fingerprint::default() } else { unhex(self.tail_len, &self.tail)? };
        let position = Position {
            path: unescape(&self.path),
            target: self.target.as_deref().map(unescape),
            offset: self.offset,
            head,
            tail,
            before: self.before,
            modified: self.modified,
            len: self.len,
            birth: self.birth,
            is_done: self.done,
        };
        let file = FileId { device: self.device, inode: self.inode };
        Some((Key { stream: self.stream.into(), file }, position))
    }
}

fn hex(head: &Fingerprint) -> String {
    data_encoding::HEXLOWER.encode(&head.hash)
}

fn unhex(len: usize, text: &str) -> Option<Fingerprint> {
    let hash = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(Fingerprint { len, hash })
}

fn escape(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), &ESCAPED).to_string()
}

fn unescape(text: &str) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(percent_decode_str(text).collect()))
}

/// Reads the positions that an earlier sidecar saved. None: the format is unknown.
pub(super) fn read(text: &[u8]) -> Option<Vec<(Key, Position)>> {
    let saved: Saved = serde_json::from_slice(text).ok().filter(|saved: &Saved| saved.version == 1)?;
    saved.files.into_iter().map(SavedPosition::take).collect()
}
