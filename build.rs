//! Links the program at a fixed address on Linux with glibc.
//!
//! A program of this size without a fixed address has more than 50,000 pointers that the dynamic linker adapts at each start, which
//! takes longer than all of `pleach --version`. Hooks, editors and the tests start the program often.

use std::env::var;

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo describes the target in variables of the environment"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let linux_with_glibc = target("OS") == "linux" && target("ENV") == "gnu";
    // A static program has its own start-up files, which `rustc` selects.
    let is_static = target("FEATURE").split(',').any(|it| it == "crt-static");
    if linux_with_glibc && !is_static {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
