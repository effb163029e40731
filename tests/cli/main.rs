//! The command line, its messages, and the packaging.

#[path = "../common/harness/mod.rs"]
mod harness;
#[path = "../common/program/mod.rs"]
mod program;

mod check;
mod commands;
mod credential_files;
mod credential_formats;
mod diagnostics;
mod examples;
mod explain;
mod faults;
mod files;
mod filter;
mod home;
mod inputs;
mod logs;
mod manual;
mod messages;
mod outputs;
mod packaging;
mod picture;
mod selection;
mod sessions;
mod settings;
mod stream_faults;
mod table;
mod tidy;
mod transcripts;
