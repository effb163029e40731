//! The items of a [`SourceSpec`](super::SourceSpec), and their names in each interface.

/// The interface through which a user gives sources. It determines their names in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// The fields of a [`SourceSpec`](super::SourceSpec).
    Library,
    /// The options of the command line.
    CommandLine,
    /// The section `secrets` of the sidecar's configuration.
    Configuration,
}

/// A field of a [`SourceSpec`](super::SourceSpec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Patterns of names of variables.
    Env,
    /// Dotenv files.
    Dotenv,
    /// Secret files.
    SecretFiles,
    /// Commands that print secrets.
    Commands,
    /// The files in which programs keep credentials.
    CredentialFiles,
    /// The registry.
    Registry,
    /// The identity that opens the registry.
    Identity,
    /// The member that the identity belongs to.
    Member,
    /// Requirements on the registry.
    Trust,
    /// The environment of the registry.
    Environment,
    /// Whether sources may be empty.
    AllowEmpty,
    /// Patterns of names that are masked.
    Only,
    /// Patterns of names that are not masked.
    Except,
    /// Whether values that cannot be secrets are masked.
    All,
}

impl Field {
    /// The name of the field in an interface.
    pub fn name(self, interface: Interface) -> &'static str {
        let [library, command_line, configuration] = match self {
            Field::Env => ["env", "--env", "secrets.env"],
            Field::Dotenv => ["dotenv", "--dotenv", "secrets.dotenv"],
            Field::SecretFiles => ["secret_files", "--secret-file", "secrets.secret_files"],
            Field::Commands => ["commands", "--secret-command", "secrets.commands"],
            Field::CredentialFiles => ["credential_files", "--credential-files", "secrets.credential_files"],
            Field::Registry => ["registry", "--registry", "secrets.registry"],
            Field::Identity => ["identity", "--identity", "secrets.identity"],
            Field::Member => ["member", "--as", "secrets.member"],
            Field::Trust => ["trust", "--trust", "secrets.trust"],
            Field::Environment => ["environment", "--environment", "secrets.environment"],
            Field::AllowEmpty => ["allow_empty", "--allow-empty", "secrets.allow_empty"],
            Field::Only => ["only", "--only", "secrets.only"],
            Field::Except => ["except", "--except", "secrets.except"],
            Field::All => ["all", "--all", "secrets.all"],
        };
        match interface {
            Interface::Library => library,
            Interface::CommandLine => command_line,
            Interface::Configuration => configuration,
        }
    }

    /// The field with this value, as a user writes it: `--identity FILE`, `secrets.identity: FILE`.
    pub(super) fn with(self, value: &str, interface: Interface) -> String {
        let name = self.name(interface);
        match interface {
            Interface::CommandLine if value == "true" => name.to_owned(),
            Interface::CommandLine => format!("{name} {value}"),
            Interface::Library | Interface::Configuration => format!("{name}: {value}"),
        }
    }
}

/// One item of a [`SourceSpec`](super::SourceSpec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The field that holds it.
    pub field: Field,
    /// Its index, if the field is a list.
    pub index: Option<usize>,
    /// Whether the list has other items.
    pub has_siblings: bool,
}

impl Item {
    /// The name of the item: `--dotenv`, `--dotenv number 2`, `secrets.dotenv[1]`.
    pub fn name(self, interface: Interface) -> String {
        let field = self.field.name(interface);
        match (self.index, interface) {
            (None, _) => field.to_owned(),
            (Some(_), Interface::CommandLine) if !self.has_siblings => field.to_owned(),
            (Some(index), Interface::CommandLine) => format!("{field} number {}", index + 1),
            (Some(index), Interface::Library | Interface::Configuration) => format!("{field}[{index}]"),
        }
    }
}
