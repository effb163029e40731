//! The files in which programs keep credentials below a home directory: the table of their paths,
//! and the variables that move them.
//!
//! Each file that exists is one secret, whose needles are the credentials in it. Not in the table:
//! files of no text, such as gcloud's `credentials.db`; encrypted ones; and those that hold much
//! else, such as the histories of coding agents.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::setting::variable;
use crate::redact::text;
use crate::sys::input::Input;

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

/// The directories that programs following the XDG Base Directory Specification use in place of
/// these. Not all programs do, so that both are read.
const XDG: [(&str, &str); 3] =
    [(".config", "XDG_CONFIG_HOME"), (".local/share", "XDG_DATA_HOME"), (".cache", "XDG_CACHE_HOME")];

/// The most files of a pattern. A cache holds one for each login.
const MATCHES_MAX: usize = 256;

/// The paths below the home directory, and the documentation of each. A `*` in a name stands for
/// any characters.
const TABLE: &[(&str, Moved)] = &[
    // curl(1), --netrc and --config; wget(1); git-credential-netrc; netrc of Python.
    (".netrc", File("NETRC")),
    (".authinfo", Never),
    (".curlrc", Directory("CURL_HOME")),
    (".config/curlrc", Never),
    (".wgetrc", File("WGETRC")),
    // AWS CLI, Configuration and credential file settings; its caches of logins.
    (".aws/credentials", File("AWS_SHARED_CREDENTIALS_FILE")),
    (".aws/config", File("AWS_CONFIG_FILE")),
    (".aws/sso/cache/*.json", Never),
    (".aws/cli/cache/*.json", Never),
    (".aws/login/cache/*.json", Directory("AWS_LOGIN_CACHE_DIRECTORY")),
    // docker login; podman: containers-auth.json(5); Helm, Environment variables.
    (".docker/config.json", Directory("DOCKER_CONFIG")),
    (".config/containers/auth.json", File("REGISTRY_AUTH_FILE")),
    (".config/helm/registry/config.json", File("HELM_REGISTRY_CONFIG")),
    (".config/helm/repositories.yaml", File("HELM_REPOSITORY_CONFIG")),
    // npm: npmrc. Yarn: .yarnrc.yml, and .yarnrc of its first version. Bun reads .npmrc. pnpm.
    (".npmrc", File("NPM_CONFIG_USERCONFIG")),
    (".yarnrc.yml", Never),
    (".yarnrc", Never),
    (".config/pnpm/rc", Never),
    (".config/pnpm/auth.ini", Never),
    // twine; pip; uv auth; conda.
    (".pypirc", Never),
    (".config/pip/pip.conf", File("PIP_CONFIG_FILE")),
    (".pip/pip.conf", Never),
    (".local/share/uv/credentials/credentials.toml", Directory("UV_CREDENTIALS_DIR")),
    (".condarc", File("CONDARC")),
    // Poetry, Configuration.
    (".config/pypoetry/auth.toml", Never),
    // git-credential-store(1); git-config(1): http.extraHeader, url.*.insteadOf.
    (".git-credentials", Never),
    (".config/git/credentials", Never),
    (".gitconfig", File("GIT_CONFIG_GLOBAL")),
    (".config/git/config", Never),
    // Mercurial, auth; Subversion, Caching credentials.
    (".hgrc", Files("HGRCPATH")),
    (".subversion/auth/svn.simple/*", Never),
    // PostgreSQL, 34.16 The Password File, 34.17 The Connection Service File. MySQL, 4.2.2.2 Using
    // Option Files.
    (".pgpass", File("PGPASSFILE")),
    (".pg_service.conf", File("PGSERVICEFILE")),
    (".my.cnf", Never),
    // Other databases: cqlsh, clickhouse-client, snowsql, the Snowflake CLI, dbt, influx,
    // redis-cli, unixODBC.
    (".cassandra/cqlshrc", Never),
    (".cassandra/credentials", Never),
    (".clickhouse-client/config.xml", Never),
    (".snowsql/config", Never),
    (".snowflake/config.toml", Directory("SNOWFLAKE_HOME")),
    (".snowflake/connections.toml", Directory("SNOWFLAKE_HOME")),
    (".dbt/profiles.yml", Directory("DBT_PROFILES_DIR")),
    (".influxdbv2/configs", File("INFLUX_CONFIGS_PATH")),
    (".redisclirc", File("REDISCLI_RCFILE")),
    (".odbc.ini", File("ODBCINI")),
    // kubectl, Organizing Cluster Access Using kubeconfig Files; argocd login.
    (".kube/config", Files("KUBECONFIG")),
    (".config/argocd/config", Directory("ARGOCD_CONFIG_DIR")),
    // gcloud: Application Default Credentials, and those of its accounts; gsutil, boto.
    (".config/gcloud/application_default_credentials.json", Directory("CLOUDSDK_CONFIG")),
    (".config/gcloud/legacy_credentials/*/adc.json", Never),
    (".boto", File("BOTO_CONFIG")),
    // Azure CLI, before its encrypted cache.
    (".azure/accessTokens.json", Directory("AZURE_CONFIG_DIR")),
    (".azure/msal_token_cache.json", Directory("AZURE_CONFIG_DIR")),
    (".azure/service_principal_entries.json", Directory("AZURE_CONFIG_DIR")),
    // gh help environment; glab; tea; Travis CI; CircleCI.
    (".config/gh/hosts.yml", Directory("GH_CONFIG_DIR")),
    (".config/hub", File("HUB_CONFIG")),
    (".config/glab-cli/config.yml", Directory("GLAB_CONFIG_DIR")),
    (".config/tea/config.yml", Never),
    (".travis/config.yml", Directory("TRAVIS_CONFIG_PATH")),
    (".circleci/cli.yml", Never),
    // vault login: the token helper. Doppler.
    (".vault-token", Never),
    (".doppler/.doppler.yaml", Directory("DOPPLER_CONFIG_DIR")),
    // Cargo, Configuration: Credentials.
    (".cargo/credentials.toml", Directory("CARGO_HOME")),
    (".cargo/credentials", Directory("CARGO_HOME")),
    // RubyGems and Bundler.
    (".gem/credentials", Never),
    (".local/share/gem/credentials", Never),
    (".bundle/config", File("BUNDLE_USER_CONFIG")),
    // Composer, Authentication.
    (".composer/auth.json", Directory("COMPOSER_HOME")),
    (".config/composer/auth.json", Never),
    // Maven, Password Encryption; Gradle, Build Environment; sbt, Publishing; Coursier.
    (".m2/settings.xml", Never),
    (".gradle/gradle.properties", Directory("GRADLE_USER_HOME")),
    (".sbt/.credentials", Never),
    (".ivy2/.credentials", Never),
    (".config/coursier/credentials.properties", Never),
    // NuGet, Config reference. R, Startup. Dart pub, Custom package repositories. Hex.
    (".nuget/NuGet/NuGet.Config", Never),
    (".config/NuGet/NuGet.Config", Never),
    (".Renviron", File("R_ENVIRON_USER")),
    (".config/dart/pub-tokens.json", Never),
    (".hex/hex.config", Directory("HEX_HOME")),
    // sops with age; age itself has no usual place.
    (".config/sops/age/keys.txt", File("SOPS_AGE_KEY_FILE")),
    // terraform login: CLI Configuration File; OpenTofu. Pulumi. Ansible Galaxy, Chef, Puppet.
    (".terraform.d/credentials.tfrc.json", Never),
    (".terraformrc", File("TF_CLI_CONFIG_FILE")),
    (".tofurc", Never),
    (".pulumi/credentials.json", Directory("PULUMI_HOME")),
    (".ansible/galaxy_token", File("ANSIBLE_GALAXY_TOKEN_PATH")),
    (".chef/credentials", Never),
    (".puppetlabs/token", Never),
    // Clients of object stores: s3cmd, rclone, MinIO, s3fs.
    (".s3cfg", Never),
    (".config/rclone/rclone.conf", File("RCLONE_CONFIG")),
    (".mc/config.json", Directory("MC_CONFIG_DIR")),
    (".passwd-s3fs", Never),
    // Clients of hosts, by name. Heroku keeps to .netrc.
    (".aliyun/config.json", Never),
    (".bluemix/config.json", Never),
    (".cloudflared/*.json", Never),
    (".config/doctl/config.yaml", Never),
    (".config/hcloud/cli.toml", File("HCLOUD_CONFIG")),
    (".config/linode-cli", File("LINODE_CLI_CONFIG")),
    (".config/netlify/config.json", Never),
    (".config/ngrok/ngrok.yml", Never),
    (".ngrok2/ngrok.yml", Never),
    (".config/openstack/clouds.yaml", File("OS_CLIENT_CONFIG_FILE")),
    (".config/openstack/secure.yaml", File("OS_CLIENT_SECURE_FILE")),
    (".config/scw/config.yaml", File("SCW_CONFIG_PATH")),
    (".config/yandex-cloud/config.yaml", Never),
    (".config/.wrangler/config/default.toml", Never),
    (".wrangler/config/default.toml", Never),
    (".databrickscfg", File("DATABRICKS_CONFIG_FILE")),
    (".fly/config.yml", Directory("FLY_CONFIG_DIR")),
    (".local/share/com.vercel.cli/auth.json", Never),
    (".oci/config", File("OCI_CLI_CONFIG_FILE")),
    (".ovh.conf", Never),
    (".railway/config.json", Never),
    (".supabase/access-token", Never),
    // Services: Firebase, JFrog, Sentry, Stripe, Confluent, Transifex.
    (".config/configstore/firebase-tools.json", Never),
    (".jfrog/jfrog-cli.conf.v6", Directory("JFROG_CLI_HOME_DIR")),
    (".sentryclirc", Never),
    (".config/stripe/config.toml", Never),
    (".confluent/config.json", Never),
    (".transifexrc", Never),
    // Kaggle; Hugging Face; Modal; coding agents and clients of language models.
    (".kaggle/kaggle.json", Directory("KAGGLE_CONFIG_DIR")),
    (".cache/huggingface/token", File("HF_TOKEN_PATH")),
    (".cache/huggingface/stored_tokens", File("HF_STORED_TOKENS_PATH")),
    (".modal.toml", File("MODAL_CONFIG_PATH")),
    (".claude/.credentials.json", Directory("CLAUDE_CONFIG_DIR")),
    (".codex/auth.json", Directory("CODEX_HOME")),
    (".gemini/oauth_creds.json", Never),
    (".config/github-copilot/hosts.json", Never),
    (".config/github-copilot/apps.json", Never),
    (".config/io.datasette.llm/keys.json", Directory("LLM_USER_PATH")),
    (".local/share/opencode/auth.json", Never),
    // Mail: msmtp, fetchmail, mutt, isync, OfflineIMAP, aerc. WebDAV and SMB.
    (".msmtprc", Never),
    (".config/msmtp/config", Never),
    (".fetchmailrc", Directory("FETCHMAILHOME")),
    (".muttrc", Never),
    (".mutt/muttrc", Never),
    (".config/mutt/muttrc", Never),
    (".config/neomutt/neomuttrc", Never),
    (".mbsyncrc", Never),
    (".config/isyncrc", Never),
    (".offlineimaprc", Never),
    (".config/aerc/accounts.conf", Never),
    (".davfs2/secrets", Never),
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
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Where the files are, or would be: at the place that a variable names, or else below the home
/// directory. Of a pattern, those that exist.
///
/// # Errors
///
/// When the directory of a pattern cannot be read: its path, and the error.
pub(super) fn paths() -> Result<Vec<CredentialFile>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for (name, path) in places() {
        match split(&path) {
            None => files.push(CredentialFile { name: name.to_owned(), path }),
            Some(pattern) => match pattern.matches(name, &mut files) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Err((pattern.directory, error));
                }
                _ => {}
            },
        }
    }
    Ok(files)
}

/// The paths in which a change concerns the files, also of files that do not exist yet.
pub(super) fn watched() -> Vec<PathBuf> {
    let places = places().into_iter().map(|(_, path)| split(&path).map_or(path, |pattern| pattern.directory));
    let found = paths().unwrap_or_default().into_iter().map(|file| file.path);
    let mut paths: Vec<PathBuf> = places.chain(found).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// The entries of the table, with their paths.
fn places() -> Vec<(&'static str, PathBuf)> {
    let home = variable("HOME").map(PathBuf::from);
    let mut places = Vec::new();
    for (name, moved) in TABLE {
        let file_name = Path::new(name).file_name().unwrap_or_default();
        let moved: Vec<PathBuf> = match moved {
            Never => Vec::new(),
            File(name) => variable(name).map(PathBuf::from).into_iter().collect(),
            Files(name) => variable(name).iter().flat_map(std::env::split_paths).collect(),
            Directory(name) => variable(name).map(|path| Path::new(&path).join(file_name)).into_iter().collect(),
        };
        let usual = || home.iter().map(|home| home.join(name)).chain(of_xdg(name));
        let usual: Vec<PathBuf> = if moved.is_empty() { usual().collect() } else { Vec::new() };
        let mut paths: Vec<PathBuf> = moved.into_iter().chain(usual).collect();
        paths.retain(|path| !path.as_os_str().is_empty());
        paths.dedup();
        places.extend(paths.into_iter().map(|path| (*name, path)));
    }
    // containers-auth.json(5): the usual place of podman, for as long as the user is logged in.
    let running = variable("XDG_RUNTIME_DIR").map(|path| Path::new(&path).join("containers/auth.json"));
    places.extend(running.map(|path| ("containers/auth.json", path)));
    places
}

/// The place of a file in the directory that a variable of XDG names. A relative one is ignored, as
/// the specification demands.
fn of_xdg(name: &str) -> Option<PathBuf> {
    let (below, variable_name) = XDG.iter().find_map(|(directory, variable)| {
        name.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')).map(|rest| (rest, variable))
    })?;
    let directory = variable(variable_name).map(PathBuf::from)?;
    directory.is_absolute().then(|| directory.join(below))
}

/// A path with a `*` in one of its names.
struct Pattern {
    directory: PathBuf,
    /// The name with the `*`.
    name: String,
    /// The path behind that name; empty if it is the last.
    below: PathBuf,
}

fn split(path: &Path) -> Option<Pattern> {
    let mut parts = path.components();
    let mut directory = PathBuf::new();
    while let Some(part) = parts.next() {
        match part.as_os_str().to_str().filter(|name| name.contains('*')) {
            Some(name) => return Some(Pattern { directory, name: name.to_owned(), below: parts.as_path().to_owned() }),
            None => directory.push(part),
        }
    }
    None
}

impl Pattern {
    /// Adds the files of the pattern, in the order of their names. `table`: its name in the table.
    fn matches(&self, table: &str, files: &mut Vec<CredentialFile>) -> io::Result<()> {
        let (start, end) = self.name.split_once('*').unwrap_or((&self.name, ""));
        let is_match = |name: &OsString| {
            let name = name.as_bytes();
            name.len() >= start.len() + end.len()
                && name.starts_with(start.as_bytes())
                && name.ends_with(end.as_bytes())
        };
        let names = Input::find(&self.directory)?.names()?;
        files.extend(names.into_iter().filter(is_match).take(MATCHES_MAX).map(|found| {
            let name = table.replacen(&self.name, &text::name(found.as_bytes()), 1);
            let path = self.directory.join(found);
            let path = if self.below.as_os_str().is_empty() { path } else { path.join(&self.below) };
            CredentialFile { name, path }
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_file_once_and_one_star_at_most() {
        for (at, (name, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..at].iter().any(|(earlier, _)| earlier == name), "{name} twice");
            assert!(name.matches('*').count() < 2 && !name.starts_with('/'), "{name}");
        }
    }
}
