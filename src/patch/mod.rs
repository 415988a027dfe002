//! Strategic merge and JSON 6902 as kustomize applies them, and the patch between two objects.

mod lists;
mod strategic;

pub use strategic::{Applied, strategic};
