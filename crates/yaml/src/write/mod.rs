//! The writers.
//!
//! The claims form has its own rules. The build form and the kyaml form are those of go-yaml, versions 2 and 3: `text` determines
//! the styles that a text allows, `printer` writes it in a style, `value` computes the effect of kustomize on a value, and the
//! forms choose a style and the layout.

mod equality;
mod build;
mod claims;
mod comments;
mod json_round_trip;
mod kyaml;
mod number;
mod order;
mod printer;
mod text;
mod value;

pub use build::{emit_kustomize, emit_sigs_yaml};
pub use claims::{emit_canonical, is_block_text, is_plain};
pub use equality::builds_alike;
pub use json_round_trip::json_round_trip;
pub use kyaml::{emit_as_written, emit_go_yaml_v3, emit_kyaml, emit_kyaml_value};
pub use number::float_general;
pub use text::is_yaml_1_1_non_string;
