//! What an editor asks of a workspace, one file per feature: pure functions of the workspace and a place in a file.
//!
//! Places are bytes of a file's text; [`text`] has them as the Language Server Protocol counts. Messages, threads and the order of
//! things are the command's (`cli/lsp`). Nothing here writes a file.

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
pub use files::{Remembered, Snapshot};
pub use hover::{Hover, hover};
pub use index::{environment_of, is_claim_file};
pub use lens::{Lens, lenses};
pub use reference::Site;
pub use rename::{Change, prepare_rename, rename};
pub use rendered::{ClaimAt, SCHEME, claim_at, content, difference, rendered};
pub use state::Workspace;
