//! Reads the case table: see `tests/cases/README.md`.

use std::path::Path;

/// One cutting of a case's text, with the expected output after each piece and after the end.
pub struct Run {
    pub pieces: Vec<(Vec<u8>, Vec<u8>)>,
    pub end: Vec<u8>,
}

impl Run {
    pub fn text(&self) -> Vec<u8> {
        self.pieces.iter().map(|(piece, _)| &piece[..]).collect::<Vec<_>>().concat()
    }
}

pub struct Case {
    pub name: String,
    /// The fault of other tools, or the speciality of the case.
    pub why: String,
    pub needles: Vec<(String, Vec<u8>)>,
    pub secrets: Vec<(String, Vec<u8>)>,
    pub mask: String,
    pub mask_char: Option<u8>,
    pub mask_partial: bool,
    /// Whether the redacted output, redacted again, must stay unchanged.
    pub once_is_enough: bool,
    /// The name of the secret for which the mask is refused: the case then does not run.
    pub refused: Option<String>,
    pub runs: Vec<Run>,
}

impl Case {
    fn new(name: &str) -> Case {
        Case {
            name: name.to_owned(),
            why: String::new(),
            needles: Vec::new(),
            secrets: Vec::new(),
            mask: "<{name}>".to_owned(),
            mask_char: None,
            mask_partial: true,
            once_is_enough: true,
            refused: None,
            runs: Vec::new(),
        }
    }

    pub fn text(&self) -> Vec<u8> {
        self.runs[0].text()
    }
}

/// All cases that can be run.
pub fn all() -> Vec<Case> {
    table().into_iter().filter(|case| case.refused.is_none()).collect()
}

/// All cases with a refused mask.
pub fn refused() -> Vec<Case> {
    table().into_iter().filter(|case| case.refused.is_some()).collect()
}

/// All cases, of all files.
fn table() -> Vec<Case> {
    // The package that runs it may be below the one with the table.
    let mut packages = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|package| package.join("tests/cases"));
    let directory = packages.find(|directory| directory.is_dir()).expect("the table is there");
    let entries =
        std::fs::read_dir(directory).expect("the table is there").map(|entry| entry.expect("readable").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    files.sort();
    files.iter().flat_map(|file| parse(&std::fs::read_to_string(file).expect("the table is text"))).collect()
}

fn parse(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut pieces = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "case" {
            cases.push(Case::new(rest));
            continue;
        }
        let Some(case) = cases.last_mut() else {
            assert_eq!(word, "#", "only comments stand before the first case");
            continue;
        };
        match word {
            "#" => case.why.push_str(rest),
            "needle" => case.needles.push(named(rest)),
            "secret" => case.secrets.push(named(rest)),
            "mask" => case.mask = String::from_utf8(bytes(rest).0).expect("a mask is text"),
            "mask-char" => case.mask_char = Some(bytes(rest).0[0]),
            "partial" => case.mask_partial = rest != "kept",
            "twice" => case.once_is_enough = rest != "differs",
            "refused" => case.refused = Some(rest.to_owned()),
            "push" => {
                let (piece, rest) = bytes(rest);
                pieces.push((piece, bytes(rest.strip_prefix(" -> ").expect("an arrow")).0));
            }
            "end" => {
                let end = bytes(rest.strip_prefix("-> ").expect("an arrow")).0;
                case.runs.push(Run { pieces: std::mem::take(&mut pieces), end });
            }
            _ => panic!("{}: the line begins with an unknown word", case.name),
        }
    }
    cases
}

/// Parses `NAME "bytes"`.
fn named(rest: &str) -> (String, Vec<u8>) {
    let (name, value) = rest.split_once(' ').expect("a name and a value");
    (name.to_owned(), bytes(value).0)
}

/// Parses bytes between double quotes, with `\n \r \t \0 \\ \" \xHH`; returns them and the rest of
/// the line.
fn bytes(quoted: &str) -> (Vec<u8>, &str) {
    let mut rest = quoted.strip_prefix('"').expect("an opening quote");
    let mut out = Vec::new();
    loop {
        let c = rest.chars().next().expect("a closing quote");
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return (out, rest),
            '\\' => {
                let escape = rest.chars().next().expect("an escape");
                rest = &rest[1..];
                out.push(match escape {
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    '0' => 0,
                    '\\' | '"' => escape as u8,
                    'x' => {
                        let byte = u8::from_str_radix(&rest[..2], 16).expect("two hex digits");
                        rest = &rest[2..];
                        byte
                    }
                    _ => panic!("an unknown escape"),
                });
            }
            _ => out.extend(c.to_string().bytes()),
        }
    }
}
