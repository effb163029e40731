//! The files in which programs keep credentials below a home directory: the table of their paths,
//! and the variables that move them.
//!
//! Each file that exists is one secret, whose needles are the credentials in it. Files of no text,
//! such as gcloud's `credentials.db`, are not in the table.

use std::path::{Path, PathBuf};

use super::setting::variable;

/// How a variable moves a file.
#[derive(Clone, Copy)]
enum Moved {
    /// No variable does.
    Never,
    /// It holds the path of the file.
    File(&'static str),
    /// It holds paths with colons between.
    Files(&'static str),
    /// It holds the directory of the file.
    Directory(&'static str),
}

use Moved::{Directory, File, Files, Never};

/// The paths below the home directory, and the documentation of each.
const TABLE: &[(&str, Moved)] = &[
    // curl(1), --netrc; git-credential-netrc; netrc of Python.
    (".netrc", File("NETRC")),
    (".authinfo", Never),
    // AWS CLI, Configuration and credential file settings.
    (".aws/credentials", File("AWS_SHARED_CREDENTIALS_FILE")),
    (".aws/config", File("AWS_CONFIG_FILE")),
    // docker login; podman: containers-auth.json(5).
    (".docker/config.json", Directory("DOCKER_CONFIG")),
    (".config/containers/auth.json", File("REGISTRY_AUTH_FILE")),
    // npm: npmrc. Yarn: .yarnrc.yml. Bun reads .npmrc.
    (".npmrc", File("NPM_CONFIG_USERCONFIG")),
    (".yarnrc.yml", Never),
    // twine; pip.
    (".pypirc", Never),
    (".config/pip/pip.conf", File("PIP_CONFIG_FILE")),
    (".pip/pip.conf", Never),
    // Poetry, Configuration.
    (".config/pypoetry/auth.toml", Never),
    // git-credential-store(1).
    (".git-credentials", Never),
    (".config/git/credentials", Never),
    // PostgreSQL, 34.16 The Password File. MySQL, 4.2.2.2 Using Option Files.
    (".pgpass", File("PGPASSFILE")),
    (".my.cnf", Never),
    // kubectl, Organizing Cluster Access Using kubeconfig Files.
    (".kube/config", Files("KUBECONFIG")),
    // gcloud: Application Default Credentials.
    (".config/gcloud/application_default_credentials.json", Directory("CLOUDSDK_CONFIG")),
    // Azure CLI, before its encrypted cache.
    (".azure/accessTokens.json", Directory("AZURE_CONFIG_DIR")),
    (".azure/msal_token_cache.json", Directory("AZURE_CONFIG_DIR")),
    // gh help environment; glab.
    (".config/gh/hosts.yml", Directory("GH_CONFIG_DIR")),
    (".config/hub", Never),
    (".config/glab-cli/config.yml", Directory("GLAB_CONFIG_DIR")),
    // vault login: the token helper.
    (".vault-token", Never),
    // Cargo, Configuration: Credentials.
    (".cargo/credentials.toml", Directory("CARGO_HOME")),
    (".cargo/credentials", Directory("CARGO_HOME")),
    // RubyGems and Bundler.
    (".gem/credentials", Never),
    (".local/share/gem/credentials", Never),
    (".bundle/config", Never),
    // Composer, Authentication.
    (".composer/auth.json", Directory("COMPOSER_HOME")),
    (".config/composer/auth.json", Never),
    // Maven, Password Encryption; Gradle, Build Environment.
    (".m2/settings.xml", Never),
    (".gradle/gradle.properties", Directory("GRADLE_USER_HOME")),
    // NuGet, Config reference.
    (".nuget/NuGet/NuGet.Config", Never),
    // sops with age; age itself has no usual place.
    (".config/sops/age/keys.txt", File("SOPS_AGE_KEY_FILE")),
    // terraform login: CLI Configuration File.
    (".terraform.d/credentials.tfrc.json", Never),
    (".terraformrc", File("TF_CLI_CONFIG_FILE")),
    // Clients of object stores: s3cmd, rclone, MinIO.
    (".s3cfg", Never),
    (".config/rclone/rclone.conf", File("RCLONE_CONFIG")),
    (".mc/config.json", Directory("MC_CONFIG_DIR")),
    // Clients of hosts: Heroku keeps to .netrc; DigitalOcean, Fly, Databricks, Snowflake.
    (".config/doctl/config.yaml", Never),
    (".fly/config.yml", Never),
    (".databrickscfg", File("DATABRICKS_CONFIG_FILE")),
    // Kaggle; Hugging Face.
    (".kaggle/kaggle.json", Directory("KAGGLE_CONFIG_DIR")),
    (".cache/huggingface/token", File("HF_TOKEN_PATH")),
    // Mail: msmtp, fetchmail, mutt.
    (".msmtprc", Never),
    (".fetchmailrc", Never),
    (".smbcredentials", Never),
    // ssh(1), FILES.
    (".ssh/id_rsa", Never),
    (".ssh/id_dsa", Never),
    (".ssh/id_ecdsa", Never),
    (".ssh/id_ecdsa_sk", Never),
    (".ssh/id_ed25519", Never),
    (".ssh/id_ed25519_sk", Never),
    (".ssh/identity", Never),
];

/// A file of the table: its path, and its name below the home directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CredentialFile {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
}

/// Where the files are, or would be: at the place that a variable names, or else below the home
/// directory.
pub(super) fn paths() -> Vec<CredentialFile> {
    let home = variable("HOME").map(PathBuf::from);
    let mut files = Vec::new();
    for (name, moved) in TABLE {
        let file_name = Path::new(name).file_name().unwrap_or_default();
        let moved: Vec<PathBuf> = match moved {
            Never => Vec::new(),
            File(name) => variable(name).map(PathBuf::from).into_iter().collect(),
            Files(name) => variable(name).iter().flat_map(std::env::split_paths).collect(),
            Directory(name) => variable(name).map(|path| Path::new(&path).join(file_name)).into_iter().collect(),
        };
        let usual = moved.is_empty().then(|| home.as_ref().map(|home| home.join(name))).flatten();
        let paths = moved.into_iter().chain(usual).filter(|path| !path.as_os_str().is_empty());
        files.extend(paths.map(|path| CredentialFile { name, path }));
    }
    files
}
