//! Mounts that are visible only to the test's own thread and its programs, and that always end with
//! it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{root, skipped, tool};

/// Gives the calling thread, and all programs and threads it starts later, a private mount
/// namespace. Reports it if that fails.
pub(crate) fn private() -> bool {
    if !root() {
        return false;
    }
    // SAFETY: only this thread's view of mounts changes. A thread that a test started before keeps
    // the old one.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    let private =
        unshared && Command::new("mount").args(["--make-rprivate", "/"]).status().is_ok_and(|status| status.success());
    if !private {
        skipped("mounts of its own");
    }
    private
}

/// A mount, until it is dropped.
pub(crate) struct Mount {
    point: PathBuf,
}

impl Mount {
    /// Runs `mount` with these arguments and the mount point. Returns `None`, and reports it, if
    /// that fails.
    pub(crate) fn new(args: &[&str], point: &Path) -> Option<Mount> {
        std::fs::create_dir_all(point).expect("room for a directory");
        let output = Command::new("mount").args(args).arg(point).output().expect("mount is everywhere");
        if !output.status.success() {
            skipped(&format!("mount {args:?}: {}", String::from_utf8_lossy(&output.stderr).trim()));
            return None;
        }
        Some(Mount { point: point.to_owned() })
    }

    /// The mount point.
    pub(crate) fn point(&self) -> &Path {
        &self.point
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazy: a program of a failed test may still use it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.point).status();
    }
}

/// A file system in a file.
pub(crate) struct Image {
    mount: Option<Mount>,
    image: PathBuf,
    point: PathBuf,
}

impl Image {
    /// Makes and mounts a file system of `mib` mebibytes. Returns `None`, and reports it, if that
    /// fails.
    pub(crate) fn new(kind: &str, mib: u64, scratch: &Path) -> Option<Image> {
        let maker = format!("mkfs.{kind}");
        if !super::installed(&[&maker]) {
            return None;
        }
        let image = scratch.join(format!("{kind}.image"));
        File::create(&image).expect("room for an image").set_len(mib << 20).expect("a sparse file");
        tool(&maker, [Path::new("-q"), &image]);
        let point = scratch.join(kind);
        let mut image = Image { mount: None, image, point };
        image.mount().then_some(image)
    }

    /// Mounts it again after an unmount.
    pub(crate) fn mount(&mut self) -> bool {
        let image = self.image.to_str().expect("a plain name");
        self.mount = Mount::new(&["-o", "loop", image], &self.point);
        self.mount.is_some()
    }

    /// The mount point.
    pub(crate) fn point(&self) -> &Path {
        &self.point
    }

    /// The file that holds it.
    pub(crate) fn path(&self) -> &Path {
        &self.image
    }

    /// Remounts the file system as it is on the disk after a power cut: unwritten data is lost, and
    /// so is the unwritten part of the file system's journal.
    pub(crate) fn cut_power(&mut self) {
        /// `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN` are the same.
        const SHUTDOWN: rustix::ioctl::Opcode = 0x8004_587d;
        const WITHOUT_FLUSHING_THE_LOG: u32 = 2;
        let root = File::open(&self.point).expect("it is mounted");
        // SAFETY: the call reads one 32-bit number, which is passed.
        let shut = unsafe {
            rustix::ioctl::ioctl(&root, rustix::ioctl::Setter::<SHUTDOWN, u32>::new(WITHOUT_FLUSHING_THE_LOG))
        };
        shut.expect("ext4 and xfs can");
        drop(root);
        self.unmount();
        assert!(self.mount(), "it cannot be mounted again");
    }

    /// Unmounts it, and so writes all surviving data to the image.
    pub(crate) fn unmount(&mut self) {
        let mount = self.mount.take().expect("it is mounted");
        // A killed program keeps its files open for another moment.
        let unmount = || Command::new("umount").arg(mount.point()).output().expect("umount is everywhere");
        let mut tries = (0..500).map(|_| {
            unmount().status.success() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(tries.any(|unmounted| unmounted), "it cannot be unmounted");
        drop(tries);
        std::mem::forget(mount);
    }

    /// Waits until all data is on the disk.
    pub(crate) fn sync(&self) {
        rustix::fs::syncfs(File::open(&self.point).expect("it is mounted")).expect("a disk that works");
    }
}
