//! Opens a browser at an address that only this user may see.
//!
//! Every user of the machine sees the arguments of a command, so the address is in a private file,
//! whose path is the argument. The page in it leads on.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hushlog::source::setting::variable;
use hushlog::sys::beneath::{Dir, Links};
use hushlog::sys::file::FileId;
use rustix::fs::{OFlags, fstat};

/// The program that opens the user's browser.
const PROGRAM: &str = "xdg-open";

/// A private file with an address, removed on drop.
pub(crate) struct Opener {
    dir: Dir,
    name: OsString,
    id: FileId,
}

impl Opener {
    /// Starts a browser, if there is a display. `None` if there is none, or it cannot be started:
    /// the user has the address on the terminal.
    pub(crate) fn open(address: &str) -> Option<Opener> {
        variable("DISPLAY").or_else(|| variable("WAYLAND_DISPLAY"))?;
        let directory = variable("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
        let dir = Dir::open(&directory, Links::Trusted).ok()?;
        let name = OsString::from(format!("hushlog-console-{}.html", std::process::id()));
        let file = dir.create_new(&name, OFlags::WRONLY, 0o600).ok()?;
        let id = FileId::from(&fstat(&file).ok()?);
        let opener = Opener { dir, name, id };
        // The address has letters, digits and `:/?=.[]` only.
        let page = format!(
            "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
             <meta http-equiv=\"refresh\" content=\"0; url={address}\"><title>hushlog console</title>\n"
        );
        File::from(file).write_all(page.as_bytes()).ok()?;
        let mut browser = Command::new(PROGRAM)
            .arg(directory.join(&opener.name))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        std::thread::spawn(move || browser.wait());
        Some(opener)
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        // The directory is the user's own, or sticky.
        let _ = self.dir.unlink_if(&self.name, self.id);
    }
}
