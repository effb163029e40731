//! Tuning.
//!
//! - Build one set, and share it: building is the larger cost. It grows with the number of secrets,
//!   times 16 needles for a key of letters and digits, and some 30 for a password with marks in it.
//! - Large pieces are cheaper than small ones. From 64 KiB on nothing is gained.
//! - Slices of the input that hold nothing come out from where they lie: pass them on as they are,
//!   with vectored writes.
//! - Without encodings ([`NeedleSetBuilder::encodings`](crate::NeedleSetBuilder::encodings)) a set
//!   has as many needles as secrets.
//! - Short secrets (under 8 bytes) cost speed, since less text can be skipped.
