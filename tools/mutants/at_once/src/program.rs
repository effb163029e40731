//! A broken copy of the tree, and the program of its proofs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::list::Mutant;
use crate::schema;

const LIBRARY: &str = "src/lib.rs";
/// Lints may deny a deliberately broken program.
const ALLOWED: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n";

/// The active number for all choices, read from the environment on first use.
const CHOOSER: &str = r#"
/// The active mutant; 0 is none.
#[inline]
pub(crate) fn mutant() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static MUTANT: AtomicU32 = AtomicU32::new(u32::MAX);
    match MUTANT.load(Ordering::Relaxed) {
        u32::MAX => {
            let number = std::env::var("HUSHLOG_MUTANT").map_or(0, |number| number.parse().unwrap());
            MUTANT.store(number, Ordering::Relaxed);
            number
        }
        number => number,
    }
}
"#;

/// Errors that a wrong value causes by itself, independently of its neighbours.
const OF_TYPE: [&str; 6] = ["E0277", "E0308", "E0369", "E0423", "E0433", "E0599"];

struct Fault {
    file: String,
    /// In bytes of the file.
    range: Range<usize>,
    is_of_type: bool,
}

/// The mutants that cannot share a program.
#[derive(Default)]
pub struct LeftOut {
    /// By their numbers.
    pub all: BTreeSet<usize>,
    /// Those of them that never compile.
    pub unviable: BTreeSet<usize>,
}

/// A copy of the tree, which may be broken.
pub struct Tree {
    root: PathBuf,
    copy: PathBuf,
}

impl Tree {
    pub fn new(root: &Path) -> Tree {
        let tree = Tree { root: root.to_owned(), copy: root.join("target/mutants.at_once/tree") };
        let files =
            Command::new("git").current_dir(root).args(["ls-files", "-z", "-co", "--exclude-standard"]).output();
        let files = String::from_utf8(files.expect("git is installed").stdout).expect("names in UTF-8");
        let files: BTreeSet<&str> = files.split_terminator('\0').filter(|file| root.join(file).is_file()).collect();
        tree.remove_others(&files, Path::new(""));
        for file in files.into_iter().filter(|file| *file != LIBRARY) {
            tree.write(file, &fs::read(root.join(file)).expect("readable"));
        }
        tree.write(LIBRARY, [ALLOWED, &tree.source(LIBRARY), CHOOSER].concat().as_bytes());
        tree
    }

    /// Removes earlier copies that no longer exist in the tree: two files might otherwise claim one
    /// module.
    fn remove_others(&self, files: &BTreeSet<&str>, below: &Path) {
        for entry in fs::read_dir(self.copy.join(below)).into_iter().flatten().flatten() {
            let path = below.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.remove_others(files, &path);
            } else if !path.to_str().is_some_and(|path| files.contains(path)) {
                fs::remove_file(entry.path()).expect("it is ours");
            }
        }
    }

    pub fn source(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).expect("a source file")
    }

    /// Writes a file unless it is already the same, to keep the time that cargo compares.
    pub fn write(&self, file: &str, text: &[u8]) {
        let path = self.copy.join(file);
        if fs::read(&path).is_ok_and(|old| old == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a directory")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// The directory in which the tests find their files.
    pub fn path(&self) -> &Path {
        &self.copy
    }

    fn cargo(&self, arguments: &[&str]) -> (bool, Vec<Value>) {
        let mut command = Command::new("cargo");
        command.current_dir(&self.copy).env("CARGO_TARGET_DIR", self.root.join("target"));
        command.args(arguments);
        let profile = ["--profile", "mutants", "--no-default-features", "--message-format", "json", "--quiet"];
        let output = command.args(profile).output().expect("cargo runs");
        let lines = output.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        (output.status.success(), lines.collect())
    }

    /// The programs of the proofs, if the tree compiles: the library's own, and all others.
    pub fn build(&self) -> Option<Vec<PathBuf>> {
        let (built, messages) = self.cargo(&["test", "--no-run", "--lib", "--test", "mutants"]);
        let executables = messages.iter().filter_map(|message| message["executable"].as_str()).map(PathBuf::from);
        built.then(|| executables.collect())
    }

    /// The compiler's errors; empty if the tree compiles.
    fn faults(&self) -> Vec<Fault> {
        let (compiles, messages) = self.cargo(&["check", "--lib"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let number = |value: &Value| value.as_u64().unwrap_or_default() as usize;
        let mut faults = Vec::new();
        for error in messages.iter().map(|message| &message["message"]).filter(|message| message["level"] == "error") {
            let is_of_type = OF_TYPE.contains(&&text(&error["code"]["code"])[..]);
            let spans = error["spans"].as_array().into_iter().flatten();
            faults.extend(spans.filter(|span| span["is_primary"] == true).map(|span| Fault {
                file: text(&span["file_name"]),
                range: number(&span["byte_start"])..number(&span["byte_end"]),
                is_of_type,
            }));
        }
        assert!(compiles || !faults.is_empty(), "the compiler says nothing about what it does not compile");
        faults
    }

    /// Writes all compiling mutants into the tree, each selected by its number, which is its index
    /// in the list plus 1.
    pub fn break_all(&self, mutants: &[Mutant]) -> LeftOut {
        let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for (index, mutant) in mutants.iter().enumerate() {
            by_file.entry(&mutant.file).or_default().push((index + 1, mutant));
        }
        let mut left_out = LeftOut::default();
        loop {
            let mut places = BTreeMap::new();
            for (&file, mutants) in &by_file {
                let fit: Vec<_> = mutants.iter().filter(|mutant| !left_out.all.contains(&mutant.0)).copied().collect();
                let schema = schema::write(&self.source(file), &fit);
                self.write(file, schema.text.as_bytes());
                left_out.all.extend(schema.out_of_reach);
                places.insert(file, schema.places);
            }
            let (faults, before) = (self.faults(), left_out.all.len());
            if faults.is_empty() {
                return left_out;
            }
            for fault in faults {
                let around = places.get(&fault.file[..]).into_iter().flatten();
                let around = around.filter(|place: &&schema::Place| {
                    place.range.start <= fault.range.start && fault.range.end <= place.range.end
                });
                let Some(place) = around.min_by_key(|place| place.range.len()) else { continue };
                left_out.all.extend(&place.mutants);
                if fault.is_of_type && place.is_side {
                    left_out.unviable.extend(&place.mutants);
                }
            }
            assert!(left_out.all.len() > before, "what does not compile is none of the mutants");
        }
    }

    /// Writes the tree with only this mutant.
    pub fn break_one(&self, mutant: &Mutant) {
        let mut source = self.source(&mutant.file);
        source.replace_range(mutant.range.clone(), &mutant.replacement);
        self.write(&mutant.file, source.as_bytes());
    }

    /// Restores these files.
    pub fn mend(&self, mutants: &[Mutant]) {
        let files: BTreeSet<&str> = mutants.iter().map(|mutant| &mutant.file[..]).collect();
        files.into_iter().for_each(|file| self.write(file, self.source(file).as_bytes()));
    }
}
