//! The system call of a thread that waits for the guard, from `/proc`.
//!
//! The kernel announces a read with its range where it announces writes and the file has readers.
//! Otherwise the guard reads the call's own arguments: a waiting thread cannot change them.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Room for a call's number and arguments, in bytes.
const CALL_LEN_MAX: usize = 256;
/// Room for the first lines of a `fdinfo` file, in bytes.
const INFO_LEN_MAX: usize = 512;
/// The number of threads with `/proc` files kept open.
const THREADS_MAX: usize = 16;

/// The numbers of the calls that map a file, including those of 32-bit programs.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64", target_arch = "s390x"))]
const MAPS: [u64; 2] = [libc::SYS_mmap as u64, 192];

/// The calls of the most recent threads, and their descriptors.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<(i32, File)>,
    positions: Vec<((i32, u64), File)>,
}

impl Calls {
    /// Whether this thread maps a file; true if unknown.
    pub(super) fn maps(&mut self, thread: i32) -> bool {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64", target_arch = "s390x"))]
        return self.call(thread).is_none_or(|call| MAPS.contains(&call[0]));
        #[cfg(not(any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "s390x"
        )))]
        true
    }

    /// The range of the file with this inode that a thread is about to read, if it makes one of the
    /// usual calls.
    pub(super) fn reads(&mut self, thread: i32, inode: u64) -> Option<Range<u64>> {
        let [number, fd, _, len, offset, ..] = self.call(thread)?;
        // In 32-bit programs, no other call with these numbers reads a file.
        let start = match number {
            _ if number == libc::SYS_read as u64 => self.position(thread, fd, inode)?,
            _ if number == libc::SYS_pread64 as u64 && cfg!(target_pointer_width = "64") => offset,
            _ => return None,
        };
        Some(start..start.saturating_add(len))
    }

    /// The number and the arguments of the thread's current call.
    fn call(&mut self, thread: i32) -> Option<[u64; 7]> {
        if thread <= 0 {
            return None;
        }
        let path = || format!("/proc/{thread}/task/{thread}/syscall");
        kept(&mut self.calls, thread, path, call)
    }

    /// The position of a descriptor in the file with this inode.
    fn position(&mut self, thread: i32, fd: u64, inode: u64) -> Option<u64> {
        let path = || format!("/proc/{thread}/task/{thread}/fdinfo/{fd}");
        let (found, position) = kept(&mut self.positions, (thread, fd), path, position)?;
        (found == inode).then_some(position)
    }
}

/// Reads a file of `/proc`, kept open from the last time if possible.
fn kept<K: PartialEq, T>(
    files: &mut Vec<(K, File)>,
    key: K,
    path: impl Fn() -> String,
    read: impl Fn(&File) -> Option<T>,
) -> Option<T> {
    if let Some(at) = files.iter().position(|(known, _)| *known == key) {
        // For an ended thread the file gives an error, even if another thread has its number now.
        match read(&files[at].1) {
            Some(read) => return Some(read),
            None => drop(files.remove(at)),
        }
    }
    let file = File::open(path()).ok()?;
    let found = read(&file);
    if files.len() == THREADS_MAX {
        files.remove(0);
    }
    files.push((key, file));
    found
}

fn call(file: &File) -> Option<[u64; 7]> {
    let mut text = [0; CALL_LEN_MAX];
    let len = file.read_at(&mut text, 0).ok()?;
    parse(&text[..len])
}

/// Parses "0 0x3 0x7f9b919bd000 0x20000 ..."; or "running".
fn parse(text: &[u8]) -> Option<[u64; 7]> {
    let mut fields = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let mut call = [0; 7];
    call[0] = fields.next()?.parse().ok()?;
    for argument in &mut call[1..] {
        *argument = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(call)
}

/// The inode of the file, and the position in it.
fn position(file: &File) -> Option<(u64, u64)> {
    let mut text = [0; INFO_LEN_MAX];
    let len = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..len]).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok();
    Some((field("ino:")?, field("pos:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_as_the_kernel_writes_it() {
        let text = b"17 0x4 0x7ffc16ea9af0 0x64 0x1388 0x0 0x7f7fd6202740 0x7ffc16ea9a78 0x7f7fd62fb3d3\n";
        assert_eq!(parse(text), Some([17, 4, 0x7ffc_16ea_9af0, 0x64, 0x1388, 0, 0x7f7f_d620_2740]));
        assert_eq!(parse(b"running\n"), None);
        assert_eq!(parse(b"-1 0x7ffc16ea9a78 0x7f7fd62fb3d3\n"), None);
        assert!(Calls::default().maps(0) && Calls::default().reads(0, 1).is_none());
    }

    #[test]
    fn a_thread_that_waits_in_a_read_shows_its_call() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            std::io::Read::read(&mut &reader, &mut [0; 77]).unwrap();
        });
        let thread_number = told.recv().unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let mut calls = Calls::default();
        while calls.call(thread_number).is_none_or(|call| (call[0], call[3]) != (libc::SYS_read as u64, 77)) {
            assert!(std::time::Instant::now() < patience);
        }
        assert!(!calls.maps(thread_number));
        drop(writer);
        thread.join().unwrap();
    }
}
