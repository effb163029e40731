//! The manual, a page a module. There is no code in it.

pub mod design;
pub mod embedding;
pub mod forms;
pub mod guard;
pub mod languages;
pub mod operating;
pub mod program;
pub mod registry;
pub mod run;
pub mod scope;
pub mod scrub;
pub mod sessions;
pub mod shippers;
pub mod sidecar;
pub mod threat_model;
pub mod tuning;
pub mod which;
