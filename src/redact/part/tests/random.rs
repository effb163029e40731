//! Random texts: none is too much to split, or has too many parts.

use crate::redact::part::{PartKind, each};

/// The pieces of text that mean something.
const PIECES: [&[u8]; 78] = [
    b"auth: ",
    b"\" ",
    b"Bot ",
    b"{noop}",
    b"a@b!c=",
    b"${A:-",
    b"$'",
    b"%2B+",
    b"7a-6b-2d",
    b"122, 107, ",
    b"curl -u'",
    b"docker login -p ",
    b"echo ",
    b"| chpasswd",
    b"sqlplus /",
    b"identified by ",
    b"user >",
    b"env('A', '",
    b"u'",
    b" <- ",
    b"#define ",
    b"name,password\n",
    b"K 8\n",
    b"V 4\n",
    b"# client server secret\n",
    b"https://",
    b"/services/",
    b"/bot1:",
    b"x-oauth-basic",
    b"root:$6$",
    b"- --password\n",
    b"\"sensitive_attributes\":",
    b"BUNDLE_A__B: ",
    b"-----BEGIN A-----",
    b"-----END A-----",
    b"\xff\xfe",
    b"x.y: ",
    b"1. ",
    b"password",
    b"=",
    b":",
    b" ",
    b"\n",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b",",
    b";",
    b"&",
    b"<",
    b">",
    b"/",
    b"|",
    b"- ",
    b"  ",
    b"<<E",
    b"E",
    b"#",
    b"\\",
    b"kx-5512-lamp",
    b"a",
    b"value",
    b"name",
    b"Bearer ",
    b"base64:",
    b"%41",
    b"@",
    b"://",
    b"kind: Secret",
    b"data",
    b"\"\"\"",
    b"<key>",
    b"</key>",
];

/// Random texts of the pieces that mean something.
#[test]
fn any_text_is_split() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..8_000 {
        let mut text = Vec::new();
        // Short texts are more often of one kind.
        for _ in 0..if round % 2 == 0 { 40 } else { 1 + round % 7 } {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text.extend_from_slice(PIECES[(random >> 32) as usize % PIECES.len()]);
        }
        let mut bytes = 0;
        each(if round % 3 == 0 { b"TOKENS" } else { b"" }, &text, &mut |_, part, kind| {
            assert!(part.len() >= 4 || kind != PartKind::Secret);
            bytes += part.len();
        });
        assert!(bytes <= 256 * text.len(), "{:?} has {bytes} bytes of parts", String::from_utf8_lossy(&text));
    }
}
