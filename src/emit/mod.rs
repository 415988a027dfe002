//! The product's way out: a tree against the tree that stands.
//!
//! There is no manifest: which files are ours stands in each file's first line, so branches that touch different claims
//! don't conflict. Nothing here touches a disk; `disk` carries the plan out.

mod ownership;
mod plan;

pub use ownership::{Ownership, origin, ownership, sign};
pub use plan::{Change, Plan, Step, plan};
