//! One record of a container log: Docker's json-file and the Kubernetes format (CRI).

use std::ops::Range;

/// The longest record, in bytes. A record of 16 KiB takes at most 96 KiB if each byte is written as
/// `\u00xx`.
pub(crate) const RECORD_LEN_MAX: usize = 256 << 10;
/// Enough leading bytes to recognize a container log.
pub(crate) const HEAD_LEN: usize = 256;
/// The longest head of a CRI record: time, stream and tag, in bytes.
const CRI_HEAD_LEN_MAX: usize = 64;

/// The format of a container log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// `{"log":"text\n","stream":"stdout","time":"2026-11-24T16:00:00.000000000Z"}`; without the
    /// `\n`, the line continues.
    Docker,
    /// `2026-11-24T16:00:00.000000000Z stdout F text`; with `P`, the line continues.
    Cri,
}

impl RecordFormat {
    /// The format of a file with this head, if it is a container log. 256 bytes of head are enough.
    ///
    /// ```
    /// use hushlog::container::RecordFormat;
    ///
    /// let head = br#"{"log":"ready\n","stream":"stdout","time":"2026-11-24T16:00:00Z"}"#;
    /// assert_eq!(RecordFormat::of_head(head), Some(RecordFormat::Docker));
    /// assert_eq!(RecordFormat::of_head(b"plain text\n"), None);
    /// ```
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<RecordFormat> {
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if line.starts_with(DOCKER_HEAD) {
            return Some(RecordFormat::Docker);
        }
        cri(line).map(|_| RecordFormat::Cri)
    }
}

const DOCKER_HEAD: &[u8] = b"{\"log\":\"";

/// The fields of a record.
pub(crate) struct Record {
    /// 0 for standard output, 1 for standard error.
    pub(crate) stream: usize,
    pub(crate) text: Range<usize>,
    pub(crate) goes_on: bool,
}

impl Record {
    /// Parses a line without its newline; `None` if it is no record.
    pub(crate) fn parse(format: RecordFormat, line: &[u8]) -> Option<Record> {
        match format {
            RecordFormat::Docker => docker(line),
            RecordFormat::Cri => cri(line),
        }
    }

    /// The text of a record that its writer has not finished, and may never finish.
    #[cfg(feature = "sidecar")]
    pub(crate) fn unfinished_text(format: RecordFormat, line: &[u8]) -> Option<Range<usize>> {
        let text = |record: Record| record.text;
        match format {
            RecordFormat::Docker if line.starts_with(DOCKER_HEAD) => {
                Some(docker(line).map_or(DOCKER_HEAD.len()..line.len(), text))
            }
            RecordFormat::Docker => None,
            RecordFormat::Cri => cri(line).map(text),
        }
    }
}

/// Whether an odd number of backslashes ends this text: they escape the next character.
fn ends_in_escape(text: &[u8]) -> bool {
    text.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

fn docker(line: &[u8]) -> Option<Record> {
    let rest = line.strip_prefix(DOCKER_HEAD)?;
    let mut quotes = memchr::memchr_iter(b'"', rest);
    let len = quotes.find(|&at| !ends_in_escape(&rest[..at]))?;
    let stream = usize::from(memchr::memmem::find(&rest[len..], b"\"stream\":\"stderr\"").is_some());
    let text = DOCKER_HEAD.len()..DOCKER_HEAD.len() + len;
    let ends = rest[..len].strip_suffix(b"n").is_some_and(ends_in_escape);
    Some(Record { stream, text, goes_on: !ends })
}

fn cri(line: &[u8]) -> Option<Record> {
    let head = &line[..line.len().min(CRI_HEAD_LEN_MAX)];
    let mut words = head.splitn(4, |&byte| byte == b' ');
    let (time, stream, tag, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_time = time.len() >= 20 && time[4] == b'-' && time[10] == b'T' && time[..4].iter().all(u8::is_ascii_digit);
    let stream = [&b"stdout"[..], b"stderr"].iter().position(|name| *name == stream).filter(|_| is_time)?;
    let goes_on = match tag.split(|&byte| byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Record { stream, text: time.len() + 1 + 6 + 1 + tag.len() + 1..line.len(), goes_on })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_understood() {
        let docker = |line: &str| {
            let record = docker(line.as_bytes()).expect("a record");
            (line[record.text].to_owned(), record.stream, record.goes_on)
        };
        assert_eq!(
            docker(r#"{"log":"a \"b\" \\","stream":"stderr","time":"2026"}"#),
            (r#"a \"b\" \\"#.into(), 1, true)
        );
        assert_eq!(docker(r#"{"log":"end\n","stream":"stdout"}"#), (r"end\n".into(), 0, false));
        assert_eq!(docker(r#"{"log":"end\\n","stream":"stdout"}"#), (r"end\\n".into(), 0, true));
        let cri = |line: &str| {
            cri(line.as_bytes()).map(|record| (line[record.text].to_owned(), record.stream, record.goes_on))
        };
        assert_eq!(cri("2026-11-24T16:00:00.123456789Z stdout P a b"), Some(("a b".into(), 0, true)));
        assert_eq!(cri("2026-11-24T16:00:00.123456789+02:00 stderr F:x "), Some((String::new(), 1, false)));
        assert_eq!(cri("2026-11-24T16:00:00.123Z INFO F x"), None);
        assert_eq!(RecordFormat::of_head(b"2026-11-24T16:00:00.123456789Z stdout F a\n..."), Some(RecordFormat::Cri));
        assert_eq!(RecordFormat::of_head(b"{\"log\":\"a"), Some(RecordFormat::Docker));
        assert_eq!(RecordFormat::of_head(b"plain text\n"), None);
    }
}
