//! Masks a secret in all of standard input, and writes the result to standard output:
//!
//! ```sh
//! API_TOKEN=sk-live-4f9QzX cargo run --example filter <app.log
//! ```

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use hushlog::io::RedactReader;
use hushlog::{NeedleSet, Redactor, Secret};

fn main() -> Result<(), Box<dyn Error>> {
    // As bytes: the error of a variable that is not UTF-8 would quote it.
    let token = std::env::var_os("API_TOKEN").ok_or("API_TOKEN is not set")?;
    let set = NeedleSet::builder().secret(Secret::new("API_TOKEN", token.into_vec())).build()?;
    copy(io::stdin().lock(), io::stdout().lock(), Arc::new(set))?;
    Ok(())
}

/// Copies all of the input. It goes out as it comes, and only the beginning of a possible secret
/// waits for the next read.
fn copy(input: impl Read, mut output: impl Write, set: Arc<NeedleSet>) -> io::Result<()> {
    let mut input = RedactReader::new(input, Redactor::new(set));
    io::copy(&mut input, &mut output)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_has_a_mask_for_each_form_of_the_secret() {
        let secret = Secret::new("API_TOKEN", b"sk-live-4f9QzX".to_vec());
        let set = NeedleSet::builder().secret(secret).build().unwrap();
        let input = "token=sk-live-4f9QzX, base64 c2stbGl2ZS00ZjlRelg=\n";
        let mut output = Vec::new();
        copy(input.as_bytes(), &mut output, Arc::new(set)).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "token=[REDACTED:API_TOKEN], base64 [REDACTED:API_TOKEN]\n");
    }
}
