//! All integration tests, one binary.

mod yaml_peers;
