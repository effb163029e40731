//! Secrets that a command prints: `sops -d`, `vault kv get`, `op read` and the like.
//!
//! `sh -c` runs the command, with our environment and standard error, and an empty standard input.
//! The output is
//!
//! - a JSON object or list: each text and number in it is a secret, named after the keys to it,
//!   with dots between. Booleans and null are no secrets.
//! - NAME=VALUE lines, if each line with text is one: see [`dotenv`].
//! - one value otherwise, without trailing newlines, named after the command's first word.
//!
//! A failure, an empty output, and a command that runs on after [`TIME_MAX`] are errors. These name
//! the command by its number only, since it may hold a secret by mistake. The command's group is
//! ours: it may ask for a passphrase on the terminal, and an interrupt key reaches it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::dotenv;
use super::json;
use crate::redact::build::NEEDLE_BYTES_MAX;
use crate::redact::secret::Secret;
use crate::redact::wiped::append;

/// The time after which a command is killed, output and exit included.
const TIME_MAX: Duration = Duration::from_secs(30);
/// The pause between two looks at a command that has closed its output, and not ended.
const PAUSE: Duration = Duration::from_millis(5);
const PIECE_LEN: usize = 16 << 10;

/// Why the output of a command cannot be used. It holds nothing of the command or its output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The shell cannot be started.
    #[error("cannot be started: {}", crate::sys::error::reason(.0))]
    Start(io::Error),
    /// The output cannot be read.
    #[error("cannot be read: {}", crate::sys::error::reason(.0))]
    Read(io::Error),
    /// The command ended with this status.
    #[error("failed with status {0}")]
    Status(i32),
    /// A signal ended the command.
    #[error("was killed by a signal")]
    Killed,
    /// The command did not end in time.
    #[error("did not end within {} seconds", TIME_MAX.as_secs())]
    Late,
    /// The output is larger than anything that could be masked.
    #[error("printed too much")]
    Large,
    /// The output begins as JSON, and is none.
    #[error("printed JSON that is not valid, or nested too deep")]
    Json,
}

/// What a command printed.
pub(super) struct Output {
    pub(super) secrets: Vec<Secret>,
    /// Whether it is one value, without a name of its own.
    pub(super) is_unnamed: bool,
    /// Dotenv entries instead of secrets.
    pub(super) entries: Vec<dotenv::Entry>,
}

/// Runs a command, and reads its output.
pub(super) fn run(command: &str) -> Result<Output, CommandError> {
    let deadline = Instant::now() + TIME_MAX;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().map_err(CommandError::Start)?;
    let stdout = child.stdout.take();
    let ended = stdout
        .map_or(Ok(Zeroizing::default()), |stdout| read(stdout, deadline))
        .and_then(|output| Ok((output, wait(&mut child, deadline)?)));
    match ended {
        Ok((output, status)) if status.success() => parsed(&output, command),
        Ok((_, status)) => Err(status.code().map_or(CommandError::Killed, CommandError::Status)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

fn read(mut stdout: ChildStdout, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let mut output = Zeroizing::new(Vec::with_capacity(PIECE_LEN));
    let mut piece = Zeroizing::new([0; PIECE_LEN]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let ready = poll(&mut [PollFd::new(&stdout.as_fd(), PollFlags::IN)], Some(&timeout));
        match ready {
            Ok(0) => return Err(CommandError::Late),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(CommandError::Read(error.into())),
        }
        match stdout.read(&mut piece[..]) {
            Ok(0) => return Ok(output),
            Ok(len) if output.len() + len > NEEDLE_BYTES_MAX => return Err(CommandError::Large),
            Ok(len) => append(&mut output, &piece[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CommandError::Read(error)),
        }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> Result<ExitStatus, CommandError> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() >= deadline => return Err(CommandError::Late),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(CommandError::Read(error)),
        }
    }
}

fn parsed(output: &[u8], command: &str) -> Result<Output, CommandError> {
    let text = output.trim_ascii();
    if matches!(text, [b'{', .., b'}'] | [b'[', .., b']']) {
        let secrets = json::leaves(text, &name(command)).map_err(|_| CommandError::Json)?;
        return Ok(Output { secrets, is_unnamed: false, entries: Vec::new() });
    }
    let file = dotenv::parse(output);
    let has_value =
        |entry: &dotenv::Entry| entry.value.as_ref().is_some_and(|value| !matches!(value.trim_ascii(), b"" | b"="));
    if file.unread.is_empty() && file.entries.iter().any(has_value) {
        return Ok(Output { secrets: Vec::new(), is_unnamed: false, entries: file.entries });
    }
    let end = output.iter().rposition(|b| !b"\r\n".contains(b)).map_or(0, |last| last + 1);
    let secrets = vec![Secret::new(name(command), output[..end].to_vec())];
    Ok(Output { secrets, is_unnamed: true, entries: Vec::new() })
}

/// The name of a value without one: the program that the command runs, if that looks like a name.
fn name(command: &str) -> String {
    let words = command.split_ascii_whitespace().filter(|word| !word.contains('='));
    let program = words.map(|word| word.rsplit('/').next().unwrap_or_default()).next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    match program {
        "" => "secret-command".to_owned(),
        program if program.chars().all(is_name) => program.to_owned(),
        _ => "secret-command".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(command: &str) -> Vec<(String, String)> {
        let output = run(command).unwrap_or_else(|error| panic!("{error}"));
        let secrets = output.secrets.iter().map(|s| (s.name().to_owned(), s.expose().to_vec()));
        let entries = output.entries.into_iter().filter(|e| e.is_masked).map(|e| (e.name, e.value.unwrap_or_default()));
        secrets.chain(entries).map(|(name, value)| (name, String::from_utf8(value).expect("text"))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn json_is_named_after_its_keys() {
        let json = r#"printf '%s\n' '{"A": "x\n\u00e9", "b": {"c": [1, "y", null, true]}, "A": "z", "n": -5}'"#;
        let expected =
            [pair("A", "x\n\u{e9}"), pair("b.c.0", "1"), pair("b.c.1", "y"), pair("A", "z"), pair("n", "-5")];
        assert_eq!(read(json), expected);
        assert_eq!(read("echo '[\"a\", {\"b\": \"c\"}]'"), [pair("0", "a"), pair("1.b", "c")]);
        assert!(matches!(run("echo '{\"a\": }'"), Err(CommandError::Json)));
        assert!(matches!(run("echo '{\"a\": 1} {\"b\": 2}'"), Err(CommandError::Json)));
    }

    #[test]
    fn lines_are_read_as_a_dotenv_if_all_of_them_are_entries() {
        assert_eq!(read("echo '# c'; echo \"A='b'\"; echo B=c"), [pair("A", "b"), pair("B", "c")]);
        assert_eq!(read("echo A=b; echo 'not one'"), [pair("echo", "A=b\nnot one")]);
        assert_eq!(read("echo MIIEowIBAAKCAQEA12345=="), [pair("echo", "MIIEowIBAAKCAQEA12345==")]);
    }

    #[test]
    fn one_value_has_the_name_of_the_program() {
        assert_eq!(read("X=1 /bin/echo 'zulu kite'"), [pair("echo", "zulu kite")]);
        assert_eq!(read("(printf 'a\\r\\n\\n')"), [pair("secret-command", "a")]);
        assert_eq!(read("cat"), [pair("cat", "")]);
    }

    #[test]
    fn failures_are_told_apart() {
        assert!(matches!(run("echo a; exit 3"), Err(CommandError::Status(3))));
        assert!(matches!(run("kill -9 $$"), Err(CommandError::Killed)));
        assert!(matches!(run("no-such-program-4471 2>/dev/null"), Err(CommandError::Status(127))));
        assert!(matches!(run("cat /dev/zero 2>/dev/null"), Err(CommandError::Large)));
    }
}
