//! `--protocol`: the filter as a log shipper's helper, which answers line by line.

mod json;
mod mmexternal;
mod talk;

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;

use clap::ValueEnum;
use hushlog::io::{PumpError, PumpSummary};
use hushlog::sys::file::FileId;
use hushlog::{NeedleSet, Redactor};
use rustix::fs::fstat;

use self::mmexternal::Mmexternal;
use self::talk::talk;
use super::message;

/// The longest line, in bytes; a longer one is answered unread. rsyslog's messages have 8 KiB at
/// most by default. A line repeats a message up to three times, and each byte may take six.
const LINE_LEN_MAX: usize = 4 << 20;

/// The protocol of a log shipper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// mmexternal, which gives the text of each message
    RsyslogMmexternal,
    /// mmexternal with interface.input="fulljson", which gives each message whole
    RsyslogMmexternalFulljson,
}

/// Mutes messages if standard error shares the pipe of the answers. Errors stay: no answers follow
/// them.
pub(crate) fn mute_if_shared() {
    let (stdout, stderr) = (fstat(io::stdout()), fstat(io::stderr()));
    if let (Ok(stdout), Ok(stderr)) = (stdout, stderr)
        && FileId::from(&stdout) == FileId::from(&stderr)
        && !io::stderr().is_terminal()
    {
        message::mute();
    }
}

/// Answers each line of standard input with one on standard output, up to the end of the input.
pub(crate) fn run(
    protocol: Protocol,
    mark: bool,
    set: &Arc<NeedleSet>,
    redactor: Redactor,
) -> (Redactor, Result<PumpSummary, PumpError>) {
    let whole = protocol == Protocol::RsyslogMmexternalFulljson;
    let mut helper = Mmexternal::new(Arc::clone(set), redactor, whole, mark);
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let talked = talk(stdin.as_fd(), stdout.as_fd(), LINE_LEN_MAX, |line, out| helper.answer(line, out));
    (helper.redactor, talked)
}
