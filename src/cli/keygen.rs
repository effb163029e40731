//! `hushlog keygen`: a new key, in a file of its own.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use hushlog::registry::{By, Identity, SigningKey};
use hushlog::source::setting::configuration;
use hushlog::sys::beneath::{Dir, Links};
use hushlog::sys::replace::create_in;

use super::exit::Exit;
use super::message::{Failure, note, reason};
use super::registry::{failure, name, show};
use super::stdio;

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The new file [default: ~/.config/hushlog/identity.txt, or signing.pem with --signing]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Create a key that signs registries, instead of an identity that opens secrets
    #[arg(long)]
    signing: bool,
}

/// Creates a key, and prints its public half: the recipient that secrets are sealed to, or the key
/// that checks signatures.
pub(crate) fn run(args: &KeygenArgs) -> Result<Exit, Failure> {
    let usual = configuration(if args.signing { "signing.pem" } else { "identity.txt" });
    let path = args.output.clone().or_else(|| {
        let path = usual?;
        // An error in it surfaces when the key is written.
        let _ = Dir::open_or_make(path.parent()?, Links::Trusted, 0o700);
        Some(path)
    });
    let path =
        path.ok_or_else(|| Failure::config("no home directory is known").hint("name a file with --output FILE"))?;
    let (text, public) = if args.signing {
        let key = SigningKey::generate().map_err(failure)?;
        (key.to_file().map_err(failure)?, key.public().to_string())
    } else {
        let identity = Identity::generate();
        (identity.to_file(&By::now(&name("hushlog")?).at), identity.recipient().to_string())
    };
    create(&path, text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::config(format!("{} exists, and is not overwritten", show(&path)))
            .hint("overwriting a key loses the values sealed to it; choose another file"),
        _ => Failure::io(format!("cannot write the key: {}", reason(&error))),
    })?;
    if args.output.is_none() {
        note(&format!("the key is in {}", show(&path)));
    }
    stdio::print(format!("{public}\n").as_bytes())
}

/// Creates the file with all of the text, or not at all.
fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    create_in(&dir, name, 0o600, text)
}
