//! Random inputs compared with the real controllers. Each test needs a program of `tools/`: run them with `--ignored`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests run a program and report"
)]

mod application_sets;
mod applications;
mod chance;
mod json;
mod kustomizations;
mod objects;
mod patterns;
mod releases;
