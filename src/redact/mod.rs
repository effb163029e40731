//! Ring 0: bytes in, bytes out. No I/O, clock, environment, thread, log or feature switch.

mod automaton;
pub mod build;
pub mod encoding;
pub mod finder;
pub mod json_escape;
pub mod mask;
mod mask_conflict;
pub mod message;
pub mod naive;
pub mod needle;
mod needle_list;
mod node_map;
pub(crate) mod ordinary;
pub mod overlay;
mod part;
pub mod prefilter;
pub(crate) mod reach;
pub mod record;
pub mod redacted;
pub mod redactor;
pub mod region;
pub(crate) mod release;
mod resume;
mod scan;
pub mod secret;
pub mod text;
pub(crate) mod wiped;
