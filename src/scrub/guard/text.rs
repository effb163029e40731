//! Whether a file is text, by the rule that a scrub has.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{CWD, fstat};
use rustix::io::Errno;

use super::notice::path_of;
use crate::scrub::kind::{self, Kind, Near};
use crate::sys::strict::{self, Reach};

/// A file that is text is judged again when it has more than doubled, and grown by so much, in
/// bytes.
const GROWTH_LEN: u64 = 64 << 10;

/// The judgement of a file. It is asked for before a mask is written, so that a file without
/// secrets is never judged.
#[derive(Default)]
pub(super) struct Judge {
    /// The file's length when it was found to be text.
    text_len: Option<u64>,
    /// Why that is in doubt, until that was reported.
    pub(super) doubt: Option<&'static str>,
}

impl Judge {
    /// Why no mask is written, if one could break the file.
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
            Kind::Compressed(packing) => return Ok(Some(refusal(packing.name()))),
        };
        self.text_len = Some(len);
        Ok(None)
    }
}

fn refusal(what: &str) -> String {
    format!("a mask could break it: {what}")
}
