//! `--protocol`: the filter as a helper that a shipper asks, line by line.

mod json;
mod mmexternal;

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use clap::ValueEnum;
use hushlog::io::{PumpError, PumpSummary, recover};
use hushlog::{NeedleSet, Redactor};
use rustix::event::PollFlags;
use rustix::fs::fstat;
use rustix::io::Errno;
use zeroize::Zeroizing;

use self::mmexternal::Mmexternal;
use super::message;

/// A longer line is answered without being read, in bytes. rsyslog's messages have 8 KiB at most if it is not told otherwise, and
/// a message stands in its line up to three times, each byte as up to six.
const LINE_LEN_MAX: usize = 4 << 20;

/// Whose helper it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// mmexternal, which gives the text of each message
    RsyslogMmexternal,
    /// mmexternal with interface.input="fulljson", which gives each message whole
    RsyslogMmexternalFulljson,
}

/// If messages of ours would go where the answers go, none is to be shown from here on, but for errors, after which there are no
/// answers any more.
pub(crate) fn mute_if_shared() {
    let (stdout, stderr) = (fstat(io::stdout()), fstat(io::stderr()));
    if let (Ok(stdout), Ok(stderr)) = (stdout, stderr)
        && (stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino)
        && !io::stderr().is_terminal()
    {
        message::mute();
    }
}

/// Answers each line of standard input in one of standard output, up to the end of the input.
pub(crate) fn run(
    protocol: Protocol,
    mark: bool,
    set: &Arc<NeedleSet>,
    redactor: Redactor,
) -> (Redactor, Result<PumpSummary, PumpError>) {
    let whole = protocol == Protocol::RsyslogMmexternalFulljson;
    let mut helper = Mmexternal::new(Arc::clone(set), redactor, whole, mark);
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let talked = talk(stdin.as_fd(), stdout.as_fd(), |line, out| helper.answer(line, out));
    (helper.redactor, talked)
}

/// Answers all lines that have come before it reads on.
fn talk(
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    mut answer: impl FnMut(Option<&[u8]>, &mut Vec<u8>),
) -> Result<PumpSummary, PumpError> {
    let mut buffer = Zeroizing::new(vec![0; LINE_LEN_MAX]);
    let (mut summary, mut len, mut too_long) = (PumpSummary::default(), 0, false);
    loop {
        let read = read(input, &mut buffer[len..]).map_err(|error| PumpError::Input(error.into()))?;
        summary.bytes_in += read as u64;
        let (searched, mut done) = (len, 0);
        len += read;
        let mut out = Vec::new();
        let ends = memchr::memchr_iter(b'\n', &buffer[searched..len]).map(|at| searched + at);
        for end in ends.chain((read == 0 && (len > 0 || too_long)).then_some(len)) {
            answer(Some(&buffer[done..end]).filter(|_| !std::mem::take(&mut too_long)), &mut out);
            out.push(b'\n');
            done = end + 1;
        }
        write_all(output, &out).map_err(|error| match error {
            Errno::PIPE => PumpError::OutputClosed,
            error => PumpError::Output(error.into()),
        })?;
        summary.bytes_out += out.len() as u64;
        if read == 0 {
            return Ok(summary);
        }
        if done == 0 && len == buffer.len() {
            (too_long, done) = (true, len);
        }
        buffer.copy_within(done..len, 0);
        len -= done;
    }
}

/// 0 is the end of the input.
fn read(input: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(input, &mut *buffer) {
            Err(error) => recover(error, input, PollFlags::IN)?,
            done => return done,
        }
    }
}

fn write_all(output: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(output, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = &bytes[written..],
            Err(error) => recover(error, output, PollFlags::OUT)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    /// What is answered if each line is answered with its length.
    fn lengths(pieces: Vec<Vec<u8>>) -> String {
        let (mut output, to) = std::io::pipe().expect("a pipe");
        let (from, mut input) = std::io::pipe().expect("a pipe");
        let writer = std::thread::spawn(move || pieces.iter().for_each(|piece| input.write_all(piece).expect("read")));
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            output.read_to_string(&mut all).map(|_| all)
        });
        let answer = |line: Option<&[u8]>, out: &mut Vec<u8>| {
            out.extend_from_slice(line.map_or("too long".to_owned(), |line| line.len().to_string()).as_bytes());
        };
        assert!(talk(from.as_fd(), to.as_fd(), answer).is_ok());
        drop(to);
        writer.join().expect("it wrote");
        reader.join().expect("it read").expect("text")
    }

    #[test]
    fn each_line_has_an_answer_and_one_too_long_has_one_too() {
        assert_eq!(lengths(vec![]), "");
        assert_eq!(lengths(vec![b"a\n\nbc".to_vec(), b"d\n".to_vec(), b"e".to_vec()]), "1\n0\n3\n1\n");
        let longest = [vec![b'x'; LINE_LEN_MAX - 1], b"\n".to_vec()].concat();
        let longer = [vec![b'x'; LINE_LEN_MAX], b"\n".to_vec()].concat();
        let expected = format!("{}\ntoo long\n2\ntoo long\n", LINE_LEN_MAX - 1);
        assert_eq!(
            lengths(vec![longest, longer.clone(), b"ab\n".to_vec(), longer.repeat(2)[..longer.len() * 2 - 1].to_vec()]),
            expected.clone() + "too long\n"
        );
    }

    #[test]
    fn a_full_disk_is_told() {
        let (from, mut input) = std::io::pipe().expect("a pipe");
        input.write_all(b"a\n").expect("room");
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let talked = talk(from.as_fd(), full.as_fd(), |_, out| out.push(b'x'));
        let Err(PumpError::Output(error)) = talked else { panic!("it was written") };
        assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
    }
}
