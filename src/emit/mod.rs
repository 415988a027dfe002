//! The product's way out: a tree against the tree that stands.
