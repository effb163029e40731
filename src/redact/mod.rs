//! Ring 0: bytes in, bytes out. No I/O, clock, environment, thread, log or feature switch.

mod automaton;
pub mod build;
mod collide;
pub mod cover;
pub mod encoding;
pub mod finder;
pub mod mask;
pub mod message;
pub mod naive;
pub mod needle;
mod needle_list;
mod node_map;
pub(crate) mod ordinary;
mod part;
pub mod prefilter;
pub(crate) mod reach;
pub mod record;
pub mod redacted;
pub mod redactor;
pub mod region;
pub(crate) mod release;
mod scan;
pub mod secret;
mod tail;
pub mod text;
pub(crate) mod wiped;
