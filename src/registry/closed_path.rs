//! Paths that no file target may have: those from which programs take code, configuration or trust,
//! so that a file there takes over the machine or an account.
//!
//! The list cannot be complete. `boot` does more against a hostile path: it replaces no file that
//! it did not write, follows no link, and gives no file a bit for execution or for other users.

/// Directories that are closed with everything below them.
const DIRECTORIES: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/efi",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/lost+found",
    "/nix",
    "/proc",
    "/run/dbus",
    "/run/hushlog",
    "/run/initramfs",
    "/run/systemd",
    "/run/udev",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var/cache",
    "/var/lib/AccountsService",
    "/var/lib/NetworkManager",
    "/var/lib/apt",
    "/var/lib/cloud",
    "/var/lib/dbus",
    "/var/lib/dpkg",
    "/var/lib/flatpak",
    "/var/lib/hushlog",
    "/var/lib/pacman",
    "/var/lib/pam",
    "/var/lib/polkit-1",
    "/var/lib/rpm",
    "/var/lib/snapd",
    "/var/lib/sudo",
    "/var/lib/systemd",
    "/var/lib/ucf",
    "/var/spool",
];

/// Directories of `/etc` that are open although they are below a closed one.
const OPEN: &[&str] = &["/etc/ssl/private", "/etc/pki/tls/private"];

/// Directories of `/etc` that the system reads. A name that begins with one of [`ETC_PREFIXES`], or
/// ends in `.d`, needs no line.
const ETC: &[&str] = &[
    "NetworkManager",
    "PackageKit",
    "X11",
    "acpi",
    "alternatives",
    "apk",
    "apparmor",
    "apport",
    "apt",
    "audit",
    "authselect",
    "avahi",
    "bluetooth",
    "byobu",
    "ca-certificates",
    "chrony",
    "cloud",
    "conf.d",
    "containerd",
    "containers",
    "crypttab",
    "cups",
    "dbus-1",
    "dconf",
    "default",
    "dhcp",
    "dkms",
    "dnf",
    "docker",
    "dpkg",
    "dracut",
    "emacs",
    "fish",
    "fonts",
    "fwupd",
    "gdm",
    "gdm3",
    "gss",
    "gtk-3.0",
    "hushlog",
    "ifplugd",
    "init",
    "initcpio",
    "initramfs-tools",
    "iproute2",
    "kernel",
    "ld.so",
    "libnl-3",
    "lightdm",
    "lvm",
    "mdadm",
    "multipath",
    "netplan",
    "network",
    "networkd-dispatcher",
    "nix",
    "openvpn",
    "pacman",
    "perl",
    "pkcs11",
    "pki",
    "pm",
    "polkit-1",
    "ppp",
    "profile",
    "pulse",
    "resolvconf",
    "rpm",
    "runit",
    "runlevels",
    "s6",
    "sddm",
    "security",
    "selinux",
    "skel",
    "ssh",
    "ssl",
    "sssd",
    "sv",
    "sysconfig",
    "terminfo",
    "tuned",
    "ubuntu-advantage",
    "udev",
    "udisks2",
    "ufw",
    "vim",
    "wpa_supplicant",
    "xdg",
    "yum",
    "zsh",
    "zypp",
];

/// Prefixes of closed names in `/etc`.
const ETC_PREFIXES: &[&str] = &["cron", "python", "rc", "systemd"];

/// Names that are closed wherever they are: files that programs read on their own, and directories
/// of them.
const NAMES: &[&str] = &[
    ".Renviron",
    ".Rprofile",
    ".bash_aliases",
    ".bash_completion",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".bazelrc",
    ".cshrc",
    ".curlrc",
    ".direnvrc",
    ".emacs",
    ".emacs.d",
    ".envrc",
    ".exrc",
    ".fishrc",
    ".forward",
    ".gdbinit",
    ".git",
    ".gitattributes",
    ".gitconfig",
    ".gnupg",
    ".guile",
    ".gvimrc",
    ".hg",
    ".hgrc",
    ".husky",
    ".inputrc",
    ".irbrc",
    ".k5login",
    ".k5users",
    ".kshrc",
    ".lessfilter",
    ".lesskey",
    ".lldbinit",
    ".login",
    ".logout",
    ".mailcap",
    ".mkshrc",
    ".muttrc",
    ".octaverc",
    ".pam_environment",
    ".perldb",
    ".procmailrc",
    ".profile",
    ".pryrc",
    ".pythonrc",
    ".pythonstartup",
    ".rhosts",
    ".screenrc",
    ".shosts",
    ".shrc",
    ".ssh",
    ".subversion",
    ".svn",
    ".tcshrc",
    ".tmux.conf",
    ".vim",
    ".viminfo",
    ".vimrc",
    ".wgetrc",
    ".xinitrc",
    ".xprofile",
    ".xserverrc",
    ".xsession",
    ".xsessionrc",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "authorized_keys",
    "authorized_keys2",
    "crontabs",
    "dist-packages",
    "node_modules",
    "site-packages",
];

/// Directories below `~/.config` that programs take commands from.
const CONFIG: &[&str] = &[
    "autostart",
    "environment.d",
    "fish",
    "git",
    "hushlog",
    "i3",
    "nvim",
    "pip",
    "plasma-workspace",
    "powershell",
    "sway",
    "systemd",
    "tmux",
    "user-dirs.dirs",
    "vim",
    "xonsh",
    "zsh",
];

/// Directories of hidden ones that hold programs, libraries or what starts them.
const HIDDEN: &[(&str, &[&str])] = &[
    (".cargo", &["bin", "config", "config.toml", "env"]),
    (".config", CONFIG),
    (".local", &["bin", "lib", "libexec", "share"]),
];

/// Endings of programs, libraries and units.
const ENDINGS: &[&str] = &[
    "automount",
    "bash",
    "cjs",
    "class",
    "csh",
    "desktop",
    "dll",
    "elf",
    "exe",
    "fish",
    "jar",
    "js",
    "ko",
    "ksh",
    "lua",
    "mjs",
    "mount",
    "path",
    "php",
    "pl",
    "pm",
    "pth",
    "py",
    "pyc",
    "rb",
    "rules",
    "service",
    "sh",
    "slice",
    "so",
    "socket",
    "swap",
    "target",
    "timer",
    "ts",
    "war",
    "wasm",
    "zsh",
];

/// Whether programs take code, configuration or trust from this path: an absolute path, or one that
/// begins with `~/`, without `.` and `..`.
pub(super) fn is_closed(path: &str) -> bool {
    if OPEN.iter().any(|open| is_below(path, open)) {
        return ends_as_program(path);
    }
    DIRECTORIES.iter().any(|closed| path == *closed || is_below(path, closed))
        || is_of_system(path)
        || has_closed_name(path)
        || ends_as_program(path)
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// A file at the top or in `/etc` itself, or in a directory of `/etc` that the system reads.
fn is_of_system(path: &str) -> bool {
    if is_below(path, "/etc") && path.split('/').any(|part| part.ends_with(".d")) {
        return true;
    }
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(_), None, _) | (Some(""), Some("etc"), Some(_), None) => true,
        (Some(""), Some("etc"), Some(directory), Some(_)) => {
            ETC.binary_search(&directory).is_ok() || ETC_PREFIXES.iter().any(|prefix| directory.starts_with(prefix))
        }
        _ => false,
    }
}

fn has_closed_name(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_hidden = |pair: &[&str]| HIDDEN.iter().any(|(name, below)| pair[0] == *name && below.contains(&pair[1]));
    parts.iter().any(|part| NAMES.binary_search(part).is_ok()) || parts.windows(2).any(is_hidden)
}

/// A library may have its version behind the ending: `libx.so.1`.
fn ends_as_program(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let last = name.rsplit('.').next().filter(|ending| *ending != name).unwrap_or_default();
    ENDINGS.binary_search(&last.to_ascii_lowercase().as_str()).is_ok() || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        for list in [DIRECTORIES, ETC, ETC_PREFIXES, NAMES, CONFIG, ENDINGS] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }

    #[test]
    fn paths_that_take_a_machine_or_an_account_over_are_closed() {
        for path in [
            "/etc/ld.so.preload",
            "/etc/passwd",
            "/etc/sudoers.d/x",
            "/etc/cron.hourly/x",
            "/etc/rc.local",
            "/etc/rcS.d/x",
            "/etc/profile.d/x.sh",
            "/etc/ssh/sshd_config.d/x.conf",
            "/etc/ssl/openssl.cnf",
            "/etc/nginx/conf.d/x.conf",
            "/etc/hushlog/allowed-names",
            "/etc/systemd/system/x.service",
            "/usr/local/bin/x",
            "/usr/lib/python3/dist-packages/x.pth",
            "/lib/modules/x",
            "/proc/sys/kernel/core_pattern",
            "/var/spool/cron/crontabs/root",
            "/root/.ssh/authorized_keys",
            "/home/u/.bashrc",
            "/home/u/.config/systemd/user/x.service",
            "/srv/git/app/.git/hooks/post-checkout",
            "/srv/app/lib/x.so",
            "/srv/app/lib/libx.so.1",
            "/srv/app/node_modules/a/b",
            "/initrd",
            "~/.profile",
            "~/.ssh/config",
            "~/.local/bin/x",
            "~/.config/git/config",
            "~/.config/autostart/x.desktop",
        ] {
            assert!(is_closed(path), "{path}");
        }
    }

    #[test]
    fn paths_of_credentials_are_open() {
        for path in [
            "/etc/myapp/key",
            "/etc/myapp/tls/key.pem",
            "/etc/postgresql/16/main/server.key",
            "/etc/nginx/ssl/site.key",
            "/etc/ssl/private/site.key",
            "/run/myapp/token",
            "/srv/app/secrets/db.json",
            "/opt/app/.env",
            "/var/lib/postgresql/.pgpass",
            "/home/u/.netrc",
            "~/.aws/credentials",
            "~/.config/gh/hosts.yml",
            "~/.docker/config.json",
            "~/.pgpass",
            "~/.kube/config",
            "~/token",
        ] {
            assert!(!is_closed(path), "{path}");
        }
    }
}
