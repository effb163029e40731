//! The long version: the build, and the search code that this machine gets.

use std::sync::LazyLock;

use hushlog::redact::prefilter::Variant;

/// The optional features of this build, besides those of every program.
const FEATURES: [(&str, bool); 4] = [
    ("ffi", cfg!(feature = "ffi")),
    ("log", cfg!(feature = "log")),
    ("tokio", cfg!(feature = "tokio")),
    ("tracing", cfg!(feature = "tracing")),
];

/// The version with the commit, the features, and the instructions that the search uses here.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(text);
    &LONG
}

fn text() -> String {
    let commit = option_env!("PACKAGE_COMMIT").map_or_else(String::new, |commit| format!(" (commit {commit})"));
    let features = ["compress", "guard", "registry", "sidecar"].into_iter();
    let features: Vec<&str> =
        features.chain(FEATURES.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name)).collect();
    let (version, search) = (env!("CARGO_PKG_VERSION"), Variant::Best.instructions());
    format!("{version}{commit}\nfeatures: {}\nsearch: {search}", features.join(" "))
}
