//! No circles between the files of the program.
//!
//! The graph has an edge from a file to each file that it names in a `use` line. A module and the
//! modules in it count as one room: an edge between them makes no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, of_program, program_sources};

type Module = Vec<String>;
type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn module(path: &str) -> Module {
    let mut names: Module =
        path.trim_start_matches("src/").trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
        names.pop();
    }
    names
}

/// The paths of a `use` tree, one for each leaf.
fn leaves(tree: &str) -> Vec<String> {
    let Some((before, inner)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let branches = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let branches = branches.filter(|branch| !branch.trim().is_empty());
    branches.flat_map(|branch| leaves(branch.trim())).map(|leaf| format!("{}{leaf}", before.trim())).collect()
}

/// The module that a path leads to: the longest beginning of it that is a file.
fn target(graph: &Graph, from: &Module, path: &str) -> Option<Module> {
    let mut names = path.split("::").map(str::trim).peekable();
    let mut base = from.clone();
    match *names.peek()? {
        "crate" | "hushlog" => base.clear(),
        "super" | "self" => {}
        name => {
            base.push(name.to_owned());
            graph.get(&base)?;
            base.pop();
        }
    }
    for name in names {
        match name {
            "crate" | "hushlog" | "self" => {}
            "super" => drop(base.pop()),
            name => base.push(name.to_owned()),
        }
    }
    while !graph.contains_key(&base) {
        base.pop()?;
    }
    Some(base)
}

fn graph(sources: &[Source]) -> Graph {
    let is_tests = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    let sources = || sources.iter().filter(|source| !is_tests(&source.path));
    let mut graph: Graph = sources().map(|source| (module(&source.path), BTreeSet::new())).collect();
    for source in sources() {
        let from = module(&source.path);
        let text: Vec<&str> = of_program(source).map(|(_, line)| line.trim()).collect();
        for statement in text.join(" ").split(';') {
            let (_, tree) = match statement.rsplit_once("use ") {
                Some((before, tree)) if before.is_empty() || before.ends_with([' ', ')', '}']) => (before, tree),
                _ => continue,
            };
            let targets: Vec<Module> = leaves(tree).iter().filter_map(|path| target(&graph, &from, path)).collect();
            for to in targets {
                if !from.starts_with(&to) && !to.starts_with(&from) {
                    graph.get_mut(&from).expect("it is a file").insert(to);
                }
            }
        }
    }
    graph
}

fn reached(graph: &Graph, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from];
    while let Some(module) = left.pop() {
        left.extend(graph[module].iter().filter(|to| reached.insert((*to).clone())));
    }
    reached
}

/// Each circle as the set of its modules, written as paths.
fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> = graph.keys().map(|from| (from, reached(graph, from))).collect();
    let on_circle = graph.keys().filter(|module| reached[module].contains(*module));
    on_circle
        .map(|module| {
            let members = reached[module].iter().filter(|other| reached[other].contains(module));
            members.map(|member| member.join("/")).collect()
        })
        .collect()
}

#[test]
fn files_use_each_other_in_no_circle() {
    let sources = program_sources();
    let graph = graph(&sources);
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 500, "the `use` lines were not found");
    let found = circles(&graph).into_iter().map(|circle| format!("{circle:?}"));
    super::none(found.collect(), "files that use each other in a circle");
}

#[test]
fn the_rule_sees_a_circle() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let circle = [
        source("src/lib.rs", "mod a;\nmod b;\n"),
        source("src/a/mod.rs", "use crate::b::{self, In as Out};\n"),
        source("src/a/inner.rs", "use super::A;\nuse std::{fs, io};\n"),
        source("src/b.rs", "pub(crate) use super::{\n    a::{inner::Inner, A},\n};\n"),
    ];
    let found = circles(&graph(&circle));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [BTreeSet::from(["a".to_owned(), "b".to_owned()])]);
    assert!(circles(&graph(&circle[..3])).is_empty(), "a module and the modules in it are one room");
}
