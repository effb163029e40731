//! The boot of the machine: its id, which differs each time the machine starts.

use std::fs;

/// The id of the current boot. Empty if the system does not report one.
pub fn id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
