//! Leaves the tables for unwinding out of the release program: 5% of its size.
//!
//! A panic aborts it, so only a backtrace would read them, and a program without symbols shows that
//! as bare addresses. The message of the panic still names its file and line. A program without the
//! tables that does unwind, such as one of `cargo test --release`, aborts. All other profiles keep
//! them: for debuggers and profilers, and for the library that catches panics.
//!
//! `-C force-unwind-tables=no` would do the same for all of it but the standard library; a manifest
//! cannot set it. The linker script works with GNU ld and LLD: `INSERT` adds it to their own.

use std::path::{Path, PathBuf};
use std::{env, fs};

const SCRIPT: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } \
                      INSERT AFTER .text;\n";

pub(crate) fn leave_out() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // Cargo does not name the profile: PROFILE is the one that it inherits from.
    let profile = out.ancestors().nth(3).and_then(Path::file_name);
    let is_gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if profile.is_none_or(|profile| profile != "release") || !is("DEBUG", "false") || !is_gnu {
        return;
    }
    let script = out.join("unwind.ld");
    fs::write(&script, SCRIPT).expect("cargo made the directory");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
}
