//! teller's redactor over standard input, as `teller redact` calls it: teller DIRECTORY_OF_VALUES
//!
//! `TELLER` names the published source of the redactor, compiled unchanged. Its crate brings
//! clients for the stores of five clouds; the redactor needs this one type of them.

extern crate self as teller_providers;

pub mod config {
    pub struct Meta {
        pub redact_with: Option<String>,
    }

    pub struct KV {
        pub value: String,
        pub meta: Option<Meta>,
    }
}

mod redact {
    include!(env!("TELLER"));
}

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os().nth(1).expect("a directory");
    let mut files: Vec<_> =
        std::fs::read_dir(directory)?.map(|file| file.map(|file| file.path())).collect::<Result<_, _>>()?;
    files.sort();
    let values: Vec<config::KV> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).map(|value| config::KV { value, meta: None }))
        .collect::<Result<_, _>>()?;
    redact::Redactor::new().redact(std::io::stdin().lock(), std::io::stdout(), &values)
}
