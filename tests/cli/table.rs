//! The case table through the program and two pipes: a piece's expected output arrives before the
//! next piece is written.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::harness::case::{self, Case, Run};
use crate::program;

/// The time limit for available output. The program takes microseconds; a loaded machine takes
/// longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The duration of silence that proves that no output comes.
const SILENCE: Duration = Duration::from_millis(15);

/// Whether the command line can express this case: it has a minimum length, and strips the newlines
/// at the end of a file.
fn can_be_asked_for(case: &Case) -> bool {
    let values: BTreeSet<&[u8]> = case.needles.iter().map(|(_, value)| &value[..]).collect();
    let fit = |value: &&[u8]| value.len() >= 4 && !value.ends_with(b"\n") && !value.trim_ascii().is_empty();
    values.iter().all(fit) && values.len() == case.needles.len() && case.secrets.is_empty()
}

/// The program for a case, with its secrets in a directory, one file each.
fn command(case: &Case, directory: &tempfile::TempDir) -> Command {
    for (name, value) in &case.needles {
        std::fs::write(directory.path().join(name), value).expect("a secret can be written");
    }
    let mut command = program::hushlog(["--no-encodings", "--quiet", "--allow-empty", "--secret-file"]);
    command.arg(directory.path());
    match case.mask_char {
        Some(c) => command.arg("--mask-char").arg(char::from(c).to_string()),
        None => command.args(["--mask", &case.mask]),
    };
    if !case.mask_partial {
        command.arg("--keep-partial");
    }
    command
}

/// A running program.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().expect("the program starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Running { child, stdin, output: reader(stdout) }
    }

    fn write(&mut self, piece: &[u8]) {
        self.stdin.as_mut().expect("it is open").write_all(piece).expect("the program reads");
    }

    /// Waits for `len` bytes, or for the end if `None`; then for silence.
    fn read(&mut self, len: Option<usize>) -> Vec<u8> {
        let mut got = Vec::new();
        loop {
            let enough = len.is_some_and(|len| got.len() >= len);
            match self.output.recv_timeout(if enough { SILENCE } else { PATIENCE }) {
                Ok(bytes) => got.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => return got,
                Err(RecvTimeoutError::Timeout) => return got,
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.stdin = None;
        let rest = self.read(None);
        assert!(self.child.wait().expect("it is our child").success());
        rest
    }
}

/// Forwards data from the pipe as it arrives.
fn reader(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 4096];
        while let Ok(len @ 1..) = stdout.read(&mut buffer) {
            if sender.send(buffer[..len].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn check_run(case: &Case, run: &Run) {
    let directory = tempfile::tempdir().expect("there is room");
    let mut running = Running::start(command(case, &directory));
    for (index, (piece, gives)) in run.pieces.iter().enumerate() {
        running.write(piece);
        assert!(running.read(Some(gives.len())) == *gives, "{}: piece {index}", case.name);
    }
    assert!(running.end() == run.end, "{}: end", case.name);
}

/// Each piece of each case's own cuttings; includes I14 and I15.
#[test]
fn the_program_matches_the_table() {
    let cases: Vec<Case> = case::all().into_iter().filter(can_be_asked_for).collect();
    assert!(cases.len() >= 40, "only {} cases can be asked for", cases.len());
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(8)) {
            scope.spawn(|| part.iter().for_each(|case| case.runs.iter().for_each(|run| check_run(case, run))));
        }
    });
}

/// Each case byte by byte, without waiting: the complete output and nothing else.
#[test]
fn program_gives_the_same_byte_by_byte() {
    for case in case::all().iter().filter(|case| can_be_asked_for(case)) {
        let directory = tempfile::tempdir().expect("there is room");
        let mut running = Running::start(command(case, &directory));
        case.text().chunks(1).for_each(|byte| running.write(byte));
        let run = &case.runs[0];
        let given = run.pieces.iter().flat_map(|piece| &piece.1).chain(&run.end);
        assert!(running.end() == given.copied().collect::<Vec<u8>>(), "{}", case.name);
    }
}
