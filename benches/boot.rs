//! The time of `hushlog boot`, from a registry with individually sealed values, and from a plain
//! file.
//!
//! The goal is 1,000 secrets within 300 ms. The export is compared with the saved secrets before
//! anything is timed. The rival is a machine without a registry: age opens one file with all
//! secrets, and a shell writes it to the same place. See `benches/README.md`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hushlog::registry::{By, Draft, Identity, Name, Registry, Scope, Value};

const ROUNDS: usize = 9;
const SIZES: [usize; 3] = [10, 100, 1_000];
const GOAL: (usize, Duration) = (1_000, Duration::from_millis(300));

fn main() {
    let Some(program) = option_env!("CARGO_BIN_EXE_hushlog").filter(|path| Path::new(path).exists()) else {
        println!("The program was not built (it needs the feature `cli`).");
        return;
    };
    println!("\n## `hushlog boot`, {ROUNDS} rounds in turn: median (best..worst)\n");
    println!("| secrets | from a registry | from a dotenv file | age and a shell, one file |");
    println!("| ---: | ---: | ---: | ---: |");
    for secrets in SIZES {
        let machine = Machine::new(secrets);
        machine.assert_answer(program);
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            times[0].push(machine.time(&mut machine.with_registry(program)));
            times[1].push(machine.time(&mut machine.with_dotenv(program)));
            if has_age() {
                times[2].push(machine.time(&mut machine.with_age()));
            }
        }
        let [registry, dotenv, age] = times.map(median_and_range);
        println!("| {secrets} | {} | {} | {} |", registry.1, dotenv.1, age.1);
        if secrets == GOAL.0 {
            let met = if registry.0 <= GOAL.1 { "met" } else { "not met" };
            println!("\nThe goal, {} ms for {} secrets, is {met}.", GOAL.1.as_millis(), GOAL.0);
        }
    }
}

/// A directory in memory with a registry, the same secrets in a file, and that file sealed by age.
struct Machine {
    dir: tempfile::TempDir,
    lines: String,
}

impl Machine {
    fn new(secrets: usize) -> Machine {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
        let (identity, vm) = (Identity::generate(), "vm".parse::<Name>().expect("a name"));
        let mut registry = Registry::default();
        registry.set_member(&vm, identity.recipient(), None, None).expect("a first member");
        let mut lines = String::new();
        for n in 0..secrets {
            let value = format!("sk-live-{n:032x}");
            let name = format!("secret-{n:04}").parse().expect("a name");
            let value_of = Value::new(value.as_bytes()).expect("a value");
            let draft = Draft::new(name, Scope::Shared, value_of);
            registry.add(&draft, &By::now(&vm)).expect("a new secret");
            lines += &format!("export SECRET_{n:04}='{value}'\n");
        }
        let write = |name: &str, text: &[u8]| hushlog::sys::replace::replace(&dir.path().join(name), 0o600, text);
        write("registry.yaml", registry.to_text(None).expect("a text").as_bytes()).expect("a file");
        write("identity.txt", identity.to_file("2026-01-01T00:00:00Z").as_bytes()).expect("a file");
        write("secrets.env", lines.as_bytes()).expect("a file");
        if has_age() {
            let recipient = identity.recipient().to_string();
            let mut seal = Command::new("age");
            seal.args(["-r", &recipient, "-o", "secrets.age", "secrets.env"]).current_dir(&dir);
            assert!(seal.status().expect("age runs").success(), "age failed");
        }
        Machine { dir, lines }
    }

    fn boot(&self, program: &str, source: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["boot", "--quiet"]).args(source).env_clear().env("HUSHLOG_RUN_DIR", self.dir.path().join("run"));
        command.env("HUSHLOG_STATE_DIR", self.dir.path().join("state"));
        command.current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    fn with_registry(&self, program: &str) -> Command {
        self.boot(program, &["--registry", "registry.yaml", "--identity", "identity.txt"])
    }

    fn with_dotenv(&self, program: &str) -> Command {
        self.boot(program, &["--dotenv", "secrets.env"])
    }

    fn with_age(&self) -> Command {
        let mut shell = Command::new("sh");
        shell.current_dir(&self.dir);
        shell
            .args(["-c", "umask 077; mkdir -p run; age -d -i identity.txt secrets.age >run/new && mv run/new run/age"]);
        shell
    }

    /// Checks that every command exports the saved secrets.
    fn assert_answer(&self, program: &str) {
        let mut commands =
            vec![(self.with_registry(program), "environment.sh"), (self.with_dotenv(program), "environment.sh")];
        if has_age() {
            commands.push((self.with_age(), "age"));
        }
        for (mut command, file) in commands {
            assert!(command.status().expect("it starts").success());
            let exported = fs::read_to_string(self.dir.path().join("run").join(file)).expect("it was exported");
            assert!(exported == self.lines, "something else was exported than was saved");
        }
    }

    /// One boot of a freshly started machine.
    fn time(&self, command: &mut Command) -> Duration {
        let _ = fs::remove_dir_all(self.dir.path().join("run"));
        let start = Instant::now();
        let status = command.status().expect("it starts");
        let took = start.elapsed();
        assert!(status.success());
        took
    }
}

fn has_age() -> bool {
    Command::new("age").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn median_and_range(mut times: Vec<Duration>) -> (Duration, String) {
    times.sort();
    let Some(median) = times.get(times.len() / 2).copied() else {
        return (Duration::ZERO, "age is not installed".to_owned());
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let [best, worst] = [times[0], times[times.len() - 1]].map(milliseconds);
    (median, format!("{:.1} ms ({best:.1}..{worst:.1})", milliseconds(median)))
}
