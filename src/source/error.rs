//! Structured errors of sources: the kind, the item of the [`SourceSpec`](super::SourceSpec), the
//! path, the cause.
//!
//! The same error has a different text in each interface, because users know the item as `--dotenv`
//! or as `secrets.dotenv[0]`: [`SourceError::text`] and [`SourceError::hint`] take the
//! [`Interface`](super::Interface). No text holds the value of a secret. Because a user may give a
//! secret as a path by mistake, a path is shown only if it exists or
//! [reads as a name](may_be_repeated).

use core::fmt;
use std::error::Error as StdError;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::command::CommandError;
use super::item::{Field, Interface, Item};
use crate::redact::text;
use crate::registry::{self, MACHINE_REGISTRY, may_be_repeated};
use crate::session::SessionError;
use crate::sys::error::reason;

/// The hint for a missing session.
const BOOT: &str = "`hushlog boot` creates it";

/// Why sources cannot be used.
#[derive(Debug)]
pub struct SourceError {
    /// The kind of error, and its cause.
    pub kind: SourceErrorKind,
    /// The item with the error; none if the error concerns all of them, or a default.
    pub item: Option<Item>,
    /// The file or directory with the error.
    pub path: Option<PathBuf>,
}

/// The kind of a [`SourceError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// A file or directory cannot be read.
    Read(io::Error),
    /// A file below a directory of secret files has an unsupported type.
    Unsuitable {
        /// The type, in words.
        problem: &'static str,
    },
    /// A dotenv file has text, and no program reads a variable in it.
    Syntax {
        /// The first line with text, from 1.
        line: usize,
    },
    /// A pattern of names is not valid.
    Pattern,
    /// A pattern matches no variable with a value.
    NoVariable,
    /// A file or directory holds no value.
    NoValue,
    /// The output of a command cannot be used.
    Command(CommandError),
    /// A command prints no value.
    NoOutput,
    /// None of the known credential files exists and holds a value.
    NoCredentialFile,
    /// There is no source, no session, and no well-known variable with a value.
    NoWellKnown,
    /// There is no source and no session.
    NoSource,
    /// There is no source, and no registry of the machine.
    NoMachineRegistry,
    /// There is no session.
    NoSession,
    /// The session is empty.
    EmptySession,
    /// The session cannot be read.
    Session(SessionError),
    /// The state of the machine is damaged, or another user may have written it.
    State {
        /// The directory of the state.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// There is no identity to open the registry with.
    NoIdentity,
    /// The identity opens no secret of the registry.
    EmptyRegistry,
    /// The registry or a file with a key cannot be used.
    Registry(registry::Error),
    /// A setting of the environment cannot be used.
    Setting {
        /// The variable of the setting.
        variable: &'static str,
        /// The problem, as the end of a sentence.
        problem: &'static str,
    },
}

impl SourceErrorKind {
    /// Makes an error of this kind for an item.
    pub(super) fn at(self, item: Item) -> SourceError {
        SourceError { kind: self, item: Some(item), path: None }
    }
}

impl From<SourceErrorKind> for SourceError {
    fn from(kind: SourceErrorKind) -> SourceError {
        SourceError { kind, item: None, path: None }
    }
}

impl From<registry::Error> for SourceError {
    fn from(error: registry::Error) -> SourceError {
        SourceErrorKind::Registry(error).into()
    }
}

impl SourceError {
    pub(super) fn path(self, path: &Path) -> SourceError {
        SourceError { path: Some(path.to_owned()), ..self }
    }

    /// The same error for the file that this field names.
    pub(super) fn named_by(self, field: Field) -> SourceError {
        let item = self.path.is_some().then_some(Item { field, index: None, has_siblings: false });
        SourceError { item, ..self }
    }

    /// An error of the registry in this file.
    pub fn of_registry(error: registry::Error, path: &Path) -> SourceError {
        let path = error.is_of_file().then(|| path.to_owned());
        SourceError { path, ..error.into() }
    }

    /// An error of a key in this file.
    pub fn of_key(error: registry::Error, path: &Path) -> SourceError {
        SourceError::from(error).path(path)
    }

    /// One line with the failed action, its object and the cause. The item has the interface's
    /// name.
    pub fn text(&self, interface: Interface) -> String {
        let item = self.item.map_or_else(|| "a source".to_owned(), |item| item.name(interface));
        let shown = self.path.as_deref().and_then(shown);
        let path = shown.clone().unwrap_or_else(|| format!("the file of {item}"));
        // A path in the message is followed by the item that named it.
        let by = match (&shown, self.item) {
            (Some(_), Some(_)) => format!(" ({item})"),
            _ => String::new(),
        };
        match &self.kind {
            SourceErrorKind::Read(error) => format!("cannot read {path}: {}{by}", reason(error)),
            SourceErrorKind::Unsuitable { problem } => format!("cannot read {path}: {problem}{by}"),
            SourceErrorKind::Syntax { line } => format!("{path}:{line}: NAME=VALUE was expected{by}"),
            SourceErrorKind::Pattern => format!("{item} is not a valid pattern"),
            SourceErrorKind::NoVariable => match shown {
                Some(pattern) => format!("no variable that {pattern} matches has a value{by}"),
                None => format!("{item} matches no variable with a value"),
            },
            SourceErrorKind::NoValue => format!("{path} contains no value{by}"),
            SourceErrorKind::Command(error) => format!("the command of {item} {error}"),
            SourceErrorKind::NoOutput => format!("the command of {item} printed no value"),
            SourceErrorKind::NoCredentialFile => format!("none of the known credential files exists ({item})"),
            SourceErrorKind::NoWellKnown => {
                "no source was given, and no well-known variable of the environment has a value".to_owned()
            }
            SourceErrorKind::NoSource => "no source was given, and this machine has no session".to_owned(),
            SourceErrorKind::NoMachineRegistry => {
                format!("no source was given, and {MACHINE_REGISTRY} does not exist")
            }
            SourceErrorKind::NoSession => "this machine has no session".to_owned(),
            SourceErrorKind::EmptySession => "the session contains no secret".to_owned(),
            SourceErrorKind::Session(error) => of_session(error),
            SourceErrorKind::State { path, error } => {
                let (path, reason) = (text::path(path), reason(error));
                format!("cannot use the state of this machine in {path}, which names revisions of registries: {reason}")
            }
            SourceErrorKind::NoIdentity => {
                format!("{} needs an identity that opens it", Field::Registry.name(interface))
            }
            SourceErrorKind::EmptyRegistry => "the registry contains no secret that this identity can open".to_owned(),
            SourceErrorKind::Registry(error) => match shown {
                Some(path) => format!("{}{by}", in_file(error, &path)),
                None => of_registry(error),
            },
            SourceErrorKind::Setting { variable, problem } => format!("{variable} {problem}"),
        }
    }

    /// A remedy, if there is one.
    pub fn hint(&self, interface: Interface) -> Option<String> {
        let name = |field: Field| field.name(interface);
        let without = || format!("{} runs without", Field::AllowEmpty.with("true", interface));
        let with = |field: Field, value| field.with(value, interface);
        Some(match &self.kind {
            SourceErrorKind::Read(_) => {
                let field = self.item.map_or("it", |item| name(item.field));
                format!("{field} takes the path of a file, not a value")
            }
            SourceErrorKind::Unsuitable { .. } => {
                format!("{} takes a file, or a directory of files", name(Field::SecretFiles))
            }
            SourceErrorKind::Syntax { .. } => {
                "no program would read a variable from the file; a file of one value is a secret file".to_owned()
            }
            SourceErrorKind::Pattern => "a pattern is matched against names, for example 'PROD_*'".to_owned(),
            SourceErrorKind::NoVariable
            | SourceErrorKind::NoValue
            | SourceErrorKind::NoOutput
            | SourceErrorKind::NoCredentialFile
            | SourceErrorKind::EmptySession
            | SourceErrorKind::EmptyRegistry => without(),
            SourceErrorKind::Command(_) => "its own messages, if any, are above; `sh -c` runs it".to_owned(),
            SourceErrorKind::NoWellKnown => {
                let [env, dotenv, files, registry] =
                    [Field::Env, Field::Dotenv, Field::SecretFiles, Field::Registry].map(name);
                let allow_empty = Field::AllowEmpty.with("true", interface);
                format!("use {env}, {dotenv}, {files} or {registry}; {allow_empty} runs without any")
            }
            SourceErrorKind::NoSource => {
                format!("name a source, such as {}; `hushlog boot` creates a session", with(Field::Dotenv, "FILE"))
            }
            SourceErrorKind::NoMachineRegistry => {
                format!("name one, such as {} or {}", with(Field::Registry, "FILE"), with(Field::Dotenv, "FILE"))
            }
            SourceErrorKind::NoSession => BOOT.to_owned(),
            SourceErrorKind::Session(error) => return session_hint(error, interface),
            SourceErrorKind::State { .. } => "let no other user write to it; remove it if it is damaged".to_owned(),
            SourceErrorKind::NoIdentity => {
                format!("use an identity from `hushlog keygen`: {}", with(Field::Identity, "FILE"))
            }
            SourceErrorKind::Registry(error) => return registry_hint(error, interface),
            SourceErrorKind::Setting { .. } => "correct it, or unset it".to_owned(),
        })
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Interface::Library))
    }
}

impl StdError for SourceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            SourceErrorKind::Read(error) => Some(error),
            SourceErrorKind::Session(error) => Some(error),
            SourceErrorKind::State { error, .. } => Some(error),
            SourceErrorKind::Registry(error) => Some(error),
            _ => None,
        }
    }
}

/// A path as a message may show it; none if it may be a secret given by mistake.
pub(super) fn shown(path: &Path) -> Option<String> {
    let may = path.to_str().is_some_and(may_be_repeated) || fs::symlink_metadata(path).is_ok();
    may.then(|| text::path(path))
}

fn of_registry(error: &registry::Error) -> String {
    use registry::Error::{Key, NotKept, Read, Write};
    match error {
        Read(cause) | Write(cause) | NotKept(cause) | Key(cause) => format!("{error}: {}", reason(cause)),
        _ => error.to_string(),
    }
}

/// The same with the path of the file in front.
fn in_file(error: &registry::Error, path: &str) -> String {
    use registry::Error::{MergeConflict, Syntax};
    match error {
        Syntax { .. } | MergeConflict { .. } => error.of_file(path),
        _ => format!("{path}: {}", of_registry(error)),
    }
}

fn registry_hint(error: &registry::Error, interface: Interface) -> Option<String> {
    use registry::Error::{NotAMember, OtherMember, OtherRegistry, SeveralMembers};
    // The registry's own hints name options.
    match (error, interface) {
        (_, Interface::CommandLine) => {}
        (NotAMember { .. } | SeveralMembers { .. } | OtherMember { .. }, _) => {
            return Some(format!("name the member with {}", Field::Member.with("NAME", interface)));
        }
        (OtherRegistry, _) => {
            let trust = Field::Trust.name(interface);
            return Some(format!("its id is in its head (`id: hlr-...`); {trust} names the expected one"));
        }
        _ => {}
    }
    error.hint().map(str::to_owned)
}

fn of_session(error: &SessionError) -> String {
    match error {
        SessionError::Io { doing, error } => format!("cannot {doing}: {}", reason(error)),
        SessionError::NotOurs => "the session's directory belongs to another user, or is not a directory".to_owned(),
        SessionError::OnDisk => {
            "the session's directory is on a disk, where values would outlive the machine's uptime".to_owned()
        }
        _ => error.to_string(),
    }
}

fn session_hint(error: &SessionError, interface: Interface) -> Option<String> {
    let hint = match error {
        SessionError::Io { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            let env = Field::Env.name(interface);
            return Some(format!(
                "`hushlog boot --group` gives a group access, LoadCredential=hushlog.session:/run/hushlog/session a service; \
                 {env} or another source works without it"
            ));
        }
        SessionError::Stale => BOOT,
        SessionError::Damaged(_) => {
            "remove it and run `hushlog boot` again; secrets exported before are then no longer masked"
        }
        SessionError::Untrusted(_) => {
            "another user could decide which values are masked; set HUSHLOG_RUN_DIR to a directory of root or of your own, or unset it"
        }
        SessionError::NotOurs => "run `hushlog boot` as root, or set HUSHLOG_RUN_DIR to a directory of your own",
        SessionError::OnDisk => "mount a tmpfs there, set HUSHLOG_RUN_DIR to another directory, or use --allow-disk",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERFACES: [Interface; 3] = [Interface::Library, Interface::CommandLine, Interface::Configuration];

    fn item(field: Field, index: usize, has_siblings: bool) -> Item {
        Item { field, index: Some(index), has_siblings }
    }

    fn missing(path: &str, item: Item) -> SourceError {
        SourceErrorKind::Read(ErrorKind::NotFound.into()).at(item).path(Path::new(path))
    }

    #[test]
    fn an_error_names_the_item_as_its_interface_does() {
        let only = missing("nofile", item(Field::Dotenv, 0, false));
        assert_eq!(only.text(Interface::Library), "cannot read nofile: entity not found (dotenv[0])");
        assert_eq!(only.text(Interface::CommandLine), "cannot read nofile: entity not found (--dotenv)");
        assert_eq!(only.text(Interface::Configuration), "cannot read nofile: entity not found (secrets.dotenv[0])");
        assert_eq!(only.to_string(), only.text(Interface::Library));
        let second = missing("nofile", item(Field::SecretFiles, 1, true));
        assert!(second.text(Interface::CommandLine).ends_with("(--secret-file number 2)"));
        assert!(second.text(Interface::Configuration).ends_with("(secrets.secret_files[1])"));
    }

    #[test]
    fn a_path_that_may_be_a_secret_is_not_shown() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let there = dir.path().join("hunter2-prod-key");
        for value in ["hunter2-prod-key", "/nowhere/hunter2", "hunter2\n.env", "ghp_abcdefghijkl"] {
            let error = missing(value, item(Field::Dotenv, 0, false));
            for interface in INTERFACES {
                let text = error.text(interface);
                let name = Field::Dotenv.name(interface);
                assert!(text.starts_with(&format!("cannot read the file of {name}")), "{text}");
                assert!(!text.contains(value) && !error.hint(interface).is_some_and(|hint| hint.contains(value)));
            }
        }
        // The name of an existing file is no secret.
        let error = || missing(there.to_str().expect("UTF-8"), item(Field::Dotenv, 0, false)).to_string();
        assert!(!error().contains("hunter2"));
        fs::write(&there, "").expect("room");
        assert!(error().contains("hunter2-prod-key: entity not found"));
    }

    #[test]
    fn only_the_command_line_reads_of_options() {
        let registry = |error| SourceError::of_registry(error, Path::new("registry.yaml")).named_by(Field::Registry);
        let name = || "alice".to_owned();
        let errors = || {
            let kinds = [
                SourceErrorKind::Read(ErrorKind::NotFound.into()),
                SourceErrorKind::Unsuitable { problem: "nested too deep" },
                SourceErrorKind::Syntax { line: 1 },
                SourceErrorKind::Pattern,
                SourceErrorKind::NoVariable,
                SourceErrorKind::NoValue,
                SourceErrorKind::NoWellKnown,
                SourceErrorKind::NoSource,
                SourceErrorKind::NoMachineRegistry,
                SourceErrorKind::NoSession,
                SourceErrorKind::EmptySession,
                SourceErrorKind::NoIdentity,
                SourceErrorKind::EmptyRegistry,
                SourceErrorKind::Session(SessionError::Stale),
                SourceErrorKind::Session(SessionError::Io {
                    doing: "read the session",
                    error: ErrorKind::PermissionDenied.into(),
                }),
                SourceErrorKind::Registry(registry::Error::SeveralMembers { names: name() }),
                SourceErrorKind::Registry(registry::Error::OtherMember { name: name() }),
                SourceErrorKind::Registry(registry::Error::NotAMember { name: name() }),
            ];
            let other = [registry(registry::Error::OtherRegistry), registry(registry::Error::Missing)];
            kinds.into_iter().map(|kind| kind.at(item(Field::Dotenv, 0, false))).chain(other)
        };
        let mut options = 0;
        for error in errors() {
            for interface in INTERFACES {
                let text = format!("{}\n{}", error.text(interface), error.hint(interface).unwrap_or_default());
                // Options of other commands are in backquotes, together with the command.
                let text: String = text.split('`').step_by(2).collect();
                let has_option = text.contains("--");
                assert!(!has_option || interface == Interface::CommandLine, "{interface:?}: {text}");
                options += usize::from(has_option);
            }
        }
        assert!(options >= 12, "{options}");
    }
}
