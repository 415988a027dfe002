//! YAML: ordered nodes with byte spans, the reader, the writers, and paths into nodes.
//!
//! The reader follows the Go port of libyaml, which Flux, Argo CD and kustomize use. There are three writers with a common core for
//! scalars: the claims form (for the committed tree: keys in the given order, never folded), the build form (the output of
//! `kustomize build`) and the kyaml form (the output of kustomize's library). A node contains neither its form nor comments: only
//! for a document as written, the reader returns the comments of its nodes, and the kyaml form keeps them.

mod comment;
mod edit;
mod embedded;
mod float;
mod hex;
#[doc(hidden)]
pub mod literal;
mod mapping;
mod node;
mod path;
mod quoting;
mod read;
mod scalar;
mod text;
mod timestamp;
pub mod diag;
pub mod parallel;
pub mod tree;
mod write;

pub use comment::comment_above;
pub use edit::{remove_from_text, set_in_text};
pub use float::{FloatDigits, shortest_exponential};
pub use hex::hex;
pub use mapping::{Entry, KeyIndex, Mapping};
pub use node::{Node, Style, Tag, View};
pub use path::{FieldPath, Step};
pub use quoting::{quote, unquote};
pub use read::{
    Comments, Written, comments_around, duplicate_key, parse, parse_as_go_yaml_v2,
    parse_as_kustomize, parse_as_written, parse_one, parse_one_with_duplicates,
    parse_with_duplicates, parse_within, parse_within_as_go_yaml_v2,
};
pub use scalar::{Kind, resolve};
pub use text::{PLACEHOLDER_CLOSE, PLACEHOLDER_OPEN, is_reserved, text_source};
pub use write::{
    builds_alike, emit_as_written, emit_canonical, emit_go_yaml_v3, emit_kustomize, emit_kyaml,
    emit_kyaml_value, emit_sigs_yaml, float_general, is_block_text, is_plain,
    is_yaml_1_1_non_string, json_round_trip,
};
