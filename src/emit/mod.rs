//! Plans the writes and deletes that bring the output folder up to date.
//!
//! There is no manifest file: each generated file is marked in its first line, so branches that change different claims do not
//! conflict. Nothing is written here; `disk` executes the plan.

mod earlier;
mod unchecked;
mod ownership;
mod plan;

pub use earlier::earlier_tree;
pub use ownership::{Ownership, equal_except_line_endings, origin, ownership, sign};
pub use plan::{Change, Plan, Step, plan};
pub use unchecked::unchecked_files;
