use super::*;
use Dialect::{Compose, Docker, Node, Npm, Php, Python, Ruby, Sh, Systemd};

/// The readings of one dialect, as name and value.
fn by(dialect: Dialect, file: &str) -> Vec<(String, String)> {
    let readings = dialect.reader()(file.as_bytes());
    let pair = |reading: Reading<'_>| {
        let value = reading.value.map(|value| String::from_utf8(value.bytes.into_owned()).unwrap());
        (reading.name.text.to_owned(), value.unwrap_or_else(|| "(from the environment)".to_owned()))
    };
    readings.into_iter().map(pair).collect()
}

/// A file, and what each dialect reads: all others read the text behind no name.
type Row<'a> = (&'a str, &'a [(&'a [Dialect], &'a str)]);

const QUOTING: &[Dialect] = &[Compose, Node, Npm, Php, Python, Ruby, Sh, Systemd];
const ALL: &[Dialect] = &Dialect::ALL;
const NONE: &str = "(nothing)";

/// Values of `A`; a dialect that no list names reads nothing, or stops at an error.
const ROWS: &[Row<'_>] = &[
    ("A=b", &[(ALL, "b")]),
    ("A=b\r\n", &[(&[Sh], "b\r"), (&[Compose, Docker, Node, Npm, Php, Python, Ruby, Systemd], "b")]),
    ("A=\n", &[(ALL, "")]),
    ("A=b=c==", &[(ALL, "b=c==")]),
    ("A=don't", &[(&[Compose, Docker, Node, Npm, Php, Python, Ruby, Systemd], "don't")]),
    ("A=b c", &[(&[Compose, Docker, Node, Npm, Python, Ruby, Systemd], "b c")]),
    ("A=b # c", &[(&[Compose, Node, Npm, Php, Python, Ruby, Sh], "b"), (&[Docker, Systemd], "b # c")]),
    ("A=b#c", &[(&[Compose, Docker, Python, Sh, Systemd], "b#c"), (&[Node, Npm, Php, Ruby], "b")]),
    ("A='b c'", &[(QUOTING, "b c"), (&[Docker], "'b c'")]),
    (
        "A=\"b # c\" # d",
        &[
            (&[Compose, Node, Npm, Php, Python, Ruby, Sh], "b # c"),
            (&[Systemd], "b # c# d"),
            (&[Docker], "\"b # c\" # d"),
        ],
    ),
    ("A=\"b\"#c", &[(&[Compose, Node, Npm, Php, Python, Ruby], "b"), (&[Sh, Systemd], "b#c"), (&[Docker], "\"b\"#c")]),
    (
        "A='b\\'c'",
        &[
            (&[Compose, Python], "b'c"),
            (&[Node], "b\\"),
            (&[Npm, Ruby], "b\\'c"),
            (&[Systemd], "b\\c'"),
            (&[Docker], "'b\\'c'"),
        ],
    ),
    (
        "A=\"b\\nc\\\"d\\$e\"",
        &[
            (&[Compose, Php], "b\nc\"d$e"),
            (&[Node], "b\nc\\"),
            (&[Npm], "b\nc\\\"d\\$e"),
            (&[Python], "b\nc\"d\\$e"),
            (&[Ruby, Sh, Systemd], "b\\nc\"d$e"),
            (&[Docker], "\"b\\nc\\\"d\\$e\""),
        ],
    ),
    ("A=\"b\nc\"\n", &[(QUOTING, "b\nc"), (&[Docker], "\"b")]),
    ("A='b\nc'\n", &[(&[Compose, Node, Npm, Python, Ruby, Sh, Systemd], "b\nc"), (&[Docker], "'b")]),
    ("A=b\\\nc\n", &[(&[Sh, Systemd], "bc"), (&[Compose, Docker, Node, Npm, Php, Python, Ruby], "b\\")]),
    ("A=b\\$c\\d", &[(&[Ruby, Sh, Systemd], "b$cd"), (&[Compose, Docker, Node, Npm, Php, Python], "b\\$c\\d")]),
    ("A=b$$c", &[(&[Compose], "b$c"), (&[Docker, Node, Npm, Php, Python, Ruby, Sh, Systemd], "b$$c")]),
    (
        "A={\"b\":\"c\"}",
        &[(&[Compose, Docker, Node, Npm, Php, Python, Ruby, Systemd], "{\"b\":\"c\"}"), (&[Sh], "{b:c}")],
    ),
    ("A: b", &[(&[Compose, Npm, Ruby], "b")]),
    ("A = b", &[(&[Compose, Node, Npm, Php, Python, Ruby, Systemd], "b")]),
    ("export A=b", &[(&[Compose, Node, Npm, Php, Python, Ruby, Sh], "b")]),
    ("  A=b", &[(ALL, "b")]),
    ("A=`b`", &[(&[Node, Npm], "b"), (&[Compose, Docker, Php, Python, Ruby, Sh, Systemd], "`b`")]),
    (
        "A=$'b\\x20\\tc'",
        &[
            (&[Sh], "b \tc"),
            (&[Compose, Docker, Node, Npm, Php, Python], "$'b\\x20\\tc'"),
            (&[Ruby], "$'bx20tc'"),
            (&[Systemd], "$'bx20tc'"),
        ],
    ),
    ("A='b", &[(&[Docker, Node, Npm, Ruby], "'b"), (&[Systemd], "b")]),
    ("A=\"b\" 'c'", &[(&[Compose, Node], "b"), (&[Npm, Ruby, Docker], "\"b\" 'c'"), (&[Systemd], "bc")]),
    ("A=\"b\"'c'd", &[(&[Compose, Node], "b"), (&[Npm, Ruby, Docker], "\"b\"'c'd"), (&[Sh, Systemd], "bcd")]),
    ("# A=b\n", &[]),
    ("; A=b\n", &[(&[Sh], "b")]),
    ("A", &[(&[Docker], "(from the environment)")]),
    ("A\n", &[(&[Compose, Docker], "(from the environment)")]),
    ("A.b-c=d", &[]),
];

#[test]
fn each_dialect_reads_as_its_program_does() {
    for (file, expected) in ROWS {
        for dialect in Dialect::ALL {
            let read = by(dialect, file);
            let read = read.iter().find(|(name, _)| name == "A").map_or(NONE, |(_, value)| value);
            let expected = expected.iter().find(|(dialects, _)| dialects.contains(&dialect));
            assert_eq!(read, expected.map_or(NONE, |(_, value)| *value), "{dialect:?} of {file:?}");
        }
    }
}

/// The values to mask, as name and value.
fn masked(file: &str) -> Vec<(String, String)> {
    let entries = parse(file.as_bytes()).entries.into_iter().filter(|entry| entry.is_masked);
    entries.map(|e| (e.name, e.value.map_or_else(String::new, |value| String::from_utf8(value).unwrap()))).collect()
}

fn values(file: &str) -> Vec<String> {
    masked(file).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn readings_that_others_cover_need_no_needles() {
    assert_eq!(values("A='zulu kite'"), ["zulu kite"]);
    assert_eq!(values("A=\"zulu kite\"  \r\n"), ["zulu kite"]);
    assert_eq!(values("A=zulu-kite  \n"), ["zulu-kite"]);
    assert_eq!(values("A='zulu-kite-1\nzulu-kite-2'\n"), ["zulu-kite-1\nzulu-kite-2"]);
    assert_eq!(values("A=zulu-kite#x"), ["zulu-kite#x", "zulu-kite"]);
    // One value that is too short is enough to warn about.
    assert_eq!(values("A=a#b"), ["a#b"]);
    assert_eq!(values("A=a#zulu-kite"), ["a#zulu-kite"]);
    assert_eq!(values("A="), [""]);
}

#[test]
fn no_entry_swallows_another() {
    let two = |a: &str, b: &str| vec![("A".to_owned(), a.to_owned()), ("B".to_owned(), b.to_owned())];
    assert_eq!(masked("A=don't-fly\nB=won't-land\n"), two("don't-fly", "won't-land"));
    for file in ["A='zulu-1\nB=zulu-2\n", "A=\"zulu-1\nB=zulu-2\n", "A=zulu-1\\\nB=zulu-2\n"] {
        let read = masked(file);
        assert!(read.iter().any(|(name, value)| name == "B" && value == "zulu-2"), "{file:?}: {read:?}");
        assert!(read.iter().any(|(name, value)| name == "A" && value.contains("zulu-1")), "{file:?}: {read:?}");
    }
}

#[test]
fn a_quoted_text_yields_no_names_of_base64() {
    let key = "A='-----BEGIN KEY-----\nMIIEowIBAAKCAQEA1234567890abcdefgh\nQx8=\n-----END KEY-----'\n";
    assert_eq!(masked(key).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["A"]);
    assert!(masked("MIIEowIBAAKCAQEA12345==\n").is_empty());
    assert_eq!(parse(b"MIIEowIBAAKCAQEA12345==\nA=b\n").unread, [1]);
}

#[test]
fn lines_without_a_variable_are_numbered() {
    assert_eq!(parse(b"\n# c\n; c\nhunter2\nA=b\n=c\n  \nset -a\nHOST_PW\n").unread, [4, 6, 8]);
    assert_eq!(parse(b"A='b\nc\nd'\ne f\n").unread, [4]);
    assert_eq!(parse(b"\xef\xbb\xbfA=b\n").unread, [0; 0]);
}

#[test]
fn values_that_refer_to_others_are_known() {
    let refers = |file: &str| parse(file.as_bytes()).entries.iter().any(|entry| entry.refers);
    for file in ["A=${B}", "A=\"x $B\"", "A=$(cat x)", "A=`cat x`"] {
        assert!(refers(file), "{file}");
    }
    for file in ["A='${B}'", "A=\\${B}", "A=5$ or $5"] {
        assert!(!refers(file), "{file}");
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    for first in 0..=255u8 {
        for second in b"\0\n\r\\\"'#=$ a`(" {
            for file in
                [&[first, *second][..], &[b'A', b'=', first, *second, first], &[b'A', b'=', b'"', first, *second]]
            {
                let read = parse(file);
                assert!(read.entries.iter().all(|entry| entry.at < file.len()));
            }
        }
    }
}

/// Each kind of quote, opened over and over and never closed, with text that hides the end.
#[test]
fn hostile_files_are_read_in_linear_time() {
    for line in ["A='\n", "A=\"'\n", "A=x'\"\n", "A=\"\\\"\n", "A=$(\n", "A=`(\n", "'A=\\'\n", "A='\\'\n", "A=\n"] {
        let file = line.repeat(60_000);
        let start = std::time::Instant::now();
        assert!(parse(file.as_bytes()).entries.len() <= 9 * 60_000);
        assert!(start.elapsed().as_secs() < 20, "{line:?}: {:?}", start.elapsed());
    }
}

/// A file of `/proc/PID/environ` has NULs, and its values may have newlines.
#[test]
fn an_environment_is_read_up_to_its_nuls() {
    let file = parse(b"A=b\nc\0PATH=/bin\0no entry\0D= e \0");
    let entries: Vec<_> = file.entries.iter().map(|entry| (&*entry.name, entry.value.as_deref(), entry.at)).collect();
    let wanted = [("A", Some(&b"b\nc"[..]), 0), ("PATH", Some(b"/bin"), 6), ("D", Some(b" e "), 25)];
    assert_eq!(entries, wanted);
    assert_eq!(file.unread, [3]);
    assert!(file.entries.iter().all(|entry| ALL.iter().all(|dialect| entry.dialects.contains(*dialect))));
}

/// A stray NUL swallows no line, and a function of bash is no list of entries.
#[test]
fn lines_beside_a_nul_are_read() {
    let entries = |file: &[u8]| -> Vec<(String, Vec<u8>)> {
        parse(file).entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    assert_eq!(entries(b"A=one\nB=two\n\0\0"), [pair("A", "one"), pair("B", "two")]);
    assert_eq!(entries(b"A=one\n# a comment\n\0"), [pair("A", "one")]);
    assert_eq!(entries(b"A=one\0\nB=two\n"), [pair("A", "one"), pair("B", "two")]);
    let open = entries(b"A=\"b\nc\\\0\0\nB=\"x\nLAST=a line\n");
    assert!(open.contains(&pair("LAST", "a line")), "{open:?}");
    assert_eq!(entries(b"BASH_FUNC_f%%=() {  x=word\n}\0A=one\0"), [pair("A", "one")]);
    assert!(parse(b"A=one\nB=two\0C=x\0").entries[1].dialects == Dialects::default());
}

#[test]
fn a_shell_takes_a_tab_behind_a_declaration() {
    for word in ["export", "readonly", "declare -x"] {
        assert_eq!(by(Sh, &format!("{word}\tA=b\n")), [("A".to_owned(), "b".to_owned())]);
    }
}
