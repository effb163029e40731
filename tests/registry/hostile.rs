//! Registries that were truncated, changed or forged, and files that are no registry: rows R07 to
//! R12, R15, R16, R18 and R24 of `docs/faults.md`. Also the test vectors of the age format.

use std::fmt::Debug;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::Digest;

use hushlog::registry::{By, Draft, Error, Identity, Name, Recipient, Registry, Scope, SigningKey, Value};

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

/// A default that no error may show.
const CANARY: &str = "plain-canary";

struct Small {
    identity: Identity,
    text: String,
}

/// A small registry, as text.
fn small(key: Option<&SigningKey>) -> Small {
    let identity = Identity::generate();
    let mut registry = Registry::default();
    let alice = name("alice");
    registry.set_member(&alice, identity.recipient(), key.map(SigningKey::public), None).unwrap();
    for (secret, scope) in [("first", Scope::Shared), ("second", Scope::Private), ("third", Scope::Shared)] {
        let value = format!("the {secret} value");
        let draft = Draft::new(name(secret), scope, Value::new(value.as_bytes()).unwrap());
        registry.add(&draft, &By::now(&alice)).unwrap();
    }
    registry.set_default(&name("staging"), &name("COLOUR"), CANARY, &By::now(&alice)).unwrap();
    Small { identity, text: registry.to_text(key).unwrap() }
}

impl Small {
    /// Names and values, or the error. An error must not show the file's text.
    fn opened(&self, text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let opened = Registry::parse(text).and_then(|registry| registry.open(&self.identity, None, None));
        let opened = opened.inspect_err(|error| assert_quiet(error))?;
        let of = |opened: hushlog::registry::ExportedSecret| {
            (opened.secret.name().to_owned(), opened.secret.expose().to_vec())
        };
        Ok(opened.secrets.into_iter().map(of).collect())
    }

    fn right(&self) -> Vec<(String, Vec<u8>)> {
        let of = |name: &str| (name.to_owned(), format!("the {name} value").into_bytes());
        vec![of("first"), of("second"), of("third")]
    }

    #[track_caller]
    fn refused(&self, text: &str) -> Error {
        assert_ne!(text, self.text, "nothing was changed");
        self.opened(text.as_bytes()).expect_err("it was taken")
    }

    /// The positions of each sealed value's armour: private, then shared ones, in the order of the
    /// file.
    fn armours(&self) -> Vec<Range<usize>> {
        let begins = self.text.match_indices("-----BEGIN AGE").map(|(at, _)| at);
        let ends = self.text.match_indices("-----END AGE ENCRYPTED FILE-----").map(|(at, end)| at + end.len());
        begins.zip(ends).map(|(begin, end)| begin..end).collect()
    }
}

#[track_caller]
fn assert_quiet(error: &(impl Debug + ToString)) {
    let said = format!("{error:?} {}", error.to_string());
    for canary in [CANARY, "AGE ENCRYPTED", "canary", "hunter2"] {
        assert!(!said.contains(canary), "an error shows what stands in the file");
    }
}

#[test]
fn r07_a_file_that_is_cut_off_anywhere_is_refused() {
    for key in [None, Some(SigningKey::generate().unwrap())] {
        let small = small(key.as_ref());
        assert_eq!(small.opened(small.text.as_bytes()).unwrap(), small.right());
        for len in 0..small.text.len() - 1 {
            assert!(small.opened(&small.text.as_bytes()[..len]).is_err(), "cut off at {len}");
        }
    }
}

#[test]
fn r07_a_byte_that_is_changed_is_refused_or_changes_no_value() {
    let small = small(None);
    let mut refused = 0;
    for at in 0..small.text.len() {
        for bit in [1, 0x20, 0x80] {
            let mut text = small.text.clone().into_bytes();
            text[at] ^= bit;
            match small.opened(&text) {
                Ok(values) => assert_eq!(values, small.right(), "byte {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > small.text.len() * 2, "only {refused} were refused");
}

#[test]
fn r07_a_byte_of_a_signed_file_that_is_changed_is_refused() {
    let key = SigningKey::generate().unwrap();
    let small = small(Some(&key));
    let signature = small.text.find("\nsignature:\n").unwrap();
    for at in 0..small.text.len() {
        let mut text = small.text.clone().into_bytes();
        text[at] ^= 1;
        let refused = small.opened(&text).is_err();
        // The signed text ends there; the signature itself may be spelled otherwise and still be
        // valid.
        assert!(refused || at > signature, "byte {at}");
    }
}

#[test]
fn r08_bombs_and_other_yaml_are_refused_at_once() {
    let text = small(None).text;
    let body = text.split_once("members:").unwrap().1;
    let mut bomb = String::from("format: 1\nmembers: {}\na0: &a0 [x, x]\n");
    for level in 1..64 {
        let _ = writeln!(bomb, "a{level}: &a{level} [*a{}, *a{}, *a{}]", level - 1, level - 1, level - 1);
    }
    let deep = |open: &str| format!("format: 1\nmembers: {}\n", open.repeat(10_000));
    let hostile = [
        ("alias bomb", bomb),
        ("deep lists", deep("[")),
        ("deep maps", deep("{a: ")),
        (
            "deep blocks",
            format!(
                "format: 1\nmembers:\n{}",
                (1..10_000).map(|n| format!("{}- a:\n", " ".repeat(n.min(900)))).collect::<String>()
            ),
        ),
        ("long line", format!("format: 1\nmembers: {}", "x".repeat(20 << 20))),
        ("many keys", format!("format: 1\n{}", "? a\n".repeat(1 << 20))),
        ("duplicate key", text.replace("\n  third:", "\n  first:")),
        ("duplicate section", format!("format: 1\nmembers: {{}}\nmembers:{body}")),
        ("unknown key", text.replace("\ncheck:", "\nsurplus: hunter2\ncheck:")),
        ("merge key", text.replace("\nshared:\n", "\nshared:\n  <<: {}\n")),
        ("tab", text.replace("\n  first:", "\n\tfirst:")),
        ("tag", text.replace("install: true", "install: !!str true")),
        ("two documents", format!("{text}---\n{text}")),
        ("other version", text.replace("format: 2", "format: 3")),
        ("no version", text.replace("format: 2\n", "")),
        ("NUL", text.replace("alice", "al\0ce")),
        ("name with a terminal's control", text.replace("first:", "\"f\\e[2Jt\":")),
        ("yes for true", text.replace("install: true", "install: yes")),
        ("null for a value", text.replace("owner: alice", "owner: ~")),
        ("signature of nobody", format!("{text}signature:\n  by: alice\n  ed25519: hunter2\n")),
        ("empty", String::new()),
    ];
    for (what, text) in hostile {
        let start = Instant::now();
        let error = Registry::parse(text.as_bytes()).expect_err(what);
        assert_quiet(&error);
        assert!(start.elapsed() < Duration::from_secs(20), "{what} took {:?}", start.elapsed());
    }
    let with_mark = format!("\u{feff}{text}");
    assert!(Registry::parse(with_mark.as_bytes()).is_ok(), "a byte order mark is passed over");
    assert!(Registry::parse(text.replace('\n', "\r\n").as_bytes()).is_ok(), "line ends may be CRLF");
}

#[test]
fn r09_a_sealed_value_opens_in_its_place_only() {
    let small = small(None);
    let armours = small.armours();
    let [first, third, second] = [&armours[0], &armours[1], &armours[2]].map(|range| &small.text[range.clone()]);
    let unindented = |armour: &str| armour.replace("\n        ", "\n      ");
    let swapped = small.text.replace(first, "\u{1}").replace(third, first).replace('\u{1}', third);
    let copied = small.text.replace(first, &unindented(second));
    let replaced = [
        ("swapped", swapped),
        ("copied from another scope", copied),
        ("renamed", small.text.replace("\n  first:", "\n  renamed:")),
        ("of another version", small.text.replacen("version: ", "version: a", 1)),
    ];
    for (what, text) in replaced {
        let error = small.refused(&text);
        assert!(
            matches!(&error, Error::WrongBinding { entry } if entry.contains("the shared secret")),
            "{what}: {error}"
        );
    }
    let owner = small.text.replacen("owner: alice", "owner: mallory", 1);
    assert!(matches!(small.refused(&owner), Error::WrongBinding { .. }));
}

#[test]
fn r10_yesterdays_file_opens_as_the_manual_says() {
    let manual = include_str!("../../docs/registry.md").replace('\n', " ");
    assert!(manual.contains("the first boot takes any revision"));
    let key = SigningKey::generate().unwrap();
    let yesterday = small(Some(&key));
    assert_eq!(yesterday.opened(yesterday.text.as_bytes()).unwrap(), yesterday.right());
}

/// Writes as an attacker with the file, and so with the recipients, but without a key.
fn stranger(text: &str, at: &str, with: &str) -> String {
    assert!(text.contains(at));
    text.replacen(at, with, 1)
}

#[test]
fn r11_additions_to_a_signed_registry_by_others_are_refused() {
    let key = SigningKey::generate().unwrap();
    let small = small(Some(&key));
    // The attacker's own registry with the same member has an entry that is properly sealed and
    // bound.
    let mut theirs = Registry::default();
    theirs.set_member(&name("alice"), small.identity.recipient(), None, None).unwrap();
    let draft = Draft::new(name("slipped-in"), Scope::Shared, Value::new(b"malice").unwrap());
    theirs.add(&draft, &By::now(&name("alice"))).unwrap();
    let theirs = theirs.to_text(None).unwrap();
    let entry = theirs.split_once("shared:\n").unwrap().1.split_once("check:").unwrap().0;

    let added = stranger(&small.text, "shared:\n", &format!("shared:\n{entry}"));
    assert!(matches!(small.refused(&added), Error::Signature));
    let unsigned = added.split("signature:\n").next().unwrap().to_owned();
    assert!(matches!(small.refused(&unsigned), Error::Unsigned));
    // An attacker can rewrite the whole file without signers; a reader that requires a signer
    // refuses it.
    let stripped = Registry::parse(theirs.as_bytes()).unwrap();
    assert!(matches!(stripped.require_signer(&[key.public()]), Err(Error::Untrusted)));
    // Without signers, the file proves no origin, as the manual says: it opens.
    let plain = self::small(None);
    assert_eq!(plain.opened(plain.text.as_bytes()).unwrap().len(), 3);
}

#[test]
fn r12_members_that_were_changed_by_hand_are_refused() {
    let small = small(None);
    let mallory = Identity::generate().recipient();
    let added = stranger(&small.text, "members:\n", &format!("members:\n  a-member:\n    recipient: {mallory}\n"));
    assert!(matches!(small.refused(&added), Error::Check));
    let own = small.identity.recipient().to_string();
    assert!(matches!(small.refused(&small.text.replace(&own, &mallory.to_string())), Error::Check));
}

#[test]
fn r15_a_passphrase_of_too_much_work_is_refused_fast() {
    let salt = "ajMFur+HJ0ZhVkKPVe3FgA";
    for work in [23, 30, 63] {
        let body = "A".repeat(43);
        let file = format!("age-encryption.org/v1\n-> scrypt {salt} {work}\n{body}\n--- {body}\n{}", "x".repeat(32));
        let start = Instant::now();
        let refused = Identity::parse(file.as_bytes(), || Ok("hunter2".to_owned().into()));
        assert!(matches!(refused, Err(Error::IdentityWork)), "{work}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn r16_recipients_and_identities_of_plugins_are_refused() {
    for recipient in [
        "age1plug/../in1qqqq",
        "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
        "ssh-ed25519 AAAA",
        "",
        "age1",
    ] {
        assert!(matches!(recipient.parse::<Recipient>(), Err(Error::Recipient)));
    }
    let ask = || panic!("it is not protected");
    for identity in ["AGE-PLUGIN-../../x-1QQQQ", "AGE-PLUGIN-YUBIKEY-1QQPXSQVZG", "-----BEGIN OPENSSH PRIVATE KEY-----"]
    {
        assert!(matches!(Identity::parse(identity.as_bytes(), ask), Err(Error::IdentityKind { line: 1 })));
    }
}

#[test]
fn r13_invalid_identity_files_are_reported_by_line() {
    let ask = || panic!("it is not protected");
    let good = Identity::generate().to_file("today");
    let of = |text: &str| Identity::parse(text.as_bytes(), ask).expect_err("it was taken");
    assert!(matches!(of(""), Error::IdentityEmpty));
    assert!(matches!(of("# only a comment\n\n"), Error::IdentityEmpty));
    assert!(matches!(of(&format!("{}hunter2\n", good.as_str())), Error::IdentityLine { line: 4 }));
    assert!(matches!(
        of(&good.replace("AGE-SECRET-KEY-1Q", "AGE-SECRET-KEY-1P").replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1A")),
        Error::IdentityLine { line: 3 }
    ));
    assert_quiet(&of("hunter2"));
    let twice = format!("{}\r\n{}", good.trim_end(), Identity::generate().to_file("later").as_str());
    assert_eq!(Identity::parse(twice.as_bytes(), ask).unwrap().recipients().len(), 2);
    assert!(!format!("{:?}", Identity::generate()).contains("KEY"));
}

#[test]
fn r18_one_bad_entry_and_nothing_is_opened() {
    let small = small(None);
    for (range, entry) in small.armours().iter().zip(["first", "third", "second"]) {
        let mut text = small.text.clone();
        // In the middle of the armour, beyond the header's first line, where age's random stanza
        // may have put a line end.
        let middle = range.start + range.len() / 2;
        let at = middle + text[middle..].find(|c: char| c.is_ascii_alphanumeric()).unwrap();
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        text.replace_range(at..at + 1, other);
        let error = small.refused(&text);
        assert!(error.to_string().contains(entry), "{error}");
    }
}

#[test]
fn r24_a_wrong_type_is_reported_by_key_and_line_without_text() {
    let small = small(None);
    let line = |text: &str, word: &str| 1 + text.lines().position(|line| line.contains(word)).unwrap() as u64;
    for (from, to, expected) in [
        ("install: true", "install: hunter2", "shared.*.install: must be true or false"),
        ("install: true", "install: [hunter2]", "shared.*.install: must be true or false, but it is a list"),
        ("owner: alice", "owner: hunter2 hunter2", "shared.*.owner: must be a name, such as openai-api-key"),
        ("owner: alice", "owners: hunter2", "shared.*: unknown key"),
        ("format: 2", "format: 2\nsurplus: hunter2", "unknown key"),
        ("recipient: age1", "recipient: hunter2", "members.*.recipient: must be a recipient, age1..."),
        ("check: ", "check: [hunter2] #", "check: must be one string, but it is a list"),
    ] {
        let text = small.text.replacen(from, to, 1);
        let error = small.refused(&text);
        let Error::Syntax { line: at, .. } = error else { panic!("{to}") };
        let said = error.of_file("registry.yaml");
        assert_eq!(at, line(&text, "hunter2"), "{to}: {said}");
        assert!(
            said.starts_with(&format!("registry.yaml:{at}:")) && said.ends_with(&format!(": {expected}")),
            "{said}"
        );
    }
    let not_utf8 = [b"format: 1\nmembers: {}\n# \xff".as_slice(), small.text.as_bytes()].concat();
    let error = small.opened(&not_utf8).expect_err("it is not UTF-8");
    assert_eq!(error.of_file("registry.yaml"), "registry.yaml:3:3: a byte here is not UTF-8");
}

/// One vector of the age format: its fields, and the file.
struct Vector {
    fields: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn parse(text: &[u8]) -> Vector {
        let end = text.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = std::str::from_utf8(&text[..end]).unwrap();
        let fields = head.lines().map(|line| line.split_once(": ").unwrap());
        let fields: Vec<_> = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut file = text[end + 2..].to_vec();
        if fields.iter().any(|(key, _)| key == "compressed") {
            let mut plain = Vec::new();
            std::io::copy(&mut flate2::read::ZlibDecoder::new(&*file), &mut plain).unwrap();
            file = plain;
        }
        Vector { fields, file }
    }

    fn field(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// The vectors are in the published crate that seals values.
fn vectors() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo tells the packages");
    let packages = metadata["packages"].as_array().unwrap();
    let sealing = packages.iter().find(|package| package["name"] == "age").unwrap();
    PathBuf::from(sealing["manifest_path"].as_str().unwrap()).with_file_name("tests/testdata/testkit")
}

/// That crate deliberately opens these, which the format forbids: its own early versions wrote
/// headers without the last line.
const LEGACY: &[&str] = &["stanza_missing_body", "stanza_missing_final_line"];

/// And it refuses this one, with blanks around the armour, which the format allows. hushlog never
/// writes any.
const STRICTER: &str = "armor_whitespace_outside";

#[test]
fn r14_the_vectors_of_the_age_format_open_as_they_should() {
    let directory = vectors();
    let (mut ran, mut opened) = (0, 0);
    for entry in std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        let vector = Vector::parse(&std::fs::read(&path).unwrap());
        let expect = vector.field("expect").unwrap();
        ran += 1;
        if let Some(passphrase) = vector.field("passphrase") {
            // A passphrase-protected file can only be one of identities. These hold none, which is
            // reported once they are open.
            let error = Identity::parse(&vector.file, || Ok(passphrase.to_owned().into())).unwrap_err();
            let open = matches!(error, Error::IdentityLine { .. } | Error::IdentityEmpty | Error::IdentityKind { .. });
            assert!(!open || expect == "success" || !vector.file.starts_with(b"age"), "{}", path.display());
            assert!(open || expect != "success", "{}: {error}", path.display());
            opened += usize::from(expect == "success");
            continue;
        }
        let identity = vector.field("identity").map(|key| Identity::parse(key.as_bytes(), || panic!("no passphrase")));
        let identity = identity.unwrap_or_else(|| Ok(Identity::generate())).unwrap();
        let plain = identity.decrypt(&vector.file);
        // All or nothing: the authentic part of a damaged file is never returned.
        let legacy = LEGACY.iter().any(|name| path.ends_with(name));
        let should = (expect == "success" && !path.ends_with(STRICTER)) || legacy;
        assert_eq!(plain.is_some(), should, "{}", path.display());
        if let (Some(plain), Some(payload)) = (plain, vector.field("payload")) {
            assert_eq!(data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&*plain)), payload, "{}", path.display());
            opened += 1;
        }
    }
    println!("{ran} vectors, {opened} of them open");
    assert!(ran >= 120 && opened >= 15);
}

/// The seeds of the fuzzer, and each of them with each byte changed, as in the fuzz target.
#[test]
fn the_corpus_is_read_or_refused_and_read_again_as_written() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/registry");
    let mut read = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        for at in 0..seed.len() {
            let mut text = seed.clone();
            text[at] ^= u8::from(at > 0);
            let Ok(registry) = Registry::parse(&text) else { continue };
            let written = registry.to_text(None).unwrap();
            assert_eq!(Registry::parse(written.as_bytes()).unwrap().to_text(None).unwrap(), written);
            read += 1;
        }
    }
    assert!(read > 100, "only {read} were read");
}
