//! From secrets to programs: what a child process is given, and how its output is redacted.

#[cfg(target_os = "linux")]
pub mod child;
