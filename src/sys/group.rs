//! Groups of users by name, from every database of the system: files, LDAP, systemd-homed.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// The initial and the maximum size of the buffer for the members of a group, in bytes. glibc
/// returns all members with the group, and an LDAP group may have thousands.
const BUFFER_LEN_MIN: usize = 4 << 10;
const BUFFER_LEN_MAX: usize = 16 << 20;

/// The id of a group, or `None` if no group has that name.
///
/// # Errors
///
/// When the databases cannot be read.
pub fn id(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let mut buffer: Vec<libc::c_char> = vec![0; BUFFER_LEN_MIN];
    loop {
        let mut group = MaybeUninit::<libc::group>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: the name ends with a NUL, the buffer has the given length, and all pointers are
        // valid for the call. It initialises `group` if it points `found` at it; only then is
        // `group` read.
        let (status, id) = unsafe {
            let (out, len) = (buffer.as_mut_ptr(), buffer.len());
            let status = libc::getgrnam_r(name.as_ptr(), group.as_mut_ptr(), out, len, &raw mut found);
            (status, if found.is_null() { None } else { Some(group.assume_init().gr_gid) })
        };
        match status {
            // Databases report a missing group in one of these ways.
            0 | libc::ENOENT | libc::ESRCH => return Ok(id),
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < BUFFER_LEN_MAX => buffer.resize(buffer.len() * 2, 0),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name_only() {
        assert_eq!(id("root").unwrap(), Some(0));
        for name in ["", "no-such-group-here", "ro\0ot", "0"] {
            assert_eq!(id(name).unwrap(), None, "{name:?}");
        }
    }
}
