//! The fuzz target for the reader of settings: any text as a value, and files made from the input.

use hushlog::redact::secret::VALUE_LEN_MIN;
use hushlog::{NeedleSet, Secret};

/// The longest text, in bytes.
const TEXT_LEN_MAX: usize = 2_000;
/// The most bytes of needles for each byte of a text, and for any text.
const NEEDLES_PER_BYTE: usize = 4_096;
const NEEDLES_LEN: usize = 64 << 10;
/// Keys of credentials, and other keys. A made value has none of their characters.
const CREDENTIALS: [&str; 6] = ["password", "db_password", "api_key", "client_secret", "auth_token", "passphrase"];
const OTHERS: [&str; 8] =
    ["host", "mode", "user", "max_tokens", "token_url", "password_field", "api_key_header", "description"];

/// The text of the input has a bounded number of needles, none of them too short. In a file with
/// keys and values of the input, each value of a credential is masked by itself, and no key is.
pub fn check(bytes: &[u8]) {
    let (&[format], rest) = bytes.split_first_chunk().unwrap_or((&[0], &[]));
    needles(&rest[..rest.len().min(TEXT_LEN_MAX)]);
    let made = Made::decode(format, rest);
    let set = needles(made.text.as_bytes());
    for (key, value) in made.entries.iter().filter(|(key, _)| CREDENTIALS.contains(key)) {
        let is_needle = set.expose().any(|needle| needle == value.as_bytes());
        assert!(is_needle, "the value {value} of {key} is not masked in\n{}", made.text);
    }
    for key in CREDENTIALS.iter().chain(&OTHERS) {
        // Not `is_match`: a key at the end of a text may be the beginning of the whole value.
        let mut needles = set.expose();
        let is_masked = needles.any(|needle| memchr::memmem::find(key.as_bytes(), needle).is_some());
        assert!(!is_masked, "the key {key} is masked in\n{}", made.text);
    }
}

/// The needles of a text, as far as there may be such a set.
fn needles(text: &[u8]) -> NeedleSet {
    let secret = Secret::new("S", text.to_vec());
    let set = NeedleSet::builder().secret(secret).build().expect("a short text has a set");
    assert!(set.expose().all(|needle| needle.len() >= VALUE_LEN_MIN));
    let len: usize = set.expose().map(<[u8]>::len).sum();
    assert!(len <= NEEDLES_LEN + NEEDLES_PER_BYTE * text.len(), "{len} bytes of needles for {}", text.len());
    set
}

/// A settings file.
struct Made {
    text: String,
    entries: Vec<(&'static str, String)>,
}

impl Made {
    fn decode(format: u8, bytes: &[u8]) -> Made {
        let entries: Vec<_> = bytes.chunks(12).take(8).map(entry).collect();
        let lines = |line: &dyn Fn(&str, &str) -> String, separator: &str| {
            let lines: Vec<String> = entries.iter().map(|(key, value)| line(key, value)).collect();
            lines.join(separator)
        };
        let text = match format % 10 {
            0 => format!("{{{}}}", lines(&|key, value| format!("\"{key}\": \"{value}\""), ", ")),
            1 => lines(&|key, value| format!("{key}: {value}\n"), ""),
            2 => lines(&|key, value| format!("{key} = \"{value}\"\n"), ""),
            3 => format!("[main]\n{}", lines(&|key, value| format!("{key} = {value}\n"), "")),
            4 => format!("<all>\n{}</all>\n", lines(&|key, value| format!("<{key}>{value}</{key}>\n"), "")),
            5 => lines(&|key, value| format!("{key}={value}"), ";") + ";",
            6 => format!("block {{\n{}}}\n", lines(&|key, value| format!("  {key} = \"{value}\"\n"), "")),
            7 => format!("<?php return [\n{}];\n", lines(&|key, value| format!("'{key}' => '{value}',\n"), "")),
            8 => format!("[{}]", lines(&|key, value| format!("{{\"name\":\"{key}\",\"value\":\"{value}\"}}"), ",")),
            _ => format!("all:\n{}", lines(&|key, value| format!("  {key}: '{value}'\n"), "")),
        };
        Made { text, entries }
    }
}

/// A key, and a value that is no encoding of another text.
fn entry(bytes: &[u8]) -> (&'static str, String) {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let keys: Vec<&'static str> = CREDENTIALS.into_iter().chain(OTHERS).collect();
    let letters = |byte: &u8| {
        if *byte % 8 == 7 {
            "-.!+"[usize::from(*byte) / 64..][..1].to_owned()
        } else {
            char::from(LETTERS[usize::from(*byte) % 32]).to_string()
        }
    };
    (keys[usize::from(*first) % keys.len()], format!("X{}!7Q9", rest.iter().map(letters).collect::<String>()))
}
