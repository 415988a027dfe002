//! Strategic merge and JSON 6902 as kustomize applies them, and the patch between two objects.

mod between;
mod comments;
mod draft;
mod json6902;
mod lists;
mod operations;
mod same;
mod strategic;

pub(crate) use between::merge_key;
pub use between::{Patch, between};
pub(crate) use json6902::copy_size;
pub use json6902::{PatchText, json6902, json6902_in, parse_json6902, parse_patch};
pub use strategic::{Applied, strategic};
