//! Limits of the process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open descriptors as far as the process may. A failure leaves the old limit.
pub(crate) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
