//! What the proofs share: the oracles, the engines under test, and where inputs come from.
//!
//! The oracle is always equality, after every piece: what has been given out must be what the naive definition gives out,
//! so that a byte too late fails as a byte too early does. `fuzz/` includes this same directory.

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
pub mod target;
