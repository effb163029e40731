//! Makes the included code use loom's locks and atomics, and nothing else of the tree.

fn main() {
    println!("cargo:rustc-cfg=hushlog_loom");
}
