//! Passes the commit to the compiler, leaves tables out of the release program, and renders the
//! manual, `docs/*.md`, for the program: as the sections of its man pages, and as plain text for a
//! terminal.
//!
//! Rendering happens at build time, so that the program holds no Markdown parser: pulldown-cmark
//! with its table of HTML's entities would be larger than all pages. The pages are deflated, since
//! the program inflates other files anyway. The library alone has no manual, and needs no crate for
//! this.

mod commit;
#[cfg(feature = "cli")]
mod markdown;
#[cfg(feature = "cli")]
#[path = "../src/cli/guide/roff.rs"]
mod roff;
#[cfg(feature = "cli")]
mod sections;
#[cfg(feature = "cli")]
mod text;
#[cfg(feature = "cli")]
mod unwind;

fn main() {
    println!("cargo::rerun-if-changed=build");
    commit::pass();
    #[cfg(feature = "cli")]
    {
        unwind::leave_out();
        write_manual();
    }
}

/// Writes all documents into one file, deflated: of each its name, the names of the documents that
/// it links to, its sections in roff, and its text, with a NUL behind each.
#[cfg(feature = "cli")]
fn write_manual() {
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    // For developers: which test holds which fault.
    const NOT_FOR_USERS: &str = "faults";

    println!("cargo::rerun-if-changed=docs");
    println!("cargo::rerun-if-changed=src/cli/guide/roff.rs");
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let mut paths: Vec<PathBuf> =
        fs::read_dir("docs").expect("the manual").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    for path in paths {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        if name == NOT_FOR_USERS {
            continue;
        }
        let markdown = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let document = markdown::Document::parse(name, &markdown);
        let links: Vec<&str> = document.links.iter().map(String::as_str).collect();
        let fields = [name, &links.join(" "), &sections::of(&document.blocks), &text::of(&document.blocks)];
        for field in fields {
            assert!(!field.contains('\0'), "{}: a NUL", path.display());
            write!(deflated, "{field}\0").expect("memory suffices");
        }
    }
    let deflated = deflated.finish().expect("memory suffices");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("manual"), deflated).expect("cargo made the directory");
}
