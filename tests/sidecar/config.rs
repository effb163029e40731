//! The sidecar's configuration: an error gives line and key, and never the text there.

use std::fs;

use crate::program;

use serde_json::Value;

/// The text at every faulty place: it may be a secret pasted in the wrong place.
const CANARY: &str = "hunter2-prod-key";

const STREAM: &str = "streams: [{ name: app, source: { stdin: true }, sink: { stdout: true } }]\n";

fn check(text: &str) -> program::Ran {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("hushlog.yaml");
    fs::write(&path, text).expect("room for a configuration");
    let ran = program::run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&path), b"");
    assert!(!ran.err().contains("hunter2"), "it shows what stands there: {}", ran.err());
    ran
}

/// Asserts that the configuration is refused on this line, with these words.
#[track_caller]
fn wrong(text: &str, line: u64, words: &str) {
    let ran = check(text).ends(2);
    let place = format!("hushlog.yaml:{line}:");
    assert!(ran.err().contains(&place), "no word of line {line}: {}", ran.err());
    assert!(ran.err().contains(words), "no word of `{words}`: {}", ran.err());
}

#[test]
fn a_minimal_configuration_is_valid() {
    check(STREAM).ends(0).says("is valid");
}

#[test]
fn an_error_names_file_line_and_key_and_no_value() {
    wrong(&format!("{STREAM}drain_seconds: {CANARY}\n"), 2, "drain_seconds: must be");
    wrong(&format!("{STREAM}{CANARY}: 5\n"), 2, "unknown key");
    wrong(&format!("{STREAM}options:\n  mask_char: {CANARY}\n"), 3, "mask_char: must be one printable");
    wrong(&format!("{STREAM}options:\n  min_length: 3\n"), 3, "min_length: must be from 4");
    wrong(&format!("{STREAM}options:\n  encodings: {CANARY}\n"), 3, "encodings: must be");
    wrong(&format!("{STREAM}options:\n  readings: {CANARY}\n"), 3, "readings: must be");
    wrong(&format!("{STREAM}metrics: {CANARY}\n"), 2, "metrics: must be an address");
    wrong(&format!("{STREAM}secrets:\n  dotenv: {CANARY}\n"), 3, "dotenv: must be");
    wrong(&format!("{STREAM}secrets:\n  env: [{{ {CANARY}: 1 }}]\n"), 3, "env");
    wrong(&format!("{STREAM}secrets:\n  session: true\n  session: false\n"), 4, "session: this key occurs twice");
    wrong(&format!("{STREAM}control: [\n"), 2, "");
    wrong(&format!("\u{feff}drain_seconds: {CANARY}\n{STREAM}"), 1, "drain_seconds: must be");
    // A carriage return ends a line of YAML.
    let ends = STREAM.replace('\n', "\r");
    wrong(&format!("{ends}state: /a\r\ndrain_seconds: {CANARY}\r"), 3, "drain_seconds: must be");
}

/// Each case of `wrong.txt`, by the line of its error: the text, the error and the hint.
#[test]
fn each_wrong_configuration_gets_its_message() {
    let cases = include_str!("wrong.txt").split_once("\n\n").expect("a head").1;
    let mut count = 0;
    for case in cases.split("\n\n") {
        let (text, said) = case.split_once("\n=> ").expect("a message");
        let said = said.trim_end().replace("\nhint: ", "\nhushlog: hint: ");
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("FILE"), format!("{text}\n")).expect("room for a configuration");
        let mut command = program::hushlog(["sidecar", "check-config", "--config", "FILE"]);
        let ran = program::run(command.current_dir(&dir), b"").ends(2);
        assert_eq!(ran.err(), format!("hushlog: error: {said}\n"), "{text}");
        assert!(!ran.err().contains("hunter2"), "it shows what stands there");
        count += 1;
    }
    assert!(count > 60, "{count} cases were found");
}

#[test]
fn a_missing_directory_is_a_warning_of_the_check() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(dir.path().join("file"), "").expect("room for a file");
    let text = format!(
        "streams:
  - {{ name: a, source: {{ unix: {0}/no/a.sock }}, sink: {{ file: {0}/file/out }} }}
  - {{ name: b, source: {{ files: '{0}/no/*/b.log' }}, sink: {{ unix: {0}/there }} }}
  - {{ name: c, source: {{ files: '{0}/*/b.log' }}, sink: {{ fifo: {0}/no/f }} }}
guard: {{ directories: [{0}, {0}/no] }}
scrub: [{{ directory: {0}/no }}]
control: {0}/control
state: {0}/no/state
",
        dir.path().display()
    );
    let config = dir.path().join("hushlog.yaml");
    fs::write(&config, text).expect("room for a configuration");
    let ran = program::run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"").ends(0);
    let warnings = [
        format!("streams[0].source.unix: the directory {} does not exist", at("no")),
        format!("streams[1].source.files: the directory {} does not exist", at("no")),
        format!("streams[0].sink.file: {} is not a directory", at("file")),
        format!("streams[2].sink.fifo: the directory {} does not exist", at("no")),
        format!("scrub[0].directory: the directory {} does not exist", at("no")),
        format!("guard.directories[1]: the directory {} does not exist", at("no")),
        format!("state: the directory {} does not exist", at("no")),
    ];
    let file = config.display();
    let expected: String = warnings.iter().map(|text| format!("hushlog: warning: {file}: {text}\n")).collect();
    assert_eq!(ran.err(), format!("{expected}hushlog: {file} is valid\n"));
    let quiet = ["sidecar", "check-config", "--quiet", "--quiet", "--config"];
    assert_eq!(program::run(program::hushlog(quiet).arg(&config), b"").ends(0).err(), expected);
}

#[test]
fn b16_an_option_of_a_registry_needs_one() {
    for option in ["identity: /hunter2.txt", "member: hunter2", "trust: [hunter2]"] {
        let key = option.split(':').next().unwrap();
        wrong(&format!("{STREAM}secrets:\n  {option}\n"), 3, &format!("{key}: needs a registry"));
        wrong(&format!("{STREAM}secrets:\n  session: true\n  {option}\n"), 4, &format!("{key}: needs a registry"));
        check(&format!("{STREAM}secrets:\n  registry: /r.yaml\n  {option}\n")).ends(0);
    }
}

#[test]
fn a_stream_is_checked() {
    let stream = |fields: &str| format!("streams:\n  - name: app\n    {}\n", fields.replace(" | ", "\n    "));
    wrong(&stream("source: { stdin: true }"), 2, "streams[0]: the key sink is missing");
    wrong(&stream("source: {} | sink: { stdout: true }"), 3, "source: must have one of stdin, fifo");
    wrong(
        &stream("source: { stdin: true, fifo: /a } | sink: { stdout: true }"),
        3,
        "fifo: cannot be combined with stdin",
    );
    wrong(
        &stream("source: { stdin: true, mode: \"0600\" } | sink: { stdout: true }"),
        3,
        "mode: is only valid with fifo",
    );
    wrong(&stream("source: { unix: /a, mode: 0600 } | sink: { stdout: true }"), 3, "octal digits in quotes");
    wrong(
        &stream("source: { stdin: true } | sink: { stdout: true } | release: now"),
        5,
        "release: must be one of line, exact",
    );
    wrong(&stream("source: { stdin: true } | sink: { stdout: true } | line_max: 100"), 5, "line_max: must be from 1K");
    wrong(&stream("source: { stdin: true } | sink: { file: /a, rotate_size: 1Q }"), 4, "a number of bytes");
    let octets = "source: { unix_datagram: /a } | sink: { stdout: true } | format: octet-counted";
    wrong(&stream(octets), 5, "format: this format is not valid");
    wrong(
        &stream("source: { files: /a/*.log } | sink: { stdout: true }"),
        3,
        "following files needs a state directory",
    );
    wrong(&stream("source: { stdin: true } | sink: { file: /a, away: spool }"), 4, "spool needs a file");
    wrong(&stream("source: { stdin: true } | relase: line | sink: { stdout: true }"), 4, "unknown key");
    check(&stream("source: { stdin: true } | relase: line | sink: { stdout: true }"))
        .ends(2)
        .says("did you mean release?");
    wrong(
        "streams:\n  - { name: \"a b\", source: { stdin: true }, sink: { stdout: true } }\n",
        2,
        "name: must consist of",
    );
    check("control: /a\n").ends(2).says("the configuration has nothing to do");
    check("").ends(2);
}

#[test]
fn listeners_are_on_loopback_only() {
    let stream =
        |address: &str| format!("streams: [{{ name: a, source: {{ tcp: \"{address}\" }}, sink: {{ stdout: true }} }}]");
    check(&stream("127.0.0.1:5140")).ends(0);
    check(&stream("[::1]:5140")).ends(0);
    for open in ["0.0.0.0:5140", "[::]:5140", "192.168.1.1:5140"] {
        check(&stream(open)).ends(2).says("loopback");
        check(&format!("{STREAM}metrics: \"{open}\"\n")).ends(2).says("loopback");
    }
}

#[test]
fn streams_that_do_not_go_together_are_refused() {
    let two = |one: &str, other: &str| format!("streams:\n  - {{ {one} }}\n  - {{ {other} }}\n");
    let stdin = "source: { stdin: true }, sink: { stdout: true }";
    wrong(
        &two(&format!("name: a, {stdin}"), "name: a, source: { fifo: /a }, sink: { stdout: true }"),
        3,
        "has this name",
    );
    wrong(&two(&format!("name: a, {stdin}"), &format!("name: b, {stdin}")), 3, "has this source");
    let file = |mode: &str| format!("sink: {{ file: /a, mode: \"{mode}\" }}");
    let (one, other) = (file("0600"), file("0640"));
    wrong(
        &two(
            &format!("name: a, source: {{ stdin: true }}, {one}"),
            &format!("name: b, source: {{ fifo: /f }}, {other}"),
        ),
        3,
        "differs from the same sink of another stream",
    );
}

#[test]
fn a_hostile_configuration_is_refused_in_bounded_time() {
    let bomb = "a: &a [x, x]\n".to_owned() + &(0..30).map(|n| format!("b{n}: &b{n} [*a, *a]\n")).collect::<String>();
    check(&bomb).ends(2);
    check(&"[".repeat(100_000)).ends(2);
    check(&format!("{STREAM}# {}\n", "x".repeat(2 << 20))).ends(2).says("larger than");
    check("\u{feff}streams: [\u{0}").ends(2);
    check("streams: [{name: &a b, source: *a}]").ends(2);
}

#[test]
fn without_a_configuration_the_error_has_a_hint() {
    program::run(&mut program::hushlog(["sidecar"]), b"").ends(2).says("hint: run hushlog sidecar --config FILE");
    let ran = program::run(&mut program::hushlog(["sidecar", "--config", CANARY]), b"").ends(2);
    ran.says("cannot read the file of --config: no such file").says("hushlog: error");
    let ran = program::run(&mut program::hushlog(["sidecar", "status", "--socket", CANARY]), b"").ends(2);
    assert!(!ran.err().contains(CANARY), "a path that does not exist may be a secret");
    ran.says("no sidecar is listening");
}

fn schema() -> Value {
    let ran = program::run(&mut program::hushlog(["sidecar", "schema"]), b"").ends(0);
    serde_json::from_slice(&ran.stdout).expect("the schema is JSON")
}

/// Checks a value against a schema; covers the parts of JSON Schema in use here.
fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {value} against {schema}"));
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { Ok(()) } else { wrong("no such word") };
    }
    if let Some(word) = schema.get("const") {
        return if word == value { Ok(()) } else { wrong("another word") };
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        let fitting = kinds.iter().filter(|kind| {
            kind["required"].as_array().map_or_else(
                || fits(value, kind).is_ok(),
                |required| required.iter().all(|key| value.get(key.as_str().expect("a key")).is_some()),
            )
        });
        if fitting.count() != 1 {
            return wrong("not one of");
        }
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = value.as_object().ok_or("no object")?;
            for (key, field) in fields {
                let known = schema["properties"].get(key).ok_or(format!("there is no {key}"))?;
                fits(field, known)?;
            }
            let mut required = schema["required"].as_array().into_iter().flatten();
            if required.all(|key| fields.contains_key(key.as_str().expect("a key"))) {
                Ok(())
            } else {
                wrong("missing")
            }
        }
        Some("array") => value.as_array().ok_or("no array")?.iter().try_for_each(|item| fits(item, &schema["items"])),
        Some("string") if !value.is_string() => wrong("no text"),
        Some("boolean") if !value.is_boolean() => wrong("no truth"),
        Some("integer") if !value.is_u64() => wrong("no number"),
        _ => Ok(()),
    }
}

/// A configuration with every key.
const ALL: &str = r#"{
    "secrets": { "env": ["PROD_*"], "dotenv": ["/a/.env"], "secret_files": ["/run/secrets"],
        "commands": [{ "command": "pass show db", "every_seconds": 60 }], "credential_files": true, "registry": "/r.yaml",
        "identity": "/i.txt", "member": "vm", "trust": ["MCow"], "session": true, "allow_empty": false,
        "only": ["PROD_*"], "except": ["PROD_MODE"], "all": true },
    "options": { "mask": "***", "min_length": 8, "encodings": true, "readings": false, "keep_partial": false },
    "streams": [
        { "name": "a", "source": { "stdin": true }, "sink": { "stdout": true }, "release": "exact", "line_max": "64K", "format": "octet-counted" },
        { "name": "b", "source": { "fifo": "/f", "mode": "0620" }, "sink": { "fifo": "/g" } },
        { "name": "c", "source": { "unix": "/u", "mode": "0666", "connections_max": 10 }, "sink": { "unix": "/v" } },
        { "name": "d", "source": { "unix_datagram": "/dev/log" }, "sink": { "unix_datagram": "/w", "away": "drop" } },
        { "name": "e", "source": { "tcp": "127.0.0.1:5140" }, "sink": { "tcp": "logs.example.com:6514" } },
        { "name": "f", "source": { "command": ["journalctl", "-f"] }, "sink": { "command": ["svlogd", "/l"] } },
        { "name": "g", "source": { "files": "/var/log/app/*.log", "from": "end", "files_max": 100 }, "format": "docker", "sink": { "file": "/o",
            "mode": "0640", "rotate_size": "100M", "rotate_keep": 3, "away": "spool", "spool": "/s", "spool_max": "1G" } }
    ],
    "scrub": [{ "directory": "/var/log/old", "recursive": true, "include": ["*.log"], "exclude": ["*.db"], "every_seconds": 60 }],
    "guard": { "directories": ["/var/log/app"], "partial_wait_ms": 500 },
    "control": "/run/hushlog/sidecar.sock",
    "metrics": "127.0.0.1:9500",
    "state": "/var/lib/hushlog",
    "environment": ["HTTPS_PROXY"],
    "confine": { "landlock": true, "seccomp": true },
    "drain_seconds": 5
}"#;

#[test]
fn examples_pass_the_schema_and_the_program() {
    let all: Value = serde_json::from_str(ALL).expect("JSON");
    fits(&all, &schema()).expect("it is what the schema says");
    check(ALL).ends(0);
    let help = program::run(&mut program::hushlog(["sidecar", "--help"]), b"").ends(0).out();
    let (_, example) = help.split_once("A configuration:\n").expect("it is there");
    let example = example.split_once("\nExamples:").expect("its end").0;
    let example: String =
        example.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned() + "\n").collect();
    check(&example).ends(0);
}

#[test]
fn every_key_is_in_the_schema_and_in_the_example() {
    let (schema, all): (Value, Value) = (schema(), serde_json::from_str(ALL).expect("JSON"));
    let (mut known, mut shown) = (Vec::new(), Vec::new());
    keys_of_schema(&schema, &mut known);
    keys(&all, &mut shown);
    // Two that exclude each other.
    shown.push("mask_char".to_owned());
    known.sort();
    known.dedup();
    shown.sort();
    shown.dedup();
    assert_eq!(known, shown);
    // The program accepts the keys of the schema: an error about a wrong key lists all keys of its
    // section.
    let ran = check("streams: [{ nme: a }]\n").ends(2);
    for key in schema["properties"]["streams"]["items"]["properties"].as_object().expect("properties").keys() {
        assert!(ran.err().contains(key.as_str()), "{key}");
    }
}

#[test]
fn the_earlier_names_of_keys_still_work() {
    for (key, earlier, value) in [("keep_partial", "keep_stump", "false"), ("partial_wait_ms", "stump_wait_ms", "500")]
    {
        let (line, old_line) = (format!("\"{key}\": {value}"), format!("\"{earlier}\": {value}"));
        assert!(ALL.contains(&line) && !schema().to_string().contains(earlier));
        check(&ALL.replace(&line, &old_line)).ends(0);
        check(&ALL.replace(&line, &format!("{line}, {old_line}"))).ends(2);
    }
}

fn keys_of_schema(schema: &Value, found: &mut Vec<String>) {
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        assert!(field["description"].as_str().is_some_and(|text| text.len() > 10), "{key} is not described");
        found.push(key.clone());
        keys_of_schema(field, found);
        keys_of_schema(&field["items"], found);
    }
}

fn keys(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| {
            found.push(key.clone());
            keys(field, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}
