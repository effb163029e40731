//! The registry: the time to open it by secrets and members, the time of `secret add` apart from
//! the typing, and the size and times of a fleet with the group of all members. The rival is the
//! program age, which opens and seals one file a run.
//!
//! The goals: 1,000 secrets open fast enough for a boot within 300 ms, and `secret add` with
//! 1,000 before it takes 25 ms. See `benches/README.md`.

mod program;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use hushlog::registry::{By, Draft, GROUP_OF_ALL, Identity, Name, Registry, Scope, Value};

use program::{Numbers, per_mille};

const ROUNDS: usize = 7;
const VALUE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCD";

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    opening(directory.path());
    adding(directory.path());
    fleet(directory.path());
}

/// A registry file with `secrets` shared secrets for `members` members; the identity is that of one
/// in the middle.
fn write_registry(path: &Path, secrets: usize, members: usize) -> Identity {
    let identities: Vec<Identity> = (0..members).map(|_| Identity::generate()).collect();
    let name = |number: usize| -> Name { format!("member-{number:03}").parse().expect("a name") };
    let mut numbers = Numbers::new();
    Registry::update(path, None, |registry| {
        for (number, identity) in identities.iter().enumerate() {
            registry.set_member(&name(number), identity.recipient(), None, None)?;
        }
        let by = By::now(&name(0)).at;
        for secret in 0..secrets {
            let value: Vec<u8> = VALUE.iter().map(|_| VALUE[numbers.below(VALUE.len() as u64) as usize]).collect();
            let draft = Draft::new(format!("secret-{secret}").parse()?, Scope::Shared, Value::new(&value)?);
            registry.add(&draft, &By { member: &name(0), at: by.clone() })?;
        }
        Ok::<(), hushlog::registry::Error>(())
    })
    .expect("a registry");
    identities.into_iter().nth(members / 2).expect("a member")
}

fn opening(directory: &Path) {
    println!("## Opening all secrets, from the file on: median of {ROUNDS} rounds, ms\n");
    println!("| secrets | members | file, KiB | read and checked | opened | both |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for (secrets, members) in [(100, 2), (1_000, 1), (1_000, 10), (1_000, 100)] {
        let path = directory.join(format!("registry-{secrets}-{members}.yaml"));
        let identity = write_registry(&path, secrets, members);
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let registry = Registry::load(&path).expect("a registry");
            let read = start.elapsed().as_secs_f64() * 1e3;
            let opened = registry.open(&identity, None, None).expect("it opens");
            let both = start.elapsed().as_secs_f64() * 1e3;
            assert!(opened.secrets.len() == secrets && opened.secrets[7].secret.expose().len() == VALUE.len());
            times.iter_mut().zip([read, both - read, both]).for_each(|(times, time)| times.push(time));
        }
        let [read, opened, both] = times.map(|mut times| per_mille(&mut times, 500));
        let kib = fs::metadata(&path).expect("a file").len() / 1024;
        println!("| {secrets} | {members} | {kib} | {read:.1} | {opened:.1} | {both:.1} |");
    }
}

fn adding(directory: &Path) {
    println!("\n## Saving one secret, as a process: median (worst) of {} rounds in turn, ms\n", ROUNDS * 3);
    println!("| secrets before | hushlog secret add | age, sealing one file |");
    println!("| ---: | ---: | ---: |");
    for secrets in [0, 100, 1_000] {
        let path = directory.join(format!("add-{secrets}.yaml"));
        let recipient = write_registry(&path, secrets, 2).recipient().to_string();
        let mut times = [const { Vec::new() }; 2];
        for round in 0..ROUNDS * 3 {
            let mut add = Command::new(env!("CARGO_BIN_EXE_hushlog"));
            add.args(["secret", "add", &format!("new-{round}"), "--shared", "--as", "member-000", "--value-file", "-"]);
            times[0].push(timed(add.arg("--registry").arg(&path)));
            let mut age = Command::new("age");
            times[1].push(timed(age.args(["-a", "-r", &recipient, "-o"]).arg(directory.join("one.age"))));
        }
        let after = Registry::load(&path).expect("a registry").secrets().count();
        assert_eq!(after, secrets + ROUNDS * 3);
        let [ours, age] =
            times.map(|mut times| format!("{:.1} ({:.1})", per_mille(&mut times, 500), per_mille(&mut times, 1_000)));
        println!("| {secrets} | {ours} | {age} |");
    }
}

/// The most bytes of a registry of 5,000 members with 100 shared secrets.
const FLEET_LEN_MAX: u64 = 4 << 20;

/// A registry with the group of all members, whose identity is sealed to each of them.
fn fleet(directory: &Path) {
    println!("\n## 100 shared secrets, sealed to the group of all members: median of {ROUNDS} rounds, ms\n");
    println!("| members | file, KiB | read and checked | opened | a member joins | a member leaves | `all` is made |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for members in [100, 1_000, 5_000] {
        let path = directory.join(format!("fleet-{members}.yaml"));
        let (identity, all) = write_fleet(&path, members);
        let name = |name: &str| -> Name { name.parse().expect("a name") };
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let mut timed = |place: usize, work: &mut dyn FnMut()| {
                let start = Instant::now();
                work();
                times[place].push(start.elapsed().as_secs_f64() * 1e3);
            };
            let mut registry = Registry::default();
            timed(0, &mut || registry = Registry::load(&path).expect("a registry"));
            timed(1, &mut || assert_eq!(registry.open(&identity, None, None).expect("it opens").secrets.len(), 100));
            let late = Identity::generate();
            timed(2, &mut || {
                registry.set_member(&name("late"), late.recipient(), None, Some(&identity)).expect("it joins");
            });
            assert_eq!(registry.open(&late, None, None).expect("it opens").secrets.len(), 100);
            timed(3, &mut || {
                let change = registry.remove_member(&name("late"), Some(&identity)).expect("it leaves");
                assert_eq!(change.resealed, 100);
            });
        }
        let [read, opened, joined, left] = times.map(|mut times| per_mille(&mut times, 500));
        let len = fs::metadata(&path).expect("a file").len();
        assert!(len < FLEET_LEN_MAX, "{len} bytes");
        println!("| {members} | {} | {read:.1} | {opened:.1} | {joined:.1} | {left:.0} | {all:.0} |", len / 1024);
    }
}

/// The identity of a member in the middle, and the milliseconds that the group of all took.
fn write_fleet(path: &Path, members: usize) -> (Identity, f64) {
    let identity = write_registry(path, 0, members);
    let name: Name = "member-000".parse().expect("a name");
    let update = |registry: &mut Registry| {
        let start = Instant::now();
        registry.add_group(&GROUP_OF_ALL.parse()?, &[], None)?;
        let all = start.elapsed().as_secs_f64() * 1e3;
        for secret in 0..100 {
            let draft = Draft::new(format!("secret-{secret}").parse()?, Scope::Shared, Value::new(VALUE)?);
            registry.add(&draft, &By::now(&name))?;
        }
        Ok::<f64, hushlog::registry::Error>(all)
    };
    (identity, Registry::update(path, None, update).expect("a registry"))
}

/// The milliseconds of a command with a value on its standard input.
fn timed(command: &mut Command) -> f64 {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it is installed");
    child.stdin.take().expect("piped").write_all(VALUE).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    start.elapsed().as_secs_f64() * 1e3
}
