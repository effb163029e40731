//! Lines in, and as many lines out.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use hushlog::io::{PumpError, PumpSummary};
use hushlog::sys::descriptor;
use rustix::io::Errno;
use zeroize::Zeroizing;

/// Answers each line of a descriptor on another. A line of `line_len_max` bytes or more is answered
/// unread.
pub(super) fn talk(
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    line_len_max: usize,
    answer: impl FnMut(Option<&[u8]>, &mut Vec<u8>),
) -> Result<PumpSummary, PumpError> {
    talk_through(
        |buffer| descriptor::read(input, buffer),
        |out| descriptor::write_all(output, &mut [IoSlice::new(out)]),
        line_len_max,
        answer,
    )
}

/// The same over closures. Answers all complete lines before the next read.
pub(super) fn talk_through(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
    mut write: impl FnMut(&[u8]) -> Result<(), Errno>,
    line_len_max: usize,
    mut answer: impl FnMut(Option<&[u8]>, &mut Vec<u8>),
) -> Result<PumpSummary, PumpError> {
    let mut buffer = Zeroizing::new(vec![0; line_len_max]);
    let (mut summary, mut len, mut too_long) = (PumpSummary::default(), 0, false);
    loop {
        let read = read(&mut buffer[len..]).map_err(|error| PumpError::Input(error.into()))?;
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
        write(&out).map_err(|error| match error {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    const LINE_LEN_MAX: usize = 1 << 10;

    /// The output of a helper that answers each line with its length.
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
        assert!(talk(from.as_fd(), to.as_fd(), LINE_LEN_MAX, answer).is_ok());
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
    fn a_full_disk_is_reported() {
        let (from, mut input) = std::io::pipe().expect("a pipe");
        input.write_all(b"a\n").expect("room");
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let talked = talk(from.as_fd(), full.as_fd(), LINE_LEN_MAX, |_, out| out.push(b'x'));
        let Err(PumpError::Output(error)) = talked else { panic!("it was written") };
        assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
    }
}
