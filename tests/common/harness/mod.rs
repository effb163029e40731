//! Shared by the proofs: the oracles, the engines under test, and the sources of inputs.
//!
//! The oracle is always equality, after every piece. The output must equal the naive definition's,
//! so that a byte that is late fails like one that is early. `fuzz/` includes this same directory.

#![allow(dead_code, unreachable_pub, reason = "each test program, and each fuzz target, uses its own part of it")]

pub mod adapter;
#[cfg(feature = "tokio")]
pub mod async_adapter;
pub mod canary;
pub mod case;
pub mod check;
pub mod container;
pub mod corpus;
pub mod cuts;
pub mod dense;
pub mod engine;
pub mod expected;
pub mod lines;
pub mod masking;
pub mod model;
pub mod record;
pub mod regions;
pub mod rng;
pub mod scenario;
pub mod settings;
pub mod target;
