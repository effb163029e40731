//! Log files that were written already: scrubbed in place, or written anew.
#![cfg(target_os = "linux")]

mod file;
mod pen;

pub use pen::{Pen, PenError};
