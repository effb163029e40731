//! The companion: secrets, and the names under which they are exported.

pub mod name;
