//! Base and overlay folders with their kustomizations and computed patches.
