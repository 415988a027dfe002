//! The writers.
//!
//! The claims form has rules of its own. The build form and the kyaml form are what Go's YAML libraries print, versions 2 and 3:
//! `text` finds what styles a text allows, `printer` writes it in one, `value` finds what kustomize makes of a value, and the forms wish for a style and lay values out.

mod alike;
mod build;
mod claims;
mod comments;
mod kyaml;
mod number;
mod order;
mod printer;
mod text;
mod value;

pub use alike::builds_alike;
pub use build::to_build_form;
pub use claims::{is_block_text, is_plain, to_claims_form};
pub use kyaml::{to_kyaml_form, to_kyaml_value_form, to_written_form};
