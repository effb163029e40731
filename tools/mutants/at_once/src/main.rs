//! Breaks ring 0 in every way that cargo-mutants knows, in minutes. All listed mutants are compiled
//! into one program, each selected by a number, and the program of all proofs runs with one number
//! after the other.
//!
//! ```text
//! cargo run --locked --release --manifest-path tools/mutants/at_once/Cargo.toml \
//!     [-- arguments of `cargo mutants --list`]
//! ```
//!
//! A mutant that cannot share a program, such as a constant that other files use, is compiled by
//! itself afterwards. The outcomes are in `target/mutants.at_once/outcomes.txt`, and another run
//! does not repeat them; the last lines of a run are the table by files, and the survivors. Needs
//! cargo-mutants, `prlimit` and git.

mod list;
mod program;
mod proofs;
mod schema;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use list::Mutant;
use program::Tree;
use proofs::Outcome;

/// The known outcomes of mutants by name, and their file.
struct Outcomes {
    known: HashMap<String, Outcome>,
    file: Mutex<File>,
}

impl Outcomes {
    fn open(path: &Path) -> Outcomes {
        let text = fs::read_to_string(path).unwrap_or_default();
        let outcome = |word: &str| Outcome::ALL.into_iter().find(|outcome| outcome.to_string() == word);
        let line = |line: &str| {
            let mut words = line.split('\t');
            let outcome = outcome(words.next()?)?;
            Some((words.nth(1)?.to_owned(), outcome))
        };
        let file = OpenOptions::new().create(true).append(true).open(path).expect("writable");
        Outcomes { known: text.lines().filter_map(line).collect(), file: Mutex::new(file) }
    }

    fn note(&self, mutant: &Mutant, outcome: Outcome, by: &str) {
        let line = format!("{outcome}\t{by}\t{}\n", mutant.name);
        self.file.lock().expect("no thread panics").write_all(line.as_bytes()).expect("writable");
    }
}

fn main() {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")).expect("the tree");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(|argument| &argument[..]).collect();
    let tree = Tree::new(&root);
    let path = root.join("target/mutants.at_once/outcomes.txt");
    let mutants = list::list(&root, &arguments);

    let mut outcomes = Outcomes::open(&path);
    let fresh = |outcomes: &Outcomes, numbers: &mut Vec<usize>| {
        numbers.retain(|number| !outcomes.known.contains_key(&mutants[number - 1].name));
    };
    let mut numbers: Vec<usize> = (1..=mutants.len()).collect();
    fresh(&outcomes, &mut numbers);
    if !numbers.is_empty() {
        let alone = at_once(&tree, &mutants, &outcomes);
        outcomes = Outcomes::open(&path);
        numbers.retain(|number| alone.contains(number));
        fresh(&outcomes, &mut numbers);
        one_at_a_time(&tree, &mutants, &numbers, &outcomes);
        outcomes = Outcomes::open(&path);
    }
    tell(&root, &arguments, &mutants, &outcomes);
}

/// Runs all mutants that fit into one program. Returns the others.
fn at_once(tree: &Tree, mutants: &[Mutant], outcomes: &Outcomes) -> HashSet<usize> {
    let left_out = tree.break_all(mutants);
    for number in left_out.unviable.iter().filter(|number| !outcomes.known.contains_key(&mutants[*number - 1].name)) {
        outcomes.note(&mutants[number - 1], Outcome::Unviable, "");
    }
    let alone: HashSet<usize> = left_out.all.difference(&left_out.unviable).copied().collect();
    let is_new =
        |number: &usize| !outcomes.known.contains_key(&mutants[number - 1].name) && !left_out.all.contains(number);
    let mut numbers: Vec<usize> = (1..=mutants.len()).filter(is_new).collect();
    numbers.sort_by_key(|number| proofs::rank(&mutants[number - 1].file));
    eprintln!("{} mutants in one program, {} by themselves", numbers.len(), alone.len());
    if numbers.is_empty() {
        return alone;
    }
    let programs = tree.build().expect("programs with all mutants");
    let sound = |outcome| assert_eq!(outcome, Outcome::Lived, "a proof fails without a mutant");
    sound(proofs::prove_quickly(&programs, tree.path(), 0, "src/redact/").0);
    let quickly = |number: usize| proofs::prove_quickly(&programs, tree.path(), number, &mutants[number - 1].file);
    let note = |number: usize, outcome, by: &str| outcomes.note(&mutants[number - 1], outcome, by);
    let lived = each(&numbers, quickly, |number, outcome, by| {
        if outcome != Outcome::Lived {
            note(number, outcome, by);
        }
    });
    eprintln!("{} of them lived the quick proofs", lived.len());
    lived.iter().for_each(|number| eprintln!("{}", mutants[number - 1].name));
    if lived.is_empty() {
        return alone;
    }
    sound(proofs::prove(&programs, tree.path(), 0).0);
    let all = |number: usize| proofs::prove(&programs, tree.path(), number);
    each(&lived, all, note);
    alone
}

/// Tries each mutant, in parallel on all processors, and records the outcomes. Returns the
/// survivors.
fn each(
    numbers: &[usize],
    prove: impl Fn(usize) -> (Outcome, String) + Sync,
    note: impl Fn(usize, Outcome, &str) + Sync,
) -> Vec<usize> {
    let (next, lived) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (outcome, by) = prove(number);
            note(number, outcome, &by);
            if outcome == Outcome::Lived {
                lived.lock().expect("no thread panics").push(number);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    lived.into_inner().expect("no thread panics")
}

fn one_at_a_time(tree: &Tree, mutants: &[Mutant], numbers: &[usize], outcomes: &Outcomes) {
    for &number in numbers {
        tree.mend(mutants);
        let mutant = &mutants[number - 1];
        tree.break_one(mutant);
        let (outcome, by) = match tree.build() {
            Some(programs) => match proofs::prove_quickly(&programs, tree.path(), 0, &mutant.file) {
                (Outcome::Lived, _) => proofs::prove(&programs, tree.path(), 0),
                noticed => noticed,
            },
            None => (Outcome::Unviable, String::new()),
        };
        outcomes.note(mutant, outcome, &by);
    }
}

/// Prints the table by files, and the survivors.
fn tell(root: &Path, arguments: &[&str], mutants: &[Mutant], outcomes: &Outcomes) {
    let explained: [&[&str]; 2] =
        [&["--no-config", "-f", "src/redact/**/*.rs", "-e", "src/redact/naive.rs"], arguments];
    let all = list::list(root, &explained.concat());
    let left: HashSet<&str> = mutants.iter().map(|mutant| &mutant.name[..]).collect();
    let mut rows: BTreeMap<PathBuf, Vec<&Mutant>> = BTreeMap::new();
    all.iter().for_each(|mutant| rows.entry(PathBuf::from(&mutant.file)).or_default().push(mutant));
    println!("| file | mutants | noticed | time | left out | lived | unviable | not run |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let row = |name: &str, mutants: &[&Mutant]| {
        let run = || mutants.iter().filter(|mutant| left.contains(&mutant.name[..]));
        let count = |wanted| run().filter(|mutant| outcomes.known.get(&mutant.name).copied() == wanted).count();
        let [noticed, time, lived, unviable] = Outcome::ALL.map(|outcome| count(Some(outcome)));
        let left_out = mutants.len() - run().count();
        println!(
            "| {name} | {} | {noticed} | {time} | {left_out} | {lived} | {unviable} | {} |",
            mutants.len(),
            count(None)
        );
    };
    for (file, mutants) in &rows {
        let name = file.strip_prefix("src/redact").unwrap_or(file);
        row(&format!("`{}`", name.display()), mutants);
    }
    row("all", &all.iter().collect::<Vec<_>>());
    let lived = mutants.iter().filter(|mutant| outcomes.known.get(&mutant.name) == Some(&Outcome::Lived));
    lived.for_each(|mutant| println!("{}", mutant.name));
}
