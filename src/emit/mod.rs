//! Plans the writes and deletes that bring the output folder up to date.
//!
//! There is no manifest file. Each generated file says so in its first line, so branches that touch different claims
//! don't conflict. Nothing here touches a disk; `disk` carries the plan out.

mod earlier;
mod ownership;
mod plan;

pub use earlier::earlier_tree;
pub use ownership::{Ownership, origin, ownership, same_but_for_line_ends, sign};
pub use plan::{Change, Plan, Step, plan};
