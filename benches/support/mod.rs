//! Shared code of the benches.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod cases;
pub(crate) mod clock;
pub(crate) mod contestants;
pub(crate) mod hyperscan;
pub(crate) mod oracle;
pub(crate) mod random;
pub(crate) mod secrets;
pub(crate) mod text;
