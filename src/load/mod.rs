//! Bytes to claims, claim kinds and environments.
