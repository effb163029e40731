//! Variables that no secret or default may set machine-wide: those that control the code that
//! programs run, load or trust, and those that programs read as their configuration.
//!
//! The first kind is a handwritten list, [`DECISIVE`], without exceptions. The second is
//! `reserved.txt`, some thousands of names that `tools/names/collect` extracts from the manual
//! pages and programs of a Debian release. Two kinds of names in it pass: those that name a
//! credential, such as `PGPASSWORD`, and those that the machine allows in [`ALLOWED_NAMES`].

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::credential::names_credential;
use super::name_error::{ALLOWED_NAMES, NameError};

/// The longest exceptions file, in bytes.
const ALLOWED_LEN_MAX: u64 = 256 << 10;
/// The mode bits that let other users write it.
const OTHERS_WRITE: u32 = 0o022;

/// One name a line in byte order, after a comment.
const LISTED: &str = include_str!("reserved.txt");

/// Variables that control the code that programs run, load or trust, so that setting one takes over
/// the machine. Also those that a login, a shell or a service manager sets, so that a secret in
/// them would be lost.
const DECISIVE: &[&str] = &[
    "APR_ICONV_PATH",
    "ARGV",
    "BASHOPTS",
    "BASH_ENV",
    "BAT_CONFIG_PATH",
    "BROWSER",
    "BUN_OPTIONS",
    "CAML_LD_LIBRARY_PATH",
    "CDPATH",
    "CLASSPATH",
    "COLUMNS",
    "COMPILER_PATH",
    "CORECLR_PROFILER",
    "CORECLR_PROFILER_PATH",
    "CORECLR_PROFILER_PATH_32",
    "CORECLR_PROFILER_PATH_64",
    "COR_PROFILER",
    "COR_PROFILER_PATH",
    "CVS_RSH",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_ROOT",
    "DOTNET_SHARED_STORE",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "EGID",
    "ELIXIR_ERL_OPTIONS",
    "EMACSLOADPATH",
    "ENV",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_LIBS",
    "ERL_ZFLAGS",
    "EUID",
    "EXINIT",
    "FCEDIT",
    "FDSTORE",
    "FPATH",
    "FZF_DEFAULT_COMMAND",
    "GCC_EXEC_PREFIX",
    "GCONV_PATH",
    "GDK_PIXBUF_MODULE_FILE",
    "GHC_PACKAGE_PATH",
    "GID",
    "GIO_MODULE_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ASKPASS",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
    "GI_TYPELIB_PATH",
    "GLOBIGNORE",
    "GNUMAKEFLAGS",
    "GSS_MECH_CONFIG",
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_SYSTEM_PATH",
    "GTK_EXE_PREFIX",
    "GTK_MODULES",
    "GTK_PATH",
    "GUILE_EXTENSIONS_PATH",
    "GUILE_LOAD_COMPILED_PATH",
    "GUILE_LOAD_PATH",
    "GUILE_SYSTEM_PATH",
    "GVIMINIT",
    "HGRCPATH",
    "HISTFILE",
    "HOME",
    "HOSTALIASES",
    "HOSTNAME",
    "IFS",
    "INVOCATION_ID",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JOURNAL_STREAM",
    "JULIA_DEPOT_PATH",
    "JULIA_LOAD_PATH",
    "LADSPA_PATH",
    "LANG",
    "LANGUAGE",
    "LESSCLOSE",
    "LESSECHO",
    "LESSEDIT",
    "LESSKEY",
    "LESSKEYIN",
    "LESSKEY_CONTENT",
    "LESSOPEN",
    "LIBGL_DRIVERS_PATH",
    "LIBVA_DRIVERS_PATH",
    "LINES",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "LUA_INIT",
    "LV2_PATH",
    "MAGICK_CODER_MODULE_PATH",
    "MAIL",
    "MAINPID",
    "MAKEFILES",
    "MAKEFLAGS",
    "MALLOC_CHECK_",
    "MALLOC_TRACE",
    "MANPAGER",
    "MANPATH",
    "MFLAGS",
    "MONO_CONFIG",
    "MONO_PATH",
    "MYVIMRC",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NOTIFY_SOCKET",
    "OCL_ICD_FILENAMES",
    "OCL_ICD_VENDORS",
    "ODBCINI",
    "OLDPWD",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "OPTARG",
    "OPTIND",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PIPESTATUS",
    "PLTCOLLECTS",
    "POSIXLY_CORRECT",
    "PPID",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "QML2_IMPORT_PATH",
    "QML_IMPORT_PATH",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
    "RANDOM",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "RIPGREP_CONFIG_PATH",
    "RSYNC_CONNECT_PROG",
    "RSYNC_RSH",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "R_ENVIRON",
    "R_ENVIRON_USER",
    "R_LIBS",
    "R_LIBS_USER",
    "R_PROFILE",
    "R_PROFILE_USER",
    "SBT_OPTS",
    "SECONDS",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SSH_ASKPASS",
    "SSH_SK_PROVIDER",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "STATUS",
    "SUDO_ASKPASS",
    "SUDO_EDITOR",
    "SVN_EDITOR",
    "SVN_SSH",
    "TAR_OPTIONS",
    "TCL_LIBRARY",
    "TERM",
    "TERMCAP",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TK_LIBRARY",
    "TMOUT",
    "TMPDIR",
    "TZ",
    "TZDIR",
    "UID",
    "USER",
    "VDPAU_DRIVER_PATH",
    "VIMINIT",
    "VIMRUNTIME",
    "VISUAL",
    "VK_ADD_DRIVER_FILES",
    "VK_ADD_LAYER_PATH",
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_LAYER_PATH",
    "ZDOTDIR",
    "_",
    "_JAVA_OPTIONS",
];

/// The prefix of hushlog's own settings.
pub const OWN_PREFIX: &str = "HUSHLOG_";

/// Prefixes that make a name decisive.
const DECISIVE_PREFIXES: &[&str] = &[
    "BASH_FUNC_",
    "DYLD_",
    // fish's functions, its PATH, and tracing, which prints the values that it sets.
    "FISH_",
    "GIT_CONFIG",
    "GLIBC_",
    OWN_PREFIX,
    "LC_",
    "LD_",
    "LISTEN_",
    "PYTHON",
    "SYSTEMD_",
    "WATCHDOG_",
    "XDG_",
];

/// Whether a variable, in capital letters, is closed to all secrets and defaults.
pub fn is_reserved(variable: &str) -> bool {
    DECISIVE.binary_search(&variable).is_ok() || DECISIVE_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

/// Whether programs read the variable as their configuration, and its name names no credential.
/// Case is ignored: zsh, for one, ties `path` to PATH.
pub fn is_configuration(variable: &str) -> bool {
    let variable = variable.to_ascii_uppercase();
    has_line(LISTED, &variable) && !names_credential(&variable)
}

/// A machine's exceptions.
#[derive(Debug, Default)]
pub struct Allowed(BTreeSet<String>);

impl Allowed {
    /// Loads this machine's exceptions.
    ///
    /// # Errors
    ///
    /// When the file exists, and cannot be read or is writable by others.
    pub fn of_machine() -> Result<Allowed, NameError> {
        Allowed::load(Path::new(ALLOWED_NAMES))
    }

    /// Loads the exceptions from this file; none if it is missing.
    ///
    /// # Errors
    ///
    /// As [`of_machine`](Allowed::of_machine).
    pub fn load(path: &Path) -> Result<Allowed, NameError> {
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits() as i32;
        let file = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Allowed::default()),
            Err(_) => return Err(NameError::AllowedNames),
        };
        let mut text = String::new();
        let read = match file.metadata() {
            Ok(found) if is_own(&found) => file.take(ALLOWED_LEN_MAX).read_to_string(&mut text),
            _ => return Err(NameError::AllowedNames),
        };
        read.map_err(|_| NameError::AllowedNames)?;
        let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_ascii_uppercase());
        Ok(Allowed(names.filter(|name| !name.is_empty()).collect()))
    }

    /// Checks that a variable may be set machine-wide.
    ///
    /// # Errors
    ///
    /// When it controls programs, or is read as configuration and is not among the exceptions.
    pub fn check(&self, variable: &str) -> Result<(), NameError> {
        let upper = variable.to_ascii_uppercase();
        if is_reserved(&upper) {
            return Err(NameError::Reserved);
        }
        if is_configuration(&upper) && !self.0.contains(&upper) { Err(NameError::Configuration) } else { Ok(()) }
    }
}

fn is_own(found: &Metadata) -> bool {
    let owner = found.uid();
    let is_ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    found.is_file() && is_ours && found.mode() & OTHERS_WRITE == 0 && found.len() <= ALLOWED_LEN_MAX
}

/// Whether a text of sorted lines contains this line. A binary search in the text itself needs no
/// index at startup.
fn has_line(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = text[..middle].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let end = text[start..].iter().position(|&b| b == b'\n').map_or(text.len(), |len| start + len);
        match text[start..end].cmp(wanted) {
            core::cmp::Ordering::Equal => return true,
            core::cmp::Ordering::Less => low = end + 1,
            core::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a10_the_lists_are_sorted_and_unique() {
        assert!(DECISIVE.is_sorted_by(|a, b| a < b), "it is searched by halves");
        let mut names = LISTED.lines().skip_while(|line| line.starts_with('#'));
        assert!(names.clone().is_sorted_by(|a, b| a < b), "it is searched by halves");
        let is_name =
            |name: &str| name.len() >= 2 && name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        assert_eq!(names.find(|name| !is_name(name) || name.starts_with(|c: char| c.is_ascii_digit())), None);
        assert!(LISTED.lines().count() > 3000 && LISTED.ends_with('\n'), "it is not what the script makes");
    }

    #[test]
    fn a10_every_line_is_found_and_no_other() {
        for name in LISTED.lines() {
            assert!(has_line(LISTED, name), "{name}");
            for other in [&format!("{name}0"), &name[1..], "", "~"] {
                assert_eq!(has_line(LISTED, other), LISTED.lines().any(|line| line == other), "{other}");
            }
        }
        for (text, wanted) in [("", "a"), ("a", "b"), ("b", "a"), ("a\n", ""), ("a\nc\n", "b")] {
            assert!(!has_line(text, wanted));
        }
        assert!(has_line("a", "a") && has_line("a\nb", "b") && has_line("a\nb\n", "b"));
    }

    #[test]
    fn a10_configuration_is_refused_and_credentials_pass() {
        let allowed = Allowed::default();
        for name in [
            "LESSOPEN",
            "lessopen",
            "MAKEFLAGS",
            "_JAVA_OPTIONS",
            "VIMINIT",
            "SSH_ASKPASS",
            "RSYNC_RSH",
            "GIT_DIR",
            "SSLKEYLOGFILE",
        ] {
            assert_eq!(allowed.check(name), Err(NameError::Reserved), "{name}");
        }
        for name in [
            "GREP_COLORS",
            "https_proxy",
            "LS_COLORS",
            "PGHOST",
            "AWS_CONFIG_FILE",
            "GIT_TRACE",
            "PERLDB_OPTS",
            "GODEBUG",
            "DOCKER_TLS_VERIFY",
        ] {
            assert_eq!(allowed.check(name), Err(NameError::Configuration), "{name}");
        }
        for name in [
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "AZURE_ACCOUNT_NAME",
            "MINIO_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "GITHUB_TOKEN",
            "RESTIC_PASSWORD",
            "OPENAI_API_KEY",
            "MYSQL_PWD",
        ] {
            assert_eq!(allowed.check(name), Ok(()), "{name}");
        }
        for name in ["NODE_ENV", "LOG_LEVEL", "DATABASE_URL", "PORT", "MYAPP_SETTING", "DB_URL", "OTHER"] {
            assert_eq!(allowed.check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a10_a_machine_allows_names_in_a_file_of_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("allowed-names");
        assert!(Allowed::load(&path).is_ok_and(|allowed| allowed.0.is_empty()));
        fs::write(&path, "# for the proxy\nHTTPS_PROXY  # of the site\n\ngrep_colors\nLESSOPEN\n").expect("room");
        let set_mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        set_mode(0o644);
        let allowed = Allowed::load(&path).expect("it is ours");
        assert_eq!(allowed.check("HTTPS_PROXY"), Ok(()));
        assert_eq!(allowed.check("GREP_COLORS"), Ok(()));
        assert_eq!(allowed.check("PGHOST"), Err(NameError::Configuration));
        assert_eq!(allowed.check("LESSOPEN"), Err(NameError::Reserved), "what decides stays refused");
        for mode in [0o664, 0o646, 0o666] {
            set_mode(mode);
            assert_eq!(Allowed::load(&path).err(), Some(NameError::AllowedNames), "{mode:o}");
        }
        set_mode(0o644);
        symlink(&path, dir.path().join("link")).expect("room");
        for path in [dir.path(), &dir.path().join("link")] {
            assert_eq!(Allowed::load(path).err(), Some(NameError::AllowedNames));
        }
    }
}
