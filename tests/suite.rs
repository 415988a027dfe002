//! All integration tests, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests read case files, say why they are skipped, and fail by panic"
)]

mod yaml_conformance;
mod patch;
mod cases;
mod disk;
mod emit;
mod report;
mod yaml_faults;
mod yaml_laws;
mod yaml_peers;
