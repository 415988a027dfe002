//! All integration tests, one binary.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

mod patch;
mod yaml_peers;
