//! Manifests of other origin that the sync engine applies together with the rendered ones.

use memchr::memmem;

use super::ownership::{Ownership, ownership};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::Output;
use crate::tree::{Tree, TreePath};

/// The folder that `flux bootstrap` writes.
const BOOTSTRAP: &str = "flux-system";

/// The comment in a file that is meant to be there.
const ALLOWED: &[u8] = b"pleach: allow[unchecked-file]";

/// Warnings about YAML files in the folders of clusters that pleach did not create. The sync engine applies all files of such a folder,
/// but only rendered objects are checked and compared. `folder` is the path of the output folder. Warning: `unchecked-file`.
pub fn unchecked_files(existing: &Tree, folder: &TreePath) -> Diagnostics {
    let is_yaml = |path: &TreePath| [".yaml", ".yml"].iter().any(|it| path.name().ends_with(it));
    let unchecked = existing.iter().filter(|(path, bytes)| {
        Output::is_of_cluster(path)
            && is_yaml(path)
            && !path.parts().any(|it| it == BOOTSTRAP)
            && ownership(path, bytes) == Ownership::Foreign
            && memmem::find(bytes, ALLOWED).is_none()
    });
    let warning = |path: &TreePath| {
        let message = format!("`{path}` is applied, but not checked: pleach did not render it");
        let start = Span::of_file(&folder.join(path));
        let warning = Diagnostic::warning("unchecked-file", message).at(start);
        warning.help("move its objects to the environment's folder below `overlays/`, or add `# pleach: allow[unchecked-file] REASON`")
    };
    unchecked.map(|(path, _)| warning(path)).collect()
}
