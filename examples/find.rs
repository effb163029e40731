//! Prints the places of a secret in a file, and changes nothing:
//!
//! ```sh
//! API_TOKEN=sk-live-4f9QzX cargo run --example find app.log
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use hushlog::{Finder, NeedleSet, Secret};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name a file")?;
    let token = std::env::var_os("API_TOKEN").ok_or("API_TOKEN is not set")?;
    let set = NeedleSet::builder().secret(Secret::new("API_TOKEN", token.into_vec())).build()?;
    find(File::open(path)?, io::stdout().lock(), Arc::new(set))?;
    Ok(())
}

/// Writes one line for each place: its first and last byte from the beginning of the text, the name
/// of the secret, and the form in which it is there.
fn find(mut input: impl Read, mut output: impl Write, set: Arc<NeedleSet>) -> io::Result<()> {
    let mut finder = Finder::new(Arc::clone(&set));
    let mut buffer = vec![0; 64 << 10];
    loop {
        // A place that two reads share is found as well.
        let len = input.read(&mut buffer)?;
        let found: Vec<_> = match len {
            0 => finder.finish(false).collect(),
            len => finder.push(&buffer[..len]).collect(),
        };
        for region in found {
            let (range, (name, form)) = (region.range(), set.name_and_form(region.needle()));
            writeln!(output, "{}-{} {name} ({})", range.start, range.end - 1, form.name())?;
        }
        if len == 0 {
            return output.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_a_line() {
        let secret = Secret::new("API_TOKEN", b"sk-live-4f9QzX".to_vec());
        let set = Arc::new(NeedleSet::builder().secret(secret).build().unwrap());
        let mut output = Vec::new();
        // Two readers in a row are read piece by piece.
        let input = "a sk-live-".as_bytes().chain("4f9QzX b 736b2d6c6976652d346639517a58\n".as_bytes());
        find(input, &mut output, set).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "2-15 API_TOKEN (value)\n19-46 API_TOKEN (hex)\n");
    }
}
