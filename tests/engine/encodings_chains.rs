//! Encoders of real programs on each other's output, three deep: those of each program take in the
//! output of all encoders before.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use hushlog::{NeedleSet, Secret};
use memchr::memmem;

use crate::encodings_programs::{BREAKS, CONTROLS, PUNCTUATED, TOKEN, WIDE};
use crate::program::session::without;

/// A program that reads texts, each with a NUL behind it, and writes each as each of its encoders
/// does, one encoder after the other.
struct Program {
    command: &'static [&'static str],
    encoders: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        command: &[
            "python3",
            "-c",
            "import sys, json, html, shlex, re, urllib.parse
from xml.sax.saxutils import quoteattr
encoders = [json.dumps, lambda s: json.dumps(s, ensure_ascii=False), lambda s: urllib.parse.quote(s, safe=''),
    urllib.parse.quote_plus, html.escape, repr, ascii, shlex.quote, quoteattr, re.escape,
    lambda s: s.encode('unicode_escape').decode()]
texts = sys.stdin.buffer.read().decode().split('\\0')[:-1]
for encode in encoders:
    for text in texts:
        sys.stdout.buffer.write(encode(text).encode() + b'\\0')",
        ],
        encoders: &[
            "json.dumps",
            "json.dumps(ensure_ascii=False)",
            "quote",
            "quote_plus",
            "html.escape",
            "repr",
            "ascii",
            "shlex.quote",
            "quoteattr",
            "re.escape",
            "unicode_escape",
        ],
    },
    Program {
        command: &[
            "node",
            "-e",
            "const texts = require('fs').readFileSync(0, 'utf8').split('\\0').slice(0, -1);
const inspect = text => require('util').inspect(text, { maxStringLength: null });
for (const encode of [JSON.stringify, encodeURIComponent, encodeURI, inspect])
    process.stdout.write(texts.map(text => encode(text) + '\\0').join(''));",
        ],
        encoders: &["JSON.stringify", "encodeURIComponent", "encodeURI", "util.inspect"],
    },
    Program {
        command: &[
            "perl",
            "-MData::Dumper",
            "-e",
            "$Data::Dumper::Useqq = $Data::Dumper::Terse = 1; $Data::Dumper::Indent = 0; local $/; my $all = <STDIN>;
my @texts = split /\\0/, $all; for my $encode (sub { quotemeta shift }, sub { Dumper shift }) {
    print $encode->($_), \"\\0\" for @texts }",
        ],
        encoders: &["quotemeta", "Dumper"],
    },
    Program {
        command: &[
            "ruby",
            "-rcgi",
            "-rshellwords",
            "-rjson",
            "-e",
            "texts = STDIN.read.force_encoding('UTF-8').split(\"\\0\"); [:inspect.to_proc, :dump.to_proc, :to_json.to_proc,
CGI.method(:escape), CGI.method(:escapeHTML), Shellwords.method(:escape)].each { |encode|
    texts.each { |text| print encode.call(text), \"\\0\" } }",
        ],
        encoders: &["inspect", "dump", "to_json", "CGI.escape", "CGI.escapeHTML", "Shellwords.escape"],
    },
    Program {
        command: &[
            "bash",
            "-c",
            // To jq, a NUL ends the input.
            "command -v jq >&2 || exit 0; tr '\\0' '\\1' | jq -Rsj 'split(\"\\u0001\")[:-1] as $texts |
($texts[] | tojson + \"\\u0001\"), ($texts[] | @uri + \"\\u0001\"),
($texts[] | @html + \"\\u0001\"), ($texts[] | @sh + \"\\u0001\")' | tr '\\1' '\\0'",
        ],
        encoders: &["tojson", "@uri", "@html", "@sh"],
    },
    Program {
        command: &[
            "bash",
            "-c",
            "mapfile -d '' texts; printf '%q\\0' \"${texts[@]}\"; printf '%s\\0' \"${texts[@]@Q}\"",
        ],
        encoders: &["printf %q", "${@Q}"],
    },
];

/// A text, and the encoders that made it.
#[derive(Clone)]
struct Encoded {
    text: Vec<u8>,
    by: Vec<&'static str>,
}

/// All texts as this program's encoders write them; none without the program.
fn encode(program: &Program, texts: &[Encoded]) -> Vec<Encoded> {
    let mut command = Command::new(program.command[0]);
    command.args(&program.command[1..]).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        without(program.command[0]);
        return Vec::new();
    };
    let mut input = child.stdin.take().expect("its input is a pipe");
    let bytes: Vec<u8> = texts.iter().flat_map(|text| [&text.text[..], b"\0"].concat()).collect();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().expect("the program ends").stdout;
    writer.join().expect("the writer ends").expect("the program reads all");
    let written = output.strip_suffix(b"\0").unwrap_or_else(|| panic!("{} writes", program.command[0]));
    let written: Vec<&[u8]> = written.split(|&byte| byte == 0).collect();
    assert_eq!(written.len(), texts.len() * program.encoders.len(), "{} writes all", program.command[0]);
    let encoded = |(number, text): (usize, &&[u8])| {
        let (encoder, source) = (program.encoders[number / texts.len()], &texts[number % texts.len()]);
        Encoded { text: text.to_vec(), by: source.by.iter().copied().chain([encoder]).collect() }
    };
    written.iter().enumerate().map(encoded).collect()
}

/// A set that finds 8 bytes of a value in a row, in any spelling.
fn stretches(value: &str) -> NeedleSet {
    let windows: HashSet<&[u8]> = value.as_bytes().windows(8).collect();
    let secret = |(number, window): (usize, &[u8])| Secret::new(number.to_string(), window.to_vec());
    let builder = NeedleSet::builder().exactly().readings(true);
    let builder = windows.into_iter().enumerate().map(secret).fold(builder, hushlog::NeedleSetBuilder::secret);
    builder.build().expect("a set")
}

#[test]
fn nothing_is_left_of_a_value_three_encoders_deep() {
    // A control sequence that an encoder breaks off is not promised.
    let controls = CONTROLS.replace("\x1b[0m", "");
    for value in [TOKEN, PUNCTUATED, WIDE, &controls, BREAKS] {
        let secret = Secret::new("S", value.as_bytes().to_vec());
        let (set, stretches) = (NeedleSet::builder().secret(secret).build().expect("a set"), stretches(value));
        let mut texts = vec![Encoded { text: value.into(), by: Vec::new() }];
        let (mut wrong, mut checked) = (Vec::new(), 0);
        for _ in 0..3 {
            texts = PROGRAMS.iter().flat_map(|program| encode(program, &texts)).collect();
            let mut seen = HashSet::new();
            // jq 1.6 reads blocks, and replaces a character that lies across two.
            texts.retain(|Encoded { text, .. }| {
                let is_cut = [&b"\xef\xbf\xbd"[..], b"%EF%BF%BD"].iter().any(|cut| memmem::find(text, cut).is_some());
                !is_cut && seen.insert(text.clone())
            });
            for Encoded { text, by } in &texts {
                let masked = set.redact_cow(&[b"x='", &text[..], b"' y"].concat()).into_owned();
                if masked.len() < 8 || stretches.is_match(&masked) {
                    wrong.push((by.join(" | "), masked));
                }
            }
            checked += texts.len();
            // Perl and bash also cut characters; programs that read text stop there.
            texts.retain(|text| str::from_utf8(&text.text).is_ok());
        }
        let shown: Vec<String> =
            wrong.iter().take(20).map(|(by, masked)| format!("{by}: {}", masked.escape_ascii())).collect();
        assert!(wrong.is_empty(), "{} of {checked}, such as\n{}", wrong.len(), shown.join("\n"));
    }
}
