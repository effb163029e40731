//! Identifying parts of a value, and parts that are not masked by themselves.

use crate::forms::{left, needles};
use data_encoding::BASE64;

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

/// A value, texts that must be masked completely, and texts that stay unchanged.
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
    // The same with escaped line ends, as in an environment file.
    (
        r"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz\n1RTwj=\n-----END PRIVATE KEY-----\n",
        &[
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz",
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZz\n1RTwj=\n-----END PRIVATE KEY-----",
        ],
        &["-----BEGIN PRIVATE KEY-----", "\\n"],
    ),
    (
        "first secret line\n  }\n\n====================\n-=-=-=-=-=-=\nproduction\n  second \"secret\" line\r\nclusters:\nshort\n",
        &["first secret line", "second \"secret\" line", r#"second \"secret\" line"#, "second &quot;secret&quot; line"],
        &["}", "====================", "-=-=-=-=-=-=", "production", "short", "clusters:", "\n\n", "secret"],
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
    // Too short to be masked alone, but masked together with the user.
    ("ftp://robot:pw1@files.example.org/", &["robot:pw1@files.example.org", "robot:pw1"], &["pw1", "robot"]),
    ("redis://:hunter2-prod@cache:6379/0", &["hunter2-prod"], &["cache:6379", "redis://"]),
    ("postgresql://app:pa/ss?w0rd@db/base", &["pa/ss?w0rd", "app:pa/ss?w0rd@db"], &["app", "db/base"]),
    ("https://example.com:8443/path@2x", &[], &["example.com", "8443", "8443/path"]),
    // The shortest that is masked.
    ("redis://:q7Rk@cache:6379/0", &["q7Rk"], &["cache:6379"]),
    (
        "https://ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4@github.com/o/r",
        &["ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4", "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4@github.com"],
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
        "bucket-1:AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        &["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
        &["bucket-1"],
    ),
    (
        "https://conda.anaconda.org/t/zz-5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/team",
        &["zz-5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"],
        &["conda.anaconda.org", "/t/", "team"],
    ),
    (
        "app:hunter2-prod@tcp(db.internal:3306)/base?parseTime=true",
        &["hunter2-prod", "app:hunter2-prod@tcp(db.internal:3306)"],
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
    (
        r#"{"password": "a\tb\rc\bd\fe-x", "token": "ab\uzzzzcd-x", "webhook": "https://hooks.example.com/x", "pin": 907613,
            "secret": 90761, "key": -123.4567, "id": "4f9c1b7e-8a2d-4c3b-9e1f-0a7b6c5d4e3f", "app": "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}"#,
        &["a\tb\rc\x08d\x0ce-x", r"ab\uzzzzcd-x", "907613", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"],
        &["https://hooks.example.com/x", "90761", "-123.4567", "4f9c1b7e-8a2d-4c3b-9e1f-0a7b6c5d4e3f"],
    ),
    // Both line ends; and values that fail to look random for one reason each: length, a blank, no
    // digit.
    (
        r#"{"password": "a\rb\nc-x7Q9", "a": "a1B2c3D4e5F6g7H8", "b": "i1J2k3L4m5N6o7P", "c": "q1 R2s3T4u5V6w7X8", "d": "aBcDeFgHiJkLmNoP"}"#,
        &["a\rb\nc-x7Q9", "a1B2c3D4e5F6g7H8"],
        &["i1J2k3L4m5N6o7P", "q1 R2s3T4u5V6w7X8", "aBcDeFgHiJkLmNoP"],
    ),
    // Not quite JSON.
    ("{\"password\": \"hunter2-prod\",\n\"other\": {}", &["hunter2-prod"], &["other", "{\"password\": \""]),
    ("[first-line-x7\nsecond-line-x9]", &["[first-line-x7", "second-line-x9]"], &["first"]),
    ("{\"a\": 1}\n<second line here 1>\n{}", &["<second line here 1>"], &["{}"]),
    ("{\"password\": \"hunter2-prod\",\n \"other\": ", &["hunter2-prod"], &["{", "other"]),
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
        &["hunter2-prod"],
        &["debug", "DB_HOST", "DB_PASSWORD", "DB_HOST=db"],
    ),
    ("user: app\npassword: hunter2-prod\nmode: fast\n", &["hunter2-prod"], &["app", "fast", "user: app", "mode: fast"]),
    ("x&y password=hunter2-prod mode=fast", &["hunter2-prod"], &["mode=fast"]),
    ("user=o'neil;password=hunter2-prod;mode=x", &["hunter2-prod"], &["o'neil", "mode=x"]),
    ("password='a\\nb cd' mode=fast", &["a\\nb cd"], &["anb cd", "fast"]),
    ("password=\"ab\"\"cdef", &["\"ab\"\"cdef"], &["ab\"cde"]),
    ("<password>=hunter2-prod mode=fast", &[], &["hunter2-prod"]),
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

/// A key in all forms in which its lines are written.
#[test]
fn keys_in_lines() {
    let lines: Vec<&str> = KEY.trim().lines().collect();
    let set = needles(KEY.as_bytes());
    for (text, expected) in [
        (lines.join("\r\n"), String::new()),
        (lines.join(" "), String::new()),
        (lines.join("\\n"), String::new()),
        (lines.join("\\\\n"), String::new()),
        (lines.join("#012"), String::new()),
        // If indented, only the first and last lines and the line that is too short to identify the
        // key remain.
        (lines.join("\n  "), format!("{}\n  \n  \n  1RTwj=\n  {}", lines[0], lines[4])),
        (lines[2].to_owned(), String::new()),
    ] {
        assert_eq!(left(&set, text.as_bytes()).len(), expected.len());
    }
}

/// The parts of a value of 16 KiB have all encoded forms; those of a value one byte longer have
/// only readable ones.
#[test]
fn the_longest_value_whose_parts_have_all_forms() {
    const LONGEST: usize = 16 << 10;
    let (start, end) = ("{\"note\": \"", "\", \"password\": \"hunter<2>prod\\\"\"}");
    for (len, all) in [(LONGEST, true), (LONGEST + 1, false)] {
        let value = format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()));
        let set = needles(value.as_bytes());
        assert_eq!(left(&set, b"hunter<2>prod\""), b"", "of {len} bytes, as it is");
        assert_eq!(left(&set, br#"hunter<2>prod\""#), b"", "of {len} bytes, in JSON");
        assert_eq!(left(&set, b"hunter&lt;2&gt;prod&quot;"), b"", "of {len} bytes, in HTML");
        let base64 = BASE64.encode(b"hunter<2>prod\"");
        assert_eq!(left(&set, base64.as_bytes()).is_empty(), all, "of {len} bytes, in base64");
    }
}

/// Nested passwords: the fourth level is the last one searched for, so that many levels cost no
/// more.
#[test]
fn parts_of_parts_of_parts() {
    let nested = |depth: usize| "password=".repeat(depth) + "hunter2-prod";
    let set = needles(nested(9).as_bytes());
    for depth in 5..=9 {
        assert_eq!(left(&set, nested(depth).as_bytes()), b"", "{depth} times");
    }
    assert_eq!(left(&set, nested(4).as_bytes()), nested(4).as_bytes());
}

/// The length limit up to which a URL is parsed, in bytes.
#[test]
fn the_end_of_a_long_url() {
    for (len, found) in [(8 << 10, true), ((8 << 10) + 1, false)] {
        let end = ":hunter2-prod@";
        let url = format!("https://{}{end}db/base", "u".repeat(len - end.len()));
        assert_eq!(left(&needles(url.as_bytes()), b"hunter2-prod").is_empty(), found, "of {len} bytes");
    }
}
