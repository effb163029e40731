//! What is searched for.
//!
//! | form in reports | what |
//! | --- | --- |
//! | `value`, `trimmed` | the value; without white space, byte order mark and quotes around it |
//! | `base64`, `base64url` | at the three alignments that a longer text can put it in, without the characters that mix with neighbours |
//! | `hex`, `hex-separated` | both cases; with `:` or a blank between bytes |
//! | `percent` | RFC 3986 and form style, both cases of digits |
//! | `json`, `json-in-json` | also `\/` and `\u00xx`; a JSON string within another |
//! | `c-escape` | string literals of C, Python, Go, Rust and JavaScript |
//! | `xml` | named, decimal and hex entities |
//! | `shell` | single and double quotes, backslashes, `$'...'` |
//! | `doubled-quote`, `dollar-doubled` | SQL and CSV; `$$` |
//! | `control-octal` | `#012`, as rsyslog writes a newline |
//! | `crlf`, `joined-lines` | other line ends; lines joined by a blank, by nothing, or by a written `\n` |
//! | `line` | each telling line of a value of several lines; not the BEGIN and END of a PEM file |
//! | `url-password`, `url-authority`, `url-parameter` | what is secret in a URL, raw and decoded; never the scheme or the host alone |
//! | `json-leaf`, `connection-string` | the values of keys that name credentials, and long random-looking ones |
//!
//! An encoded form under 8 bytes is left out. A value under 4 bytes is refused, by name; one under
//! 8 bytes and an ordinary word are masked, and a [`Notice`](crate::Notice) names them. The details
//! stand in [`encoding`](crate::redact::encoding).
