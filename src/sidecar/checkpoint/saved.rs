//! The JSON format of the saved places.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};

use super::{Head, Key, Place};
use crate::sys::file::FileId;

/// The characters of a path that are written as `%xx`.
const ESCAPED: AsciiSet = CONTROLS.add(b'%').add(b'"').add(b'\\');

/// The content of the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) version: u32,
    pub(super) files: Vec<SavedPlace>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedPlace {
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
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl SavedPlace {
    pub(super) fn of(key: &Key, place: &Place) -> SavedPlace {
        SavedPlace {
            stream: key.stream.to_string(),
            path: escape(&place.path),
            target: place.target.as_deref().map(escape),
            device: key.file.device,
            inode: key.file.inode,
            offset: place.offset,
            head_len: place.head.len,
            head: hex(&place.head),
            modified: place.modified,
            len: place.len,
            done: place.is_done,
            tail_len: place.tail.len,
            tail: if place.tail.len == 0 { String::new() } else { hex(&place.tail) },
            before: place.before,
        }
    }

    fn take(self) -> Option<(Key, Place)> {
        let head = unhex(self.head_len, &self.head)?;
        let tail = if self.tail_len == 0 { Head::default() } else { unhex(self.tail_len, &self.tail)? };
        let place = Place {
            path: unescape(&self.path),
            target: self.target.as_deref().map(unescape),
            offset: self.offset,
            head,
            tail,
            before: self.before,
            modified: self.modified,
            len: self.len,
            is_done: self.done,
        };
        let file = FileId { device: self.device, inode: self.inode };
        Some((Key { stream: self.stream.into(), file }, place))
    }
}

fn hex(head: &Head) -> String {
    data_encoding::HEXLOWER.encode(&head.hash)
}

fn unhex(len: usize, text: &str) -> Option<Head> {
    let hash = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(Head { len, hash })
}

fn escape(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), &ESCAPED).to_string()
}

fn unescape(text: &str) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(percent_decode_str(text).collect()))
}

/// Reads the places that an earlier sidecar saved. None: the format is unknown.
pub(super) fn read(text: &[u8]) -> Option<Vec<(Key, Place)>> {
    let saved: Saved = serde_json::from_slice(text).ok().filter(|saved: &Saved| saved.version == 1)?;
    saved.files.into_iter().map(SavedPlace::take).collect()
}
