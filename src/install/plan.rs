//! The plan: the files that a machine needs, given its init system and shells.

use std::sync::Arc;

use rustix::fs::FileType;

use super::root::{self, Root};
use super::step::{Change, Step};

const UNIT: &str = include_str!("../../packaging/systemd/hushlog-boot.service");
const SERVICE: &str = include_str!("../../packaging/systemd/service.conf");
const USER_ENVIRONMENT: &str = include_str!("../../packaging/systemd/user-environment");
const PROFILE: &str = include_str!("../../packaging/shell/profile.sh");
const BLOCK: &str = include_str!("../../packaging/shell/block.sh");
const FISH: &str = include_str!("../../packaging/shell/hushlog.fish");
const OPENRC: &str = include_str!("../../packaging/openrc/hushlog-boot");
const SYSV: &str = include_str!("../../packaging/sysv/hushlog-boot");
const INITTAB: &str = include_str!("../../packaging/sysv/inittab");

/// The placeholder of the command in these files.
const COMMAND: &str = "@BOOT@";

/// The init system of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// systemd.
    Systemd,
    /// OpenRC.
    Openrc,
    /// BusyBox, by `/etc/inittab`.
    Busybox,
    /// System V init, by links in `/etc/rcS.d`.
    Sysv,
}

/// The requested installation.
#[derive(Debug)]
pub struct Setup {
    /// The root of the machine.
    pub root: Arc<Root>,
    /// The init system; none to detect it.
    pub init: Option<Init>,
    /// The command that creates the session, word by word.
    pub command: Vec<String>,
    /// The services that get the variables, by name.
    pub services: Vec<String>,
    /// The directories that the boot step of systemd may write file targets to.
    pub file_directories: Vec<String>,
}

/// Why a setup has no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// A word of the command would need quotes, and their syntax differs between the files.
    #[error(
        "a path or name for the boot command contains a character other than letters, digits and / . _ - + @ : , ="
    )]
    Word,
    /// A service's name is no valid name of a unit.
    #[error("the name of a service contains a character other than letters, digits and . _ - @ :")]
    Service,
    /// A directory for file targets is not absolute, or would need quotes.
    #[error(
        "a directory of --files-in is not absolute, or contains a character other than letters, digits and / . _ - + @ ,"
    )]
    FileDirectory,
    /// Only services of systemd can be given the variables.
    #[error("only systemd services can get the variables")]
    NotSystemd,
    /// No known init system was found.
    #[error("no init system found: neither systemd, OpenRC, BusyBox nor System V init")]
    NoInit,
}

impl Setup {
    /// All steps, in order.
    ///
    /// # Errors
    ///
    /// When the setup is impossible on this machine. Nothing was changed.
    pub fn steps(&self) -> Result<Vec<Step>, SetupError> {
        let is_plain = |word: &String| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c))
        };
        if !self.command.iter().all(is_plain) {
            return Err(SetupError::Word);
        }
        let mut steps = match self.init.or_else(|| self.found()).ok_or(SetupError::NoInit)? {
            Init::Systemd => self.systemd()?,
            _ if !self.services.is_empty() => return Err(SetupError::NotSystemd),
            Init::Openrc => vec![
                self.file("etc/init.d/hushlog-boot", 0o755, OPENRC),
                self.link("etc/runlevels/boot/hushlog-boot", "/etc/init.d/hushlog-boot"),
            ],
            Init::Busybox => vec![self.step("etc/inittab", Change::BlockBehind("::sysinit:", self.filled(INITTAB)))],
            Init::Sysv => vec![
                self.file("etc/init.d/hushlog-boot", 0o755, SYSV),
                self.link("etc/rcS.d/S20hushlog-boot", "../init.d/hushlog-boot"),
            ],
        };
        steps.extend(self.shells());
        Ok(steps)
    }

    /// The steps that undo every possible installation, independently of the current init system.
    pub fn undo(&self) -> Vec<Step> {
        let files = [
            "etc/systemd/system/basic.target.wants/hushlog-boot.service",
            "etc/systemd/system/hushlog-boot.service",
            "etc/systemd/user-environment-generators/50-hushlog",
            "etc/runlevels/boot/hushlog-boot",
            "etc/rcS.d/S20hushlog-boot",
            "etc/init.d/hushlog-boot",
            "etc/profile.d/hushlog.sh",
            "etc/fish/conf.d/hushlog.fish",
        ];
        let blocks = ["etc/inittab", "etc/bash.bashrc", "etc/bashrc", "etc/zsh/zshenv"];
        let mut steps: Vec<Step> = self.drop_ins().into_iter().map(|path| self.step(&path, Change::Removed)).collect();
        steps.extend(files.iter().map(|path| self.step(path, Change::Removed)));
        steps.extend(blocks.iter().map(|path| self.step(path, Change::NoBlock)));
        steps
    }

    /// The init system, detected by its files.
    fn found(&self) -> Option<Init> {
        let has = |path: &str| self.root.has(path);
        let inittab = self.root.find("etc/inittab").and_then(|(dir, name)| root::text(&dir, &name));
        let inittab = inittab.ok().flatten().unwrap_or_default();
        // Several init systems may be installed. On the running machine, the one in use is known.
        let systemd = if self.root.is_own() { "run/systemd/system" } else { "etc/systemd/system" };
        if has(systemd) {
            Some(Init::Systemd)
        } else if has("etc/runlevels") {
            Some(Init::Openrc)
        } else if inittab.contains("::sysinit:/") {
            Some(Init::Busybox)
        } else {
            has("etc/rcS.d").then_some(Init::Sysv)
        }
    }

    /// The unit of the boot step. It may write to no directory but those that it is given.
    fn unit(&self) -> Result<String, SetupError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,".contains(c);
        if !self.file_directories.iter().all(|path| path.starts_with('/') && path.chars().all(is_plain)) {
            return Err(SetupError::FileDirectory);
        }
        if self.file_directories.is_empty() {
            return Ok(UNIT.to_owned());
        }
        // A directory may belong to any user.
        let unit = UNIT.replace("CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_DAC_OVERRIDE ");
        let paths: String = self.file_directories.iter().map(|path| format!("ReadWritePaths=-{path}\n")).collect();
        Ok(unit.replace("ReadWritePaths=/run\n", &format!("ReadWritePaths=/run\n{paths}")))
    }

    fn systemd(&self) -> Result<Vec<Step>, SetupError> {
        let mut steps = vec![
            self.file("etc/systemd/system/hushlog-boot.service", 0o644, &self.unit()?),
            self.link("etc/systemd/system/basic.target.wants/hushlog-boot.service", "../hushlog-boot.service"),
            self.file("etc/systemd/user-environment-generators/50-hushlog", 0o755, USER_ENVIRONMENT),
        ];
        for service in &self.services {
            let name = service.strip_suffix(".service").unwrap_or(service);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
                return Err(SetupError::Service);
            }
            steps.push(self.file(&format!("etc/systemd/system/{name}.service.d/hushlog.conf"), 0o644, SERVICE));
        }
        Ok(steps)
    }

    /// The drop-ins of all services.
    fn drop_ins(&self) -> Vec<String> {
        let units = self.root.names("etc/systemd/system").into_iter();
        let names = units.filter_map(|unit| unit.into_string().ok());
        let of_services = names.filter(|name| name.ends_with(".service.d"));
        let paths = of_services.map(|name| format!("etc/systemd/system/{name}/hushlog.conf"));
        paths.filter(|path| self.root.has(path)).collect()
    }

    /// The steps for the installed shells.
    fn shells(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.root.is("etc/profile.d", FileType::Directory) {
            steps.push(self.file("etc/profile.d/hushlog.sh", 0o644, PROFILE));
        }
        if self.root.is("etc/fish/conf.d", FileType::Directory) {
            steps.push(self.file("etc/fish/conf.d/hushlog.fish", 0o644, FISH));
        }
        // At the beginning, because shells that are not interactive skip the rest.
        for path in ["etc/bash.bashrc", "etc/bashrc", "etc/zsh/zshenv"] {
            if self.root.is(path, FileType::RegularFile) {
                steps.push(self.step(path, Change::BlockFirst(BLOCK.to_owned())));
            }
        }
        steps
    }

    fn filled(&self, text: &str) -> String {
        text.replace(COMMAND, &self.command.join(" "))
    }

    fn file(&self, path: &str, mode: u32, text: &str) -> Step {
        self.step(path, Change::File(mode, self.filled(text)))
    }

    fn link(&self, path: &str, target: &str) -> Step {
        self.step(path, Change::Link(target.into()))
    }

    fn step(&self, path: &str, change: Change) -> Step {
        Step { root: Arc::clone(&self.root), shown: self.root.path(path), path: path.to_owned(), change }
    }
}
