//! The features of the language server, one file each: pure functions of the workspace and a location in a file.
//!
//! Locations are byte offsets; [`text`] converts them to positions of the Language Server Protocol. Messages, threads and
//! scheduling are in `cli/lsp`. Nothing here writes a file.

mod code_action;
mod completion;
mod cursor;
mod definition;
mod diagnostics;
mod files;
mod hover;
mod index;
mod lens;
mod reference;
mod rename;
mod rendered;
mod state;
pub mod text;
mod values;

pub use code_action::{Action, actions};
pub use completion::{Item, ItemKind, completion};
pub use definition::{Target, definition, implementation, references};
pub use diagnostics::diagnostics;
pub use files::{CachedFiles, Snapshot};
pub use hover::{Hover, hover};
pub use index::{environment_of, is_claim_file};
pub use lens::{Lens, lenses};
pub use rename::{RenameEdits, prepare_rename, rename};
pub use rendered::{ClaimAt, SCHEME, claim_at, content, difference, rendered};
pub use state::Workspace;
