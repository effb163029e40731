//! Where secrets come from.

#[doc(hidden)]
pub mod dotenv;
