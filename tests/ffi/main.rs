//! The library for other languages: its header and its code, the whole table over the ABI, C and
//! Python programs against it.
//!
//! The documented command installs it, and everything here runs against that installation.

mod engine;
#[path = "../common/harness/mod.rs"]
mod harness;
mod header;
mod installed;
#[path = "../common/program/mod.rs"]
mod program;
mod syslog_ng;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use engine::Foreign;
use harness::case::Case;
use harness::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED};
use harness::rng::Rng;
use harness::scenario::{ONE_SET, SWAPS, Scenario};
use harness::{case, check, cuts};
use hushlog::redact::prefilter::Variant;
use hushlog::{Mask, NeedleSet, Redactor, Secret};
use installed::{PATIENCE, command, compile, have, pkg_config, prefix, run};

use crate::program::session::needs;

/// Text that no output may contain without a request.
const CANARY: &str = "canary-4f9QzX-in-flight";

#[test]
fn one_command_installs_all_files_for_compiler_and_loader() {
    needs!("pkg-config", "objdump");
    let file = |path: &str| prefix().join(path);
    for path in ["include/hushlog.h", "lib/libhushlog.a", "lib/libhushlog.so", "lib/libhushlog.so.0"] {
        assert!(file(path).is_file(), "{path}");
    }
    assert_eq!(pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let real = std::fs::canonicalize(file("lib/libhushlog.so")).unwrap();
    assert!(real.ends_with(format!("libhushlog.so.{}", env!("CARGO_PKG_VERSION"))));
    if have(&["objdump"]) {
        let said = run(Command::new("objdump").arg("-p").arg(&real), b"").ends(0).out();
        let soname = said.lines().find_map(|line| line.trim().strip_prefix("SONAME")).expect("it has one");
        assert_eq!(soname.trim(), "libhushlog.so.0");
    }
}

#[test]
fn the_installer_reports_errors() {
    for (args, said) in [
        (&["--perfix", "/x"][..], "unknown option"),
        (&["--prefix"], "--prefix needs a value"),
        (&["--prefix", "relative"], "must begin with /"),
    ] {
        run(command(installed::root().join("bindings/c/install")).args(args), b"").ends(2).says(said);
    }
    let help = run(command(installed::root().join("bindings/c/install")).arg("--help"), b"").ends(0).out();
    assert!(help.contains("bindings/c/install --prefix"), "{help}");
}

#[test]
fn the_library_is_built_so_that_panics_can_be_caught() {
    let manifest = std::fs::read_to_string(installed::root().join("Cargo.toml")).unwrap();
    let profile = manifest.split("[profile.ffi]\n").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(profile.lines().any(|line| line == "panic = \"unwind\""), "{profile}");
}

#[test]
fn header_and_code_agree() {
    needs!("nm");
    header::check();
    if have(&["nm"]) {
        let said = run(Command::new("nm").args(["-D", "--defined-only"]).arg(installed::library()), b"").ends(0).out();
        let exported: BTreeSet<&str> = said.lines().filter_map(|line| line.split(' ').next_back()).collect();
        let declared = header::declared();
        assert_eq!(exported, declared.keys().map(String::as_str).collect::<BTreeSet<_>>());
    }
}

#[test]
fn the_header_is_c99_and_cpp() {
    needs!("c++");
    for (compiler, flags) in [("cc", &["-x", "c", "-std=c99"][..]), ("c++", &["-x", "c++", "-std=c++98"])] {
        if have(&[compiler]) {
            let mut command = Command::new(compiler);
            command.args(flags).args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-long-long", "-fsyntax-only"]);
            run(command.arg(prefix().join("include/hushlog.h")), b"").ends(0);
        }
    }
}

fn partial_len_min(case: &Case) -> usize {
    if case.mask_partial { PARTIAL_MASKED } else { PARTIAL_KEPT }
}

fn set(case: &Case) -> Arc<NeedleSet> {
    let secrets = if case.secrets.is_empty() { &case.needles } else { &case.secrets };
    let builder = NeedleSet::builder().mask(case.mask_char.map_or(Mask::Template(case.mask.clone()), Mask::Char));
    let builder = if case.secrets.is_empty() { builder.exactly() } else { builder };
    let add = |builder: hushlog::NeedleSetBuilder, (name, value): &(String, Vec<u8>)| {
        builder.secret(Secret::new(name, value.clone()))
    };
    Arc::new(secrets.iter().fold(builder, add).build().expect("the set of a case is sound"))
}

/// Every case of the table, at every cut, after every piece.
#[test]
fn the_table_over_the_abi() {
    let (mut rng, mut out) = (Rng(7), Vec::new());
    for case in case::all() {
        let (set, text) = (set(&case), case.text());
        let expected = Expected::linear(&set, &text, partial_len_min(&case));
        let mut stream = Foreign::new(&set, case.mask_partial);
        for cuts in cuts::of(text.len(), 0, &mut rng) {
            let result = check::run(&mut stream, &expected, &text, &cuts, &mut out);
            result.unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        }
    }
}

/// Sets that change in between, releases, ends of streams.
#[test]
fn random_runs_over_the_abi() {
    let mut rng = Rng(11);
    for round in 0..300 {
        let scenario = Scenario::random(&mut rng, if round % 2 == 0 { SWAPS } else { ONE_SET });
        let sets = scenario.compile(Variant::Best);
        let mut stream = Foreign::new(&sets[0], scenario.mask_partial);
        let result = scenario.check_engine(&mut stream, &sets);
        result.unwrap_or_else(|error| panic!("round {round}: {error}\n{scenario:?}"));
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { hex_or_nothing(bytes) }
}

fn hex_or_nothing(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The C driver's commands for a case at some cuts, and the right answers.
fn orders(case: &Case, cuttings: &[Vec<usize>]) -> (String, String) {
    let (set, text) = (set(case), case.text());
    let (mut orders, mut answers) = ("n\n".to_owned(), String::new());
    let exactly = case.secrets.is_empty();
    for (name, value) in if exactly { &case.needles } else { &case.secrets } {
        writeln!(orders, "a {} {}", hex(name.as_bytes()), hex(value)).unwrap();
    }
    match case.mask_char {
        Some(mask) => writeln!(orders, "c {mask}").unwrap(),
        None => writeln!(orders, "m {}", hex(case.mask.as_bytes())).unwrap(),
    }
    writeln!(orders, "{}b\ns {}", if exactly { "x\n" } else { "" }, i32::from(!case.mask_partial)).unwrap();
    writeln!(answers, "0 {} -", set.len()).unwrap();
    let mut redactor = Redactor::new(Arc::clone(&set)).mask_partial(case.mask_partial);
    for cuts in cuttings {
        for piece in cuts::pieces(&text, cuts) {
            writeln!(orders, "p {}", hex(piece)).unwrap();
            let given = redactor.push(piece).to_vec();
            writeln!(answers, "0 {} {}", redactor.held(), hex_or_nothing(&given)).unwrap();
        }
        orders += "f\n";
        writeln!(answers, "0 0 {}", hex_or_nothing(&redactor.finish().to_vec())).unwrap();
    }
    orders += "t\n";
    for ((name, form), count) in redactor.counts() {
        write!(answers, " {name}/{}={count}", form.name()).unwrap();
    }
    answers += " 0\n";
    // As one record: whole streams of one piece, with the partial match masked.
    let masked = set.redact_cow(&text);
    let is_masked = matches!(masked, std::borrow::Cow::Owned(_));
    writeln!(orders, "r {} {}", hex(&text), masked.len()).unwrap();
    writeln!(answers, "{} {} {}", i32::from(is_masked), masked.len(), hex_or_nothing(&masked)).unwrap();
    (orders, answers)
}

/// Commands for the whole table, at three cuttings each.
fn table_orders() -> (String, String) {
    let mut rng = Rng(3);
    let mut all = (String::new(), String::new());
    for case in case::all() {
        let len = case.text().len();
        let cuttings = [vec![], cuts::every_byte(len), cuts::random(&mut rng, len, 5)];
        let (orders, answers) = orders(&case, &cuttings);
        all.0 += &orders;
        all.1 += &answers;
    }
    all
}

fn judge_table(command: &mut Command) {
    let (orders, answers) = table_orders();
    let ran = run(command, orders.as_bytes()).ends(0);
    assert_eq!(ran.out().lines().count(), answers.lines().count());
    for (line, (got, want)) in (1..).zip(ran.out().lines().zip(answers.lines())) {
        assert_eq!(got, want, "answer {line}");
    }
}

#[test]
fn a_c_program_matches_the_table() {
    needs!("pkg-config");
    let driver = compile("tests/ffi/driver.c", "driver", &["-std=c99", "-pedantic"], &pkg_config(&["--libs"]));
    judge_table(&mut command(driver));
}

#[test]
fn a_caller_that_does_everything_wrong_gets_codes() {
    needs!("pkg-config");
    let errors = compile("tests/ffi/errors.c", "errors", &[], &pkg_config(&["--libs"]));
    let said = run(&mut command(errors), b"").ends(0).out();
    assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"));
}

/// The static library, with the flags of pkg-config.
#[test]
fn the_static_library_does_the_same() {
    needs!("pkg-config");
    let libs = pkg_config(&["--libs", "--static"]);
    let libs: Vec<String> = libs.into_iter().map(|lib| lib.replace("-lhushlog", "-l:libhushlog.a")).collect();
    let errors = compile("tests/ffi/errors.c", "errors-static", &[], &libs);
    run(Command::new(errors).env_clear(), b"").ends(0);
}

/// No byte is read that is not the caller's or is uninitialised, and every allocation is freed.
#[test]
fn valgrind_finds_nothing() {
    needs!("valgrind", "pkg-config");
    let valgrind = |program: &Path| {
        let mut command = command("valgrind");
        command.args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--show-leak-kinds=definite,indirect,possible",
        ]);
        command.args(["--errors-for-leak-kinds=definite,indirect,possible"]).arg(program);
        command
    };
    let driver = compile("tests/ffi/driver.c", "driver-valgrind", &[], &pkg_config(&["--libs"]));
    judge_table(&mut valgrind(&driver));
    let errors = compile("tests/ffi/errors.c", "errors-valgrind", &[], &pkg_config(&["--libs"]));
    run(&mut valgrind(&errors), b"").ends(0);
    // A positive control.
    let leak = place_source("leak", "#include <hushlog.h>\nint main(void) { return !hushlog_builder_new(); }\n");
    let leak = compile(leak.to_str().unwrap(), "leak", &[], &pkg_config(&["--libs"]));
    run(&mut command(&leak), b"").ends(0);
    run(&mut valgrind(&leak), b"").ends(9);
}

/// The C side compiled with AddressSanitizer, which detects accesses outside its blocks and slices
/// that are used too long.
#[test]
fn address_sanitizer_finds_nothing() {
    needs!("pkg-config", "AddressSanitizer");
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let probe = place_source("probe", "int main(void) { return 0; }\n");
    let works = Command::new("cc").args(flags).arg("-o").arg(installed::place("probe")).arg(probe).output();
    if !works.is_ok_and(|output| output.status.success()) {
        panic!("cc has no AddressSanitizer any more");
    }
    let driver = compile("tests/ffi/driver.c", "driver-asan", &flags, &pkg_config(&["--libs"]));
    judge_table(&mut command(driver));
    let errors = compile("tests/ffi/errors.c", "errors-asan", &flags, &pkg_config(&["--libs"]));
    run(&mut command(errors), b"").ends(0);
}

/// As above, with the library instrumented as well, which includes accesses by Rust code.
#[test]
#[ignore = "builds the library anew with a nightly toolchain"]
fn address_sanitizer_in_the_library_finds_nothing() {
    needs!("nightly", "pkg-config");
    let nightly = Command::new("rustup").args(["run", "nightly", "cargo", "--version"]).output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        panic!("there is no nightly toolchain any more");
    }
    let (target, triple) = (Path::new(env!("CARGO_TARGET_TMPDIR")).join("asan"), "x86_64-unknown-linux-gnu");
    let mut cargo = Command::new("rustup");
    cargo.args(["run", "nightly", "cargo", "rustc", "--locked", "--lib", "--no-default-features", "--features", "ffi"]);
    cargo.args(["--crate-type", "staticlib", "--target", triple, "--target-dir"]).arg(&target);
    cargo.current_dir(installed::root()).env("RUSTFLAGS", "-Zsanitizer=address").env_remove("CARGO_ENCODED_RUSTFLAGS");
    program::run_within(&mut cargo, b"", std::time::Duration::from_secs(1_800)).ends(0);
    let library = target.join(triple).join("debug/libhushlog.a").display().to_string();
    let libs = [library.as_str(), "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"].map(str::to_owned);
    let compile = |source: &str, name: &str| compile(source, name, &["-fsanitize=address"], &libs);
    judge_table(&mut command(compile("tests/ffi/driver.c", "driver-asan-all")));
    run(&mut command(compile("tests/ffi/errors.c", "errors-asan-all")), b"").ends(0);
    // A positive control: a wrong length makes Rust read past the block.
    let beside = "#include <hushlog.h>
#include <stdlib.h>
int main(void) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set;
    hushlog_slice slice;
    hushlog_builder_add(builder, \"T\", \"sk-live-4f9QzX\", 14);
    hushlog_builder_build(builder, &set);
    return hushlog_redact(set, calloc(9, 1), 200, NULL, 0, &slice);
}\n";
    let beside = compile(place_source("beside", beside).to_str().unwrap(), "beside");
    run(&mut command(beside), b"").ends(1).says("ERROR: AddressSanitizer");
}

fn place_source(name: &str, text: &str) -> std::path::PathBuf {
    let path = installed::place(&format!("{name}.c"));
    std::fs::write(&path, text).expect("it is ours");
    path
}

/// L02 over the ABI: a panic in any call becomes that call's error. It prints nothing, ends
/// nothing, and its object emits nothing.
#[test]
fn l02_a_panic_stays_inside() {
    needs!("pkg-config");
    let errors = compile("tests/ffi/errors.c", "errors-bug", &[], &pkg_config(&["--libs"]));
    let bug = |name: &str| {
        let mut command = command(&errors);
        command.arg("bug").env("HUSHLOG_TEST_PANIC", name).env("HUSHLOG_TEST_IN_FLIGHT", CANARY);
        let ran = run(command.env("RUST_BACKTRACE", "full"), b"").ends(0);
        assert_eq!(ran.err(), "", "{name}");
        assert!(!ran.out().contains(CANARY), "{name}");
        ran.out()
    };
    let calm = bug("none");
    let names: BTreeSet<&str> = calm.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name).collect();
    assert!(names.iter().filter(|name| name.starts_with("hushlog_")).count() >= 18, "{names:?}");
    for line in calm.lines().filter(|line| line.starts_with("hushlog_")) {
        let (name, code) = line.split_once(' ').unwrap();
        assert_ne!(code, "-12", "{line}");
        let said = bug(name);
        assert!(said.contains(&format!("{name} -12\n")), "{name}: {said}");
        assert!(said.contains("an error in hushlog itself, at src/ffi/"), "{name}: {said}");
        if let "hushlog_stream_push" | "hushlog_stream_swap" = name {
            assert!(said.contains("hushlog_stream_finish -12\n"), "a broken stream gives out nothing: {said}");
        }
    }
}

/// The examples, on the same input as the program.
#[test]
fn the_c_example_filters_as_the_program_does() {
    needs!("pkg-config");
    let flags = ["-std=gnu99", "-pedantic"];
    let filter = compile("bindings/c/examples/filter.c", "filter", &flags, &pkg_config(&["--libs"]));
    judge_filter(|names| {
        let mut command = command(&filter);
        command.args(names);
        command
    });
    run(command(&filter).arg("NO_SUCH"), b"").ends(2).says("NO_SUCH: there is no such variable");
}

#[test]
fn the_python_example_filters_and_logs() {
    needs!("python3");
    let example = installed::root().join("bindings/c/examples/logging_filter.py");
    let python = |names: &[&str]| {
        let mut command = command("python3");
        command.arg(&example).args(names);
        command
    };
    judge_filter(python);
    let ran = run(python(&["--demo", "TOKEN"]).env("TOKEN", CANARY), b"").ends(0);
    assert_eq!(ran.err(), "WARNING TOKEN is [REDACTED:TOKEN]\n");
}

fn judge_filter(filter: impl Fn(&[&str]) -> Command) {
    let secrets = [("TOKEN", CANARY), ("DB_URL", "postgres://app:pa$s-4f9@db/app"), ("PIN", "74921")];
    let mut rng = Rng(5);
    let mut input = Vec::new();
    for round in 0..2_000 {
        let noise = rng.below(200);
        input.extend(rng.bytes(noise));
        let (_, value) = secrets[round % 3];
        input.extend_from_slice(&value.as_bytes()[..value.len() - usize::from(round % 7 == 0)]);
    }
    let names = secrets.map(|(name, _)| name);
    let filtered = run(filter(&names).envs(secrets), &input).ends(0);
    let sources = names.iter().flat_map(|name| ["--env", name]);
    let want = program::run_within(program::hushlog(sources).envs(secrets), &input, PATIENCE).ends(0);
    assert!(filtered.stdout == want.stdout, "{} bytes and {}", filtered.stdout.len(), want.stdout.len());
}

/// The Python package, by its own tests.
#[test]
fn the_python_package_passes_its_tests() {
    needs!("python3");
    if have(&["python3"]) {
        let mut tests = command("python3");
        tests.args(["-W", "error", "-m", "unittest", "discover"]).arg(installed::root().join("bindings/python/tests"));
        tests.env("PYTHONPATH", installed::root().join("bindings/python")).env("PYTHONDONTWRITEBYTECODE", "1");
        run(tests.env("HUSHLOG_LIBRARY", installed::library()), b"").ends(0).says("OK");
    }
}

/// The wheel contains the library.
#[test]
fn the_python_wheel_needs_nothing_else() {
    needs!("python3", "python3-pip", "python3-wheel");
    let stage = tempfile::tempdir().unwrap();
    // The build leaves files among the sources.
    for file in ["Cargo.toml", "bindings/python"] {
        let to = stage.path().join("hushlog").join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        run(command("cp").arg("-r").args([installed::root().join(file), to]), b"").ends(0);
    }
    let pip = |args: &[&str]| {
        let mut command = command("python3");
        command.args(["-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]).args(args);
        command.current_dir(stage.path()).env("HUSHLOG_LIBRARY", installed::library());
        run(&mut command, b"").ends(0);
    };
    pip(&["wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", "wheels", "hushlog/bindings/python"]);
    pip(&["install", "--no-index", "--target", "site", "--find-links", "wheels", "hushlog"]);
    let program = "import hushlog; print(hushlog.Redactor({'T': 'sk-live-4f9QzX'}).redact('a sk-live-4f9QzX'))";
    let mut python = Command::new("python3");
    python.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let ran = run(python.args(["-c", program]).env("PYTHONPATH", stage.path().join("site")), b"").ends(0);
    assert_eq!(ran.out(), "a [REDACTED:T]\n");
}
