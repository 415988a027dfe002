//! Strategic merge and JSON 6902 patches as in kustomize, and the computation of patches.

mod between;
mod comments;
mod draft;
mod json;
mod json6902;
mod lists;
mod lost;
mod operations;
mod same;
mod strategic;

pub use between::{Patch, between, merge_key};
pub use json6902::{
    PatchText, copy_size, json_key, json6902, json6902_in, parse_json6902, parse_patch,
    patch_as_yaml,
};
pub use same::set_emitted_form;
pub use strategic::{Applied, strategic, strategic_with_warnings};
