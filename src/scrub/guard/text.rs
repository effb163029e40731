//! Decides whether a file is text, by the rule of a scrub.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{CWD, fstat};
use rustix::io::Errno;

use super::event_sink::path_of;
use crate::scrub::kind::{self, Kind, Near};
use crate::sys::strict::{self, Reach};

/// A text file is judged again once it has more than doubled and grown by this many bytes.
const GROWTH_LEN: u64 = 64 << 10;

/// The judgement of a file. It is made before a mask is written, so a file without secrets is never
/// judged.
#[derive(Default)]
pub(super) struct Judge {
    /// The file's length when it was judged as text.
    text_len: Option<u64>,
    /// The reason for doubt, until it is reported.
    pub(super) doubt: Option<&'static str>,
}

impl Judge {
    /// The reason for writing no mask, if one could break the file.
    pub(super) fn refuses(&mut self, file: BorrowedFd<'_>) -> Result<Option<String>, Errno> {
        let len = fstat(file)?.st_size as u64;
        if self.text_len.is_some_and(|known| len <= known.saturating_mul(2).saturating_add(GROWTH_LEN)) {
            return Ok(None);
        }
        let path = path_of(file);
        let beside = |name: &OsStr| strict::stat(CWD, path.with_file_name(name).as_os_str(), Reach::Anywhere).is_ok();
        self.doubt = match kind::of(file, &Near { path: &path, beside: &beside })? {
            Kind::Text => None,
            Kind::Doubtful(why) => Some(why),
            Kind::Binary(what) | Kind::Opaque(what) => return Ok(Some(refusal(what))),
            Kind::Compressed(compression) => return Ok(Some(refusal(compression.name()))),
        };
        self.text_len = Some(len);
        Ok(None)
    }
}

fn refusal(what: &str) -> String {
    format!("a mask could break it: {what}")
}
