//! The ways a value gets written, as fixed vectors; the parts that give a value away; and what is left alone.

#[path = "support/forms.rs"]
mod forms;

use data_encoding::{BASE64, BASE64URL, HEXLOWER_PERMISSIVE};
use forms::{left, needles};
use hushlog::redact::build::{TELLING_LEN_MIN, VALUE_LEN_MIN};
use hushlog::{Form, NeedleSet, NoticeKind, Secret};
use proptest::prelude::*;

/// A value, the form's name, how it is written, and what may be left of that.
type Vector = (&'static str, &'static str, &'static str, &'static str);

const PUNCTUATED: &str = r#"p@ss w0rd/x+y="q"'s\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#;
const WIDE: &str = "Zoë's €5 😀";
const CONTROLS: &str = "tab\tnext\nesc\x1b[0m\x7f";

const VECTORS: &[Vector] = &[
    ("hunter2-prod", "value", "password is hunter2-prod.", "password is ."),
    (" hunter2-prod\r\n", "trimmed", "[hunter2-prod]", "[]"),
    ("\"hunter2-prod\"", "trimmed", "[hunter2-prod]", "[]"),
    ("'hunter2-prod'\n", "trimmed", "[hunter2-prod]", "[]"),
    ("\u{feff}hunter2-prod", "trimmed", "[hunter2-prod]", "[]"),
    // Base64 of the value; with `x`, `xy`, `xyz` before it, and text after it.
    ("hunter2-prod", "base64", "aHVudGVyMi1wcm9k", ""),
    ("hunter2-prod!", "base64", "aHVudGVyMi1wcm9kIQ==", ""),
    ("hunter2-prod!", "base64", "aHVudGVyMi1wcm9kIQ", ""),
    ("hunter2-prod", "base64", "eGh1bnRlcjItcHJvZCBh", "eGCBh"),
    ("hunter2-prod", "base64", "eHlodW50ZXIyLXByb2QgYQ==", "eHlgYQ=="),
    ("hunter2-prod", "base64", "eHl6aHVudGVyMi1wcm9kIGE=", "eHl6IGE="),
    ("a?b>c~d?e>f~", "base64url", "YT9iPmN-ZD9lPmZ-", ""),
    ("a?b>c~d?e>f~", "base64", "YT9iPmN+ZD9lPmZ+", ""),
    ("hunter2-prod", "hex", "68756e746572322d70726f64", ""),
    ("hunter2-prod", "hex", "68756E746572322D70726F64", ""),
    ("hunter2-prod", "hex-separated", "68:75:6e:74:65:72:32:2d:70:72:6f:64", ""),
    ("hunter2-prod", "hex-separated", "68 75 6E 74 65 72 32 2D 70 72 6F 64", ""),
    // curl's body, curl's URL, Python's quote, JavaScript's encodeURIComponent and encodeURI, URLSearchParams, PHP, Go's
    // PathEscape and UserPassword.
    (
        PUNCTUATED,
        "percent",
        "p%40ss+w0rd%2Fx%2By%3D%22q%22%27s%5Cb%24H%21%60%3Ca%26b%3E~%2A%28z%29%23%2C%3B%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p%40ss+w0rd%2fx%2by%3d%22q%22%27s%5cb%24H%21%60%3ca%26b%3e~%2a%28z%29%23%2c%3b%3a%25%7b%7d%5b%5d%7c%5e%3f",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p%40ss%20w0rd/x%2By%3D%22q%22%27s%5Cb%24H%21%60%3Ca%26b%3E~%2A%28z%29%23%2C%3B%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p%40ss%20w0rd%2Fx%2By%3D%22q%22's%5Cb%24H!%60%3Ca%26b%3E~*(z)%23%2C%3B%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (PUNCTUATED, "percent", "p@ss%20w0rd/x+y=%22q%22's%5Cb$H!%60%3Ca&b%3E~*(z)#,;:%25%7B%7D%5B%5D%7C%5E?", ""),
    (
        PUNCTUATED,
        "percent",
        "p%40ss+w0rd%2Fx%2By%3D%22q%22%27s%5Cb%24H%21%60%3Ca%26b%3E%7E*%28z%29%23%2C%3B%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p%40ss+w0rd%2Fx%2By%3D%22q%22%27s%5Cb%24H%21%60%3Ca%26b%3E%7E%2A%28z%29%23%2C%3B%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p@ss%20w0rd%2Fx+y=%22q%22%27s%5Cb$H%21%60%3Ca&b%3E~%2A%28z%29%23%2C%3B:%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    (
        PUNCTUATED,
        "percent",
        "p%40ss%20w0rd%2Fx+y=%22q%22%27s%5Cb$H%21%60%3Ca&b%3E~%2A%28z%29%23,;%3A%25%7B%7D%5B%5D%7C%5E%3F",
        "",
    ),
    // .NET's HttpUtility.
    ("p@ss w0rd!*()'~", "percent", "p%40ss+w0rd!*()%27%7e", ""),
    // JSON: minimal, Go, PHP, PHP with JSON_HEX_*, .NET, Gson.
    (PUNCTUATED, "json", r#"p@ss w0rd/x+y=\"q\"'s\\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "json", r#"p@ss w0rd/x+y=\"q\"'s\\b$H!`\u003ca\u0026b\u003e~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "json", r#"p@ss w0rd\/x+y=\"q\"'s\\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "json", r#"p@ss w0rd\/x+y=\u0022q\u0022\u0027s\\b$H!`\u003Ca\u0026b\u003E~*(z)#,;:%{}[]|^?"#, ""),
    (
        PUNCTUATED,
        "json",
        r#"p@ss w0rd/x\u002By=\u0022q\u0022\u0027s\\b$H!\u0060\u003Ca\u0026b\u003E~*(z)#,;:%{}[]|^?"#,
        "",
    ),
    (PUNCTUATED, "json", r#"p@ss w0rd/x+y\u003d\"q\"\u0027s\\b$H!`\u003ca\u0026b\u003e~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "json-in-json", r#"p@ss w0rd/x+y=\\\"q\\\"'s\\\\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "json-in-json", r#"p@ss w0rd/x+y=\\\"q\\\"'s\\\\b$H!`\u003ca\u0026b\u003e~*(z)#,;:%{}[]|^?"#, ""),
    (WIDE, "json", r"Zo\u00eb's \u20ac5 \ud83d\ude00", ""),
    (WIDE, "json", r"Zo\u00EB's \u20AC5 \uD83D\uDE00", ""),
    (CONTROLS, "json", r"tab\tnext\nesc\u001b[0m\u007f", ""),
    (CONTROLS, "json", "tab\\tnext\\nesc\\u001B[0m\x7f", ""),
    // String literals: Python, Go, Rust, JavaScript, C, nginx.
    (PUNCTUATED, "c-escape", r#"'p@ss w0rd/x+y="q"\'s\\b$H!`<a&b>~*(z)#,;:%{}[]|^?'"#, "''"),
    (PUNCTUATED, "c-escape", r#"p@ss w0rd/x+y=\"q\"\'s\\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#, ""),
    (PUNCTUATED, "c-escape", r"p@ss w0rd/x+y=\x22q\x22's\x5Cb$H!`<a&b>~*(z)#,;:%{}[]|^?", ""),
    (WIDE, "c-escape", r"b'Zo\xc3\xab\'s \xe2\x82\xac5 \xf0\x9f\x98\x80'", "b''"),
    (WIDE, "c-escape", r"Zo\xeb's \u20ac5 \U0001f600", ""),
    (WIDE, "c-escape", r"Zo\u00eb's \u20ac5 \U0001f600", ""),
    (WIDE, "c-escape", r"Zo\u{eb}\'s \u{20ac}5 \u{1f600}", ""),
    (WIDE, "c-escape", r"Zo\303\253's \342\202\2545 \360\237\230\200", ""),
    (CONTROLS, "c-escape", r"tab\tnext\nesc\x1b[0m\x7f", ""),
    (CONTROLS, "c-escape", r"tab\tnext\nesc\x1B[0m\x7F", ""),
    (CONTROLS, "c-escape", r"tab\tnext\nesc\u{1b}[0m\u{7f}", ""),
    ("tab\tquote\" and \x1b\x1b", "c-escape", r#"tab\tquote\" and \033\033"#, ""),
    // XML and HTML: Python, Go, PHP, Mustache, numbers.
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;&quot;q&quot;=&#x27;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;&#34;q&#34;=&#39;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;&quot;q&quot;=&#039;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;&quot;q&quot;=&apos;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;&quot;q&quot;&#x3D;&#39;s&#x2F;&#x60;", ""),
    ("<a&b>\"q\"='s/`", "xml", "&lt;a&amp;b&gt;\"q\"='s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&#60;a&#38;b&#62;&#34;q&#34;=&#39;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&#x3c;a&#x26;b&#x3e;&#x22;q&#x22;=&#x27;s/`", ""),
    ("<a&b>\"q\"='s/`", "xml", "&#x3C;a&#x26;b&#x3E;&#x22;q&#x22;=&#x27;s/`", ""),
    (WIDE, "xml", "Zo&#235;'s &#8364;5 &#128512;", ""),
    (WIDE, "xml", "Zo&#xEB;&#x27;s &#x20AC;5 &#x1F600;", ""),
    // Shells: single quotes in two ways, double quotes, backslashes, `$'...'`.
    ("it's $5 \"now\" `x` \\!", "shell", r#"'it'\''s $5 "now" `x` \!'"#, "''"),
    ("it's $5 \"now\" `x` \\!", "shell", r#"'it'"'"'s $5 "now" `x` \!'"#, "''"),
    ("it's $5 \"now\" `x` \\!", "shell", r#""it's \$5 \"now\" \`x\` \\!""#, "\"\""),
    ("it's $5 \"now\" `x` \\!", "shell", r#"it\'s\ \$5\ \"now\"\ \`x\`\ \\\!"#, ""),
    (CONTROLS, "shell", r"$'tab\tnext\nesc\E[0m\177'", "$''"),
    (WIDE, "shell", r"$'Zo\303\253\'s \342\202\2545 \360\237\230\200'", "$''"),
    ("it's it's", "doubled-quote", "'it''s it''s'", "''"),
    ("say \"yes\"", "doubled-quote", "\"say \"\"yes\"\"\"", "\"\""),
    ("pa$$w0rd$", "dollar-doubled", "pa$$$$w0rd$$", ""),
    ("one line\nand another", "control-octal", "one line#012and another", ""),
    ("one\ttab\x1b[0m", "control-octal", "one#011tab#033[0m", ""),
    ("one line\nand another", "crlf", "one line\r\nand another", ""),
    ("one line\r\nand another", "crlf", "one line\nand another", ""),
    ("one line\nand another", "joined-lines", "one line and another", ""),
    ("one line\nand another", "json", r"one line\nand another", ""),
    ("C:\\a 'q'\nand another", "joined-lines", r"C:\a 'q'\nand another", ""),
    ("one line\nand another", "joined-lines", "one lineand another", ""),
    ("two  blanks\tand a tab", "joined-lines", "two blanks and a tab", ""),
];

#[test]
fn vectors() {
    let mut wrong = Vec::new();
    for (index, (value, form, written, expected)) in VECTORS.iter().enumerate() {
        let set = needles(value.as_bytes());
        if left(&set, written.as_bytes()) != expected.as_bytes() {
            wrong.push(format!("vector {index} ({form}): other bytes are left than expected"));
        }
        let inner = |needle: &&[u8]| written.as_bytes().windows(needle.len()).any(|part| part == *needle);
        let longest =
            set.expose().enumerate().filter(|(_, needle)| inner(needle)).max_by_key(|(_, needle)| needle.len());
        let found = longest.map(|(index, _)| set.name_and_form(index).1.name());
        if found != Some(form) {
            wrong.push(format!("vector {index} ({form}): reported as {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a form says, where that is easy to tell.
fn decoded(form: Form, needle: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(needle).ok();
    match form {
        Form::Base64 if needle.len().is_multiple_of(4) => BASE64.decode(needle).ok(),
        Form::Base64Url if needle.len().is_multiple_of(4) => BASE64URL.decode(needle).ok(),
        Form::Hex => HEXLOWER_PERMISSIVE.decode(&without(needle, b"\n")).ok(),
        Form::HexSeparated => HEXLOWER_PERMISSIVE.decode(&without(needle, b": \n")).ok(),
        Form::Json => serde_json::from_str(&format!("\"{}\"", text?)).ok().map(String::into_bytes),
        _ => None,
    }
}

fn without(text: &[u8], bytes: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !bytes.contains(byte)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes are, nothing panics, the value is among the needles, and hex and padded base64 of the whole decode to it.
    #[test]
    fn any_bytes(value in proptest::collection::vec(any::<u8>(), 4..80)) {
        let set = needles(&value);
        let core = value.trim_ascii();
        prop_assume!(core.len() >= VALUE_LEN_MIN);
        prop_assert!(set.expose().any(|needle| needle == value));
        for (index, needle) in set.expose().enumerate() {
            let (_, form) = set.name_and_form(index);
            if matches!(form, Form::Hex | Form::HexSeparated) {
                let plain = decoded(form, needle);
                prop_assert!(plain.is_some_and(|plain| value.windows(plain.len()).any(|part| part == plain)));
            }
        }
    }

    /// Every JSON form is JSON, and says what the value says.
    #[test]
    fn json_decodes(value in "[a-zé€😀 \"'\\\\/<>&\u{1}\u{1b}\t\u{7f}+=`]{8,40}") {
        let set = needles(value.as_bytes());
        for (index, needle) in set.expose().enumerate() {
            let (_, form) = set.name_and_form(index);
            if form == Form::Json {
                let plain = decoded(form, needle);
                prop_assert!(plain.is_some_and(|plain| value.as_bytes().windows(plain.len()).any(|part| part == plain)));
            }
        }
    }

    /// The output of the usual encoders is masked whole, wherever they put the value.
    #[test]
    fn encoders(value in proptest::collection::vec(any::<u8>(), 9..60), before in 0..4_usize) {
        prop_assume!(!value[0].is_ascii_whitespace() && !value[value.len() - 1].is_ascii_whitespace());
        prop_assume!(!matches!(value[0], b'"' | b'\'' | 0xef));
        let set = needles(&value);
        let text = [&b"xyz"[..before.min(3)], &value].concat();
        let shared = (before.min(3) * 8).div_ceil(6);
        for written in [BASE64.encode(&text), BASE64URL.encode(&text)] {
            prop_assert_eq!(left(&set, written.as_bytes()).len(), shared);
        }
        let percent = percent_encoding::percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
        let unreserved = percent.replace("%2D", "-").replace("%2E", ".").replace("%5F", "_").replace("%7E", "~");
        prop_assert_eq!(left(&set, unreserved.as_bytes()), b"");
    }
}

/// Random secrets of 40 characters, the same in every run.
fn random_secrets(alphabet: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        alphabet[(state >> 33) as usize % alphabet.len()]
    };
    (0..count).map(|_| (0..40).map(|_| next()).collect()).collect()
}

/// How many needles there are for a secret of 40 characters, on average over 100.
fn needles_each(alphabet: &[u8]) -> usize {
    let secrets = random_secrets(alphabet, 100);
    secrets.iter().map(|secret| needles(secret).len()).sum::<usize>() / secrets.len()
}

/// The cost of a set goes with the number of its needles.
#[test]
fn needles_for_a_secret() {
    let letters: Vec<u8> = (b'0'..=b'z').filter(u8::is_ascii_alphanumeric).collect();
    let base64: Vec<u8> = letters.iter().copied().chain(*b"+/").collect();
    let punctuated: Vec<u8> = letters.iter().copied().chain(*b"!@#$").collect();
    let printable: Vec<u8> = (b'!'..=b'~').collect();
    // Measured: 16, 20, 20 and 50. A few more or less are fine; a row that doubles them is not.
    for (alphabet, most) in [(letters, 17), (base64, 22), (punctuated, 22), (printable, 60)] {
        let each = needles_each(&alphabet);
        assert!((10..=most).contains(&each), "{each} needles a secret, out of {} characters", alphabet.len());
    }
}

/// Values and their trimmed forms are masked from 4 bytes on, encoded forms from 8 on.
#[test]
fn short_values() {
    for value in ["a1b2", "a\"b2", " a1b2 ", "\"a1b2\"", "a1b2c", "a b%c", "é€é"] {
        let set = needles(value.as_bytes());
        for (index, needle) in set.expose().enumerate() {
            let (_, form) = set.name_and_form(index);
            let least = if matches!(form, Form::Value | Form::Trimmed) { VALUE_LEN_MIN } else { TELLING_LEN_MIN };
            assert!(needle.len() >= least, "{} of {} bytes", form.name(), needle.len());
        }
        assert_eq!(left(&set, value.trim_matches([' ', '"']).as_bytes()), b"", "the value itself");
    }
    // What would be left without the quotes is too short, so they stay.
    assert_eq!(left(&needles(b"\"ab\""), b"ab \"ab\""), b"ab ");
}

#[test]
fn ordinary_words_are_noticed() {
    for word in ["production", "Postgres", "PASSWORD", "changeme", "localhost", "true"] {
        let set = needles(word.as_bytes());
        assert!(set.notices().iter().any(|notice| notice.kind == NoticeKind::OrdinaryWord), "{word}");
    }
    assert!(needles(b"productions").notices().is_empty());
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwj=
-----END PRIVATE KEY-----
";

const SERVICE_ACCOUNT: &str = r#"{
  "type": "service_account",
  "project_id": "my-project-123456",
  "private_key_id": "1f3c9a7be2d84650b1c7f0a93de5482716acb0fd",
  "private_key": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\nOF\/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n1RTwj=\n-----END PRIVATE KEY-----\n",
  "client_email": "robot@my-project-123456.iam.gserviceaccount.com",
  "client_id": "110248495921238986420",
  "auth_uri": "https://accounts.google.com/o/oauth2/auth",
  "token_uri": "https://oauth2.googleapis.com/token",
  "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
  "universe_domain": "googleapis.com"
}"#;

/// A value, texts of which nothing may be left, and texts that stay as they are.
type Parts = (&'static str, &'static [&'static str], &'static [&'static str]);

const PARTS: &[Parts] = &[
    (
        KEY,
        &[
            KEY,
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2",
            "OF\\/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r",
            "OF%2F2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz%2Bjn65BtOMvdyHKcvjBeBSDZH2r",
        ],
        &["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----"],
    ),
    // The same with written line ends, as an environment file has it.
    (
        r"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz\n1RTwj=\n-----END PRIVATE KEY-----\n",
        &[
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz",
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz\n1RTwj=\n-----END PRIVATE KEY-----",
        ],
        &["-----BEGIN PRIVATE KEY-----", "\\n"],
    ),
    (
        "first secret line\n  }\n\n====================\nproduction\n  second \"secret\" line\r\nclusters:\nshort\n",
        &["first secret line", "second \"secret\" line", r#"second \"secret\" line"#, "second &quot;secret&quot; line"],
        &["}", "====================", "production", "short", "clusters:", "\n\n", "secret"],
    ),
    (
        "postgres://postgres:p%40ss%2Fw0rd@db.internal:5432/app?sslmode=require",
        &[
            "p%40ss%2Fw0rd",
            "p@ss/w0rd",
            "postgres:p%40ss%2Fw0rd@db.internal:5432",
            "cEBzcy93MHJk",
            "704073732f77307264",
            "p@ss\\/w0rd",
        ],
        &["postgres://", "postgres", "db.internal:5432", "sslmode=require", "require", "/app"],
    ),
    // Too short to be masked by itself, but not with the user beside it.
    ("ftp://robot:pw1@files.example.org/", &["robot:pw1@files.example.org", "robot:pw1"], &["pw1", "robot"]),
    ("redis://:hunter2-prod@cache:6379/0", &["hunter2-prod"], &["cache:6379", "redis://"]),
    ("postgresql://app:pa/ss?w0rd@db/base", &["pa/ss?w0rd"], &["app", "db/base"]),
    (
        "https://ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4@github.com/o/r",
        &["ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4"],
        &["github.com/o/r"],
    ),
    ("https://me@example.com:8443/path@2", &[], &["me@example", "example.com", "8443", "path"]),
    (
        "https://api.example.com/v1?user=me&token=t0k%2Fen&sig=aGVsbG8%3D&se=2026&api_key=k%20y-12345",
        &["t0k%2Fen", "t0k/en", "aGVsbG8%3D", "aGVsbG8=", "k%20y-12345", "k y-12345"],
        &["api.example.com", "user=me", "2026", "/v1"],
    ),
    (
        "https://hooks.example.com/services/T0001/B0001/a1B2c3D4e5F6g7H8i9J0k1L2",
        &["a1B2c3D4e5F6g7H8i9J0k1L2"],
        &["hooks.example.com", "/services/"],
    ),
    (
        "app:hunter2-prod@tcp(db.internal:3306)/base?parseTime=true",
        &["hunter2-prod"],
        &["app", "db.internal:3306", "true"],
    ),
    (
        SERVICE_ACCOUNT,
        &[
            "1f3c9a7be2d84650b1c7f0a93de5482716acb0fd",
            "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r",
            "OF\\/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r",
            KEY,
        ],
        &[
            "service_account",
            "\"type\": \"service_account\",",
            "my-project-123456",
            "robot@my-project-123456.iam.gserviceaccount.com",
            "https://oauth2.googleapis.com/token",
            "https://accounts.google.com/o/oauth2/auth",
            "110248495921238986420",
            "-----BEGIN PRIVATE KEY-----",
            "}",
            "googleapis.com",
        ],
    ),
    (
        r#"{"password": "p\u00e4ss\"w\ud83d\ude00rd", "password": "second-one", "max_tokens": 4096, "pin": 12345678, "debug": true,
            "url": "postgres://app:hunter2-prod@db/base", "nested": [{"apiKey": "k3y-in-here"}], "secret": null}"#,
        &["päss\"w😀rd", r#"p\u00e4ss\"w\ud83d\ude00rd"#, "second-one", "12345678", "hunter2-prod", "k3y-in-here"],
        &["password", "4096", "true", "null", "postgres", "nested"],
    ),
    // Not quite JSON: taken as text.
    (
        "{\"password\": \"hunter2-prod\",\n \"other\": ",
        &["{\"password\": \"hunter2-prod\",", "hunter2-prod"],
        &["{", "other"],
    ),
    (
        "Server=tcp:db.example.com,1433;Database=app;User ID=sa;Password='p;w=\"1\"''x';Encrypt=True;",
        &["p;w=\"1\"'x", "p;w=\"1\"''x"],
        &["db.example.com", "Encrypt=True", "sa", "app", "User ID"],
    ),
    (
        "DefaultEndpointsProtocol=https;AccountName=logs;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq==;EndpointSuffix=core.windows.net",
        &["Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq=="],
        &["https", "logs", "AccountName", "core.windows.net"],
    ),
    ("jdbc:postgresql://db/base?user=app&password=hunter2+prod", &["hunter2+prod", "hunter2 prod"], &["app", "base"]),
    ("jdbc:sqlserver://db:1433;user=app;password=hunter2-prod;encrypt=true", &["hunter2-prod"], &["app", "true"]),
    (
        "host=db user=app password='p \\'w\\' x' sslmode=require",
        &["p 'w' x", "p \\'w\\' x"],
        &["host=db", "app", "require"],
    ),
    (
        "DB_HOST=db\nDB_PASSWORD=\"hunter2-prod\"\nMODE=debug\n",
        &["hunter2-prod", "DB_PASSWORD=\"hunter2-prod\""],
        &["debug", "DB_HOST"],
    ),
    ("user: app\npassword: hunter2-prod\nmode: fast\n", &["hunter2-prod", "password: hunter2-prod"], &["app", "fast"]),
    ("sv=2022-11-02&ss=b&sp=rl&sig=a%2Bb%2Fc%3D", &["a%2Bb%2Fc%3D", "a+b/c="], &["2022-11-02", "ss=b"]),
];

#[test]
fn parts() {
    let mut wrong = Vec::new();
    for (index, (value, masked, kept)) in PARTS.iter().enumerate() {
        let set = needles(value.as_bytes());
        if !left(&set, value.as_bytes()).is_empty() && value.trim() == *value {
            wrong.push(format!("value {index}: not masked as a whole"));
        }
        for (number, text) in masked.iter().enumerate() {
            let count = left(&set, text.trim().as_bytes()).len();
            if count > 0 {
                wrong.push(format!("value {index}: {count} bytes are left of part {number}"));
            }
        }
        for text in kept.iter().filter(|text| left(&set, text.as_bytes()) != text.as_bytes()) {
            wrong.push(format!("value {index}: `{text}` is masked"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not promised. A line here that fails is good news: move it up.
#[test]
fn not_covered() {
    let secret = "q7Rk2ZxW9pLmT4vB8nYc3HdF6sJgA1eUoKi5rXtQ";
    let utf16: String = secret.chars().flat_map(|c| [c, '\0']).collect();
    let reversed: String = secret.chars().rev().collect();
    let decimal = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(" ");
    let broken = |text: &str, columns: usize| {
        text.as_bytes().chunks(columns).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
    };
    let inside = BASE64.encode(format!("some text before it, and then {secret}").as_bytes());
    for (what, written) in [
        ("upper case", secret.to_uppercase()),
        ("UTF-16", utf16),
        ("backwards", reversed),
        ("decimal bytes", decimal),
        ("base64 twice", BASE64.encode(BASE64.encode(secret.as_bytes()).as_bytes())),
        ("base64 after other text, broken at 76 columns", broken(&inside, 76)),
        ("broken by a terminal of 20 columns", broken(secret, 20)),
        ("colours inside", format!("{}\x1b[31m{}", &secret[..20], &secret[20..])),
        ("two halves", format!("{} and {}", &secret[..20], &secret[20..])),
    ] {
        let left = left(&needles(secret.as_bytes()), written.as_bytes());
        assert!(!left.is_empty(), "{what} is covered");
    }
    let composed = "p\u{e4}ssw\u{f6}rd-e\u{301}";
    let other_normalisation = "pa\u{308}sswo\u{308}rd-\u{e9}";
    assert_eq!(left(&needles(composed.as_bytes()), other_normalisation.as_bytes()), other_normalisation.as_bytes());
}

/// A value of 1 MiB: the forms come to less than the stated 24 times its length, 16 times for text, and its end is masked too.
#[test]
fn large_value() {
    const MIB: usize = 1 << 20;
    // None of what masks begin or end with, so that the mask does not collide.
    let text = random_secrets(br#"abcdefghijklmnopqrstuvwxyz0123456789 "\/%&=+;:,.$@!"#, MIB / 40 + 1).concat();
    let bytes: Vec<u8> = text.iter().map(|byte| byte | 0x80).collect();
    for (value, times) in [(&text[..MIB], 16), (&bytes[..MIB], 24)] {
        let set: NeedleSet = NeedleSet::builder()
            .secret(Secret::new("S", value.to_vec()))
            .build()
            .expect("a secret of 1 MiB is within the limit");
        let total: usize = set.expose().map(<[u8]>::len).sum();
        assert!(total <= times * MIB, "{} bytes of needles for each of the value", total / MIB);
        assert!(set.expose().any(|needle| needle.len() >= MIB && value.ends_with(&needle[needle.len() - 8..])));
    }
}
