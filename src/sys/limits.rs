//! Limits of the process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open descriptors to the permitted maximum. A failure leaves the old limit.
pub(crate) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
