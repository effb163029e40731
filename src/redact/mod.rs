//! Ring 0: bytes in, bytes out. No I/O, clock, environment, thread, log or feature switch.

pub mod encoding;
pub mod mask;
pub mod naive;
pub mod needle;
mod ordinary;
mod part;
pub mod redactor;
pub mod secret;
